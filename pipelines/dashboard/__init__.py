"""A web page over the enriched tables, read only: `python -m pipelines.dashboard`."""
