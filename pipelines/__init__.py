"""What is run: loading, enriching and checking an Anaplan tenant's audit log."""
