"""What can be neither pickled nor copied: whatever holds addresses, which mean something in one process and to one owner."""

from __future__ import annotations

from typing import Any, NoReturn

from .errors import PicklingError


def refuse_pickling(thing: Any, instead: str) -> NoReturn:
    """What `__reduce_ex__`, by which pickle and copy both go, does for such a thing; `instead` says what to do."""
    raise PicklingError(
        f"a {type(thing).__name__} holds addresses of this process, so it can be neither pickled nor copied; {instead}"
    )
