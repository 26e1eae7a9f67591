"""Rough row counts for EXPLAIN. Nothing is decided by them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vquery.expr.amounts import shown_number
from vquery.expr.expression import Call, Expression, IsIn, Literal
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match
from vquery.expr.pairs import Join, Minus, SemiJoin
from vquery.expr.partners import CollectBy
from vquery.expr.phrases import Phrases
from vquery.expr.rekeying import Concat
from vquery.expr.relations import Distinct, Filter, Limit, Sample, Scan, Union
from vquery.expr.sequences import Sequence
from vquery.expr.spans import Complement
from vquery.plan.matching import matching_of

if TYPE_CHECKING:
    from vquery.expr.relations import Relation

EQUALITY = 0.1
RANGE = 1 / 3
KEPT = {
    SemiJoin: 0.5,
    CollectBy: 0.5,
    GroupFilter: 0.3,
    Coalesce: 0.3,
    Aggregated: 0.3,
    Match: 0.1,
    Sequence: 0.1,
    Phrases: 0.01,
    Distinct: 0.9,
}
"""Shares of the input that are assumed to remain."""


def estimated_rows(node: Relation, inputs: list[float]) -> float:
    """Rows that a step is expected to give, from those of its inputs."""
    if isinstance(node, Scan):
        return float(getattr(node.source, "num_rows", 0) or 0)
    if isinstance(node, Filter):
        return inputs[0] * selectivity(node.condition)
    if isinstance(node, Join):
        return _joined(node, inputs)
    if isinstance(node, (Union, Concat)):
        return sum(inputs)
    if isinstance(node, Sample):
        share = shown_number(node.fraction)
        return inputs[0] * share if node.count is None else min(inputs[0], shown_number(node.count))
    if isinstance(node, Complement):
        return inputs[0] + inputs[1]
    if isinstance(node, Limit) and isinstance(node.count, Literal):
        return min(inputs[0], float(node.count.value))
    if isinstance(node, Minus):
        return inputs[0]
    return inputs[0] * KEPT.get(type(node), 1.0)


def _joined(node: Join, inputs: list[float]) -> float:
    matching = matching_of(node.predicate, node.left, node.right)
    share = 1.0 if matching.rest is None else RANGE
    if matching.time is not None or matching.keys:
        return max(inputs) * share
    return inputs[0] * inputs[1] * share


def selectivity(condition: Expression) -> float:
    """Share of rows that a condition is expected to keep.

    >>> from vquery.expr.placeholders import row
    >>> round(selectivity((row.name == "Bernie") | (row.score > 0.5)), 2)
    0.4
    """
    if isinstance(condition, IsIn):
        return min(1.0, EQUALITY * len(condition.values))
    if not isinstance(condition, Call):
        return 1.0
    parts = [selectivity(each) for each in condition.arguments]
    if condition.operation == "and":
        return math.prod(parts)
    if condition.operation == "or":
        return 1 - math.prod(1 - part for part in parts)
    if condition.operation == "not":
        return 1 - parts[0]
    return {"==": EQUALITY, "is_null": EQUALITY, "!=": 1 - EQUALITY}.get(condition.operation, RANGE)
