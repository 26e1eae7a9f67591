"""Split a join predicate into equality keys, one range that a kernel can prune by, and a rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vquery.expr.derived import resolve
from vquery.expr.expression import Call, Column, Expression, Literal
from vquery.expr.pairs import pair_scope
from vquery.expr.predicates import LEFT, RIGHT, Every, Predicate, Same, Some, Traced
from vquery.expr.time import TimeRelation
from vquery.expr.types import Kind
from vquery.expr.units import bounds_us
from vquery.plan.residual import fuse
from vquery.plan.rewrite import conjuncts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.expr.relations import Relation
    from vquery.expr.types import Scope
    from vquery.plan.residual import Fused

ENDS = ("start", "end")
Key = tuple[Expression, Expression]


class Range(NamedTuple):
    """Bounds in microseconds, both inclusive; None is no bound."""

    low: int | None
    high: int | None

    @property
    def closed(self) -> bool:
        """Whether both bounds are there."""
        return self.low is not None and self.high is not None


ANY = Range(None, None)
Ranges = dict[tuple[str, str], Range]
"""Range of (right end - left end) by (left end, right end)."""


@dataclass(frozen=True, slots=True)
class Window:
    """Candidates have ``low <= right end - left end <= high``."""

    left: str
    right: str
    range: Range

    def __str__(self) -> str:
        low = "any" if self.range.low is None else f"{self.range.low / 1e6:g} s"
        high = "any" if self.range.high is None else f"{self.range.high / 1e6:g} s"
        return f"right {self.right} {low} to {high} after left {self.left}"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Candidates share a point once the left spans are longer by ``before`` and ``after``.

    Ends count, but for the left start where ``beyond_start`` (the right span lasts beyond it), and
    for the left end where ``until_end`` (the right span starts before it); there an instant lasts
    one tick. With both it is the usual overlap. None is as far as time goes.
    """

    before: int | None = 0
    after: int | None = 0
    beyond_start: bool = False
    until_end: bool = False

    def __str__(self) -> str:
        if self.before == 0 and self.after == 0:
            return "overlap"
        lengths = (
            "without limit" if each is None else f"{each / 1e6:g} s"
            for each in (self.before, self.after)
        )
        return f"overlap, left widened by {' and '.join(lengths)}"


OVERLAP = Overlap(0, 0, beyond_start=True, until_end=True)
"""Spans that share time."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Candidates are boxes that share more than a point on an axis."""

    axis: str

    def __str__(self) -> str:
        return "overlap"


@dataclass(frozen=True, slots=True)
class Matching:
    """How partners are found.

    ``keys`` are pairs of expressions, one a side, that have to be equal (beside the video);
    ``time`` is None where the predicate says nothing about time or an axis; ``fused`` is tested by
    the kernel; ``rest`` is evaluated on the pairs that are left, None where each is a result.
    """

    keys: tuple[Key, ...] = ()
    time: Window | Overlap | Shared | None = None
    rest: Expression | None = None
    predicate: Predicate | None = None  # what `rest` was written as
    fused: tuple[Fused, ...] = ()
    tested: Predicate | None = None  # what `fused` says in full

    @property
    def strategy(self) -> str:
        """What EXPLAIN calls it."""
        if isinstance(self.time, Shared):
            return f"sweep kernel on {self.time.axis}"
        if self.time is not None:
            return "sweep kernel on time"
        return "equality keys, blocks of pairs" if self.keys else "per-video blocks of all pairs"

    def __str__(self) -> str:
        parts = [self.strategy] if self.time is None else [f"{self.strategy} ({self.time})"]
        if self.keys:
            parts.append("keys " + ", ".join(f"{left!r} = {right!r}" for left, right in self.keys))
        if self.tested is not None:
            parts.append(f"fused: {self.tested!r}")
        if self.rest is not None:
            parts.append(f"then {self.predicate!r}")
        return "; ".join(parts)


def matching_of(predicate: Predicate | None, left: Relation, right: Relation) -> Matching:
    """Plan how the pairs of two relations are found that a predicate holds for."""
    if predicate is None:
        return Matching()
    scope = pair_scope(left, right)
    keys: list[Key] = []
    parts: list[Predicate] = []
    for part in _flat(predicate):
        found = _equalities(part, scope)
        if found is None:
            parts.append(part)
        else:
            keys.extend(found)
    time = _choose(ranges_of(Every(tuple(parts)))) if parts else None
    found_by, parts = _answered(parts, time)
    fused, tested, rest = fuse(parts, scope)
    wanted = _every(rest)
    lowered = None if wanted is None else wanted.lower()
    return Matching(tuple(keys), found_by, lowered, wanted, fused, _every(tested))


def _every(parts: list[Predicate]) -> Predicate | None:
    return Every(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None


def _flat(predicate: Predicate) -> list[Predicate]:
    if isinstance(predicate, Every):
        return [flat for part in predicate.parts for flat in _flat(part)]
    if isinstance(predicate, Traced):
        return [Traced(part) for part in conjuncts(predicate.condition)]
    return [predicate]


def _equalities(part: Predicate, scope: Scope) -> list[Key] | None:
    """Keys where ``part`` says no more than that they are equal."""
    if not isinstance(part, (Same, Traced)):
        return None
    condition = part.lower()
    if not isinstance(condition, Call) or condition.operation != "==":
        return None
    first, second = (resolve(each, scope) for each in condition.arguments)
    if isinstance(first, Column) and first.side == RIGHT:
        first, second = second, first
    if not isinstance(first, Column) or not isinstance(second, Column):
        return None
    if (first.side, second.side) != (LEFT, RIGHT):
        return None
    kinds = {each.type(scope).kind for each in (first, second)}
    return [(first, second)] if len(kinds) == 1 and kinds <= GROUPABLE else None


FROM_SMALLEST = (("end", "start"), ("start", "start"), ("end", "end"), ("start", "end"))
"""Differences (left end, right end) in an order in which none is ever less than the first."""

GROUPABLE = {Kind.STRING, Kind.INTEGER, Kind.BOOLEAN}
"""Kinds of keys that are equal when their bits are (0.0 and -0.0 are not)."""


def ranges_of(predicate: Predicate) -> Ranges:
    """Ranges of the four differences between ends that the predicate implies."""
    if isinstance(predicate, Every):
        return _tightened(_combined(predicate.parts, _intersection))
    if isinstance(predicate, Some):
        return _combined(predicate.parts, _hull)
    if isinstance(predicate, TimeRelation) and predicate.axis == "time":
        return _tightened(_of_relation(predicate))
    return _unbounded()


def _unbounded() -> Ranges:
    return {(left, right): ANY for left in ENDS for right in ENDS}


def _of_relation(relation: TimeRelation) -> Ranges:
    ranges = _unbounded()
    # an instant overlaps what starts with it: there the bounds are not strict
    narrow = 0 if relation.name == "time_overlaps" else 1
    for bound in relation.differences():
        low, high = bounds_us(bound.low)[0], bounds_us(bound.high)[1]
        if bound.strict:
            low = None if low is None else low + narrow
            high = None if high is None else high - narrow
        place = (bound.left, bound.right)
        ranges[place] = _intersection(ranges[place], Range(low, high))
    return ranges


def _combined(parts: Sequence[Predicate], how: object) -> Ranges:
    first, *others = [ranges_of(part) for part in parts]
    for other in others:
        first = {place: how(first[place], other[place]) for place in first}  # type: ignore[operator]
    return first


def _intersection(one: Range, other: Range) -> Range:
    lows = [low for low in (one.low, other.low) if low is not None]
    highs = [high for high in (one.high, other.high) if high is not None]
    return Range(max(lows, default=None), min(highs, default=None))


def _hull(one: Range, other: Range) -> Range:
    low = None if one.low is None or other.low is None else min(one.low, other.low)
    high = None if one.high is None or other.high is None else max(one.high, other.high)
    return Range(low, high)


def _tightened(ranges: Ranges) -> Ranges:
    """Add what follows from start <= end: (end, start) <= (start, start) <= (start, end), etc."""
    ordered = [
        (("end", "start"), ("start", "start")),
        (("end", "start"), ("end", "end")),
        (("start", "start"), ("start", "end")),
        (("end", "end"), ("start", "end")),
    ]
    for lower, upper in ordered:
        ranges[upper] = _intersection(ranges[upper], Range(ranges[lower].low, None))
    for lower, upper in reversed(ordered):
        ranges[lower] = _intersection(ranges[lower], Range(None, ranges[upper].high))
    return ranges


def _choose(ranges: Ranges) -> Window | Overlap | None:
    """Pick the difference to prune by: a closed one, else overlap, else a half-open one."""
    closed = [
        Window(left, right, ranges[left, right])
        for left, right in FROM_SMALLEST
        if ranges[left, right].closed
    ]
    if closed:
        return min(closed, key=lambda window: _width(window.range))
    after, before = ranges["end", "start"].high, ranges["start", "end"].low
    if after is not None and before is not None:
        return Overlap(max(-before, 0), max(after, 0))
    # a lower bound on an earlier difference implies those on later ones, an upper bound the reverse
    for place in FROM_SMALLEST:
        if ranges[place].low is not None:
            return Window(*place, ranges[place])
    for place in reversed(FROM_SMALLEST):
        if ranges[place].high is not None:
            return Window(*place, ranges[place])
    return None


def _width(bounds: Range) -> int:
    return (bounds.high or 0) - (bounds.low or 0)


def _answered(
    parts: list[Predicate], time: Window | Overlap | None
) -> tuple[Window | Overlap | Shared | None, list[Predicate]]:
    """Return the candidates to take, and the parts that not each of them satisfies."""
    exact = [(part, exact_candidates(part)) for part in parts]
    unions = [pair for pair in exact if isinstance(pair[0], Some) and pair[1] is not None]
    closed = isinstance(time, Window) and time.range.closed
    if unions and not closed:  # other parts can be tested by the kernel, a disjunction cannot
        exact, time = unions, unions[0][1]
    if isinstance(time, Window):
        place = time.left, time.right
        inside = [
            part
            for part, same in exact
            if isinstance(same, Window) and (same.left, same.right) == place
        ]
        return time, _without(parts, inside)
    for part, same in exact:
        if isinstance(same, Overlap):
            return same, _without(parts, [part])
    on_axis = [part for part in parts if _is_shared(part)]
    if time is None and on_axis:
        first: TimeRelation = on_axis[0]  # type: ignore[assignment]
        return Shared(first.axis), _without(parts, [first])
    return time, parts


def _without(parts: list[Predicate], answered: list[Predicate]) -> list[Predicate]:
    return [part for part in parts if not any(part is each for each in answered)]


def _is_shared(part: Predicate) -> bool:
    return isinstance(part, TimeRelation) and part.name == "time_overlaps" and part.axis != "time"


def exact_candidates(part: Predicate) -> Window | Overlap | None:
    """Return candidates of which each satisfies the part, and no other pair does.

    >>> from vquery.expr.time import before, time_overlaps
    >>> exact_candidates(time_overlaps | before(max_gap=2)).after
    2000000
    """
    if isinstance(part, Some):
        return _union(part)
    if not isinstance(part, TimeRelation) or part.axis != "time":
        return None
    if part.name == "time_overlaps":
        return OVERLAP
    differences = part.differences()
    limits = [limit for bound in differences for limit in (bound.low, bound.high)]
    if len(differences) != 1 or not all(
        limit is None or isinstance(limit, Literal) for limit in limits
    ):
        return None  # limits in frames differ between videos
    place = differences[0].left, differences[0].right
    return Window(*place, _of_relation(part)[place])


def _union(some: Some) -> Overlap | None:
    """Return the candidates of an overlap or a gap from nothing up to some length on either side.

    What does not overlap is before or after, so together these have no hole.
    """
    before: int | None = 0
    after: int | None = 0
    beyond_start = until_end = True
    overlaps = False
    for part in some.parts:
        same = exact_candidates(part)
        if same == OVERLAP:
            overlaps = True
        elif not isinstance(same, Window):
            return None
        elif (same.left, same.right, same.range.low) == ("end", "start", 0):
            high = same.range.high
            after = None if after is None or high is None else max(after, high)
            until_end = False
        elif (same.left, same.right, same.range.high) == ("start", "end", 0):
            low = same.range.low
            before = None if before is None or low is None else max(before, -low)
            beyond_start = False
        else:
            return None
    return Overlap(before, after, beyond_start, until_end) if overlaps else None
