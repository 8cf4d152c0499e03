"""Are two realisations the same system? Comparisons, and the one table of tolerances."""
