"""Why two models part: hypotheses that are tried on the recorded arrays."""
