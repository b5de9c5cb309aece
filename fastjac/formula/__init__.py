"""An activation written as a formula: from text to kernels.

parse.py reads the text, which is never executed, as expressions (expressions.py), in which equal subexpressions stand once;
symbolic.py writes that text for a SymPy expression. derive.py finds the derivatives, evaluate.py computes values by Python where
they are needed once, and emit.py writes the functions from which kernels are compiled. functions.py lists the functions that a
formula may call. reading.py holds a text that was read.
"""
