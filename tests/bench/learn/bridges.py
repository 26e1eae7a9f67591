"""Why suggestions lose on screenshots: ``python -m tests.bench.learn.bridges DATA [DRAWS]``.

What `suggest` asks for stands beside the same with each picture moved at random within its own
segment, and with each moved to that picture of its segment and class which is linked least to the
other class. The last looks at all labels: it is a bound, and no strategy. Halves and curves are
those of `tests.bench.learn.loop`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.bench.learn import loop, sets
from tests.bench.learn.sets import Set
from vquery.graph.items import ItemGraph

DRAWS, BATCH = 60, 4
COUNTS = (4, 8, 12, 20, 40)


def first(asked: np.ndarray, order: np.ndarray, alike: Callable[[int], np.ndarray]) -> np.ndarray:
    """For each that was asked take the first in order that is like it and not taken yet."""
    free, found = np.ones(len(order), bool), []
    for at in asked:
        place = int(np.flatnonzero(alike(at) & free)[0])
        free[place] = False
        found.append(order[place])
    return np.array(found)


@dataclass(frozen=True)
class Pool:
    """All pictures that count, in one graph: nodes are places in ``data.rows``."""

    data: Set
    whole: ItemGraph

    @cached_property
    def said(self) -> np.ndarray:
        return self.data.truth[self.data.rows].astype(str)

    @cached_property
    def segment(self) -> np.ndarray:
        return self.data.group[self.data.rows]

    @cached_property
    def impure(self) -> np.ndarray:
        """Share of the weight of a picture's links that leads to the other class."""
        weights = self.whole.graph.weights.tocoo()
        apart = self.said[weights.row] != self.said[weights.col]
        n = len(self.said)
        other = np.bincount(weights.row, weights.data * apart, minlength=n)
        return other / np.maximum(np.bincount(weights.row, weights.data, minlength=n), 1e-12)

    def places(self, rows: np.ndarray | list[int]) -> np.ndarray:
        return np.searchsorted(self.data.rows, rows)

    def moved(self, asked: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Take another picture of the same segment, none twice."""
        order = rng.permutation(pool)
        return first(asked, order, lambda at: self.segment[order] == self.segment[at])

    def interior(self, asked: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Take the picture of the same segment and class with least links to the other."""
        order = rng.permutation(pool)
        order = order[np.argsort(self.impure[order], kind="stable")]
        kind = np.array(
            [f"{one} {what}" for one, what in zip(self.segment, self.said, strict=True)]
        )
        return first(asked, order, lambda at: kind[order] == kind[at])

    def accuracy(self, seeds: np.ndarray, test: np.ndarray) -> float:
        """Balanced accuracy; what is not reached is wrong."""
        told = self.whole.propagate({int(at): self.said[at] for at in seeds}).table["label"]
        hit = (np.array(told.fill_null("").to_pylist()) == self.said)[test]
        return float(np.mean([hit[self.said[test] == one].mean() for one in np.unique(self.said)]))


def ways(every: Pool, draw: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What is asked, in order, by way; and the pictures that count."""
    rows, test = loop.halves(every.data, draw)
    pool, rng = every.places(rows), np.random.default_rng([draw, 9])
    random, mixed = (
        every.places(loop.ask(every.data, rows, way, draw, BATCH, COUNTS[-1]))
        for way in ("random", "mixed")
    )
    asked = {
        "random": random,
        "mixed": mixed,
        "mixed, moved at random": every.moved(mixed, pool, rng),
        "mixed, moved inwards": every.interior(mixed, pool, rng),
    }
    return asked, every.places(test)


def main(folder: Path, draws: int) -> None:
    data = sets.television(folder)
    every = Pool(data, loop.graph_of(data, data.rows))
    curves: dict[str, list[list[float]]] = {}
    impure: dict[str, list[float]] = {}
    for draw in range(draws):
        asked, test = ways(every, draw)
        for way, seeds in asked.items():
            found = [every.accuracy(seeds[:count], test) for count in COUNTS]
            curves.setdefault(way, []).append(found)
            impure.setdefault(way, []).append(float(every.impure[seeds[: COUNTS[2]]].mean()))
    print(
        "| labels | " + " | ".join(map(str, COUNTS)) + f" | links to the other class, {COUNTS[2]} |"
    )
    print("|---|" + "---|" * (len(COUNTS) + 1))
    usual = np.array(curves["random"])
    for way, found in curves.items():
        cells = []
        for gain, mean in zip((np.array(found) - usual).T, np.mean(found, 0), strict=True):
            low, high = loop.interval(gain)
            more = "" if way == "random" else f" ({gain.mean():+.3f}: {low:+.3f} to {high:+.3f})"
            cells.append(f"{mean:.3f}{more}")
        print(f"| {way} | " + " | ".join(cells) + f" | {np.mean(impure[way]):.3f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else DRAWS)
