"""What a run of a model leaves behind: files of arrays and calls, inputs, optimizer settings."""
