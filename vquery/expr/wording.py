"""What a word is, and the language of phrases: ``joining us | joins me``, ``a & b :: 5``."""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from vquery.errors import QueryError
from vquery.expr.amounts import FARTHEST

APOSTROPHES = "'\u2019\u02bc"
MOST = 10_000
"""Ways to word a phrase, brackets multiplied out."""
MOST_WORDS = 200_000
"""Words of all the ways to word a phrase."""
DEEPEST = 50
"""Brackets in brackets."""


def is_letter(character: str) -> bool:
    """Whether a character makes words: letters, digits and marks on them.

    >>> is_letter("é"), is_letter("7"), is_letter("_"), is_letter(">")
    (True, True, False, False)
    """
    return character.isalnum() or unicodedata.category(character).startswith("M")


def folded(word: str) -> str:
    """Return the form in which words are compared: case and the kind of apostrophe do not matter.

    >>> folded("DON\u2019T") == folded("don't")
    True
    """
    for sign in APOSTROPHES[1:]:
        word = word.replace(sign, "'")
    return unicodedata.normalize("NFC", word.casefold())


def words_of(text: str) -> list[str]:
    """Words of a text as written: runs of letters and digits, with apostrophes inside.

    >>> words_of(">> I DON'T know -- self-esteem, 'em & 5%")
    ['I', "DON'T", 'know', 'self', 'esteem', 'em', '5']
    """
    words: list[str] = []
    inside = False
    for place, character in enumerate(text):
        joins = (
            character in APOSTROPHES
            and inside
            and place + 1 < len(text)
            and is_letter(text[place + 1])
        )
        if is_letter(character) or joins:
            if inside:
                words[-1] += character
            else:
                words.append(character)
            inside = True
        else:
            inside = False
    return words


class Word(NamedTuple):
    """A word in its folded form, or the beginning of words."""

    text: str
    prefix: bool = False

    def __str__(self) -> str:
        return self.text + "*" * self.prefix


Wording = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """What has to be near, or must not be: any of the wordings, within seconds or words."""

    wordings: tuple[Wording, ...]
    limit: float
    unit: str  # "seconds" or "words"
    negated: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that was read: its wordings, and what must be near or not."""

    text: str
    wordings: tuple[Wording, ...]
    clauses: tuple[Clause, ...]

    def __repr__(self) -> str:
        return repr(self.text)


TOKEN = re.compile(r"\s*(?:(?P<sign>[|()&\\\[\]]|::|//)|(?P<text>(?:(?!::|//)[^\s|()&\\\[\]])+))")


def read_phrase(text: str, what: str = "phrase()") -> Phrase:
    r"""Read the text of a phrase.

    Raises
    ------
    QueryError
        Naming the column at which it cannot be understood.

    >>> [" ".join(map(str, each)) for each in read_phrase("(join* | thank) Us | hello").wordings]
    ['join* us', 'thank us', 'hello']
    >>> read_phrase("thank you \\ very much :: 5").clauses[0].negated
    True
    """
    if not isinstance(text, str):
        raise QueryError(f"{what} takes a text such as 'thank you', got {text!r}")
    return _Reader(text, what).read()


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, what: str) -> None:
        self._text = text
        self._what = what
        self._tokens = list(TOKEN.finditer(text.rstrip()))
        self._next = 0
        self._depth = 0

    def read(self) -> Phrase:
        """Phrase of the whole text."""
        wordings = self._either()
        clauses = []
        while (sign := self._sign()) in ("&", "\\"):
            self._next += 1
            clauses.append(self._clause(negated=sign == "\\"))
        if self._next < len(self._tokens):
            self._refuse(f"{self._tokens[self._next].group().strip()!r} is not expected")
        return Phrase(self._text, wordings, tuple(clauses))

    def _sign(self) -> str | None:
        if self._next == len(self._tokens):
            return None
        sign: str | None = self._tokens[self._next]["sign"]
        return sign

    def _clause(self, *, negated: bool) -> Clause:
        wordings = self._either()
        sign = self._sign()
        if sign not in ("::", "//"):
            self._refuse("after what is near comes how near: ':: 5' (seconds) or '// 5' (words)")
        self._next += 1
        given = self._tokens[self._next]["text"] if self._next < len(self._tokens) else None
        number = r"\d+(\.\d+)?" if sign == "::" else r"\d+"
        if given is None or not re.fullmatch(number, given):
            what = "seconds" if sign == "::" else "words, a whole number,"
            self._refuse(f"a number of {what} is missing after {sign!r}")
        limit = float(given)
        if limit > FARTHEST:
            self._refuse(f"{given} is farther than any recording is long:")
        self._next += 1
        return Clause(wordings, limit, "seconds" if sign == "::" else "words", negated)

    def _either(self) -> tuple[Wording, ...]:
        found = self._chain()
        while self._sign() == "|":
            self._next += 1
            found += self._chain()
        return tuple(dict.fromkeys(found))

    def _chain(self) -> tuple[Wording, ...]:
        found: tuple[Wording, ...] = ((),)
        while self._next < len(self._tokens):
            sign = self._sign()
            if sign is None:
                after = self._words(self._tokens[self._next]["text"])
                self._next += 1
            elif sign == "(":
                after = self._bracket()
            elif sign in ("[", "]"):
                self._refuse("for the forms of a word write join* or (join | joins | joined):")
            else:
                break
            if len(found) * len(after) > MOST:
                self._refuse(f"there are more than {MOST:,} ways to word this, brackets resolved")
            if len(found) > 1 and len(found) * len(found[0]) > MOST_WORDS:
                self._refuse(f"all ways to word this have more than {MOST_WORDS:,} words together")
            found = tuple((*one, *other) for one, other in itertools.product(found, after))
        if () in found:
            self._refuse("a word is missing")
        return found

    def _bracket(self) -> tuple[Wording, ...]:
        self._next += 1
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"there are more than {DEEPEST} brackets in brackets")
        found = self._either()
        if self._sign() != ")":
            self._refuse("a bracket is not closed")
        self._next += 1
        self._depth -= 1
        return found

    def _words(self, text: str) -> tuple[Wording, ...]:
        prefix = text.endswith("*")
        words = [Word(folded(each)) for each in words_of(text)]
        if "*" in text.removesuffix("*") or (prefix and not words):
            self._refuse(f"{text!r}: * stands at the end of the beginning of a word, as in join*")
        if prefix:
            words[-1] = Word(words[-1].text, prefix=True)
        return (tuple(words),)

    def _refuse(self, what: str) -> NoReturn:
        place = len(self._text) + 1
        if self._next < len(self._tokens):
            found = self._tokens[self._next]
            place = found.end() - len(found.group().lstrip()) + 1
        raise QueryError(f"{self._what}: {what} at column {place}: {self._text!r}")
