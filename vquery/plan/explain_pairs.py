"""What EXPLAIN says of steps over two relations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.node import walk
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.predicates import UdfResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step


def _join(step: Step) -> str:
    node: Join = step.node  # type: ignore[assignment]
    kept = "left rows without a pair stay; " if node.how == "left" else ""
    return f"{_matching(step)}; {kept}{_merge(node)}"


def _merge(node: Join | Nearest) -> str:
    made = "".join(f", {name} = {each!r}" for name, each in node.columns)
    return f"merge {node.merge!r}{made}"


def _cover(step: Step) -> str:
    node: Minus | Intersect = step.node  # type: ignore[assignment]
    kernel = "subtract" if isinstance(node, Minus) else "intersect"
    text = f"sweep kernel on {node.axis} ({kernel})"
    if step.matching is None:
        return f"{text}{_by(node.by)}"
    return f"{_matching(step)}; {text}"


def _coverage(step: Step) -> str:
    node: Coverage = step.node  # type: ignore[assignment]
    return f"sweep kernel on time (coverage){_by(node.by)}; {node.column}"


def _count(step: Step) -> str:
    node: CountOverlaps = step.node  # type: ignore[assignment]
    return f"{_matching(step)}; {node.column} = number of partners"


def _collect(step: Step) -> str:
    node: CollectBy = step.node  # type: ignore[assignment]
    names = ", ".join(each.name for each in node.fields)
    kept = ", rows without a partner too" if node.keep_empty else ""
    return f"{_matching(step)}; {node.column} = list of {names}{kept}"


def _nearest(step: Step) -> str:
    node: Nearest = step.node  # type: ignore[assignment]
    where = {"either": "", "before": " before", "after": " after"}[node.direction]
    limit = "" if node.max_gap is None else f", at most {node.max_gap!r} s away"
    shared = "" if node.overlap else ", none that overlap"
    kept = "; left rows without a partner stay" if node.how == "left" else ""
    found = f"search kernel on time (nearest {node.k!r}{where}{limit}{shared})"
    return f"{found}{_by(node.by)}{kept}; {_merge(node)}"


def _by(names: tuple[str, ...]) -> str:
    return f", by {', '.join(names)}" if names else ""


def _matching(step: Step) -> str:
    node: Join = step.node  # type: ignore[assignment]
    if node.predicate is None:
        return str(step.matching)
    found = any(isinstance(each, UdfResult) for each in walk(node.predicate.lower()))
    barrier = "; barrier: a Python function sees the pairs" if found else ""
    return f"{step.matching}{barrier}"


PAIR_DETAILS: Mapping[type[Relation], Callable[[Step], str]] = {
    Join: _join,
    SemiJoin: _matching,
    Minus: _cover,
    Intersect: _cover,
    Coverage: _coverage,
    CountOverlaps: _count,
    CollectBy: _collect,
    Nearest: _nearest,
}
