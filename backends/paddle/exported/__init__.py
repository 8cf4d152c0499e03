"""An exported program of Paddle as a model that can be watched, compared and differentiated."""
