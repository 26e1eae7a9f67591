"""Choose how to propagate by the seeds alone: each is left out in turn, nothing else is looked at.

A few seeds say little. Taking whatever does best on them lost .8 points with 2 labels a class and
.5 with 5, on average over seventeen small sets. So the default stays unless another candidate makes
the left-out labels more probable beyond two standard errors and is right more often beyond one,
which lost at most .6 on any set and gained .1 on average, 1 at most, where the best candidate in
truth gains 1 to 2. It finds what is clearly better, such as a kind of edges that misleads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import SchemaError
from vquery.graph.calibrate import log_likelihood
from vquery.graph.columns import VISUAL, read_spaces
from vquery.graph.items import SYMMETRY, knn_graph
from vquery.graph.propagate import list_length
from vquery.graph.seeds import read_seeds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.columns import Columns
    from vquery.graph.items import ItemGraph
    from vquery.graph.labelled import Labelled
    from vquery.graph.masses import Prior

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]
    Candidate = Mapping[str, Any]

LENGTHS = (6, 16, 24)
"""Numbers of neighbours that are tried beside the default."""
LIGHT, HEAVY = 0.0, 4.0
"""What the weight of a kind of edges is multiplied with: without it, and with much more of it."""
SURE_LIKELIHOOD, SURE_HITS = 2.0, 1.0
"""Standard errors by which a candidate must be better than the default in both ways."""
BUILDS, SOLVES = ("k", "symmetry", "mix"), ("method", "alpha")
GAINS = ("right_gain", "right_gain_error", "likelihood_gain", "likelihood_gain_error")
TABLE = pa.schema(
    [
        ("candidate", pa.string()),
        ("left_out", pa.int64()),
        ("right", pa.float64()),
        ("right_error", pa.float64()),
        ("likelihood", pa.float64()),
        ("likelihood_error", pa.float64()),
        *((name, pa.float64()) for name in GAINS),
        ("reached", pa.float64()),
        ("chosen", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and how all candidates did.

    Attributes
    ----------
    best
        Arguments for `propagate`: ``propagate(vectors, seeds, **choice.best)``.
    reason
        Why, in a sentence.
    table
        One row a candidate, the default first: ``candidate`` (JSON), ``left_out`` seeds, the share
        ``right`` of them, the mean logarithm of their ``likelihood``, the gain in both over the
        default, seed by seed, all with their standard errors; the share of items ``reached``;
        ``chosen``. Null where nothing could be left out.
    candidates
        The candidates as arguments, in the order of the table.
    """

    best: dict[str, Any]
    reason: str
    table: pa.Table
    candidates: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Trial:
    """How the seeds of ``rows`` (m,), sorted, fared when they were left out."""

    rows: Ints
    right: Weights
    likelihood: Weights
    reached: float

    def of(self, rows: Ints) -> tuple[Weights, Weights]:
        at = np.searchsorted(self.rows, rows)
        return self.right[at], self.likelihood[at]


def choose_graph(
    vectors: ArrayLike | Mapping[str, ArrayLike],
    seeds: Mapping[int, Hashable],
    *,
    candidates: Sequence[Candidate] | None = None,
    prior: Prior = "uniform",
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    texts: Sequence[str | None] | pa.Array | None = None,
    edges: Columns | None = None,
    apart_s: float = 0.0,
) -> Choice:
    """Choose neighbours, symmetry, mixing weights and method by leaving out one seed at a time.

    Parameters
    ----------
    vectors, time, track, video, texts, edges, apart_s
        The items and what links them, see `knn_graph`.
    seeds, prior
        As for `propagate`.
    candidates
        Each a dict of some of ``k``, ``symmetry``, ``mix``, ``method``, ``alpha``; what is not
        named is as by default. The default itself always takes part. By default other numbers of
        neighbours, every pair linked, spreading, and each further kind of edges left out or four
        times as heavy.

    Raises
    ------
    LabelError, SchemaError
        As for `propagate`; for a candidate with other arguments than these.

    Notes
    -----
    A class with one seed would be unknown without it, so the default is kept if there is one. Seeds
    that follow each other in one track vouch for each other, and make every candidate look better
    than it is: label items of different tracks. One graph is built for each ``k``, ``symmetry`` and
    ``mix``, one after another; leaving out takes one column a seed, without solving anew.

    >>> choose_graph([[1, 0], [0.9, 0.1], [0, 1]], {0: "flat", 2: "steep"}).reason
    "default kept: class 'flat' has one seed, which cannot be left out"
    """
    n = len(read_spaces(vectors)[1])
    classes = read_seeds(seeds, np.arange(n), soft=True).classes
    default = {"k": list_length(n, len(classes)), "symmetry": SYMMETRY, "method": "harmonic"}
    columns: dict[str, Any] = {"time": time, "track": track, "video": video, "texts": texts}
    columns.update(edges=edges, apart_s=apart_s)

    def build(candidate: Candidate) -> ItemGraph:
        return knn_graph(vectors, **_some(candidate, BUILDS), **columns)

    def solve(items: ItemGraph, candidate: Candidate) -> Labelled:
        return items.propagate(seeds, prior=prior, **_some(candidate, SOLVES))

    items = build(default)
    every = _completed(default, _usual(items, default) if candidates is None else candidates)
    labelled = solve(items, default)
    lone = np.bincount(labelled.seeds.truth, minlength=len(labelled.classes)) < 2
    if lone.any():
        name = labelled.classes[int(lone.argmax())]
        reason = f"default kept: class {name!r} has one seed, which cannot be left out"
        return Choice(default, reason, _table(every, [], 0), every)
    trials = [_trial(labelled)]
    for candidate in every[1:]:
        if _some(candidate, BUILDS) != _some(every[len(trials) - 1], BUILDS):
            items = build(candidate)
        trials.append(_trial(solve(items, candidate)))
    best = _best(trials)
    return Choice(every[best], _reason(trials, best), _table(every, trials, best), every)


def _some(candidate: Candidate, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: candidate[name] for name in names if name in candidate}


def _usual(items: ItemGraph, default: Candidate) -> list[dict[str, Any]]:
    """List what is tried unless candidates are given, those on the default graph first."""
    mix: Mapping[str, float] = items.graph.facts["mix"]
    lengths = [k for k in LENGTHS if k != default["k"] and k < items.graph.n]
    return [
        {"method": "spreading"},
        *({"k": k} for k in lengths),
        {"symmetry": "sum"},
        *(
            {"mix": {kind: weight * factor}}
            for kind, weight in mix.items()
            if len(mix) > 1 and kind != VISUAL
            for factor in (LIGHT, HEAVY)
        ),
    ]


def _completed(
    default: dict[str, Any], candidates: Sequence[Candidate]
) -> tuple[dict[str, Any], ...]:
    """Put the default first and fill the others up with it; what is there twice counts once."""
    known = (*BUILDS, *SOLVES)
    out = [default]
    for number, candidate in enumerate(candidates):
        strange = [name for name in candidate if name not in known]
        if strange:
            raise SchemaError(
                f"candidates[{number}]: {strange[0]!r} cannot be chosen, only {', '.join(known)}"
            )
        full = {**default, **candidate}
        if full not in out:
            out.append(full)
    return tuple(out)


def _trial(labelled: Labelled) -> _Trial:
    """Read how left-out seeds were scored; one that no other seed reaches is wrong."""
    truth, left = labelled.seeds.truth, labelled.left_out
    asked = labelled.solver.held_out()
    scores = np.zeros((len(truth), len(labelled.classes)))
    scores[left.places] = left.scores
    scores = scores[asked]
    right = (scores.argmax(1) == truth[asked]) & scores.any(1)
    likelihood = log_likelihood(scores, truth[asked], labelled.power)
    reached = float(labelled.solver.reached[labelled.items.node].mean())
    rows = labelled.seeds.rows[asked]
    order = np.argsort(rows)  # they come by node, which is another order where there are copies
    return _Trial(rows[order], right[order].astype(np.float64), likelihood[order], reached)


def _gains(trial: _Trial, default: _Trial) -> tuple[float, float, float, float]:
    """Gain over the default in hits and in likelihood, each with its standard error."""
    rows = np.intersect1d(trial.rows, default.rows)
    mine, other = trial.of(rows), default.of(rows)
    right, likelihood = (_mean(a - b) for a, b in zip(mine, other, strict=True))
    return *right, *likelihood


def _mean(values: Weights) -> tuple[float, float]:
    """Mean and its standard error; 0 for none."""
    count = len(values)
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    return (float(values.mean()) if count else 0.0), error


def _best(trials: Sequence[_Trial]) -> int:
    """Take the candidate right most often among those surely better than the default, or that."""
    best, most = 0, (0.0, 0.0)
    for place, trial in enumerate(trials[1:], 1):
        right, right_error, likelihood, likelihood_error = _gains(trial, trials[0])
        sure = right > SURE_HITS * right_error and likelihood > SURE_LIKELIHOOD * likelihood_error
        if sure and (right, likelihood) > most:
            best, most = place, (right, likelihood)
    return best


def _reason(trials: Sequence[_Trial], best: int) -> str:
    if not best:
        return (
            f"default kept: on {len(trials[0].rows)} left-out seeds none of {len(trials) - 1} "
            "other candidates is better beyond noise"
        )
    right, right_error, *_ = _gains(trials[best], trials[0])
    return (
        f"{100 * right:.1f} ± {100 * right_error:.1f} points more of {len(trials[best].rows)} "
        "left-out seeds right than by default, and their labels more probable beyond "
        f"{SURE_LIKELIHOOD:g} standard errors"
    )


def _table(candidates: Sequence[Candidate], trials: Sequence[_Trial], best: int) -> pa.Table:
    rows = []
    for place, candidate in enumerate(candidates):
        row: dict[str, Any] = {
            "candidate": json.dumps(candidate, default=str),
            "chosen": place == best,
        }
        if trials:
            trial = trials[place]
            row.update(left_out=len(trial.rows), reached=trial.reached)
            row["right"], row["right_error"] = _mean(trial.right)
            row["likelihood"], row["likelihood_error"] = _mean(trial.likelihood)
            row.update(zip(GAINS, _gains(trial, trials[0]), strict=True))
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=TABLE)
