"""Phrases: words that follow each other in captions, also from one cue to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.amounts import require_seconds, shown_number
from vquery.expr.expression import Expression, lift
from vquery.expr.node import Node
from vquery.expr.relations import Relation, refuse_clash, require_columns
from vquery.expr.types import Kind, kind_of
from vquery.expr.wording import Clause, Phrase, Wording, read_phrase
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = "text"
ADDED = (pa.field("n_words", pa.int64()), pa.field("exact", pa.bool_()))
"""Columns that a phrase adds."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearness(Node):
    """What has to be near an occurrence, or must not be."""

    wordings: tuple[Wording, ...] = field(repr=False)
    limit: Expression
    unit: str
    negated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Phrases(Relation):
    """Occurrences of a phrase in the words of each video, one row each.

    ``on`` is the column of texts or words. The settings are described at ``Intervals.phrase``.
    """

    input: Relation
    on: str
    phrase: Phrase
    nearness: tuple[Nearness, ...]
    max_gap: Expression | None
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_columns(self.input, [self.on])
        given = self.input.schema.field(self.on).type
        if kind_of(given) is not Kind.STRING:
            raise QueryError(f"phrase(on=) takes a column of texts, but {self.on!r} is {given}")
        if self.on in (*KEYS, *BOX, "score"):
            raise QueryError(f"phrase(on=) takes a column of texts, not {self.on!r}")
        if self.max_gap is not None:
            require_seconds(self.max_gap, "phrase(max_gap=)", lowest=0)
        for each in self.nearness:
            _require_limit(each)
        kept = [each for each in self.input.schema if each.name != self.on]
        place = self.input.schema.get_field_index(self.on) if self.on == TEXT else len(kept)
        fields = [*kept[:place], pa.field(TEXT, pa.string()), *kept[place:], *ADDED]
        refuse_clash([each.name for each in fields], "rename the column before phrase()")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return f"phrase in {self.input.name}"


def _require_limit(given: Nearness) -> None:
    if given.unit == "seconds":
        require_seconds(given.limit, "phrase(within=)", lowest=0)
        return
    number = shown_number(given.limit)
    if not (number >= 0 and number == number // 1):
        raise QueryError(
            f"phrase(words=) takes a whole number of words of at least 0, got {given.limit!r}"
        )


def phrases_of(
    relation: Relation,
    text: Any,
    *,
    near: Any,
    not_near: Any,
    within: Any,
    words: Any,
    max_gap: Any,
    on: Any,
) -> Phrases:
    """Build the node of a phrase from what was given to its method.

    Raises
    ------
    QueryError
        If the text cannot be read, or settings do not go together.
    """
    phrase = read_phrase(text)
    nearness = [_from_clause(each) for each in phrase.clauses]
    asked = [(near, False), (not_near, True)]
    if any(each is not None for each, _ in asked):
        if (within is None) is (words is None):
            raise QueryError("phrase(near=, not_near=) needs either within= (seconds) or words=")
        unit, limit = ("seconds", within) if words is None else ("words", words)
        for given, negated in asked:
            if given is not None:
                name = "phrase(not_near=)" if negated else "phrase(near=)"
                read = read_phrase(given, name)
                if read.clauses:
                    raise QueryError(f"{name} takes words and alternatives only, got {given!r}")
                nearness.append(Nearness(read.wordings, lift(limit), unit, negated))
    elif within is not None or words is not None:
        raise QueryError("phrase(within=, words=) say how near: they need near= or not_near=")
    column = _column(relation, on)
    gap = None if max_gap is None else lift(max_gap)
    return Phrases(relation, column, phrase, tuple(nearness), gap)


def _from_clause(clause: Clause) -> Nearness:
    limit = int(clause.limit) if clause.unit == "words" else clause.limit
    return Nearness(clause.wordings, lift(limit), clause.unit, clause.negated)


def _column(relation: Relation, on: Any) -> str:
    """Column to search: the one given, else ``text``, else ``word``."""
    if on is not None:
        name = getattr(on, "name", on)
        if not isinstance(name, str):
            raise QueryError(f"phrase(on=) takes a column, such as row.text, got {on!r}")
        return name
    names: Sequence[str] = relation.schema.names
    for name in (TEXT, "word"):
        if name in names:
            return name
    raise QueryError(
        f"phrase(): {relation.name} has neither a column 'text' nor 'word': say on= which column"
        f" holds what was said. Columns: {', '.join(names)}"
    )
