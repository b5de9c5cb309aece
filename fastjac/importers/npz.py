"""Read NumPy archives, `.npz`, of weights in torch's naming; the user states the layers."""

from __future__ import annotations

from ..errors import FormatError
from .options import Options
from .parts import Imported
from .reading import archive, npy
from .reading.limits import refuse_expansion
from .reading.probe import Probe
from .weights import imported_weights

SUFFIX = ".npy"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive of arrays in NumPy's format."""
    return any(name.endswith(SUFFIX) for name in probe.zip_names)


def load(probe: Probe, options: Options) -> Imported:
    """Read the arrays and put them in the places that `options.layers` states.

    Raises FormatError where the archive holds something else than arrays, or is damaged; what `imported_weights` raises.
    """
    with archive.opened(probe.path) as found:
        other = next((name for name in found.names if not name.endswith(SUFFIX)), None)
        if other is not None:
            raise FormatError(f"the archive holds {other} besides arrays; save the arrays alone with numpy.savez(path, **arrays)")
        refuse_expansion(sum(map(found.size, found.names)), probe.size, "the archive")
        arrays = {name.removesuffix(SUFFIX): npy.read(found.read(name), name) for name in found.names}
    return imported_weights(arrays, options)
