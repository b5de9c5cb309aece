"""Sections of a Markdown file: each starts with a line `## title`, and a newer run's section replaces the older one."""

from __future__ import annotations

from pathlib import Path

HEADING = "## "


def write_section(path: Path, section: str) -> None:
    """Write a section to a file, in the place of the section of the same title or at its end; the rest of the file stays."""
    document = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_section(document, section), encoding="utf-8")


def with_section(document: str, section: str) -> str:
    """The document with this section in it."""
    parts = split(document)
    titles = [part.partition("\n")[0] for part in parts]
    title = section.partition("\n")[0]
    place = titles.index(title) if title in titles else len(parts)
    parts[place : place + 1] = [section]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def split(document: str) -> list[str]:
    """The text before the first section, if there is any, and each section."""
    parts: list[list[str]] = [[]]
    for line in document.splitlines():
        if line.startswith(HEADING):
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(part) for part in parts if part]
