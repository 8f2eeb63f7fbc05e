"""A run: lock, record, steps, summary."""
