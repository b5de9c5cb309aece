"""What a user states besides the path of a file, where the file does not state it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from ..errors import OptionError

ScalingName = Literal["none", "linear", "clipped"]
"""How much of a .nnet file's scaling a network includes."""
PolicyName = Literal["actor", "critic", "value"]
"""A network of an agent that reinforcement learning trained."""


@dataclass(frozen=True)
class Options:
    """The options of `fastjac.load`, which describes them; None or False where they are not given."""

    layers: Sequence[Any] | None = None
    order: Sequence[str] | None = None
    n_in: int | None = None
    input_shape: Any = None
    config: str | Mapping[str, Any] | None = None
    external_data: bool = False
    scaling: ScalingName | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    policy: PolicyName | None = None
    activation: Any = None
    classes: Mapping[str, Sequence[Any]] | None = None

    def refuse_all_but(self, *taken: str) -> None:
        """Raise OptionError if any option is given besides those that a format takes."""
        given = [field.name for field in fields(self) if getattr(self, field.name) not in (None, False)]
        for name in given:
            if name not in taken:
                known = f"; it takes {' and '.join(taken)}" if taken else ""
                raise OptionError(f"this format states {name} itself or has no use for it, so leave {name} out{known}")
