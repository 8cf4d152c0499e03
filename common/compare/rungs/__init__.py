"""The rungs of the ladder, each from two sides to rows."""
