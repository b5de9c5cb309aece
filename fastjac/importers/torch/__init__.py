"""Live torch modules: those of torch itself, in a Sequential, or called by a forward of the user's own that is a chain.

    live.py         from_torch: the module, checked, and the chain that it computes
    tracing.py      its forward followed by torch.fx, node by node
    chain.py        the nodes one after the other, as one chain of layers
    modules.py      MODULES: what each module becomes
    functions.py    FUNCTIONS and METHODS: what each function and tensor method becomes
    rules.py        what both have in common; arithmetic.py: sums and products with constants; reshaping.py
    sample.py       what is known of the tensor that runs through the chain
    modified.py     modules that compute something else than their class says
    untouched.py    the module stays as it is while its forward runs here (no_writes.py: its tensors, too)
    modes.py        which of torch's modes are on
    evaluation.py   the network compared with what the module itself gives

What follows or runs a module imports torch. from_torch imports these files when the user's module has brought torch already.
"""

from .live import from_torch

__all__ = ["from_torch"]
