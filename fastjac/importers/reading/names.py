"""Names in files that hold them as bytes."""

from __future__ import annotations

from ...errors import FormatError
from .limits import MOST_NAME, check_count


def name_text(content: bytes) -> str:
    """A name that is stored in UTF-8."""
    check_count(len(content), MOST_NAME, "letters in a name")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"the name {content!r:.80} is not valid UTF-8; the file is damaged") from error
