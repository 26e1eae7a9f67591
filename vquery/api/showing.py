"""Pictures for a page: frames at exact times, strips of them, and crops of detections."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from vquery.api.lately import Lately
from vquery.errors import MediaError, StoreError

if TYPE_CHECKING:
    from vquery.api.looking import Film, Looker
    from vquery.api.moment import Moment
    from vquery.media.pictures import Picture
    from vquery.media.seeking import Seeker

BYTES = 96 << 20
"""Of JPEGs that are kept."""
OPEN = 4
"""Videos that are kept open."""
QUALITY = 85
CROP_SIDE = 192
GAP = 2
"""Pixels between the frames of a strip."""


class Showing:
    """Makes JPEGs, and keeps those asked for last.

    Parameters
    ----------
    looker
        Tells which frames there are.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._kept: Lately[bytes] = Lately(BYTES, len)
        self._idle: list[tuple[str, Seeker]] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, seeker in idle:
            seeker.close()

    def frame(self, moment: Moment, video: str, t_us: int, height: int) -> tuple[int, bytes]:
        """Show the frame that is on screen at a time; after the end the last one.

        Returns
        -------
        (int, bytes)
            Its exact start, and a JPEG of at most this height.

        Raises
        ------
        StoreError
            If there is no such video, or no frame at this time.
        MediaError
            If its file is gone, or can no longer be decoded.
        """
        film, frames = self._looker.film(moment, video), self._looker.frames(moment, video)
        row = frames.at(t_us)
        start = int(frames.start[row])
        jpeg = self._kept.get(
            (film.uri, start, height),
            lambda: _jpeg(self._picture(film, start, int(frames.number[row])), height),
        )
        return start, jpeg

    def strip(
        self, moment: Moment, video: str, span: tuple[int, int], count: int, height: int
    ) -> bytes:
        """Show frames of a stretch of a video side by side, spread evenly, the middle included.

        Parameters
        ----------
        span
            Start and end in microseconds.
        count, height
            Frames at most (fewer where there are fewer), and their height at most.
        """
        film, frames = self._looker.film(moment, video), self._looker.frames(moment, video)
        low, high = span
        moments = low + (np.arange(count) + 0.5) * max(high - low, 0) / count
        rows = sorted({frames.near(int(at)) for at in moments.tolist()})
        key = (film.uri, "strip", height, *rows)

        def make() -> bytes:
            from vquery.media.pictures import encode_jpeg
            from vquery.media.seeking import of_height

            found = [
                of_height(
                    self._picture(film, int(frames.start[row]), int(frames.number[row])), height
                )
                for row in rows
            ]
            return encode_jpeg(_beside(found), quality=QUALITY)

        return self._kept.get(key, make)

    def crop(self, moment: Moment, detection_id: int) -> bytes:
        """Cut a detection out of its frame, for one whose crop was not stored.

        Raises
        ------
        StoreError
            If there is no such detection.
        MediaError
            If its video is gone, or the box lies outside the picture.
        """
        film = self._looker.film_of(moment, detection_id)
        seen = self._looker.seen(moment, film.video)
        row = seen.row_of(detection_id)
        if row is None:
            raise StoreError(f"there is no detection {detection_id} in the collection")

        def make() -> bytes:
            from vquery.media.pictures import crop, encode_jpeg

            frames = self._looker.frames(moment, film.video)
            at = frames.at(int(seen.start[row]))
            image = self._picture(film, int(frames.start[at]), int(frames.number[at]))
            cut = crop(image, seen.box[row])
            if cut is None:
                raise MediaError(f"detection {detection_id} lies outside the picture")
            return encode_jpeg(cut, longest=CROP_SIDE, quality=QUALITY)

        return self._kept.get((film.uri, "crop", detection_id, *seen.box[row].tolist()), make)

    def _picture(self, film: Film, start_us: int, number: int) -> Picture:
        seeker = self._taken(film)
        try:
            image = seeker.at(start_us, number)
        except BaseException:
            seeker.close()
            raise
        with self._lock:
            self._idle.append((film.video, seeker))
            too_many = self._idle[:-OPEN]
            self._idle = self._idle[-OPEN:]
        for _, one in too_many:
            one.close()
        return image

    def _taken(self, film: Film) -> Seeker:
        """Take a video that is open, so that nobody else reads from it meanwhile, or open it."""
        with self._lock:
            for at, (video, seeker) in enumerate(self._idle):
                if video == film.video:
                    del self._idle[at]
                    return seeker
        from vquery.media.seeking import Seeker

        kind = cast("Literal['video', 'images', 'image']", film.kind)
        return Seeker(film.place(), kind, film.fps)


def _jpeg(image: Picture, height: int) -> bytes:
    from vquery.media.pictures import encode_jpeg
    from vquery.media.seeking import of_height

    return encode_jpeg(of_height(image, height), quality=QUALITY)


def _beside(images: list[Picture]) -> Picture:
    """Put pictures of one height side by side; smaller ones stand at the top.

    >>> _beside([np.zeros((4, 6, 3), np.uint8), np.zeros((3, 5, 3), np.uint8)]).shape
    (4, 13, 3)
    """
    tall = max(image.shape[0] for image in images)
    wide = sum(image.shape[1] for image in images) + GAP * (len(images) - 1)
    whole = np.zeros((tall, wide, 3), np.uint8)
    left = 0
    for image in images:
        whole[: image.shape[0], left : left + image.shape[1]] = image
        left += image.shape[1] + GAP
    return whole
