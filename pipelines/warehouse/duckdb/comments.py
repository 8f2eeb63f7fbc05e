"""Where DuckDB and the engines that speak its SQL keep comments."""

# Table, column (empty for the table itself) and comment of a dataset.
CATALOGUE = """
select table_name, '', comment from duckdb_tables()
where database_name = current_database() and schema_name = %s
union all
select table_name, column_name, comment from duckdb_columns()
where database_name = current_database() and schema_name = %s and not internal
"""
