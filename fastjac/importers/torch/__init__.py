"""Live torch modules: those of torch itself, and classes of the user's own.

    live.py         from_torch: the module, checked, and the network that it computes
    following.py    what a forward does: it runs on samples, is recorded, and is carried out by fastjac's operators
    inputs.py       what a forward takes, and the shapes that the user states; sizes.py: the shapes that the user does not state
    running.py      one run of the forward, recorded
    recording.py    the operators of torch that it calls with tensors that depend on its inputs
    places.py       in which module, and in which line of the user's code, it calls them
    replay.py       the recorded operators carried out by ../torch_program/aten, which is there for programs in files
    variables.py    which tensors depend on the inputs, also where a forward writes into them (memory.py); calls.py: the records
    modified.py     modules that compute something else than their class states
    untouched.py    the module stays as it is while its forward runs here (no_writes.py: its tensors, too)
    modes.py        which of torch's modes are on
    evaluation.py   the network compared with what the module itself gives

What follows or runs a module imports torch. from_torch imports these files when the user's module has brought torch already.
"""

from .live import from_torch

__all__ = ["from_torch"]
