"""Queries that people keep by name: texts, kept as events, which other queries may use."""

from __future__ import annotations

import ast
import keyword
from typing import TYPE_CHECKING, Any

from vquery.api import concepts as named
from vquery.engine.concept import REGISTRY
from vquery.engine.words import WORDS
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vquery.api.collection import Collection
    from vquery.engine.intervals import Intervals
    from vquery.store.events import Event
    from vquery.store.store import Store

ACTION = "concept"
LONGEST_NAME = 100
MOST = 1000


def saved(events: Iterable[Event]) -> dict[str, str]:
    """Return the texts in force by name: the latest of each name.

    >>> saved([])
    {}
    """
    found: dict[str, str] = {}
    for event in events:
        if event.action == ACTION:
            found[event.payload["name"]] = event.payload["text"]
    return found


def save(
    store: Store,
    name: str,
    text: str,
    tables: Iterable[str],
    *,
    who: str | None,
    functions: Iterable[str] = (),
) -> int:
    """Keep a text under a name, in place of an older one; return the event.

    Raises
    ------
    QueryError
        As `check`.
    """
    check(store, name, text, tables, functions)
    return store.append(ACTION, {"name": name, "text": text}, who=who, query=text)


def check(
    store: Store, name: str, text: str, tables: Iterable[str], functions: Iterable[str] = ()
) -> None:
    """Refuse what cannot be kept; ``functions`` of files have their names already.

    Raises
    ------
    QueryError
        If the name is none, is taken by something else, or the text would need itself.
    """
    if not (name.isidentifier() and name.isascii()) or len(name) > LONGEST_NAME:
        raise QueryError(
            f"{name[:LONGEST_NAME]!r} cannot name a concept: use letters, digits and '_'"
        )
    taken = {**dict.fromkeys(tables, "a table"), **dict.fromkeys(WORDS, "a word of queries")}
    taken |= dict.fromkeys(functions, "a function of a file")
    taken |= {one.name: "a concept of a file" for one in REGISTRY} | {"db": "a word of queries"}
    if name in taken or keyword.iskeyword(name):
        raise QueryError(f"{name!r} is {taken.get(name, 'a word of Python')}: take another name")
    known = saved(store.events())
    if len(known) >= MOST and name not in known:
        raise QueryError(f"there are {MOST} concepts: save over one of them")
    order(name, known | {name: text})


def order(name: str, texts: Mapping[str, str]) -> list[str]:
    """List the names that a text needs, each after those that it needs itself, ``name`` last.

    Raises
    ------
    QueryError
        If one needs itself.

    >>> order("c", {"a": "faces", "b": "a.limit(2)", "c": "b.join(a)"})
    ['a', 'b', 'c']
    >>> order("a", {"a": "b", "b": "a"})
    Traceback (most recent call last):
    vquery.errors.QueryError: concept 'a' would need itself: a → b → a
    """
    done: list[str] = []
    trail: list[str] = []
    ways = [iter([name])]
    while ways:
        one = next(ways[-1], None)
        if one is None:
            ways.pop()
            if trail:
                done.append(trail.pop())
        elif one in trail:
            way = " → ".join([*trail[trail.index(one) :], one])
            raise QueryError(f"concept {one!r} would need itself: {way}")
        elif one not in done:
            trail.append(one)
            ways.append(iter(sorted(names_in(texts[one]) & set(texts))))
    return done


def names_in(text: str) -> set[str]:
    """Names that a text uses; none where it is no expression, which parsing will say.

    >>> sorted(names_in("panel.filter(score > 0.5)"))
    ['panel', 'score']
    """
    try:
        tree = ast.parse(f"({text}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def query(
    db: Collection, text: str, functions: Mapping[str, Callable[..., Any]] | None = None
) -> Intervals:
    """Build the relation of a text that may use tables, concepts, functions and saved texts.

    Raises
    ------
    QueryError
        If it, or a saved text that it needs, cannot be understood.
    """
    tables: dict[str, Any] = db._tables()
    words, mine = {"db": db, **tables}, functions or {}
    kept = {name: one for name, one in saved(db._store.events()).items() if name not in tables}
    asked = text.strip()
    for name in order("", {**kept, "": asked})[:-1]:
        try:
            tables[name] = named.named_query(kept[name], mine, tables, words)
        except QueryError as error:
            raise QueryError(f"in the saved concept {name!r}: {error}") from error
    return named.named_query(asked, mine, tables, words)
