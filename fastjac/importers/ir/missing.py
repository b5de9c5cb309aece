"""All that a model has and fastjac lacks, in one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ...errors import UnsupportedLayerError
from ..located import located

MOST_SHOWN = 30
"""Kinds that a message counts, the most frequent ones."""


class Missing(NamedTuple):
    """An operation that fastjac does not have.

    place : what the model calls it.  kind : its operator or class.  reason : why, or what to do.
    """

    place: str
    kind: str
    reason: str


def refuse_missing(found: Iterable[Missing], what: str) -> None:
    """Raise UnsupportedLayerError for the first operation that is missing, with the number of each kind where there are several.

    what : what the model's operations are called, in the plural.
    """
    missing = list(found)
    if not missing:
        return
    reason = missing[0].reason
    if len(missing) > 1:
        counts = Counter(one.kind for one in missing).most_common(MOST_SHOWN)
        listed = ", ".join(f"{kind} ({count})" for kind, count in counts)
        reason = f"{reason}; in all {len(missing)} {what} are missing: {listed}"
    with located(missing[0].place):
        raise UnsupportedLayerError(reason)
