"""What is read off the Jacobians of a batch: the base of Network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from ..derivatives import Index
from ..errors import ShapeError
from ..planning.plan import checked_mode
from ..planning.steps import Mode
from ..running.runners import Runners
from .checks import checked_count, checked_tolerance, checked_weight
from .gram import SIDES, Side, gram, gram_algebra, rows_and_weight, summed_gram
from .jacobians import Jacobians
from .spectral import NORM_COSTS, Order, determinant_cost, norms, ranks, rounding_share, singular_values, slogdets, spectral_cost


class Measurable:
    """Singular values, norms, determinants, ranks, Gram and Fisher matrices of J at each input of a batch.

    J is not held for the batch: threads make it piece by piece, and keep only what is read off it. Where the network has a waist,
    a boundary of r units that is narrower than J, J is a product of matrices (n_out, r) and (r, n_in), and is not formed if that
    is less work. J is computed in the network's dtype, everything else in float64, and results are float64 in networks of both
    dtypes: a Gram matrix in float32 would lose half of the digits that J has.

    J is one matrix here, for several inputs and outputs too: its rows belong to all outputs, one output after another, and its
    columns to all inputs.

    Every method takes inputs `x (..., n_in)` (a tuple of arrays for several inputs), `mode`, `wrt` and `of` for some columns
    and rows of J, and `threads`, as `jacobian` does, and raises ShapeError, DtypeError and OptionError for the same reasons.
    Where J is not finite, results are nan (Gram and Fisher matrices may hold inf too), and nothing is raised. The result for
    one input has the same bits whatever batch it is in and however many of these threads run. NumPy's linear algebra may start
    threads of its own for a large J. On a busy machine that takes long. It takes less with the environment variable
    OPENBLAS_NUM_THREADS at 1, or with `threadpoolctl`.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # What Network has.
        _runners: Runners
        _taken: Any
        _wanted: Any
        dtype: Any

    def singular_values(
        self,
        x: Any,
        k: int | None = None,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """The singular values of J, `(..., min(n_out, n_in))`, or the k largest of them, `(..., k)`; descending.

        Each is accurate to within some roundings of the largest one, as with `numpy.linalg.svd`. With a waist of r units all but
        r are exactly 0.

        Raises OptionError for a k below 1 or above min(n_out, n_in). Costs J and an SVD without vectors, whatever k is; at a
        waist the two factors of J, a QR decomposition of (n_out, r) and an SVD of (r, n_in).

            >>> net = Network([Affine([[0.0, 3.0], [-4.0, 0.0]])])
            >>> net.singular_values([1.0, 1.0])
            array([4., 3.])
        """
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        count = checked_count(k, min(jacobians.shape))
        values = np.empty((jacobians.n, count))

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> None:
            values[piece] = singular_values(left, right)[:, :count]

        jacobians.run(spectral_cost, take)
        return values.reshape(*lead, count)

    def jacobian_norm(
        self,
        x: Any,
        ord: Order = "fro",
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> Any:
        """The norm of J, `(...)`.

        ord : "fro", Frobenius: the root of the sum of all squares of entries; 2, the spectral norm: the largest singular value,
            which is how much J stretches at most; "nuc", the nuclear norm: the sum of the singular values.

        Law: `norm 2 <= norm "fro" <= norm "nuc"`.
        Raises OptionError for any other ord. Costs J and, for "fro", one multiply-add for each entry of J; for 2, the Gram matrix
        of J's shorter side and its eigenvalues; for "nuc", what `singular_values` costs.

            >>> net = Network([Affine([[0.0, 3.0], [-4.0, 0.0]])])
            >>> [float(net.jacobian_norm([1.0, 1.0], ord)) for ord in ("fro", 2, "nuc")]
            [5.0, 4.0, 7.0]
        """
        order = arguments.one_of(ord, tuple(NORM_COSTS), "ord")
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        values = np.empty(jacobians.n)

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> None:
            values[piece] = norms(left, right, order)

        jacobians.run(NORM_COSTS[order], take)
        return values.reshape(lead)[()]

    def rank(
        self,
        x: Any,
        tol: Any = None,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> Any:
        """The rank of J, `(...)`, ints: how many of its singular values are greater than `tol`; -1 where J is not finite.

        tol : a number, or `(...)` one for each input; by default, as in `numpy.linalg.matrix_rank`, the largest singular value of
            J times max(n_out, n_in) and the spacing of numbers of the network's dtype at 1.

        Raises OptionError for a negative tol. Costs what `singular_values` costs.

            >>> Network([Affine([[1.0, 2.0], [2.0, 4.0]])]).rank(np.zeros((3, 2)))
            array([1, 1, 1])
        """
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        tolerance = None if tol is None else checked_tolerance(tol, lead)
        share = rounding_share(jacobians.shape, self.dtype)
        values = np.empty(jacobians.n, int)

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> None:
            found = singular_values(left, right)
            values[piece] = ranks(found, share * found[:, 0] if tolerance is None else tolerance[piece])

        jacobians.run(spectral_cost, take)
        return values.reshape(lead)[()]

    def slogdet(
        self,
        x: Any,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> tuple[Any, Any]:
        """The sign, `(...)`, and the natural logarithm of the absolute value, `(...)`, of the determinant of a square J.

        Law: `det J == sign * exp(logdet)`, where that neither overflows nor vanishes; a singular J gives 0 and -inf, and so does
        every J of a network with a boundary narrower than J. With as many inputs as outputs, the logarithm is by how much the
        network expands volumes at x, as a normalizing flow needs it.
        Raises ShapeError if J is not square. Costs J and an LU decomposition.

            >>> net = Network([Affine([[0.0, 3.0], [-4.0, 0.0]]), Exp()])
            >>> sign, logdet = net.slogdet([0.0, 0.0])
            >>> round(float(sign * np.exp(logdet)), 12)
            12.0
        """
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        if jacobians.n_out != jacobians.n_in:
            raise ShapeError(
                f"slogdet needs a square J, got {jacobians.n_out} outputs and {jacobians.n_in} inputs; choose as many by of= and "
                'wrt=, or take numpy.linalg.slogdet of net.gram(x), which is J^T J, or of net.gram(x, side="outputs"), J J^T'
            )
        values = np.empty((2, jacobians.n))

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> None:
            values[:, piece] = slogdets(left, right)

        jacobians.run(determinant_cost, take)
        sign, logarithm = values.reshape(2, *lead)
        return sign[()], logarithm[()]

    def gram(
        self,
        x: Any,
        weight: Any = None,
        side: Side = "inputs",
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """The Gram matrix of J with weights W, exactly symmetric: `J^T W J (..., n_in, n_in)`, or `J W J^T (..., n_out, n_out)`.

        side : what the rows and columns of the result belong to: "inputs", for J^T W J (such as a metric pulled back to the
            inputs, or a Gauss-Newton matrix), or "outputs", for J W J^T (such as a covariance W of the inputs, propagated).
        weight : W, whose rows and columns belong to the other side: None for the identity, a number, `(m,)` a diagonal,
            `(m, m)` a symmetric matrix; or one for each input, `(..., 1, m)` diagonals and `(..., m, m)` matrices, where m is
            n_out for side "inputs" and n_in for "outputs". It need not be positive. Its symmetric part counts; a matrix that is
            unsymmetric by more than rounding is refused.

        Law: `v @ gram @ v == (J v) @ W @ (J v)`.
        Raises OptionError for an unknown side, and for a weight that is not symmetric or not finite; ShapeError for one that is
        not square or of another size. Costs J and n_out n_in^2 multiply-adds, for "outputs" n_in n_out^2; and n_out^2 n_in, or
        n_in^2 n_out, for a matrix W.

            >>> net = Network([Affine([[1.0, 2.0], [3.0, 4.0]])])
            >>> net.gram([0.0, 0.0], weight=[1.0, 0.5])
            array([[ 5.5,  8. ],
                   [ 8. , 12. ]])
        """
        arguments.one_of(side, SIDES, "side")
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        inner, outer = jacobians.shape if side == "inputs" else jacobians.shape[::-1]
        weights = checked_weight(weight, inner, lead, "weight")
        values = np.empty((jacobians.n, outer, outer))

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> None:
            gram(*rows_and_weight(side, left, right, _of(weights, piece)), out=values[piece])

        jacobians.run(gram_algebra(side, weights), take)
        return values.reshape(*lead, outer, outer)

    def fisher(
        self,
        x: Any,
        precision: Any = None,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """The Fisher matrix `F (n_in, n_in)`, the sum of `J^T P J` over all inputs of the batch, exactly symmetric.

        For outputs observed with Gaussian noise of precision P, the inverse of its covariance, F is the information that the
        observations hold about the inputs. The sum is taken in an order that does not depend on the threads.

        precision : P, as the weight of `gram`. A matrix P costs `n_out**2 n_in` multiply-adds for each input; for a large batch
            rather whiten the network, by an affine layer at its end.

        Law: `fisher(x, P) == gram(x, P).sum(axis=0)` up to rounding, for x (n, n_in).
        Raises as `gram` does. Costs what `gram` costs, but no memory for each input.

            >>> net = Network([Affine([[1.0, 2.0]])])
            >>> net.fisher(np.zeros((10, 2)), precision=0.5)
            array([[ 5., 10.],
                   [10., 20.]])
        """
        jacobians, lead = self._jacobians(x, mode, (wrt, of), threads)
        weights = checked_weight(precision, jacobians.n_out, lead, "precision")

        def take(piece: slice, left: np.ndarray, right: np.ndarray | None) -> np.ndarray:
            return summed_gram(*rows_and_weight("inputs", left, right, _of(weights, piece)))

        total = np.zeros((jacobians.n_in, jacobians.n_in))
        for partial in jacobians.each(gram_algebra("inputs", weights), take, total.size):
            total += partial
        return total

    def _jacobians(
        self, x: Any, mode: Mode, indices: tuple[Index | None, Index | None], threads: int | None
    ) -> tuple[Jacobians, tuple[int, ...]]:
        """J of all inputs, for wrt and of, and the leading shape of x."""
        points, lead = self._taken(x)
        wanted, count = self._wanted(*indices), arguments.positive_count(threads, "threads")
        return Jacobians(self._runners, np.atleast_2d(points), checked_mode(mode), wanted, count), lead


def _of(weights: np.ndarray | None, piece: slice) -> np.ndarray | None:
    """The weights of some samples, or the one weight of all."""
    return weights if weights is None or len(weights) == 1 else weights[piece]
