"""Everything that knows no framework: the spec, data, weight files, plotting, runs. Importing it imports neither."""
