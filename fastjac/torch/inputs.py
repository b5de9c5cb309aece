"""Arguments and results of a call: tensors, in tuples where a module has several inputs or outputs."""

from __future__ import annotations

from typing import Any

import torch

from ..errors import DtypeError, OptionError, ShapeError
from ..importers.torch.modes import is_plain
from .chain import ModuleChain


def sizes_of(x: Any) -> tuple[int, ...]:
    """The sizes of the inputs; none where one of them has no size, which `joined_input` refuses.

    Raises DtypeError where one is no tensor.
    """
    several = isinstance(x, (tuple, list)) and any(isinstance(part, torch.Tensor) for part in x)
    given = x if several else (x,)
    for number, part in enumerate(given):
        _check_tensor(part, f"x[{number}]" if several else "x")
    is_sized = all(not part.is_nested and part.ndim for part in given)
    return tuple([part.shape[-1] for part in given]) if is_sized else ()


def joined_input(chain: ModuleChain, x: Any) -> Any:
    """All inputs as one tensor (..., n_in), one input after another."""
    if len(chain.inputs) == 1:
        return _checked(chain, x, chain.inputs[0], "x")
    sizes = ", ".join(map(str, chain.inputs))
    wanted = f"x must be a tuple of {len(chain.inputs)} tensors, one for each input of the module (of size {sizes})"
    if not isinstance(x, (tuple, list)):
        raise DtypeError(f"{wanted}, got {type(x).__name__}")
    if len(x) != len(chain.inputs):
        raise ShapeError(f"{wanted}, got {len(x)}")
    parts = [_checked(chain, part, size, f"x[{n}]") for n, (part, size) in enumerate(zip(x, chain.inputs, strict=True))]
    shapes = [part.shape[:-1] for part in parts]
    try:
        lead = torch.broadcast_shapes(*shapes)
    except RuntimeError as error:
        listed = ", ".join(str(tuple(shape)) for shape in shapes)
        raise ShapeError(f"the leading dimensions of all tensors in x must broadcast to one batch, got {listed}") from error
    return torch.cat([part.expand(*lead, part.shape[-1]) for part in parts], -1)


def _checked(chain: ModuleChain, x: Any, size: int, name: str) -> Any:
    _check_tensor(x, name)
    if x.dtype != chain.dtype:
        raise DtypeError(f"{name} must have the module's dtype {chain.dtype}, got {x.dtype}; use {name}.to({chain.dtype})")
    if x.device.type != "cpu":
        raise OptionError(f"{name} must be on the CPU, it is on {x.device}; fastjac computes there only")
    if x.is_nested or not is_plain(x):
        kind = "nested tensor" if x.is_nested else type(x).__name__ if x.layout is torch.strided else f"tensor in {x.layout}"
        raise DtypeError(f"{name} must be a plain dense tensor, got a {kind}; pass its entries as one, such as {name}.to_dense()")
    if x.ndim == 0 or x.shape[-1] != size:
        raise ShapeError(f"{name} must have shape (..., {size}), got {tuple(x.shape)}")
    return x if type(x) is torch.Tensor else x.as_subclass(torch.Tensor)


def _check_tensor(x: Any, name: str) -> None:
    if not isinstance(x, torch.Tensor):
        kind = type(x).__name__
        raise DtypeError(f"{name} must be a torch tensor, got {kind}; use torch.from_numpy, or fastjac.from_torch(module)")


def blocks(y: Any, jacobian: Any, chain: ModuleChain) -> tuple[Any, Any]:
    """y and J in a tuple for each end that has several vectors."""
    rows = jacobian.split_with_sizes(list(chain.outputs), -2)
    parts = [row.split_with_sizes(list(chain.inputs), -1) for row in rows] if len(chain.inputs) > 1 else rows
    return (y.split_with_sizes(list(chain.outputs), -1), tuple(parts)) if len(chain.outputs) > 1 else (y, parts[0])
