"""Which steps of a forward share memory, and which results another step has changed in place.

torch.fx has a name for each result. Where a step changes one in place, the old name means the new contents in torch, while the
network has the old ones. So a result that was changed is not to be used under a name from before.
"""

from __future__ import annotations

from typing import Any

from ...errors import UnsupportedLayerError


class Memory:
    """What lies where, by the nodes of torch.fx."""

    def __init__(self) -> None:
        self._owners: dict[Any, Any] = {}
        self._changed: dict[Any, str] = {}

    def add(self, node: Any, viewed: Any = None) -> None:
        """Note a result: in new memory, or perhaps in that of the node `viewed`."""
        self._owners[node] = node if viewed is None else self._owners[viewed]

    def change(self, node: Any, source: str) -> None:
        """Note that the step `source` changes what this node, and whatever shares its memory, stands for."""
        owner = self._owners[node]
        self._changed |= {other: source for other, owned in self._owners.items() if owned is owner}

    def check(self, node: Any, source: str) -> None:
        """Raise UnsupportedLayerError where a node, the result of `source`, stands for what is no longer there."""
        if node in self._changed:
            raise UnsupportedLayerError(
                f"it uses the result of {source}, which {self._changed[node]} has changed in place since, under its old name; "
                "use what that step gives, or leave inplace=True and the underscore out"
            )
