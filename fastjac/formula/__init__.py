"""An activation written as a formula: from text to kernels.

parse.py reads the text, which is never executed, as expressions.py, each part once; symbolic.py writes that text for a SymPy
expression. derive.py finds the derivatives, evaluate.py computes values by Python for what is needed once, and emit.py writes the
functions that kernels are compiled of. functions.py lists what a formula may call. reading.py holds what became of one text.
"""
