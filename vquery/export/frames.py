"""Write the pictures of frames: each video is decoded once, in order, and only where needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import ExportError, IngestError, MediaError
from vquery.export.folder import write_bytes
from vquery.export.items import picture_file
from vquery.index.hashing import content_sha256
from vquery.media.pictures import encode_jpeg
from vquery.media.video import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vquery.media.pictures import Picture

QUALITY = 95
WITHOUT = "or export without pictures (images=False, --no-images)"


def write_frames(
    wanted: Mapping[str, tuple[Path, set[int]]],
    videos: Mapping[str, Mapping[str, Any]],
    *,
    same_size: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write frames of videos as JPEG; return how many.

    Parameters
    ----------
    wanted
        By video: the folder for its pictures, and the numbers of the frames.
    videos
        VIDEO rows by name: ``uri`` and ``kind`` say where the pictures come from.
    same_size
        Whether the pictures of a video must have its width and height, because the labels are in
        pixels. In a folder of pictures they may differ.
    progress
        Called with the number of pictures written so far.

    Raises
    ------
    ExportError
        If a video has moved, is not what was indexed, or can no longer be read in full. That
        one has moved is said before any is decoded.
    """
    for video in wanted:
        _check_place(video, videos[video])
    done = 0
    for video, (folder, numbers) in wanted.items():
        left = set(numbers)
        for number, image in _pictures(video, videos[video], numbers):
            if same_size:
                _check_size(video, videos[video], number, image)
            write_bytes(folder / picture_file(number), encode_jpeg(image, quality=QUALITY))
            left.discard(number)
            done += 1
            if progress is not None:
                progress(done)
        if left:
            raise ExportError(
                f"{video}: {len(left)} of {len(numbers)} frames can no longer be read, the first "
                f"is {min(left)}. Put the file back as it was indexed, {WITHOUT}"
            )
    return done


def _check_place(video: str, facts: Mapping[str, Any]) -> None:
    if not facts["uri"] or not Path(facts["uri"]).exists():
        raise ExportError(f"{video}: no longer at {facts['uri']}. Put it back, {WITHOUT}")


def _check_size(video: str, facts: Mapping[str, Any], number: int, image: Picture) -> None:
    height, width = image.shape[:2]
    if (width, height) != (facts["width"], facts["height"]):
        raise ExportError(
            f"{video}: frame {number} has {width}x{height} pixels, the first one "
            f"{facts['width']}x{facts['height']}, and this format counts in pixels. Choose a "
            "format with relative boxes: yolo, fiftyone or parquet"
        )


def _pictures(
    video: str, facts: Mapping[str, Any], numbers: set[int]
) -> Iterator[tuple[int, Picture]]:
    """Yield the frames wanted, reading from the first frame on: only that counts frames right."""
    place = Path(facts["uri"])
    fps = f"{facts['fps_num']}/{facts['fps_den']}" if facts["kind"] == "images" else None
    last = max(numbers)
    try:
        if content_sha256(place) != facts["sha256"]:
            raise ExportError(
                f"{video}: {place} has changed since it was indexed, so its frames may not be "
                f"those of the labels. Put the old file back, {WITHOUT}"
            )
        with FrameReader(
            place, images_fps=fps, wanted=lambda number, _: number in numbers
        ) as reader:
            for frame in reader:
                if frame.image is not None:
                    yield frame.index, frame.image
                if frame.index >= last:
                    return
    except (MediaError, IngestError) as error:
        raise ExportError(f"{video}: {error}. Put the file back as it was, {WITHOUT}") from error
