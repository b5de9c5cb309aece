"""Import a .keras file, which is a zip archive of config.json, metadata.json and model.weights.h5.

It is read with json and h5py; Keras is not needed, and no code that the file holds is run.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError
from ...network import Network
from .. import hdf5
from ..probe import Probe, refuse_expansion
from .build import build
from .config import Config

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with a Keras model in it."""
    return {CONFIG, METADATA} <= set(probe.zip_names)


def load(probe: Probe) -> Network:
    """Read the network of a .keras file.

    Raises FormatError where the file is damaged or not from Keras 3, UnsupportedLayerError for a layer fastjac does not have.
    """
    with zipfile.ZipFile(probe.path) as archive:
        config, metadata = _read_json(archive, CONFIG), _read_json(archive, METADATA)
        _check_version(metadata)
        content = _read(archive, WEIGHTS)
    with hdf5.opened(content, WEIGHTS) as root:
        try:
            return build(config, FileWeights(root))
        except FastjacError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise FormatError(f"{CONFIG} does not describe a model as Keras 3 does: {error!r}") from error


class FileWeights:
    """The arrays of one layer in model.weights.h5: `layers/dense_1/vars/0`, `layers/dense_1/vars/1`, ..."""

    def __init__(self, group: Any | None) -> None:
        self._group = group

    def layer(self, slot: str, name: str) -> FileWeights:
        """Those of the inner layer filed under `slot`; files do not tell its name in all versions of Keras 3."""
        return FileWeights(self._descend("layers", slot))

    def activation(self) -> FileWeights:
        """Those of the layer that is this layer's activation."""
        return FileWeights(self._descend("activation"))

    def shapes(self) -> list[tuple[int, ...]]:
        """The declared shapes of the layer's arrays, none of which is read."""
        return [hdf5.shape(dataset) for dataset in self._datasets()]

    def arrays(self) -> list[np.ndarray]:
        """The layer's arrays."""
        return [hdf5.read(dataset) for dataset in self._datasets()]

    def _datasets(self) -> list[Any]:
        group = self._descend("vars")
        return [] if group is None else hdf5.numbered(group)

    def _descend(self, *names: str) -> Any | None:
        group = self._group
        for name in names:
            group = None if group is None else hdf5.member(group, name)
        return group


def _check_version(metadata: Config) -> None:
    version = str(metadata.get("keras_version"))
    if not version.startswith("3."):
        raise FormatError(
            f"the file was written by Keras {version}; fastjac reads those of Keras 3, since some layers mean other things in "
            "Keras 2 (hard_sigmoid has another slope): load it in Keras 3, check its output and save it again"
        )


def _read_json(archive: zipfile.ZipFile, name: str) -> Config:
    try:
        value = json.loads(_read(archive, name))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{name} is not valid JSON ({error}); the file is damaged") from error
    if not isinstance(value, dict):
        raise FormatError(f"{name} must hold a JSON object, it holds a {type(value).__name__}")
    return value


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
        refuse_expansion(info.file_size, info.compress_size, name)
        return archive.read(info)
    except KeyError as error:
        raise FormatError(f"the archive holds no {name}, only {', '.join(archive.namelist()[:10])}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{name} cannot be unpacked ({error}); the archive is truncated, damaged or encrypted") from error
