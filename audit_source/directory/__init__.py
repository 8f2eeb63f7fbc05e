"""The lists of the tenant: users, workspaces, models."""
