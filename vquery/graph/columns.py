"""What people give for n items, read and checked: vectors, times, tracks, videos, edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.edges import MIX
from vquery.graph.knn import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]
    Columns: TypeAlias = pa.Table | Mapping[str, ArrayLike] | tuple[ArrayLike, ...]

VISUAL = "visual"
"""The kind of edge, where there is one array of vectors."""


@dataclass(frozen=True, slots=True)
class Given:
    """Columns of n items.

    Attributes
    ----------
    time
        Seconds, or None.
    video
        Numbers of videos, from 0.
    run
        Numbers of tracks that hold over all videos, -1 for items without one; None without tracks.
    shot
        Numbers of shots, from 0; None without shots.
    """

    time: Weights | None
    video: Ints
    run: Ints | None
    shot: Ints | None


def read_spaces(
    vectors: ArrayLike | Mapping[str, ArrayLike],
) -> tuple[dict[str, Floats], Floats]:
    """Read vectors of one or several spaces.

    Returns
    -------
    (dict, ndarray)
        Unit vectors by kind of edge, each (n, d); and all of them side by side as unit vectors, of
        which the cosine is the mean of the cosines where an item has a vector in each space.

    Raises
    ------
    SchemaError
        If there is no space, one has the name of another kind of edge, rows are missing, or a
        value is not finite (space and row are named).

    >>> spaces, together = read_spaces({"face": [[2, 0]], "scene": [[0, 1, 0]]})
    >>> list(spaces), together.shape
    (['face', 'scene'], (1, 5))
    """
    if not isinstance(vectors, Mapping):
        points = unit(vectors)
        return {VISUAL: points}, points
    if not vectors:
        raise SchemaError("vectors must be an array (n, d), or such arrays by name; got no array")
    taken = [name for name in vectors if name in MIX and name != VISUAL]
    if taken:
        raise SchemaError(f"vectors: {taken[0]!r} is the name of another kind of edge; rename it")
    spaces = {name: unit(array, what=f"vectors[{name!r}]") for name, array in vectors.items()}
    sizes = {name: len(points) for name, points in spaces.items()}
    if len(set(sizes.values())) > 1:
        raise SchemaError(f"vectors must have one row for each item in every space, got {sizes}")
    if len(spaces) == 1:
        return spaces, next(iter(spaces.values()))
    return spaces, unit(np.concatenate(list(spaces.values()), axis=1))


def read_columns(
    n: int,
    *,
    time: ArrayLike | None,
    track: ArrayLike | None,
    video: ArrayLike | None,
    shot: ArrayLike | None = None,
    texts: Sequence[str | None] | pa.Array | None,
    apart_s: float,
) -> Given:
    """Read the columns of n items.

    Raises
    ------
    SchemaError
        If a length is wrong, a time is not finite (the item is named), a track is no integer, or
        ``apart_s`` is negative, or ``apart_s`` or ``shot`` is given without ``time``.

    >>> given = read_columns(3, time=None, track=[4, 4, -1], video="aab", texts=None, apart_s=0)
    Traceback (most recent call last):
    vquery.errors.SchemaError: video must have one value for each of 3 items, got shape ()
    """
    videos = np.zeros(n, np.int64) if video is None else _codes(video, n, "video")
    if not (np.isreal(apart_s) and 0 <= apart_s < np.inf):
        raise SchemaError(f"The 'apart_s' parameter must be 0 or more. Got {apart_s!r} instead.")
    if apart_s > 0 and time is None:
        raise SchemaError("apart_s needs the time of each item: give time=")
    if shot is not None and time is None:
        raise SchemaError("shot cuts edges in time, so it needs the time of each item: give time=")
    if texts is not None and (isinstance(texts, str) or len(texts) != n):
        raise SchemaError(f"texts must be {n} texts or nulls, one for each item")
    shots = None if shot is None else _codes(shot, n, "shot")
    return Given(_seconds(time, n), videos, _runs(track, videos, n), shots)


def _seconds(time: ArrayLike | None, n: int) -> Weights | None:
    if time is None:
        return None
    given = np.asarray(time)
    if given.dtype.kind in "mM":
        raise SchemaError(f"time must be {n} finite numbers of seconds: got {given.dtype}")
    try:
        when = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"time must be {n} finite numbers of seconds: {error}") from None
    if when.shape != (n,):
        raise SchemaError(f"time must be {n} finite numbers of seconds, got shape {when.shape}")
    bad = np.flatnonzero(~np.isfinite(when))
    if len(bad):
        raise SchemaError(
            f"time must be {n} finite numbers of seconds, got {when[bad[0]]} for item {bad[0]}"
        )
    return when


def _codes(values: ArrayLike, n: int, name: str) -> Ints:
    array = np.asarray(values)
    if array.shape != (n,):
        raise SchemaError(
            f"{name} must have one value for each of {n} items, got shape {array.shape}"
        )
    try:
        return np.unique(array, return_inverse=True)[1].astype(np.int64).ravel()
    except TypeError as error:
        raise SchemaError(f"{name} must have values of one type, none missing: {error}") from None


def _runs(track: ArrayLike | None, video: Ints, n: int) -> Ints | None:
    """Give tracks numbers that hold over all videos, -1 to items without one."""
    if track is None:
        return None
    array = np.asarray(track)
    if array.shape != (n,) or not (n == 0 or np.issubdtype(array.dtype, np.integer)):
        raise SchemaError(f"track must be {n} integers, got {array.dtype} of shape {array.shape}")
    # by number, since int64 beside uint64 would be float64
    number = np.unique(array, return_inverse=True)[1].ravel()
    code = np.unique(np.c_[video, number], axis=0, return_inverse=True)[1].ravel()
    return np.where(array >= 0, code, -1).astype(np.int64)


def read_edges(edges: Columns) -> tuple[Any, ...]:
    """Read a user's edges as arrays: source, target, and weights if there are any.

    Raises
    ------
    SchemaError
        If it is neither a table with these columns nor a tuple of two or three arrays.

    >>> import pyarrow as pa
    >>> read_edges(pa.table({"target": [1], "source": [0]}))[0].tolist()
    [0]
    """
    if isinstance(edges, tuple):
        if len(edges) not in (2, 3):
            raise SchemaError(f"edges must be (source, target[, weight]), got {len(edges)} arrays")
        return tuple(np.asarray(column) for column in edges)
    names = getattr(edges, "column_names", None)  # of Arrow; mappings have keys, others columns
    if names is None:
        names = list(edges) if isinstance(edges, Mapping) else list(getattr(edges, "columns", ()))
    if not {"source", "target"} <= set(names):
        raise SchemaError(
            "edges must be a table with the columns source, target and perhaps weight, or a tuple "
            f"of such arrays; got {type(edges).__name__} with the columns {list(names)}"
        )
    wanted = [name for name in ("source", "target", "weight") if name in names]
    return tuple(np.asarray(edges[name]) for name in wanted)
