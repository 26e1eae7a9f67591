"""Search for values that were left open: successive halving over the pipeline, random beside it.

The quality of values is measured on videos whose labels the pipeline was not shown, and at the end
on videos that the search never saw. The searches are those that queries use.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.trust.search import METHODS
from vquery.engine.trust.space import Dimension, Space
from vquery.engine.trust.tuning import RANDOM, Search
from vquery.errors import PipelineError
from vquery.pipeline.making import concept_of
from vquery.pipeline.trials import FOLDS, Trials, labelled_videos
from vquery.pipeline.world import short
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vquery.pipeline.kinds import Open
    from vquery.pipeline.pipeline import Pipeline
    from vquery.pipeline.quality import Judged

METHOD, METRIC, BUDGET, HOLDOUT, SEED = "halving", "accuracy", 12, 0.3, 0
LEAST_VIDEOS = 3
DEFAULT = "default"

logger = logging.getLogger("vquery")


@dataclass(frozen=True)
class Chosen:
    """Values, their score in the search, and on videos that it never saw.

    Attributes
    ----------
    values
        By key, such as "tasks.name.propagate.threshold".
    score
        On all videos of the search, each judged without its own labels.
    judged
        On the held-out videos; null where none were held out.
    """

    values: dict[str, Any]
    score: float | None
    judged: Judged | None

    def holdout(self, metric: str) -> float | None:
        """Give the score on the held-out videos."""
        return None if self.judged is None else self.judged.value(metric)


@dataclass(frozen=True)
class Searched:
    """What a search over a pipeline found.

    Attributes
    ----------
    method, metric
        How was searched, and for what.
    best, random, default
        Values of the method, of random search with the same budget, and as they were written.
    trials
        Every trial: ``search``, the values, ``videos`` it ran on, ``score``, ``seconds``.
    tuned_on, held_out
        The videos.
    """

    method: str
    metric: str
    best: Chosen
    random: Chosen
    default: Chosen
    trials: pa.Table
    tuned_on: tuple[str, ...]
    held_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values."""
        found: dict[str, Any] = {"method": self.method, "metric": self.metric}
        for name, one in self._each():
            found[name] = {
                "values": one.values,
                "score": one.score,
                "holdout": one.holdout(self.metric),
            }
        found["holdout_items"] = 0 if self.best.judged is None else self.best.judged.items
        found["tuned_on"], found["held_out"] = list(self.tuned_on), list(self.held_out)
        found["trials"] = self.trials.num_rows
        return found

    def _each(self) -> tuple[tuple[str, Chosen], ...]:
        return ((self.method, self.best), (RANDOM, self.random), (DEFAULT, self.default))

    def __str__(self) -> str:
        held = 0 if self.best.judged is None else self.best.judged.items
        lines = [
            f"{self.metric} in {len(self.tuned_on)} videos of the search, and of {held:,} labels "
            f"in {len(self.held_out)} held-out ones:"
        ]
        for name, one in self._each():
            values = ", ".join(f"{key} = {value}" for key, value in one.values.items())
            scores = f"{_shown(one.score)}, {_shown(one.holdout(self.metric))}"
            lines.append(f"  {name}: {scores} with {values}")
        return "\n".join(lines)

    __repr__ = __str__


class _Coded:
    """Trials in numbers, as searches draw them: a choice is its place.

    One video alone cannot be judged by the labels of another: the least trial takes ``least``.
    """

    def __init__(self, trials: Trials, open_: Mapping[str, Open], least: list[str]) -> None:
        self._trials, self._open, self._least = trials, open_, least

    def values(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: self._open[key].choices[value] if self._open[key].choices else value
            for key, value in settings.items()
        }

    def score(self, settings: Mapping[str, Any], videos: Sequence[str]) -> float | None:
        enough = list(videos) if len(videos) >= len(self._least) else self._least
        return self._trials.score(self.values(settings), enough)


def search(pipeline: Pipeline, progress: Callable[[str], None]) -> Searched:
    """Search the values that a pipeline leaves open; see `Pipeline.tune`."""
    options = pipeline.settings.get("search", {})
    concept = searched_concept(pipeline)
    metric, method = options.get("metric", METRIC), options.get("method", METHOD)
    budget, seed = options.get("budget", BUDGET), options.get("seed", SEED)
    tuned_on, held_out = _split(pipeline, concept, options.get("holdout", HOLDOUT), seed)
    trials = Trials(pipeline, concept, metric, lambda _: None)
    try:
        coded = _Coded(trials, pipeline.open, tuned_on[:FOLDS])
        space = Space(tuple(_dimension(key, one) for key, one in pipeline.open.items()))

        def told(row: dict[str, Any]) -> None:
            progress(f"search {row['search']}: {row['score']} on {row['videos']} videos")

        searches = [
            _searched(name, space, coded, tuned_on, budget, seed, told)
            for name in dict.fromkeys((method, RANDOM))
        ]
        progress("judging on held-out videos")
        best = _chosen(searches[0], searches[0].best(), coded, trials, tuned_on, held_out)
        drawn = _chosen(searches[-1], searches[-1].best(), coded, trials, tuned_on, held_out)
        default = _chosen(searches[0], space.defaults, coded, trials, tuned_on, held_out)
    finally:
        trials.close()
    return Searched(
        method, metric, best, drawn, default, _table(searches, coded), tuple(tuned_on),
        tuple(held_out),
    )  # fmt: skip


def searched_concept(pipeline: Pipeline) -> str:
    """Find the concept whose labels a search is judged by.

    Raises
    ------
    PipelineError
        If nothing is open, corrections are, or there are several tasks and none is named.
    """
    if not pipeline.open:
        raise PipelineError(
            f"{pipeline.where}: nothing is left open to search, such as "
            "threshold = {range = [0.2, 0.8]}"
        )
    for key, one in pipeline.open.items():
        if _of_corrections(key, one):
            raise PipelineError(
                f"{pipeline.where}: {key} cannot be searched: corrections were found with all "
                "labels in sight, so that no trial may see them; write true or false"
            )
    tasks = pipeline.settings.get("tasks", {})
    name = pipeline.settings.get("search", {}).get("task")
    if name is None:
        if len(tasks) != 1:
            raise PipelineError(
                f"{pipeline.where}: search.task must say by which task values are judged: "
                f"{', '.join(tasks) or 'there is none'}"
            )
        (name,) = tasks
    return concept_of(name, tasks[name])


def _of_corrections(key: str, one: Open) -> bool:
    if key.endswith(".fuse"):
        return len({choice.get("corrections", True) for choice in one.choices}) > 1
    return key.endswith(".fuse.corrections")


def space_print(pipeline: Pipeline) -> str:
    """Fingerprint of what is searched and how, so that it is searched once."""
    return short(
        [
            {key: repr(one) for key, one in pipeline.open.items()},
            pipeline.settings.get("search", {}),
        ]
    )


def _split(
    pipeline: Pipeline, concept: str, holdout: float, seed: int
) -> tuple[list[str], list[str]]:
    videos = labelled_videos(Store.open(pipeline.path), concept)
    if len(videos) < LEAST_VIDEOS:
        raise PipelineError(
            f"{pipeline.where}: a search is judged on videos whose labels it is not shown, and "
            f"people have labelled {concept!r} in {len(videos)} videos: label at least "
            f"{LEAST_VIDEOS}"
        )
    order = np.random.default_rng(seed).permutation(len(videos))
    shuffled = [videos[at] for at in order]
    number = min(int(np.ceil(len(videos) * holdout)), len(videos) - 2) if holdout else 0
    return shuffled[number:], shuffled[:number]


def _dimension(key: str, one: Open) -> Dimension:
    if one.choices:
        last = len(one.choices) - 1
        return Dimension(key, one.choices.index(one.default), 0, last, whole=True)
    return Dimension(key, one.default, one.low, one.high, one.whole)


def _searched(
    name: str,
    space: Space,
    coded: _Coded,
    order: Sequence[str],
    budget: float,
    seed: int,
    told: Callable[[dict[str, Any]], None],
) -> Search:
    made = Search(name, coded, order, budget, told)
    made.score(space.defaults, made.videos)  # never end with less than what was written,
    made.spent = 0.0  # and not at the cost of the search
    METHODS[name](space, made, np.random.default_rng([seed, list(METHODS).index(name)]))
    return made


def _chosen(
    made: Search,
    settings: dict[str, Any],
    coded: _Coded,
    trials: Trials,
    tuned_on: Sequence[str],
    held_out: Sequence[str],
) -> Chosen:
    values = coded.values(settings)
    score = made.score(settings, made.videos)
    judged = trials.hidden(values, tuned_on, held_out) if held_out else None
    return Chosen(values, None if score is None or np.isinf(score) else score, judged)


def _table(searches: list[Search], coded: _Coded) -> pa.Table:
    rows = []
    for one in searches:
        for row in one.rows:
            about = {name: row[name] for name in ("search", "videos", "score", "seconds")}
            settings = {name: value for name, value in row.items() if name not in about}
            rows.append(about | {key: str(one) for key, one in coded.values(settings).items()})
    return pa.Table.from_pylist(rows)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
