"""Read emulators of the CosmoPower family: what `cosmopower_NN`, `cosmopower_PCAplusNN` and Speculator save, and conversions.

A file is an archive of arrays by name, an archive of one dict in which they are, or a pickle that lists them in a fixed order.
Pickles are read as data; nothing in them is imported or called. `emulator_layers` says what the arrays mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..errors import DtypeError, FormatError
from .emulator_layers import LISTS, NUMBERS, imported
from .located import located
from .options import Options
from .parts import Imported
from .reading import archive, npy
from .reading.limits import refuse_expansion
from .reading.opcodes import interpret
from .reading.pickled_arrays import PickledArrays, one_object
from .reading.probe import Probe
from .reading.records import Call, class_of

Values = dict[str, Any]
FIRST_LAYER = {"W_0.npy", "b_0.npy", "parameters_mean.npy", "features_mean.npy"}
"""Members by which an archive is recognized as an emulator."""
CONVERTED = "arr_0.npy"
"""The only member of an archive of one dict."""
PICKLED_LIST = re.compile(rb"(\x80[\x02-\x05](\x95.{8})?\](\x94|q\x00)\(|\(lp0\n|\]q\x00\()", re.DOTALL)
"""How the pickle of a list of more than one item starts."""
OTHERS = (b"sklearn", b"torch", b"joblib")
"""Libraries whose names occur in pickled lists that are no emulators."""
SIZES = ("n_hidden", "n_layers", "architecture")
ORDERS = {
    15: (
        *LISTS, "parameters_mean", "parameters_std", "features_mean", "features_std", "n_parameters", "parameters", "n_modes",
        "modes", *SIZES,
    ),
    18: (
        *LISTS, "parameters_mean", "parameters_std", "pca_mean", "pca_std", "features_mean", "features_std",
        "pca_transform_matrix", "n_parameters", "n_modes", "modes", "n_pcas", *SIZES,
    ),
    19: (
        *LISTS, "parameters_mean", "parameters_std", "pca_mean", "pca_std", "features_mean", "features_std", "parameters",
        "n_parameters", "modes", "n_modes", "n_pcas", "pca_transform_matrix", *SIZES,
    ),
}  # fmt: skip
"""The names of the items of a pickled list, by their count: for `cosmopower_NN`, Speculator, and `cosmopower_PCAplusNN`."""
OTHER_NAMES: dict[str, str] = {
    "weights_": "W", "biases_": "b", "alphas_": "alphas", "betas_": "betas",
    "param_train_mean": "parameters_mean", "param_train_std": "parameters_std",
    "feature_train_mean": "features_mean", "feature_train_std": "features_std", "pca_matrix": "pca_transform_matrix",
}  # fmt: skip
"""Names in a converted dict, with CosmoPower's own name for each."""
NAMES_OF_COMPONENTS = {
    "training_mean": "features_mean", "training_std": "features_std",
    "feature_train_mean": "pca_mean", "feature_train_std": "pca_std",
}  # fmt: skip
"""Names in a converted dict that has `training_mean`: there, `feature_train_mean` is that of the components."""
NUMBERED = re.compile(f"({'|'.join(LISTS)})_(\\d{{1,5}})")
WRAPPERS = re.compile(r"tensorflow\.python\.(\w+\.)+data_structures\.(ListWrapper|_TupleWrapper|_DictWrapper)")
"""What a Keras model makes of a list that it is given as an attribute; it is pickled as a call on the list."""


def recognise(probe: Probe) -> bool:
    """Whether the file is an archive of an emulator's arrays or of one pickled object, or a pickled list of arrays."""
    if probe.zip_names == (CONVERTED,):
        try:
            return _pickle(probe)[1] is not None
        except FormatError:
            return False
    if probe.zip_names:
        return set(probe.zip_names) >= FIRST_LAYER
    is_list = PICKLED_LIST.match(probe.start) is not None
    return is_list and b"numpy" in probe.start and not any(name in probe.start for name in OTHERS)


def load(probe: Probe, options: Options) -> Imported:
    """Read the network; the file states all of it.

    Raises FormatError where the file is damaged, is no emulator, or has arrays that do not fit; OptionError for any option.
    """
    options.refuse_all_but()
    if probe.zip_names == (CONVERTED,):
        return imported(_converted(probe))
    return imported(_named(probe) if probe.zip_names else _listed(probe))


def _named(probe: Probe) -> Values:
    """The arrays of an archive that has them by their names."""
    with archive.opened(probe.path) as found:
        refuse_expansion(sum(map(found.size, found.names)), probe.size, "the archive")
        names = [name.removesuffix(".npy") for name in found.names]
        known = [name for name in names if name in NUMBERS or NUMBERED.fullmatch(name)]
        values: Values = {name: npy.read(found.read(f"{name}.npy"), name) for name in known}
        if "parameters" in names:
            with suppress(DtypeError):  # the network is the same without the names of its parameters
                values["parameters"] = npy.read_text(found.read("parameters.npy"), "parameters")
    return _with_lists(values)


def _with_lists(values: Values) -> Values:
    """The values with a list in place of numbered entries such as W_0 and W_1."""
    numbered: dict[str, dict[int, Any]] = {}
    for name in list(values):
        if found := NUMBERED.fullmatch(name):
            numbered.setdefault(found[1], {})[int(found[2])] = values.pop(name)
    for name, items in numbered.items():
        if sorted(items) != list(range(len(items))):
            raise FormatError(f"it has {len(items)} arrays {name}_..., which are not numbered from 0 on; it is damaged")
        values[name] = [items[number] for number in range(len(items))]
    return values


def _pickle(probe: Probe) -> tuple[bytes, int | None]:
    """The content of the only member of an archive, and where the pickle in it begins; None where it holds no pickle."""
    with archive.opened(probe.path) as found:
        content = found.read(CONVERTED)
    return content, npy.object_pickle(content, CONVERTED)


def _converted(probe: Probe) -> Values:
    """The arrays in the one dict of an archive."""
    content, start = _pickle(probe)
    found = one_object(interpret(content, start or 0).value)
    if not isinstance(found, dict):
        raise FormatError(f"its only array has {_described(found)} in it, where an emulator has a dict of arrays")
    names = OTHER_NAMES | (NAMES_OF_COMPONENTS if "training_mean" in found else {})
    return _with_lists(
        _plain({names.get(name, name): value for name, value in found.items() if isinstance(name, str)}, probe.size)
    )


def _listed(probe: Probe) -> Values:
    """The arrays in the list of a pickle."""
    found = interpret(probe.read()).value
    if not isinstance(found, list) or len(found) not in ORDERS:
        count = len(found) if isinstance(found, list) else "no"
        raise FormatError(
            f"it is a pickle of a list of {count} items; cosmopower_NN saves 15, cosmopower_PCAplusNN 19, Speculator 18. "
            'For other weights call fastjac.from_state_dict({"0.weight": W, "0.bias": b, ...}, layers=[...])'
        )
    return _plain(dict(zip(ORDERS[len(found)], found, strict=True)), probe.size)


def _plain(found: Mapping[str, Any], size: int) -> Values:
    """The values of a pickle that the network needs, with arrays in place of the objects that describe them."""
    arrays, values = PickledArrays(size), Values()
    for name, value in found.items():
        if name in (*NUMBERS, *LISTS, "parameters") or NUMBERED.fullmatch(name):
            with located(name):
                values[name] = arrays.plain(_unwrapped(value))
    return values


def _unwrapped(value: Any) -> Any:
    """The list that stands in one of a Keras model's wrappers; any other value as it is."""
    if isinstance(value, Call) and WRAPPERS.fullmatch(class_of(value)) and isinstance(value.args, tuple) and len(value.args) == 1:
        return value.args[0]
    return value


def _described(value: Any) -> str:
    return f"a {str(value)[:100] if isinstance(value, Call) else type(value).__name__}"
