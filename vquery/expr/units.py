"""Lengths of time with their unit: seconds, minutes, and frames of the video at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import QueryError
from vquery.expr.expression import Call, Column, Expression, Literal, Param, lift
from vquery.expr.types import NUMBER, Scope, Type
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Written(Literal):
    """A length of time written in a query; ``value`` is in seconds."""

    shown: str = ""

    @property
    def unit(self) -> str | None:
        """Lengths of time are in seconds."""
        return "seconds"

    def __neg__(self) -> Expression:
        return Written(-self.value, f"-{self.shown}")

    def __repr__(self) -> str:
        return self.shown


@dataclass(frozen=True, slots=True)
class Rates:
    """Mean times of a frame, microseconds, by video; None where a video has none."""

    name: str
    videos: tuple[Any, ...]
    frame_us: tuple[float | None, ...]

    @property
    def range(self) -> tuple[float, float]:
        """Shortest and longest time of a frame."""
        known = [each for each in self.frame_us if each is not None]
        return (min(known), max(known)) if known else (0.0, 0.0)

    def of(self, videos: pa.ChunkedArray, what: str) -> npt.NDArray[np.float64]:
        """Mean time of a frame in the video of each row.

        Raises
        ------
        QueryError
            If nothing is known of a video.
        """
        if pa.types.is_dictionary(videos.type):
            videos = videos.cast(videos.type.value_type)
        known = pa.array(self.videos, videos.type)
        place = pc.index_in(videos, value_set=known)
        times = pa.array(self.frame_us, pa.float64()).take(place.combine_chunks())
        if times.null_count:
            first = videos.filter(pc.is_null(times))[0].as_py()
            raise QueryError(
                f"{what}: nothing says how fast the frames of the video {first!r} in {self.name}"
                " are: index the video, give from_arrow(extents=) a table with fps, or write"
                " vq.seconds(...)"
            )
        return np.asarray(times.to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frames(Expression):
    """So many frames of the video at hand, in seconds, rounded to whole microseconds.

    ``rates`` and ``video``, the column that says which video, are set when the query is planned.
    """

    count: Expression
    rates: Rates | None = None
    video: Column | None = None

    @property
    def unit(self) -> str | None:
        """Lengths of time are in seconds."""
        return "seconds"

    @property
    def default(self) -> Any:
        """Number of frames, for checks made before the query runs."""
        return self.count.value if isinstance(self.count, Literal) else self.count.default  # type: ignore[attr-defined]

    def type(self, scope: Scope) -> Type:  # noqa: ARG002, D102
        return NUMBER

    def seconds(self, videos: pa.ChunkedArray) -> pa.Array:
        """Return the length for rows of these videos: whole microseconds, as times are.

        So what lasts a second lasts thirty frames of a video of thirty frames a second.
        """
        return pa.array(self.microseconds(videos) / US_PER_S)

    def microseconds(self, videos: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        """Return the length for rows of these videos in whole microseconds, rounded to nearest."""
        assert self.rates is not None
        length = self.rates.of(videos, repr(self)) * self.default
        rounded = np.copysign(np.floor(np.abs(length) + 0.5), length)
        return np.asarray(rounded, dtype=np.int64)

    @property
    def range_us(self) -> tuple[int, int]:
        """Bounds in microseconds that the length lies in, whatever the video; one to spare."""
        assert self.rates is not None
        ends = sorted(each * self.default for each in self.rates.range)
        return math.floor(ends[0]) - 1, math.ceil(ends[1]) + 1

    def __neg__(self) -> Expression:
        if not isinstance(self.count, Literal):
            return Expression.__neg__(self)
        return replace(self, count=Literal(-self.count.value))

    def __repr__(self) -> str:
        return f"frames({self.count!r})"


def seconds(number: float | Param) -> Expression:
    """Return a length of time in seconds, the unit that is meant where none is written.

    >>> seconds(5)
    seconds(5)
    """
    return _written(number, 1, "seconds")


def minutes(number: float) -> Expression:
    """Return a length of time in minutes.

    >>> minutes(2).value
    120
    """
    return _written(number, 60, "minutes")


def frames(number: float | Param) -> Frames:
    """Return the time of so many frames of the video at hand, by its frame table.

    The time of a frame is the mean over its video: where frames come at uneven times, count them
    in ``db.frames`` instead. Usable wherever seconds are: gaps, tolerances, ``dilate``, and
    comparisons with ``row.duration``.

    >>> frames(10)
    frames(10)
    """
    count = lift(number)
    plain = isinstance(count, (Literal, Param)) and not isinstance(count, Written)
    if not plain or not _is_number(getattr(count, "value", getattr(count, "default", None))):
        raise QueryError(f"frames() takes a number of frames, got {number!r}")
    return Frames(count)


def _written(number: Any, factor: int, name: str) -> Expression:
    given = number.default if isinstance(number, Param) else number
    if not _is_number(given):
        raise QueryError(f"{name}() takes a number, got {number!r}")
    if isinstance(number, Param):
        if factor != 1:
            raise QueryError(f"{name}() takes a number; give {number!r} in seconds instead")
        return number
    return Written(given * factor, f"{name}({given!r})")


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number and bool(np.isfinite(value))


def bounds_us(value: Expression | None) -> tuple[int | None, int | None]:
    """Bounds of an amount of microseconds in a predicate, None where nothing is known.

    >>> bounds_us(Literal(3))
    (3, 3)
    """
    if isinstance(value, Literal):
        return int(value.value), int(value.value)
    if not isinstance(value, Call):
        return None, None
    inner = value.arguments[0]
    if value.operation == "microseconds" and isinstance(inner, Frames) and inner.rates is not None:
        return inner.range_us
    if value.operation == "negate":
        low, high = bounds_us(inner)
        return (None if high is None else -high), (None if low is None else -low)
    return None, None
