"""A newer report takes the place of an older one of the same title, and nothing else in the file changes."""

import pytest

from asv_benches.report import sections

OLD = "# Title\n\nBefore.\n\n## One\n\nFirst.\n\n### Part\n\nMore.\n\n## Two\n\nSecond.\n"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("## One\n\nNew.\n", "# Title\n\nBefore.\n\n## One\n\nNew.\n\n## Two\n\nSecond.\n"),
        ("## Two\n\nNew.\n", OLD.replace("Second.", "New.")),
        ("## Three\n\nNew.\n", OLD + "\n## Three\n\nNew.\n"),
    ],
)
def test_section_is_replaced_or_appended(section, expected):
    assert sections.with_section(OLD, section) == expected


def test_file_is_made_where_there_is_none(tmp_path):
    path = tmp_path / "report.md"
    for section in ("## One\n\nFirst.\n", "## Two\n\nSecond.\n", "## One\n\nThird.\n"):
        sections.write_section(path, section)
    assert path.read_text() == "## One\n\nThird.\n\n## Two\n\nSecond.\n"
