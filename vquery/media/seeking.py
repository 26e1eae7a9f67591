"""The picture of one frame, by its exact time, without reading the video from its beginning.

OpenCV seeks by a guessed frame number, which is wrong where the frame rate varies, so a seek is
only a way to come near: the timestamps that follow say which frame is at hand, and where the seek
came too late it is done again from further back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import cv2

from vquery.errors import MediaError
from vquery.media.images import ImageFolder
from vquery.media.pictures import fit, open_picture
from vquery.media.quiet import silence
from vquery.media.video import FrameReader
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from vquery.media.pictures import Picture

silence()

NEAR_US = 1
"""Times of one frame may differ by what rounding leaves."""
AHEAD_US = 2 * US_PER_S
"""What lies this little ahead is read to rather than sought."""
BACK_US = (200_000, 2 * US_PER_S, 10 * US_PER_S, 60 * US_PER_S)
"""How far before the frame a seek aims, one try after the other."""


class Seeker:
    """Pictures of one video, folder of pictures or picture, in any order of time.

    It is cheapest to ask in the order of time. Not for use by two threads at once.

    Parameters
    ----------
    path
        The file or folder.
    kind
        "video", "images" or "image", as the collection knows it.
    fps
        Frames per second of a folder of pictures.

    Raises
    ------
    MediaError
        If there is nothing that can be decoded.
    """

    def __init__(
        self,
        path: Path,
        kind: Literal["video", "images", "image"] = "video",
        fps: Fraction | str | None = None,
    ) -> None:
        self.path = path
        self._capture: cv2.VideoCapture | None = None
        self._folder: ImageFolder | None = None
        self._at_us: int | None = None
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder")
        if kind == "images":
            self._folder = ImageFolder(path, fps)
        elif kind == "video":
            self._capture = _opened(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._capture is not None:
            self._capture.release()

    def at(self, start_us: int, number: int) -> Picture:
        """Decode the frame that starts at a time, which the table of frames gave.

        Parameters
        ----------
        start_us, number
            Exact start of the frame, and its number in the video.

        Raises
        ------
        MediaError
            If the frame cannot be found or decoded any more.
        """
        if self._folder is not None:
            return self._folder.open(number)
        if self._capture is None:
            return open_picture(self.path)
        if self._find(self._capture, start_us):
            done, image = self._capture.retrieve()
            if done:
                return image  # type: ignore[return-value]
        return self._counted(start_us, number)

    def _find(self, capture: cv2.VideoCapture, start_us: int) -> bool:
        """Go to the frame; False where timestamps do not lead there."""
        here = self._at_us
        if here is not None and abs(here - start_us) <= NEAR_US:
            return True
        if here is not None and here < start_us <= here + AHEAD_US and self._forward(start_us):
            return True
        for back in BACK_US:
            if start_us <= back:
                break
            capture.set(cv2.CAP_PROP_POS_MSEC, (start_us - back) / 1000)
            if self._forward(start_us):
                return True
        return self._from_start(start_us)

    def _forward(self, start_us: int) -> bool:
        """Read on to the frame; False if it is past or does not come."""
        assert self._capture is not None
        while self._capture.grab():
            self._at_us = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)
            if abs(self._at_us - start_us) <= NEAR_US:
                return True
            if self._at_us > start_us:
                return False
        self._at_us = None
        return False

    def _from_start(self, start_us: int) -> bool:
        """Read from the first frame, whose time may be told wrong: see `FrameReader`."""
        assert self._capture is not None
        self._capture.release()
        self._capture = _opened(self.path)
        self._at_us = None
        if start_us == 0:
            found = bool(self._capture.grab())
            self._at_us = 0 if found else None
            return found
        return bool(self._capture.grab()) and self._forward(start_us)

    def _counted(self, start_us: int, number: int) -> Picture:
        """Count frames as the index did: the last resort, for files whose times it had to make."""
        with FrameReader(self.path, wanted=lambda at, _: at == number) as reader:
            for frame in reader:
                if frame.index == number and frame.image is not None:
                    return frame.image
        raise MediaError(
            f"{self.path}: frame {number} at {start_us / US_PER_S:.6f} s can no longer be read; "
            "the file is not the one that was indexed, or damaged"
        )


def of_height(image: Picture, height: int) -> Picture:
    """Shrink to a height, keeping the shape; a smaller picture stays as it is.

    >>> import numpy as np
    >>> of_height(np.zeros((100, 50, 3), np.uint8), 20).shape
    (20, 10, 3)
    """
    tall, wide = image.shape[:2]
    if tall <= height:
        return image
    return fit(image, max(height, round(wide * height / tall)))


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise MediaError(f"{path}: not a video that can be decoded")
    return capture
