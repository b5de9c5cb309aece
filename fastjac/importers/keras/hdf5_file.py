"""Import an .h5 file of Keras, read with h5py and json: a whole model of Keras 1, 2 or 3, or weights alone.

A whole model has its config in the attribute model_config. For weights alone (.weights.h5, or .h5 by the save_weights of Keras 1
and 2), the user gives the config, or the list of layers.
"""

from __future__ import annotations

import json
from typing import Any

from ...errors import DtypeError, FormatError, OptionError
from ..located import located
from ..options import Options
from ..parts import Imported
from ..reading import hdf5
from ..reading.hdf5 import Group
from ..reading.hdf5_heaps import SIGNATURE
from ..reading.jsontext import read_object
from ..reading.probe import Probe
from . import bare_weights
from .build import build, malformed_config_as_error
from .config import Config, check_model
from .legacy import generation, modern
from .weight_lists import ListedWeights, Listing, is_listing
from .weight_tree import TreeWeights

CONFIG, VERSION, WEIGHTS = "model_config", "keras_version", "model_weights"
WAYS = "config=model.to_json(), or layers=[...] as for fastjac.from_state_dict"


def recognise(probe: Probe) -> bool:
    """Whether the file is an HDF5 file."""
    return probe.head.startswith(SIGNATURE)


def load(probe: Probe, options: Options) -> Imported:
    """Read the network of an .h5 file; for weights alone, `options` holds config, or layers with order and n_in.

    Raises FormatError where the file is damaged or not from Keras, UnsupportedLayerError for a layer fastjac does not have,
    OptionError where an option is needed or contradicts the file.
    """
    with hdf5.opened(probe.path, "the file") as root:
        text = root.text(CONFIG)
        if text is not None:
            options.refuse_all_but("inputs", "outputs")
            return _whole_model(root, text, options)
        if options.config is not None:
            options.refuse_all_but("config", "inputs", "outputs")
            return _with_config(root, options)
        options.refuse_all_but("layers", "order", "n_in")
        groups = bare_weights.weight_groups(root)
        if options.layers is None:
            raise OptionError(f"the file holds weights alone ({bare_weights.summary(groups)}); specify their layers: {WAYS}")
        return bare_weights.imported(groups, is_listing(root), options)


def _whole_model(root: Group, text: str, options: Options) -> Imported:
    # As in Keras itself, a file that does not state its version comes from Keras 1.
    written_by = generation(root.text(VERSION) or "1")
    weights = root.group(WEIGHTS)
    if weights is None:
        raise FormatError(f"it has a {CONFIG} but no group {WEIGHTS}; the file is damaged or not from Keras")
    with malformed_config_as_error(CONFIG):
        model = modern(read_object(text, CONFIG), written_by)
        check_model(model)
        return build(model, ListedWeights(Listing(model, weights)), options).imported


def _with_config(root: Group, options: Options) -> Imported:
    """The network of weights alone and the config that the user gives."""
    with located("config"):
        config = read_object(_as_text(options.config), "the given text")
        written_by = _config_generation(config)
    with malformed_config_as_error("the given config"):
        model = modern(config, written_by)
        weights = ListedWeights(Listing(model, root)) if is_listing(root) else TreeWeights(root)
        return build(model, weights, options).imported


def _as_text(given: Any) -> str:
    if isinstance(given, str):
        return given
    try:
        return json.dumps(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise DtypeError(f"it must be what model.to_json() gives, as text or parsed; it is no JSON: {error}") from error


def _config_generation(config: Config) -> int:
    """The generation of Keras that wrote a config: Keras 1 and 2 state their version, Keras 3 states modules instead."""
    if "class_name" not in config or "config" not in config:
        raise OptionError("it must be what model.to_json() gives, with class_name and config; model.get_config() is not enough")
    if VERSION not in config and "module" not in config:
        raise OptionError(f'it does not state which Keras wrote it; add {VERSION}, such as "2.15.0", as model.to_json() does')
    return generation(config.get(VERSION, "3"))
