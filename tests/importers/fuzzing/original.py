"""A valid file that is damaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Original:
    """A valid file: its name, its bytes, and the options with which it loads."""

    name: str
    content: bytes
    options: dict[str, Any] = field(default_factory=dict)
