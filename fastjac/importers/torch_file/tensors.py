"""Tensors that a pickle describes: how each lies in its storage, which is checked before a byte is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import FormatError
from ..reading.bfloat16 import widen_bfloat16
from ..reading.limits import MOST_UNITS, check_count, refuse_expansion
from ..reading.records import Call, Name, Storage
from .storages import NUMBERS, Described, Storages, described, item_size

MOST_AXES = 32
"""The most axes of a tensor; NumPy takes up to 64."""
MOST_WRAPPERS = 4
"""The most calls around the one that makes the tensor, such as that of a parameter."""
PLAIN_TYPES = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
"""Classes whose tensors stand for their numbers and nothing else."""
BITS = ("conj", "neg")
"""The entries of a tensor's metadata. Each stands for an operation that torch has put off."""
NUMBERS_BY_NAME = ("data", "real", "imag")
"""Attributes of a tensor that stand for its numbers, so that to set one is to change them."""


@dataclass(frozen=True)
class Layout:
    """How a tensor lies in its storage: torch's offset, size and stride, all counted in numbers of `dtype`.

    bits : the operations that torch leaves to whoever reads the numbers: "neg" for a change of sign, "conj" for conjugation.
    """

    storage: Described
    dtype: str
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    bits: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.size)


def is_tensor(value: Any) -> bool:
    """Whether a value of the pickle stands for a tensor; a tensor of a kind that fastjac refuses counts too."""
    return isinstance(value, Call) and (str(value) in REBUILD or str(value) in REFUSED)


def layout(value: Call) -> Layout:
    """How the tensor lies in its storage.

    Raises FormatError where the tensor is of a kind that has no plain numbers, or reaches beyond its storage.
    """
    for _ in range(MOST_WRAPPERS):
        if value.entries or value.state is not None:
            raise FormatError("the pickle changes the tensor after it has made it, which torch.save never writes")
        if str(value) not in REBUILD:
            unknown = f"the pickle asks for {value} to make a tensor; fastjac knows {', '.join(REBUILD)}"
            raise FormatError(REFUSED.get(str(value), unknown))
        try:
            found = REBUILD[str(value)](*value.args)
        except TypeError as error:
            raise FormatError(f"{value} is given other arguments than torch gives it; the file is damaged") from error
        if isinstance(found, Layout):
            check_layout(found)
            return found
        value = found
    raise FormatError(f"a tensor is wrapped more than {MOST_WRAPPERS} times; the file is damaged")


class Tensors:
    """Reads tensors, and compares their bytes together with the length of the file."""

    def __init__(self, storages: Storages, file_size: int) -> None:
        self._storages = storages
        self._file_size = file_size
        self._read: dict[str, bytes] = {}
        self._bytes = 0
        self._dtypes: set[str] = set()

    @property
    def widest(self) -> np.dtype:
        """float32 if tensors were read and none of them is wider, else float64."""
        return np.dtype(np.float32 if self._dtypes and "float64" not in self._dtypes else np.float64)

    def array(self, value: Call) -> np.ndarray:
        """The numbers of a tensor; bfloat16 is widened to float32."""
        return self.laid_out(layout(value))

    def laid_out(self, found: Layout) -> np.ndarray:
        """The numbers of a tensor whose layout has been checked."""
        if found.dtype not in NUMBERS:
            raise FormatError(f"it holds {found.dtype} numbers; fastjac takes {', '.join(NUMBERS)}, so convert it in torch")
        self._account(found.count * item_size(found.dtype))
        self._dtypes.add(found.dtype)
        numbers = _strided(self._content(found.storage), found, self._storages.byte_order)
        return _resolved(widen_bfloat16(numbers) if found.dtype == "bfloat16" else numbers, found.bits)

    def _content(self, storage: Described) -> bytes:
        if storage.key not in self._read:
            self._account(storage.size)
            self._read[storage.key] = self._storages.read(storage)
        content = self._read[storage.key]
        if len(content) < storage.size:
            raise FormatError(f"storage {storage.key} is described as longer than it is; the file is damaged")
        return content

    def _account(self, size: int) -> None:
        self._bytes += size
        refuse_expansion(self._bytes, self._file_size, "the file's tensors")


def _strided(content: bytes, found: Layout, byte_order: str) -> np.ndarray:
    """The numbers as a new array in C order; the layout has been checked against the content."""
    dtype = np.dtype(NUMBERS[found.dtype]).newbyteorder("<" if byte_order == "little" else ">")
    if found.count == 0:
        return np.zeros(found.size, NUMBERS[found.dtype])
    flat = np.frombuffer(content, dtype, found.storage.size // dtype.itemsize)
    # An axis of one entry may have any stride in torch, even one too large for NumPy.
    strides = [stride * dtype.itemsize if length > 1 else 0 for length, stride in zip(found.size, found.stride, strict=True)]
    view = np.lib.stride_tricks.as_strided(flat[found.offset :], found.size, strides, writeable=False)
    return np.array(view, NUMBERS[found.dtype], order="C")


def _resolved(numbers: np.ndarray, bits: frozenset[str]) -> np.ndarray:
    """The numbers that torch computes with, after the operations that it has put off."""
    if not bits:
        return numbers
    if bits != {"neg"} or numbers.dtype == bool:
        raise FormatError(f"the pickle puts off {' and '.join(sorted(bits))}, which {numbers.dtype} numbers cannot have")
    return np.negative(numbers)


def check_layout(found: Layout) -> None:
    """Raise FormatError where a tensor reaches beyond its storage, or its offset, size and stride do not fit together."""
    whole = [found.offset, *found.size, *found.stride]
    if len(found.size) != len(found.stride) or not all(isinstance(number, int) and number >= 0 for number in whole):
        raise FormatError("its offset, size and stride are no counts that belong together; the file is damaged")
    check_count(len(found.size), MOST_AXES, "axes")
    check_count(max(found.size, default=0), MOST_UNITS, "entries along one axis")
    last = found.offset + sum((length - 1) * stride for length, stride in zip(found.size, found.stride, strict=True))
    held = found.storage.size // item_size(found.dtype)
    if found.count and last >= held:
        raise FormatError(
            f"with offset {found.offset}, size {found.size} and stride {found.stride} it reaches number {last} of a storage that "
            f"has {held}; the file is damaged"
        )


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any = None, hooks: Any = None, metadata: Any = None
) -> Layout:
    """`torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata)`"""
    if not isinstance(storage, Storage):
        raise FormatError("a tensor is made from something that is no storage; the file is damaged")
    found = described(storage)
    return Layout(found, found.dtype, offset, _sizes(size), _sizes(stride), _bits(metadata))


def _typed_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Layout:
    """`torch._utils._rebuild_tensor_v3`: the storage holds bytes, and the dtype is a further argument."""
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, Name) else type(dtype).__name__
    if name not in NUMBERS:
        raise FormatError(f"it holds {name} numbers; fastjac takes {', '.join(NUMBERS)}, so convert it in torch")
    return replace(_tensor(storage, offset, size, stride, metadata=metadata), dtype=name)


def _bits(metadata: Any) -> frozenset[str]:
    """The bits that a tensor's metadata set; FormatError for any other entry, since nobody knows what it means."""
    if metadata is None:
        return frozenset()
    if not isinstance(metadata, dict) or not all(name in BITS and isinstance(bit, bool) for name, bit in metadata.items()):
        entries = ", ".join(f"{name!s:.80}" for name in metadata) if isinstance(metadata, dict) else type(metadata).__name__
        raise FormatError(f"the pickle gives the tensor metadata ({entries:.200}); fastjac knows {' and '.join(BITS)} alone")
    return frozenset(name for name, bit in metadata.items() if bit)


def _parameter(data: Any, grad: Any = None, hooks: Any = None, state: Any = None) -> Any:
    """`torch._utils._rebuild_parameter_with_state(tensor, requires_grad, hooks, state)`"""
    if not isinstance(data, Call):
        raise FormatError("a parameter is made from something that is no tensor; the file is damaged")
    _check_state(state)
    return data


def _of_type(function: Any, kind: Any, args: Any, state: Any) -> Call:
    """`torch._tensor._rebuild_from_type_v2(function, class, args, state)`: a tensor that also has attributes."""
    if not isinstance(function, Name) or not isinstance(kind, Name):
        raise FormatError("a tensor is made by something that is no name; the file is damaged")
    if str(kind) not in PLAIN_TYPES:
        raise FormatError(
            f"the pickle asks for a tensor of class {kind}, which may compute anything; make it a plain one in torch"
        )
    _check_state(state)
    return Call(function, args)


def _check_state(state: Any) -> None:
    """Raise FormatError if the attributes that a tensor is given replace its numbers."""
    for attributes in state if isinstance(state, tuple) else (state,):
        if not isinstance(attributes, (dict, type(None))):
            raise FormatError(f"a tensor's attributes are a {type(attributes).__name__} and no dict; the file is damaged")
        for name in NUMBERS_BY_NAME:
            if name in (attributes or {}):
                raise FormatError(f"the pickle replaces the tensor's numbers by its attribute {name}, as torch.save never does")


def unsized(value: Any) -> Any:
    """The tuple in a torch.Size; any other value as it is."""
    is_size = isinstance(value, Call) and str(value) == "torch.Size" and isinstance(value.args, tuple) and len(value.args) == 1
    return value.args[0] if is_size else value


def _sizes(value: Any) -> tuple[Any, ...]:
    """A tuple of sizes, also if it is given as a torch.Size."""
    value = unsized(value)
    if not isinstance(value, tuple):
        raise FormatError("a tensor's size or stride is no tuple; the file is damaged")
    return value


REBUILD: dict[str, Callable[..., Layout | Call]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type": _of_type,
    "torch._tensor._rebuild_from_type_v2": _of_type,
}
"""The functions that torch's pickles call to make a tensor, by name, with what reads their arguments here. They are never
called themselves."""

REFUSED = {
    "torch._utils._rebuild_qtensor": "it is quantized; call .dequantize() on it in torch and save that",
    "torch._utils._rebuild_sparse_tensor": "it is sparse; call .to_dense() on it in torch and save that",
    "torch._utils._rebuild_sparse_csr_tensor": "it is sparse; call .to_dense() on it in torch and save that",
    "torch._utils._rebuild_nested_tensor": "it is a nested tensor, whose rows differ in length; no layer of fastjac takes one",
    "torch._utils._rebuild_meta_tensor_no_storage": "it is on the meta device, so the file holds no numbers of it",
    "torch._utils._rebuild_device_tensor_from_numpy": "it lies on a device of its own; call .cpu() on it in torch and save that",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "it lies on a device of its own; call .cpu() on it and save that",
    "torch._utils._rebuild_xla_tensor": "it lies on a device of its own; call .cpu() on it in torch and save that",
    "torch._utils._rebuild_wrapper_subclass": "it is a tensor class of its own; convert it to a plain tensor in torch",
}
"""The functions that make tensors without plain numbers, by name, with the reason and what to do."""
