"""The pages, one module each: a `show(filters)` that reads, draws, and lets the reader download."""
