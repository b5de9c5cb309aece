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


def format_sizes(sizes: Sequence[int], most: int = 12) -> str:
    """Sizes with a hyphen between; of more than `most` those at both ends."""
    if len(sizes) <= most:
        return "-".join(map(str, sizes))
    return f"{format_sizes(sizes[: most // 2])}-...-{format_sizes(sizes[-(most // 2) :])}"
