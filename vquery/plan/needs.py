"""Columns that each kind of node takes from its inputs: what is not needed is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.derived import columns_of
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match, group_scope, run_scope
from vquery.expr.node import children, walk
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin, pair_scope
from vquery.expr.partition import WindowFilter, Windows, partition_scope
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.phrases import TEXT, Phrases
from vquery.expr.predicates import LEFT, RIGHT, UdfResult
from vquery.expr.rekeying import ORIGIN, Concat, Rekey, RekeyBack
from vquery.expr.relations import (
    Dilate,
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Sample,
    Scan,
    Sort,
    Union,
    scope_of,
)
from vquery.expr.sequences import Sequence
from vquery.expr.spans import Clip, Complement, Shift, SlidingWindows, Split, SplitAt
from vquery.expr.time import AXES
from vquery.expr.types import Scope, has_box
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vquery.expr.expression import Expression

Needs = list[tuple[Relation, set[str]]]
PairNode = Join | SemiJoin | Minus | Intersect | Nearest | CountOverlaps | CollectBy


def needs(node: Relation, out: set[str]) -> Needs:
    """Columns that a node takes from each input to give back the columns ``out``.

    A kind of node without a rule of its own takes all columns of its inputs.
    """
    rule = RULES.get(type(node))
    if rule is None:
        return [(each, set(each.schema.names)) for each in inputs_of(node)]
    return rule(node, out)


def inputs_of(node: Relation) -> list[Relation]:
    """Relations that a node reads."""
    return [child for child in children(node) if isinstance(child, Relation)]


def _filter(node: Filter, out: set[str]) -> Needs:
    return [(node.input, out | reads([node.condition], scope_of(node.input)))]


def _mutate(node: Mutate, out: set[str]) -> Needs:
    made = dict(node.columns)
    out = out | bounds_made(node)
    used = [made[name] for name in made if name in out]
    return [(node.input, (out - set(made)) | reads(used, scope_of(node.input)))]


def _project(node: Project, out: set[str]) -> Needs:
    return [(node.input, {old for new, old in node.columns if new in out})]


def _sort(node: Sort, out: set[str]) -> Needs:
    keys = reads([key.value for key in node.keys], scope_of(node.input))
    return [(node.input, out | keys | order_columns(node.input))]


def _limit(node: Limit, out: set[str]) -> Needs:
    return [(node.input, out | order_columns(node.input))]


def _distinct(node: Distinct, out: set[str]) -> Needs:
    on = set(node.on or node.input.schema.names)
    return [(node.input, out | on | order_columns(node.input))]


def _union(node: Union, out: set[str]) -> Needs:
    return [(each, out & set(each.schema.names)) for each in node.inputs]


def _moved(node: Dilate | Shift | Clip, out: set[str]) -> Needs:
    ends = set() if node.axis == "time" else set(AXES[node.axis])
    extents = None if isinstance(node, Shift) else node.extents
    return [(node.input, out | ends), *([] if extents is None else [(extents, set(KEYS))])]


def _rekey(node: Rekey, out: set[str]) -> Needs:
    read = reads([node.key, node.shift], scope_of(node.input))
    return [(node.input, (out - set(ORIGIN)) | read)]


def _group_filter(node: GroupFilter, out: set[str]) -> Needs:
    scope = group_scope(node.input, node.by)
    return [(node.input, out | set(node.by) | reads([node.condition], scope))]


def _one_row_each(node: Aggregated | Coalesce, out: set[str]) -> Needs:
    made = dict(node.aggregates)
    used = [expression for name, expression in node.aggregates if name in out]
    kept = {name for name in out - set(made) if name in node.input.schema.names}
    read = reads(used, group_scope(node.input, node.by))
    if isinstance(node, Coalesce) and node.where is not None:
        read |= reads([node.where.lower()], run_scope(node.input))
    return [(node.input, kept | set(node.by) | read | order_columns(node.input))]


def _match(node: Match, out: set[str]) -> Needs:
    child = node.input
    names = set(child.schema.names)
    scope = Scope(dict.fromkeys(node.pattern.variables, child.schema), {})
    read = reads(node.pattern.conditions, scope)
    for variable in node.pattern.variables:
        prefix = f"{variable}_"
        read |= {name.removeprefix(prefix) for name in out if name.startswith(prefix)} & names
    return [(child, (out & names) | set(node.by) | read | order_columns(child))]


def _windows(node: Windows, out: set[str]) -> Needs:
    made = dict(node.columns)
    kept = {name for name in out - set(made) if name in node.input.schema.names}
    return [(node.input, kept | _partition(node, [made[name] for name in made if name in out]))]


def _window_filter(node: WindowFilter, out: set[str]) -> Needs:
    return [(node.input, out | _partition(node, [node.condition]))]


def _partition(node: Windows | WindowFilter, used: list[Expression]) -> set[str]:
    read = reads(used, partition_scope(node.input))
    keys = reads([key.value for key in node.order], scope_of(node.input))
    return {*node.by, *read, *keys, *order_columns(node.input)}


def _sequence(node: Sequence, out: set[str]) -> Needs:
    conditions = [condition for _, condition in node.symbols]
    read = reads(conditions, scope_of(node.input)) | set(node.by) | order_columns(node.input)
    return [(node.input, (out & set(node.input.schema.names)) | read)]


def _phrases(node: Phrases, out: set[str]) -> Needs:
    kept = (out - {TEXT}) & set(node.input.schema.names)
    return [(node.input, kept | {node.on} | order_columns(node.input))]


def _left_and_right(node: SemiJoin | CountOverlaps | CollectBy, out: set[str]) -> Needs:
    left, right = pair_reads(node)
    kept = out & set(node.left.schema.names)
    return [(node.left, kept | left), (node.right, right)]


def _covered(node: Minus | Intersect, out: set[str]) -> Needs:
    left, right = pair_reads(node)
    both = {*node.by, *AXES[node.axis]}
    return [(node.left, out | left | both), (node.right, right | both)]


def _coverage(node: Coverage, out: set[str]) -> Needs:
    by = set(node.by)
    return [(node.left, (out & set(node.left.schema.names)) | by), (node.right, by)]


def _collect_by(node: CollectBy, out: set[str]) -> Needs:
    (left, kept), (right, read) = _left_and_right(node, out)
    if node.column in out:
        read |= {each.name for each in node.fields}
    return [(left, kept), (right, read | order_columns(node.right))]


def _nearest(node: Nearest, out: set[str]) -> Needs:
    (left, kept), (right, read) = _join(node, out)
    by = set(node.by)
    return [(left, kept | by), (right, read | by | order_columns(node.right))]


def _join(node: Join | Nearest, out: set[str]) -> Needs:
    left, right = pair_reads(node)
    reads = {LEFT: left, RIGHT: right}
    scope = pair_scope(node.left, node.right)
    for output in node.outputs:
        if output.field.name not in out:
            continue
        if output.side is not None:
            reads[output.side].add(output.source)
        elif output.source in node.computed:
            for name, side in _columns(node.computed[output.source], scope):
                reads[side].add(name)  # type: ignore[index]
            if node.how == LEFT:  # what a left row without a partner keeps
                reads[LEFT].add(output.source)
    box = set(BOX)
    uses_box = out & box or {"x", "y"} & set(node.merge.intersected)
    for side, schema in ((LEFT, node.left.schema), (RIGHT, node.right.schema)):
        if uses_box and has_box(schema):
            reads[side] |= box
    return [(node.left, reads[LEFT]), (node.right, reads[RIGHT])]


def pair_reads(node: PairNode) -> tuple[set[str], set[str]]:
    """Columns that a predicate reads from the left and from the right side."""
    reads: dict[str | None, set[str]] = {LEFT: set(), RIGHT: set()}
    if node.predicate is not None:
        scope = pair_scope(node.left, node.right)
        for name, side in _columns(node.predicate.lower(), scope):
            reads[side].add(name)
    return reads[LEFT], reads[RIGHT]


def reads(expressions: Iterable[Expression], scope: Scope) -> set[str]:
    """Return the stored columns that expressions read."""
    return {name for each in expressions for name, _ in _columns(each, scope)}


def _columns(expression: Expression, scope: Scope) -> list[tuple[str, str | None]]:
    found = [(column.name, column.side) for column in columns_of(expression, scope)]
    for node in walk(expression):
        if isinstance(node, UdfResult):
            for used in node.columns():
                found += [(column.name, column.side) for column in columns_of(used, scope)]
    return found


def order_columns(relation: Relation) -> set[str]:
    """Columns that the usual order looks at."""
    return {*KEYS, *(BOX if has_box(relation.schema) else ())}


def bounds_made(node: Mutate) -> set[str]:
    """Columns that have to be checked, because the step computes times or boxes."""
    touched = {name for name, _ in node.columns} & {*KEYS, *BOX}
    return order_columns(node) if touched else set()


RULES: Mapping[type[Relation], Callable[..., Needs]] = {
    Scan: lambda node, out: [],  # noqa: ARG005
    Filter: _filter,
    Mutate: _mutate,
    Project: _project,
    Sort: _sort,
    Limit: _limit,
    Distinct: _distinct,
    Union: _union,
    Sample: lambda node, out: [(node.input, out | set(node.by) | order_columns(node.input))],
    Dilate: _moved,
    Shift: _moved,
    Clip: _moved,
    Split: lambda node, out: [(node.input, out)],
    SplitAt: lambda node, out: [(node.left, out), (node.right, set())],
    SlidingWindows: lambda node, out: [(node.input, out)],
    Complement: lambda node, out: [(node.within, out), (node.input, set())],
    Concat: lambda node, out: [(each, out & set(each.schema.names)) for each in node.inputs],
    Rekey: _rekey,
    RekeyBack: lambda node, out: [(node.input, out | set(ORIGIN))],
    Join: _join,
    SemiJoin: _left_and_right,
    Minus: _covered,
    Intersect: _covered,
    Coverage: _coverage,
    Nearest: _nearest,
    CountOverlaps: _left_and_right,
    CollectBy: _collect_by,
    Coalesce: _one_row_each,
    Aggregated: _one_row_each,
    GroupFilter: _group_filter,
    Match: _match,
    Sequence: _sequence,
    Phrases: _phrases,
    Windows: _windows,
    WindowFilter: _window_filter,
}
