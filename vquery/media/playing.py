"""Which files a browser plays by itself: told by what the container says is in it.

Only the beginnings of boxes are read, so that a file of any size takes a few reads.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".ogg": "video/ogg",
    ".avi": "video/x-msvideo",
    ".gif": "image/gif",
}
PLAYED = frozenset({b"avc1", b"avc3", b"vp08", b"vp09", b"av01"})
"""Sample entries of MP4 that Chromium and Firefox play."""
PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
WEBM = (b"V_VP8", b"V_VP9", b"V_AV1")
EBML = b"\x1a\x45\xdf\xa3"
HEAD = 1 << 16
MOST_BOXES = 10_000
"""More boxes than this are in no file that was made to be played."""


def content_type(path: Path) -> str:
    """Name the type of a video by its ending.

    >>> from pathlib import Path
    >>> content_type(Path("a/B.MP4")), content_type(Path("a.xyz"))
    ('video/mp4', 'application/octet-stream')
    """
    return TYPES.get(path.suffix.lower(), "application/octet-stream")


def playable(path: Path) -> bool:
    """Whether a browser plays the file: MP4 with H.264, VP9 or AV1, WebM; never raises.

    Others, such as MPEG-4 part 2, AVI, GIF, Theora or Matroska, are shown frame by frame.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if head.startswith(EBML):
                return b"webm" in head[:64] and any(codec in head for codec in WEBM)
            if head[4:8] != b"ftyp":
                return False
            file.seek(0)
            codecs = _codecs(file, path.stat().st_size)
            return bool(codecs & PLAYED)
    except OSError:
        return False


def _codecs(file: BinaryIO, size: int) -> set[bytes]:
    """Read the kinds of samples of all tracks of an MP4."""
    found: set[bytes] = set()
    ends = [size]
    for _ in range(MOST_BOXES):
        at = file.tell()
        while ends and at >= ends[-1]:
            ends.pop()
        if not ends:
            break
        kind, length, head = _box(file, ends[-1] - at)
        if length < head:  # damaged
            break
        if kind == b"stsd":
            entry = file.read(16)
            found.add(entry[12:16])
        if kind in PARENTS:
            ends.append(min(at + length, ends[-1]))
        else:
            file.seek(min(at + length, size))
    return found


def _box(file: BinaryIO, room: int) -> tuple[bytes, int, int]:
    """Read the head of a box: its kind, its length, and how long the head is."""
    data = file.read(8)
    if len(data) < 8:
        return b"", 0, 8
    length, kind = struct.unpack(">I4s", data)
    if length == 1:
        data = file.read(8)
        return kind, struct.unpack(">Q", data)[0] if len(data) == 8 else 0, 16
    return kind, length or room, 8
