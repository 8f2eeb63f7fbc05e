"""The data dictionary: every table, its columns and their sources, on one page that needs no server."""
