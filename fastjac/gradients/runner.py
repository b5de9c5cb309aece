"""Runs the gradient kernel over a batch, for parameters that may change from call to call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import crew
from ..arguments import positive_count
from ..kernels import gradient
from ..kernels.call import REQUESTED, call_chunks
from ..kernels.float_mode import default_mode
from ..kernels.gradient_tables import REQUEST
from ..kernels.pack import SOURCES
from ..kernels.stages import kernels_for
from ..layers import Affine, Layer
from ..memory import aligned_zeros, scratch
from ..pickling import refuse_pickling
from .lowering import Lowered
from .operations import ParameterName, parameter_keys, rule_parameters
from .places import Place
from .scratch import Kept, Lent, Pool, Scratch

CALL_COST = 1_000_000_000
"""Multiply-adds in one request: about 0.05 s, within which Ctrl-C is not seen."""
PARALLEL_COST = 1_000_000
"""Multiply-adds below which a second thread does not pay."""
MOVING_COST = 8
"""Multiply-adds in whose time a number is moved from one array to another."""
MOST_SUMS = 16
"""Sums over parts of the samples that are kept at most, each by whichever thread comes first; they are added in the end."""
LEAST_SUMS_SIZE = 256 * 1024
"""Numbers that these sums may have besides those that the result's size allows them."""
GOING_BACK = 3
"""Multiply-adds of a gradient for each of the Jacobian's."""
KEPT_BYTES = 16 * 1024 * 1024
"""The largest batch, by all that is kept of it, of which the way back does not compute everything again."""

Sources = Mapping[ParameterName, int]
"""Addresses of parameters, which lie there in C order."""
_WORDS = {name: number for number, name in enumerate(REQUEST.names or ())}


class GradientRunner:
    """Tables, parameters and scratch memory of one network; may be used from several threads at once.

    lowered : the tables.  layers : the layers of the network's graph, which hold the parameters.
    team : the threads to run on; by default this process's crew.
    """

    def __init__(self, lowered: Lowered, layers: Sequence[Layer], team: crew.Team | None = None) -> None:
        self.lowered, self._own_team = lowered, team
        self._values = pack(lowered, layers)
        self._layout = {name: int(lowered.layout[0][name]) for name in lowered.layout.dtype.names or ()}
        tables = {"values": lowered.value_table, "operations": lowered.operations, "layout": lowered.layout}
        fixed = {"task": REQUESTED, "n_in": 1, "kernel": gradient.compiled_address(lowered.dtype)}
        fixed |= {name: table.ctypes.data for name, table in tables.items()}
        named = zip(lowered.unfolded.operations, lowered.operations["repeats"], strict=True)
        fields = ((op, None if repeats else op.fields.get(key)) for op, repeats in named for key in SOURCES)
        self._source_names = [None if field is None else (op.position, field) for op, field in fields]
        self._fixed = [fixed.get(name, 0) for name in _WORDS]
        self._idle: Pool[Scratch] = Pool()
        self._idle_parameters: Pool[np.ndarray] = Pool()
        self._nothing = np.empty(0, lowered.dtype)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def run(
        self,
        arrays: Mapping[str, np.ndarray | None],
        threads: int | None,
        shared: Mapping[str, np.ndarray] | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Evaluate, differentiate or go back, for inputs `x (n, n_in)`.

        arrays : C-contiguous, of the network's dtype, one entry for each sample, by the names of REQUEST's fields; x, what else
            is read, and what is written. What is missing or None is neither.
        shared : the same for arrays that serve all samples.
            "parameter_gradient", (n_parameters,), is where gradients go; those that are not wanted stay as they are.
        kept : what `keep` gave for these samples. A first call, for their values and Jacobians, leaves there what it computes on
            the way, and those that follow find it.
        """
        threads = positive_count(threads, "threads")
        n = len(arrays["x"])  # type: ignore[arg-type]
        shared = {"parameters": self._values, **(shared or {})}
        gradient = shared.pop("parameter_gradient", None)
        cost = self.lowered.cost * (1 if gradient is None else GOING_BACK)
        chunks, block = self._chunks(n, gradient is not None), self._layout["block"]
        held = None if kept is None else kept.take()
        taken = self._take(self._team.most_threads) if held is None else held
        if len(taken.buffers) < self._team.most_threads:
            taken.buffers = self._new_buffers()
        threads = min(self._threads(n * cost, threads), len(taken.buffers), len(taken.work if held is None else taken.buffers))
        if gradient is not None:
            shared["sums"] = self._sums(taken, chunks)
            shared["sums"][: n == 0] = 0.0
        step = max(1, CALL_COST // (cost * block)) * block
        for first in range(0, n, step):
            part = {name: array[first : first + step] for name, array in arrays.items() if array is not None}
            slots = {"work": taken.work, "lists": taken.lists}
            if held is not None:
                slots = {name: array[first // block :] for name, array in slots.items()}
            words = {"n": min(step, n - first), "keeps": held is not None, "filled": taken.filled}
            words |= {"starts_sums": gradient is not None and first == 0}
            request = self._request(part | shared | slots | {"buffers": taken.buffers}, words)
            self._share(request, threads, chunks)
        for result in (gradient, arrays.get("parameter_jacobian")):
            for unused in self.lowered.unused if result is not None else ():
                np.copyto(result[..., unused], 0.0)  # type: ignore[index]
        if gradient is not None:
            self._add_up(shared["sums"], gradient, threads)
        taken.filled = held is not None
        (self._idle if kept is None or held is None else kept).give_back(taken)

    def keep(self, n: int) -> Kept | None:
        """Memory for all that is computed of so many samples; None if there are too many of them."""
        blocks, size = -(-n // self._layout["block"]), self._layout["work_size"] * self.lowered.dtype.itemsize
        return Lent(self._take(blocks), self._idle) if 0 < blocks * size <= KEPT_BYTES else None

    def features(self, x: np.ndarray, threads: int | None) -> np.ndarray:
        """What the tangent kernel needs of inputs `x (n, n_in)`: see `fastjac.kernels.tangent_kernel`."""
        features = np.zeros((len(x), self._layout["features_size"]), self.lowered.dtype)
        self.run({"x": x, "features": features}, threads)
        return features

    def tangent_kernel(self, left: np.ndarray, right: np.ndarray, result: np.ndarray, threads: int | None) -> None:
        """Write the tangent kernel (n, m, n_out, n_out) of features (n, size) and (m, size) to `result`."""
        self.run({"x": left, "features": left, "tangent_kernel": result}, threads, {"right_features": right})

    def packed(self, sources: Sources) -> Lent[np.ndarray]:
        """A flat array of parameters, as a request reads them, with these in the places of the layers' own.

        The sources must name the same parameters at every call, since arrays that were used before are used again.
        """
        flat = self._idle_parameters.take()
        if flat is None:
            flat = self._like_parameters()
            flat[...] = self._values
        self._pack(flat, sources)
        return Lent(flat, self._idle_parameters)

    def direction(self, sources: Sources) -> np.ndarray:
        """A direction of the parameters, laid out as they are; 0 for those that are not among the sources."""
        flat = self._like_parameters()
        self.lowered.ones.of(flat)[...] = 1.0
        self._pack(flat, sources)
        return flat

    def _like_parameters(self) -> np.ndarray:
        return aligned_zeros(self.lowered.values_size, self.lowered.dtype)

    def _pack(self, flat: np.ndarray, sources: Sources) -> None:
        # Held until the kernel has read it: the request has its address alone.
        table = np.array([sources.get(name, 0) if name else 0 for name in self._source_names], np.int64)
        request = self._request({"parameters": flat, "sources": table}, {})
        self._share(request, self._threads(flat.size * MOVING_COST, None), self._team.most_threads)

    def _add_up(self, sums: np.ndarray, gradient: np.ndarray, threads: int | None) -> None:
        request = self._request({"sums": sums, "parameter_gradient": gradient}, {"n_sums": len(sums)})
        self._share(request, self._threads(sums.size * MOVING_COST, threads), self._team.most_threads)

    def _sums(self, scratch: Scratch, chunks: int) -> np.ndarray:
        """Memory that was used before if there is any: fresh pages cost more than the sums."""
        if len(scratch.sums) < chunks:
            scratch.sums = np.empty((chunks, max(1, self.lowered.gradients_size)), self.lowered.dtype)
        return scratch.sums[:chunks]

    def _chunks(self, n: int, goes_back: bool) -> int:
        """How many parts to work on: from sizes alone, so that the order of their sums does not depend on the threads."""
        layout = self._layout
        most = min(-(-n // layout["block"]), MOST_SUMS)
        if goes_back:
            room = n * layout["n_in"] * layout["n_out"] + LEAST_SUMS_SIZE
            most = min(most, max(2, room // max(1, self.lowered.gradients_size)))
        return max(1, most)

    def _threads(self, cost: int, threads: int | None) -> int:
        most = self._team.most_threads
        if threads is None:
            return most if cost >= PARALLEL_COST else 1
        return min(threads, most)

    @property
    def _team(self) -> crew.Team:
        # The process's crew is another one in a forked child.
        return self._own_team or crew.crew

    def _share(self, request: np.ndarray, threads: int, chunks: int) -> None:
        nothing = self._nothing
        if threads == 1 or chunks == 1 or not self._team.share(threads, chunks, request, nothing, nothing, nothing, nothing):
            call_chunks(request, chunks)

    def _request(self, arrays: Mapping[str, np.ndarray], words: Mapping[str, int]) -> np.ndarray:
        request = self._fixed.copy()
        for name, array in arrays.items():
            request[_WORDS[name]] = array.ctypes.data
            stride = _WORDS.get(f"{name}_stride")
            if stride is not None:
                request[stride] = array.strides[0]
        for name, word in {**self._kernels_for(arrays), **words}.items():
            request[_WORDS[name]] = word
        request[_WORDS["n_right"]] = len(arrays.get("right_features", ()))
        return np.array(request, np.int64)

    def _kernels_for(self, asked: Iterable[str]) -> dict[str, int]:
        return kernels_for(frozenset(asked), self.lowered.dtype, self.lowered.has_joins)

    def _take(self, slots: int) -> Scratch:
        """Scratch with at least so many slots, used before if any is idle."""
        found = self._idle.take()
        if found is not None and len(found.work) >= slots:
            found.filled = False
            return found
        work, lists = scratch(self.lowered.layout[0], self.lowered.dtype, slots)
        return Scratch(work, lists, self._new_buffers(), np.empty((0, 0), self.lowered.dtype))

    def _new_buffers(self) -> np.ndarray:
        threads = self._team.most_threads
        return aligned_zeros(threads * self._layout["buffers_size"], self.lowered.dtype).reshape(threads, -1)


@default_mode()
def pack(lowered: Lowered, layers: Sequence[Layer]) -> np.ndarray:
    """The flat array of a network's parameters, as the tables of networks like it find them."""
    flat = aligned_zeros(lowered.values_size, lowered.dtype)
    lowered.ones.of(flat)[...] = 1.0
    for op, places in zip(lowered.unfolded.operations, lowered.values, strict=True):
        if not places:
            continue
        layer = layers[op.position]
        values: dict[str, np.ndarray | float]
        if isinstance(layer, Affine):
            values = {"weight": layer.weight, "transposed": layer.weight.T}
            values |= {} if layer.bias is None else {"bias": layer.bias}
        else:
            values = dict(zip(parameter_keys(op), rule_parameters(op, layer), strict=True))
        put(flat, places, values)
    return flat


def put(flat: np.ndarray, places: dict[str, Place], values: Mapping[str, np.ndarray | float]) -> None:
    """Write numbers of an operation to their places in the flat array."""
    for key, value in values.items():
        places[key].of(flat)[...] = value
