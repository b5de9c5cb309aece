"""The network of a module that was saved as a whole, by `torch.save(module, path)`: nothing in it is made, imported or called.

What a class of torch computes is known: modules.py has the operator that it calls, and fastjac carries these operators out as it
does those of torch's programs. What any other class computes stands in code that is not in the file, so the user lists it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...arguments import positive_count
from ...errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError
from ...layers import Layer
from ..entries import ACTIVATIONS, OF_VECTOR, all_entries, residual_entries
from ..ir.account import Account, accounting, hold
from ..ir.sources import Source
from ..located import located
from ..options import Options
from ..parts import Imported
from ..reading.limits import MOST_LAYERS, MOST_NESTING, check_count
from ..reading.records import Call
from ..torch.modified import MODULE_PREFIX, WRAPPERS
from ..torch_program.aten.evaluation import Evaluation
from ..torch_program.aten.network import Run, network
from ..torch_program.aten.values import stored
from ..torch_program.inputs import stated
from ..torch_program.widths import find
from .modules import ALWAYS, MODULES, TEXTS
from .records import Module, is_module
from .steps import Block, Given, Step, Steps, followed
from .tensors import Tensors

SEQUENTIAL = f"{MODULE_PREFIX}container.Sequential"
LISTS = tuple(f"{MODULE_PREFIX}container.{name}" for name in ("ModuleList", "ModuleDict"))
INPUT = "x"
"""The name of the input."""


def whole_module(record: Call, tensors: Tensors, options: Options) -> Imported:
    """The network of a module as a pickle describes it, in evaluation mode; see `fastjac.load` for `options.classes`.

    Raises OptionError where a class is not torch's and not listed, or is listed and not in the file; UnsupportedLayerError for a
    module that fastjac does not have, or one that hooks change; FormatError where the file is damaged.
    """
    options.refuse_all_but("classes", "n_in", "input_shape")
    with accounting(Account()), np.errstate(all="ignore"):  # a file may hold any numbers, even NaN and some that overflow
        steps = _steps(record, tensors, options)

        def run(evaluation: Evaluation, inputs: Sequence[Any]) -> Any:
            return followed(steps, evaluation, inputs[0])

        made = network(run, [_source(run, options)], options)
    return replace(made, network=made.network.astype(tensors.widest))


def _steps(record: Call, tensors: Tensors, options: Options) -> Steps:
    """What the module does, one module of torch's after another."""
    reader = _Reader(tensors, _checked(options.classes))
    steps = reader.steps(record, "", 0)
    unused = sorted(set(reader.classes) - reader.seen)
    if unused:
        raise OptionError(
            f"classes lists {unused[0]!r:.200}, but no module in the file is of this class; the file's classes are "
            f"{', '.join(sorted(reader.seen))}"
        )
    return steps


def _source(run: Run, options: Options) -> Source:
    """The input. Its shape is the one that the user states; else its width is that of the first weight that it meets."""
    if options.input_shape is not None:
        return stated([INPUT], options.input_shape)[0]
    width = positive_count(options.n_in, "n_in") or find([INPUT], run).get(INPUT)
    if width is None:
        raise LayerError(
            "no layer states how many inputs the network has; pass it: n_in=..., or the shape of one sample: input_shape=..."
        )
    return Source.of(INPUT, (1, width))


def whole_state(record: Call, tensors: Tensors) -> dict[str, np.ndarray]:
    """The state dict of a module as a pickle describes it."""
    found: dict[str, np.ndarray] = {}
    for path, module in _within(Module(record, tensors), tensors):
        with located(path or "the module"):
            found |= {f"{path}.{name}".lstrip("."): array for name, array in module.arrays().items()}
    return found


def _within(module: Module, tensors: Tensors) -> Iterator[tuple[str, Module]]:
    """The module and all modules in it, with the paths that lead to them."""
    level, depth, count = [("", module)], 0, 0
    while level:
        depth += 1
        check_count(depth, MOST_NESTING, "levels of modules within modules")
        yield from level
        below: list[tuple[str, Module]] = []
        for path, inner in level:
            for name, child in inner.children.items():
                count += 1
                check_count(count, MOST_LAYERS, "modules")
                if is_module(child):
                    below.append((f"{path}.{name!s:.100}".lstrip("."), Module(child, tensors)))
        level = below


def _checked(classes: Any) -> Mapping[str, Sequence[Any]]:
    """The lists that the user gives, by the names of classes; DtypeError where they are no dictionary of lists."""
    if classes is None:
        return {}
    if not isinstance(classes, Mapping):
        raise DtypeError(f'classes must map names to lists, as {{"__main__.Net": ["fc1", "relu", "fc2"]}}, got {classes!r:.200}')
    for name, entries in classes.items():
        if isinstance(entries, str) or not isinstance(entries, Sequence):
            raise DtypeError(
                f'classes[{name!r}] must be a list of what forward does, such as ["fc1", "relu"], got {entries!r:.200}'
            )
    return classes


class _Reader:
    """Reads modules, each once, however often it is used.

    seen : the names of the listed classes that the file has modules of.
    """

    def __init__(self, tensors: Tensors, classes: Mapping[str, Sequence[Any]]) -> None:
        self.classes = classes
        self.seen: set[str] = set()
        self._tensors = tensors
        self._known: dict[int, tuple[str, Sequence[Any]]] = {}
        self._count = 0

    def steps(self, record: Any, path: str, depth: int) -> Steps:
        """What a module does."""
        self._count_one_more()
        check_count(depth, MOST_NESTING, "levels of modules within modules")
        if not is_module(record):
            raise FormatError(
                f"{path} is a {str(record) if isinstance(record, Call) else type(record).__name__:.200} and no module"
            )
        module = Module(record, self._tensors)
        name = module.class_name
        with located(f"{path or 'the module'} ({name:.200})"):
            module.check_plain()
        if name in WRAPPERS:
            return self._child(module, WRAPPERS[name], path, depth)
        if name in self.classes:
            self.seen.add(name)
            self._check_all_named(module)
            return self._listed(self.classes[name], module, path, depth)
        if name == SEQUENTIAL:
            return [step for child in module.children for step in self._child(module, child, path, depth)]
        with located(f"{path or 'the module'} ({name:.200})"):
            if id(record) not in self._known:
                self._known[id(record)] = self._operator(module)
        return [Step(path, name.rpartition(".")[2], *self._known[id(record)])]

    def _child(self, module: Module, name: Any, path: str, depth: int) -> Steps:
        if name not in module.children:
            raise FormatError(f"{path or 'the module'} holds no module {name}; the file is damaged")
        return self.steps(module.children[name], f"{path}.{name!s:.100}".lstrip("."), depth + 1)

    def _operator(self, module: Module) -> tuple[str, Sequence[Any]]:
        """The operator that one of torch's own modules calls, and the arguments that it takes after the tensor."""
        name = module.class_name
        kind = name.rpartition(".")[2]
        if not name.startswith("torch."):
            raise OptionError(_asked_for(module))
        if name in LISTS:
            raise OptionError(f"it is called by nobody; list its modules in its place, as {_proposal(module)}")
        if not name.startswith(MODULE_PREFIX) or kind not in MODULES:
            raise UnsupportedLayerError(f"fastjac does not have {kind}; it has {', '.join(MODULES)}")
        for option, value in ALWAYS.items():
            if module.has(option) and getattr(module, option) != value:
                raise UnsupportedLayerError(f"{option}={getattr(module, option)!r:.80} is not supported; fastjac takes {value!r}")
        operator, *attributes = MODULES[kind].split()
        return operator, [_argument(module, attribute) for attribute in attributes]

    def _check_all_named(self, module: Module) -> None:
        """Raise OptionError where a list leaves out weights, since the user probably forgot them."""
        name = module.class_name
        named = [entry for entry in all_entries(self.classes[name]) if isinstance(entry, str)]
        for path, inner in _within(module, self._tensors):
            self._count_one_more()
            if inner.own_names and not any(path == entry or path.startswith(f"{entry}.") for entry in named):
                raise OptionError(
                    f"classes[{name!r:.200}] does not name {path or inner.own_names[0]!r:.200}, which has weights; name every "
                    "module in its place, or leave it out of the weights alone, by layers=[...] and order=[...]"
                )

    def _count_one_more(self) -> None:
        self._count += 1
        check_count(self._count, MOST_LAYERS, "modules")

    def _listed(self, entries: Sequence[Any], module: Module, path: str, depth: int) -> Steps:
        """What a module does according to the user's list."""
        found: list[Step | Given | Block] = []
        for position, entry in enumerate(entries):
            with located(f"classes[{module.class_name!r:.200}][{position}]"):
                inner = residual_entries(entry)
                if inner is not None:
                    found.append(Block(self._listed(inner, module, path, depth)))
                elif isinstance(entry, Layer):
                    found.append(Given(type(entry).__name__, (entry,)))
                else:
                    found += self._named(entry, module, path, depth)
        return found

    def _named(self, entry: Any, module: Module, path: str, depth: int) -> Steps:
        """What an entry of a list stands for: a module, by its path within the listed one, or an activation, by its name."""
        if not isinstance(entry, str):
            raise OptionError(f"it must be a module's name, an activation's or a fastjac layer, got {entry!r:.200}")
        if entry.partition(".")[0] not in module.children and entry in ACTIVATIONS:
            return [Given(entry, ACTIVATIONS[entry])]
        if entry not in module.children and entry in OF_VECTOR:
            return [Step("", entry, entry, [])]
        record: Any = None
        at = module.children
        for name in entry.split("."):
            record = at.get(name)
            at = Module(record, self._tensors).children if is_module(record) else {}
        if record is None:
            names = ", ".join(f"{name!s:.50}" for name in list(module.children)[:20])
            raise OptionError(f"{entry!r:.200} is none of its modules ({names}) and none of {', '.join(ACTIVATIONS)}")
        return self.steps(record, f"{path}.{entry}".lstrip("."), depth + 1)


def _argument(module: Module, name: str) -> Any:
    """An attribute of a module, as an operator takes it."""
    if name == "False":
        return False
    value = getattr(module, name)
    if isinstance(value, str) and name not in TEXTS:
        raise FormatError(f"its {name} is {value!r:.80}, which is no option that torch gives it")
    if isinstance(value, np.ndarray):
        hold(value.size)
        return stored(value, name)
    return list(value) if isinstance(value, tuple) else value


def _asked_for(module: Module) -> str:
    """The message that asks the user what a class of theirs computes."""
    return (
        f"what it computes stands in its forward, which is not in the file; list it: classes={{{module.class_name!r:.200}: "
        f'{_proposal(module)}}}, with what stands between, such as "relu"; or load it in torch, for fastjac.from_torch(module)'
    )


def _proposal(module: Module) -> str:
    return str([str(name)[:50] for name in list(module.children)[:20]])
