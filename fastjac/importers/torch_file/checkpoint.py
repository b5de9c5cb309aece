"""Where the weights stand among what people save: a state dict, or a checkpoint that holds one beside other things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError
from ..located import located
from ..parts import Part
from ..reading.limits import MOST_ARRAYS, MOST_LAYERS, MOST_NESTING, check_count
from ..reading.records import ORDERED_DICT, Call
from .tensors import is_tensor, layout

MOST_SHOWN = 10
"""Entries that an error or a table lists."""
SAVE_THE_STATE = "save torch.save(module.state_dict(), path), or load it in torch and pass fastjac.from_torch(module)"


@dataclass(frozen=True)
class StateDict:
    """A dict that maps names to tensors.

    path : the keys that lead to it; empty for the whole file.
    entries : all that it holds.
    is_ordered : whether it is an OrderedDict, as a module's own state dict is, and so in the order of the layers.
    """

    path: tuple[str, ...]
    entries: dict[Any, Any]
    is_ordered: bool

    def names(self) -> list[str]:
        """The names of its tensors."""
        return [name for name, value in self.entries.items() if isinstance(name, str) and is_tensor(value)]

    def tensors(self) -> dict[str, Call]:
        """Its tensors by name. Raises FormatError where it holds an object that only that object's own code could make."""
        check_count(len(self.entries), MOST_ARRAYS, "entries in its state dict")
        found = {}
        for name, value in self.entries.items():
            with located(f"entry {name!r:.200}"):
                if not isinstance(name, str):
                    raise FormatError("the names of a state dict must be text")
                if is_tensor(value):
                    found[name] = value
                elif isinstance(value, Call) and entries_of(value) is None:
                    raise FormatError(
                        f"the pickle asks for {value}; fastjac runs no pickle, and a state dict needs tensors alone"
                    )
        return found


def numbered(value: Any) -> Any:
    """The value; where it is a list or tuple that begins with a dict, a dict whose keys are the positions as text."""
    if not isinstance(value, (tuple, list)) or not value or entries_of(value[0]) is None:
        return value
    check_count(len(value), MOST_LAYERS, "dicts in the list that it is")
    return {str(position): item for position, item in enumerate(value)}


def state_dicts(value: Any) -> list[StateDict]:
    """Every dict that holds weights in what a pickle describes, the outermost first; FormatError where there is none."""
    found = [candidate for candidate in _dicts(value) if any(map(_is_weight, candidate.entries.values()))]
    if not found:
        raise FormatError(f"the file holds no state dict, which maps names to tensors: {_described(value)}")
    return found


def left_out(value: Any, chosen: list[StateDict]) -> list[Part]:
    """What stands in the file beside the state dicts that were chosen: an optimizer's state, say."""
    starts = {state.path[0] if state.path else None for state in chosen}
    entries = (entries_of(value) or {}).items()
    beside = [(key, inner) for key, inner in entries if key not in starts and not (None in starts and is_tensor(inner))]
    parts = [Part(f"{_short(key)} ({_kind(inner)})", (), "left out: it is not among the weights") for key, inner in beside]
    return parts[:MOST_SHOWN] + [Part(f"{len(parts) - MOST_SHOWN} more entries", (), "left out")] * (len(parts) > MOST_SHOWN)


def entries_of(value: Any) -> dict[Any, Any] | None:
    """The entries of a dict or OrderedDict, None for anything else."""
    if isinstance(value, dict):
        return value
    return value.entries if isinstance(value, Call) and str(value) == ORDERED_DICT else None


def _dicts(value: Any) -> Iterator[StateDict]:
    """The dicts that text keys alone lead to, each once. To dicts in an optimizer's state, keys that are numbers lead too."""
    level: list[tuple[tuple[str, ...], Any]] = [((), value)]
    seen, depth = {id(value)}, 0
    while level:
        depth += 1
        check_count(depth, MOST_NESTING, "levels of dicts within dicts")
        below: list[tuple[tuple[str, ...], Any]] = []
        for path, inner in level:
            entries = entries_of(inner)
            if entries is None:
                continue
            yield StateDict(path, entries, isinstance(inner, Call))
            for key, item in entries.items():
                if isinstance(key, str) and entries_of(item) is not None and id(item) not in seen:
                    seen.add(id(item))
                    check_count(len(seen), MOST_LAYERS, "dicts within dicts")
                    below.append(((*path, key), item))
        level = below


def _is_weight(value: Any) -> bool:
    """Whether it is a tensor with axes, unlike a loss or a count."""
    if not is_tensor(value):
        return False
    try:
        return layout(value).size != ()
    except FormatError:
        return True  # the error is raised again when the tensor is read


def _described(value: Any) -> str:
    """What the file holds instead of a state dict, and what to do."""
    if is_tensor(value):
        return "it is a single tensor; build fastjac.Affine from it"
    entries = entries_of(value)
    if entries is None:
        return f"it is {_kind(value)}; {SAVE_THE_STATE}"
    listed = [f"{_short(key)} ({_kind(inner)})" for key, inner in list(entries.items())[:MOST_SHOWN]]
    return f"its entries are {', '.join(listed) or 'none'}; {SAVE_THE_STATE}"


def _short(key: Any) -> str:
    return str(key)[:80]


def _kind(value: Any) -> str:
    return f"{value}, which was not made" if isinstance(value, Call) and entries_of(value) is None else type(value).__name__
