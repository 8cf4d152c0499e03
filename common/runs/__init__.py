"""Runs: their folders, checkpoints and metrics, and the loop that fills them."""
