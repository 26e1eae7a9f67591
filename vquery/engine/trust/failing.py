"""Which parts of a condition fail for which rows, and by which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.trust.texts import value_text
from vquery.expr.expression import Call, Column, Expression, IsIn, Literal
from vquery.expr.node import walk
from vquery.plan.rewrite import conjuncts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Compute = Callable[[Mapping[str, Expression]], Mapping[str, Any]]

ORDER = {"<", "<=", ">", ">="}
COMPARISONS = {*ORDER, "==", "!="}


@dataclass(frozen=True, slots=True)
class Failure:
    """One part of a condition that a row does not meet.

    ``miss`` is by how much a comparison of numbers fails, relative to what was needed; infinite
    where nothing can be measured.
    """

    text: str
    values: dict[str, Any]
    miss: float

    @property
    def near(self) -> bool:
        """Whether another threshold would have kept the row."""
        return bool(np.isfinite(self.miss))


@dataclass(frozen=True, slots=True)
class Test:
    """A part of a condition with the values it was decided by, one element a row."""

    part: Expression
    true: list[bool | None]
    values: dict[str, list[Any]]
    sides: tuple[list[Any], list[Any]] | None

    def failure(self, row: int) -> Failure | None:
        """Why the part is not true for a row, None where it is."""
        if self.true[row]:
            return None
        values = {name: column[row] for name, column in self.values.items()}
        if self.sides is None:
            had = ", ".join(f"{name} = {value_text(value)}" for name, value in values.items())
            return Failure(f"{had}, needed {self._needed()}", values, np.inf)
        assert isinstance(self.part, Call)
        left, right = (side[row] for side in self.sides)
        name = plain(self.part.arguments[0])
        wanted = self.part.arguments[1]
        said = value_text(right) if isinstance(wanted, Literal) else _named(wanted, right)
        text = f"{name} = {value_text(left)}, needed {self.part.operation} {said}"
        return Failure(text, {name: left, **values}, self._miss(left, right))

    def _needed(self) -> str:
        if isinstance(self.part, IsIn):
            return plain(self.part).removeprefix(f"{plain(self.part.argument)}.")
        return plain(self.part)

    def _miss(self, left: Any, right: Any) -> float:
        assert isinstance(self.part, Call)
        numbers = all(isinstance(each, (int, float)) for each in (left, right))
        if self.part.operation not in ORDER or not numbers:
            return np.inf
        return float(abs(left - right) / max(abs(right), abs(left), 1e-12))


def tests(condition: Expression, compute: Compute) -> list[Test]:
    """Evaluate every part of a condition; ``compute`` gives a column for each expression."""
    made = []
    for part in conjuncts(condition):
        compared = isinstance(part, Call) and part.operation in COMPARISONS
        asked: dict[str, Expression] = {"true": part}
        if compared:
            assert isinstance(part, Call)
            asked |= {"left": part.arguments[0], "right": part.arguments[1]}
        read = _columns(part)
        asked |= {f"of {name}": each for name, each in read.items()}
        columns = {name: each.to_pylist() for name, each in compute(asked).items()}
        sides = (columns["left"], columns["right"]) if compared else None
        values = {name: columns[f"of {name}"] for name in read}
        made.append(Test(part, columns["true"], values, sides))
    return made


def failures(checked: list[Test], row: int) -> list[Failure]:
    """Parts that a row does not meet."""
    found = (test.failure(row) for test in checked)
    return [each for each in found if each is not None]


def nearest_miss(all_failures: list[list[Failure]]) -> int:
    """Row that comes nearest to being kept: fewest parts fail, by the least."""
    return min(
        range(len(all_failures)),
        key=lambda row: (
            sum(not each.near for each in all_failures[row]),
            len(all_failures[row]),
            sum(each.miss for each in all_failures[row] if each.near),
        ),
    )


def plain(expression: Expression) -> str:
    """Write an expression as people say it, without the word for the row at hand.

    >>> from vquery.expr.placeholders import row
    >>> plain(row.end - row.start)
    'end - start'
    """
    return repr(expression).replace("row.", "")


def _named(expression: Expression, value: Any) -> str:
    return f"{plain(expression)} ({value_text(value)})"


def _columns(part: Expression) -> dict[str, Expression]:
    """Columns that a part reads, by how they are written; those of an aggregate are left out."""
    from vquery.expr.aggregates import Aggregate

    inside: set[int] = set()
    for node in walk(part):
        if isinstance(node, Aggregate):
            inside.update(id(each) for each in walk(node))
    found: dict[str, Expression] = {}
    for node in walk(part):
        if isinstance(node, Column) and id(node) not in inside:
            found[plain(node)] = node
    return found
