"""Paddle's inference exports: a program and the parameters that it names, read in NumPy alone; nothing is run.

`files` finds what belongs together, `records` reads parameters, `program_desc` and `pir` the two kinds of program.
"""
