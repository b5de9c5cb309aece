"""Import a live Keras 3 model, through the Keras that the user has imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from ...network import Network
from ..options import Options
from .activations import ACTIVATIONS
from .build import build, malformed_config_as_error
from .evaluation import compare
from .legacy import NEWEST, modern

HALF_PRECISION = ("float16", "bfloat16")
"""Types that round so much that a model which computes in one of them cannot be compared with its network."""
LAYER_MODULES, MODEL_MODULES = "keras.src.layers.", "keras.src.models."


def from_keras(model: Any, input_shape: Any = None, *, n_in: int | None = None) -> Network:
    """The network of a live Keras 3 model as it computes at inference.

    Parameters
    ----------
    model : keras.Sequential or a functional keras.Model, on any backend; inner models are taken apart, and a layer that is called
        twice is shared. Dropout and noise fall away, batch normalization is folded, inputs of several axes are taken flattened.
        Inputs and outputs have the order of `model.inputs` and `model.outputs`.
    input_shape : the size of a sample, or its shape; for several inputs a list with one for each, None where the model has it.
        Needed only where neither an input of the model nor a layer states it.
    n_in : another name for input_shape.

    Returns
    -------
    Network
        A sequence if every layer takes what the one before it gives. It has the precision of the
        model's widest layer: float64 if any computes in it, else float32, to which half precision is widened. The weights are
        copied: later training does not change it. Its values are compared with the model's own at a few random inputs.

    Raises
    ------
    DtypeError
        `model` is no Keras 3 model.
    UnsupportedLayerError
        The model holds a layer, option or custom object that fastjac does not have; or it computes something else than its
        layers and weights say, since a class was changed.
    FormatError
        The model is not built yet, so that it has no weights.

    Examples
    --------
    >>> import keras
    >>> fj.from_keras(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="tanh")]))
    Network(3-2, 2 layers, float32)
    """
    keras: Any = sys.modules.get("keras")
    if keras is None or keras.__version__.startswith("2.") or not isinstance(model, keras.Model):
        raise DtypeError(
            f"from_keras takes a Keras 3 model, got {type(model).__module__}.{type(model).__name__}; a model of Keras 2 can be "
            "saved, and its file be read by fastjac.load"
        )
    if None not in (input_shape, n_in):
        raise OptionError("input_shape and n_in are two names for one thing; pass one of them")
    if not model.built:
        raise FormatError("the Keras model is not built, so it has no weights; call it once, or start it with keras.Input")
    _refuse_custom(model, keras)
    with malformed_config_as_error("the model's config"):
        config = modern({"module": "keras", "class_name": type(model).__name__, "config": _config(model)}, NEWEST)
        given = Options(input_shape=input_shape if n_in is None else n_in)
        imported, shapes = build(config, LiveWeights(model, keras), given)
    if not any(layer.compute_dtype in HALF_PRECISION for _, layer in _leaves(model)):
        compare(imported.network, model, keras, shapes)
    return imported.network


def _config(model: Any) -> dict[str, Any]:
    """The model's config as Keras gives it; UnsupportedLayerError where a layer has arguments that Keras cannot save."""
    try:
        config: dict[str, Any] = model.get_config()
    except Exception as error:  # whatever a layer's own get_config raises
        raise UnsupportedLayerError(
            f"Keras cannot list the layers of this model, as it could not save it: {type(error).__name__}: {error!s:.500}"
        ) from error
    return config


class LiveWeights:
    """The arrays of a live layer, in the order in which Keras would save them."""

    def __init__(self, layer: Any, keras: Any) -> None:
        self._layer, self._keras = layer, keras

    def layer(self, name: str, stem: str, rank: int) -> LiveWeights:
        """The weights of the inner layer called `name`; for an operation, which holds no arrays, those of no layer."""
        return LiveWeights(next((inner for inner in self._layer.layers if inner.name == name), None), self._keras)

    def inner(self, option: str) -> LiveWeights:
        """The weights of the layer that is one of this layer's options."""
        return LiveWeights(getattr(self._layer, option), self._keras)

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the layer's arrays."""
        return [tuple(value.shape) for value in self._values()]

    def arrays(self) -> list[np.ndarray]:
        """The layer's arrays."""
        return [np.asarray(self._keras.ops.convert_to_numpy(self._tensor(value))) for value in self._values()]

    def _values(self) -> list[Any]:
        store: dict[str, Any] = {}
        if self._layer is not None:
            self._layer.save_own_variables(store)
        return [store[str(i)] for i in range(len(store))]

    def _tensor(self, value: Any) -> Any:
        return value.value if isinstance(value, self._keras.Variable) else value


def _refuse_custom(model: Any, keras: Any) -> None:
    """Raise UnsupportedLayerError for classes and functions that are not Keras's own: no config states what they do."""
    if not type(model).__module__.startswith(MODEL_MODULES):
        raise UnsupportedLayerError(
            f"the model is a {type(model).__name__}, a subclass with code of its own; fastjac reads Sequential and Functional "
            "models, since only these list their layers; write it as "
            "keras.Sequential([...]), and take its weights over by set_weights(model.get_weights())"
        )
    _refuse_patched(model, "the model")
    for position, (name, layer) in enumerate(_leaves(model)):
        what = f"layer {position} {name!r} ({type(layer).__name__})"
        if not type(layer).__module__.startswith(LAYER_MODULES):
            raise UnsupportedLayerError(
                f"{what}: it is a custom layer, {type(layer).__module__}.{type(layer).__name__}, which fastjac cannot look into"
            )
        _refuse_patched(layer, what)
        function = getattr(layer, "activation", None)
        if isinstance(function, keras.layers.Layer):
            _refuse_patched(function, f"{what}: its activation")
        elif function is not None:
            _refuse_foreign_function(function, what, keras)


def _refuse_patched(layer: Any, what: str) -> None:
    """Refuse a layer or model whose own `call` stands in front of that of its class."""
    if "call" in vars(layer):
        raise UnsupportedLayerError(f"{what}: it has a call of its own, which may compute anything; pass one without it")


def _refuse_foreign_function(function: Any, what: str, keras: Any) -> None:
    """Refuse a function that only shares the name of a built-in activation: jax.nn.gelu, for one, is the tanh form."""
    name = getattr(function, "__name__", repr(function))
    if getattr(keras.activations, name, None) is not function:
        raise UnsupportedLayerError(
            f"{what}: its activation {name!r} from {getattr(function, '__module__', None)} is not one of Keras's own; "
            f"pass one of these by name: {', '.join(ACTIVATIONS)}"
        )


def _leaves(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The layers of a model and of its inner models, with their names joined by "/"; input layers are left out."""
    for layer in model.layers:
        name = prefix + layer.name
        if type(layer).__module__.startswith(MODEL_MODULES):
            _refuse_patched(layer, f"inner model {name!r}")
            yield from _leaves(layer, f"{name}/")
        elif type(layer).__name__ != "InputLayer":
            yield name, layer
