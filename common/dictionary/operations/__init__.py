"""What a model computes: the entries of layers and functions, a file for each family."""
