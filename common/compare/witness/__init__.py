"""A recipe's networks once more in NumPy: independent of both frameworks and of the dictionary."""
