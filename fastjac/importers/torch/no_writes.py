"""Keep a module's code from changing tensors that were there before it ran."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ...errors import UnsupportedLayerError
from .memory import storage_of


@cache
def written_arguments(func: Any) -> Sequence[tuple[int, str]]:
    """The arguments of an operator whose entries it writes, by their positions and names."""
    if func is torch.ops.aten.detach_.default:
        return ()
    arguments = [(number, one.name, one.alias_info) for number, one in enumerate(func._schema.arguments)]
    return [(number, name) for number, name, alias in arguments if alias is not None and alias.is_write]


class NoWrites(TorchDispatchMode):
    """A mode in which torch's operators write to tensors that were made while it is on, and to no others.

    draws : whether an operator has drawn random numbers in this thread. Other threads have modes of their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.draws = False
        self._made: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.draws |= torch.Tag.nondeterministic_seeded in func.tags
        for position, name in written_arguments(func):
            written = args[position] if position < len(args) else kwargs.get(name)
            for tensor in written if isinstance(written, (list, tuple)) else [written]:
                self._check(tensor, func)
        results = func(*args, **kwargs)
        for result in results if isinstance(results, (list, tuple)) else [results]:
            self._note(result, args)
        return results

    def _note(self, result: Any, args: Any) -> None:
        """Note a tensor that an operator has made, unless it lies in the memory of a tensor that the operator took."""
        if isinstance(result, torch.Tensor) and (made := storage_of(result)) is not None:
            given = [storage_of(tensor) for tensor in args if isinstance(tensor, torch.Tensor)]
            if all(old is None or old._cdata != made._cdata for old in given):
                self._made[made._cdata] = made  # held, so that no other memory gets its address

    def _check(self, tensor: Any, func: Any) -> None:
        storage = storage_of(tensor) if isinstance(tensor, torch.Tensor) else None
        if storage is not None and storage._cdata not in self._made:
            raise UnsupportedLayerError(
                f"it changes a tensor of shape {tuple(tensor.shape)} in place ({func._schema.name.removeprefix('aten::')}) that "
                "is there between calls, so it may compute something else at each call; leave that out, or call .eval() on it"
            )
