"""Entries of losses, by what they are for, and of distances."""
