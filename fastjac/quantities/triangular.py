"""R factors of tall matrices, computed from blocks of rows so small that NumPy's BLAS starts no threads for them.

Where other processes use the cores, OpenBLAS takes a hundred times as long for a matrix that it divides among threads, because
they wait for one another at every column. It divides matrices of more than some 9,000 entries.
"""

from __future__ import annotations

import numpy as np

MOST_ENTRIES = 8192
"""Most entries of a matrix whose product with a vector takes one thread."""


def r_factors(matrices: np.ndarray) -> np.ndarray:
    """Upper triangular R `(n, k, k)` of QR decompositions of `matrices (n, m, k)`, m being k or more; Q is not made.

    The R factors of blocks of rows, one upon another, have the R factor of all rows, just as accurate (Demmel, Grigori, Hoemmen
    and Langou, "Communication-optimal parallel and sequential QR and LU factorizations", SIAM J. Sci. Comput. 34, 2012).
    """
    n, m, k = matrices.shape
    height = MOST_ENTRIES // k
    # A block of rows must be so much taller than its R that a round pays.
    if m <= height or height < 4 * k:
        return _r(matrices)
    blocks = -(-m // height)
    height = -(-m // blocks)
    if blocks * height > m:
        # Rows of zeros change no R.
        matrices = np.concatenate([matrices, np.zeros((n, blocks * height - m, k))], axis=1)
    of_blocks = _r(matrices.reshape(n * blocks, height, k))
    return r_factors(of_blocks.reshape(n, blocks * k, k))


def _r(matrices: np.ndarray) -> np.ndarray:
    # NumPy's annotation is for other modes.
    return np.asarray(np.linalg.qr(matrices, mode="r"))
