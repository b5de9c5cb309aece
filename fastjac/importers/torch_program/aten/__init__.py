"""The operators of torch that stand in programs, by the names and with the arguments that torch's own list of them has.

values.py      numbers, lists and tensors of a program, and how they become tensors of the intermediate form
activations.py, arithmetic.py, movement.py, products.py, reductions.py, queries.py   the operators, in tables
operators.py   OPERATORS, all of these, and why others are missing
evaluation.py  calls them and keeps account
"""
