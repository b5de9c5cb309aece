"""from_torch: the network of a live torch module."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import DtypeError
from ...network import Network
from ..parts import assemble


def from_torch(module: Any, n_in: int | None = None) -> Network:
    """The network of a live torch module as it computes in evaluation mode.

    Parameters
    ----------
    module : a torch.nn.Module on any device, in `.eval()` mode where that matters: one of torch's own, a torch.nn.Sequential,
        or a class of your own whose forward is a chain, in which each step takes the result of the one before. The forward
        is followed once by torch.fx, without any input. Dropout falls away, batch normalization is folded, and weights
        under weight_norm, spectral_norm, prune or a parametrization are taken as they are computed.

        What was read is then compared with what the module itself gives, and with its gradients, at a few random inputs. So
        the forward runs a few times. The module's state and all random numbers are what they were before.
    n_in : the number of inputs; needed only where no layer tells it, as in Sequential(Tanh()).

    Returns
    -------
    Network
        In the precision of the module's weights. The weights are copied: later training does not change it. Samples are
        taken flat.

    Raises
    ------
    DtypeError
        `module` is no torch module.
    UnsupportedLayerError
        Its forward is no chain, or holds a module, function or option that fastjac does not have; the message gives its
        dotted path, such as "2.0", or the line of the forward. Or it has hooks, changes its state, draws random numbers, runs
        under autocast, or computes something else than was read off it.
    FormatError
        It holds dropout, batch normalization or spectral_norm in training mode; call `module.eval()` first.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise DtypeError(f"from_torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    # It imports torch, which is there by now.
    from .chain import followed
    from .evaluation import check_evaluation
    from .modes import undisturbed

    with undisturbed():
        found, parts = followed(module)
        network = assemble(parts, n_in, "fastjac.from_torch(module, n_in=...)").network
        network = network.astype(_widest(network, found.modules.values()))
        check_evaluation(module, network, found.constants.values())
    return network


def _widest(network: Network, modules: Iterable[Any]) -> np.dtype:
    """The precision of the widest weight, even of one that became a number, as the slope that all units of a PReLU share."""
    weights = [tensor for module in modules for tensor in module.parameters() if tensor.is_floating_point()]
    arrays = [array for layer in network for array in layer.arrays.values()]
    wide = any(tensor.itemsize == 8 for tensor in weights) or any(array.itemsize == 8 for array in arrays)
    return np.dtype(np.float64 if wide else np.float32) if weights else network.dtype
