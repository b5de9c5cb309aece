"""Say where in a model or file an error arose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import FastjacError, FormatError


@contextmanager
def located(place: object) -> Iterator[None]:
    """Put `place`, as text, in front of the message of any fastjac error raised inside."""
    try:
        yield
    except FastjacError as error:
        message = f"{place}: {error}"
        error.args = (message,)
        if isinstance(error, ImportError):
            error.msg = message  # an ImportError shows this, whatever its arguments are
        raise


@contextmanager
def malformed_as_error(fault: str) -> Iterator[None]:
    """Turn what reading something with missing or mistyped entries raises into a FormatError; `fault` says what is wrong."""
    try:
        yield
    except FastjacError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{fault}: {error!r:.200}") from error
