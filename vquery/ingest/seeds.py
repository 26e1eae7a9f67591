"""Seed labels from table files, and the detections that they are meant for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.ingest.columns import Columns, read_columns
from vquery.ingest.result import Ingested
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SEED_ROWS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("detection_id", pa.int64()),
        pa.field("video", pa.string()),
        pa.field("time_us", pa.int64()),
        pa.field("x", pa.float64()),
        pa.field("y", pa.float64()),
        pa.field("label", pa.string()),
    ]
)
"""Seeds as the file has them: either a detection, or a video, a time and a point. A null label
says "none of them"."""


OPEN = "?"
"""What stands for a label that a person has yet to give, in files that are to be filled in."""


def read_seeds(path: Path) -> Ingested:
    """Read seed labels: columns ``video, time, x, y, label`` or ``detection_id, label``.

    ``time`` is in seconds or as ``1:02:03.5``, the point in shares of the picture, x to the right
    and y downward. An empty label says "none of them", and "?" is refused: it
    stands for one that is yet to be given. Files as of `read_columns`.

    Returns
    -------
    Ingested
        Table ``seeds`` (`SEED_ROWS`), ``row`` as an editor counts lines.

    Raises
    ------
    IngestError
        Naming the column that is missing, or row and column of what cannot be.
    """
    columns, notes = read_columns(path)
    columns.need("label")
    label = columns.text("label")
    waiting = pc.fill_null(pc.equal(label, OPEN), fill_value=False)
    columns.refuse(
        waiting.to_numpy(zero_copy_only=False),
        f"is still {OPEN!r}: write the label, leave it empty for none of them, or delete the row",
        "label",
    )
    table = {
        "row": pa.array(columns.rows(), pa.int64()),
        "label": label,
        **(_by_id(columns) if "detection_id" in columns else _by_point(columns)),
    }
    table |= {
        field.name: pa.nulls(len(columns), field.type)
        for field in SEED_ROWS
        if field.name not in table
    }
    return Ingested({"seeds": pa.table(table).select(SEED_ROWS.names).cast(SEED_ROWS)}, notes=notes)


def _by_id(columns: Columns) -> dict[str, Any]:
    ids = columns.integers("detection_id")
    columns.refuse(ids < 1, "expected the id of a detection, at least 1", "detection_id")
    return {"detection_id": ids}


def _by_point(columns: Columns) -> dict[str, Any]:
    for name in ("video", "time", "x", "y"):
        columns.need(name)
    video = columns.text("video")
    columns.refuse(video.is_null().to_numpy(zero_copy_only=False), "is empty", "video")
    point = {name: columns.floats(name) for name in ("x", "y")}
    for name, values in point.items():
        outside = (values < 0) | (values > 1)
        columns.refuse(outside, "expected a share of the picture, from 0 to 1", name)
    return {"video": video, "time_us": columns.microseconds("time"), **point}


def match_seeds(seeds: pa.Table, detections: pa.Table, *, what: str = "seeds") -> Ints:
    """Return the id of the detection that each seed is meant for, ``(n,)``.

    A seed with a point hits the detections of its video whose span contains its time and whose
    box contains the point (edges included); of several the smallest box, then that with the
    nearest centre, then the smallest id. Linear in the detections of the video for each seed.

    Parameters
    ----------
    seeds
        Schema `SEED_ROWS`, of one kind or both.
    detections
        ``detection_id, video, start_us, end_us, x1, y1, x2, y2``.
    what
        The file of the seeds, for messages.

    Raises
    ------
    LabelError
        If a seed hits nothing, naming its row and the nearest detection; or if two seeds give
        one detection different labels, naming both rows.

    >>> seeds = pa.table({"row": [2], "video": ["a"], "time_us": [0], "x": [0.5], "y": [0.5],
    ...                   "label": ["Ann"], "detection_id": pa.nulls(1, pa.int64())})
    >>> boxes = {"x1": [0.0, 0.4], "y1": [0.0, 0.4], "x2": [1.0, 0.6], "y2": [1.0, 0.6]}
    >>> match_seeds(seeds, pa.table({"detection_id": [8, 9], "video": ["a", "a"],
    ...                              "start_us": [0, 0], "end_us": [9, 9], **boxes}))
    array([9])
    """
    known = _Detections(detections)
    matched: list[int] = []
    given: dict[int, tuple[int, str | None]] = {}
    for seed in seeds.to_pylist():
        place = f"{what}, row {seed['row']}"
        if seed["detection_id"] is not None:
            found = known.by_id(seed["detection_id"], place)
        else:
            found = known.at(seed, place)
        row, label = given.setdefault(found, (seed["row"], seed["label"]))
        if label != seed["label"]:
            raise LabelError(
                f"{place}: labels detection {found} {_shown(seed['label'])}, but row {row} labels "
                f"it {_shown(label)}; keep one of them"
            )
        matched.append(found)
    return np.array(matched, np.int64)


def _shown(label: str | None) -> str:
    return "none of them" if label is None else repr(label)


class _Detections:
    """The detections by id, and by video with the arrays that seeds are compared with."""

    def __init__(self, table: pa.Table) -> None:
        self.ids: Ints = table["detection_id"].to_numpy()
        self.known = set(self.ids.tolist())
        self.start: Ints = table["start_us"].to_numpy()
        # an instant is one microsecond long
        self.end: Ints = np.maximum(table["end_us"].to_numpy(), self.start + 1)
        names = ("x1", "y1", "x2", "y2")
        self.boxes: Floats = np.stack([table[name].to_numpy() for name in names], axis=1)
        video = table["video"].combine_chunks().dictionary_encode()
        codes = video.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
        names_used = video.dictionary.to_pylist()
        self.rows = {names_used[codes[part[0]]]: part for part in parts if len(part)}

    def by_id(self, wanted: int, place: str) -> int:
        if wanted not in self.known:
            raise LabelError(f"{place}: there is no detection {wanted}; give the id of one")
        return wanted

    def at(self, seed: dict[str, Any], place: str) -> int:
        rows = self.rows.get(seed["video"])
        if rows is None:
            raise LabelError(f"{place}: {self._no_video(seed['video'])}")
        boxes, time = self.boxes[rows], seed["time_us"]
        x, y = seed["x"], seed["y"]
        wait = np.maximum(np.maximum(self.start[rows] - time, time - self.end[rows] + 1), 0)
        side = np.maximum(np.maximum(boxes[:, 0] - x, x - boxes[:, 2]), 0)
        up = np.maximum(np.maximum(boxes[:, 1] - y, y - boxes[:, 3]), 0)
        away = np.hypot(side, up)
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        off_centre = np.hypot(
            (boxes[:, 0] + boxes[:, 2]) / 2 - x, (boxes[:, 1] + boxes[:, 3]) / 2 - y
        )
        best = np.lexsort((self.ids[rows], off_centre, width * height, away, wait))[0]
        if wait[best] or away[best]:
            raise LabelError(f"{place}: {self._miss(seed, int(rows[best]), bool(wait[best]))}")
        return int(self.ids[rows[best]])

    def _no_video(self, video: str) -> str:
        near = difflib.get_close_matches(video, self.rows, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"video {video!r} has no detections; {len(self.rows)} videos have some.{hint}"

    def _miss(self, seed: dict[str, Any], nearest: int, late: bool) -> str:  # noqa: FBT001
        box = ", ".join(f"{side:.3f}" for side in self.boxes[nearest])
        first, last = self.start[nearest] / US_PER_S, self.end[nearest] / US_PER_S
        cure = "change the time" if late else "move the point into the box"
        point = f"({seed['x']:.3f}, {seed['y']:.3f}) at {seed['time_us'] / US_PER_S:.3f} s"
        return (
            f"no detection of {seed['video']!r} has the point {point}; the nearest is detection "
            f"{self.ids[nearest]} from {first:.3f} to {last:.3f} s with the box ({box}): "
            f"{cure}, or label it by detection_id"
        )
