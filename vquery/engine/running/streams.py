"""Rows of a query piece by piece, so that the result never has to fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.engine import joins
from vquery.engine.arrays import in_usual_order
from vquery.engine.merging import merged
from vquery.engine.running.batches import BATCH, cut, local_parts, run_plan
from vquery.engine.running.executor import Executor, all_steps
from vquery.engine.running.reading import Sources
from vquery.expr.pairs import Join
from vquery.expr.relations import Dilate, Filter, Mutate, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from vquery.engine.running.batches import Running
    from vquery.plan.steps import Step

ROW_BY_ROW = (Filter, Mutate, Project, Dilate)
"""Steps that make their rows of one row each, whichever others there are."""


def streamed(root: Step, running: Running, *, sort: bool) -> Iterator[pa.Table]:
    """Give the rows of a plan: sorted video by video, else in blocks of pairs where it can."""
    if root not in local_parts(root):
        yield run_plan(root, running, sort=sort)
        return
    sources = Sources(all_steps(root))
    for batch in cut(*sources.videos(), BATCH):
        with Executor(root, sources=sources, videos=batch.videos) as executor:
            if sort:
                yield in_usual_order(executor.run())
            else:
                yield from _blocks(executor, root)
            running.note(executor)


def _blocks(run: Executor, root: Step) -> Iterator[pa.Table]:
    """Rows in blocks of pairs, where the plan ends with a join and what looks at one row each."""
    above: list[Step] = []
    step = root
    while isinstance(step.node, ROW_BY_ROW):
        above.append(step)
        step = step.inputs[0]
    if not isinstance(step.node, Join) or step.node.how != "inner":
        yield run.run()
        return
    left, right = run.inputs(step)
    for left_rows, right_rows in joins.pair_blocks(run, step, left, right):
        table = merged(run, step, left, right, left_rows, right_rows)
        for each in reversed(above):
            table = run.applied(each, [table])
        yield table
