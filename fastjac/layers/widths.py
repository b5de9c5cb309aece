"""Whether layers chain, and the sizes between them."""

from __future__ import annotations

from ..errors import LayerError
from .base import Layer


def chain_widths(layers: tuple[Layer, ...], n_in: int | None = None) -> tuple[int, ...]:
    """The sizes between the layers, `len(layers) + 1` of them, from the input's to the output's.

    Raises LayerError where two layers do not fit, naming both, or where nothing states the size.
    """
    if n_in is None:
        n_in = next((layer.n_in for layer in layers if layer.n_in is not None), None)
    if n_in is None:
        raise LayerError("no layer states how many inputs the network has; pass Network(layers, n_in=...)")
    widths, source = [n_in], "the network's input"
    for position, layer in enumerate(layers):
        if layer.n_in is not None and layer.n_in != widths[-1]:
            raise LayerError(
                f"layer {position} ({type(layer).__name__}) takes {layer.n_in} inputs, but {source} gives {widths[-1]}; "
                "check the order of the layers and whether a weight must be transposed to (n_out, n_in)"
            )
        widths.append(widths[-1] if layer.n_out is None else layer.n_out)
        if layer.n_out is not None:
            source = f"layer {position} ({type(layer).__name__})"
    return tuple(widths)
