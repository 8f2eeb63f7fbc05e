"""The destination: everything that differs between engines."""
