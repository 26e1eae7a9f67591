"""Write the pictures of frames: each video is decoded once, in order, and only where needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import ExportError, MediaError
from vquery.export.folder import write_bytes
from vquery.export.items import picture_name
from vquery.media.pictures import encode_jpeg
from vquery.media.video import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

QUALITY = 95


def write_frames(
    wanted: Mapping[str, Mapping[int, Path]],
    videos: Mapping[str, Mapping[str, Any]],
    *,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the frames of each video to the paths given; return how many.

    Parameters
    ----------
    wanted
        Frame number to path, by video.
    videos
        VIDEO rows by name: ``uri`` and ``kind`` say where the pictures come from.
    progress
        Called with the number of pictures written so far.

    Raises
    ------
    ExportError
        If a video has moved or can no longer be read, or lacks a frame that it had.
    """
    done = 0
    for video, paths in wanted.items():
        seen = 0
        for frame in _frames(video, videos[video], set(paths)):
            write_bytes(paths[frame.index], encode_jpeg(frame.image, quality=QUALITY))
            seen += 1
            done += 1
            if progress is not None:
                progress(done)
        if seen < len(paths):
            raise ExportError(
                f"{video}: {len(paths) - seen} of {len(paths)} frames can no longer be read. "
                "Put the file back as it was indexed, or export without pictures"
            )
    return done


def _frames(video: str, facts: Mapping[str, Any], numbers: set[int]) -> Any:
    place = facts.get("uri")
    if not place or not Path(place).exists():
        raise ExportError(
            f"{video}: the file is no longer at {place}. Put it back, or export without pictures"
        )
    fps = f"{facts['fps_num']}/{facts['fps_den']}" if facts["kind"] == "images" else None
    last = max(numbers)
    try:
        with FrameReader(
            place, images_fps=fps, wanted=lambda number, _: number in numbers
        ) as reader:
            for frame in reader:
                if frame.image is not None:
                    yield frame
                if frame.index >= last:
                    return
    except MediaError as error:
        raise ExportError(f"{video}: {error}") from error


def paths_of(frames: Mapping[tuple[str, int], str], folder: Path) -> dict[str, dict[int, Path]]:
    """Sort ``(video, frame) -> split`` into paths ``folder/SPLIT/VIDEO/FRAME.jpg`` by video."""
    wanted: dict[str, dict[int, Path]] = {}
    for (video, frame), split in frames.items():
        wanted.setdefault(video, {})[frame] = folder / split / picture_name(video, frame)
    return wanted
