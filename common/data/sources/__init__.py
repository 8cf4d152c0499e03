"""Where training data comes from by name: embedded, cached, downloaded."""
