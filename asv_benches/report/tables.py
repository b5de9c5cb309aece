"""Markdown of lists, tables and times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def table(header: Sequence[str], lines: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns are aligned to the left."""
    rules = ["---" if column < left else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(fields)} |" for fields in (header, rules, *lines))


def format_seconds(seconds: float) -> str:
    """Three digits, in us or ms."""
    scale, unit = (1e6, "us") if seconds < 1e-3 else (1e3, "ms")
    digits = max(0, 2 - int(np.floor(np.log10(seconds * scale))))
    return f"{seconds * scale:.{digits}f} {unit}"
