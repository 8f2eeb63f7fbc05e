"""The pages, one module each, with a function `show(filters)` that reads and draws."""
