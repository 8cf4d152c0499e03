"""A recipe on one framework or both: run, reproduce, validate."""
