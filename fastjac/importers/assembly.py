"""The last step of every import: from layers to a network, with messages for a user who gave a model and no layers."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import LayerError
from ..layers import Layer
from ..network import Network


def assemble(layers: Sequence[Layer], n_in: int | None, call: str) -> Network:
    """The network of the layers that a model leaves; `call` is how the user would tell it n_in.

    Raises LayerError where no layer is left, where nothing tells the number of inputs, or where the layers do not chain.
    """
    if not layers:
        raise LayerError(
            "no layer is left: what does nothing at inference, such as dropout, flatten or identity, falls away, and a network "
            "takes at least one layer"
        )
    if n_in is None and all(layer.n_in is None for layer in layers):
        raise LayerError(f"no layer tells how many inputs the network has; pass it: {call}")
    return Network(layers, n_in=n_in)
