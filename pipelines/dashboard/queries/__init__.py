"""What the pages ask: one SELECT a question, from the smallest table that can answer it under the filters.

The aggregates know days, and either places or users. Where the reader chose what an aggregate does not hold,
the facts answer; both give the same numbers.
"""
