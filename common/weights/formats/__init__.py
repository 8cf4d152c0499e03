"""Weight files, one module a format; nothing that a file says is run."""
