"""TorchScript archives, which torch.jit.save writes for scripted and traced modules: read without torch, and not executed.

An archive holds the module's attributes in a pickle, data.pkl, which is read as data. It holds the module's program as text in a
small part of Python, which fastjac follows with tensors that stand for the network's inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import positive_count
from ...errors import FormatError, LayerError, OptionError, UnsupportedLayerError
from ..ir.account import Account, accounting
from ..ir.sources import Source
from ..options import Options
from ..parts import Imported
from ..reading import archive
from ..reading.archive import Archive
from ..reading.probe import Probe
from ..reading.records import Call
from ..torch_file.container import PICKLE, SCRIPT_CONSTANTS, pickled
from ..torch_file.storages import ZipStorages
from ..torch_file.tensors import Tensors, is_tensor, layout
from . import inputs, survey, widths
from .aten.evaluation import Evaluation
from .aten.network import Run, network
from .inputs import Taken
from .interpreter import Interpreter
from .objects import Constants, Module, Objects, plain
from .program import Program
from .trees import Function

TRACED_INPUTS = "traced_inputs.pkl"
MOST_SHOWN = 6
"""Most inputs that an error lists."""


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with a pickle and, beside it, the constants of a program."""
    folders = [name.removesuffix(SCRIPT_CONSTANTS) for name in probe.zip_names if name.rpartition("/")[2] == SCRIPT_CONSTANTS]
    return any(f"{folder}{PICKLE}" in probe.zip_names for folder in folders)


@np.errstate(all="ignore")  # a file may hold any numbers, even NaN and some that overflow
def load(probe: Probe, options: Options) -> Imported:
    """The network that a program in TorchScript computes from the inputs of its module's forward.

    Raises FormatError where the file is damaged, or its program takes too long; UnsupportedLayerError where it holds what fastjac
    does not have; LayerError where nothing shows how many entries an input has.
    """
    options.refuse_all_but("n_in", "input_shape", "inputs", "outputs")
    with archive.opened(probe.path) as found, accounting(account := Account()):
        return _Script(found, probe, account).network(options)


class _Script:
    """An archive that is open."""

    def __init__(self, found: Archive, probe: Probe, account: Account) -> None:
        name = next(name for name in found.names if name.rpartition("/")[2] == SCRIPT_CONSTANTS)
        self._archive, self._folder = found, name.removesuffix(SCRIPT_CONSTANTS)
        self._program = Program(found, self._folder)
        self._objects = Objects(Tensors(ZipStorages(found, self._folder), probe.size), account)
        self._root = self._pickle(PICKLE)
        constants = Objects(Tensors(ZipStorages(found, self._folder, "constants"), probe.size), account)
        self._constants = Constants(constants, self._pickle(SCRIPT_CONSTANTS))

    def network(self, options: Options) -> Imported:
        """The network of the outermost module's forward."""
        if not isinstance(self._root, Call):
            raise FormatError(
                f"its pickle holds a {type(self._root).__name__}, and TorchScript writes a module; the file is damaged"
            )
        root = self._objects.convert(self._root, "")
        if not isinstance(root, Module):
            raise FormatError("its pickle holds a tensor, and TorchScript writes a module; the file is damaged")
        try:
            forward = self._program.method(root.kind, "forward")
            parameters = inputs.taken(forward, options.inputs)

            def run(evaluation: Evaluation, tensors: Sequence[Any]) -> Any:
                interpreter = Interpreter(self._program, self._objects, self._constants, evaluation)
                rest = iter(tensors)
                return interpreter.method(root, "forward", [], {one.name: one.bound(rest) for one in parameters})

            return network(run, self._sources(forward, parameters, run, options), options)
        except UnsupportedLayerError as error:
            lacking = survey.missing(self._program, self._root)
            if lacking:
                raise UnsupportedLayerError(f"{error}; operators in it that fastjac does not have: {lacking}") from error
            raise

    def _sources(self, forward: Function, parameters: Sequence[Taken], run: Run, options: Options) -> list[Source]:
        """The inputs, with the shapes of traced examples, those that the user states, or the widths that the program shows."""
        names = [name for one in parameters for name in one.names]
        traced = self._traced(forward, [one.name for one in parameters])
        if traced:
            _check_options(traced, options)
            return traced
        if options.input_shape is not None:
            return inputs.stated(names, options.input_shape)
        return _by_width(names, options.n_in, lambda: widths.find(names, run))

    def _traced(self, forward: Function, names: Sequence[str]) -> list[Source]:
        """The inputs as torch.jit.trace has recorded them; an empty list where the file has no such record."""
        if f"{self._folder}{TRACED_INPUTS}" not in self._archive.names:
            return []
        recorded = plain(self._pickle(TRACED_INPUTS))
        examples = plain(recorded.get("forward")) if isinstance(recorded, dict) else None
        parameters = list(forward.parameters)[1:]
        by_name = dict(zip(parameters, examples if isinstance(examples, (list, tuple)) else (), strict=False))
        if not all(isinstance(by_name.get(name), Call) and is_tensor(by_name[name]) for name in names):
            return []
        return [_source(name, by_name[name]) for name in names]

    def _pickle(self, name: str) -> Any:
        return pickled(self._archive, f"{self._folder}{name}")


def _source(name: str, example: Call) -> Source:
    """An input with the shape of a recorded example, whose first axis counts samples if it has several axes."""
    found = layout(example)
    if len(found.size) < 2:
        return Source.of(name, found.size or (1,), None, found.dtype)
    return Source.of(name, (1, *found.size[1:]), 0, found.dtype)


def _check_options(sources: Sequence[Source], options: Options) -> None:
    """Refuse an input_shape, and an n_in that is not the size of the example that the program was traced with."""
    if options.input_shape is not None:
        raise OptionError(
            "the program was traced with examples of its inputs, whose shapes the file holds; leave input_shape out"
        )
    given = positive_count(options.n_in, "n_in")
    sizes = [source.size for source in sources]
    if given is not None and sizes != [given]:
        listed = ", ".join(map(str, sizes))
        raise LayerError(f"n_in={given} was given, but the program was traced with inputs of {listed} entries; leave n_in out")


def _by_width(names: Sequence[str], n_in: int | None, found: Any) -> list[Source]:
    """Inputs (N, n), where n is n_in if that is given, else the width that the program shows."""
    given = positive_count(n_in, "n_in")
    if given is not None and len(names) > 1:
        raise OptionError(f"n_in is the size of one input, and forward takes several; leave n_in out, or {_by_shapes(names)}")
    known = {names[0]: given} if given is not None else found()
    unknown = [name for name in names if name not in known]
    if unknown:
        way = "pass it as n_in" if len(names) == 1 else _by_shapes(names)
        raise LayerError(f"the program does not show how many entries its input {unknown[0]!r:.80} has; {way}")
    return [Source.of(name, (1, known[name])) for name in names]


def _by_shapes(names: Sequence[str]) -> str:
    """How to state the shapes of several inputs."""
    more = [f"and {len(names) - MOST_SHOWN} more"] if len(names) > MOST_SHOWN else []
    listed = ", ".join([f"{name:.80}" for name in names[:MOST_SHOWN]] + more)
    form = ", ".join([f"(n_{name:.80},)".replace(".", "_") for name in names[:MOST_SHOWN]] + ["..."] * len(more))
    return (
        f"pass the shape of one sample for each of {listed}: input_shape=({form}); None stands for the axis that counts samples "
        "where that is not the first, as in (2, None, 8)"
    )
