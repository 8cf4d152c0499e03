"""Two traces in, a verdict out."""
