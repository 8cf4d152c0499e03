"""What is known of layers, functions, optimizers, schedules and initializers of both frameworks: one entry each.

`entry` is the record, `operations` and `training` hold the families, `index` finds an entry by any of its names.
"""
