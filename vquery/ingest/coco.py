"""COCO annotations of pictures and videos, and COCO result lists.

Dialects, told apart by content:

- pictures: ``images, annotations, categories`` with ``bbox`` = left, top, width, height in pixels
  from the top left corner (https://cocodataset.org/#format-data);
- videos: also ``videos``; images have ``video_id`` and ``frame_id`` or ``frame_index`` (from 0),
  annotations ``instance_id`` or ``track_id`` (CocoVID, TAO);
- tracks: no images, an annotation has ``video_id`` and ``bboxes``, one for each of the video's
  ``file_names`` or null (YouTube-VIS);
- results: a list of ``image_id, category_id, bbox, score``, which needs the annotation file too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA, corners, detection_table, has_area, normalised
from vquery.ingest.clock import FrameClock
from vquery.ingest.files import read_json
from vquery.ingest.result import Ingested, counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Clocks = FrameClock | Mapping[str, FrameClock]
    Ints = npt.NDArray[np.int64]

CROWD = "annotation of a crowd"
NO_BOX = "annotation without a box"
OTHER_VIDEO = "annotation of another video"
_DIGITS = re.compile(r"[0-9]+")


class _Frame(NamedTuple):
    """What an image id stands for; ``frame`` is None for a picture of its own."""

    video: str
    frame: int | None
    width: float
    height: float


class _Box(NamedTuple):
    frame: _Frame
    bbox: tuple[float, ...]
    category: str
    score: float | None
    track: int | None


@dataclass
class _Coco:
    """One file, and what its ids mean."""

    path: Path
    base: dict[str, Any]
    video: str | None
    skipped: dict[str, int] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)
    videos: dict[Any, dict[str, Any]] = field(default_factory=dict)
    names: dict[Any, str | None] = field(default_factory=dict)
    images: dict[Any, _Frame | None] = field(default_factory=dict)
    sampled: dict[str, set[int]] = field(default_factory=dict)  # frames annotated, by video

    def error(self, what: str, problem: str) -> IngestError:
        return IngestError.at(self.path, f"{what}: {problem}")

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def entries(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the entries of a list of the file, each with a name for messages."""
        entries = self.base.get(key, [])
        if not isinstance(entries, list):
            raise IngestError.at(self.path, f"{key!r} must be a list")
        yield from _named(self.path, key, entries)

    def look_up(self, table: dict[Any, Any], kind: str, key: Any, what: str) -> Any:
        try:
            return table[key]
        except (KeyError, TypeError) as error:
            known = ", ".join(map(str, list(table)[:10])) + (", ..." if len(table) > 10 else "")
            raise self.error(what, f"unknown {kind} {key!r}; known: {known}") from error


def _named(path: Path, key: str, entries: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise IngestError.at(
                path, f"entry {at} of {key!r} must be an object, got {entry!r:.40}"
            )
        one = "category" if key == "categories" else key[:-1]
        yield (f"{one} {entry['id']}" if "id" in entry else f"entry {at} of {key!r}"), entry


def read_coco(
    path: Path,
    *,
    video: str | None = None,
    clock: Clocks | None = None,
    categories: Path | dict[str, Any] | None = None,
    source: str | None = None,
) -> Ingested:
    """Read COCO annotations or results into detections.

    Parameters
    ----------
    path
        The file.
    video
        The video that the file belongs to. Then the images of a file without videos are its
        frames, numbered by ``frame_index``, ``frame_id`` or the last digits of ``file_name``, or
        the one with its name is the video itself; of a file with several videos only this one
        is read. Without it, each image is a video of one instant under its ``file_name``, and
        each of the file's videos goes by its ``name``.
    clock
        Times of the frames: of the one video, or by video. By default the video's ``fps`` in the
        file.
    categories
        For a list of results: the annotation file they belong to, or what it holds.
    source
        The value of column ``source``; by default the name of the file.

    Returns
    -------
    Ingested
        Table ``detections`` in the order of the file. A detection lasts up to the next image of
        its video, at most the usual distance between images: frames that were not annotated say
        nothing. Crowds, boxes without area and annotations without a box are skipped.

    Raises
    ------
    IngestError
        Naming the annotation with an unknown image or category or a box that cannot be.
    """
    document = read_json(path)
    coco = _Coco(path, _base(path, document, categories), video)
    key = "results" if isinstance(document, list) else "annotations"
    annotations = document if isinstance(document, list) else document.get(key, [])
    if not isinstance(annotations, list):
        raise IngestError.at(path, f"{key!r} must be a list")
    _read_categories(coco)
    _read_videos(coco)
    _read_images(coco)
    boxes = [
        box
        for what, annotation in _named(path, key, annotations)
        for box in _read_annotation(coco, what, annotation)
    ]
    table, no_area = _table(coco, boxes, clock, source or path.name)
    return Ingested({"detections": table}, counts({**coco.skipped, NO_AREA: no_area}))


def _base(path: Path, document: Any, categories: Path | dict[str, Any] | None) -> dict[str, Any]:
    if isinstance(categories, Path):
        categories = read_json(categories)
    base = document if categories is None else categories
    if isinstance(base, list):
        raise IngestError.at(
            path, "a list of results: give categories=, the annotation file that they belong to"
        )
    if not isinstance(base, dict) or not {"images", "videos"} & set(base):
        raise IngestError.at(path, "not COCO: expected an object with 'images' and 'categories'")
    return base


def _read_categories(coco: _Coco) -> None:
    for what, entry in coco.entries("categories"):
        if "id" not in entry or "name" not in entry:
            raise coco.error(what, "must have 'id' and 'name'")
        coco.categories[entry["id"]] = str(entry["name"])


def _read_videos(coco: _Coco) -> None:
    """Give each video id its name, or None if it is not the one asked for."""
    for what, entry in coco.entries("videos"):
        if "id" not in entry:
            raise coco.error(what, "must have 'id'")
        coco.videos[entry["id"]] = entry
    own = {key: str(entry.get("name", key)) for key, entry in coco.videos.items()}
    if coco.video is None:
        coco.names |= own
        return
    wanted = PurePosixPath(coco.video)
    same = {str(wanted), wanted.name, str(wanted.with_suffix("")), wanted.stem}
    found = [key for key, name in own.items() if name in same]
    if len(own) == 1:
        found = list(own)
    elif own and len(found) != 1:
        problem = f"has {len(found)} videos called {coco.video!r} among its {len(own)}: "
        raise IngestError.at(coco.path, problem + ", ".join(list(own.values())[:10]))
    coco.names |= {key: coco.video if key in found else None for key in own}


def _read_images(coco: _Coco) -> None:
    itself = PurePosixPath(coco.video or "").name
    alone = any(
        PurePosixPath(str(image.get("file_name"))).name == itself
        for _, image in coco.entries("images")
        if not coco.videos and coco.video is not None
    )
    for what, image in coco.entries("images"):
        if "id" not in image or image["id"] in coco.images:
            raise coco.error(what, "must have an 'id' of its own")
        file_name = str(image.get("file_name", image["id"]))
        if coco.videos:
            name = coco.look_up(coco.names, "video", image.get("video_id"), what)
            size = _size(coco, what, {**coco.videos[image["video_id"]], **image})
        else:
            other = alone and PurePosixPath(file_name).name != itself
            name, size = None if other else coco.video or file_name, _size(coco, what, image)
        if name is None:
            coco.images[image["id"]] = None
        elif alone or (coco.video is None and not coco.videos):
            coco.images[image["id"]] = _Frame(name, None, *size)
        else:
            number = _frame_number(coco, what, image)
            if number in coco.sampled.setdefault(name, set()):
                raise coco.error(what, f"there are two images of frame {number} of {name}")
            coco.sampled[name].add(number)
            coco.images[image["id"]] = _Frame(name, number, *size)


def _frame_number(coco: _Coco, what: str, image: dict[str, Any]) -> int:
    number = image.get("frame_index", image.get("frame_id"))
    if number is None:
        digits = _DIGITS.findall(PurePosixPath(str(image.get("file_name", ""))).stem)
        number = int(digits[-1]) if digits else None
    if not isinstance(number, int) or number < 0:
        problem = "needs the number of its frame, from 0, as frame_index, frame_id or in file_name"
        raise coco.error(what, problem)
    return number


def _size(coco: _Coco, what: str, entry: dict[str, Any]) -> tuple[float, float]:
    """Return width and height in pixels; NaN where only the clock can know."""
    size = entry.get("width"), entry.get("height")
    if size == (None, None):
        return math.nan, math.nan
    if not all(isinstance(side, int | float) and side >= 1 for side in size):
        raise coco.error(what, f"must have a width and height of at least 1, got {size}")
    return float(entry["width"]), float(entry["height"])


def _read_annotation(coco: _Coco, what: str, annotation: dict[str, Any]) -> Iterator[_Box]:
    if annotation.get("iscrowd"):
        coco.skip(CROWD)
        return
    category = coco.look_up(coco.categories, "category", annotation.get("category_id"), what)
    score = annotation.get("score")
    if score is not None and not (isinstance(score, int | float) and math.isfinite(score)):
        raise coco.error(what, f"score must be a finite number, got {score!r}")
    track = annotation.get("instance_id", annotation.get("track_id"))
    places = list(_places(coco, what, annotation))
    if "bboxes" in annotation and track is None:
        track = annotation.get("id")
    if track is not None and not isinstance(track, int):
        raise coco.error(what, f"track must be an integer, got {track!r}")
    for frame, bbox in places:
        if frame is None:
            coco.skip(OTHER_VIDEO)
        elif not bbox:
            coco.skip(NO_BOX)
        else:
            yield _Box(frame, _bbox(coco, what, bbox), category, score, track)


def _places(
    coco: _Coco, what: str, annotation: dict[str, Any]
) -> Iterator[tuple[_Frame | None, Any]]:
    """Yield the frames of an annotation, each with its box."""
    if "bboxes" not in annotation:
        frame = coco.look_up(coco.images, "image", annotation.get("image_id"), what)
        yield frame, annotation.get("bbox")
        return
    name = coco.look_up(coco.names, "video", annotation.get("video_id"), what)
    if name is None:
        yield None, None
        return
    entry = coco.videos[annotation["video_id"]]
    bboxes = annotation["bboxes"]
    files = entry.get("file_names") or [str(n) for n in range(entry.get("length", len(bboxes)))]
    if not isinstance(bboxes, list) or len(bboxes) != len(files):
        raise coco.error(what, f"bboxes must be a list of {len(files)}: for each frame one or null")
    size = _size(coco, what, {**entry, **annotation})
    numbers = [_frame_number(coco, what, {"file_name": file}) for file in files]
    coco.sampled.setdefault(name, set()).update(numbers)
    for number, bbox in zip(numbers, bboxes, strict=True):
        if bbox:
            yield _Frame(name, number, *size), bbox


def _bbox(coco: _Coco, what: str, bbox: Any) -> tuple[float, ...]:
    numbers = isinstance(bbox, list) and len(bbox) == 4
    if not numbers or not all(isinstance(n, int | float) and math.isfinite(n) for n in bbox):
        problem = f"bbox must be four finite numbers (left, top, width, height), got {bbox!r:.80}"
        raise coco.error(what, problem)
    return tuple(map(float, bbox))


def _table(
    coco: _Coco, boxes: list[_Box], clock: Clocks | None, source: str
) -> tuple[pa.Table, int]:
    pixels = corners(np.array([box.bbox for box in boxes], float).reshape(-1, 4))
    size = np.array([box.frame[2:] for box in boxes], float).reshape(-1, 2)
    videos = np.array([box.frame.video for box in boxes], object)
    moving = np.array([box.frame.frame is not None for box in boxes], bool)
    frames = np.array([box.frame.frame or 0 for box in boxes], np.int64)
    start, end = np.zeros_like(frames), np.zeros_like(frames)
    for name, rows in _by_name(pa.array(videos, pa.string())):
        own = _clock(coco, name, clock, needed=bool(moving[rows].any()))
        if own is None:
            continue
        size[rows] = np.where(np.isnan(size[rows]), (own.width, own.height), size[rows])
        if moving[rows].any():
            every = _steps(coco, name, frames[rows], own)
            start[rows], end[rows] = (
                own.start_us(frames[rows]),
                own.end_us(frames[rows], every=every),
            )
    if np.isnan(size).any():
        name = videos[np.isnan(size).any(axis=1).argmax()]
        raise coco.error(f"image {name}", "must have width and height, because boxes are in pixels")
    area = has_area(pixels)
    table = detection_table(
        normalised(pixels, size[:, 0], size[:, 1]),
        area,
        video=pa.array(videos, pa.string()),
        start_us=start,
        end_us=end,
        class_=pa.array([box.category for box in boxes], pa.string()),
        score=pa.array([box.score for box in boxes], pa.float32()),
        track=pa.array([box.track for box in boxes], pa.int64()),
        frame=pa.array(frames, mask=~moving),
        source=source,
    )
    return table, int((~area).sum())


def _by_name(names: pa.Array) -> Iterator[tuple[str, Ints]]:
    """Yield each name with its rows, in one sort: every picture may be a video of its own."""
    encoded = names.dictionary_encode()
    code = encoded.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    yield from zip(encoded.dictionary.to_pylist(), rows, strict=False)  # no names: one empty run


def _clock(coco: _Coco, name: str, clock: Clocks | None, *, needed: bool) -> FrameClock | None:
    """Return the clock of a video, by default made from its frame rate in the file."""
    if isinstance(clock, FrameClock):
        return clock
    if clock is not None and name in clock:
        return clock[name]
    entry = next((e for key, e in coco.videos.items() if coco.names[key] == name), {})
    rate = entry.get("fps", entry.get("frame_rate"))
    if isinstance(rate, int | float) and 0 < rate < math.inf:
        exact = Fraction(str(rate))
        width, height = _size(coco, f"video {name}", {"width": 0, "height": 0, **entry})
        return FrameClock.from_rate(
            exact.numerator, exact.denominator, width=int(width), height=int(height)
        )
    if needed:
        problem = "the times of its frames are not known: give clock= (FrameClock)"
        raise coco.error(f"video {name}", problem)
    return None


def _steps(coco: _Coco, name: str, frames: Ints, clock: FrameClock) -> Ints:
    """Return how many frames each detection lasts: to the next image, at most the usual step."""
    missing = frames[~clock.has(frames)]
    if len(missing):
        raise coco.error(f"video {name}", f"there is no frame {missing[0]}: {clock.extent}")
    sampled = np.array(sorted(coco.sampled[name]), np.int64)
    steps = np.diff(sampled)
    usual = int(np.median(steps)) if len(steps) else clock.every
    following = np.append(np.minimum(steps, usual), usual)
    return following[np.searchsorted(sampled, frames)].astype(np.int64)
