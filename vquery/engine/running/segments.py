"""Where the rows of each video stand in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import run_starts
from vquery.expr.types import Kind, kind_of

if TYPE_CHECKING:
    from vquery.engine.arrays import Ints

SLICES = 64
"""Up to so many runs of rows are cut out of a table as slices, which copies nothing."""


def video_type(given: pa.DataType) -> pa.DataType:
    """Type in which videos of several tables are compared."""
    return pa.string() if kind_of(given) is Kind.STRING else pa.int64()


class Segments:
    """The runs of rows of each video of a table, in any order of rows.

    >>> found = Segments(pa.chunked_array([["b", "b", "a", "b"]]))
    >>> found.videos.to_pylist(), found.sizes.tolist()
    (['a', 'b'], [1, 3])
    """

    def __init__(self, video: pa.ChunkedArray) -> None:
        if pa.types.is_dictionary(video.type):
            video = video.cast(video.type.value_type)
        first = run_starts(video)
        values = video.take(pa.array(first)).cast(video_type(video.type)).combine_chunks()
        order = pc.sort_indices(values).to_numpy()
        values = values.take(pa.array(order))
        self._start = first[order]
        self._size = np.diff(first, append=len(video))[order]
        own = run_starts(pa.chunked_array([values]))  # the runs of one video follow each other
        self._own = np.append(own, order.size)
        self.videos: pa.Array = values.take(pa.array(own))
        self.sizes: Ints = np.diff(np.append(0, np.cumsum(self._size))[self._own])

    def sizes_of(self, videos: pa.Array) -> Ints:
        """Rows of each of some videos."""
        which = pc.index_in(videos.cast(self.videos.type), value_set=self.videos)
        place = which.fill_null(len(self.videos)).to_numpy()
        sizes: Ints = np.append(self.sizes, 0)[place]
        return sizes

    def places(self) -> tuple[Ints, Ints, npt.NDArray[np.uint64]]:
        """Row numbers video by video, where each video begins among them, places in the video."""
        order = spread(self._start, self._start + self._size)
        first = np.cumsum(self.sizes) - self.sizes
        place = np.arange(order.size) - np.repeat(first, self.sizes)
        return order, first, place.astype(np.uint64)

    def pick(self, table: pa.Table, videos: pa.Array) -> pa.Table:
        """Rows of some videos, video by video; those of one video in the order of the table."""
        which = pc.index_in(videos.cast(self.videos.type), value_set=self.videos).drop_null()
        runs = spread(self._own[which], self._own[which.to_numpy() + 1])
        start, size = _merged(self._start[runs], self._size[runs])
        if not start.size:
            return table.slice(0, 0)
        if start.size > SLICES:
            return table.take(pa.array(spread(start, start + size)))
        parts = [table.slice(*place) for place in zip(start.tolist(), size.tolist(), strict=True)]
        return parts[0] if len(parts) == 1 else pa.concat_tables(parts)


def _merged(start: Ints, size: Ints) -> tuple[Ints, Ints]:
    """Make runs that follow each other without a gap one."""
    first = np.ones(start.size, dtype=np.bool_)
    first[1:] = start[1:] != start[:-1] + size[:-1]
    begins = np.flatnonzero(first)
    return start[begins], np.add.reduceat(size, begins) if begins.size else size


def spread(low: Ints, high: Ints) -> Ints:
    """Numbers of all the ranges ``low .. high``, one after the other.

    >>> spread(np.array([4, 0]), np.array([6, 1]))
    array([4, 5, 0])
    """
    size = high - low
    before = np.cumsum(size) - size
    numbers: Ints = np.arange(int(size.sum())) + np.repeat(low - before, size)
    return numbers
