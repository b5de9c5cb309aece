"""Runs the gradient kernel over a batch, for parameters that may change from call to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .. import crew
from ..arguments import positive_count
from ..kernels import gradient, multiply
from ..kernels.call import REQUESTED, call_chunks
from ..kernels.gradient_tables import REQUEST
from ..kernels.tables import records
from ..layers import Affine, Layer
from ..memory import aligned_zeros, scratch
from .lowering import Lowered, Place
from .operations import rule_parameters

Arrays = Mapping[str, np.ndarray]
"""Arrays of one layer by field name."""
CALL_COST = 1_000_000_000
"""Multiply-adds in one request: about 0.05 s, within which Ctrl-C is not seen."""
PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
MOST_SUMS = 16
"""Sums over parts of the samples that are kept at most, each by whichever thread comes first; they are added in the end."""
GOING_BACK = 3
"""Multiply-adds of a gradient for each of the Jacobian's."""


class GradientRunner:
    """Tables, parameters and scratch memory of one network; may be used from several threads at once.

    lowered : the tables.  layers : the network's layers, which hold the parameters.
    """

    def __init__(self, lowered: Lowered, layers: Sequence[Layer]) -> None:
        self.lowered = lowered
        self._values = pack(lowered, layers)
        self._kernels = {"kernel": gradient.compiled_address(lowered.dtype), "multiply": multiply.compiled_address(lowered.dtype)}
        self._layout = {name: int(lowered.layout[0][name]) for name in lowered.layout.dtype.names or ()}
        self._idle: list[tuple[np.ndarray, np.ndarray]] = []
        self._nothing = np.empty(0, lowered.dtype)

    def run(
        self, arrays: Mapping[str, np.ndarray | None], threads: int | None, shared: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Evaluate, differentiate or go back, for inputs `x (n, n_in)`; the sums of gradients, empty where it does not go back.

        arrays : C-contiguous, of the network's dtype, one entry for each sample, by the names of REQUEST's fields; x, what else
            is read, and what is written. What is missing or None is neither.
        shared : the same for arrays that serve all samples.
        """
        threads = positive_count(threads, "threads")
        lowered, n = self.lowered, len(arrays["x"])  # type: ignore[arg-type]
        goes_back = any(arrays.get(name) is not None for name in ("y_gradient", "jacobian_gradient"))
        cost = lowered.cost * (GOING_BACK if goes_back else 1)
        chunks = self._chunks(n)
        tables = {"parameters": self._values, "operations": lowered.operations, "layout": lowered.layout, **(shared or {})}
        sums = self._nothing
        if goes_back:
            sums = tables["gradients"] = np.zeros((chunks, max(1, lowered.gradients_size)), lowered.dtype)
        taken = self._take_scratch()
        block = self._layout["block"]
        step = max(1, CALL_COST // (cost * block)) * block
        for first in range(0, n, step):
            part = {name: array[first : first + step] for name, array in arrays.items() if array is not None}
            request = self._request(part | tables, min(step, n - first), taken)
            self._share(request, self._threads(n * cost, threads), chunks)
        self._idle.append(taken)
        return sums.sum(axis=0)

    def features(self, x: np.ndarray, threads: int | None) -> np.ndarray:
        """What the tangent kernel needs of inputs `x (n, n_in)`: see `fastjac.kernels.tangent_kernel`."""
        features = np.zeros((len(x), self._layout["features_size"]), self.lowered.dtype)
        self.run({"x": x, "features": features}, threads)
        return features

    def tangent_kernel(self, left: np.ndarray, right: np.ndarray, result: np.ndarray, threads: int | None) -> None:
        """Write the tangent kernel (n, m, n_out, n_out) of features (n, size) and (m, size) to `result`."""
        self.run({"x": left, "features": left, "tangent_kernel": result}, threads, {"right_features": right})

    def pack_direction(self, tangents: Mapping[int, Arrays]) -> np.ndarray:
        """A direction of the parameters, laid out as they are; 0 for those that are not among `tangents`."""
        return self._packed(aligned_zeros(self.lowered.values_size, self.lowered.dtype), tangents)

    def pack_parameters(self, parameters: Mapping[int, Arrays]) -> np.ndarray:
        """Other parameters than the layers' for a call; those that are not among `parameters` stay as they are."""
        flat = aligned_zeros(self.lowered.values_size, self.lowered.dtype)
        flat[...] = self._values
        return self._packed(flat, parameters)

    def _packed(self, flat: np.ndarray, arrays: Mapping[int, Arrays]) -> np.ndarray:
        for op, places in zip(self.lowered.ops, self.lowered.values, strict=True):
            given = arrays.get(op.position, {})
            values: dict[str, np.ndarray | float] = {key: given[name] for key, name in op.fields.items() if name in given}
            if "weight" in values:
                values["transposed"] = given["weight"].T
            put(flat, places, values)
        return flat

    def _chunks(self, n: int) -> int:
        """How many sums to keep: from sizes alone, so that the order of addition does not depend on the threads."""
        layout = self._layout
        result = n * layout["n_in"] * layout["n_out"]
        room = max(2, result // max(1, self.lowered.gradients_size))
        return max(1, min(-(-n // layout["block"]), MOST_SUMS, room))

    def _threads(self, cost: int, threads: int | None) -> int:
        most = crew.crew.most_threads
        if threads is None:
            return most if cost >= PARALLEL_COST else 1
        return min(threads, most)

    def _share(self, request: np.ndarray, threads: int, chunks: int) -> None:
        nothing = self._nothing
        if threads == 1 or not crew.crew.share(threads, chunks, request, nothing, nothing, nothing, nothing):
            call_chunks(request, chunks)

    def _request(self, arrays: dict[str, np.ndarray], n: int, taken: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        work, lists = taken
        words = self._kernels | {"task": REQUESTED, "n_in": 1, "n": n}
        words |= {name: array.ctypes.data for name, array in (arrays | {"work": work, "lists": lists}).items()}
        words["n_right"] = len(arrays.get("right_features", ()))
        words |= {"work_stride": work.strides[0], "lists_stride": lists.strides[0]}
        return records(REQUEST, [words]).view(np.int64)

    def _take_scratch(self) -> tuple[np.ndarray, np.ndarray]:
        """Scratch for every thread of the crew, any of which may turn up; used before if any is idle."""
        threads = crew.crew.most_threads
        try:
            work, lists = self._idle.pop()
            if len(work) >= threads:
                return work, lists
        except IndexError:
            pass
        return scratch(self.lowered.layout[0], self.lowered.dtype, threads)


def pack(lowered: Lowered, layers: Sequence[Layer]) -> np.ndarray:
    """The flat array of a network's parameters, as the tables of networks like it find them."""
    flat = aligned_zeros(lowered.values_size, lowered.dtype)
    lowered.ones.of(flat)[...] = 1.0
    for op, places in zip(lowered.ops, lowered.values, strict=True):
        layer = layers[op.position]
        values: dict[str, np.ndarray | float]
        if isinstance(layer, Affine):
            values = {"weight": layer.weight, "transposed": layer.weight.T}
            values |= {} if layer.bias is None else {"bias": layer.bias}
        else:
            values = dict(zip("pq", rule_parameters(op, layer), strict=True))
        put(flat, places, values)
    return flat


def put(flat: np.ndarray, places: dict[str, Place], values: Mapping[str, np.ndarray | float]) -> None:
    """Write numbers of an operation to their places in the flat array."""
    for key, value in values.items():
        places[key].of(flat)[...] = value
