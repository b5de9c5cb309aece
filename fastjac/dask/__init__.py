"""Values and Jacobians at dask arrays: lazy, by chunks of samples, with any of dask's schedulers.

    x = dask.array.from_zarr("x.zarr")                                   # (n, n_in), in chunks of samples
    J = fastjac.dask.jacobian(net, x)                                    # (n, n_out, n_in), in the same chunks
    S = fastjac.dask.mean_jacobian(net, x, absolute=True).compute()      # (n_out, n_in), which forms no chunk of J

Nothing is computed before `compute()`, and every shape and dtype is known before. One task takes one chunk of x, on one thread by
default, because dask runs as many tasks at a time as it has threads; where it runs fewer, `threads=` gives each task more, or all
cores if it is None. A network is sent to each worker once, whatever the number of chunks. A result has the same bits whichever
worker computes it, and a mean or a sum depends on the chunks alone.

x may be an xarray.DataArray around a dask array. The result is one too, with the dimensions and coordinates of x: the last
dimension is that of J's columns, and J's rows are called "output". A network of several inputs takes a tuple of dask arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import arguments
from ..derivatives import Index
from ..errors import DtypeError, ShapeError
from ..graphs.ends import blocks, whole
from ..network import Network, checked_network
from ..optional import optional
from ..planning.plan import checked_mode
from ..planning.steps import Mode
from ..quantities.checks import checked_weight
from .labels import Labels, is_labelled

dask = optional("dask.array", "to compute Jacobians of dask arrays", "dask")

__all__ = ["fisher", "jacobian", "mean_jacobian", "value"]


def value(net: Network, x: Any, *, threads: int | None = 1) -> Any:
    """The outputs `y (..., n_out)` at a dask array `x (..., n_in)`; a tuple of arrays where the network has several.

    threads : most threads that fastjac uses in one task; None for all cores.
    Raises as `jacobian` does.

    >>> import dask.array, fastjac.dask
    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> x = dask.array.ones((6, 2), chunks=(3, 2))
    >>> fastjac.dask.value(net, x).compute()[0]
    array([-1.])
    """
    call = _Call(net, x, "auto", None, None, threads)
    y = call.by_chunk(_values, (net.n_out,), net.dtype)
    return net._outputs.split(call.labels.values(y), -1)


def jacobian(
    net: Network,
    x: Any,
    mode: Mode = "auto",
    *,
    wrt: Index | None = None,
    of: Index | None = None,
    threads: int | None = 1,
) -> Any:
    """The Jacobians `J (..., n_out, n_in)` at a dask array `x (..., n_in)`, a dask array in x's chunks of samples.

    mode, wrt, of : as for `Network.jacobian`; with several inputs or outputs J is in blocks, as there.
    threads : most threads that fastjac uses in one task; None for all cores.

    Raises DtypeError for a net that is no Network, and for an x that is no dask array or holds no real numbers; ShapeError where
    the last dimension of x has another size than n_in, or several chunks; OptionError as `Network.jacobian` does.
    Costs, for each chunk, the memory of all its Jacobians; `mean_jacobian` and `fisher` do without.

    >>> import dask.array, fastjac.dask
    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> x = dask.array.ones((6, 2), chunks=(3, 2))
    >>> fastjac.dask.jacobian(net, x).shape
    (6, 1, 2)
    """
    call = _Call(net, x, mode, wrt, of, threads)
    jacobians = call.labels.jacobians(call.by_chunk(_jacobians, call.core, net.dtype))
    return blocks(jacobians, net._outputs if of is None else None, net._inputs if wrt is None else None)


def mean_jacobian(
    net: Network,
    x: Any,
    mode: Mode = "auto",
    *,
    absolute: bool = False,
    wrt: Index | None = None,
    of: Index | None = None,
    threads: int | None = 1,
) -> Any:
    """The mean of J, or of |J| if `absolute`, over all samples of a dask array: `(n_out, n_in)`, a dask array of float64.

    Several inputs are one vector here, one after another, and so are several outputs. Other arguments are as for `jacobian`. A
    task holds the Jacobians of some samples at a time, so a chunk may have many.
    Raises as `jacobian` does, and ShapeError where there are no samples, or dask does not know how many.

    >>> import dask.array, fastjac.dask
    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> x = dask.array.ones((6, 2), chunks=(3, 2))
    >>> fastjac.dask.mean_jacobian(net, x, absolute=True).compute()
    array([[1., 2.]])
    """
    call = _Call(net, x, mode, wrt, of, threads)
    samples = math.prod(call.x.shape[:-1])
    if math.isnan(samples):
        raise ShapeError(f"x must have chunks of known sizes, got shape {call.x.shape}; call x.compute_chunk_sizes() before")
    if not samples:
        raise ShapeError(f"x must have at least one sample, since J is averaged over samples, got shape {call.x.shape}")
    return call.labels.mean(call.summed(_jacobian_sum, call.core, absolute=absolute, core=call.core) / samples)


def fisher(
    net: Network,
    x: Any,
    precision: Any = None,
    mode: Mode = "auto",
    *,
    wrt: Index | None = None,
    of: Index | None = None,
    threads: int | None = 1,
) -> Any:
    """The Fisher matrix `F (n_in, n_in)`, the sum of `J^T P J` over all samples of a dask array: a dask array of float64.

    precision : P, as for `Network.fisher`, but one for all samples.
    Other arguments are as for `mean_jacobian`.
    Raises as `jacobian` does, and for a precision as `Network.fisher` does.

    >>> import dask.array, fastjac.dask
    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> x = dask.array.ones((6, 2), chunks=(3, 2))
    >>> fastjac.dask.fisher(net, x).compute()
    array([[  6., -12.],
           [-12.,  24.]])
    """
    call = _Call(net, x, mode, wrt, of, threads)
    rows, columns = call.core
    weight = checked_weight(precision, rows, (), "precision")
    return call.labels.square(call.summed(_fisher, (columns, columns), precision=weight))


class _Call:
    """A network at a dask array, checked.

    x : all inputs as one dask array, whose last axis is in one chunk.  labels : the labels of x.
    core : the shape of J for one sample.
    """

    def __init__(self, net: Any, x: Any, mode: Mode, wrt: Index | None, of: Index | None, threads: int | None) -> None:
        columns, rows = checked_network(net)._inputs.numbers(wrt, "wrt"), net._outputs.numbers(of, "of")
        self.core = (net.n_out if rows is None else len(rows), net.n_in if columns is None else len(columns))
        # As numbers alone: nodes belong to this process, and with numbers J is one matrix.
        chosen = [slice(None) if numbers is None else list(numbers) for numbers in (columns, rows)]
        self._options = {"mode": checked_mode(mode), "wrt": chosen[0], "of": chosen[1]}
        self._threads = arguments.positive_count(threads, "threads")
        self._net = net
        self.labels = Labels(x, chosen[0])
        self.x = _array(net, self.labels.data)

    def by_chunk(
        self, function: Callable[..., np.ndarray], core: tuple[int, ...], dtype: Any, is_summed: bool = False, /, **more: Any
    ) -> Any:
        """What a function gives for each chunk, in a dask array (..., *core); (1, ..., *core) a chunk if it sums over samples.

        function : called with the chunk, the network, the options of `jacobian`, the number of threads, and `more`.
        """
        *lead, last = axes = range(self.x.ndim)
        new = {self.x.ndim: core[0]} if len(core) == 2 else {}
        lengths = {last: (core[-1],), **(dict.fromkeys(lead, 1) if is_summed else {})}
        # The network is a task of its own, which a worker gets once. Its name follows from its content.
        network = dask.delayed(self._net, name=f"network-{dask.base.tokenize(self._net)}", traverse=False)
        return dask.array.blockwise(
            function,
            (*lead, *new, last),
            self.x,
            tuple(axes),
            network=network,
            options=self._options,
            threads=self._threads,
            new_axes=new,
            adjust_chunks=lengths,
            dtype=dtype,
            meta=np.empty((0,) * (len(lead) + len(core)), dtype),
            **more,
        )

    def summed(self, function: Callable[..., np.ndarray], core: tuple[int, int], /, **more: Any) -> Any:
        """The sum over all samples, of shape `core`; the function, called as above, gives the sum over a chunk (n, n_in)."""
        sums = self.by_chunk(partial(_as_chunk, function=function), core, np.float64, True, **more)
        return sums.sum(axis=tuple(range(sums.ndim - 2)))


def _array(net: Network, x: Any) -> Any:
    """x of all inputs as one dask array, checked."""
    several = net._inputs.several
    given = net._inputs.given(x, "x") if several else [(x, net.n_in, "x")]
    for array, size, name in given:
        if not isinstance(array, dask.array.Array):
            inner = f"pass {name}.data, as several inputs have no labels" if several and is_labelled(array) else None
            raise DtypeError(
                f"{name} must be a dask array, got {type(array).__name__}; "
                f"{inner or 'make one by dask.array.from_array(x, chunks=(1000, -1)), or of a DataArray by x.chunk()'}"
            )
        arguments.check_features(array.shape, size, name)
        arguments.check_real(array.dtype, name)
        if array.numblocks[-1] > 1:
            raise ShapeError(
                f"{name} must have all {size} features of a sample in one chunk, got chunks of {array.chunks[-1]}; "
                f"rechunk it: {name}.rechunk({{-1: -1}})"
            )
    arrays = [array for array, _, _ in given]
    if len({array.shape[:-1] for array in arrays}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ShapeError(f"all arrays in x must have the same leading shape, got arrays of shape {shapes}")
    return arrays[0] if len(arrays) == 1 else dask.array.concatenate(arrays, axis=-1).rechunk({-1: -1})


def _values(x: np.ndarray, network: Network, options: Any, threads: int | None) -> np.ndarray:
    return whole(network(network._inputs.split(x, -1), threads=threads), None, network._outputs)


def _jacobians(x: np.ndarray, network: Network, options: Any, threads: int | None) -> np.ndarray:
    return network.jacobian(network._inputs.split(x, -1), **options, threads=threads)


def _as_chunk(x: np.ndarray, function: Callable[..., np.ndarray], **more: Any) -> np.ndarray:
    """A function's result for all samples of a chunk (..., n_in), with an axis of length 1 in place of each axis of samples."""
    return function(x.reshape(-1, x.shape[-1]), **more)[(None,) * (x.ndim - 1)]


def _jacobian_sum(
    x: np.ndarray, network: Network, options: Any, threads: int | None, absolute: bool, core: tuple[int, int]
) -> np.ndarray:
    total = np.zeros(core)
    for _, jacobians in network.jacobian_blocks(network._inputs.split(x, -1), **options, threads=threads):
        total += (np.abs(jacobians, out=jacobians) if absolute else jacobians).sum(axis=0, dtype=np.float64)
    return total


def _fisher(x: np.ndarray, network: Network, options: Any, threads: int | None, precision: np.ndarray | None) -> np.ndarray:
    return network.fisher(network._inputs.split(x, -1), precision, **options, threads=threads)
