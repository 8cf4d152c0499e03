"""Models of anyone's: load, record, carry weights, align, convert."""
