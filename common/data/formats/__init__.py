"""Data files, one module a format, and what all of them share."""
