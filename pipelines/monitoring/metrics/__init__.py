"""Metrics for monitoring: what is measured, and where it is written to."""
