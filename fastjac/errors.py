"""Every error fastjac raises: a `FastjacError` that is also the built-in class a caller would expect.

A message says what was expected, what came, where, and the likely fix.
"""

import pickle


class FastjacError(Exception):
    """Base of every error that fastjac raises on purpose.

    >>> try:
    ...     fj.Network([fj.Affine(np.eye(2))]).jacobian([1.0, 2.0, 3.0])
    ... except fj.FastjacError as error:
    ...     print(type(error).__name__, isinstance(error, ValueError))
    ShapeError True
    """


class ShapeError(FastjacError, ValueError):
    """An array has the wrong rank or size."""


class DtypeError(FastjacError, TypeError):
    """An array or argument has a type that cannot be used."""


class OptionError(FastjacError, ValueError):
    """An option has a value outside the valid ones; the message lists them."""


class LayerError(FastjacError, ValueError):
    """A layer is malformed, or layers do not chain."""


class FileError(FastjacError, OSError):
    """A file cannot be opened, read or written."""


class MissingFileError(FileError, FileNotFoundError):
    """There is no file at the path given."""


class FormatError(FastjacError, ValueError):
    """A file or a framework object does not hold what its format promises."""


class UnsupportedLayerError(FormatError):
    """A model holds a layer that fastjac does not have; the message names it, its position, and what is supported."""


class PicklingError(FastjacError, pickle.PicklingError, TypeError):
    """An object belongs to one process, so it can be neither pickled nor copied; the message says what to send instead."""


class MissingDependencyError(FastjacError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""
