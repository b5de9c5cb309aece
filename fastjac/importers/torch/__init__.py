"""Live torch modules: those of torch itself, in a Sequential, or called by a forward of the user's own.

    live.py         from_torch: the module, checked, and the network that it computes
    inputs.py       what a forward takes, and what the user states of it
    tracing.py      its forward followed by torch.fx, node by node
    graph.py        the nodes as a network, a chain of layers or a graph
    steps.py        what each node gives; calls.py: which function or module it calls; memory.py: what is changed in place
    modules.py      MODULES: what each module becomes
    functions.py    FUNCTIONS and METHODS: what each function and tensor method of one tensor becomes
    rules.py        what both have in common; arithmetic.py: sums and products with constants; reshaping.py
    joins.py        JOINS: functions of two tensors; pieces.py: PIECES: indices, chunk, split, cat, stack
    sample.py       what is known of a tensor that depends on the inputs
    modified.py     modules that compute something else than their class says
    untouched.py    the module stays as it is while its forward runs here (no_writes.py: its tensors, too)
    modes.py        which of torch's modes are on
    evaluation.py   the network compared with what the module itself gives

What follows or runs a module imports torch. from_torch imports these files when the user's module has brought torch already.
"""

from .live import from_torch

__all__ = ["from_torch"]
