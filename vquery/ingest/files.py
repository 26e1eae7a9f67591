"""Bounded reading of text and JSON files."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any

from vquery.errors import IngestError

if TYPE_CHECKING:
    from pathlib import Path

MAX_TEXT_BYTES = 512 << 20
"""Text and JSON are held in memory as a whole, several times over: refuse what would not fit."""

MAX_TABLE_BYTES = 4 << 30
"""The same for binary tables, which are held once."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NEWLINE = re.compile(r"\r+\n?")  # also the "\r\r\n" of files that were converted twice


def check_size(path: Path, limit: int) -> int:
    """Return the size of a file in bytes.

    Raises
    ------
    IngestError
        If it is not a file, or larger than ``limit``.
    """
    if not path.is_file():
        raise IngestError.at(path, "no such file")
    size = path.stat().st_size
    if size > limit:
        raise IngestError.at(
            path, f"is {size / 2**20:,.0f} MiB; the limit is {limit / 2**20:,.0f} MiB: split it"
        )
    return size


def read_text(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file with newlines as line ends, and notes on its encoding.

    UTF-8 and UTF-16 are known by their byte order mark; without one the text is UTF-8, and what
    is not valid UTF-8 is read as Latin-1, with a note.

    Raises
    ------
    IngestError
        If there is no such file, or it is larger than `MAX_TEXT_BYTES`.
    """
    check_size(path, MAX_TEXT_BYTES)
    content = path.read_bytes()
    notes: list[str] = []
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        text = content.decode("latin-1")
        notes.append(f"not {error.encoding} (byte {error.start + 1}): read as Latin-1")
    return _NEWLINE.sub("\n", text), notes


def read_json(path: Path) -> Any:
    """Return the document in a JSON file.

    Raises
    ------
    IngestError
        If it is no JSON, naming line and column; or see `read_text`.
    """
    text, _ = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"no valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise IngestError.at(path, problem) from error
    except RecursionError as error:
        raise IngestError.at(path, "JSON nested too deeply to be annotations") from error
