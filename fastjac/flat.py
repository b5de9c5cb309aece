"""A network of several inputs and outputs as a network of one vector to one, for solvers that know one vector."""

from __future__ import annotations

from .graphs.ends import slices_of
from .graphs.nodes import Input, concatenate
from .network import Network


def flat(net: Network) -> Network:
    """The same network with all inputs in one vector, one after another, and all outputs in another.

    Costs nothing at a call: each input and output is read and written where it lies in its vector. A network of one input and one
    output is returned itself.
    """
    if len(net.inputs) == len(net.outputs) == 1:
        return net
    x = Input(net.n_in)
    parts = tuple(x[part] for part in slices_of(net.inputs))
    y = net(parts if len(parts) > 1 else parts[0])
    return Network(inputs=x, outputs=concatenate(y) if isinstance(y, tuple) else y, dtype=net.dtype)
