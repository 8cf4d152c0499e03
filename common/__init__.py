"""Everything that knows no framework: the spec, data, weight files, plotting, runs. Imports neither torch nor paddle."""
