"""Pictures of items as tensors, and what is known of the items: track, video, time.

Items are detections, shown by their crops, or frames, shown by their thumbnails: both as indexing
kept them. Pictures are squares of bytes, so that a hundred thousand of 64 pixels take 1.2 GB; more
are kept in a file that is mapped.
"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from vquery.errors import LearnError, MediaError
from vquery.learn.core.networks import SIDE
from vquery.media.pictures import decode_jpeg, squared
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]

IN_MEMORY = 1 << 30
"""Bytes of pictures from which they are kept in a temporary file."""
ALONE = -1
Kind = Literal["detection", "frame"]
TABLES = {"detection": ("picture.detection", "picture.drawn"), "frame": ("picture.frame",)}
"""Where pictures are kept: crops of boxes that people drew are apart."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of n items, in ascending order of their ids.

    Attributes
    ----------
    pixels : uint8 (n, 3, side, side)
        RGB.
    ids : int64 (n,)
        Detections, or numbers of frames within the ids of their video.
    video : int64 (n,)
        Which of ``videos`` each is of.
    track : int64 (n,)
        Its track, `ALONE` where there is none; of frames their shot.
    start_us : int64 (n,)
        When it is shown.
    videos : tuple of str
        Names.
    without : int
        Items that were asked for and have no picture that can be read.
    """

    pixels: npt.NDArray[np.uint8]
    ids: Ints
    video: Ints
    track: Ints
    start_us: Ints
    videos: tuple[str, ...] = ()
    without: int = 0

    def __post_init__(self) -> None:
        n = len(self.pixels)
        for name in ("ids", "video", "track", "start_us"):
            if len(getattr(self, name)) != n:
                raise LearnError(f"{n} pictures but {len(getattr(self, name))} values of {name}")

    def __len__(self) -> int:
        """Count the items."""
        return len(self.pixels)

    @property
    def side(self) -> int:
        """Pixels of a side."""
        return int(self.pixels.shape[-1])

    def take(self, rows: npt.ArrayLike) -> Pictures:
        """Keep some rows."""
        at = np.asarray(rows)
        return Pictures(
            self.pixels[at],
            self.ids[at],
            self.video[at],
            self.track[at],
            self.start_us[at],
            self.videos,
        )

    def tensor(self, rows: npt.ArrayLike, device: torch.device | None = None) -> torch.Tensor:
        """Return some pictures as float32 (m, 3, side, side) from 0 to 1."""
        chosen = torch.from_numpy(np.ascontiguousarray(self.pixels[np.asarray(rows)]))
        return chosen.to(device).float().div_(255)


def load(
    snapshot: Snapshot,
    kind: Kind,
    ids: Sequence[int] | Ints | None = None,
    *,
    side: int = SIDE,
    progress: Callable[[str], None] | None = None,
    empty: bool = False,
) -> Pictures:
    """Read the pictures of detections or frames of a collection.

    Parameters
    ----------
    kind
        "detection" or "frame".
    ids
        Which items, by default all that have a picture.
    side
        Pixels of the square that each is brought to: crops with a repeated border; frames, which
        have one shape in a video, are stretched.
    empty
        Whether none may have a picture.

    Raises
    ------
    LearnError
        If none has a picture, unless ``empty``; or if the collection has none of the kind.
    """
    rows, at = _pictured(snapshot, kind)
    asked = rows.num_rows
    if ids is not None:
        wanted = np.unique(np.asarray(ids, np.int64))
        asked = len(wanted)
        at = at[np.isin(rows["item_id"].to_numpy()[at], wanted)]
    pixels, good = _decode(rows["jpeg"], at, side, progress, stretch=kind == "frame")
    if not len(good):
        none = np.zeros(0, np.int64)
        if empty:
            return Pictures(pixels, none, none, none, none, without=asked)
        raise LearnError(f"none of {asked:,} {kind}s has a picture that can be read")
    kept = rows.select(["item_id", "video"]).take(pa.array(good))
    facts = _facts(snapshot, kind, kept)
    return Pictures(pixels, *facts, without=asked - len(good))


def pictured(snapshot: Snapshot, kind: Kind) -> Ints:
    """Return the ids of the detections or frames that have a picture, ascending.

    Raises
    ------
    LearnError
        If the collection has no pictures of the kind.
    """
    rows, at = _pictured(snapshot, kind)
    return np.asarray(rows["item_id"].to_numpy()[at])


def _pictured(snapshot: Snapshot, kind: Kind) -> tuple[pa.Table, Ints]:
    """Return all rows of pictures, which are mapped, and which of them have one, in order of ids.

    Rows are not filtered, since that would bring the pictures into memory.
    """
    there = [table for table in TABLES[kind] if table in snapshot.tables()]
    if not there:
        raise LearnError(f"the collection has no pictures of {kind}s: index videos with pictures")
    columns = ["item_id", "jpeg", "video"]
    rows = pa.concat_tables([snapshot.read(table, columns=columns) for table in there])
    at = np.flatnonzero(pc.is_valid(rows["jpeg"]).to_numpy())
    return rows, at[np.argsort(rows["item_id"].to_numpy()[at], kind="stable")]


def _decode(
    jpegs: pa.ChunkedArray,
    at: Ints,
    side: int,
    progress: Callable[[str], None] | None,
    *,
    stretch: bool,
) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Decode the pictures of some rows; return them and the rows that could be decoded."""
    pixels = _space((len(at), 3, side, side))
    good: list[int] = []
    for done, row in enumerate(at.tolist(), 1):
        try:
            picture = decode_jpeg(jpegs[row].as_py())
        except MediaError:
            continue  # counted: it is one of those without a picture
        square = squared(picture, side, stretch=stretch)
        pixels[len(good)] = square[:, :, ::-1].transpose(2, 0, 1)
        good.append(row)
        if progress is not None and done % 10_000 == 0:
            progress(f"{done:,} of {len(at):,} pictures read")
    return pixels[: len(good)], np.array(good, np.int64)


def _space(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Make room for pictures: in memory, or in a file that goes with the array."""
    size = math.prod(shape)
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(prefix="vquery-pictures-") as file:
            if hasattr(os, "posix_fallocate"):  # else a disk that gets full ends the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except OSError as error:
        raise LearnError(
            f"{tempfile.gettempdir()}: {size / 1e9:.1f} GB of pictures cannot be put there: "
            f"{error.strerror}; point TMPDIR to a larger disk, or give a smaller side="
        ) from error


def _facts(
    snapshot: Snapshot, kind: Kind, kept: pa.Table
) -> tuple[Ints, Ints, Ints, Ints, tuple[str, ...]]:
    """Look up what is known of items: ids, video, track, start, names of the videos."""
    ids = kept["item_id"].to_numpy()
    coded = kept["video"].combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    video = coded.indices.to_numpy().astype(np.int64)
    if kind == "detection":
        columns = ["detection_id", "track", "start_us"]
        rows = snapshot.read("detections", columns=columns, videos=names)
        known = rows["detection_id"].to_numpy()
        track = pc.fill_null(rows["track"], ALONE).to_numpy()
        start = rows["start_us"].to_numpy()
    else:
        known, track, start = _of_frames(snapshot, names)
    order = np.argsort(known)
    at = order[np.searchsorted(known, ids, sorter=order).clip(0, len(known) - 1)]
    if not (known[at] == ids).all():
        raise LearnError(f"{int((known[at] != ids).sum()):,} pictures are of unknown {kind}s")
    return ids, video, track[at], start[at], tuple(names)


def _of_frames(snapshot: Snapshot, names: Sequence[str]) -> tuple[Ints, Ints, Ints]:
    """Return the id, the shot and the start of each frame."""
    numbers = snapshot.videos().select(["video", "video_id"]).to_pydict()
    number = dict(zip(numbers["video"], numbers["video_id"], strict=True))
    found: list[tuple[Ints, Ints, Ints]] = []
    for name in names:
        frames = snapshot.read("frames", columns=["frame", "start_us"], videos=[name])
        shots = snapshot.read("shots", columns=["shot_id", "start_us"], videos=[name])
        start = frames["start_us"].to_numpy()
        ids = number[name] * IDS_PER_VIDEO + 1 + frames["frame"].to_numpy()
        begins = shots["start_us"].to_numpy()
        at = np.searchsorted(begins, start, side="right") - 1
        shot = np.append(shots["shot_id"].to_numpy(), ALONE)[at]
        found.append((ids, shot, start))
    ids, shot, start = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return ids, shot, start
