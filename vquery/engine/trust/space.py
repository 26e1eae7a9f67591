"""The settings that tuning searches: one dimension for each ``param(..., range=)``."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vquery.expr.expression import Param

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter: numbers from ``low`` to ``high``, both inclusive."""

    name: str
    default: Any
    low: float
    high: float
    whole: bool

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw a value, each as likely as any other."""
        if self.whole:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        return float(rng.uniform(self.low, self.high))

    def points(self, number: int, low: float | None = None, high: float | None = None) -> list[Any]:
        """Spread values evenly, ends included; whole numbers occur once.

        >>> Dimension("n", 2, 1, 3, whole=True).points(5)
        [1, 2, 3]
        """
        low = self.low if low is None else max(low, self.low)
        high = self.high if high is None else min(high, self.high)
        spread = np.linspace(low, high, number) if number > 1 else [(low + high) / 2]
        values = [round(each) if self.whole else float(each) for each in spread]
        return list(dict.fromkeys(values))


@dataclass(frozen=True, slots=True)
class Space:
    """All parameters that are searched."""

    dimensions: tuple[Dimension, ...]

    @property
    def defaults(self) -> Settings:
        """The settings as the query is written."""
        return {each.name: each.default for each in self.dimensions}

    def draw(self, rng: np.random.Generator) -> Settings:
        """Draw settings at random."""
        return {each.name: each.draw(rng) for each in self.dimensions}

    def grid(self, most: int) -> Iterator[Settings]:
        """Give the finest grid of at most ``most`` points with equally many values on each axis."""
        number = max(math.floor(most ** (1 / len(self.dimensions)) + 1e-9), 1)
        while self._size(number + 1) <= most and self._size(number + 1) > self._size(number):
            number += 1
        axes = [each.points(number) for each in self.dimensions]
        names = [each.name for each in self.dimensions]
        for values in itertools.product(*axes):
            yield dict(zip(names, values, strict=True))

    def _size(self, number: int) -> int:
        return math.prod(len(each.points(number)) for each in self.dimensions)


def space_of(known: Mapping[str, Param], chosen: Iterable[str] | Mapping[str, Any] | None) -> Space:
    """Choose the parameters to search.

    ``chosen`` names some of them, or gives ranges by name in place of those written.

    Raises
    ------
    QueryError
        If a parameter does not exist or has no range, or none is left.
    """
    ranges = dict(chosen) if isinstance(chosen, dict) else {}
    names = [chosen] if isinstance(chosen, str) else chosen
    wanted = (
        [name for name, param in known.items() if param.range] if names is None else list(names)
    )
    for name in wanted:
        if name not in known:
            there = ", ".join(known) or "none"
            raise QueryError(f"tune(): the query has no param {name!r}. Params: {there}")
    if not wanted:
        there = ", ".join(known) or "none"
        raise QueryError(
            "tune() searches parameters with a range, such as vq.param('gap', 10, range=(2, 60));"
            f" the query has none. Params: {there}"
        )
    return Space(tuple(_dimension(known[name], ranges.get(name)) for name in wanted))


def _dimension(param: Param, given: Any) -> Dimension:
    bounds: Any = param.range if given is None else given
    numbers = (
        isinstance(bounds, (tuple, list))
        and len(bounds) == 2
        and all(isinstance(each, (int, float)) and math.isfinite(each) for each in bounds)
    )
    if not numbers or bounds[0] > bounds[1]:
        raise QueryError(
            f"tune(): param {param.name!r} needs a range of two numbers (low, high), got {bounds!r}"
        )
    low, high = bounds
    whole = all(isinstance(each, int) for each in (param.default, low, high))
    return Dimension(param.name, param.default, low, high, whole)
