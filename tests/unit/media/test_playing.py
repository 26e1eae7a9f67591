"""What a browser plays is told by the codec, and no file is too broken to be asked about."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from vquery.media.playing import playable


def written(path: Path, code: str) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("vp8.webm", "VP80", True),
        ("vp9.webm", "VP90", True),
        ("part2.mp4", "mp4v", False),
        ("mjpeg.avi", "MJPG", False),
    ],
)
def test_files_are_told_by_their_codec(tmp_path: Path, name: str, code: str, expected: bool):
    assert playable(written(tmp_path / name, code)) is expected


def test_the_codec_counts_and_not_the_name(tmp_path: Path):
    path = written(tmp_path / "part2.mp4", "mp4v")
    data = path.read_bytes()
    assert data.count(b"mp4v") == 1
    path.write_bytes(data.replace(b"mp4v", b"avc1"))
    assert playable(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00\x18ftypisom",
        struct.pack(">I4s", 16, b"ftyp") + b"isom\0\0\0\0" + struct.pack(">I4s", 0, b"moov"),
        struct.pack(">I4s", 16, b"ftyp") + b"isom\0\0\0\0" + struct.pack(">I4s", 3, b"moov"),
        struct.pack(">I4s", 16, b"ftyp") + struct.pack(">I4sQ", 1, b"moov", 1 << 63),
        struct.pack(">I4s", 16, b"ftyp") + bytes(8) + struct.pack(">I4sQ", 1, b"free", 2**64 - 1),
        b"\x1a\x45\xdf\xa3",
    ],
)
def test_broken_files_are_not_played(tmp_path: Path, data: bytes):
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    assert not playable(path)
    assert not playable(tmp_path / "missing.mp4")
    assert not playable(tmp_path)
