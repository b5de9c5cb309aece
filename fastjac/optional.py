"""Packages that only some calls need: imported there, or an error that says how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import MissingDependencyError


def optional(module: str, purpose: str, extra: str) -> Any:
    """The package of `module`, with that module imported, as `import module` binds it.

    purpose : what needs it, such as "to read Keras files".  extra : the one of fastjac's extras that holds it.
    Raises MissingDependencyError where the package is not installed, or is installed but cannot be imported.
    """
    package = module.partition(".")[0]
    try:
        import_module(module)
        return import_module(package)
    except Exception as error:
        # A package that was built for another NumPy raises ImportError, ValueError or AttributeError.
        is_absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
        state = "is needed" if is_absent else f"does not import ({type(error).__name__}: {error}), but is needed"
        way = "install" if is_absent else "upgrade"
        raise MissingDependencyError(
            f"{package} {state} {purpose}; {way} it with: pip install --upgrade {package}, "
            f"or, in a clone of fastjac: pip install --upgrade '.[{extra}]'"
        ) from error
