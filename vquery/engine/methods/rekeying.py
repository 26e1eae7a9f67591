"""Methods that put rows on another clock, and the function that puts collections side by side."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent, node_of
from vquery.expr.expression import Column, lift
from vquery.expr.origin import collections_of
from vquery.expr.rekeying import Concat, Rekey, RekeyBack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.engine.intervals import Intervals


class Rekeying(Fluent):
    """Methods that put rows on another clock."""

    __slots__ = ()

    def rekey(self, key: Any, *, shift: Any = 0) -> Intervals:
        """Put another key in the place of the video, and move times by ``shift`` seconds.

        What then has an equal key can meet: recordings of one channel, or of one moment in the
        world. ``from_video`` and ``from_shift_us`` keep where a row came from, and `rekey_back`
        returns to it. Rows without a key or a shift are left out, counted and reported. Scores stay
        as they are. How long the new key lasts is not known.

        Parameters
        ----------
        key
            Text or whole numbers: a column such as ``"channel"``, or an expression;
            ``vq.lit("all")`` puts everything on one clock.
        shift
            Seconds, or an expression such as ``row.air_time``: when the video starts on the new
            clock.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"], "start": [1], "end": [2], "air": [60], "on": ["x"]})
        >>> live = vq.from_arrow(table).rekey("on", shift=vq.row.air)
        >>> live.select("from_video").collect().to_pylist()
        [{'video': 'x', 'start_us': 61000000, 'end_us': 62000000, 'from_video': 'a'}]
        >>> live.rekey_back().collect()["start_us"].to_pylist()
        [1000000]
        """
        value = Column(key) if isinstance(key, str) else lift(key)
        return self._made(Rekey(self._node, value, lift(shift)))

    def rekey_back(self) -> Intervals:
        """Return to the video and the time from before `rekey`.

        A row that was made of several goes where its first row came from (of a join: the left one);
        ``coalesce(by="from_video")`` keeps videos apart.
        """
        return self._made(RekeyBack(self._node))


def concat(*relations: Intervals, names: Sequence[str] | None = None) -> Intervals:
    """Put rows of different collections below each other.

    A video is then called ``name/video``, so that videos of two collections never meet, and the
    column ``collection`` tells where a row is from. Other columns are aligned as by ``union``;
    scores stay as they are.

    Parameters
    ----------
    *relations
        Such as ``a.faces, b.faces``.
    names
        Names of the collections, by default those of their folders, or what `from_arrow` was told.

    Raises
    ------
    QueryError
        If two names are equal, or a column has different types.

    >>> import pyarrow as pa
    >>> import vquery as vq
    >>> table = pa.table({"video": ["a"], "start": [1], "end": [2]})
    >>> both = vq.concat(vq.from_arrow(table), vq.from_arrow(table), names=["x", "y"])
    >>> both.collect()["video"].to_pylist()
    ['x/a', 'y/a']
    """
    nodes = tuple(node_of(each, "concat()") for each in relations)
    known = tuple(_name(node) for node in nodes) if names is None else tuple(names)
    from vquery.engine.intervals import Intervals

    return Intervals(Concat(nodes, known))


def _name(node: Any) -> str:
    """Name of the collection of a relation, else its own."""
    found = list(collections_of(node))
    return PurePath(found[0]).stem if found else str(node.name)
