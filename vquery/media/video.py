"""Frames of a video in order, each with the time that its container gives it.

Only sequential reading with the container's timestamps is exact: OpenCV's frame seek and
``frame / fps`` are both wrong on video of variable frame rate (opencv/opencv issue 9053).
Times count from the first instant of the video stream.
"""

from __future__ import annotations

import os
from array import array
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media.frames import Frame, MediaInfo, Source, frame_rate
from vquery.media.images import ImageFolder, SingleImage, is_picture
from vquery.media.quiet import silence
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vquery.media.pictures import Picture

__all__ = ["Frame", "FrameReader", "MediaInfo", "probe"]

silence()

FALLBACK_FPS = 25
"""Where the container names no frame rate; used only for frames without timestamps."""
SANE_FPS = (Fraction(1, 3600), Fraction(1000))
NO_FRAME = "holds no frame that can be decoded"
MISSING_SHARE = 0.01
"""Containers announce frames that were never there: fewer missing ones are no truncation."""


def probe(path: str | Path, *, images_fps: Fraction | float | str | None = None) -> MediaInfo:
    """Look at a video, a folder of pictures or a picture without reading it through.

    Parameters
    ----------
    path
        A video file, a picture, or a folder of pictures.
    images_fps
        Frames per second of a folder of pictures: picture number n starts at n / images_fps.

    Raises
    ------
    MediaError
        If there is nothing that can be decoded, with the reason.
    """
    source = _open(Path(path), images_fps)
    try:
        if next(iter(source), None) is None:
            raise MediaError(f"{path}: {NO_FRAME}")
        return source.info
    finally:
        source.close()


class FrameReader:
    """Read frames one after the other; use it in a ``with`` statement, iterate once.

    Parameters
    ----------
    path, images_fps
        As in `probe`.
    wanted
        Called with the number and start of each frame; where it returns False the frame is only
        passed over (cheaper) and has no picture. None wants every picture.

    Attributes
    ----------
    info
        What the container announces.
    warnings
        What is wrong with the file, complete after the last frame: one sentence each.

    Notes
    -----
    One picture is in memory at a time, and 24 bytes a frame for the times.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        images_fps: Fraction | float | str | None = None,
        wanted: Callable[[int, int], bool] | None = None,
    ) -> None:
        self._path = Path(path)
        self._source = _open(self._path, images_fps)
        self._wanted = wanted
        self._numbers, self._starts, self._ends = array("q"), array("q"), array("q")

    @property
    def info(self) -> MediaInfo:
        """What the container announces."""
        return self._source.info

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the file."""
        return self._source.warnings

    @property
    def n_frames(self) -> int:
        """Frames read so far."""
        return len(self._numbers)

    @property
    def end_us(self) -> int:
        """End of the last frame; known after it was read."""
        return self._ends[-1] if self._ends else 0

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the frames, int64 ``(n_frames,)``; not consecutive for picture folders."""
        return np.array(self._numbers, np.int64)

    @property
    def starts_us(self) -> NDArray[np.int64]:
        """Starts of the frames, int64 ``(n_frames,)``, strictly increasing."""
        return np.array(self._starts, np.int64)

    @property
    def ends_us(self) -> NDArray[np.int64]:
        """Ends of the frames: the next start, or in a picture folder one frame's length later."""
        return np.array(self._ends, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    def __iter__(self) -> Iterator[Frame]:
        open_end = False
        for number, start, end in self._source:
            image = None
            if self._wanted is None or self._wanted(number, start):
                image = self._source.picture()
                if image is None:
                    continue
            if open_end:
                self._ends[-1] = start
            open_end = end is None
            self._numbers.append(number)
            self._starts.append(start)
            self._ends.append(self._guessed_end() if end is None else end)
            yield Frame(number, start, image)
        if not self._numbers:
            raise MediaError(f"{self._path}: {NO_FRAME}")

    def _guessed_end(self) -> int:
        """Until the next frame is known, a frame lasts as long as the one before it."""
        known = len(self._starts) > 1
        return self._starts[-1] + (
            self._starts[-1] - self._starts[-2] if known else self._source.nominal_us
        )


def _open(path: Path, images_fps: Fraction | float | str | None) -> Source:
    if path.is_dir():
        return ImageFolder(path, images_fps)
    if not path.exists():
        raise MediaError(f"{path}: no such file or folder")
    if not path.is_file():
        raise MediaError(f"{path}: not a regular file")
    return SingleImage(path) if is_picture(path) else _VideoFile(path)


class _VideoFile:
    """A video file, read through OpenCV's FFmpeg."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._capture = _capture(path)
        self.info = self._facts()
        fps = Fraction(self.info.fps_num, self.info.fps_den)
        self.nominal_us = round(US_PER_S / (fps or Fraction(FALLBACK_FPS)))
        self._untimed = 0
        self._undecoded = 0

    def _facts(self) -> MediaInfo:
        get = self._capture.get
        width, height = int(get(cv2.CAP_PROP_FRAME_WIDTH)), int(get(cv2.CAP_PROP_FRAME_HEIGHT))
        if width <= 0 or height <= 0:
            self.close()
            raise MediaError(f"{self.path}: has a video stream without a picture size")
        rate = get(cv2.CAP_PROP_FPS)
        fps = frame_rate(rate) if rate > 0 and np.isfinite(rate) else Fraction(0)
        if not SANE_FPS[0] <= fps <= SANE_FPS[1]:
            self.warnings.append("the container names no usable frame rate; times are its own")
            fps = Fraction(0)
        count = get(cv2.CAP_PROP_FRAME_COUNT)
        frames = int(count) if 0 < count < 1e12 else None
        duration = round(frames / fps * US_PER_S) if frames and fps else None
        code = int(get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        codec = "".join(c for c in code.to_bytes(4, "little").decode("latin-1") if c.isprintable())
        num, den = fps.numerator, fps.denominator
        return MediaInfo("video", width, height, num, den, frames, duration, codec.strip())

    def __iter__(self) -> Iterator[tuple[int, int, int | None]]:
        number, start = 0, -1
        while self._capture.grab():
            # After grab() this is the time of the frame at hand, before it that of the last one.
            given = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            at = round(given * 1000) if np.isfinite(given) else -1
            if number == 0 and at != 0:
                at = self._first_us(at)
            if at <= start:
                at = start + self.nominal_us
                self._untimed += 1
            start = at
            yield number, start, None
            number += 1
        self._report(number, start + self.nominal_us)

    def _first_us(self, at: int) -> int:
        """Check the time of the first frame, for which OpenCV may take a decoding timestamp.

        It does so where the presentation timestamp is 0; then the time is not before that of the
        second frame, or negative, and the truth is 0.
        """
        ahead = _capture(self.path)
        later = ahead.get(cv2.CAP_PROP_POS_MSEC) if ahead.grab() and ahead.grab() else np.inf
        ahead.release()
        return at if 0 < at < later * 1000 else 0

    def picture(self) -> Picture | None:
        """Decode the frame at hand."""
        done, image = self._capture.retrieve()
        if done:
            return image  # type: ignore[return-value]
        self._undecoded += 1
        return None

    def _report(self, frames: int, end_us: int) -> None:
        """Tell of missing frames and times."""
        announced, duration = self.info.frames_hint or 0, self.info.duration_hint_us or 0
        missing = duration - end_us > max(2 * self.nominal_us, MISSING_SHARE * duration)
        if frames < announced and missing:
            self.warnings.append(
                f"decoded {frames} of {announced} announced frames: truncated or damaged"
            )
        elif self.info.codec == "gif" and not _ends_as_gif(self.path):
            self.warnings.append(f"decoded {frames} frames, but the file is cut off")
        if self._untimed:
            self.warnings.append(
                f"{_frames(self._untimed)} without a timestamp of their own; placed"
                f" {self.nominal_us} us after the frame before"
            )
        if self._undecoded:
            self.warnings.append(f"{_frames(self._undecoded)} could not be decoded, left out")

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _ends_as_gif(path: Path) -> bool:
    """Tell whether a GIF is whole: its frame count comes from reading it, cut off or not."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b";"


def _capture(path: Path) -> cv2.VideoCapture:
    # FFmpeg by name: other backends would take a text file for a sequence of pictures. An
    # absolute path cannot be mistaken for an address such as http:.
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: the file is empty")
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if capture.isOpened():
        return capture
    raise MediaError(
        f"{path}: not a video that can be decoded"
        " (another kind of file, damaged, cut off, or a codec that is not built in)"
    )
