"""Methods that say why a result is what it is, how good it is, and how to make it better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent
from vquery.errors import QueryError, SchemaError
from vquery.expr.expression import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from vquery.engine.trust.evaluation import Evaluation
    from vquery.engine.trust.lineage import Lineage
    from vquery.engine.trust.tuning import Tuning
    from vquery.engine.trust.why_not import WhyNot


class Trust(Fluent):
    """Methods that say why a result is what it is, how good it is, and how to make it better."""

    __slots__ = ()

    def lineage(self, row: Any, *, params: Mapping[str, Any] | None = None) -> Lineage:
        """Find the rows of the input tables that a row of the result comes from.

        Every member of a group belongs to the group's row, the partners to a pair, the witnesses to
        a row that ``semi_join`` kept, and what was cut out to the pieces of ``minus``. A row that
        ``anti_join`` kept has nothing on the right. Only the row's video is run, unless an
        operation looks across videos.

        Parameters
        ----------
        row
            Number of the row in :meth:`collect`, or the row itself as a dictionary or a table of
            one row; of equal rows the first.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> faces = from_arrow(
        ...     pa.table({"video": ["a"] * 3, "start": [0, 1, 5], "end": [1, 2, 6]}), name="faces"
        ... )
        >>> faces.coalesce().lineage(0).tables["faces"].num_rows
        2
        """
        from vquery.engine.trust.lineage import lineage

        return lineage(self._node, row, params)

    def why_not(self, interval: Any, *, params: Mapping[str, Any] | None = None) -> WhyNot:
        """Find the first step that dropped an interval, with the values that failed.

        Every step is looked at where it overlaps the interval. What another threshold would have
        kept comes first, else what stands first in the plan; the rest is listed in ``others``.

        Parameters
        ----------
        interval
            ``(video, start, end)`` in seconds, or a row of a table of labels; on the clock of the
            result, where `rekey` gives it another one than the sources have.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> from vquery.expr.placeholders import row
        >>> table = pa.table({"video": ["a"], "start": [0], "end": [1], "score": [0.62]})
        >>> faces = from_arrow(table, name="faces")
        >>> faces.filter(row.score > 0.7).why_not(("a", 0, 1))
        a 0:00.000 – 0:01.000 dropped by filter: score = 0.62, needed > 0.7
          a 0:00.000 – 0:01.000, score 0.62
        """
        from vquery.engine.trust.why_not import why_not

        return why_not(self._node, interval, params)

    def evaluate(
        self,
        labels: Any,
        *,
        tiou: Sequence[float] = (0.3, 0.5, 0.7),
        by: Any = (),
        videos: Iterable[Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Compare the result with labels: time, items, rank, boundaries, per video and in total.

        Parameters
        ----------
        labels
            True intervals: a relation, or a table that ``from_arrow`` takes.
        tiou
            Overlaps in time (shared over covered together) at which rows are matched one to one.
            Rows found are taken by ``score``, the highest first, each takes the free label that it
            overlaps most (as the ActivityNet evaluation does); without a score by overlap.
        by
            Columns that have to be equal for rows to match, such as the class; null equals null.
            ``ap`` is then the mean over the classes that have labels.
        videos
            Only these count. Without it all videos of both sides do: what is found in a video that
            nobody labelled is false.
        params
            Values for the ``param()`` literals of the query.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> found = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 8], "end": [4, 9]}))
        >>> found.evaluate(pa.table({"video": ["a"], "start": [0], "end": [5]}), tiou=[0.5])
                            precision  recall     F1     AP
        time                    0.800   0.800  0.800      –
        items, any overlap      0.500   1.000  0.667      –
        items, tIoU 0.5         0.500   1.000  0.667  0.500
        2 found, 1 true, in 1 videos
        starts off by 0 s, ends by 1 s (mean of 1 matched pairs)
        0 found in several pieces, 0 cover several, 0 missed, 1 false
        2 without a score rank last
        """
        from vquery.engine.trust.evaluation import evaluate, only, thresholds_of

        thresholds, given = thresholds_of(tiou), [by] if isinstance(by, (str, Column)) else by
        names = self._names(given, "evaluate(by=)")
        truth = labels_of(labels, "evaluate()")
        found = only(self._made(self._node).collect(params=params), videos)
        return evaluate(found, only(truth, videos), thresholds, names)

    def tune(
        self,
        labels: Any,
        *,
        metric: str = "time_f1",
        method: str = "random",
        budget: int = 60,
        by: Any = (),
        split: str | None = "video",
        holdout: float = 0.3,
        seed: int = 0,
        params: Iterable[str] | Mapping[str, Any] | None = None,
        videos: Iterable[Any] | None = None,
        progress: bool | Callable[[dict[str, Any]], None] | None = None,
    ) -> Tuning:
        """Search the settings of ``param(..., range=)`` for which the result fits labels best.

        Random search is always run beside, with the same budget: a method that does not beat it
        is not worth its trouble. What trials share is computed once. The result is the same for
        the same seed.

        Parameters
        ----------
        labels
            True intervals: a relation, or a table that ``from_arrow`` takes.
        metric
            What to improve, by its name in ``Evaluation.to_dict()``: ``time_f1``, ``item_recall``,
            ``f1@0.5``, ``ap@0.5`` and so on, or to make small ``start_error`` or ``end_error``.
        method
            ``"grid"``, ``"random"``, ``"coordinate"``, ``"halving"``, ``"asha"`` or
            ``"hyperband"``. The last three try many settings on few videos and the best of them
            on more.
        budget
            Runs on all videos; a run on a third of them counts as a third. The settings as written
            are tried beside it.
        by
            Columns that have to be equal for rows to match, as in :meth:`evaluate`.
        split
            ``"video"`` holds videos out to check the result on; None tunes on all of them.
        holdout
            Share of the videos that are held out.
        seed
            Of the split and of what is drawn.
        params
            Names of the parameters to search, or ranges by name; all that have a range by default.
        videos
            The videos that somebody labelled; by default those that have labels.
        progress
            Show progress; by default on a terminal only. A function is called with each trial.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> from vquery.expr.placeholders import param, row
        >>> video = ["a", "a", "b", "b"]
        >>> given = {"video": video, "start": [0, 2, 0, 5], "end": [1, 3, 1, 6]}
        >>> faces = from_arrow(pa.table(given | {"score": [0.9, 0.2, 0.8, 0.4]}))
        >>> labels = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [1, 1]})
        >>> query = faces.filter(row.score > param("least", 0.0, range=(0.0, 1.0)))
        >>> found = query.tune(labels, method="grid", budget=5, split=None)
        >>> found.params, found.best.score, found.default.score
        ({'least': 0.5}, 1.0, 0.6666666666666666)
        """
        from vquery.engine.trust.search import METHODS
        from vquery.engine.trust.tuning import Goal, tune

        _require(method in METHODS, f"method= must be one of {', '.join(METHODS)}", method)
        whole = isinstance(budget, int) and not isinstance(budget, bool)
        _require(whole and budget >= 1, "budget= must be a whole number of at least 1", budget)
        _require(split in ("video", None), "split= must be 'video' or None", split)
        _require(0 <= holdout < 1, "holdout= must be a share of at least 0 and below 1", holdout)
        given = [by] if isinstance(by, (str, Column)) else by
        names = tuple(self._names(given, "tune(by=)"))
        goal = Goal(labels_of(labels, "tune()"), metric, names)
        chosen = goal.truth["video"].unique().to_pylist() if videos is None else list(videos)
        _require(bool(chosen), "there must be labels, or videos= that were labelled", chosen)
        return tune(
            self._made(self._node),
            goal,
            method=method,
            budget=budget,
            videos=chosen,
            holdout=holdout if split else 0,
            seed=seed,
            params=params,
            progress=progress,
        )


def _require(fits: bool, what: str, given: Any) -> None:  # noqa: FBT001
    if not fits:
        raise QueryError(f"tune(): {what}, got {given!r}")


def labels_of(given: Any, what: str) -> pa.Table:
    """Take labels given as a relation or as a table."""
    from vquery.engine.sources import from_arrow

    if isinstance(given, Fluent):
        return given._made(given.node).collect()
    try:
        return from_arrow(given, name="labels").collect()
    except SchemaError as error:
        raise QueryError(f"{what} takes labels as a relation or a table: {error}") from error
