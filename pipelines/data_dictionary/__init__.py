"""The data dictionary: every table, its columns and what they are made from, as one page that needs no server."""
