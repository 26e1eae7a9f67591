"""Methods that make, move and merge spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.extents import known_extents
from vquery.engine.methods.base import Fluent, aggregates_of, node_of
from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, lift
from vquery.expr.groups import Coalesce
from vquery.expr.predicates import Predicate, as_predicate
from vquery.expr.relations import Dilate
from vquery.expr.spans import Clip, Complement, Shift, SlidingWindows, Split, SplitAt
from vquery.plan.program import check_test

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals
    from vquery.expr.expression import Param
    from vquery.expr.relations import Relation

SIDES = {"both": ("start", "end"), "start": ("start",), "end": ("end",)}


SETTINGS = "; its settings are gap, by, where, axis, max_length, score"


class Spans(Fluent):
    """Methods that make, move and merge spans."""

    __slots__ = ()

    def coalesce(
        self,
        gap: float | Param = 0,
        *,
        by: Any = (),
        where: Any = None,
        axis: str = "time",
        max_length: float | Param | None = None,
        score: Any = "max",
        **aggregates: Any,
    ) -> Intervals:
        """Make one row of each run of rows that overlap, touch or lie at most ``gap`` apart.

        Rows of a video are gone through by start. A run takes a row that starts at most ``gap``
        after the latest end in the run, if ``where`` holds and the result is not too long. Several
        runs may be open at a time; of those that take a row, the one that was opened last gets it.
        A row that no run takes opens the next one.

        Parameters
        ----------
        gap
            Seconds that are bridged, inclusive; on another axis a share of the picture.
        by
            Columns that have to be equal for rows to meet; null equals null.
        where
            A predicate between the run so far (left) and the new row (right), such as
            ``iou(at_least=0.5)`` or ``lambda run, new: run.end - new.start < 2``. The bounds of the
            run are the hull of its rows so far, its other columns are those of its first row. Each
            row is compared with the runs that are still open, one after the other: the cost is
            rows × open runs. A ``vq.udf`` cannot be used here.
        axis
            ``"x"`` and ``"y"`` merge boxes that lie side by side or one above the other, whatever
            their times: ``by="start_us"`` keeps to one moment. Rows without a box stay as they are.
        max_length
            Longest result of a merge in seconds, or its greatest extent on the axis: rows that
            would make more stay apart, even where they overlap. A single row may be longer.
        score
            Score of the result, nulls left out: ``"max"``, ``"min"``, ``"mean"``, ``"noisy_or"``
            (one of independent rows is right: ``1 - (1 - a)(1 - b)…``) or ``"first"``; or an
            aggregate, such as ``vq.sum(row.score)``.
        **aggregates
            Columns computed from the rows of a run, such as ``n=vq.count()``. All others are those
            of the first row, with the hull of the bounds.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 3, "start": [0, 1, 9], "end": [1, 2, 9]})
        >>> vq.from_arrow(table).coalesce(n=vq.count()).collect()["n"].to_pylist()
        [2, 1]
        """
        given = [by] if isinstance(by, (str, Column)) else by
        names = tuple(self._names(given, "coalesce(by=)"))
        test: Predicate | None = None if where is None else as_predicate(where)
        if isinstance(score, Expression):
            aggregates["score"], score = score, "max"
        most = None if max_length is None else lift(max_length)
        made = aggregates_of(aggregates, "coalesce()", SETTINGS)
        node = Coalesce(self._node, lift(gap), names, made, test, axis, most, score)
        if test is not None:
            check_test(test, self._node)
        return self._made(node)

    def dilate(
        self,
        seconds: float | Param,
        *,
        side: str = "both",
        axis: str = "time",
        clip: bool = False,
    ) -> Intervals:
        """Make spans longer by ``seconds`` at each end, or shorter by a negative number.

        Nothing is merged. A row that shrinks below nothing is left out, counted and reported.
        Scores stay as they are.

        Parameters
        ----------
        seconds
            On the axes x and y widths and heights of the picture.
        side
            ``"both"``, ``"start"`` or ``"end"``.
        axis
            ``"time"``, ``"x"`` or ``"y"``; rows without a box stay as they are on x and y.
        clip
            Whether rows are cut at the ends of the video, which have to be known, or at the edges
            of the picture.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"], "start": [1], "end": [2]})
        >>> rows = vq.from_arrow(table, extents={"a": 3})
        >>> rows.dilate(2, clip=True).collect().to_pylist()
        [{'video': 'a', 'start_us': 0, 'end_us': 3000000}]
        """
        if side not in SIDES:
            raise QueryError(f"dilate(): side= must be 'both', 'start' or 'end', got {side!r}")
        whole = self._extents("dilate(clip=True)") if clip and axis == "time" else None
        return self._made(Dilate(self._node, lift(seconds), SIDES[side], axis, clip, whole))

    def shift(self, seconds: float | Param, *, axis: str = "time") -> Intervals:
        """Move spans by ``seconds``, later for a positive number; columns and scores stay.

        On the axes x and y boxes move by widths and heights of the picture.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [1], "end": [1]}))
        >>> rows.shift(-1.5).collect()["start_us"].to_pylist()
        [-500000]
        """
        return self._made(Shift(self._node, lift(seconds), axis))

    def clip(
        self,
        start: float | Param | None = None,
        end: float | Param | None = None,
        *,
        axis: str = "time",
    ) -> Intervals:
        """Cut rows to what lies between ``start`` and ``end`` seconds of their video.

        Without limits they are cut to the extent of their video, which has to be known, and on x
        and y to the picture. Rows that lie outside are left out, counted and reported; columns and
        scores stay.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a", "a"], "start": [1, 9], "end": [5, 10]}))
        >>> rows.clip(2, 9).collect().to_pylist()
        [{'video': 'a', 'start_us': 2000000, 'end_us': 5000000}]
        """
        for given in (start, end):
            if isinstance(given, Fluent):
                raise QueryError(
                    "clip() takes seconds; to cut rows to those of another relation write"
                    " rows.join(other, predicate=time_overlaps, merge_op=time_intersection)"
                )
        limits = [None if each is None else lift(each) for each in (start, end)]
        whole = None
        if start is None and end is None:
            if axis == "time":
                whole = self._extents("clip() without limits")
            else:
                limits = [lift(0), lift(1)]
        return self._made(Clip(self._node, limits[0], limits[1], axis, whole))

    def split(
        self,
        every: float | Param | None = None,
        *,
        at: Intervals | None = None,
        anchor: str = "row",
    ) -> Intervals:
        """Cut rows into pieces of ``every`` seconds, or where the rows of ``at`` start.

        Pieces keep the columns, the box and the score of their row. Instants stay whole.

        Parameters
        ----------
        every
            Longest piece in seconds; the last piece of a row may be shorter.
        at
            A relation such as ``db.shots``: its rows of the same video cut where they start.
        anchor
            Where cuts are counted from: the start of each ``"row"``, or the ``"video"``, which puts
            all cuts of a video on one grid (multiples of ``every``).

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [1], "end": [5]}))
        >>> [piece["end_us"] for piece in rows.split(3, anchor="video").collect().to_pylist()]
        [3000000, 5000000]
        """
        if (every is None) is (at is None):
            raise QueryError("split() takes seconds or at=relation, one of the two")
        if at is not None:
            return self._made(SplitAt(self._node, node_of(at, "split(at=)")))
        if isinstance(every, Fluent):
            raise QueryError("split() takes seconds; to cut where rows start write split(at=rows)")
        return self._made(Split(self._node, lift(every), anchor))

    def windows(
        self, length: float | Param, step: float | Param | None = None, *, partial: bool = True
    ) -> Intervals:
        """Slide a window through each row: its columns, the time of the window.

        The first window starts with the row, and one follows every ``step`` seconds until one
        reaches the end of the row. Windows of whole videos are ``rows.extents().windows(…)``.

        Parameters
        ----------
        length
            Seconds that a window lasts.
        step
            Seconds from one start to the next, by default ``length``.
        partial
            Whether windows that would go beyond the end of the row are cut there; otherwise they
            are left out.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [0], "end": [3.5]}))
        >>> rows.windows(2, step=1).collect()["end_us"].to_pylist()
        [2000000, 3000000, 3500000]
        >>> rows.windows(2, step=1, partial=False).count()
        2
        """
        every = lift(length if step is None else step)
        return self._made(SlidingWindows(self._node, lift(length), every, partial))

    def complement(self, within: Intervals | None = None) -> Intervals:
        """Return the time that no row covers: of each whole video, or of the rows ``within``.

        Rows of all kinds together leave what none of them covers; instants cover nothing. Every
        video whose extent is known takes part, also one without rows. The result has no columns but
        video and time, or with ``within`` all columns of those rows.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"], "start": [1], "end": [2]})
        >>> rows = vq.from_arrow(table, extents={"a": 2, "b": 1})
        >>> [(gap["video"], gap["end_us"]) for gap in rows.complement().collect().to_pylist()]
        [('a', 1000000), ('b', 1000000)]
        """
        if within is None:
            whole = self._extents("complement() without within=")
            return self._made(Complement(whole, self._node, whole=True))
        other = node_of(within, "complement(within=)")
        return self._made(Complement(other, self._node, whole=False))

    def extents(self) -> Intervals:
        """One row for each video of which is known how long it is, whether it has rows or not.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"], "start": [1], "end": [2]})
        >>> vq.from_arrow(table, extents={"b": 3}).extents().collect()["video"].to_pylist()
        ['b']
        """
        return self._made(self._extents("extents()"))

    def _extents(self, what: str) -> Relation:
        return known_extents(self._node, what)
