"""Derivatives of losses that the Jacobian takes part in, and by a network's parameters."""
