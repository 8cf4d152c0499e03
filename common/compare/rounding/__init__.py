"""What rounding explains: measured on the model itself, or derived from the spec."""
