"""EXPLAIN: the steps of a plan as an indented text."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery.expr.derived import resolve
from vquery.expr.expression import Call, Column, Literal
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter
from vquery.expr.pairs import Join, Minus, SemiJoin
from vquery.expr.partition import WindowFilter, Windows
from vquery.expr.relations import (
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Scan,
    Sort,
    Union,
    scope_of,
)
from vquery.expr.types import Kind
from vquery.plan.explain_pairs import PAIR_DETAILS
from vquery.plan.explain_patterns import PATTERN_DETAILS, PATTERN_TITLES
from vquery.plan.explain_spans import SPAN_DETAILS, SPAN_TITLES, coalesced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vquery.expr.expression import Expression
    from vquery.expr.types import Scope
    from vquery.plan.steps import Step

SQL = "DuckDB SQL"
ARRAYS = "arrays"
AS_ARRAYS = frozenset(
    ("and or not is_null == != < <= > >= + - * / abs negate greatest least").split()
)
"""Operations on numbers and truth values that conditions of filters compute without DuckDB."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step really did; ``details`` says what else is known."""

    rows: int
    seconds: float
    dropped: Mapping[str, int]
    details: str = ""


def explained(root: Step, outcomes: Mapping[int, Outcome] | None = None) -> str:
    """Text of a plan: the last step first, its inputs indented below it."""
    return "\n".join(_lines(root, outcomes or {}, "", "", {}))


def _lines(
    step: Step,
    outcomes: Mapping[int, Outcome],
    first: str,
    rest: str,
    numbers: dict[int, int],
) -> Iterator[str]:
    if id(step) in numbers:
        yield f"{first}{title(step.node)} (same as step {numbers[id(step)]})"
        return
    numbers[id(step)] = len(numbers) + 1
    yield f"{first}{numbers[id(step)]} {described(step)}  {_rows(step, outcomes)}"
    for place, each in enumerate(step.inputs):
        last = place == len(step.inputs) - 1
        branch, bar = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _lines(each, outcomes, rest + branch, rest + bar, numbers)


def _rows(step: Step, outcomes: Mapping[int, Outcome]) -> str:
    estimated = f"~{step.rows:,.0f} rows"
    outcome = outcomes.get(id(step))
    if outcome is None:
        return f"({estimated})"
    dropped = "".join(f", left out {why}: {each:,}" for why, each in outcome.dropped.items())
    seconds = f"{outcome.seconds * 1000:.1f} ms"
    return f"({estimated}; actual {outcome.rows:,} rows, {seconds}{outcome.details}{dropped})"


def described(step: Step) -> str:
    """One line for a step: what it does and by which strategy."""
    details = DETAILS.get(type(step.node), _settings)(step)
    return f"{title(step.node)}: {details}"


def title(node: Relation) -> str:
    """Name of an operation."""
    if isinstance(node, Scan):
        return f"scan {node.name}"
    if isinstance(node, SemiJoin):
        return "anti_join" if node.negated else "semi_join"
    return TITLES.get(type(node)) or _snake_case(type(node).__name__)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _settings(step: Step) -> str:
    """Show the settings of a kind of node that has no text of its own."""
    fields = [each for each in dataclasses.fields(step.node) if each.init]  # type: ignore[arg-type]
    values = {each.name: getattr(step.node, each.name) for each in fields}
    shown = [
        f"{name}={value!r}" for name, value in values.items() if not isinstance(value, Relation)
    ]
    found = [str(step.matching)] if step.matching is not None else [ARRAYS]
    return ", ".join([*found, *shown])


TITLES: Mapping[type[Relation], str] = {
    Filter: "filter",
    Mutate: "mutate",
    Project: "select",
    Sort: "sort",
    Limit: "limit",
    Distinct: "distinct",
    Union: "union",
    **SPAN_TITLES,
    Join: "join",
    Minus: "minus",
    Coalesce: "coalesce",
    Aggregated: "group_by().agg",
    GroupFilter: "group_by().filter",
    **PATTERN_TITLES,
    Windows: "partition_by().mutate",
    WindowFilter: "partition_by().filter",
}


def _scan(step: Step) -> str:
    return ", ".join(step.columns)


def _filter(step: Step) -> str:
    node: Filter = step.node  # type: ignore[assignment]
    scope = scope_of(node.input)
    simple = in_arrays(resolve(node.condition, scope), scope)
    return f"{ARRAYS if simple else SQL}, {node.condition!r}"


def in_arrays(expression: Expression, scope: Scope) -> bool:
    """Whether a condition is computed as arrays; DuckDB steps in for NaN and for huge numbers.

    >>> import pyarrow as pa
    >>> from vquery.expr.placeholders import row
    >>> from vquery.expr.types import one_row
    >>> scope = one_row(pa.schema([("n", pa.int64()), ("s", pa.string())]), "t", None)
    >>> [in_arrays(each, scope) for each in (row.n + 1 > 2, row.s == "a", row.s.lower() == "a")]
    [True, True, False]
    """
    if isinstance(expression, Literal):
        return isinstance(expression.value, (bool, int, float))
    if isinstance(expression, Column):
        return expression.type(scope).kind in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN)
    if not isinstance(expression, Call):
        return False
    if expression.operation in ("==", "!="):
        kinds = {type(each) for each in expression.arguments}
        written = [each.value for each in expression.arguments if isinstance(each, Literal)]
        if kinds == {Column, Literal} and isinstance(written[0], str):
            return True
    inside = all(in_arrays(each, scope) for each in expression.arguments)
    return inside and expression.operation in AS_ARRAYS


def _mutate(step: Step) -> str:
    node: Mutate = step.node  # type: ignore[assignment]
    return f"{SQL}, " + ", ".join(f"{name} = {each!r}" for name, each in node.columns)


def _project(step: Step) -> str:
    node: Project = step.node  # type: ignore[assignment]
    renamed = [f"{old} as {new}" for new, old in node.columns if new != old]
    return ", ".join([*step.columns, *renamed])


def _sort(step: Step) -> str:
    node: Sort = step.node  # type: ignore[assignment]
    keys = [f"{key.value!r}{' descending' if key.descending else ''}" for key in node.keys]
    return f"{SQL}, {', '.join(keys)}"


def _limit(step: Step) -> str:
    node: Limit = step.node  # type: ignore[assignment]
    return f"{node.count!r}" + (f" after {node.offset}" if node.offset else "")


def _distinct(step: Step) -> str:
    node: Distinct = step.node  # type: ignore[assignment]
    return f"{SQL}, by {', '.join(node.on) or 'all columns'}"


def _coalesce(step: Step) -> str:
    node: Coalesce = step.node  # type: ignore[assignment]
    return f"{coalesced(node)}{_aggregates(node)}"


def _aggregated(step: Step) -> str:
    node: Aggregated = step.node  # type: ignore[assignment]
    return f"by {', '.join(('video', *node.by))}{_aggregates(node)}"


def _aggregates(node: Coalesce | Aggregated) -> str:
    made = ", ".join(f"{name} = {each!r}" for name, each in node.aggregates)
    return f"; {SQL}, {made}" if made else ""


def _group_filter(step: Step) -> str:
    node: GroupFilter = step.node  # type: ignore[assignment]
    return f"{SQL}, by {', '.join(('video', *node.by))}: {node.condition!r}"


def _windows(step: Step) -> str:
    node: Windows = step.node  # type: ignore[assignment]
    made = ", ".join(f"{name} = {each!r}" for name, each in node.columns)
    return f"{SQL} windows, {_partition(node)}: {made}"


def _window_filter(step: Step) -> str:
    node: WindowFilter = step.node  # type: ignore[assignment]
    return f"{SQL} windows, {_partition(node)}: {node.condition!r}"


def _partition(node: Windows | WindowFilter) -> str:
    keys = [f"{key.value!r}{' descending' if key.descending else ''}" for key in node.order]
    order = f", in the order of {', '.join(keys)}" if keys else ""
    return f"by {', '.join(('video', *node.by))}{order}"


DETAILS: Mapping[type[Relation], Callable[[Step], str]] = {
    Scan: _scan,
    Filter: _filter,
    Mutate: _mutate,
    Project: _project,
    Sort: _sort,
    Limit: _limit,
    Distinct: _distinct,
    Union: lambda step: f"{ARRAYS}, {len(step.inputs)} relations",
    **SPAN_DETAILS,
    **PAIR_DETAILS,
    Coalesce: _coalesce,
    Aggregated: _aggregated,
    GroupFilter: _group_filter,
    Windows: _windows,
    WindowFilter: _window_filter,
    **PATTERN_DETAILS,
}
