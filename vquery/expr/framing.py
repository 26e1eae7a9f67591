"""The number of the frame that a row starts in, by the frame table of its video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression
from vquery.expr.types import INTEGER, Scope, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """What is known of the frames of videos.

    ``extents`` has the start of each video and the mean time of a frame; ``frames`` gives the exact
    time of every frame (``video, start_us, frame``), None where there is no such table.
    """

    name: str
    extents: pa.Table
    frames: Callable[[], pa.Table] | None

    def numbers(self, videos: pa.ChunkedArray, start: Ints) -> Ints:
        """Find the number of the frame that is shown at a time in the video of each row.

        Raises
        ------
        QueryError
            If nothing is known of the frames of a video.
        """
        if pa.types.is_dictionary(videos.type):
            videos = videos.cast(videos.type.value_type)
        if self.frames is None:
            return self._even(videos, start)
        return self._exact(self.frames(), videos, start)

    def _even(self, videos: pa.ChunkedArray, start: Ints) -> Ints:
        known = self.extents["video"].combine_chunks().cast(videos.type)
        place = pc.index_in(videos, value_set=known).combine_chunks()
        times = self.extents["frame_us"].combine_chunks().take(place)
        self._require(videos, times)
        first = self.extents["start_us"].combine_chunks().take(place).to_numpy()
        # times are rounded to microseconds: half of one belongs to the frame that begins there
        passed = (start - first + 0.5) / times.to_numpy()
        return np.asarray(np.maximum(np.floor(passed), 0), dtype=np.int64)

    def _exact(self, frames: pa.Table, videos: pa.ChunkedArray, start: Ints) -> Ints:
        names = pc.unique(frames["video"])
        place = pc.index_in(videos, value_set=names.cast(videos.type)).combine_chunks()
        self._require(videos, place)
        codes = pc.index_in(frames["video"], value_set=names).combine_chunks().to_numpy()
        times = frames["start_us"].combine_chunks().to_numpy()
        order = np.lexsort((times, codes))
        asked = place.to_numpy()
        ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
        result = np.empty(len(start), dtype=np.int64)
        by_video = np.argsort(asked, kind="stable")
        parts = np.searchsorted(asked[by_video], np.arange(len(names) + 1))
        numbers = frames["frame"].combine_chunks().to_numpy()[order]
        times = times[order]
        for code in np.unique(asked):
            low, high = ends[code], ends[code + 1]
            rows = by_video[parts[code] : parts[code + 1]]
            shown = np.searchsorted(times[low:high], start[rows], side="right") - 1
            result[rows] = numbers[low + np.maximum(shown, 0)]  # before the first: the first
        return result

    def _require(self, videos: pa.ChunkedArray, found: pa.Array) -> None:
        if found.null_count:
            first = videos.filter(pc.is_null(found))[0].as_py()
            raise QueryError(
                f"row.frame: nothing says when the frames of the video {first!r} in {self.name}"
                " are shown: index the video, or give from_arrow(extents=) a table with fps"
            )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrameNumber(Expression):
    """Number of the frame that is shown when the row starts, counted from 0.

    By the frame table where the collection has one, and so right where frames come at uneven times;
    else by the frame rate that was given for the video. Before the first frame it is that of the
    first. ``clock`` is set when the query is planned.
    """

    video: Column
    start: Column
    clock: Clock | None = None

    @property
    def unit(self) -> str | None:
        """Numbers of frames are no lengths of time."""
        return "frames"

    def type(self, scope: Scope) -> Type:  # noqa: D102
        self.start.type(scope)
        return INTEGER

    def numbers(self, videos: pa.ChunkedArray, start: pa.ChunkedArray) -> pa.Array:
        """Return the number for rows of these videos with these starts."""
        assert self.clock is not None
        return pa.array(self.clock.numbers(videos, np.asarray(start.to_numpy(), dtype=np.int64)))

    def __repr__(self) -> str:
        return f"{self.start.side or 'row'}.frame"
