"""How settings are searched: grid, random, coordinate descent, halving, ASHA, Hyperband.

Every method asks for trials of some settings on some number of videos, until what it may spend is
spent. The best are kept: scores are sorted from the highest down.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from vquery.engine.trust.space import Settings, Space

ETA = 3
"""A round keeps one in so many, on so many times the videos."""
LINE = 5
"""Values that coordinate descent tries along an axis."""
REDRAWS = 50


class Trials(Protocol):
    """Runs settings on the first videos; knows what may still be spent."""

    @property
    def videos(self) -> int:
        """All videos of the search."""

    def score(self, settings: Settings, videos: int) -> float | None:
        """Score of a trial, higher is better; None where it is not affordable any more."""

    def seen(self, settings: Settings) -> bool:
        """Whether settings were tried on any number of videos."""

    @property
    def left(self) -> float:
        """What may still be spent, in runs on all videos."""


def grid(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Try the finest even grid that the budget allows."""
    del rng
    for settings in space.grid(max(int(trials.left), 1)):
        if trials.score(settings, trials.videos) is None:
            return


def random(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Draw settings at random.

    J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012).
    """
    while True:
        settings = _drawn(space, trials, rng)
        if settings is None or trials.score(settings, trials.videos) is None:
            return


def coordinate(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Improve one parameter after the other, in ever narrower ranges around the best; restart.

    The first start is the query as written, later ones are drawn.
    """
    start: Settings | None = space.defaults
    while start is not None and _descend(space, trials, start):
        start = _drawn(space, trials, rng)


def _descend(space: Space, trials: Trials, start: Settings) -> bool:
    """Descend from a start until nothing improves; False when the budget is spent."""
    best, top = start, trials.score(start, trials.videos)
    share = 1.0
    while top is not None and share > 0.01:
        before = top
        for each in space.dimensions:
            half = (each.high - each.low) * share / 2
            center = best[each.name]
            for value in each.points(LINE, center - half, center + half):
                settings = best | {each.name: value}
                score = trials.score(settings, trials.videos)
                if score is None:
                    return False
                if score > top:
                    best, top = settings, score
        share = share if top > before else share / 2
    return top is not None


def halving(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Try many settings on few videos, keep the best third, on three times the videos, and so on.

    K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS 2016.
    """
    rungs = _rungs(trials.videos)
    while trials.left >= 1:
        if not _bracket(space, trials, rng, rungs, trials.left):
            return


def hyperband(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Run successive halving from several first rungs: from very few videos to all at once.

    L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: a novel
    bandit-based approach to hyperparameter optimization", JMLR 18 (2018).
    """
    rungs = _rungs(trials.videos)
    while trials.left >= 1:
        share = trials.left / len(rungs)
        before = trials.left
        for first in range(len(rungs)):
            if not _bracket(space, trials, rng, rungs[first:], share):
                return
        if trials.left == before:
            return


def asha(space: Space, trials: Trials, rng: np.random.Generator) -> None:
    """Promote whatever is in the best third of its rung at once; else draw new settings.

    One worker, so that the result is the same every time: L. Li, K. Jamieson, A. Rostamizadeh,
    E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A system for massively parallel
    hyperparameter tuning", MLSys 2020.
    """
    rungs = _rungs(trials.videos)
    done: list[list[tuple[float, Settings]]] = [[] for _ in rungs]
    promoted: list[list[Settings]] = [[] for _ in rungs]
    while True:
        rung, settings = _promotable(done, promoted)
        if settings is None:
            rung, settings = 0, _drawn(space, trials, rng)
        if settings is None:
            return
        score = trials.score(settings, rungs[rung])
        if score is None:
            return
        done[rung].append((score, settings))


def _promotable(
    done: list[list[tuple[float, Settings]]], promoted: list[list[Settings]]
) -> tuple[int, Settings | None]:
    """Find settings that may go up a rung, from the highest rung down."""
    for rung in range(len(done) - 2, -1, -1):
        for _, settings in best_first(done[rung])[: len(done[rung]) // ETA]:
            if not any(settings is each for each in promoted[rung]):
                promoted[rung].append(settings)
                return rung + 1, settings
    return 0, None


def _bracket(
    space: Space, trials: Trials, rng: np.random.Generator, rungs: list[int], spend: float
) -> bool:
    """One round of successive halving; False when nothing more can be tried."""
    # every rung costs about the same
    number = max(int(spend / len(rungs) * trials.videos / rungs[0]), 1)
    kept: list[Settings] = []
    for _ in range(number):
        settings = _drawn(space, trials, rng, besides=kept)
        if settings is not None:
            kept.append(settings)
    for rung in rungs:
        scored = []
        for settings in kept:
            score = trials.score(settings, rung)
            if score is None:
                return False
            scored.append((score, settings))
        kept = [settings for _, settings in best_first(scored)[: max(len(scored) // ETA, 1)]]
    return bool(kept)


def best_first(scored: list[tuple[float, Settings]]) -> list[tuple[float, Settings]]:
    """Sort by score, highest first; ties stay in order.

    >>> [score for score, _ in best_first([(0.2, {}), (0.9, {}), (0.5, {})])]
    [0.9, 0.5, 0.2]
    """
    return sorted(scored, key=lambda each: each[0], reverse=True)


def _rungs(videos: int) -> list[int]:
    """Numbers of videos from few to all, each about three times the one before.

    >>> _rungs(20), _rungs(1)
    ([2, 6, 20], [1])
    """
    steps = math.floor(math.log(max(videos, 1), ETA) + 1e-9)
    return sorted({max(int(videos / ETA**step), 1) for step in range(steps + 1)})


def _drawn(
    space: Space, trials: Trials, rng: np.random.Generator, besides: list[Settings] | None = None
) -> Settings | None:
    """Draw settings that were not tried yet; None where there seem to be no others."""
    for _ in range(REDRAWS):
        settings = space.draw(rng)
        if not trials.seen(settings) and settings not in (besides or []):
            return settings
    return None


METHODS: dict[str, Callable[[Space, Trials, np.random.Generator], None]] = {
    "grid": grid,
    "random": random,
    "coordinate": coordinate,
    "halving": halving,
    "asha": asha,
    "hyperband": hyperband,
}
