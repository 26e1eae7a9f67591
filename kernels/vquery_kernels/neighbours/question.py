"""What the implementations are asked: two sides of rows, and which of them may not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    Int64s: TypeAlias = npt.NDArray[np.int64]
    Floats: TypeAlias = npt.NDArray[np.float32]
    Doubles: TypeAlias = npt.NDArray[np.float64]
    Found: TypeAlias = tuple[npt.NDArray[np.int32], Floats]

T = TypeVar("T", bound=np.generic)


class Rules(NamedTuple):
    """Which rows are kept apart: columns by id, None where there is no such rule."""

    group: npt.ArrayLike | None = None
    video: npt.ArrayLike | None = None
    time: npt.ArrayLike | None = None
    seconds: float = 0.0


class Side(NamedTuple):
    """Rows that seek or are sought: all arrays have one element a row."""

    points: Floats
    ids: Int64s
    group: Int64s
    video: Int64s
    time: Doubles
    alive: npt.NDArray[np.bool_]
    """False for rows of zeros, which have no direction."""


class Question(NamedTuple):
    """Which ``k`` rows of ``base`` are nearest to each row of ``queries``."""

    queries: Side
    base: Side
    k: int
    seconds: float
    """Rows of one video are apart when their times differ by no more; 0: no such rule."""


def apart(question: Question, rows: Int64s, columns: Int64s) -> npt.NDArray[np.bool_]:
    """Tell for each pair of a query and a base row (broadcast together) whether it may not meet."""
    a, b = question.queries, question.base
    group = a.group[rows]
    out: npt.NDArray[np.bool_] = (a.ids[rows] == b.ids[columns]) | ~b.alive[columns]
    out |= (group == b.group[columns]) & (group >= 0)
    if question.seconds > 0:
        near = np.abs(a.time[rows] - b.time[columns]) <= question.seconds
        out |= near & (a.video[rows] == b.video[columns])
    return out


def between(
    queries: npt.ArrayLike,
    base: npt.ArrayLike,
    k: int,
    query_ids: npt.ArrayLike,
    base_ids: npt.ArrayLike,
    rules: Rules,
) -> Question:
    """Check what :func:`vquery_kernels.neighbours.top_k` was given."""
    left, right = _rows("queries", queries), _rows("base", base)
    if left.shape[1] != right.shape[1]:
        raise ValueError(
            f"queries and base must have the same width, got {left.shape[1]} and {right.shape[1]}"
        )
    named = _ids("query_ids", query_ids, len(left)), _ids("base_ids", base_ids, len(right))
    if len(np.unique(named[1])) != len(right):
        raise ValueError("base_ids must all be different")
    size = 1 + max((int(each.max()) for each in named if each.size), default=-1)
    columns = _columns(size, rules)
    left_side, right_side = _side(left, named[0], columns), _side(right, named[1], columns)
    return Question(left_side, right_side, _count(k), float(rules.seconds))


def among(points: npt.ArrayLike, k: int, rules: Rules) -> Question:
    """Check what :func:`vquery_kernels.neighbours.all_top_k` was given."""
    rows = _rows("points", points)
    side = _side(rows, np.arange(len(rows)), _columns(len(rows), rules))
    return Question(side, side, _count(k), float(rules.seconds))


def _count(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return int(k)


def _rows(name: str, given: npt.ArrayLike) -> Floats:
    rows = np.ascontiguousarray(given, np.float32)
    if rows.ndim != 2:
        raise ValueError(f"{name} must have shape (n, d), got {rows.shape}")
    bad = np.flatnonzero(~np.isfinite(rows.sum(1, dtype=np.float64)))
    if bad.size:
        raise ValueError(f"{name}, row {bad[0]}: values must be finite ({bad.size} such rows)")
    return rows


def _ids(name: str, given: npt.ArrayLike, size: int) -> Int64s:
    ids: Int64s = np.ascontiguousarray(given, np.int64)
    if ids.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {ids.shape}")
    if ids.size and not 0 <= ids.min() <= ids.max() < 2**31:
        raise ValueError(f"{name} must be from 0 to 2**31 - 1, got {ids.min()} .. {ids.max()}")
    return ids


def _columns(size: int, rules: Rules) -> tuple[Int64s, Int64s, Doubles]:
    """Give columns by id, which keep nothing apart where they are not given."""
    if not 0 <= rules.seconds < np.inf:
        raise ValueError(f"seconds must be a number from 0, got {rules.seconds}")
    if rules.seconds > 0 and (rules.video is None or rules.time is None):
        raise ValueError("seconds needs both video and time")
    return (
        _column("group", rules.group, -1, size, np.int64),
        _column("video", rules.video, -1, size, np.int64),
        _column("time", rules.time, 0, size, np.float64),
    )


def _column(
    name: str, given: npt.ArrayLike | None, nothing: int, size: int, dtype: type[T]
) -> npt.NDArray[T]:
    if given is None:
        return np.full(size, nothing, dtype)
    column = np.ascontiguousarray(given, dtype)
    if column.ndim != 1 or len(column) < size:
        raise ValueError(f"{name} must have shape ({size},), got {column.shape}")
    return column


def _side(points: Floats, ids: Int64s, columns: tuple[Int64s, Int64s, Doubles]) -> Side:
    group, video, time = columns
    alive = np.asarray(points.any(1), np.bool_)
    return Side(points, ids, group[ids], video[ids], time[ids], alive)
