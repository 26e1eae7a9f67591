"""Keep human labels on what they were given to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import StoreError
from vquery.schema import BOX, DETECTION, IDS_PER_VIDEO
from vquery.store.events import EventLog
from vquery.store.labels import derive
from vquery.store.scan import Live, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.store.catalog import Catalog
    from vquery.store.parts import Part

_WHAT = pa.schema([DETECTION.field(name) for name in ("detection_id", "video", "start_us", *BOX)])


def check_labels(
    catalog: Catalog, live: Sequence[Live], new: Sequence[Part], videos: Sequence[str] | None
) -> None:
    """Refuse to replace a labelled detection unless it comes back with its id, time and box.

    Labels name detections by id, and a new run of another detector gives the ids to other boxes.

    Parameters
    ----------
    live : sequence of Live
        The live parts of the table ``detections``.
    new : sequence of Part
        The parts of it that are committed.
    videos : sequence of str or None
        The videos whose rows are replaced; None: all.

    Raises
    ------
    StoreError
        Naming the videos and saying how many labels would be lost.
    """
    labelled = pc.unique(derive(EventLog(catalog).read())["detection_id"])
    if not len(labelled):
        return
    before = _rows(catalog, live, videos, labelled)
    fresh = [
        Live(0, part.table, part.path, part.rows, part.bytes, json.dumps(part.videos), part.schema)
        for part in new
    ]
    after = _rows(catalog, fresh, videos, labelled)
    kept = set(zip(*(after[name].to_pylist() for name in _WHAT.names), strict=True))
    rows = zip(*(before[name].to_pylist() for name in _WHAT.names), strict=True)
    lost = [row for row in rows if row not in kept]
    if lost:
        names = sorted({row[1] for row in lost})
        raise StoreError(
            f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''}: {len(lost)} labelled "
            "detections would be replaced by others, and their labels would point at the wrong "
            "boxes. Take the labels back first, or index into a new collection"
        )


def _rows(
    catalog: Catalog, parts: Sequence[Live], videos: Sequence[str] | None, labelled: pa.Array
) -> pa.Table:
    """Rows of labelled detections: id, video, start and box."""
    numbers = np.unique(labelled.to_numpy() // IDS_PER_VIDEO)
    with catalog.read() as db:
        known = dict(db.execute("SELECT video_id, video FROM videos").fetchall())
    there = {known[number] for number in numbers.tolist() if number in known}
    some = sorted(there if videos is None else there & set(videos))
    rows = scan(catalog.root, parts, _WHAT, some)
    return rows.filter(pc.is_in(rows["detection_id"], value_set=labelled))
