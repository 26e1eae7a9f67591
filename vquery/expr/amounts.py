"""Checks of amounts on an axis: seconds on time, shares of the picture on x and y."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vquery.errors import QueryError
from vquery.expr.expression import Literal
from vquery.expr.types import has_box
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation

FARTHEST = 1e12
"""Seconds beyond (31,000 years) are mistakes of unit; sums of them would overflow."""


def shown_number(value: Expression | None) -> float:
    """Return the number that an expression stands for before the query runs, else NaN."""
    shown = value.value if isinstance(value, Literal) else getattr(value, "default", None)
    plain = isinstance(shown, (int, float)) and not isinstance(shown, bool)
    return float(shown) if plain else math.nan  # type: ignore[arg-type]


def require_axis(relation: Relation, axis: str, what: str) -> None:
    """Refuse an axis that there is not, or that the rows do not have.

    Raises
    ------
    QueryError
        Naming what there is.
    """
    if axis not in ("time", "x", "y"):
        raise QueryError(f"{what}: axis= must be 'time', 'x' or 'y', got {axis!r}")
    if axis != "time" and not has_box(relation.schema):
        raise QueryError(
            f"{what}: axis={axis!r} is about boxes, and {relation.name} has none (x1, y1, x2, y2)"
        )


def require_amount(value: Expression, axis: str, what: str, *, lowest: float | None) -> None:
    """Refuse an amount on an axis: seconds on time, shares of the picture on x and y.

    Raises
    ------
    QueryError
        Naming the argument and what was given.
    """
    if axis == "time":
        require_seconds(value, what, lowest=lowest)
        return
    number = math.nan if value.unit == "seconds" else shown_number(value)
    if not abs(number) <= FARTHEST or (lowest is not None and number < lowest):
        rule = "a number" + ("" if lowest is None else f" of at least {lowest:g}")
        whole = "width" if axis == "x" else "height"
        raise QueryError(f"{what} takes {rule} (the picture has {whole} 1), got {value!r}")


def require_seconds(value: Expression, what: str, *, lowest: float | None) -> None:
    """Refuse a length of time that is no number or too small; a param is checked when it is set.

    Raises
    ------
    QueryError
        Naming the argument and what was given.
    """
    number = shown_number(value)
    if FARTHEST < abs(number) < math.inf:
        raise QueryError(f"{what} takes seconds: {value!r} of them are more than 31,000 years")
    if not abs(number) <= FARTHEST or (lowest is not None and number < lowest):
        rule = "a number of seconds" + ("" if lowest is None else f" of at least {lowest:g}")
        raise QueryError(f"{what} takes {rule}, got {value!r}")


def require_step(value: Expression, what: str) -> None:
    """Refuse a length of pieces that is not at least one microsecond.

    Raises
    ------
    QueryError
        Naming the argument and what was given.
    """
    require_amount(value, "time", what, lowest=0)
    if round(shown_number(value) * US_PER_S) < 1:
        raise QueryError(f"{what} has to be more than 0 seconds, got {value!r}")
