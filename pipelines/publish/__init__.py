"""Copies of the enriched tables for readers."""
