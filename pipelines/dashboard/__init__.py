"""A read-only web page over the enriched tables: `python -m pipelines.dashboard`."""
