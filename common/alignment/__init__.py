"""Any Paddle/PyTorch pair of models: what a run of one leaves behind, and how two such records are held together."""
