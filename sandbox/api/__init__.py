"""The HTTP answers of Anaplan's services."""
