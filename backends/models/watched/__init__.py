"""What watching a model takes, and how the model is afterwards as it was."""
