"""A random query while it grows, and the kinds of steps that it may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st

import vquery as vq
from tests.properties.odd_tables import CLOCKS, PLAIN, films

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.intervals import Intervals

    Draw = st.DrawFn


class Walk:
    """A query that grows: draws, and names that are used once."""

    def __init__(self, draw: Draw, *, odd: bool = False) -> None:
        self.draw = draw
        self.clock = draw(CLOCKS) if odd else PLAIN
        self.odd = odd
        self.params: dict[str, Any] = {}
        self._number = 0

    def new(self, word: str) -> str:
        """Name that no column has yet."""
        self._number += 1
        return f"{word} {self._number}"

    def of(self, *values: Any) -> Any:
        """One of these."""
        return self.draw(st.sampled_from(values))

    def param(self, value: Any, other: Any) -> Any:
        """Return a value as it stands, or as a param that may be set to another."""
        if self.draw(st.booleans()):
            return value
        name = self.new("p")
        self.params[name] = other
        return vq.param(name, value)

    def film(self, max_size: int = 8) -> Intervals:
        """Rows as they come."""
        return self.draw(films(self.clock, max_size, odd=self.odd))

    def other(self) -> Intervals:
        """Another relation."""
        made = self.film(5)
        return STEP[self.of(*STEP)](self, made) if self.draw(st.integers(0, 4)) == 0 else made

    def columns(self, given: Intervals, most: int = 2) -> list[str]:
        """Some columns that can be compared."""
        plain = [each.name for each in given.schema if not pa.types.is_nested(each.type)]
        return self.draw(st.lists(st.sampled_from(plain), max_size=most, unique=True))


STEP: dict[str, Callable[[Walk, Intervals], Intervals]] = {}


def step(make: Callable[[Walk, Intervals], Intervals]) -> Callable[[Walk, Intervals], Intervals]:
    """Add a kind of step."""
    STEP[make.__name__] = make
    return make
