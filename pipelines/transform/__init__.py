"""Runs the SQL models in the destination and checks the result."""
