"""A normalizer's Jacobian as a matrix."""

import numpy as np


def normalizer(vectors):
    """`diag(a) (I - sum_r p_r q_r^T)` of vectors (1 + 2 * rank, units): a, p_1, q_1, p_2, q_2."""
    a, *rest = vectors
    return np.diag(a) @ (np.eye(len(a)) - sum(np.outer(p, q) for p, q in zip(rest[::2], rest[1::2], strict=True)))
