"""Jacobians as an expert writes them by hand: the whole batch stacked into one matrix multiply for each layer, no autodiff.

sweeps.py     the forward and the reverse sweep, the same for every library
in_numpy.py   the functions that the sweeps need of NumPy
in_torch.py   those that they need of torch, eager
in_jax.py     those that they need of JAX, in one compiled function
"""
