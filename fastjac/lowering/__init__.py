"""A chain and a plan as tables, which kernels walk."""
