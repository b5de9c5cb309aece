"""The operators of torch in programs, with the names and arguments of torch's own list of operators.

values.py      numbers, lists and tensors of a program, and how they become tensors of the intermediate form
activations.py, arithmetic.py, movement.py, products.py, reductions.py, queries.py   the operators, in tables
operators.py   OPERATORS, all of these, and the reasons why others are missing
evaluation.py  calls the operators, and records what becomes of each
"""
