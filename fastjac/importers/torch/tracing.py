"""The forward of a live module, followed by torch.fx: which modules, functions and methods it calls, one after the other."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import fx

from ...errors import FastjacError, UnsupportedLayerError
from ...layers import Layer
from ..located import located
from .modified import Evaluated, check_global_hooks, check_plain, own_class, wrapped
from .modules import MODULES

FORWARD = "write forward with torch's own modules and functions, or pass a chain of modules as torch.nn.Sequential"
AUTOCAST_DEVICES = ("cpu", "cuda")
HIDDEN = (f"{Path(torch.__file__).parent}{os.sep}", f"{Path(__file__).parents[2]}{os.sep}")
"""Where code stands that is not the user's."""


@dataclass
class Traced:
    """What a forward does.

    inputs : their names.
    nodes : its steps in order, as torch.fx has them.
    modules : the modules that nodes of kind "call_module" call, by their targets.
    layers : by node, the layers that a step is: that the module was when it was called, or that were read of a function since.
    replaced : the sources of the calls in which a module had other tensors than it holds outside of the forward.
    constants : the tensors that nodes of kind "get_attr" stand for.
    values : their entries when they were used.
    places : the line of the user's code behind a node, as "model.py, line 12"; empty where there is none.
    recorded : whether torch would have recorded gradients at a node.
    """

    inputs: Sequence[str]
    nodes: list[Any] = field(default_factory=list)
    modules: dict[str, Any] = field(default_factory=dict)
    layers: dict[Any, Sequence[Layer]] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Any, str] = field(default_factory=dict)
    recorded: dict[Any, bool] = field(default_factory=dict)

    def source(self, node: Any) -> str:
        """How the user's code calls the step."""
        if node.op == "call_module":
            return f"{node.target} ({type(self.modules[node.target]).__name__})".lstrip()
        name = getattr(node.target, "__name__", node.target)
        given = "the input" if len(self.inputs) == 1 else f"the input {name}"
        return {"placeholder": given, "output": "the output"}.get(node.op, f"{node.name} ({name})")

    def where(self, node: Any) -> str:
        """How the user's code calls the step, and in which line."""
        return f"{self.source(node)}, {self.places[node]}" if self.places[node] else self.source(node)


def traced(module: Any, inputs: Sequence[str]) -> Traced:
    """Follow the module's forward on inputs of these names, without any numbers for them.

    Raises UnsupportedLayerError where the forward cannot be followed, because it decides by its input.
    """
    check_global_hooks()
    tracer = _Tracer(inputs)
    try:
        with torch.enable_grad():
            graph = tracer.trace(_Whole(module))
    except FastjacError:
        raise
    except Exception as error:  # the user's own code runs here, and may raise anything
        raise UnsupportedLayerError(_cannot_follow(error)) from error
    tracer.finish(graph)
    return tracer.found


class _Whole(torch.nn.Module):
    """Calls the module, so that defaults hold, and that it counts as called by another, even if it is a leaf."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any) -> Any:
        return self.module(*inputs)


class _Tracer(fx.Tracer):
    """torch.fx's tracer, which here leaves the module unchanged and takes its weights as the numbers they are."""

    def __init__(self, inputs: Sequence[str]) -> None:
        super().__init__()
        self.found = Traced(inputs)
        self._held: dict[Any, list[Any]] = {}
        self._read: dict[Any, Sequence[Layer]] = {}

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> tuple[Any, list[Any]]:
        """As many inputs as are asked for, whatever the signature of the root is."""
        return root_fn, [self.root, *(self.create_proxy("placeholder", name, (), {}) for name in self.found.inputs)]

    def finish(self, graph: Any) -> None:
        """Note what is known at the end alone."""
        found = self.found
        found.nodes = list(graph.nodes)
        for node, held in self._held.items():
            now = _tensors_of(found.modules[node.target])
            if len(now) != len(held) or any(one is not other for one, other in zip(now, held, strict=True)):
                found.replaced.append(found.where(node))

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        return own_class(m) not in (None, "Sequential")

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
        """The parameter itself, so that what is computed from parameters alone is computed here and now."""
        return attr_val

    def create_arg(self, a: Any) -> Any:
        """A tensor among the arguments becomes a node; torch.fx would store it in the user's module."""
        if not isinstance(a, (torch.Tensor, np.generic)):
            # Of a named tuple torch.fx would make a step.
            return super().create_arg(tuple(a) if isinstance(a, tuple) else a)
        name = f"constant_{len(self.found.constants)}"
        self.found.constants[name] = a
        self.found.values[name] = a.detach().clone() if isinstance(a, torch.Tensor) else a
        return self.create_node("get_attr", name, (), {})

    def create_node(self, *args: Any, **kwargs: Any) -> Any:
        node = super().create_node(*args, **kwargs)
        self.found.places[node] = _place(traceback.walk_stack(sys._getframe()))
        self.found.recorded[node] = torch.is_grad_enabled()
        if node.op != "output" and any(map(torch.is_autocast_enabled, AUTOCAST_DEVICES)):
            with located(self.found.where(node)):
                raise UnsupportedLayerError(
                    "torch.autocast is on, which rounds to half precision; fastjac computes in float32 or float64 throughout, so "
                    "leave autocast out"
                )
        return node

    def call_module(self, m: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not any(isinstance(value, fx.Proxy) for value in (*args, *kwargs.values())):
            return forward(*args, **kwargs)  # of constants, such as a parametrization
        path = self._path(m)
        with located(f"{path} ({type(m).__name__})".lstrip()):
            check_plain(m)
        inner = wrapped(m)
        if inner is not None:
            return inner(*args, **kwargs)
        if not self.is_leaf_module(m, path):
            return forward(*args, **kwargs)
        self.found.modules[path] = m
        result = self.create_proxy("call_module", path, args, kwargs)
        self._held[result.node] = _tensors_of(m)
        with located(self.found.where(result.node)):
            self.found.layers[result.node] = self._shared(m, _layers_of(m))
        return result

    def _shared(self, module: Any, layers: Sequence[Layer]) -> Sequence[Layer]:
        """The layers that were made before of the same tensors, where they equal these: so a module called twice is one."""
        key = (own_class(module), *map(id, _tensors_of(module)))
        before = self._read.setdefault(key, layers)
        return before if len(before) == len(layers) and all(map(_are_equal, before, layers)) else layers

    def _path(self, module: Any) -> str:
        """Where the module stands in the user's, as in "encoder.0"; a number where it is made in a forward or kept in a list."""
        try:
            return self.path_of_module(module).removeprefix("module").removeprefix(".")
        except NameError:
            return f"unnamed {len(self.found.modules)}"

    def to_bool(self, obj: Any) -> bool:
        """Conditions of asserts are what the user promises; other conditions cannot be known."""
        frame = _user_frame(traceback.walk_stack(sys._getframe()))
        if frame is not None and linecache.getline(frame[0].f_code.co_filename, frame[1]).lstrip().startswith("assert "):
            return True
        return super().to_bool(obj)


def _layers_of(module: Any) -> Sequence[Layer]:
    """The layers that a module of torch's own is now; a forward may give it other tensors at its next call."""
    name = own_class(module)
    if name == "Flatten":
        return ()
    if name not in MODULES:
        raise UnsupportedLayerError(f"fastjac does not have it; it has {', '.join(sorted(MODULES))}, Flatten and Sequential")
    return MODULES[name](Evaluated(module))


def _are_equal(one: Layer, other: Layer) -> bool:
    """Whether two layers compute the same."""
    arrays = zip(one.arrays.items(), other.arrays.items(), strict=False)
    return (
        type(one) is type(other)
        and one.options == other.options
        and one.arrays.keys() == other.arrays.keys()
        and all(np.array_equal(array, held, equal_nan=True) for (_, array), (_, held) in arrays)
    )


def _tensors_of(module: Any) -> list[Any]:
    return [*module.parameters(), *module.buffers()]


def _cannot_follow(error: Exception) -> str:
    walked = list(traceback.walk_tb(error.__traceback__))[::-1]
    place = _place(walked)
    at = f" at {place}" if place else ""
    if isinstance(error, fx.proxy.TraceError):
        return f"its forward{at} decides by the input or its shape, which is not known before; {FORWARD}"
    return f"its forward cannot be followed by torch.fx{at} ({type(error).__name__}: {error}); {FORWARD}"


def _place(frames: Iterable[tuple[FrameType, int]]) -> str:
    found = _user_frame(frames)
    return f"{found[0].f_code.co_filename}, line {found[1]}" if found else ""


def _user_frame(frames: Iterable[tuple[FrameType, int]]) -> tuple[FrameType, int] | None:
    """The innermost frame of the user's own code between torch's and fastjac's; `frames` come innermost first."""
    for frame, line in frames:
        name = frame.f_code.co_filename
        if frame.f_code is traced.__code__:
            return None
        if not name.startswith(HIDDEN):
            return frame, line
    return None
