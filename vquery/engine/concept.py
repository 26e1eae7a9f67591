"""Concepts: named queries that a collection can run, vote with and list."""

from __future__ import annotations

import difflib
import enum
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from vquery.engine.intervals import Intervals
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Abstain(enum.Enum):
    """The vote of a label function that has no opinion."""

    ABSTAIN = "abstain"

    def __repr__(self) -> str:
        return "ABSTAIN"


ABSTAIN = Abstain.ABSTAIN


@dataclass(frozen=True, slots=True, repr=False)
class Concept:
    """A function that makes a relation from tables, and how it votes on items.

    It votes ``label`` on items that its result covers for at least ``cover`` of their time, else
    ``otherwise``. Called like the function it was made from.
    """

    function: Callable[..., Intervals]
    name: str
    label: Any
    otherwise: Any = ABSTAIN
    cover: float = 0.5

    def __call__(self, *arguments: Any, **named: Any) -> Intervals:
        """Call the function."""
        return self._checked(self.function(*arguments, **named))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the tables that the function asks for."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def place(self) -> str:
        """File and line where the function is written."""
        code = getattr(self.function, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(self.function)

    def run(self, tables: Mapping[str, Any]) -> Intervals:
        """Call the function with its parameters filled by name.

        Raises
        ------
        QueryError
            If there is no table of that name, or the function returns no relation.
        """
        given = {}
        for name, parameter in inspect.signature(self.function).parameters.items():
            if name in tables:
                given[name] = tables[name]
            elif parameter.default is inspect.Parameter.empty:
                raise QueryError(self._no_table(name, list(tables)))
        return self._checked(self.function(**given))

    def __repr__(self) -> str:
        return f"Concept({self.name}, label={self.label!r})"

    def _no_table(self, name: str, known: list[str]) -> str:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return (
            f"concept {self.name!r} asks for {name!r}, which is no table here."
            f" Tables: {', '.join(known)}.{hint}"
        )

    def _checked(self, result: Any) -> Intervals:
        if not isinstance(result, Intervals):
            raise QueryError(
                f"concept {self.name!r} must return a relation, got {type(result).__name__}"
                f" ({self.place})"
            )
        return result


class Registry:
    """Concepts by name, in the order in which they were registered."""

    def __init__(self) -> None:
        self._concepts: dict[str, Concept] = {}

    def add(self, concept: Concept) -> None:
        """Register a concept; running the same definition again replaces it.

        Raises
        ------
        QueryError
            If another function already has the name.
        """
        known = self._concepts.get(concept.name)
        if known is not None and not _same_definition(known, concept):
            raise QueryError(
                f"concept {concept.name!r} is defined twice: {known.place} and {concept.place};"
                " rename one, or give name="
            )
        self._concepts[concept.name] = concept

    def remove(self, name: str) -> None:
        """Forget a concept."""
        del self._concepts[name]

    def __getitem__(self, name: str) -> Concept:
        if name not in self._concepts:
            near = difflib.get_close_matches(name, self._concepts, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(self._concepts) or "none"
            raise QueryError(f"there is no concept {name!r}. Concepts: {known}.{hint}")
        return self._concepts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._concepts

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._concepts.values())

    def __len__(self) -> int:
        return len(self._concepts)


REGISTRY = Registry()
"""Concepts of all modules that have been imported."""


def _same_definition(one: Concept, other: Concept) -> bool:
    """Whether two concepts come from running the same piece of source again."""
    if one.place == other.place:
        return True
    first, second = one.function, other.function
    files = [getattr(each, "__code__", None) for each in (first, second)]
    if None in files:
        return False
    old, new = (code.co_filename for code in files if code is not None)
    interactive = all(name.startswith("<") or "ipykernel" in name for name in (old, new))
    run_again = old == new and first.__globals__ is not second.__globals__
    return interactive or run_again


@overload
def concept(function: Callable[..., Intervals], /) -> Concept: ...


@overload
def concept(
    *, label: Any = None, otherwise: Any = ABSTAIN, cover: float = 0.5, name: str | None = None
) -> Callable[[Callable[..., Intervals]], Concept]: ...


def concept(
    function: Callable[..., Intervals] | None = None,
    /,
    *,
    label: Any = None,
    otherwise: Any = ABSTAIN,
    cover: float = 0.5,
    name: str | None = None,
) -> Any:
    """Make a concept of a function and register it; bare or called.

    Parameters
    ----------
    label
        What it votes on items that it covers; the name unless given.
    otherwise
        What it votes on all others.
    cover
        Share of an item's time that has to be covered, in (0, 1]; instants need any overlap.
    name
        Name; that of the function unless given.

    Raises
    ------
    QueryError
        If the name is taken, or the function has parameters that cannot be filled by name.

    >>> @concept(label="host")
    ... def studio(faces):
    ...     return faces
    >>> studio
    Concept(studio, label='host')
    >>> REGISTRY.remove("studio")
    """
    if function is not None and not callable(function):
        raise QueryError(f"concept() decorates a function, got {function!r}; give label= by name")
    if not 0 < cover <= 1:
        raise QueryError(f"concept(cover=) must be in (0, 1], got {cover!r}")

    def decorate(decorated: Callable[..., Intervals]) -> Concept:
        _check_parameters(decorated)
        called = name or decorated.__name__
        made = Concept(decorated, called, called if label is None else label, otherwise, cover)
        REGISTRY.add(made)
        return made

    return decorate if function is None else decorate(function)


def _check_parameters(function: Callable[..., Any]) -> None:
    for parameter in inspect.signature(function).parameters.values():
        named = (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if parameter.kind not in named:
            raise QueryError(
                f"concept {function.__name__!r}: {parameter} cannot be filled by name; write a"
                " parameter for each table, such as faces"
            )
