"""The activations one by one: each a function `(x, p, q) -> (value, slope, bend)` of one number.

The slope is the derivative by x, the bend the second derivative; p and q are the layer's `rule_parameters`. A kernel that needs
one of the three results calls the whole function: LLVM drops what the kernel does not use.

Every function is free of branches (both sides of a choice are computed, then one is selected), except those that call the C
library. It stays in the dtype of x, and takes at kinks, at infinities and at nan the value that torch takes. A slope at nan is
nan, or the slope of the linear piece through which torch lets nan pass. Where torch's slope at nan depends on the unit's place in
the array, the slope here is that of whole vectors, which torch's forward mode takes too. At a kink the bend is that of one of the
two sides, or the mean of both: the jump itself has none. Slopes are written so that they keep their relative accuracy where they
vanish: sech^2, for one, and not 1 - tanh^2.

A function named `pull_...` belongs to an activation with trained parameters: `(x, p, q, by_value, by_slope)` gives a loss's
derivatives by p and q, from those by the value and by the slope.
"""
