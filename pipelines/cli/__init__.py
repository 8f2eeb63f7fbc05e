"""The commands: one module each, named after it. `main` lists them."""
