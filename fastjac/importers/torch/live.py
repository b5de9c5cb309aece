"""from_torch: the network of a live torch module."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from ...errors import DtypeError, LayerError, OptionError
from ...graphs.nodes import Input
from ...network import Network
from ..agreement import Flat
from ..ir.assembly import NOTHING_LEFT, network_of
from ..ir.recognition import recognized


def from_torch(module: Any, input_shape: Any = None, n_in: Any = None) -> Network:
    """The network of a live torch module as it computes in evaluation mode.

    Parameters
    ----------
    module : a torch.nn.Module on any device, in `.eval()` mode where that matters: one of torch's own, a torch.nn.Sequential,
        or a class of your own. Its forward runs on a few samples, and each of torch's operators that it calls with them is
        recorded. Dropout falls away, batch normalization is folded, and weights under weight_norm, spectral_norm, prune or a
        parametrization are taken with the values that these compute.

        The network is then compared with what the module itself gives, and with its gradients, at a few random inputs. The
        module's state and the random generators are afterwards what they were before.
    input_shape : the shape of one sample, an int or a tuple of ints, needed where samples have several axes, and where no layer
        states how many entries they have, as in Sequential(Tanh()). For several inputs a tuple with a shape, or None, for each;
        optional arguments of forward count as inputs where the tuple has a shape for them.
    n_in : another name for input_shape.

    Returns
    -------
    Network
        In the precision of the module's weights. The weights are copied: later training does not change it. Samples are
        taken flat. A chain is a sequence of layers. The inputs are those of forward that its outputs depend on, by its
        names: not the time t of an autonomous vector field. The outputs are what it returns, a dictionary's values in their
        order. A module called twice is one layer.

    Raises
    ------
    DtypeError
        `module` is no torch module.
    UnsupportedLayerError
        Its forward fails on such samples, decides by their numbers, takes several of them together, or calls an operator that
        fastjac does not have; the message gives the module's dotted path, such as "2.0", and the line of the forward. Or the
        module has hooks, changes its state, draws random numbers, runs under autocast, or computes something else than the
        network that was read off it.
    LayerError
        Nothing states the size of an input, or no layer is left.
    OptionError
        input_shape does not state one shape for each input.
    FormatError
        The module holds dropout, batch normalization or spectral_norm in training mode; call `module.eval()` first.

    Examples
    --------
    >>> import torch
    >>> fj.from_torch(torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.GELU(), torch.nn.Linear(8, 2)))
    Network(3-8-2, 3 layers, float32)
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise DtypeError(f"from_torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    if any(kind.__module__.partition(".")[0] == "keras" for kind in type(module).__mro__):
        raise DtypeError("from_torch got a Keras model, which is a torch module where Keras runs on torch; pass it to from_keras")
    if n_in is not None and input_shape is not None:
        raise OptionError("n_in is another name for input_shape; pass one of them")
    # This file imports torch, which the user's module has brought by now.
    from .evaluation import check_evaluation
    from .following import followed
    from .modes import undisturbed

    with undisturbed():
        found = followed(module, n_in if input_shape is None else input_shape)
        tidy = recognized(found.outputs)
        outputs = [tidy.nodes[node] for node in found.outputs]
        if all(isinstance(node, Input) for node in outputs):
            raise LayerError(NOTHING_LEFT)
        unused = found.unused
        network = network_of([node for node in found.inputs if node not in unused], outputs).astype(found.dtype)
        subject = replace(found.subject, unused=[node in unused for node in found.inputs])
        check_evaluation(subject, Flat(network))
    return network
