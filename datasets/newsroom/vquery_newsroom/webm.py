"""Writes VP8 in WebM through OpenCV, the same bytes for the same frames."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

import cv2

from vquery_newsroom.errors import NewsroomError
from vquery_newsroom.picture import FPS, HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vquery_newsroom.shapes import Image

TRACK_IDS = (
    b"\x73\xc5\x88",
    b"\x63\xc5\x88",
)  # Matroska elements TrackUID and TagTrackUID, 8 bytes each
HEADER = 4096  # both lie within the first bytes of the file


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep FFmpeg's remark that WebM knows no four-letter codes off the user's terminal.

    OpenCV prints it straight to the file descriptor and offers no switch for it.
    """
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


class WebmWriter:
    """Context manager that appends frames of the newsroom's size and rate to a WebM file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> WebmWriter:
        """Open the file.

        Raises
        ------
        NewsroomError
            If this OpenCV cannot write VP8.
        """
        self.n_frames = 0
        code = cv2.VideoWriter.fourcc(*"VP80")
        with _silent_stderr():
            self._writer = cv2.VideoWriter(
                str(self.path), cv2.CAP_FFMPEG, code, float(FPS), (WIDTH, HEIGHT)
            )
        if not self._writer.isOpened():
            raise NewsroomError(
                f"{self.path}: OpenCV {cv2.__version__} cannot write VP8 in WebM here. Expected "
                "one built with FFmpeg, as the wheels of opencv-python-headless are, and space."
            )
        return self

    def write(self, image: Image) -> None:
        """Append a frame (HEIGHT, WIDTH, 3)."""
        self._writer.write(image)
        self.n_frames += 1

    def __exit__(self, *error: object) -> None:
        """Close the file, check it, and give it a track number that follows from its name.

        Raises
        ------
        NewsroomError
            If fewer frames arrived in the file than were written: OpenCV hides errors of the disk.
        """
        self._writer.release()
        if error[0] is not None:
            return
        capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        arrived = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if arrived != self.n_frames:
            raise NewsroomError(
                f"{self.path} has {arrived} of {self.n_frames} frames. Is the disk full?"
            )
        self._fix_track_number()

    def _fix_track_number(self) -> None:
        with self.path.open("r+b") as file:
            header = bytearray(file.read(HEADER))
            for mark in TRACK_IDS:
                at = header.find(mark)
                if at >= 0:
                    header[at + 3 : at + 11] = hashlib.sha256(self.path.name.encode()).digest()[:8]
            file.seek(0)
            file.write(header)
