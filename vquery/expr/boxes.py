"""Predicates on boxes: position, containment, overlap. x grows to the right, y downward.

All are computed in float32, the type in which boxes are stored. A row without a box satisfies none
of them, nor their negation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, Param, call
from vquery.expr.placeholders import when
from vquery.expr.predicates import LEFT, RIGHT, Predicate, number_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BoxRelation(Predicate):
    """A relation between two boxes, left and right; y grows downward.

    ``left_of``, ``right_of``, ``above`` and ``below`` leave a gap between the boxes; ``inside`` and
    ``encloses`` may share edges; ``boxes_overlap`` share area; ``iou(at_least=0.5)`` compares
    shared area with the area that both cover; ``aligned(within=0.05)`` have tops at nearly one
    height, within a share of the picture. A row without a box satisfies none of them.

    >>> left_of | iou(at_least=0.5)
    left_of | iou(at_least=0.5)
    """

    name: str
    values: tuple[tuple[str, Expression | None], ...] = ()

    def value(self, name: str) -> Expression:
        """Return a setting.

        Raises
        ------
        QueryError
            If it has to be given and was not.
        """
        given = dict(self.values)[name]
        if given is None:
            raise QueryError(f"{self.name} needs {name}=, as in {self.name}({name}=0.5)")
        return given

    def settings(self, given: Mapping[str, Any]) -> Predicate:  # noqa: D102
        values = dict(self.values)
        for name, value in given.items():
            if name not in values:
                takes = ", ".join(values) or "no settings"
                raise QueryError(f"{self.name} has no setting {name!r}; it takes {takes}")
            values[name] = number_setting(self.name, name, value)
            number = getattr(values[name], "value", None)
            if self.name == "iou" and number is not None and number > 1:
                raise QueryError(f"iou: {name}= is at most 1, where boxes are equal, got {value!r}")
        return replace(self, values=tuple(values.items()))

    def lower(self) -> Expression:  # noqa: D102
        return RELATIONS[self.name](self)

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.values if value is not None]
        return f"{self.name}({', '.join(shown)})" if shown else self.name


def _edge(name: str) -> tuple[Column, Column]:
    return Column(name, LEFT), Column(name, RIGHT)


def _inside(inner: str, outer: str) -> Expression:
    def edge(name: str) -> tuple[Column, Column]:
        return Column(name, inner), Column(name, outer)

    (ax1, bx1), (ax2, bx2), (ay1, by1), (ay2, by2) = map(edge, ("x1", "x2", "y1", "y2"))
    return (ax1 >= bx1) & (ax2 <= bx2) & (ay1 >= by1) & (ay2 <= by2)


def _boxes_overlap(_: BoxRelation) -> Expression:
    (ax1, bx1), (ax2, bx2), (ay1, by1), (ay2, by2) = map(_edge, ("x1", "x2", "y1", "y2"))
    return (ax1 < bx2) & (bx1 < ax2) & (ay1 < by2) & (by1 < ay2)


def iou_expression() -> Expression:
    """Shared area of two boxes over the area that they cover together; 0 where both are empty."""
    (ax1, bx1), (ax2, bx2), (ay1, by1), (ay2, by2) = map(_edge, ("x1", "x2", "y1", "y2"))
    width = call("greatest", call("least", ax2, bx2) - call("greatest", ax1, bx1), 0)
    height = call("greatest", call("least", ay2, by2) - call("greatest", ay1, by1), 0)
    shared = width * height
    total = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    # least and greatest leave nulls out, so a missing box is told by its area
    return when(total.is_null(), None).when(total <= 0, 0).otherwise(shared / total)


def _aligned(relation: BoxRelation) -> Expression:
    top, other = _edge("y1")
    return (top - other).abs() <= relation.value("within")


RELATIONS: dict[str, Callable[[BoxRelation], Expression]] = {
    "left_of": lambda _: Column("x2", LEFT) < Column("x1", RIGHT),
    "right_of": lambda _: Column("x1", LEFT) > Column("x2", RIGHT),
    "above": lambda _: Column("y2", LEFT) < Column("y1", RIGHT),
    "below": lambda _: Column("y1", LEFT) > Column("y2", RIGHT),
    "inside": lambda _: _inside(LEFT, RIGHT),
    "encloses": lambda _: _inside(RIGHT, LEFT),
    "boxes_overlap": _boxes_overlap,
    "iou": lambda relation: iou_expression() >= relation.value("at_least"),
    "aligned": _aligned,
}

left_of = BoxRelation("left_of")
"""The left row's box ends before the right row's starts; touching boxes are not left of."""

right_of = BoxRelation("right_of")
"""The left row's box starts after the right row's ends."""

above = BoxRelation("above")
"""The left row's box ends, going down, before the right row's starts."""

below = BoxRelation("below")
"""The left row's box starts, going down, after the right row's ends."""

inside = BoxRelation("inside")
"""The left row's box lies inside the right row's; shared edges count."""

encloses = BoxRelation("encloses")
"""The right row's box lies inside the left row's; shared edges count."""

boxes_overlap = BoxRelation("boxes_overlap")
"""The boxes share area; touching boxes do not."""

iou = BoxRelation("iou", (("at_least", None),))
"""Intersection over union of the boxes is at least ``at_least``."""

_aligned_boxes = BoxRelation("aligned", (("within", None),))


def aligned(*variables: str, within: float | Param) -> Any:
    """Tops of boxes differ by at most ``within`` of the height of the picture.

    As a predicate ``aligned(within=0.05)``; in a pattern ``aligned("a", "b", "c", within=0.05)``
    compares neighbours in the order given.

    >>> aligned(within=0.05)
    aligned(within=0.05)
    """
    return _aligned_boxes(*variables, within=within)
