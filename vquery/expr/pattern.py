"""Patterns: named rows and what must hold between them, matched inside a group of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.node import Node
from vquery.expr.predicates import Bound, parameters_of, sides_of, trace

if TYPE_CHECKING:
    from vquery.expr.expression import Expression


@dataclass(frozen=True, slots=True, eq=False)
class Pattern(Node):
    """Variables that stand for different rows, and conditions between them.

    ``bounds`` keeps the predicates that were written on variables: the planner reads from them
    which range of time a partner can lie in. They are among the conditions as well.
    """

    variables: tuple[str, ...]
    conditions: tuple[Expression, ...] = ()
    bounds: tuple[Bound, ...] = ()

    def __post_init__(self) -> None:
        for name in self.variables:
            if not isinstance(name, str) or not name.isidentifier():
                raise QueryError(f"pattern() takes names of variables such as 'a', got {name!r}")
        if len(set(self.variables)) < len(self.variables):
            raise QueryError(f"pattern(): a variable occurs twice in {list(self.variables)}")

    def where(self, *conditions: Any) -> Pattern:
        """Add conditions, all of which must hold.

        Each is a predicate on variables (``left_of("a", "b")``) or a function whose parameters are
        called like variables (``lambda a, b: a.score > b.score``).

        Raises
        ------
        QueryError
            If a condition names a variable that the pattern does not have.
        """
        added = tuple(self._condition(each) for each in conditions)
        bounds = tuple(each for each in conditions if isinstance(each, Bound))
        return Pattern(self.variables, (*self.conditions, *added), (*self.bounds, *bounds))

    def _condition(self, given: Any) -> Expression:
        if isinstance(given, Bound):
            condition = given.lower()
        elif callable(given) and not isinstance(given, Node):
            names = parameters_of(given)
            self._known(set(names), given)
            condition = trace(given, names)
        else:
            raise QueryError(
                f"where() takes predicates on variables, such as left_of('a', 'b'), or"
                f" lambda a: a.height > 0.3, got {given!r}"
            )
        self._known({str(side) for side in sides_of(condition)}, given)
        return condition

    def _known(self, names: set[str], given: Any) -> None:
        unknown = names - set(self.variables)
        if unknown:
            raise QueryError(
                f"{given!r} speaks of {', '.join(sorted(unknown))}, but the pattern has only"
                f" {', '.join(self.variables) or 'no variables'}"
            )


def pattern(*variables: str) -> Pattern:
    """Start a pattern of rows that must differ from each other.

    >>> from vquery.expr.boxes import left_of
    >>> pattern("a", "b").where(left_of("a", "b")).conditions
    (a.x2 < b.x1,)
    """
    return Pattern(variables)
