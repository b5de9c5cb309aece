"""from_torch: the network of a live torch module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DtypeError, OptionError
from ...network import Network
from ..agreement import Flat

if TYPE_CHECKING:
    from .tracing import Traced


def from_torch(module: Any, input_shape: Any = None, n_in: Any = None) -> Network:
    """The network of a live torch module as it computes in evaluation mode.

    Parameters
    ----------
    module : a torch.nn.Module on any device, in `.eval()` mode where that matters: one of torch's own, a torch.nn.Sequential,
        or a class of your own. Its forward is followed once by torch.fx, without any input. It may use results more than
        once, add, multiply, divide and concatenate them, take them apart, take several inputs and return several outputs.
        Dropout falls away, batch normalization is folded, and weights under weight_norm, spectral_norm, prune or a
        parametrization are taken as they are computed.

        What was read is then compared with what the module itself gives, and with its gradients, at a few random inputs. So
        the forward runs a few times. The module's state and all random numbers are what they were before.
    input_shape : the shape of one sample, an int or a tuple of ints, needed only where no layer states it, as in
        Sequential(Tanh()). For several inputs a tuple with a shape, or None, for each; optional arguments of forward count as
        inputs where they are given one.
    n_in : another name for input_shape.

    Returns
    -------
    Network
        In the precision of the module's weights. The weights are copied: later training does not change it. Samples are
        taken flat. A chain is a sequence of layers. The inputs are those of forward, by its names; the outputs are what it
        returns, a dictionary's values in their order. A module called twice is one layer.

    Raises
    ------
    DtypeError
        `module` is no torch module.
    UnsupportedLayerError
        Its forward decides by its input, or holds a module, function or option that fastjac does not have; the message gives
        its dotted path, such as "2.0", or the line of the forward. Or it has hooks, changes its state, draws random numbers,
        runs under autocast, or computes something else than was read off it.
    LayerError
        Sizes do not fit, or nothing states the size of an input.
    OptionError
        There is not one input_shape for each input.
    FormatError
        It holds dropout, batch normalization or spectral_norm in training mode; call `module.eval()` first.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise DtypeError(f"from_torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    if n_in is not None and input_shape is not None:
        raise OptionError("n_in is another name for input_shape; pass one of them")
    # It imports torch, which is there by now.
    from .evaluation import check_evaluation
    from .graph import followed
    from .modes import undisturbed

    with undisturbed():
        found = followed(module, n_in if input_shape is None else input_shape)
        network = found.network()
        network = network.astype(_widest(found.traced))
        check_evaluation(module, Flat(network), found.inputs.shapes, found.traced.constants.values())
    return network


def _widest(steps: Traced) -> np.dtype:
    """The precision of the widest weight, even of one that became a number, as the slope that all units of a PReLU share."""
    held = [tensor for module in steps.modules.values() for tensor in module.parameters() if tensor.is_floating_point()]
    held += [array for layers in steps.layers.values() for layer in layers for array in layer.arrays.values()]
    return np.dtype(np.float32 if held and all(array.itemsize < 8 for array in held) else np.float64)
