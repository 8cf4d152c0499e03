"""How a model learns: the entries of optimizers, schedules and initializers."""
