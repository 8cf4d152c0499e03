"""Everything that knows no framework: the spec, data, weight files, drawing, runs. Importing it imports neither."""
