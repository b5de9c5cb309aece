"""Plain text for people: tables, and sizes in one line."""

from __future__ import annotations

from collections.abc import Sequence


def format_table(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Lines with aligned columns: the first `left` columns to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def format_name(name: str, most: int = 40) -> str:
    """A name, which may come from a file, in at most `most` printable letters."""
    return (name if name.isprintable() else ascii(name))[:most]


def format_sizes(sizes: Sequence[int], between: str = "-", most: int = 12) -> str:
    """Sizes in one line; where there are more than `most`, only those at both ends."""
    ends = [*sizes] if len(sizes) <= most else [*sizes[: most // 2], "...", *sizes[-(most // 2) :]]
    return between.join(map(str, ends))
