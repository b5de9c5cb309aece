"""torch's own files, .pt, .pth and .ckpt: state dicts, and checkpoints that hold one. No torch is needed, and no pickle is run.

    load.py         the file as a network, with the layers that the user specifies
    container.py    the two containers that torch.save writes: a zip archive, or one stream
    checkpoint.py   where the state dict stands in what the pickle describes
    whole.py        a module that was saved as a whole; records.py: its modules, as the pickle describes them
    modules.py      MODULES: the operator that each of torch's modules calls; steps.py carries these operators out
    tensors.py      the tensors of a file, from the bytes that storages.py finds

Nothing that a file names is imported, made or called.
"""

from .load import load, recognise

__all__ = ["load", "recognise"]
