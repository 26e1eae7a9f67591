"""The SQL of a plan as text, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, group_scope
from vquery.expr.pairs import Join, pair_scope
from vquery.expr.partition import WindowFilter, Windows, partition_scope
from vquery.expr.partners import Nearest
from vquery.expr.relations import Filter, Mutate, scope_of
from vquery.plan.explain import title
from vquery.plan.needs import PairNode
from vquery.plan.sql import GROUP, Statement, quoted, udf_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vquery.expr.expression import Expression
    from vquery.expr.types import Scope
    from vquery.plan.steps import Step


def statements(root: Step) -> str:
    """Write the SQL of every step that computes expressions, inputs first.

    ``input`` is the step's input; columns are called ``.name``, in joins ``left.name`` and
    ``right.name``; one that differs from another by case alone has a ``'`` behind it. Bound values
    stand in a comment, as does what is computed before the statement runs.
    """
    texts = []
    for number, step in enumerate(_inputs_first(root), start=1):
        for expressions, scope in _computed(step):
            texts.append(_statement(f"{number} {title(step.node)}", expressions, scope))
    return "\n\n".join(texts) if texts else "-- no step of this query is SQL"


def _inputs_first(root: Step) -> Iterator[Step]:
    seen: set[int] = set()

    def visit(step: Step) -> Iterator[Step]:
        if id(step) not in seen:
            seen.add(id(step))
            for each in step.inputs:
                yield from visit(each)
            yield step

    yield from visit(root)


def _computed(step: Step) -> Iterator[tuple[Mapping[str, Expression], Scope]]:
    node = step.node
    if isinstance(node, Filter):
        yield {"keep": node.condition}, scope_of(node.input)
    elif isinstance(node, Mutate):
        yield dict(node.columns), scope_of(node.input)
    elif isinstance(node, (Coalesce, Aggregated)) and node.aggregates:
        yield dict(node.aggregates), group_scope(node.input, node.by)
    elif isinstance(node, Windows):
        yield dict(node.columns), partition_scope(node.input)
    elif isinstance(node, WindowFilter):
        yield {"keep": node.condition}, partition_scope(node.input)
    elif isinstance(node, GroupFilter):
        yield {"keep": node.condition}, group_scope(node.input, node.by)
    elif isinstance(node, PairNode):
        scope = pair_scope(node.left, node.right)
        if step.matching is not None and step.matching.rest is not None:
            yield {"keep": step.matching.rest}, scope
        if isinstance(node, (Join, Nearest)) and node.computed:
            yield node.computed, scope


def _statement(heading: str, expressions: Mapping[str, Expression], scope: Scope) -> str:
    statement = Statement(scope)
    chosen = ", ".join(
        f"{statement.text(each)} AS {quoted(name)}" for name, each in expressions.items()
    )
    given = [f"${place} = {value!r}" for place, value in enumerate(statement.values, 1)]
    given += [f"{quoted(udf_name(n))} = {each!r}" for n, each in enumerate(statement.udfs)]
    values = ", ".join(given)
    group = "" if scope.keys is None else f" GROUP BY {quoted(GROUP)}"
    bound = f"\n-- {values}" if values else ""
    return f"-- step {heading}\nSELECT {chosen} FROM {statement.source}{group};{bound}"
