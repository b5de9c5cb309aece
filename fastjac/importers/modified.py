"""Torch modules that compute something else than their class says, and how to get back to plain ones."""

from __future__ import annotations

from typing import Any

MODULE_PREFIX = "torch.nn.modules."
WRAPPERS = {
    "torch.jit": "it is compiled by torch.jit, which hides its options; pass the module that was scripted or traced",
    "torch._dynamo": "it is the wrapper of torch.compile; pass the module that was compiled",
    "torch.nn.utils.parametrize": (
        "its weights are parametrized; call torch.nn.utils.parametrize.remove_parametrizations on it first"
    ),
}
"""What torch puts in a module's place, by where the class comes from, and what to do."""

HOOKS = {
    "torch.nn.utils.weight_norm": "weight_norm is applied to it; call torch.nn.utils.remove_weight_norm on it first",
    "torch.nn.utils.spectral_norm": "spectral_norm is applied to it; call torch.nn.utils.remove_spectral_norm on it first",
    "torch.nn.utils.prune": "it is pruned by a mask; make that permanent with torch.nn.utils.prune.remove for each pruned weight",
}
"""What torch does to a module by a hook, by where the hook's class comes from, and how to undo it."""


def own_class(module: Any) -> str | None:
    """The class name of torch's own modules; None for subclasses, which may compute something else."""
    return type(module).__name__ if type(module).__module__.startswith(MODULE_PREFIX) else None


def modification(module: Any) -> str | None:
    """Why the module may compute something else than torch's class of its name, and what to do; None if it does not."""
    for origin, remedy in WRAPPERS.items():
        if _comes_from(module, origin):
            return remedy
    if any(base.__name__ == "LazyModuleMixin" for base in type(module).__mro__):
        return "its sizes are not known yet; call the module once on an input"
    for hook in [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]:
        known = (remedy for origin, remedy in HOOKS.items() if _comes_from(hook, origin))
        return next(known, f"it has the hook {hook!r}, which may change what it computes; remove it first")
    if "forward" in vars(module):
        return "it has a forward of its own, which may compute anything; pass a module without it"
    return None


def _comes_from(value: Any, origin: str) -> bool:
    return f"{type(value).__module__}.".startswith(f"{origin}.")
