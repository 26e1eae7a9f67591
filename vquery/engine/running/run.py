"""What collect, count, explain and sql do: plan, run, order, report."""

from __future__ import annotations

import json
import logging
import operator
from typing import TYPE_CHECKING, Any

from vquery.engine.running.batches import Running, empty, run_plan
from vquery.engine.running.executor import Executor
from vquery.engine.running.progress import shown
from vquery.engine.running.settings import USUAL, Settings
from vquery.engine.running.streams import streamed
from vquery.plan.explain import Outcome, explained
from vquery.plan.needs import order_columns
from vquery.plan.steps import keeps_own_order, plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

FAILED = b"vquery.failed"
"""Key under which videos that were left out are listed with their errors, as JSON."""

DROPPED = b"vquery.dropped"
"""Key in the metadata of a result's schema under which rows left out are counted, as JSON."""

logger = logging.getLogger("vquery")


def collect(
    relation: Relation,
    params: Mapping[str, Any] | None = None,
    *,
    ordered: bool = True,
    columns: Sequence[str] | None = None,
    settings: Settings = USUAL,
) -> pa.Table:
    """Run a query and return its rows."""
    sort = ordered and not keeps_own_order(relation)
    bare = settings.cache is False  # what is kept is found again by its videos
    step = _planned(relation, params, columns, sort=sort, bare=bare)
    running = settings.running(step)
    with shown(running, wanted=settings.progress):
        table = run_plan(step, running, sort=sort)
    if columns is not None:
        table = table.select(columns)
    return _reported(table.replace_schema_metadata(None), running)


def _planned(
    relation: Relation,
    params: Mapping[str, Any] | None,
    columns: Sequence[str] | None,
    *,
    sort: bool,
    bare: bool = True,
) -> Step:
    if columns is None:
        return plan(relation, params)
    if sort:
        return plan(relation, params, {*columns, *order_columns(relation)})
    return plan(relation, params, columns, bare=bare)


def _reported(table: pa.Table, running: Running) -> pa.Table:
    """Say in the log and in the metadata of the schema what is not in the table."""
    metadata = {}
    dropped = running.dropped()
    for reason, number in dropped.items():
        logger.warning("left out %s: %d", reason, number)
    if dropped:
        metadata[DROPPED] = json.dumps(dropped).encode()
    failed = [
        {"video": video, "error": f"{type(error).__name__}: {error}"}
        for video, error in sorted(running.failed, key=operator.itemgetter(0))
    ]
    for each in failed:
        logger.warning("left out video %(video)r: %(error)s", each)
    if failed:
        logger.warning("left out videos that failed: %d", len(failed))
        metadata[FAILED] = json.dumps(failed, ensure_ascii=False).encode()
    return table.replace_schema_metadata(metadata or None)


def batches(
    relation: Relation,
    params: Mapping[str, Any] | None = None,
    *,
    rows: int,
    ordered: bool,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Run a query and give its rows piece by piece."""
    sort = ordered and not keeps_own_order(relation)
    step = _planned(relation, params, columns, sort=sort)
    wanted = list(step.columns if columns is None else columns)
    return _pieces(step, wanted, rows, sort=sort)


def _pieces(step: Step, wanted: list[str], rows: int, *, sort: bool) -> Iterator[pa.RecordBatch]:
    running = Running()
    for table in streamed(step, running, sort=sort):
        parts = table.select(wanted).replace_schema_metadata(None).to_batches(rows)
        yield from (part for part in parts if part.num_rows)
    _reported(empty(step), running)


def count(relation: Relation, params: Mapping[str, Any] | None = None) -> int:
    """Count the rows of a query, reading and making as little as possible."""
    with Executor(plan(relation, params, columns=())) as executor:
        return executor.count()


def explain(
    relation: Relation,
    params: Mapping[str, Any] | None = None,
    *,
    analyze: bool = False,
    settings: Settings = USUAL,
) -> str:
    """Return the plan as text, with what really happened when ``analyze`` is set."""
    step = plan(relation, params)
    if not analyze:
        return explained(step)
    running = settings.running(step)
    run_plan(step, running)
    outcomes = {
        key: Outcome(actual.rows, actual.seconds, dict(actual.dropped), actual.details())
        for key, actual in running.actual.items()
    }
    return explained(step, outcomes)


def sql_text(relation: Relation, params: Mapping[str, Any] | None = None) -> str:
    """Return the SQL of the steps that are SQL, inputs first."""
    from vquery.plan.statements import statements

    return statements(plan(relation, params))
