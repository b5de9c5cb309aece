"""Runs the gradient kernel over a batch, for parameters that may change from call to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..arguments import positive_count
from ..kernels import gradient
from ..kernels.call import REQUESTED, call_chunks
from ..kernels.float_mode import default_mode
from ..kernels.gradient_tables import REQUEST
from ..kernels.jit import kernel_address
from ..kernels.pack import add_up_sums, pack_parameters
from ..kernels.tables import INDEX
from ..kernels.tangent_kernel import write_tangent_kernel
from ..kernels.target import round_up
from ..layers import Activation, Layer
from ..lowering.memory import aligned_zeros, scratch
from ..pickling import refuse_pickling
from ..planning.chain import parts_of
from ..running import crew
from ..running.sharing import PARALLEL_COST
from .lowering import Lowered
from .memory import GradientMemory, Held, Kept, Lent, Pool
from .operations import ParameterName, numbers_of

CALL_COST = 1_000_000_000
"""Multiply-adds in one request: about 0.05 s, within which Ctrl-C is not seen."""
MOVING_COST = 8
"""Multiply-adds in the time that it takes to move a number from one array to another."""
MOST_SUMS = 16
"""Most sums that are kept, each over a chunk of the samples, by whichever thread takes it; the sums are added up at the end."""
LEAST_SUMS_SIZE = 256 * 1024
"""Numbers that these sums may always have, beyond those that the result's size allows."""
GOING_BACK = 3
"""Multiply-adds of a gradient for each of the Jacobian's."""
KEPT_BYTES = 16 * 1024 * 1024
"""Most memory that the rows of a batch may take to be kept for the way back; the rows of a larger batch are computed again."""

NOTHING: frozenset[str] = frozenset()
WHOLE = {"sources": pack_parameters, "parameter_gradient": add_up_sums}
"""Kernels that carry out all of a request, by the field that asks for it."""

Sources = Mapping[ParameterName, int]
"""The address of each parameter, which lies there in C order."""
_WORDS = {name: number for number, name in enumerate(REQUEST.names or ())}


def addresses_of(**arrays: np.ndarray | None) -> dict[str, int]:
    """The addresses of arrays, by the request's names for them; None stands for an array that is neither read nor written.

    The arrays must be C-contiguous, and their owner must hold them until the request has been carried out.
    """
    return {name: array.ctypes.data for name, array in arrays.items() if array is not None}


class GradientRunner:
    """Tables, parameters and working memory of one network; may be used from several threads at once.

    lowered : the tables.  layers : the layers of the network's graph, which hold the parameters.
    team : the threads to run on; by default this process's crew.
    """

    def __init__(self, lowered: Lowered, layers: Sequence[Layer], team: crew.Team | None = None) -> None:
        self.lowered, self._own_team = lowered, team
        self._values = pack(lowered, layers)
        self._fixed = {"task": REQUESTED, "n_in": 1, "kernel": gradient.compiled_address(lowered.dtype)} | lowered.sizes
        self._fixed |= addresses_of(parameters=self._values) | {"gradient_size": lowered.layout.sums_size}
        for name in ("parameter_records", "feature_records"):
            table = getattr(lowered, name)
            self._fixed |= {name: table.ctypes.data, f"n_{name}": len(table)}
        self._templates: dict[tuple[frozenset[str], bool], tuple[np.ndarray, int]] = {}
        self._idle: Pool[GradientMemory] = Pool()
        self._idle_parameters: Pool[Held] = Pool()
        self._nothing = np.empty(0, lowered.dtype)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def run(self, n: int, given: Mapping[str, int], threads: int | None = None, kept: Kept | None = None) -> None:
        """Evaluate, differentiate or go back, for n inputs.

        given : addresses by the names of REQUEST's fields, as `addresses_of` finds them: of x (n, n_in), of everything else that
            is read, and of everything that is written. Gradients go to "parameter_gradient", where unwanted ones stay untouched.
        kept : what `keep` gave for these samples. A first call, for their values and Jacobians, leaves there what it computes on
            the way, and later calls find it.
        """
        threads = positive_count(threads, "threads")
        words = dict(given)
        gradient = words.pop("parameter_gradient", None)
        held = None if kept is None else kept.take()
        taken = self._take(self._team.most_threads) if held is None else held
        block, chunks = self._division(n)
        if gradient is not None:
            words["sums"] = self._sums(taken, chunks)
        request, scratch_size = self._request(words, taken.filled)
        taken.make_room(self._team.most_threads, scratch_size, self.lowered.dtype)
        fill(request, taken.words | {"n": n, "block": block, "keeps": held is not None})
        cost = self.lowered.cost * (1 if gradient is None else GOING_BACK)
        # Without sums over samples every block may be a chunk of its own.
        blocks, step = -(-n // block), max(1, CALL_COST // (cost * block))
        room = taken.arrays["scratch" if held else "work"]
        sharing = min(self._threads(n * cost, threads), len(taken.arrays["scratch"]), len(room))
        for first in range(0, max(1, blocks), step):
            count = min(step, blocks - first)
            request[_WORDS["first_block"]], request[_WORDS["blocks"]] = first, count
            request[_WORDS["starts_sums"]] = gradient is not None and first == 0
            self._share(request, sharing, chunks if gradient is not None else max(1, count))
        if gradient is not None:
            self._add_up(words["sums"], chunks, gradient, threads)
        taken.filled = held is not None
        (self._idle if kept is None or held is None else kept).give_back(taken)

    def clear_unused(self, result: Any) -> None:
        """Write zeros, along the last axis of an array, to the gradients of parameters that no operation uses."""
        for unused in self.lowered.unused:
            result[..., unused] = 0.0

    def keep(self, n: int) -> Kept | None:
        """Memory for everything that is computed for so many samples; None if there are too many of them."""
        blocks, size = -(-n // self._division(n)[0]), self.lowered.work_size * self.lowered.dtype.itemsize
        return Lent(self._take(blocks), self._idle) if 0 < blocks * size <= KEPT_BYTES else None

    def features(self, x: np.ndarray, threads: int | None) -> np.ndarray:
        """What the tangent kernel needs of inputs `x (n, n_in)`: see `fastjac.kernels.tangent_kernel`."""
        features = np.zeros((len(x), self.lowered.layout.features_size), self.lowered.dtype)
        self.run(len(x), addresses_of(x=x, features=features), threads)
        return features

    def tangent_kernel(self, left: np.ndarray, right: np.ndarray, result: np.ndarray, threads: int | None) -> None:
        """Write the tangent kernel (n, m, n_out, n_out) of features (n, size) and (m, size) to `result`."""
        given = addresses_of(features=left, right_features=right, tangent_kernel=result)
        self.run(len(left), given | {"n_right": len(right)}, threads)

    def packed(self, sources: Sources) -> Lent[Held]:
        """A flat array of parameters, as a request reads them, with those at `sources` in place of the layers' own.

        The sources must name the same parameters at every call, since the arrays of earlier calls are used again.
        """
        flat = self._idle_parameters.take()
        if flat is None:
            flat = Held(parameters=aligned_zeros(self._values.size, self.lowered.dtype))
            flat.arrays["parameters"][...] = self._values
        self._pack(flat.words["parameters"], sources)
        return Lent(flat, self._idle_parameters)

    def direction(self, theta: np.ndarray) -> np.ndarray:
        """A direction of the parameters, given as a flat vector, laid out as the packed parameters are."""
        flat, start = aligned_zeros(self._values.size, self.lowered.dtype), theta.ctypes.data
        self.lowered.layout.ones.of(flat)[...] = 1.0
        positions = self.lowered.unfolded.positions
        self._pack(flat.ctypes.data, {name: start + place * theta.itemsize for name, place in positions.items()})
        return flat

    def _pack(self, target: int, sources: Sources) -> None:
        # A name holds the table until the kernel has read it: the request has only its address.
        table = np.array([sources.get(name, 0) for name in self.lowered.layout.trained], np.int64)
        request, _ = self._request({"parameters": target, "sources": table.ctypes.data})
        self._share(request, self._threads(self._values.size * MOVING_COST, None), self._team.most_threads)

    def _add_up(self, sums: int, count: int, gradient: int, threads: int | None) -> None:
        request, _ = self._request({"sums": sums, "n_sums": count, "parameter_gradient": gradient})
        cost = count * self.lowered.layout.sums_size * MOVING_COST
        self._share(request, self._threads(cost, threads), self._team.most_threads)

    def _sums(self, memory: GradientMemory, chunks: int) -> int:
        """The address of a sum for each chunk, in memory used before if there is any: fresh pages cost more than the sums."""
        if memory.sums is None or len(memory.sums.arrays["sums"]) < chunks:
            memory.sums = Held(sums=np.empty((chunks, max(1, self.lowered.layout.sums_size)), self.lowered.dtype))
        return memory.sums.words["sums"]

    def _division(self, n: int) -> tuple[int, int]:
        """How many samples are a block, and how many chunks of whole blocks have a sum of their own.

        Chunks have equally many blocks, and blocks equally many samples. Where two threads pay, the chunks are an even number.
        The division follows from sizes alone, so that the order of sums does not depend on the threads.
        """
        layout = self.lowered.layout
        room = n * layout.n_in * layout.n_out + LEAST_SUMS_SIZE
        most = max(2, min(MOST_SUMS, room // max(1, layout.sums_size) // 2 * 2))
        blocks = max(1, -(-n // layout.block))
        rounds = -(-blocks // most)
        chunks = -(-blocks // rounds)
        if n > 1 and n * self.lowered.cost >= PARALLEL_COST:
            chunks = round_up(chunks, 2)
        return max(1, -(-n // (chunks * rounds))), chunks

    def _threads(self, cost: int, threads: int | None) -> int:
        most = self._team.most_threads
        if threads is None:
            return most if cost >= PARALLEL_COST else 1
        return min(threads, most)

    @property
    def _team(self) -> crew.Team:
        # Looked up at every call: a forked child has another crew.
        return self._own_team or crew.crew

    def _share(self, request: np.ndarray, threads: int, chunks: int) -> None:
        nothing = self._nothing
        if threads == 1 or chunks == 1 or not self._team.share(threads, chunks, request, nothing, nothing, nothing, nothing):
            call_chunks(request, chunks)

    def _request(self, words: Mapping[str, int], filled: bool = False) -> tuple[np.ndarray, int]:
        """A request of these words, with those that are the same in every request for the same fields, and a thread's scratch."""
        asked = frozenset(words)
        if (asked, filled) not in self._templates:
            self._templates[asked, filled] = self._template(asked, filled)
        template, scratch_size = self._templates[asked, filled]
        request = template.copy()
        fill(request, words)
        return request, scratch_size

    def _template(self, asked: frozenset[str], filled: bool) -> tuple[np.ndarray, int]:
        """The words of a request for these fields, and the scratch of a thread."""
        lowered, dtype = self.lowered, self.lowered.dtype
        whole = next((kernel for name, kernel in WHOLE.items() if name in asked), None)
        in_pairs = "tangent_kernel" in asked
        tables = lowered.tables(NOTHING if whole or in_pairs else asked, filled)
        words = self._fixed | {"whole": kernel_address(whole, dtype) if whole else 0}
        words |= addresses_of(primal=tables.primal, live=tables.live, steps=tables.steps, layout=tables.layout)
        if in_pairs:
            words |= lowered.pairs | {"pairs": kernel_address(write_tangent_kernel, dtype)}
        template = np.array([words.get(name, 0) for name in _WORDS], np.int64)
        return template, lowered.pairs_scratch if in_pairs else tables.scratch_size

    def _take(self, slots: int) -> GradientMemory:
        """Memory with at least so many slots: idle memory if there is any, else new."""
        found = self._idle.take()
        if found is not None and len(found.arrays["work"]) >= slots:
            found.filled = False
            return found
        work, lists = scratch(self.lowered.tables(NOTHING).layout[0], self.lowered.dtype, slots)
        return GradientMemory(work=work, lists=lists)


def fill(request: np.ndarray, words: Mapping[str, int]) -> None:
    for name, word in words.items():
        request[_WORDS[name]] = word


@default_mode()
def pack(lowered: Lowered, layers: Sequence[Layer]) -> np.ndarray:
    """The flat array of a network's parameters, laid out as the tables expect, which similar networks share."""
    layout = lowered.layout
    flat = aligned_zeros(layout.values_size, lowered.dtype)
    layout.ones.of(flat)[...] = 1.0
    layout.eye.of(flat)[...] = np.eye(layout.seeds)
    for op in layout.owners:
        for key, numbers in numbers_of(parts_of(layers[op.position])[-1] if op.fields else op.layer).items():
            place = layout.numbers[op.layer][key]
            place.of(flat)[...] = numbers
            if isinstance(op.layer, Activation):
                # Its function runs over the padding too, and must find parameters there that it is made for.
                place.padding_of(flat)[...] = place.of(flat)[:, -1:]
    for index, place in layout.lists.items():
        place.of(flat).view(INDEX.dtype)[0, : len(index)] = index
    return flat
