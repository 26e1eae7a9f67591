"""Methods that bring two relations together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent, column_names, node_of
from vquery.errors import QueryError
from vquery.expr.expression import lift
from vquery.expr.merge import MergeOp, as_merge_op, left, span
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partners import DIRECTIONS, CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.predicates import Predicate, as_predicate
from vquery.expr.scores import column_rules, score_rule
from vquery.expr.time import time_overlaps

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.intervals import Intervals
    from vquery.expr.expression import Param
    from vquery.expr.relations import Relation


class Pairs(Fluent):
    """Methods that bring two relations together."""

    __slots__ = ()

    def join(
        self,
        other: Intervals,
        predicate: Any = None,
        *,
        merge_op: MergeOp = span,
        suffix: str = "_right",
        score: str | Callable[..., Any] = "min",
        cross: bool = False,
        how: str = "inner",
    ) -> Intervals:
        """Pair rows of one video for which ``predicate`` holds, and merge each pair into one row.

        Parameters
        ----------
        other
            The right side.
        predicate
            Such as ``time_overlaps``, or a function ``lambda a, b: a.score > b.score``.
        merge_op
            Bounds of the result: ``span``, ``intersection``, ``time_intersection``, ``left``,
            ``right``, or ``vq.merge(time=..., x=..., columns=...)`` for a mix.
        suffix
            Added to a right column whose name the left side has too.
        score
            Score of the result, nulls left out: ``"min"``, ``"max"``, ``"mean"``, ``"product"``,
            ``"noisy_or"`` (``1 - (1 - a)(1 - b)``), ``"left"``, ``"right"`` or a function of the
            two scores.
        cross
            Whether a join without a predicate (every pair of a video) is meant.
        how
            ``"inner"``, or ``"left"`` to keep a left row that makes no pair: with its own bounds
            and score, and nulls on the right.

        Returns
        -------
        Intervals
            video, merged time and box, left columns, right columns without video, time and box.

        Raises
        ------
        UnknownColumnError
            If the predicate reads a column that its side does not have.
        QueryError
            If types do not fit, a name clashes, or an argument has a value that there is none of.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> faces = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 7], "end": [3, 8]}))
        >>> words = from_arrow(pa.table({"video": ["a"], "start": [2], "end": [4], "w": ["hi"]}))
        >>> faces.join(words, time_overlaps, how="left").collect()["w"].to_pylist()
        ['hi', None]
        """
        right = node_of(other, "join()")
        if (predicate is None) is not cross:
            raise QueryError(
                "join() needs predicate=, such as time_overlaps; for every pair of rows of a video"
                " write cross=True and no predicate"
            )
        test = None if predicate is None else as_predicate(predicate)
        merge, rule = as_merge_op(merge_op), score_rule(self._node, right, score)
        columns = column_rules(self._node, right, merge)
        plain = replace(merge, columns=())
        return self._made(Join(self._node, right, test, plain, suffix, rule, how, columns))

    def semi_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have at least one partner in ``other``, each once and as it is.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"] * 2, "start": [0, 5], "end": [1, 9]}))
        >>> cuts = vq.from_arrow(pa.table({"video": ["a"] * 2, "start": [6, 7], "end": [6, 7]}))
        >>> rows.semi_join(cuts, vq.contains).collect()["start_us"].to_pylist()
        [5000000]
        """
        return self._partnered(other, predicate, "semi_join()", negated=False)

    def anti_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have no partner in ``other``, as they are.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1]}))
        >>> rows.anti_join(rows.shift(1), vq.time_overlaps).count()  # abutting spans share no time
        1
        """
        return self._partnered(other, predicate, "anti_join()", negated=True)

    def nearest(
        self,
        other: Intervals,
        *,
        direction: str = "either",
        k: int | Param = 1,
        max_gap: float | Param | None = None,
        by: Any = None,
        overlap: bool | None = None,
        name: str = "gap",
        suffix: str = "_right",
        merge_op: MergeOp = left,
        score: str | Callable[..., Any] = "left",
        how: str = "inner",
    ) -> Intervals:
        """Pair each row with the ``k`` rows of ``other`` in its video that are nearest in time.

        Parameters
        ----------
        other
            The right side.
        direction
            Where partners lie that share no time with the row: ``"after"`` (they start at or after
            its end), ``"before"`` (they end at or before its start) or ``"either"``.
        k
            How many partners a row has at most. Ties go by the usual order of ``other``.
        max_gap
            Seconds that a partner may be away at most, inclusive; None is no limit.
        by
            Columns that have to be equal on both sides; null equals nothing.
        overlap
            Whether rows of ``other`` that share time with the row (gap 0) count: by default yes for
            ``"either"``, no for ``"before"`` and ``"after"``.
        name
            Name of the new column: seconds between both rows, 0 where they overlap or touch.
        suffix, merge_op, score, how
            As in :meth:`join`; time, box and score of the left row unless said otherwise.
            ``how="left"`` keeps rows without a partner, with a null gap.

        Raises
        ------
        QueryError
            If an argument has a value that there is none of, or a name clashes.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> cues = from_arrow(pa.table({"video": ["a"], "start": [4], "end": [6]}))
        >>> cuts = from_arrow(pa.table({"video": ["a"] * 3, "start": [3, 5, 6], "end": [3, 5, 9]}))
        >>> cues.nearest(cuts).collect()["gap"].to_pylist()  # the cut at 5 lies inside
        [0.0]
        >>> cues.nearest(cuts, direction="before").collect()["gap"].to_pylist()
        [1.0]
        """
        right = node_of(other, "nearest()")
        merge, rule = as_merge_op(merge_op), score_rule(self._node, right, score)
        made = Nearest(
            self._node,
            right,
            direction,
            lift(k),
            None if max_gap is None else lift(max_gap),
            column_names(by, "nearest(by=)"),
            direction == DIRECTIONS[0] if overlap is None else overlap,
            name,
            replace(merge, columns=()),
            suffix,
            rule,
            how,
            column_rules(self._node, right, merge),
        )
        return self._made(made)

    def count_overlaps(
        self, other: Intervals, predicate: Any = time_overlaps, *, name: str = "overlaps"
    ) -> Intervals:
        """Add a column with the number of rows of ``other`` for which ``predicate`` holds.

        Any predicate will do, not only overlap. Rows, their order and scores stay as they are.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> shots = from_arrow(pa.table({"video": ["a", "b"], "start": [0, 0], "end": [4, 4]}))
        >>> faces = from_arrow(pa.table({"video": ["a", "a"], "start": [1, 4], "end": [3, 5]}))
        >>> shots.count_overlaps(faces, name="faces").collect()["faces"].to_pylist()
        [1, 0]
        """
        right = node_of(other, "count_overlaps()")
        return self._made(CountOverlaps(self._node, right, as_predicate(predicate), name))

    def coverage(self, other: Intervals, *, name: str = "coverage", by: Any = None) -> Intervals:
        """Add a column with the share of the row's time that ``other`` covers, 0 to 1.

        What several rows of ``other`` cover counts once, instants in ``other`` cover nothing. An
        instant has 1 where a span of ``other`` covers it, else 0. With ``by`` only rows with equal
        columns count. Rows, their order and scores stay as they are.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> shots = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 4], "end": [4, 4]}))
        >>> faces = from_arrow(pa.table({"video": ["a", "a"], "start": [1, 2], "end": [3, 4]}))
        >>> shots.coverage(faces).collect()["coverage"].to_pylist()
        [0.75, 0.0]
        """
        right = node_of(other, "coverage()")
        names = column_names(by, "coverage(by=)")
        return self._made(Coverage(self._node, right, name, names))

    def collect_by(
        self,
        other: Intervals,
        predicate: Any,
        *,
        name: str = "partners",
        columns: Any = None,
        keep_empty: bool = False,
    ) -> Intervals:
        """Add a column with the list of the rows of ``other`` for which ``predicate`` holds.

        The row's own columns and score stay as they are; those of its partners are in the list.

        Parameters
        ----------
        other, predicate
            As in :meth:`join`.
        name
            Name of the new column, a list of structs in the usual order.
        columns
            Columns of ``other`` in the structs, after ``start_us`` and ``end_us`` (None: all but
            the video).
        keep_empty
            Whether rows without a partner stay, with an empty list.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> cues = from_arrow(pa.table({"video": ["a"], "start": [1], "end": [5]}))
        >>> cuts = from_arrow(pa.table({"video": ["a"] * 3, "start": [3, 2, 5], "end": [3, 2, 5]}))
        >>> cues.collect_by(cuts, time_overlaps).collect()["partners"].to_pylist()
        [[{'start_us': 2000000, 'end_us': 2000000}, {'start_us': 3000000, 'end_us': 3000000}]]
        """
        right = node_of(other, "collect_by()")
        if columns is None:
            chosen = tuple(each for each in right.schema.names if each != "video")
        else:
            chosen = column_names(columns, "collect_by(columns=)")
        if not isinstance(keep_empty, bool):
            raise QueryError(f"collect_by(): keep_empty= must be True or False, got {keep_empty!r}")
        test = as_predicate(predicate)
        return self._made(CollectBy(self._node, right, test, name, chosen, keep_empty))

    def minus(
        self, other: Intervals, predicate: Any = None, *, axis: str = "time", by: Any = None
    ) -> Intervals:
        """Cut out what ``other`` covers in the same video; columns, scores, other axes stay.

        What only touches cuts nothing, instants in ``other`` cut nothing, and an instant disappears
        where a span covers it.

        Parameters
        ----------
        other
            What cuts.
        predicate
            Only those rows cut for which it holds (and that overlap on the axis).
        axis
            ``"time"``, or ``"x"`` or ``"y"`` to cut boxes: then time plays no part unless the
            predicate speaks of it, and rows without a box stay as they are.
        by
            Only rows with equal columns cut; null equals nothing.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> show = vq.from_arrow(pa.table({"video": ["a"], "start": [0], "end": [9]}))
        >>> breaks = vq.from_arrow(pa.table({"video": ["a"], "start": [3], "end": [4]}))
        >>> show.minus(breaks).collect()["end_us"].to_pylist()
        [3000000, 9000000]
        """
        return self._cut(Minus, "minus()", other, predicate, axis, by)

    def intersect(
        self, other: Intervals, predicate: Any = None, *, axis: str = "time", by: Any = None
    ) -> Intervals:
        """Keep the parts of rows that ``other`` covers in the same video: what minus cuts out.

        A row falls into the longest parts that rows of ``other`` cover together; columns, scores
        and the other axes stay. Instants in ``other`` cover nothing; an instant stays where a span
        covers it. The arguments are those of :meth:`minus`; on x and y rows without a box are left
        out.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> shots = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [9]}))
        >>> faces = from_arrow(pa.table({"video": ["a"] * 2, "start": [1, 3], "end": [3, 4]}))
        >>> shots.intersect(faces).collect().to_pylist()  # what touches is one part
        [{'video': 'a', 'start_us': 1000000, 'end_us': 4000000}]
        """
        return self._cut(Intersect, "intersect()", other, predicate, axis, by)

    def _cut(
        self,
        kind: type[Minus | Intersect],
        what: str,
        other: Any,
        predicate: Any,
        axis: str,
        by: Any,
    ) -> Intervals:
        right: Relation = node_of(other, what)
        test: Predicate | None = None if predicate is None else as_predicate(predicate)
        names = column_names(by, f"{what.removesuffix('()')}(by=)")
        return self._made(kind(self._node, right, test, axis, names))

    def _partnered(
        self, other: Intervals, predicate: Any, what: str, *, negated: bool
    ) -> Intervals:
        right = node_of(other, what)
        return self._made(SemiJoin(self._node, right, as_predicate(predicate), negated))
