"""The company that lives in the sandbox, and its events."""
