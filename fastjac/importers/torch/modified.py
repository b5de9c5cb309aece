"""Torch modules that compute something else than their class states: the weights that they use, or how to get plain modules."""

from __future__ import annotations

import sys
from typing import Any

from ...errors import FormatError, UnsupportedLayerError

MODULE_PREFIX = "torch.nn.modules."
WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
}
"""Modules that compute what a module inside them computes, with the attribute that holds it."""
WEIGHT_HOOKS = ("torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm", "torch.nn.utils.prune")
"""The modules of torch whose hooks compute a weight before each call."""
HOOKS = {
    "hook": "_forward_hooks",
    "pre-hook": "_forward_pre_hooks",
    "backward hook": "_backward_hooks",
    "backward pre-hook": "_backward_pre_hooks",
}
"""The attributes that hold a module's hooks. Torch keeps the hooks of all modules under the same names behind "_global"."""
SPECTRAL_HOOK = "torch.nn.utils.spectral_norm"
TRAINING = (
    "is in training mode, where each call changes what its weights are computed from; call .eval() on the whole module first"
)


def wrapped(module: Any) -> Any:
    """The module inside of torch.compile's wrapper, DataParallel or their like; None if `module` is none of them."""
    name = WRAPPERS.get(_origin(module))
    own = vars(module).get("forward")  # torch.compile puts one there, whose attribute refers to what it compiles
    is_own = own is not None and not hasattr(own, "_torchdynamo_orig_callable")
    return None if name is None or is_own else getattr(module, name)


def own_class(module: Any) -> str | None:
    """The name of the torch class whose forward the module has; None where the forward is the user's."""
    kind: Any = type(module)
    for base in kind.__mro__:
        if base.__module__.startswith(MODULE_PREFIX) and base.__name__ != "Module":
            is_own = kind.forward is base.forward and "forward" not in vars(module)
            return base.__name__ if is_own else None
    return None


def check_plain(module: Any) -> None:
    """Raise UnsupportedLayerError where torch or a hook changes what the module computes in a way that cannot be read."""
    origin = _origin(module)
    if origin.startswith(("torch.ao.", "torch.nn.quantized.")):
        raise UnsupportedLayerError(
            "it is quantized, and fastjac computes with real weights; pass the module before quantization"
        )
    for kind, name in HOOKS.items():
        for hook in getattr(module, name).values():
            if name != "_forward_pre_hooks" or own_class(module) is None or not _computes_weight(hook):
                raise UnsupportedLayerError(f"it has the {kind} {hook!r}, which may change what it computes; remove it first")


def check_global_hooks() -> None:
    """Raise UnsupportedLayerError where torch calls a hook at every module."""
    space = sys.modules["torch.nn.modules.module"]
    for kind, name in HOOKS.items():
        for hook in getattr(space, f"_global{name}").values():
            raise UnsupportedLayerError(
                f"torch has the {kind} {hook!r} for all modules, which may change what they compute; remove it first"
            )


def check_ready(module: Any) -> None:
    """Raise where a call of the module would change it.

    FormatError for a parametrization inside it whose state each call in training changes, UnsupportedLayerError for a module
    inside it whose first call makes its weights.
    """
    for path, inner in module.named_modules():
        if type(inner).__name__ == "ParametrizationList" and inner.training and any(True for _ in inner.buffers()):
            raise FormatError(f"{path} {TRAINING}")
        if any(base.__name__ == "LazyModuleMixin" for base in type(inner).__mro__):
            raise UnsupportedLayerError(
                f"{path} ({type(inner).__name__}): its sizes are not known yet; call the module once on an input"
            )


class Evaluated:
    """A module with the weights that its hooks compute. They are kept here and never in the module itself.

    Parametrized weights need no such care: torch computes them whenever they are asked for.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        for hook in module._forward_pre_hooks.values():
            if module.training and _origin(hook).startswith(f"{SPECTRAL_HOOK}."):
                raise FormatError(f"it {TRAINING}")
            hook(self, ())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def computed_names(module: Any) -> set[str]:
    """The names of the weights that a module's hooks compute and put into the module before each call."""
    hooks = [hook for hook in module._forward_pre_hooks.values() if _computes_weight(hook)]
    return {getattr(hook, "name", None) or hook._tensor_name for hook in hooks}


def _computes_weight(hook: Any) -> bool:
    return _origin(hook).startswith(tuple(f"{known}." for known in WEIGHT_HOOKS))


def _origin(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"
