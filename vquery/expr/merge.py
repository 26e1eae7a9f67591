"""Merge operations: the bounds, and the columns, of the row that a pair becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.expression import Expression

    Rule = str | Callable[[Expression, Expression], Any]

WAYS = ("span", "intersection", "left", "right")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MergeOp(Node):
    """How the spans and boxes of two rows become one.

    ``time``, ``x`` and ``y`` are each ``"span"`` (hull), ``"intersection"``, ``"left"`` or
    ``"right"``. A row without a box takes the other row's, except by ``left`` and ``right``; where
    an axis is left without edges, the row has no box. ``columns`` says how columns that both rows
    have become one.
    """

    name: str
    time: str
    x: str
    y: str
    columns: tuple[tuple[str, Rule], ...] = ()

    @property
    def intersected(self) -> tuple[str, ...]:
        """Axes on which a pair has to share something."""
        ways = {"time": self.time, "x": self.x, "y": self.y}
        return tuple(axis for axis, way in ways.items() if way == "intersection")

    def __repr__(self) -> str:
        return self.name


span = MergeOp("span", "span", "span", "span")
"""Hull of the times and of the boxes."""

intersection = MergeOp("intersection", "intersection", "intersection", "intersection")
"""Shared time and shared box; a pair that shares none is dropped and counted."""

time_intersection = MergeOp("time_intersection", "intersection", "span", "span")
"""Shared time, hull of the boxes."""

left = MergeOp("left", "left", "left", "left")
"""Time and box of the left row."""

right = MergeOp("right", "right", "right", "right")
"""Time and box of the right row."""


def merge(
    *,
    time: str = "span",
    box: str = "span",
    x: str | None = None,
    y: str | None = None,
    columns: Mapping[str, Rule] | None = None,
) -> MergeOp:
    """Make a merge operation that treats the axes in different ways.

    Parameters
    ----------
    time, box, x, y
        Each ``"span"`` (hull), ``"intersection"``, ``"left"`` or ``"right"``; ``x`` and ``y`` are
        as ``box`` unless given. A pair that shares nothing on an axis to be intersected is dropped
        and counted.
    columns
        Columns that both sides have and that become one, with a rule for each: ``"left"``,
        ``"right"``, ``"coalesce"`` (the left value, the right one where it is null), ``"min"``,
        ``"max"``, ``"sum"`` (these three skip nulls) or a function of the two values.

    Raises
    ------
    QueryError
        For a way or a rule that there is none of.

    >>> merge(time="intersection", x="left", columns={"name": "coalesce"})
    merge(time='intersection', x='left', y='span', columns={'name': 'coalesce'})
    >>> merge(time="union")
    Traceback (most recent call last):
    vquery.errors.QueryError: merge(): time= must be 'span', 'intersection', 'left' or 'right',
    got 'union'
    """
    given = {"time": time, "box": box, "x": box if x is None else x, "y": box if y is None else y}
    for axis, way in given.items():
        if way not in WAYS:
            raise QueryError(
                f"merge(): {axis}= must be 'span', 'intersection', 'left' or 'right', got {way!r}"
            )
    rules = tuple(_rules(columns or {}))
    del given["box"]
    alike = given["x"] == given["y"]
    axes = {"time": time, "box": given["x"]} if alike else given
    shown = [f"{axis}={way!r}" for axis, way in axes.items()]
    if rules:
        texts = (f"{name!r}: {rule_text(rule)}" for name, rule in rules)
        shown.append(f"columns={{{', '.join(texts)}}}")
    return MergeOp(f"merge({', '.join(shown)})", time, given["x"], given["y"], rules)


NAMED_RULES = ("left", "right", "coalesce", "min", "max", "sum")


def _rules(columns: Mapping[str, Any]) -> list[tuple[str, Rule]]:
    if not hasattr(columns, "items"):
        raise QueryError(
            "merge(): columns= must map names to rules, such as {'name': 'left'},"
            f" got {columns!r}"
        )
    for name, rule in columns.items():
        if not isinstance(name, str):
            raise QueryError(f"merge(): columns= takes names of columns, got {name!r}")
        named = isinstance(rule, str) and rule in NAMED_RULES
        if not named and (isinstance(rule, (str, Node)) or not callable(rule)):
            known = ", ".join(map(repr, NAMED_RULES))
            raise QueryError(
                f"merge(): the rule for {name!r} must be {known} or a function of two values,"
                f" got {rule!r}"
            )
    return list(columns.items())


def rule_text(rule: Rule) -> str:
    """Text of a rule in messages and plans."""
    return repr(rule) if isinstance(rule, str) else str(getattr(rule, "__name__", "function"))


def as_merge_op(given: Any) -> MergeOp:
    """Check a merge operation.

    >>> as_merge_op("span")
    Traceback (most recent call last):
    vquery.errors.QueryError: merge_op= must be span, intersection, time_intersection, left or
    right (from vquery import span), or vq.merge(time=..., box=...), got 'span'
    """
    if not isinstance(given, MergeOp):
        raise QueryError(
            "merge_op= must be span, intersection, time_intersection, left or right"
            f" (from vquery import span), or vq.merge(time=..., box=...), got {given!r}"
        )
    return given
