"""A folder of pictures as a video, and a single picture as one instant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import MediaError
from vquery.media.frames import MediaInfo, frame_rate, time_of
from vquery.media.pictures import SUFFIXES, open_picture
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from vquery.media.pictures import Picture

SHOWN = 3
"""File names quoted in a warning."""


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture.

    >>> is_picture(Path("a/B.JPG")), is_picture(Path("a.mp4"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def frame_number(name: str) -> int | None:
    """Read the frame number from a file name: its last group of digits.

    >>> frame_number("003088.jpg"), frame_number("s2_take1-0040.mp4.jpg"), frame_number("cover.jpg")
    (3088, 4, None)
    >>> frame_number("s2_take1-0040.jpg")
    40
    """
    groups = re.findall(r"[0-9]+", Path(name).stem)
    return int(groups[-1]) if groups else None


class ImageFolder:
    """The pictures of one folder, each shown from ``number / fps`` to ``(number + 1) / fps``.

    Numbers need not follow each other: a gap stays a gap. Other files are ignored; pictures
    without a number and pictures that cannot be read are left out with a warning.

    Raises
    ------
    MediaError
        If the frame rate is not given, no picture has a number, two have the same one, or no
        picture can be read.
    """

    def __init__(self, path: Path, images_fps: Fraction | float | str | None) -> None:
        if images_fps is None:
            raise MediaError(
                f"{path}: a folder of pictures has no frame rate of its own; give images_fps,"
                " for example 1 where file 000090.jpg is second 90"
            )
        self.path = path
        self.fps = frame_rate(images_fps, what="images_fps")
        self.nominal_us = time_of(1, self.fps)
        self.warnings: list[str] = []
        self._files = self._numbered()
        self._at = 0
        self._unreadable: list[str] = []
        self.info = self._look()

    def _numbered(self) -> dict[int, Path]:
        try:
            pictures = sorted(file for file in self.path.iterdir() if is_picture(file))
        except OSError as error:
            raise MediaError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        if not pictures:
            raise MediaError(f"{self.path}: no pictures ({', '.join(sorted(SUFFIXES))}) in it")
        files: dict[int, Path] = {}
        nameless = []
        for file in pictures:
            number = frame_number(file.name)
            if number is None:
                nameless.append(file.name)
                continue
            if number in files:
                raise MediaError(
                    f"{self.path}: {files[number].name} and {file.name} are both frame {number};"
                    " the last digits of a name are the frame number"
                )
            files[number] = file
        if not files:
            raise MediaError(f"{self.path}: no picture has a frame number in its name")
        if nameless:
            self.warnings.append(_listed(nameless, "without a frame number in the name left out"))
        if max(files) + 1 >= IDS_PER_VIDEO:
            raise MediaError(
                f"{files[max(files)]}: frame number {max(files)} is too large;"
                f" it must be below {IDS_PER_VIDEO - 1}"
            )
        return dict(sorted(files.items()))

    def _look(self) -> MediaInfo:
        """Take width and height from the first picture that can be read."""
        for file in self._files.values():
            try:
                height, width = open_picture(file).shape[:2]
            except MediaError:
                continue
            duration = time_of(max(self._files) + 1, self.fps)
            num, den = self.fps.numerator, self.fps.denominator
            codec = file.suffix.lower().lstrip(".")
            return MediaInfo("images", width, height, num, den, len(self._files), duration, codec)
        raise MediaError(f"{self.path}: none of its {len(self._files)} pictures can be read")

    def __iter__(self) -> Iterator[tuple[int, int, int | None]]:
        for number in self._files:
            self._at = number
            yield number, time_of(number, self.fps), time_of(number + 1, self.fps)
        if self._unreadable:
            self.warnings.append(_listed(self._unreadable, "that cannot be read left out"))

    def open(self, number: int) -> Picture:
        """Open the picture of a frame, at any time.

        Raises
        ------
        MediaError
            If there is no such frame, or its file cannot be read.
        """
        file = self._files.get(number)
        if file is None:
            raise MediaError(f"{self.path}: there is no picture of frame {number}")
        return open_picture(file)

    def picture(self) -> Picture | None:
        """Open the picture at hand."""
        file = self._files[self._at]
        try:
            return open_picture(file)
        except MediaError:
            self._unreadable.append(file.name)
            return None

    def close(self) -> None:
        """Nothing is held open."""


class SingleImage:
    """One picture: one frame that starts and ends at 0."""

    def __init__(self, path: Path) -> None:
        self.nominal_us = 0
        self.warnings: list[str] = []
        self._image = open_picture(path)
        height, width = self._image.shape[:2]
        codec = path.suffix.lower().lstrip(".")
        self.info = MediaInfo("image", width, height, 0, 1, 1, 0, codec)

    def __iter__(self) -> Iterator[tuple[int, int, int | None]]:
        yield 0, 0, 0

    def picture(self) -> Picture | None:
        """Return the picture."""
        return self._image

    def close(self) -> None:
        """Nothing is held open."""


def _listed(names: list[str], problem: str) -> str:
    """Say how many pictures, and name the first.

    >>> _listed(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], "left out")
    '4 pictures left out: a.jpg, b.jpg, c.jpg, ...'
    """
    count = "1 picture" if len(names) == 1 else f"{len(names)} pictures"
    more = ", ..." if len(names) > SHOWN else ""
    return f"{count} {problem}: {', '.join(names[:SHOWN])}{more}"
