"""Derivatives of losses of the Jacobian, and derivatives by a network's parameters."""
