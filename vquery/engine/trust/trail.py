"""A traced run of a query: what each step gave, and from which rows of its inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import usual_order
from vquery.engine.running.executor import Executor
from vquery.errors import QueryError
from vquery.expr.node import transform, walk
from vquery.expr.relations import Relation, Scan
from vquery.expr.types import Kind, kind_of
from vquery.plan.explain import title
from vquery.plan.steps import keeps_own_order, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from vquery.expr.node import Node
    from vquery.expr.source import TableSource
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

NONE: Rows = np.zeros(0, np.int64)


class Trail:
    """A query that has been run with a trace; use it in a ``with`` statement.

    With ``video`` only the rows of that video are run, where no operation of the query looks
    across videos; otherwise all of them.
    """

    def __init__(
        self, relation: Relation, params: Mapping[str, Any] | None = None, video: Any = None
    ) -> None:
        self.narrowed = video is not None and is_local(relation)
        self._video = video
        self.root = whole(
            plan(only_videos(relation, [video]) if self.narrowed else relation, params)
        )
        self.run = Executor(self.root, traced=True)

    def __enter__(self) -> Trail:
        try:
            self.run.run()
        except BaseException:
            self.run.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.run.__exit__(*exception)

    def table(self, step: Step) -> pa.Table:
        """Rows that a step gave."""
        return self.run.result(step)

    def in_order(self) -> Rows:
        """Row numbers of the result in the order in which ``collect()`` gives them."""
        table = self.table(self.root)
        order = None if keeps_own_order(self.root.node) else usual_order(table)
        rows = np.arange(table.num_rows) if order is None else order
        if not self.narrowed:
            return rows
        # an operation on what is known of videos gives rows of the others too
        same = pc.equal(table["video"], pa.scalar(self._video, table["video"].type))
        kept: Rows = rows[same.take(pa.array(rows)).to_numpy()]
        return kept

    def origins(self, step: Step, place: int, outputs: Rows) -> Rows:
        """Rows of the input number ``place`` that contributed to some rows of a step."""
        origin = self.run.origins.get((id(step), place))
        if origin is not None:
            chosen = _among(origin.outputs, outputs, self.table(step).num_rows)
            return _distinct(origin.rows[chosen], self.table(step.inputs[place]).num_rows)
        return outputs if self._one_for_one(step, place) else NONE

    def outcomes(self, step: Step, place: int, rows: Rows) -> tuple[Rows, Rows]:
        """Pairs (row of an input, row of the step) for the given input rows."""
        origin = self.run.origins.get((id(step), place))
        if origin is not None:
            chosen = _among(origin.rows, rows, self.table(step.inputs[place]).num_rows)
            return origin.rows[chosen].astype(np.int64), origin.outputs[chosen].astype(np.int64)
        return (rows, rows) if self._one_for_one(step, place) else (NONE, NONE)

    def contributions(self, outputs: Rows) -> dict[int, Rows]:
        """Rows of every step that contributed to some rows of the result, by the step's id."""
        found: dict[int, Rows] = {id(self.root): outputs}
        for step in parents_first(self.root):
            for place, each in enumerate(step.inputs):
                rows = self.origins(step, place, found[id(step)])
                known = found.get(id(each))
                both = rows if known is None else np.concatenate((known, rows))
                found[id(each)] = _distinct(both, self.table(each).num_rows)
        return found

    def _one_for_one(self, step: Step, place: int) -> bool:
        """Whether an input of which a step tells nothing became its rows; else it had no part."""
        same = self.table(step.inputs[place]).num_rows == self.table(step).num_rows
        if place == 0 and same:
            return True
        told = any((id(step), each) in self.run.origins for each in range(len(step.inputs)))
        if not told:
            raise QueryError(
                f"{title(step.node)} does not tell which rows its rows come from: ask for the"
                " lineage of a relation below it"
            )
        return False


def _among(given: npt.NDArray[Any], wanted: Rows, size: int) -> npt.NDArray[np.bool_]:
    """Which of some row numbers below ``size`` are among those that are wanted."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[wanted] = True
    found: npt.NDArray[np.bool_] = mask[given]
    return found


def _distinct(rows: npt.NDArray[Any], size: int) -> Rows:
    """Sort row numbers below ``size``, each once; marking them is faster than sorting them."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    found: Rows = np.flatnonzero(mask)
    return found


def is_local(relation: Relation) -> bool:
    """Whether the rows of a video depend on the rows of that video alone, in the whole query."""
    return all(node.local for node in walk(relation) if isinstance(node, Relation))


class SomeVideos:
    """The rows of some videos of a source; what else the source tells is passed on."""

    def __init__(self, source: TableSource, videos: Sequence[Any]) -> None:
        self._source = source
        self._videos = videos
        self.name = source.name
        self.schema = source.schema
        self.extents = getattr(source, "extents", None)
        self.collection = getattr(source, "collection", None)

    def read(self, columns: list[str] | None) -> pa.Table:
        """Return the rows with these columns."""
        wanted = self._wanted()
        names = self.schema.names if columns is None else columns
        some = getattr(self._source, "read_videos", None)
        if some is not None:
            return some(names, wanted)
        table = self._source.read(list(dict.fromkeys(["video", *names])))
        kept = pc.is_in(table["video"].cast(wanted.type), value_set=wanted)
        return table.filter(kept).select(names)

    def _wanted(self) -> pa.Array:
        given = self.schema.field("video").type
        kind = kind_of(given)
        for video in self._videos:
            if (kind is Kind.STRING) is not isinstance(video, str):
                raise QueryError(f"video is {kind} in {self.name}, and can never be {video!r}")
        return pa.array(self._videos, pa.string() if kind is Kind.STRING else given)


def only_videos(relation: Relation, videos: Sequence[Any]) -> Relation:
    """Return the query over the rows of some videos."""
    made: dict[int, SomeVideos] = {}

    def change(node: Node) -> Node:
        if isinstance(node, Scan):
            return Scan(made.setdefault(id(node.source), SomeVideos(node.source, videos)))
        return node

    return transform(relation, change)


def whole(root: Step) -> Step:
    """Return the plan with all columns at every step, so that people can look at the rows."""
    made: dict[int, Step] = {}
    for step in reversed(parents_first(root)):
        inputs = tuple(made[id(each)] for each in step.inputs)
        made[id(step)] = replace(step, inputs=inputs, columns=tuple(step.node.schema.names))
    return made[id(root)]


def parents_first(root: Step) -> list[Step]:
    """List the steps of a plan, each before its inputs."""
    finished: list[Step] = []
    seen: set[int] = set()
    pending = [(root, False)]
    while pending:
        step, opened = pending.pop()
        if opened:
            finished.append(step)
        elif id(step) not in seen:
            seen.add(id(step))
            pending.append((step, True))
            pending.extend((each, False) for each in reversed(step.inputs))
    return finished[::-1]
