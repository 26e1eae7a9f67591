"""What can be asked of a value: its text, list, number or moment. All become calls by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.regex import check_regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery.expr.expression import Expression, Param

WHITE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What `strip` takes away: what Python takes for white space."""

TYPES = {int: "int", float: "float", str: "text", bool: "bool"}


class Values:
    """Calls on a value; `Expression` says how a call is made."""

    __slots__ = ()

    def _call(self, operation: str, *arguments: Any) -> Expression:
        raise NotImplementedError

    def cast(self, kind: type | str) -> Expression:
        """Return the value as ``"int"``, ``"float"``, ``"text"`` or ``"bool"``.

        A number becomes whole by leaving out what is behind the point; a text that is no such
        number, or neither "true" nor "false", becomes null.

        >>> from vquery.expr.placeholders import row
        >>> row.track.cast("text") + "!"
        row.track.cast('text') + '!'
        """
        name = TYPES.get(kind, kind) if isinstance(kind, type) else kind
        if name not in TYPES.values():
            raise QueryError(f"cast() takes 'int', 'float', 'text' or 'bool', got {kind!r}")
        return self._call(f"cast_{name}")


class Texts(Values):
    """What can be asked of a text. Case matters, see ``lower``."""

    __slots__ = ()

    def lower(self) -> Expression:
        """Return the text in lower case."""
        return self._call("lower")

    def upper(self) -> Expression:
        """Return the text in upper case."""
        return self._call("upper")

    def strip(self) -> Expression:
        """Return the text without white space at both ends."""
        return self._call("strip", WHITE)

    def replace(self, old: str, new: str) -> Expression:
        """Return the text with every ``old`` replaced by ``new``, both plain text."""
        if isinstance(old, str) and not old:
            raise QueryError("replace(): the text to replace must not be empty")
        return self._call("replace", old, new)

    def startswith(self, text: Any) -> Expression:
        """Whether the text starts with ``text``."""
        return self._call("startswith", text)

    def endswith(self, text: Any) -> Expression:
        """Whether the text ends with ``text``."""
        return self._call("endswith", text)

    def like(self, pattern: Any) -> Expression:
        """Whether the whole text matches a SQL pattern: ``%`` any text, ``_`` one character."""
        return self._call("like", pattern)

    def ilike(self, pattern: Any) -> Expression:
        """Whether the whole text matches a SQL pattern, upper and lower case being the same."""
        return self._call("ilike", pattern)

    def matches(self, pattern: Any) -> Expression:
        r"""Whether some part of the text matches a regular expression of RE2.

        ``^`` and ``$`` tie it to the ends, ``(?i)`` ignores case.

        Raises
        ------
        QueryError
            If it is none; the message says where it goes wrong.

        >>> from vquery.expr.placeholders import row
        >>> row.text.matches(r"^>>\s*[A-Z]+:")
        row.text.matches('^>>\\s*[A-Z]+:')
        """
        check_regex(pattern, "matches()")
        return self._call("matches", pattern)

    def extract(self, pattern: Any, group: int = 0) -> Expression:
        """Return the first part that matches a regular expression, or a group of it.

        It is null where nothing matches, and empty where the group takes no part in the match.
        """
        check_regex(pattern, "extract()", group)
        return self._call("extract", pattern, group)

    def words(self) -> Expression:
        """Return the words as a list: runs of letters and digits, apostrophes inside included.

        >>> from vquery.expr.placeholders import row
        >>> row.text.words().length() > 3
        row.text.words().length() > 3
        """
        return self._call("words")


class Lists(Values):
    """What can be asked of a list, and what lists and texts share."""

    __slots__ = ()

    def length(self) -> Expression:
        """Return the number of characters of the text, or of elements of the list."""
        return self._call("length")

    def contains(self, value: Any) -> Expression:
        """Whether the text has this part, or the list this element."""
        return self._call("contains", value)

    def contains_any(self, values: Iterable[Any]) -> Expression:
        """Whether the text has one of these parts, or the list one of these elements.

        >>> from vquery.expr.placeholders import row
        >>> row.text.contains_any(["JOINS", "JOINING"])
        row.text.contains('JOINS') | row.text.contains('JOINING')
        """
        if isinstance(values, str):
            raise QueryError(f"contains_any() takes a list, got {values!r}: use .contains()")
        tests = [self.contains(value) for value in values]
        if not tests:
            raise QueryError("contains_any() needs at least one value")
        result = tests[0]
        for test in tests[1:]:
            result = result | test
        return result

    def get(self, place: Any) -> Expression:
        """Return an element of the list: the first is 0, the last -1; null where there is none."""
        return self._call("get", place)

    def __getitem__(self, place: Any) -> Expression:
        if isinstance(place, (slice, str)):
            raise QueryError(
                f"[{place!r}] does not work on {self!r}: give the number of an element"
            )
        return self.get(place)

    def first(self) -> Expression:
        """Return the first element of the list; null where it is empty."""
        return self.get(0)

    def last(self) -> Expression:
        """Return the last element of the list; null where it is empty."""
        return self.get(-1)

    def join_text(self, between: str | Param = " ") -> Expression:
        """Return the texts of the list in one, with ``between`` between them, nulls left out."""
        written = getattr(between, "default", getattr(between, "value", between))
        if not isinstance(written, str):
            raise QueryError(f"join_text() takes a text to write between, got {between!r}")
        return self._call("join_text", between)


class Numbers(Values):
    """What can be asked of a number."""

    __slots__ = ()

    def abs(self) -> Expression:
        """Return the number without its sign."""
        return self._call("abs")

    def round(self, digits: int = 0) -> Expression:
        """Round to so many digits behind the point, halves away from zero."""
        if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= 15:
            raise QueryError(f"round() takes a number of digits from 0 to 15, got {digits!r}")
        return self._call("round", digits)

    def floor(self) -> Expression:
        """Return the largest whole number that is not larger."""
        return self._call("floor")

    def ceil(self) -> Expression:
        """Return the smallest whole number that is not smaller."""
        return self._call("ceil")

    def sqrt(self) -> Expression:
        """Return the square root; null for negative numbers."""
        return self._call("sqrt")

    def log(self) -> Expression:
        """Return the natural logarithm; null unless the number is positive."""
        return self._call("log")

    def exp(self) -> Expression:
        """Return e to the power of the number."""
        return self._call("exp")


class Moments(Values):
    """What can be asked of a timestamp or date; timestamps with a zone count in UTC."""

    __slots__ = ()

    def year(self) -> Expression:
        """Return the year."""
        return self._call("year")

    def month(self) -> Expression:
        """Return the month, 1 to 12."""
        return self._call("month")

    def day(self) -> Expression:
        """Return the day of the month, 1 to 31."""
        return self._call("day")

    def hour(self) -> Expression:
        """Return the hour, 0 to 23."""
        return self._call("hour")

    def weekday(self) -> Expression:
        """Return the day of the week as Python counts: Monday is 0, Sunday 6."""
        return self._call("weekday")
