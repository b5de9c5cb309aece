"""Check a Jacobian against central differences, and distinguish kinks from errors.

An entry passes if it is within `rtol` of the difference, relative to the entry itself, once the difference's own error and
J's rounding are allowed for. So a wrong derivative shows even where it is small beside its neighbours, and a saturated
output, whose differences are all noise, raises no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from . import arguments
from .differences import CentralDifferences, coordinate_scales, ending_at
from .errors import DtypeError, OptionError, ShapeError
from .graphs.ends import slices_of, whole
from .layers import LogSoftmax, Softmax
from .layers.base import as_float
from .network import Network, checked_network
from .streaming.progress import Progress, Report

ALL_COORDINATES_UP_TO = 256
RANDOM_DIRECTIONS = 64
"""A network with more inputs than ALL_COORDINATES_UP_TO is checked along so many random directions."""

DEFAULT_RTOL = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-6}

ROUNDING = 256.0 * float(np.finfo(np.float32).eps)
"""Rounding error allowed in a float32 Jacobian, relative to its largest entry."""

TANGENTS_AT_ONCE = 256


@dataclass(frozen=True)
class JacobianReport:
    """What `check_jacobian` found; true if the check passed, and `print` shows it.

    rtol : the largest error allowed.
    max_error : the largest error found, relative to the derivative, or to what differences can resolve where that is more;
        inf for a derivative that is nan or inf without cause.
    worst : index into J of the entry with that error, `(*sample, i, j)`, where i counts through all outputs and j through all
        inputs. Where random directions were taken and no single entry is to blame, it is the index of the row, `(*sample, i)`.
        None if nothing was compared.
    derivative, difference : the Jacobian's and the central differences' value there.
    n_compared : how many directional derivatives were compared.
    n_kinks, n_nonfinite : how many were not compared because the difference reaches across a kink, and how many because the
        outputs around are nan or inf.
    n_directions : random directions taken at each input, or None if all coordinates were.

    >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
    >>> bool(fj.check_jacobian(net, [0.5, 1.0]))
    True
    >>> fj.check_jacobian(net, [0.5, 1.0], jacobian=np.eye(2)).worst
    (1, 1)
    """

    rtol: float
    max_error: float = 0.0
    worst: tuple[int, ...] | None = None
    derivative: float = math.nan
    difference: float = math.nan
    n_compared: int = 0
    n_kinks: int = 0
    n_nonfinite: int = 0
    n_directions: int | None = None

    @property
    def passed(self) -> bool:
        """Whether something was compared, and no error is above `rtol`."""
        return self.n_compared > 0 and self.max_error <= self.rtol

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        outcome = f"largest error {self.max_error:.1e}, rtol {self.rtol:.1e}" if self.n_compared else "nothing to compare"
        return f"JacobianReport({'passed' if self.passed else 'FAILED'}, {self.n_compared:,} derivatives, {outcome})"

    def __str__(self) -> str:
        along = "every coordinate" if self.n_directions is None else f"{self.n_directions} random directions"
        lines = [
            f"Jacobian check {'passed' if self.passed else 'FAILED'}",
            f"  compared       {self.n_compared:,} derivatives along {along} with central differences",
            f"  at a kink      {self.n_kinks:,}, not compared",
            f"  nan or inf     {self.n_nonfinite:,}, not compared",
        ]
        if self.worst is None:
            return "\n".join([*lines, "  nothing was compared, so nothing is known about this Jacobian"])
        place = f"J[{', '.join(map(str, self.worst))}]"
        lines += [
            f"  largest error  {self.max_error:.1e} relative; {self.rtol:.1e} is allowed",
            f"  found at       {place}: {self.derivative:.10g}, differences give {self.difference:.10g}",
        ]
        return "\n".join(lines)


def check_jacobian(
    net: Network,
    x: Any,
    *,
    jacobian: Any = None,
    rtol: float | None = None,
    directions: int | Literal["all", "auto"] = "auto",
    seed: int = 0,
    progress: Progress = False,
) -> JacobianReport:
    """Compare the Jacobian of `net` at `x` with central differences in float64.

    Parameters
    ----------
    net : the network; one of float32 is compared with differences of its float64 twin.
    x : (..., n_in) array of inputs, or a tuple of arrays for several, as the network takes them.
    jacobian : (..., n_out, n_in) array, or blocks in tuples, to check in place of `net.jacobian(x)`.
    rtol : largest relative error allowed; by default 1e-6 for float64 and 1e-4 for float32.
    directions : "all" for every coordinate; a number for so many random directions with entries +1 and -1, times the
        coordinate's scale; "auto" for all of up to 256 coordinates, and 64 random directions where there are more. Where a
        random direction fails, all coordinates of that input are taken, to name the entry.
    seed : seed of the random directions.
    progress : as for `Network.jacobian`: True draws a bar; a function is called with the number of inputs done and of all inputs.

    Returns
    -------
    JacobianReport
        True if the check passed. Derivatives whose difference reaches across a kink of an activation, or across the edge of
        Sparsemax's support, are counted and not judged, because J jumps there. What the check can find: in float64, an
        error of 0.1 % in every entry for which `J[i, j] x[j]` is above a millionth of `y[i]`; in float32, in every entry above
        a thirtieth of the largest.

    Raises
    ------
    ShapeError, DtypeError
        Wrong `x` or `jacobian`; a `net`, `rtol` or `seed` of the wrong type.
    OptionError
        Wrong `rtol`, `directions` or `seed`.

    Costs four network values for each input and direction, beside one Jacobian for each input.

    Examples
    --------
    >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
    >>> print(fj.check_jacobian(net, [[0.5, 1.0]]))
    Jacobian check passed
      compared       4 derivatives along every coordinate with central differences
      at a kink      0, not compared
      nan or inf     0, not compared
      largest error  ... relative; 1.0e-06 is allowed
      found at       J[0, 1, 1]: 0.4199743416, differences give 0.4199743416
    """
    points, lead = checked_network(net)._taken(x)
    points = arguments.for_kernels(points.reshape(-1, net.n_in), net.dtype)
    comparison = _Comparison(net, _tolerance(rtol, net), _seed(seed))
    n_directions = _direction_count(directions, net.n_in)
    given = None if jacobian is None else _given_jacobian(net, jacobian, lead)
    report = JacobianReport(comparison.rtol, n_directions=n_directions)
    with Report(progress, len(points), "check") as done:
        for number, point in enumerate(points):
            derivative = _whole(net, net.jacobian(net._inputs.split(point, -1))) if given is None else given[number]
            found = comparison(point, derivative.astype(np.float64), n_directions)
            sample = tuple(int(index) for index in np.unravel_index(number, lead))
            report = _merged(report, found, sample)
            done(number + 1)
    return report


def _whole(net: Network, jacobian: Any) -> np.ndarray:
    """J as one matrix, whatever the number of inputs and outputs."""
    return whole(jacobian, net._outputs, net._inputs)


def _tolerance(rtol: float | None, net: Network) -> float:
    if rtol is None:
        return DEFAULT_RTOL[net.dtype]
    value = as_float(rtol, "rtol")
    if not 0.0 < value < math.inf:
        raise OptionError(f"rtol must be a positive number, got {rtol!r}")
    return value


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise DtypeError(f"seed must be an integer from 0 on, got {seed!r}")
    if seed < 0:
        raise OptionError(f"seed must be an integer from 0 on, got {seed}")
    return int(seed)


def _direction_count(directions: int | str, n_in: int) -> int | None:
    """How many random directions to take, or None for all coordinates."""
    if directions == "auto":
        return None if n_in <= ALL_COORDINATES_UP_TO else RANDOM_DIRECTIONS
    if directions == "all":
        return None
    if isinstance(directions, bool) or not isinstance(directions, (int, np.integer)) or directions < 1:
        raise OptionError(f'directions must be "auto", "all" or a positive integer, got {directions!r}')
    return int(directions)


def _given_jacobian(net: Network, jacobian: Any, lead: tuple[int, ...]) -> np.ndarray:
    """Jacobians that came from elsewhere, as (n, n_out, n_in)."""
    shape = (*lead, net.n_out, net.n_in)
    if net._inputs.several or net._outputs.several:
        try:
            jacobian = _whole(net, jacobian)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"jacobian must be in blocks as net.jacobian(x) is, together of shape {shape}") from error
    array = arguments.real_array(jacobian, "jacobian")
    if array.shape != shape:
        raise ShapeError(f"jacobian must have shape {shape}, one J for each x, got {array.shape}")
    return array.reshape(math.prod(shape[:-2]), *shape[-2:])


def _merged(report: JacobianReport, found: JacobianReport, prefix: tuple[int, ...] = ()) -> JacobianReport:
    """`report` with the findings of another report; `prefix` is the index of the sample that these belong to."""
    counts = {name: getattr(report, name) + getattr(found, name) for name in ("n_compared", "n_kinks", "n_nonfinite")}
    if found.worst is None or (report.worst is not None and found.max_error <= report.max_error):
        return replace(report, **counts)
    return replace(found, **counts, worst=(*prefix, *found.worst), n_directions=report.n_directions)


class _Comparison:
    """Compares the Jacobian at one input with the differences of one network."""

    def __init__(self, net: Network, rtol: float, seed: int) -> None:
        self.rtol = rtol
        self._net = net
        self._seed = seed
        self._differences = CentralDifferences(net)
        self._saturating = list(_saturating(net))

    def __call__(self, x: np.ndarray, jacobian: np.ndarray, n_directions: int | None) -> JacobianReport:
        """The report on `jacobian (n_out, n_in)` at `x (n_in,)`."""
        if n_directions is None:
            return self._all_coordinates(x, jacobian)
        signs = np.random.default_rng(self._seed).choice([-1.0, 1.0], (n_directions, len(x)))
        tangents = signs * coordinate_scales(x)
        found = self._along(x, tangents, tangents @ jacobian.T)
        if found.max_error > self.rtol and not (entries := self._all_coordinates(x, jacobian)).passed:
            worst, derivative, difference = entries.worst, entries.derivative, entries.difference
            return replace(found, max_error=entries.max_error, worst=worst, derivative=derivative, difference=difference)
        return found if found.worst is None else replace(found, worst=found.worst[:1])

    def _all_coordinates(self, x: np.ndarray, jacobian: np.ndarray) -> JacobianReport:
        report = JacobianReport(self.rtol)
        for first in range(0, len(x), TANGENTS_AT_ONCE):
            block = jacobian[:, first : first + TANGENTS_AT_ONCE]
            tangents = np.eye(block.shape[1], len(x), first)
            report = _merged(report, self._along(x, tangents, block.T, first))
        return report

    def _along(self, x: np.ndarray, tangents: np.ndarray, derivatives: np.ndarray, first: int = 0) -> JacobianReport:
        """The report on the directional derivatives (k, n_out) along k tangents, numbered from `first` on."""
        differences = self._differences(x, tangents)
        finite = np.isfinite(differences.value) & np.isfinite(differences.error)
        compared = finite & ~differences.crosses_kink[:, None]
        report = JacobianReport(
            self.rtol, n_compared=int(compared.sum()), n_kinks=int((finite & ~compared).sum()), n_nonfinite=int((~finite).sum())
        )
        if not report.n_compared:
            return report
        with np.errstate(all="ignore"):  # nan and inf are sorted out just below
            allowed = differences.error + self._rounding(x, tangents, differences.value)
            size = np.maximum(np.abs(differences.value) + allowed / self.rtol, np.finfo(np.float64).tiny)
            error = np.abs(derivatives - differences.value) / size
        error = np.where(compared, np.where(np.isfinite(error), error, np.inf), -1.0)
        direction, output = (int(index) for index in np.unravel_index(error.argmax(), error.shape))
        return replace(
            report,
            max_error=float(error[direction, output]),
            worst=(output, first + direction),
            derivative=float(derivatives[direction, output]),
            difference=float(differences.value[direction, output]),
        )

    def _rounding(self, x: np.ndarray, tangents: np.ndarray, differences: np.ndarray) -> float | np.ndarray:
        """How far derivatives may be off by the rounding of float32; float64's rounding is far below the error of differences."""
        if self._net.dtype == np.float64:
            return 0.0
        size = np.full(self._net.n_out, np.nanmax(np.abs(differences), initial=0.0))
        for part, before, values in self._saturating:
            # The rows of its Jacobian are weight * (v - s.v), and where the softmax is saturated the two terms cancel.
            weight = 1.0 if values is None else values(x)
            size[part] = np.maximum(size[part], weight * np.abs(tangents @ before.jacobian(x).T).max())
        return ROUNDING * size + float(np.finfo(np.float32).tiny)


def _saturating(net: Network) -> Iterator[tuple[slice, Network, Network | None]]:
    """Outputs that a softmax makes: where they are, the network that gives its operand, and its Jacobian's factor, if any."""
    graph = net._graph
    for number, part in zip(graph.outputs, slices_of(graph.output_sizes), strict=True):
        vertex = graph.vertices[number]
        if isinstance(vertex.operation, (Softmax, LogSoftmax)):
            values = ending_at(net, number) if isinstance(vertex.operation, Softmax) else None
            yield part, ending_at(net, vertex.operands[0]), values
