"""torch's own files, .pt, .pth and .ckpt: state dicts, and checkpoints that hold one, without torch and without a pickle run.

    load.py         the file as a network, with the layers that the user tells
    container.py    the two containers that torch.save writes: a zip archive, or one stream
    checkpoint.py   where the state dict stands in it
    whole.py        a module that was saved as a whole; records.py: its modules, as the pickle describes them
    modules.py      MODULES: the operator that each of the modules of torch calls; steps.py follows these
    tensors.py      its tensors, from the bytes that storages.py finds

Nothing that a file names is imported, made or called.
"""

from .load import load, recognise

__all__ = ["load", "recognise"]
