"""What a value of a pipeline file may be, and the words that say what was expected."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from vquery.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RANGE, CHOICES, DEFAULT = "range", "choices", "default"
LARGEST = 2**63 - 1
SHOWN = 80
"""Letters of a value that an error shows."""


class Wrong(Exception):  # noqa: N818 - caught where the place in the file is known
    """A value that is not what was expected; ``at`` is the way to it from where it was read."""

    def __init__(self, problem: str, at: tuple[str, ...] = ()) -> None:
        super().__init__(problem)
        self.problem, self.at = problem, at


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: Any) -> Any:
        """Return the value, or raise `Wrong`."""


@dataclass(frozen=True)
class Open:
    """A value left open for a search: numbers from ``low`` to ``high``, or one of some.

    Attributes
    ----------
    default
        What is taken before a search.
    low, high, whole
        Of numbers.
    choices
        Empty for numbers.
    """

    default: Any
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return " | ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Number:
    """A number from ``low`` to ``high``."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    above: bool = False

    @property
    def expected(self) -> str:
        """Say what it may be."""
        what = "a whole number" if self.whole else "a number"
        if math.isfinite(self.high):
            return f"{what} from {self.low:g} to {self.high:g}"
        if math.isfinite(self.low):
            return f"{what} {'above' if self.above else 'of at least'} {self.low:g}"
        return what

    def read(self, value: Any) -> Any:
        """Take numbers, never truth values."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number and (isinstance(value, int) or (not self.whole and math.isfinite(value)))
        fits = fits and abs(value) <= LARGEST and self.low <= value <= self.high
        if not fits or (self.above and value == self.low):
            raise Wrong(f"must be {self.expected}, got {shown(value)}")
        return value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> Any:
        """Take truth values alone."""
        if not isinstance(value, bool):
            raise Wrong(f"must be true or false, got {shown(value)}")
        return value


@dataclass(frozen=True)
class Text:
    """A text, of some that there are, or any that is not empty."""

    choices: tuple[str, ...] = ()
    what: str = "a text"

    def read(self, value: Any) -> Any:
        """Take texts."""
        if self.choices and value not in self.choices:
            near = difflib.get_close_matches(str(value), self.choices, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Wrong(f"must be one of {', '.join(self.choices)}, got {shown(value)}{hint}")
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise Wrong(f"must be {self.what}, got {shown(value)}")
        return value


@dataclass(frozen=True)
class Identifier:
    """A text that can name a concept or table."""

    def read(self, value: Any) -> Any:
        """Take what may stand in a query as a name."""
        if not isinstance(value, str) or not value.isidentifier():
            raise Wrong(f"must be a name of letters, digits and '_', got {shown(value)}")
        return value


@dataclass(frozen=True)
class Several:
    """A list of values of one kind; one value stands for a list of it."""

    each: Kind
    least: int = 1
    exactly: int | None = None

    def read(self, value: Any) -> Any:
        """Take lists and tuples."""
        values = list(value) if isinstance(value, list | tuple) else [value]
        if self.exactly is not None and len(values) != self.exactly:
            raise Wrong(f"must be a list of {self.exactly}, got {shown(value)}")
        if len(values) < self.least:
            raise Wrong("must not be empty")
        return [_at(str(i), self.each, one) for i, one in enumerate(values)]


@dataclass(frozen=True)
class Either:
    """A value of the first kind that takes it."""

    kinds: tuple[Kind, ...]
    expected: str

    def read(self, value: Any) -> Any:
        """Try one kind after the other; a table tells its own mistakes."""
        for kind in self.kinds:
            if isinstance(kind, Table | Named) and isinstance(value, dict):
                return kind.read(value)
            try:
                return kind.read(value)
            except Wrong:
                continue
        raise Wrong(f"must be {self.expected}, got {shown(value)}")


@dataclass(frozen=True)
class Anything:
    """Anything; what uses it checks it."""

    def read(self, value: Any) -> Any:
        """Take it as it is."""
        return value


@dataclass(frozen=True)
class Table:
    """A table of known keys; an unknown one is refused with the nearest there is.

    Attributes
    ----------
    keys
        What each key may be.
    needed
        Keys that must be there.
    search
        Whether values may be left open for a search.
    """

    keys: Mapping[str, Kind]
    needed: tuple[str, ...] = ()
    search: bool = False

    def read(self, value: Any) -> Any:
        """Read every key."""
        if not _is_table(value):
            raise Wrong(f"must be a table of keys, got {shown(value)}")
        for name in value:
            if name not in self.keys:
                raise Wrong(_unknown(str(name), list(self.keys)), (str(name),))
        for name in self.needed:
            if name not in value:
                raise Wrong(f"lacks the key {name!r}")
        return {name: self._one(name, given) for name, given in value.items()}

    def _one(self, name: str, value: Any) -> Any:
        kind = self.keys[name]
        if self.search and _is_table(value) and set(value) & {RANGE, CHOICES}:
            return _within(name, lambda: opened(kind, value))
        return _at(name, kind, value)


@dataclass(frozen=True)
class Named:
    """A table whose keys are names that the user gives, all of one kind."""

    each: Kind
    names: Kind = field(default_factory=Identifier)

    def read(self, value: Any) -> Any:
        """Read every entry."""
        if not _is_table(value):
            raise Wrong(f"must be a table of names, got {shown(value)}")
        found = {}
        for name, given in value.items():
            _at(str(name), self.names, name)
            found[name] = _at(str(name), self.each, given)
        return found


def opened(kind: Kind, value: Mapping[str, Any]) -> Open:
    """Read a value that is left open: ``{range = [0.2, 0.8]}`` or ``{choices = ["a", "b"]}``.

    >>> opened(Number(0, 1), {"range": [0.2, 0.8]}).default
    0.5
    >>> opened(Number(1, whole=True), {"choices": [5, 9], "default": 9}).default
    9
    """
    if not set(value) <= {RANGE, CHOICES, DEFAULT} or {RANGE, CHOICES} <= set(value):
        raise Wrong(
            "is left open by {range = [low, high]} or {choices = [...]}, either with a default; "
            f"got {shown(dict(value))}"
        )
    if CHOICES in value:
        given = value[CHOICES]
        if not isinstance(given, list | tuple) or len(given) < 2:
            raise Wrong(f"needs choices of at least two values, got {shown(given)}")
        choices = tuple(_at(CHOICES, kind, one) for one in given)
        if any(_has_open(one) for one in choices):
            raise Wrong("has a choice that is left open itself: leave open what is inside, or it")
        default = _at(DEFAULT, kind, value[DEFAULT]) if DEFAULT in value else choices[0]
        if default not in choices:
            raise Wrong(f"has the default {shown(default)}, which is none of its choices")
        return Open(default, choices=choices)
    return _number(kind, value)


def _has_open(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_open(one) for one in value.values())
    return isinstance(value, Open)


def _number(kind: Kind, value: Mapping[str, Any]) -> Open:
    given = value[RANGE]
    numbers = next(
        (one for one in getattr(kind, "kinds", (kind,)) if isinstance(one, Number)), None
    )
    if numbers is None:
        raise Wrong("is no number: leave it open by {choices = [...]}")
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise Wrong(f"needs a range [low, high], got {shown(given)}")
    low, high = (_at(RANGE, numbers, one) for one in given)
    if low >= high:
        raise Wrong(f"needs a range [low, high] with low below high, got {shown(given)}")
    middle = (low + high) // 2 if numbers.whole else (low + high) / 2
    default = _at(DEFAULT, numbers, value.get(DEFAULT, middle))
    if not low <= default <= high:
        raise Wrong(f"has the default {shown(default)}, which is outside its range")
    return Open(default, low, high, numbers.whole)


def read(kind: Kind, value: Any, where: str) -> Any:
    """Read a value; what is wrong is told with the file and the key.

    Raises
    ------
    PipelineError
        Such as "vquery.toml: tasks.name.propagate.threshold must be a number from 0 to 1, …".

    >>> read(Table({"seed": Number(0, whole=True)}), {"sed": 1}, "vquery.toml")
    Traceback (most recent call last):
    vquery.errors.PipelineError: vquery.toml: sed is no key there; did you mean 'seed'? ...
    """
    try:
        return kind.read(value)
    except Wrong as error:
        at = ".".join(error.at) + " " if error.at else ""
        raise PipelineError(f"{where}: {at}{error.problem}") from None


def _at(name: str, kind: Kind, value: Any) -> Any:
    return _within(name, lambda: kind.read(value))


def _within(name: str, reading: Callable[[], Any]) -> Any:
    try:
        return reading()
    except Wrong as error:
        raise Wrong(error.problem, (name, *error.at)) from None


def shown(value: Any) -> str:
    """Show a value in an error; of a long one its beginning.

    >>> shown("x" * 500)[-6:]
    'xxx...'
    """
    text = str(type(value)) if isinstance(value, int) and abs(value) > LARGEST else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"is no key there; {hint}There are: {', '.join(known)}"
