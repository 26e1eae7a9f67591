"""The language of sequences: ``green yellow? red`` as a tree, and as edges between states.

The semantics of order and preference are those of MATCH_RECOGNIZE in SQL:2016 (ISO/IEC TR
19075-5): alternatives from left to right, repetitions as long as possible. The tree becomes an
automaton in the way of K. Thompson, "Regular expression search algorithm", CACM 11 (1968).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_NUMBER = 9
"""Digits of a number of times."""
ANY = "."
"""Stands for every row."""
LONGEST = 1000
"""States that a sequence may have, repetitions written out."""
DEEPEST = 50
"""Brackets in brackets."""
MOST_SIGNS = 4
"""Signs such as ``*`` behind each other."""
MOST_WAYS = 300_000
"""Ways from one symbol to the next; parts that may all be left out have the square of them."""

TOKEN = re.compile(
    r"\s*(?:(?P<name>\w[\w-]*)|(?P<quoted>'[^']*'|\"[^\"]*\")"
    r"|(?P<times>\{\s*(?P<low>\d*)\s*(?P<comma>,?)\s*(?P<high>\d*)\s*\})"
    r"|(?P<sign>[.?*+|()!]))"
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One row that carries a symbol."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Without:
    """Nothing that carries one of the symbols starts between the neighbours."""

    names: tuple[str, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts one after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of the parts, the first preferred."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part several times, as often as possible; ``high`` None is without end."""

    part: Tree
    low: int
    high: int | None


Tree = Symbol | Without | Chain | Either | Repeat


@dataclass(frozen=True, slots=True)
class Edge:
    """What may come next: a state (None: the end) if nothing of ``without`` lies between."""

    state: int | None
    without: frozenset[str]


@dataclass(frozen=True, slots=True)
class SequencePattern:
    """A sequence that was read: its text, its tree, and what follows each state.

    ``states`` are the symbols that states take; ``edges[0]`` leave the start and ``edges[q + 1]``
    the state ``q``, the preferred ones first.
    """

    text: str
    tree: Tree
    states: tuple[str, ...] = field(repr=False)
    edges: tuple[tuple[Edge, ...], ...] = field(repr=False)

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols in the order of the text, those that are forbidden too."""
        return tuple(self.columns())

    def columns(self) -> dict[str, int]:
        """Where each symbol stands in the text first, counted from 1."""
        places: dict[str, int] = {}
        for each in sorted(leaves(self.tree), key=lambda leaf: leaf.column):
            for name in _names(each):
                places.setdefault(name, each.column)
        return places

    def __repr__(self) -> str:
        return repr(self.text)


def leaves(tree: Tree) -> Iterator[Symbol | Without]:
    """Yield the symbols of a tree."""
    if isinstance(tree, (Symbol, Without)):
        yield tree
    else:
        for part in (tree.part,) if isinstance(tree, Repeat) else tree.parts:
            yield from leaves(part)


def _names(leaf: Symbol | Without) -> tuple[str, ...]:
    return (leaf.name,) if isinstance(leaf, Symbol) else leaf.names


def read_sequence(text: str) -> SequencePattern:
    """Read the text of a sequence.

    Raises
    ------
    QueryError
        Naming the column at which it cannot be understood.

    >>> read_sequence("green yellow? red").symbols
    ('green', 'yellow', 'red')
    >>> read_sequence("a (b | c")
    Traceback (most recent call last):
    vquery.errors.QueryError: sequence: the bracket at column 3 is not closed: 'a (b | c'
    """
    if not isinstance(text, str):
        raise QueryError(f"sequence() takes a text such as 'green yellow? red', got {text!r}")
    tree = _Reader(text).read()
    program = _Program(tree, text)
    edges = tuple(program.edges())
    return SequencePattern(text, tree, tuple(program.states), edges)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0

    def read(self) -> Tree:
        """Tree of the whole text."""
        tree = self._either()
        if (found := self._next()) is not None:
            self._refuse(f"{found.group().strip()!r} is not expected", self._column(found))
        return tree

    def _next(self) -> re.Match[str] | None:
        """Look at what comes next, without taking it."""
        if not self._text[self._place :].strip():
            return None
        found = TOKEN.match(self._text, self._place)
        if found is None:
            space = len(self._text[self._place :]) - len(self._text[self._place :].lstrip())
            place = self._place + space
            quote = self._text[place] in "'\""
            what = "is not closed" if quote else "is not understood"
            self._refuse(f"{self._text[place]!r} {what}", place + 1)
        return found

    def _take(self, *signs: str) -> re.Match[str] | None:
        found = self._next()
        if found is not None and found["sign"] in signs:
            self._place = found.end()
            return found
        return None

    def _either(self) -> Tree:
        parts = [self._chain()]
        while self._take("|"):
            parts.append(self._chain())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _chain(self) -> Tree:
        parts = []
        while (found := self._next()) is not None and found["sign"] not in ("|", ")"):
            parts.append(self._repeated())
        if not parts:
            where = len(self._text) + 1 if found is None else self._column(found)
            self._refuse("a symbol is missing", where)
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def _repeated(self) -> Tree:
        part = self._one()
        number = 0
        while (found := self._next()) is not None:
            times = self._times(found)
            if times is None:
                break
            number += 1
            if number > MOST_SIGNS:
                self._refuse("too many signs of repetition follow each other", self._column(found))
            if all(isinstance(leaf, Without) for leaf in leaves(part)):
                self._refuse("what must not come between cannot be repeated", self._column(found))
            self._place = found.end()
            part = Repeat(part, *times)
        return part

    def _times(self, found: re.Match[str]) -> tuple[int, int | None] | None:
        """How often the part before is repeated, None where nothing says so."""
        if found["sign"] in ("?", "*", "+"):
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[found["sign"]]
        if not found["times"]:
            return None
        low, high = found["low"], found["high"]
        if not (low or high):
            self._refuse("{} needs a number, such as {2,5}", self._column(found))
        if max(len(low), len(high)) > LONGEST_NUMBER:
            self._refuse("a number is too large", self._column(found))
        least = int(low or 0)
        most = int(high) if high else None if found["comma"] else least
        if most is not None and (most < least or most == 0):
            self._refuse(f"{found['times']} is never met", self._column(found))
        return least, most

    def _one(self) -> Tree:
        found = self._next()
        assert found is not None
        if found["name"] or found["quoted"]:
            return self._symbol(found)
        if self._take("."):
            return Symbol(ANY, self._column(found))
        if self._take("("):
            self._depth += 1
            if self._depth > DEEPEST:
                self._refuse(f"more than {DEEPEST} brackets in brackets", self._column(found))
            tree = self._either()
            if not self._take(")"):
                self._refuse(f"the bracket at column {self._column(found)} is not closed", None)
            self._depth -= 1
            return tree
        if not self._take("!"):
            self._refuse(f"nothing to repeat before {found.group().strip()!r}", self._column(found))
        return self._without(self._column(found))

    def _symbol(self, found: re.Match[str]) -> Symbol:
        self._place = found.end()
        name = found["name"] or found["quoted"][1:-1]
        if not name:
            self._refuse("a symbol is empty", self._column(found))
        return Symbol(name, self._column(found))

    def _without(self, column: int) -> Tree:
        if (found := self._next()) is None or found["sign"] not in (None, "(", "."):
            self._refuse("a symbol is missing after '!'", column)
        tree = self._one()
        parts = tree.parts if isinstance(tree, Either) else (tree,)
        names = [part.name for part in parts if isinstance(part, Symbol)]
        if len(names) < len(parts):
            self._refuse("'!' takes a symbol, or several: !(a | b)", column)
        return Without(tuple(names), column)

    def _column(self, found: re.Match[str]) -> int:
        return found.end() - len(found.group().lstrip()) + 1

    def _refuse(self, what: str, column: int | None) -> NoReturn:
        where = "" if column is None else f" at column {column}"
        raise QueryError(f"sequence: {what}{where}: {self._text!r}")


class _Program:
    """A tree as steps: take a symbol, forbid symbols, go on at either of two places, end."""

    def __init__(self, tree: Tree, text: str) -> None:
        self.states: list[str] = []
        self._text = text
        self._steps: list[tuple[object, ...]] = []
        self._ways = 0
        self._add(tree)
        self._steps.append(("end",))

    def _add(self, tree: Tree) -> None:
        if isinstance(tree, Symbol):
            if len(self.states) == LONGEST:
                raise QueryError(
                    f"sequence: {self._text!r} has more than {LONGEST} symbols, repetitions"
                    " written out"
                )
            self._steps.append(("take", len(self.states)))
            self.states.append(tree.name)
        elif isinstance(tree, Without):
            self._steps.append(("without", frozenset(tree.names)))
        elif isinstance(tree, Chain):
            for part in tree.parts:
                self._add(part)
        elif isinstance(tree, Either):
            self._add_either(tree)
        else:
            self._add_repeat(tree)

    def _add_either(self, tree: Either) -> None:
        ends = []
        for part in tree.parts[:-1]:
            fork = self._hole()
            self._add(part)
            ends.append(self._hole())
            self._steps[fork] = ("fork", fork + 1, len(self._steps))
        self._add(tree.parts[-1])
        for place in ends:
            self._steps[place] = ("fork", len(self._steps))

    def _add_repeat(self, tree: Repeat) -> None:
        for _ in range(tree.low):
            self._add(tree.part)
        if tree.high is None:
            fork = self._hole()
            self._add(tree.part)
            self._steps.append(("fork", fork))
            self._steps[fork] = ("fork", fork + 1, len(self._steps))
            return
        forks = []
        for _ in range(tree.high - tree.low):
            forks.append(self._hole())
            self._add(tree.part)
        for fork in forks:
            self._steps[fork] = ("fork", fork + 1, len(self._steps))

    def _hole(self) -> int:
        self._steps.append(())
        return len(self._steps) - 1

    def edges(self) -> Iterator[tuple[Edge, ...]]:
        """Edges from the start, then from each state."""
        taking = [place for place, step in enumerate(self._steps) if step[0] == "take"]
        for number, place in enumerate([0, *(place + 1 for place in taking)]):
            edges = tuple(self._reached(place))
            for edge in edges:
                if edge.without and (number == 0 or edge.state is None):
                    raise QueryError(
                        f"sequence: {', '.join('!' + name for name in sorted(edge.without))} must"
                        f" stand between two symbols: {self._text!r}"
                    )
            # what matches nothing at all is no match
            yield tuple(edge for edge in edges if number or edge.state is not None)

    def _reached(self, place: int) -> dict[Edge, None]:
        """Symbols and the end that can be reached without taking a row, the preferred first."""
        found: dict[Edge, None] = {}
        seen: set[tuple[int, frozenset[str]]] = set()
        pending: list[tuple[int, frozenset[str]]] = [(place, frozenset())]
        while pending:
            at, without = pending.pop()
            if (at, without) in seen:
                continue
            seen.add((at, without))
            self._ways += 1
            if self._ways > MOST_WAYS:
                raise QueryError(
                    f"sequence: {self._text!r} can go on in too many ways: name what may be left"
                    " out, or what must not lie between, fewer times"
                )
            kind, *rest = self._steps[at]
            if kind == "take":
                found.setdefault(Edge(rest[0], without))  # type: ignore[arg-type]
            elif kind == "end":
                found.setdefault(Edge(None, without))
            elif kind == "without":
                pending.append((at + 1, without | rest[0]))  # type: ignore[operator]
            else:
                pending.extend((to, without) for to in reversed(rest))  # type: ignore[misc]
        return found
