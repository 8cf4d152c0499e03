"""What a pickle is read into: a stack machine that makes plain data and stand-ins, and nothing else."""
