"""The queries of the pages: one SELECT each, from the smallest table that supports the chosen filters.

The aggregates contain days, and either places or users. If a filter needs a column that an aggregate does not have, the
query reads the facts; both give the same numbers.
"""
