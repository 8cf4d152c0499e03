"""What PyTorch's files share, and what each of their kinds has of its own."""
