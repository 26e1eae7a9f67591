"""Rows as assertions see them: arrays of times, boxes and groups, whatever order they came in."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import value_codes
from vquery.errors import SchemaError, UnknownColumnError
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ID = "detection_id"
ITEM = "item"
MISSING = -1
"""The code of a row without a value."""
UNIFORM = 0.5
"""Boxes are one a frame where durations differ from the middle one by at most this share."""
USUAL = 0.8
"""… for at least this share of the rows; the others end with a shot, or where frames vary."""
SHORTEST = 0.05
"""Quantile of the times between moments that is the time between two frames: most moments have
rows, so that it is met often, and single doubled time stamps are fewer."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A checked table and its arrays, n rows in the order of the table.

    Attributes
    ----------
    table
        With ``item``, the id of each row.
    start, end
        Shape (n,), microseconds.
    video
        Shape (n,): codes of the videos, which are in ``videos``.
    shot
        Shape (n,): number of the shot that a row starts in, below 0 outside of all. Different in
        all videos.
    shots
        Start and end of each shot, in microseconds.
    lowest
        The lowest id that was given to a row that corrections added, 0 if none was.
    said
        Ids of the rows that people have labelled, by concept.
    """

    table: pa.Table
    item: Ints
    start: Ints
    end: Ints
    video: Ints
    videos: tuple[str, ...]
    shot: Ints
    shots: tuple[Ints, Ints]
    lowest: int = 0
    said: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

    @functools.cached_property
    def box(self) -> Floats | None:
        """Shape (n, 4), NaN where a row has none; None where there are no boxes."""
        if not set(BOX) <= set(self.table.column_names):
            return None
        sides = [pc.fill_null(self.table[name].cast(pa.float64()), np.nan) for name in BOX]
        return np.stack([side.to_numpy() for side in sides], axis=1)

    @functools.cached_property
    def score(self) -> Floats:
        """Shape (n,): the score, NaN where there is none."""
        if "score" not in self.table.column_names:
            return np.full(len(self), np.nan)
        return np.asarray(pc.fill_null(self.table["score"].cast(pa.float64()), np.nan).to_numpy())

    @functools.cached_property
    def step(self) -> Ints:
        """Shape (videos,): microseconds between frames; 0 where rows are not one a frame."""
        out = np.zeros(len(self.videos), np.int64)
        for code, rows in by_group(self.video):
            out[code] = _step(self.start[rows], self.end[rows], self.box)
        return out

    @functools.cached_property
    def until(self) -> Ints:
        """Shape (n,): when a row is over; instants last until the next frame."""
        return np.asarray(np.where(self.end > self.start, self.end, self.start + self._steps))

    @functools.cached_property
    def slack(self) -> Ints:
        """Shape (n,): microseconds by which two rows in a row may lie apart."""
        return np.asarray(self._steps // 2)

    @property
    def _steps(self) -> Ints:
        return np.asarray(self.step[self.video]) if len(self) else np.zeros(0, np.int64)

    def moments(self, video: int) -> Ints:
        """Moments of a video at which there are rows, sorted. O(rows) once."""
        return self._moments.get(video, np.empty(0, np.int64))

    @functools.cached_property
    def _moments(self) -> dict[int, Ints]:
        return {code: np.unique(self.start[rows]) for code, rows in by_group(self.video)}

    def codes(self, columns: tuple[str, ...], rule: str) -> Ints:
        """Shape (n,): equal numbers for equal values of all columns, MISSING where one is null.

        Raises
        ------
        UnknownColumnError
            If there is no such column; it names the rule.
        """
        out = np.zeros(len(self), np.int64)
        for name in columns:
            found = value_codes(self.column(name, rule))[0]
            out = np.where(
                (out < 0) | (found < 0), MISSING, out * (found.max(initial=0) + 1) + found
            )
            out = np.where(out < 0, MISSING, np.unique(out, return_inverse=True)[1])
        return np.asarray(out, np.int64)

    def column(self, name: str, rule: str) -> pa.ChunkedArray:
        """Return a column of single values.

        Raises
        ------
        UnknownColumnError
            If it is not there; it names the rule.
        SchemaError
            If its values are lists or the like.
        """
        if name not in self.table.column_names:
            raise UnknownColumnError.of(name, self.table.column_names, where=f"{rule}: the table")
        kind = self.table.schema.field(name).type
        if pa.types.is_nested(kind):
            raise SchemaError(f"{rule}: column {name!r} must hold single values, got {kind}")
        return self.table[name]


def by_group(group: Ints) -> Iterator[tuple[int, Ints]]:
    """Give each group with its rows, in their order; O(n log n) for all.

    >>> [(code, rows.tolist()) for code, rows in by_group(np.array([1, 0, 1]))]
    [(0, [1]), (1, [0, 2])]
    """
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            yield int(group[rows[0]]), rows


def rows_of(
    table: pa.Table,
    shots: pa.Table | None = None,
    lowest: int = 0,
    said: Mapping[str, frozenset[int]] | None = None,
) -> Rows:
    """Take a table of intervals (``video, start_us, end_us``, see `vquery.from_arrow`) apart.

    The id of a row is its ``detection_id``, or ``item``, or its number in the table from 0.

    Parameters
    ----------
    table
        Checked times and boxes.
    shots
        ``video, start_us, end_us``; without it every video is one shot as long as its rows.
    lowest, said
        See `Rows`.

    Raises
    ------
    SchemaError
        If ids are missing or repeat.
    """
    item = _ids(table)
    videos = table["video"].cast(pa.string())
    names = tuple(videos.unique().to_pylist())
    video = value_codes(videos)[0]
    start, end = (table[name].to_numpy() for name in ("start_us", "end_us"))
    if ITEM not in table.column_names:
        table = table.append_column(ITEM, pa.array(item))
    if shots is None:
        spans = _whole(video, start, end, len(names))
        return Rows(table, item, start, end, video, names, video, spans, lowest, said or {})
    shot, spans = _shots(shots, names, video, start)
    return Rows(table, item, start, end, video, names, shot, spans, lowest, said or {})


def _ids(table: pa.Table) -> Ints:
    name = ID if ID in table.column_names else ITEM
    if name not in table.column_names:
        return np.arange(table.num_rows)
    column = table[name]
    if not pa.types.is_integer(column.type) or column.null_count:
        raise SchemaError(
            f"column {name!r} must be whole numbers without nulls, since it tells rows apart, got "
            f"{column.type} with {column.null_count} nulls"
        )
    item = column.cast(pa.int64()).to_numpy()
    values, counts = np.unique(item, return_counts=True)
    if len(values) < len(item):
        raise SchemaError(
            f"column {name!r} must tell rows apart, but {values[counts > 1][0]} occurs "
            f"{counts.max()} times: take rows before they are joined"
        )
    return np.asarray(item)


def _whole(video: Ints, start: Ints, end: Ints, count: int) -> tuple[Ints, Ints]:
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, video, start)
    np.maximum.at(high, video, end)
    return low, high


def _shots(
    shots: pa.Table, names: tuple[str, ...], video: Ints, start: Ints
) -> tuple[Ints, tuple[Ints, Ints]]:
    """Find the shot that each row starts in."""
    of = pc.index_in(shots["video"].cast(pa.string()), value_set=pa.array(names, pa.string()))
    group = pc.fill_null(of, MISSING).to_numpy().astype(np.int64)
    low, high = shots["start_us"].to_numpy(), shots["end_us"].to_numpy()
    order = np.lexsort((low, group))
    group, low, high = group[order], low[order], high[order]
    out = -1 - video
    for code, rows in by_group(video):
        first, last = np.searchsorted(group, [code, code + 1])
        if first == last:
            continue  # nothing is known of its shots
        at = first + np.searchsorted(low[first:last], start[rows], side="right") - 1
        inside = (at >= first) & (start[rows] < high[np.maximum(at, first)])
        out[rows[inside]] = at[inside]
    return out, (low, high)


def _step(start: Ints, end: Ints, box: Floats | None) -> int:
    """Microseconds between the frames of one video, 0 where rows are spans of any length."""
    lasting = (end - start)[end > start]
    if not len(lasting):
        apart = np.diff(np.unique(start))
        return int(np.quantile(apart, SHORTEST, method="lower")) if len(apart) else 0
    middle = float(np.median(lasting))
    usual = np.abs(lasting - middle) <= UNIFORM * middle
    return int(middle) if box is not None and usual.mean() >= USUAL else 0
