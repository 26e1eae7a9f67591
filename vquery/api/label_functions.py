"""What a user may call a label function, made ready to be asked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vquery.api import concepts
from vquery.engine.concept import ABSTAIN, REGISTRY, Concept
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError
from vquery.expr.relations import Scan
from vquery.supervise.votes.applying import INTERVALS, ROW, SAID_BY, TABLE, Voter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    Function: TypeAlias = str | Concept | Intervals | Callable[..., Any] | Any
    Functions: TypeAlias = Iterable[Function] | Mapping[str, Function]

WHOLE = "table"
"""Parameter of a function that wants the whole table at once."""
ONE_ROW = "row"
"""Parameter of a function that wants one row at a time, where tables have names."""


class Making:
    """Makes label functions of what a user may call one.

    Parameters
    ----------
    words
        What parameters are filled with, by name.
    cover
        For functions that do not say themselves.
    states
        What stands for a word in fingerprints, where that is not the word itself.
    version
        Of the data, for people.
    rows
        Whether a function of one parameter that is no word is one of rows.
    """

    def __init__(
        self,
        words: Mapping[str, Any],
        cover: float,
        states: Mapping[str, Any],
        version: str | None,
        *,
        rows: bool = False,
    ) -> None:
        if not isinstance(cover, int | float) or not 0 < cover <= 1:
            raise LabelError(f"votes(cover=) must be in (0, 1], got {cover!r}")
        self._words, self._cover, self._states = words, cover, states
        self._version, self._rows = version, rows

    def all(self, functions: Functions) -> list[Voter]:
        """Make all of them."""
        if isinstance(functions, Mapping):
            nameless = [name for name in functions if not isinstance(name, str) or not name]
            if nameless:
                raise QueryError(
                    f"votes(): names of label functions must be texts, got {nameless[0]!r}"
                )
            return [self._one(given, name, name) for name, given in functions.items()]
        one = isinstance(functions, str | Concept | Intervals) or callable(functions)
        if one or not hasattr(functions, "__iter__"):
            raise QueryError(
                "votes() takes a list of label functions, or a mapping from names; got "
                f"{type(functions).__name__}"
            )
        return [self._one(given, None, f"lf{i}") for i, given in enumerate(functions)]

    def _one(self, given: Function, name: str | None, nameless: str) -> Voter:
        if isinstance(given, str):
            return self._by_name(given, name)
        if isinstance(given, Concept):
            return self._concept(given, name)
        if callable(given) and not isinstance(given, Intervals):
            return self._function(given, name or _name_of(given) or nameless)
        source = given.node if isinstance(given, Intervals) else None
        known = source.source.name if isinstance(source, Scan) else nameless
        return self._table(given, name or known)

    def _by_name(self, given: str, name: str | None) -> Voter:
        if given in REGISTRY:
            return self._concept(REGISTRY[given], name)
        if given in self._words and given not in self._states:
            return self._table(self._words[given], name or given)
        known = ", ".join(concept.name for concept in REGISTRY)
        tables = ", ".join(name for name in self._words if name not in self._states)
        raise QueryError(
            f"{given!r} is neither a concept nor a table. Concepts: {known or 'none'}. "
            f"Tables: {tables or 'none'}"
        )

    def _concept(self, concept: Concept, name: str | None) -> Voter:
        return Voter(
            name or concept.name,
            lambda: concepts.run(concept, self._words),
            label=concept.label,
            otherwise=None if concept.otherwise is ABSTAIN else concept.otherwise,
            cover=concept.cover,
            place=concept.place,
            itself=concept,
            reads=self._reads(concept.parameters),
            version=self._version,
        )

    def _reads(self, parameters: Iterable[str]) -> tuple[Any, ...]:
        states = {**self._words, **self._states}
        return tuple((name, states[name]) for name in parameters if name in states)

    def _table(self, given: Any, name: str) -> Voter:
        return Voter(
            name,
            lambda: given,
            label=name,
            cover=self._cover,
            said_by=SAID_BY,
            remembered=False,
            version=self._version,
        )

    def _function(self, function: Callable[..., Any], name: str) -> Voter:
        kind = self._kind(function)
        if kind == INTERVALS:
            return self._concept(Concept(function, name, name, cover=self._cover), name)
        place = Concept(function, name, name).place
        return Voter(name, function, kind=kind, place=place, version=self._version)

    def _kind(self, function: Callable[..., Any]) -> str:
        """Tell by the names of its parameters what a function is to be given."""
        try:
            parameters = inspect.signature(function).parameters
        except ValueError as error:  # of what is not written in Python
            raise LabelError(
                f"{function!r} does not tell its parameters: wrap it, as in "
                "lambda row: function(row.text)"
            ) from error
        needed = [
            name for name, one in parameters.items() if one.default is inspect.Parameter.empty
        ]
        if all(name in self._words for name in needed):
            return INTERVALS
        if needed == [WHOLE]:
            return TABLE
        if needed == [ONE_ROW] or (self._rows and len(needed) == 1):
            return ROW
        return INTERVALS


def _name_of(function: Any) -> str | None:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return None if name == "<lambda>" else name
