"""Methods that bring two relations together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent, node_of
from vquery.errors import QueryError
from vquery.expr.merge import MergeOp, as_merge_op, span
from vquery.expr.pairs import Join, Minus, SemiJoin, score_rule
from vquery.expr.predicates import Predicate, as_predicate

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.intervals import Intervals


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
            ``right``.
        suffix
            Added to a right column whose name the left side has too.
        score
            Score of the result, nulls left out: ``"min"``, ``"product"``, ``"left"``,
            ``"right"`` or a function of the two scores.
        cross
            Whether a join without a predicate (every pair of a video) is meant.

        Returns
        -------
        Intervals
            video, merged time and box, left columns, right columns without video, time and box.
        """
        right = node_of(other, "join()")
        if (predicate is None) is not cross:
            raise QueryError(
                "join() needs predicate=, such as time_overlaps; for every pair of rows of a video"
                " write cross=True and no predicate"
            )
        test = None if predicate is None else as_predicate(predicate)
        merge, rule = as_merge_op(merge_op), score_rule(self._node, right, score)
        return self._made(Join(self._node, right, test, merge, suffix, rule))

    def semi_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have at least one partner in ``other``, each once."""
        return self._partnered(other, predicate, "semi_join()", negated=False)

    def anti_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have no partner in ``other``."""
        return self._partnered(other, predicate, "anti_join()", negated=True)

    def minus(self, other: Intervals, predicate: Any = None) -> Intervals:
        """Cut out the time that ``other`` covers in the same video; columns and boxes stay.

        With a predicate only those rows cut for which it holds. What only touches cuts nothing,
        instants in ``other`` cut nothing, and an instant disappears where a span covers it.
        """
        test: Predicate | None = None if predicate is None else as_predicate(predicate)
        return self._made(Minus(self._node, node_of(other, "minus()"), test))

    def _partnered(
        self, other: Intervals, predicate: Any, what: str, *, negated: bool
    ) -> Intervals:
        right = node_of(other, what)
        return self._made(SemiJoin(self._node, right, as_predicate(predicate), negated))
