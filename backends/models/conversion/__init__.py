"""What `convert` does with models of the user's own."""
