"""Jacobians as an expert writes them by hand: the whole batch stacked into one matrix multiply for each layer, no autodiff.

sweeps.py     the forward and the reverse sweep, the same for every library
in_numpy.py   what they need of NumPy
in_torch.py   the same of torch, eager
in_jax.py     the same of JAX, in one compiled function
"""
