"""The command line: one module per command, named after it. `main` lists the commands. Only this package prints."""
