"""What collect, count, explain and sql do: plan, run, order, report."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from vquery.engine.arrays import in_usual_order
from vquery.engine.executor import Executor
from vquery.plan.explain import Outcome, explained
from vquery.plan.steps import keeps_own_order, plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from vquery.expr.relations import Relation

DROPPED = b"vquery.dropped"
"""Key in the metadata of a result's schema under which rows left out are counted, as JSON."""

logger = logging.getLogger("vquery")


def collect(
    relation: Relation, params: Mapping[str, Any] | None = None, *, ordered: bool = True
) -> pa.Table:
    """Run a query and return its rows."""
    step = plan(relation, params)
    with Executor(step) as executor:
        table = executor.run()
        if ordered and not keeps_own_order(step.node):
            table = in_usual_order(table)
        return _reported(table.replace_schema_metadata(None), executor.dropped())


def _reported(table: pa.Table, dropped: dict[str, int]) -> pa.Table:
    if not dropped:
        return table
    for reason, number in dropped.items():
        logger.warning("left out %s: %d", reason, number)
    return table.replace_schema_metadata({DROPPED: json.dumps(dropped).encode()})


def count(relation: Relation, params: Mapping[str, Any] | None = None) -> int:
    """Count the rows of a query, reading and making as little as possible."""
    with Executor(plan(relation, params, columns=())) as executor:
        return executor.count()


def explain(
    relation: Relation, params: Mapping[str, Any] | None = None, *, analyze: bool = False
) -> str:
    """Return the plan as text, with what really happened when ``analyze`` is set."""
    step = plan(relation, params)
    if not analyze:
        return explained(step)
    with Executor(step) as executor:
        executor.run()
        outcomes = {
            key: Outcome(actual.rows, actual.seconds, dict(actual.dropped))
            for key, actual in executor.actual.items()
        }
    return explained(step, outcomes)


def sql_text(relation: Relation, params: Mapping[str, Any] | None = None) -> str:
    """Return the SQL of the steps that are SQL, inputs first."""
    from vquery.plan.statements import statements

    return statements(plan(relation, params))
