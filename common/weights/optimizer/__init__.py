"""What optimizers keep, in files of either framework: read, carried and written in NumPy alone."""
