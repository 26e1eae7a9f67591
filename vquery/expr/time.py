"""Predicates on time (and, by ``.on("x")``, on the axes of boxes): overlap, distance, Allen's 13.

Left spans ``[a1, a2)``, right spans ``[b1, b2)``. Each relation is a list of :class:`Difference`:
a bound on one end of the right row minus one end of the left row. Source of the names: J. F. Allen,
"Maintaining knowledge about temporal intervals", CACM 26 (1983); distances after Rekall.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.amounts import require_seconds
from vquery.expr.expression import Column, Expression, Literal, Param, call
from vquery.expr.predicates import LEFT, RIGHT, Predicate, number_setting
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ZERO = Literal(0)
AXES = {"time": ("start_us", "end_us"), "x": ("x1", "x2"), "y": ("y1", "y2")}


@dataclass(frozen=True, slots=True)
class Difference:
    """``low <= right end - left end <= high``, or ``<`` where ``strict``; None is no bound."""

    left: str  # "start" or "end"
    right: str
    low: Expression | None = None
    high: Expression | None = None
    strict: bool = False


def microseconds(value: Expression) -> Expression:
    """Turn seconds into whole microseconds, rounding to nearest.

    >>> microseconds(Literal(0.3))
    300000
    """
    if isinstance(value, Literal):
        return Literal(round(value.value * US_PER_S))
    if isinstance(value, Param):
        return call("*", value, US_PER_S)  # set before a query runs
    return call("microseconds", value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimeRelation(Predicate):
    """A relation between two spans, left and right; distances are seconds, all inclusive.

    ``time_overlaps`` share time (abutting spans do not, an instant is one microsecond long);
    ``before`` and ``after`` take ``min_gap`` (0) and ``max_gap``; ``meets``, ``met_by``,
    ``starts``, ``started_by``, ``finishes`` and ``finished_by`` take ``tolerance`` (0);
    ``overlaps``, ``overlapped_by``, ``during`` and ``contains`` share no end, as Allen has them,
    and ``equals`` shares both.

    >>> before(max_gap=10) & ~during
    before(max_gap=10) & ~during
    >>> before.on("x")  # distances are then shares of the picture
    before.on('x')
    """

    name: str
    values: tuple[tuple[str, Expression | None], ...] = ()
    axis: str = "time"

    def __post_init__(self) -> None:
        for name, value in self.values if self.axis != "time" else ():
            if value is not None and value.unit == "seconds":
                raise QueryError(
                    f"{self.name}.on({self.axis!r}): {name}={value!r} is a length of time, and"
                    " distances on x and y are shares of the picture"
                )
        for name, value in self.values if self.axis == "time" else ():
            if isinstance(value, Literal):
                require_seconds(value, f"{self.name}({name}=)", lowest=None)
        low, high = self.value("min_gap"), self.value("max_gap")
        both = isinstance(low, Literal) and isinstance(high, Literal)
        if both and low.value > high.value:  # type: ignore[union-attr]
            given = dict(self.values)  # in the unit in which they were written
            raise QueryError(
                f"{self.name}: min_gap={given['min_gap']!r} is greater than"
                f" max_gap={given['max_gap']!r}: exchange them"
            )

    def value(self, name: str) -> Expression | None:
        """Return a setting, on time in microseconds."""
        given = dict(self.values).get(name)
        return microseconds(given) if given is not None and self.axis == "time" else given

    def distance(self, name: str) -> Expression:
        """Return a setting that is always there."""
        given = self.value(name)
        return ZERO if given is None else given

    def settings(self, given: Mapping[str, Any]) -> Predicate:  # noqa: D102
        values = dict(self.values)
        for name, value in given.items():
            if name not in values:
                takes = ", ".join(values) or "no settings"
                raise QueryError(f"{self.name} has no setting {name!r}; it takes {takes}")
            unlimited = value is None and name == "max_gap"
            values[name] = None if unlimited else number_setting(self.name, name, value)
        return replace(self, values=tuple(values.items()))

    def on(self, axis: str) -> Predicate:  # noqa: D102
        if axis not in AXES:
            raise QueryError(f"{self.name}.on() takes 'time', 'x' or 'y', got {axis!r}")
        return replace(self, axis=axis)

    def differences(self) -> list[Difference]:
        """Bounds that all hold where the relation holds, and only there."""
        return RELATIONS[self.name](self)

    def lower(self) -> Expression:  # noqa: D102
        if self.name == "time_overlaps" and self.axis == "time":
            return _overlap_with_instants()
        conditions = [
            condition
            for bound in self.differences()
            for condition in _conditions(bound, AXES[self.axis])
        ]
        return conditions[0] if len(conditions) == 1 else call("and", *conditions)

    def __repr__(self) -> str:
        shown = [
            f"{name}={value!r}"
            for name, value in self.values
            if value is not None and not (isinstance(value, Literal) and value.value == 0)
        ]
        text = f"{self.name}({', '.join(shown)})" if shown else self.name
        return text if self.axis == "time" else f"{text}.on({self.axis!r})"


def _conditions(bound: Difference, ends: tuple[str, str]) -> list[Expression]:
    start, end = ends
    right = Column(start if bound.right == "start" else end, RIGHT)
    left = Column(start if bound.left == "start" else end, LEFT)
    low, high = bound.low, bound.high
    if isinstance(low, Literal) and low.value == 0:
        below: Expression | None = left < right if bound.strict else left <= right
    else:
        below = None if low is None else (right - left >= low)
    if isinstance(high, Literal) and high.value == 0:
        above: Expression | None = right < left if bound.strict else right <= left
    else:
        above = None if high is None else (right - left <= high)
    return [condition for condition in (below, above) if condition is not None]


def _overlap_with_instants() -> Expression:
    def last(side: str) -> Expression:  # an instant lasts one microsecond
        return call("greatest", Column("end_us", side), Column("start_us", side) + 1)

    early = Column("start_us", LEFT) < last(RIGHT)
    return early & (Column("start_us", RIGHT) < last(LEFT))


def _after(left: str, right: str) -> Difference:
    """Right end strictly after the left one."""
    return Difference(left, right, low=ZERO, strict=True)


def _before(left: str, right: str) -> Difference:
    """Right end strictly before the left one."""
    return Difference(left, right, high=ZERO, strict=True)


def _near(relation: TimeRelation, left: str, right: str) -> Difference:
    tolerance = relation.distance("tolerance")
    lowest = Literal(-tolerance.value) if isinstance(tolerance, Literal) else -tolerance
    return Difference(left, right, low=lowest, high=tolerance)


def _distance(relation: TimeRelation, *, after: bool) -> list[Difference]:
    low, high = relation.distance("min_gap"), relation.value("max_gap")
    if not after:
        return [Difference("end", "start", low=low, high=high)]
    farthest = None if high is None else _negative(high)
    return [Difference("start", "end", low=farthest, high=_negative(low))]


def _negative(value: Expression) -> Expression:
    return Literal(-value.value) if isinstance(value, Literal) else -value


RELATIONS: dict[str, Callable[[TimeRelation], list[Difference]]] = {
    # the instant rule only widens these by what shares a start
    "time_overlaps": lambda _: [_before("end", "start"), _after("start", "end")],
    "before": lambda relation: _distance(relation, after=False),
    "after": lambda relation: _distance(relation, after=True),
    "meets": lambda relation: [_near(relation, "end", "start")],
    "met_by": lambda relation: [_near(relation, "start", "end")],
    "overlaps": lambda _: [
        _after("start", "start"),
        _before("end", "start"),
        _after("end", "end"),
    ],
    "overlapped_by": lambda _: [
        _before("start", "start"),
        _after("start", "end"),
        _before("end", "end"),
    ],
    "starts": lambda relation: [_near(relation, "start", "start"), _after("end", "end")],
    "started_by": lambda relation: [_near(relation, "start", "start"), _before("end", "end")],
    "finishes": lambda relation: [_near(relation, "end", "end"), _before("start", "start")],
    "finished_by": lambda relation: [_near(relation, "end", "end"), _after("start", "start")],
    "during": lambda _: [_before("start", "start"), _after("end", "end")],
    "contains": lambda _: [_after("start", "start"), _before("end", "end")],
    "equals": lambda _: [
        Difference("start", "start", low=ZERO, high=ZERO),
        Difference("end", "end", low=ZERO, high=ZERO),
    ],
}

GAPS: tuple[tuple[str, Expression | None], ...] = (("min_gap", ZERO), ("max_gap", None))
TOLERANCE: tuple[tuple[str, Expression | None], ...] = (("tolerance", ZERO),)

time_overlaps = TimeRelation("time_overlaps")
"""The spans share time. Abutting spans do not; an instant is one microsecond long."""

before = TimeRelation("before", GAPS)
"""Left ends ``min_gap`` to ``max_gap`` seconds before right starts, both inclusive; 0 counts."""

after = TimeRelation("after", GAPS)
"""Left starts ``min_gap`` to ``max_gap`` seconds after right ends, both inclusive; 0 counts."""

meets = TimeRelation("meets", TOLERANCE)
"""Left ends where right starts, give or take ``tolerance`` seconds."""

met_by = TimeRelation("met_by", TOLERANCE)
"""Left starts where right ends, give or take ``tolerance`` seconds."""

overlaps = TimeRelation("overlaps")
"""Left starts first and ends inside right (Allen's narrow sense; see ``time_overlaps``)."""

overlapped_by = TimeRelation("overlapped_by")
"""Right starts first and ends inside left."""

starts = TimeRelation("starts", TOLERANCE)
"""Both start together, give or take ``tolerance`` seconds, and left ends first."""

started_by = TimeRelation("started_by", TOLERANCE)
"""Both start together, give or take ``tolerance`` seconds, and right ends first."""

finishes = TimeRelation("finishes", TOLERANCE)
"""Both end together, give or take ``tolerance`` seconds, and left starts last."""

finished_by = TimeRelation("finished_by", TOLERANCE)
"""Both end together, give or take ``tolerance`` seconds, and right starts last."""

during = TimeRelation("during")
"""Left lies inside right and shares neither end."""

contains = TimeRelation("contains")
"""Right lies inside left and shares neither end."""

equals = TimeRelation("equals")
"""Both have the same start and the same end."""
