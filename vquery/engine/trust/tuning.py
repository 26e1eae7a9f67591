"""Tuning: settings of a query that fit labels best, found on some videos, checked on others."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from vquery.engine.running.batches import run_plan
from vquery.engine.running.cache import Cache
from vquery.engine.running.settings import Settings as RunSettings
from vquery.engine.trust.evaluation import PRF, evaluate, only
from vquery.engine.trust.search import METHODS
from vquery.engine.trust.space import Space, space_of
from vquery.engine.trust.trail import is_local, only_videos
from vquery.engine.trust.tuning_text import html, shown, text
from vquery.errors import QueryError
from vquery.plan.rewrite import parameters, with_defaults
from vquery.plan.steps import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vquery.engine.intervals import Intervals
    from vquery.engine.trust.space import Settings
    from vquery.expr.relations import Relation

LOWER = ("start_error", "end_error")
HIGHER = ("mean_ap", *(f"{what}_{name}" for what in ("time", "item") for name in PRF))
AT_TIOU = (*PRF, "ap")
DEFAULT, RANDOM = "default", "random"


@dataclass(frozen=True)
class Best:
    """The best settings of a search, and their score on the videos of the search and on others."""

    params: dict[str, Any]
    score: float | None
    holdout: float | None


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes
    ----------
    method, metric
        How was searched, and for what.
    best, random, default
        The best settings of the method, those of random search with the same budget, and those
        that the query was written with, each with its scores.
    trials
        Every trial in order: ``search``, the parameters, ``videos`` it ran on, ``score``,
        ``seconds`` it took.
    query
        The query with the best settings as defaults.
    tuned_on, held_out
        The videos.
    """

    method: str
    metric: str
    best: Best
    random: Best
    default: Best
    trials: pa.Table
    query: Intervals
    tuned_on: tuple[Any, ...]
    held_out: tuple[Any, ...]

    @property
    def params(self) -> dict[str, Any]:
        """The best settings."""
        return self.best.params

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


@dataclass(frozen=True)
class Goal:
    """What a result is measured by: labels, a metric, the columns that have to be equal."""

    truth: pa.Table
    metric: str
    by: tuple[str, ...]

    def __post_init__(self) -> None:
        name, _, tiou = self.metric.partition("@")
        known = name in AT_TIOU and _is_number(tiou) if tiou else name in (*LOWER, *HIGHER)
        if not known:
            raise QueryError(
                f"tune(metric=) takes {', '.join((*HIGHER, *LOWER))}, or one of"
                f" {', '.join(AT_TIOU)} at a tIoU, such as f1@0.5, got {self.metric!r}"
            )

    def score(self, found: pa.Table, videos: Sequence[Any]) -> float | None:
        """Measure a result on some videos; higher is better."""
        tiou = self.metric.partition("@")[2]
        thresholds = [float(tiou)] if tiou else [0.3, 0.5, 0.7]
        result = evaluate(only(found, videos), only(self.truth, videos), thresholds, self.by)
        name = self.metric.partition("@")[0]
        value = result.metric(f"{name}@{float(tiou):g}" if tiou else name)
        return -value if value is not None and name in LOWER else value

    def shown(self, score: float | None) -> float | None:
        """Turn a score back into the metric."""
        missing = score is None or math.isinf(score)
        return None if missing else -score if self.metric in LOWER else score  # type: ignore[operator]


def _is_number(given: str) -> bool:
    try:
        return 0 < float(given) <= 1
    except ValueError:
        return False


class Scores(Protocol):
    """What a search asks: how good settings are on some videos, higher is better."""

    def score(self, settings: Settings, videos: Sequence[Any]) -> float | None:
        """Score settings; None where that cannot be said."""


class Runner:
    """Runs the query for settings on videos; what trials share is computed once."""

    def __init__(self, relation: Relation, goal: Goal) -> None:
        self._relation = relation
        self._goal = goal
        self._local = is_local(relation)
        self._narrowed: dict[tuple[Any, ...], Relation] = {}
        self._cache = Cache()
        wanted = ("video", "start_us", "end_us", "score", *goal.by)
        self._columns = [name for name in relation.schema.names if name in wanted]

    def score(self, settings: Settings, videos: Sequence[Any]) -> float | None:
        """Score of the query with these settings on these videos."""
        step = plan(self._on(tuple(videos)), settings, self._columns)
        running = RunSettings(cache=self._cache, progress=False).running(step)
        return self._goal.score(run_plan(step, running), videos)

    def _on(self, videos: tuple[Any, ...]) -> Relation:
        if not self._local:
            return self._relation
        if videos not in self._narrowed:
            self._narrowed[videos] = only_videos(self._relation, videos)
        return self._narrowed[videos]


@dataclass
class Search:
    """One search with its budget: the trials that a method asks for, see ``search.Trials``."""

    name: str
    runner: Scores
    order: Sequence[Any]
    budget: float
    told: Callable[[dict[str, Any]], None]
    rows: list[dict[str, Any]] = field(default_factory=list)
    spent: float = 0.0
    _known: dict[tuple[Any, ...], float] = field(default_factory=dict)
    _seen: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def videos(self) -> int:
        """All videos of the search."""
        return len(self.order)

    @property
    def left(self) -> float:
        """What may still be spent, in runs on all videos."""
        return self.budget - self.spent + 1e-9

    def seen(self, settings: Settings) -> bool:
        """Whether settings were tried on any number of videos."""
        return tuple(settings.values()) in self._seen

    def score(self, settings: Settings, videos: int) -> float | None:
        """Score of a trial; what was tried before costs nothing."""
        key = (*settings.values(), videos)
        if key not in self._known:
            cost = videos / self.videos
            if cost > self.left:
                return None
            started = time.perf_counter()
            value = self.runner.score(settings, self.order[:videos])
            self._known[key] = -math.inf if value is None else value
            self._seen.add(tuple(settings.values()))
            self.spent += cost
            row = {"search": self.name, **settings, "videos": videos, "score": value}
            self.rows.append(row | {"seconds": time.perf_counter() - started})
            self.told(self.rows[-1])
        return self._known[key]

    def best(self) -> Settings:
        """Return the settings with the highest score on all videos; the first of equal ones."""
        among = [row for row in self.rows if row["videos"] == self.videos]
        values = [-math.inf if row["score"] is None else row["score"] for row in among]
        row = among[int(np.argmax(values))]
        hidden = ("search", "videos", "score", "seconds")
        return {name: value for name, value in row.items() if name not in hidden}


def tune(
    intervals: Intervals,
    goal: Goal,
    *,
    method: str,
    budget: int,
    videos: Sequence[Any],
    holdout: float,
    seed: int,
    params: Iterable[str] | Mapping[str, Any] | None,
    progress: Any,
) -> Tuning:
    """Search settings; see :meth:`vquery.engine.intervals.Intervals.tune`."""
    relation = intervals.node
    space = space_of(parameters(relation), params)
    tuned_on, held_out = _split(videos, holdout, seed)
    runner = Runner(relation, goal)
    with shown(progress, total=budget * (1 if method == RANDOM else 2)) as told:
        searches = [
            _searched(name, space, runner, tuned_on, budget, seed, told)
            for name in dict.fromkeys((method, RANDOM))
        ]
    results = [_judged(each.best(), runner, goal, tuned_on, held_out) for each in searches]
    default = _judged(space.defaults, runner, goal, tuned_on, held_out)
    return Tuning(
        method,
        goal.metric,
        results[0],
        results[-1],
        default,
        _table(searches, space, goal),
        type(intervals)(with_defaults(relation, results[0].params)),
        tuple(tuned_on),
        tuple(held_out),
    )


def _searched(
    name: str,
    space: Space,
    runner: Runner,
    order: Sequence[Any],
    budget: float,
    seed: int,
    told: Callable[[dict[str, Any]], None],
) -> Search:
    search = Search(name, runner, order, budget, told)
    search.score(space.defaults, search.videos)  # never end with less than what there was,
    search.spent = 0.0  # and not at the cost of the search
    # each method draws for itself: random search beside another one is no copy of its draws
    METHODS[name](space, search, np.random.default_rng([seed, list(METHODS).index(name)]))
    return search


def _split(videos: Sequence[Any], holdout: float, seed: int) -> tuple[list[Any], list[Any]]:
    """Shuffle videos and hold some out; the first of the others are the small runs."""
    ordered = sorted(set(videos))
    order = np.random.default_rng(seed).permutation(len(ordered))
    shuffled = [ordered[place] for place in order]
    number = min(math.ceil(len(shuffled) * holdout), len(shuffled) - 1) if holdout else 0
    return shuffled[number:], shuffled[:number]


def _judged(
    settings: Settings, runner: Runner, goal: Goal, tuned_on: list[Any], held_out: list[Any]
) -> Best:
    score = goal.shown(runner.score(settings, tuned_on))
    return Best(settings, score, goal.shown(runner.score(settings, held_out)) if held_out else None)


def _table(searches: list[Search], space: Space, goal: Goal) -> pa.Table:
    rows = [row | {"score": goal.shown(row["score"])} for each in searches for row in each.rows]
    names = ["search", *space.defaults, "videos", "score", "seconds"]
    columns = {name: [row[name] for row in rows] for name in names}
    scores = pa.array(columns.pop("score"), pa.float64())
    made = {name: scores if name == "score" else pa.array(columns[name]) for name in names}
    return pa.table(made)
