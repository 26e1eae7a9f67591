"""What EXPLAIN says of patterns, sequences and phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.groups import Match
from vquery.expr.phrases import Phrases
from vquery.expr.sequences import Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step


def _match(step: Step) -> str:
    node: Match = step.node  # type: ignore[assignment]
    conditions = " & ".join(f"({each!r})" for each in node.pattern.conditions) or "no condition"
    size = "exactly " if node.exact else ""
    variables = ", ".join(node.pattern.variables)
    by = ", ".join(("video", *node.by))
    return f"variables bound one by one by {by}, {size}{variables}: {conditions}"


def _sequence(step: Step) -> str:
    node: Sequence = step.node  # type: ignore[assignment]
    symbols = "".join(f", {name} = {each!r}" for name, each in node.symbols)
    shortest = "".join(f", {name} at least {each!r} s" for name, each in node.min_duration)
    limits = _seconds("min_gap", node.min_gap) if repr(node.min_gap) != "0" else ""
    limits += _seconds("max_gap", node.max_gap) + _seconds("within", node.within)
    how = "all matches" if node.mode == "all" else "greedy"
    how += "" if node.skip else ", neighbours only"
    how += ", parts may overlap" if node.overlap == "allow" else ""
    by = ", ".join(("video", *node.by))
    return f"automaton by {by}, {node.pattern!r}, {how}{limits}{symbols}{shortest}"


def _phrases(step: Step) -> str:
    node: Phrases = step.node  # type: ignore[assignment]
    near = ""
    for each in node.nearness:
        words = " | ".join(" ".join(map(str, wording)) for wording in each.wordings)
        unit = "s" if each.unit == "seconds" else "words"
        near += f", {'not ' * each.negated}near {words!r} by {each.limit!r} {unit}"
    return f"index of words of {node.on}, {node.phrase!r}{near}{_seconds('max_gap', node.max_gap)}"


def _seconds(name: str, value: Expression | None) -> str:
    return "" if value is None else f", {name} {value!r} s"


PATTERN_TITLES: Mapping[type[Relation], str] = {
    Match: "match",
    Sequence: "sequence",
    Phrases: "phrase",
}
PATTERN_DETAILS: Mapping[type[Relation], Callable[[Step], str]] = {
    Match: _match,
    Sequence: _sequence,
    Phrases: _phrases,
}
