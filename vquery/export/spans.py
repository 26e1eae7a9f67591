"""What the formats of spans of time are given: labelled spans, where people overrule what is found.

Human labels of spans do not overlap. What was fused is about items such as shots, so a person who
labels a shot a little shorter than it is means the shot: an item yields to people where they have
labelled at least half of it, as in the fusion itself, and else keeps the moments they left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.export.items import BATCH, SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

SPAN = pa.schema(
    [
        *schema.TIME_FIELDS,
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float32()),
        pa.field("label_source", pa.string()),
        pa.field("calibrated", pa.bool_()),
        pa.field("by", pa.string()),
        pa.field("why", pa.string()),
        pa.field("run_id", pa.int64()),
    ]
)
"""One labelled span. ``label_source`` is human (then ``by`` names who) or fused (then ``run_id``,
``why`` and ``calibrated`` are those of the fusion)."""

COVER = 0.5
"""Share of a fused span that people must have labelled to overrule it whole, as in the fusion."""
ORDER = [
    (name, "ascending") for name in (*schema.KEYS, "label", "label_source", "probability", "run_id")
]


@dataclass(frozen=True)
class LabelledSpans:
    """All labelled spans of time that one export may use.

    Attributes
    ----------
    concept
        What is labelled, such as "commercial".
    rows
        Schema SPAN; while it is written also ``split``.
    videos
        Schema VIDEO, of the collection, by name.
    ends
        When the last frame of each video ends, in microseconds, where that is known.
    without_label
        How many spans have no label to export, by reason.
    provenance
        What the manifest says of the collection, the runs and the human labels.
    """

    concept: str
    rows: pa.Table
    videos: Mapping[str, dict[str, Any]]
    ends: Mapping[str, int] = field(default_factory=dict)
    without_label: Mapping[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The labels, sorted."""
        return sorted(pc.unique(self.rows["label"]).to_pylist())

    def splits(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield every split that has spans, with them."""
        for split in SPLITS:
            rows = self.rows.filter(pc.equal(self.rows["split"], split))
            if rows.num_rows:
                yield split, rows

    def by_video(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield each video and its spans, in the order of names and times."""
        for video, rows in groupby(self._each(), key=lambda row: row["video"]):
            yield video, list(rows)

    def _each(self) -> Iterator[dict[str, Any]]:
        for start in range(0, self.rows.num_rows, BATCH):
            yield from self.rows.slice(start, BATCH).to_pylist()


def no_spans(concept: str) -> LabelledSpans:
    """Return what a concept has that is labelled on no span.

    >>> no_spans("name").rows.num_rows
    0
    """
    return LabelledSpans(concept, SPAN.empty_table(), {})


def left_by_people(fused: pa.Table, human: pa.Table) -> tuple[pa.Table, int, int]:
    """Take from fused spans what people have labelled.

    O(n log m) for n fused and m human spans, and the pieces that are left.

    Parameters
    ----------
    fused
        ``video, start_us, end_us`` and more columns, which the pieces keep; may overlap. An
        instant counts, and is given back, as the microsecond that it lasts.
    human
        ``video, start_us, end_us`` that do not overlap.

    Returns
    -------
    (pyarrow.Table, int, int)
        The pieces that are left, in the order of ``fused``; how many spans were dropped because
        people have labelled at least half of them, and how many others were cut.

    >>> fused = pa.table({"video": ["a", "a"], "start_us": [0, 10], "end_us": [10, 20]})
    >>> human = pa.table({"video": ["a"], "start_us": [4], "end_us": [13]})
    >>> rows, dropped, cut = left_by_people(fused, human)
    >>> rows.to_pylist(), dropped, cut
    ([{'video': 'a', 'start_us': 13, 'end_us': 20}], 1, 1)
    """
    start = fused["start_us"].to_numpy()
    end = np.maximum(fused["end_us"].to_numpy(), start + 1)
    owner, low, high = _pieces(*_codes(fused, human), (start, end), human)
    time = np.maximum(high - low, 0)
    left = np.zeros(len(start), np.int64)
    np.add.at(left, owner, time)
    covered = end - start - left
    dropped = (covered > 0) & (covered >= COVER * (end - start))
    keep = (time > 0) & ~dropped[owner]
    rows = fused.take(pa.array(owner[keep]))
    for name, values in (("start_us", low), ("end_us", high)):
        at = rows.column_names.index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values[keep]))
    return rows, int(dropped.sum()), int(((covered > 0) & ~dropped).sum())


def _codes(fused: pa.Table, human: pa.Table) -> tuple[Ints, Ints]:
    """Give the videos of both tables the same numbers."""
    names = pa.chunked_array([*fused["video"].chunks, *human["video"].chunks], pa.string())
    known = pc.unique(names)
    mine, theirs = (pc.index_in(table["video"], value_set=known) for table in (fused, human))
    return mine.to_numpy().astype(np.int64), theirs.to_numpy().astype(np.int64)


def _pieces(
    mine: Ints, theirs: Ints, span: tuple[Ints, Ints], human: pa.Table
) -> tuple[Ints, Ints, Ints]:
    """Cut spans at human ones: each into one piece more than overlap it, some of them empty."""
    order = np.lexsort((human["start_us"].to_numpy(), theirs))
    theirs, opens, closes = (
        values[order]
        for values in (theirs, human["start_us"].to_numpy(), human["end_us"].to_numpy())
    )
    first, last = np.zeros(len(mine), np.int64), np.zeros(len(mine), np.int64)
    for video, rows in _rows_of(mine):
        from_, to = np.searchsorted(theirs, [video, video + 1])
        first[rows] = from_ + np.searchsorted(closes[from_:to], span[0][rows], side="right")
        last[rows] = from_ + np.searchsorted(opens[from_:to], span[1][rows], side="left")
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(mine)), count + 1)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count + 1) - (count + 1), count + 1)
    low, high = span[0][owner], span[1][owner]
    after, before = np.flatnonzero(number > 0), np.flatnonzero(number < count[owner])
    low[after] = closes[first[owner[after]] + number[after] - 1]
    high[before] = opens[first[owner[before]] + number[before]]
    return owner, low, high


def _rows_of(codes: Ints) -> Iterator[tuple[int, Ints]]:
    """Yield each number and the rows that have it."""
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(rows):
            yield int(codes[rows[0]]), rows
