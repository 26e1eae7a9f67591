"""Names for tracks in an open collection: most people in it have no label and must stay unnamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError
from vquery.graph.calibrate import apply_power, fit_power
from vquery.graph.knowing import gaps
from vquery.graph.leaving import regained
from vquery.graph.solve import Harmonic

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from numpy.typing import NDArray
    from scipy import sparse

    from vquery.graph.tracks import TrackGraph

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

LEAK = 0.05
"""Chance weight of belonging to nobody known, at every track. Tracks are named when they are more
likely to meet a seed than to leak, so a single link must weigh more than this. It also bounds how
far one seed carries: of a person with 25 short tracks that fill each other's lists one seed names
about two thirds (measured, none wrong); a smaller leak carries further and trusts weaker links."""
SUGGESTED = 10
"""Components without a seed for which the report names a row to label."""


@dataclass(frozen=True, slots=True)
class Names:
    """The outcome, one entry a row of the collection.

    Attributes
    ----------
    label
        Object array (n,): the name, or None (unknown, below the threshold, "none of them").
    best
        Object array (n,): the most probable name even below the threshold; None if unreached.
    probability
        Float32 (n,), of ``best``.
    margin
        Float32 (n,): uncalibrated score of ``best`` less that of the runner-up, which may be
        "unknown" (then negative). Rank by it what to label next.
    reached
        Bool (n,): some seed is linked with the row's track, however weakly.
    calibrated
        Whether the power was fitted (every name has seeds in two tracks); else it is 1.
    report
        Counts and facts, ready to be shown.
    scores
        Shape (n_nodes, c + 1): the harmonic solution for each of ``classes``, then "unknown".
    classes
        The c names.
    chosen
        Shape (n_nodes,): what each track was given, as its place in ``classes``; c is nothing.
    solver
        The harmonic problem; None without seeds.
    """

    label: NDArray[np.object_]
    best: NDArray[np.object_]
    probability: Floats
    margin: Floats
    reached: NDArray[np.bool_]
    calibrated: bool
    report: dict[str, Any]
    tracks: TrackGraph
    seed_rows: Ints
    scores: Weights
    classes: tuple[Hashable, ...]
    chosen: Ints
    solver: Harmonic | None

    def why(self, *, top: int = 3) -> tuple[Ints, Floats]:
        """Find the seeds that speak for each track most.

        Returns
        -------
        (ndarray, ndarray)
            Rows of seeds (-1: none) and their weights, both (n_nodes, top). The weight is the
            chance that a walk from the track meets this seed first; over all seeds of a name they
            sum to the name's uncalibrated score.
        """
        nodes = np.arange(self.tracks.graph.n)
        if self.solver is None:
            return np.full((len(nodes), top), -1), np.zeros((len(nodes), top), np.float32)
        place, weight = self.solver.contributions(nodes, top=top)
        rows = np.where(place >= 0, self.seed_rows[np.maximum(place, 0)], -1)
        return rows, weight.astype(np.float32)


def name_tracks(
    tracks: TrackGraph,
    seeds: Mapping[int, Hashable],
    *,
    leak: float = LEAK,
    threshold: float = 0.5,
    exclusive: bool = True,
    barred: Iterable[tuple[int, Hashable]] = (),
) -> Names:
    """Spread names from a few rows over the tracks that look like theirs, and leave the rest.

    Parameters
    ----------
    tracks
        From `build_tracks`; the same graph serves any seeds.
    seeds
        Row → name; None says "none of them".
    leak
        Weight with which every track belongs to nobody known.
    threshold
        A track is named when its calibrated probability is at least this.
    exclusive
        Whether two tracks in one frame may not have one label, as is so for names of people.
    barred
        Rows and names that a person said their tracks do not have; what speaks for such a name
        speaks for nobody known. A track with a seed keeps its name.

    Raises
    ------
    LabelError
        If two rows of one track have different labels, or a row does not exist.

    Notes
    -----
    The scores are harmonic on the tracks with the seeds clamped (`Harmonic`). Two tracks in one
    frame cannot have one name (unless ``exclusive`` is off): the less probable one is left unnamed,
    and counted. Without seeds nothing is named.
    """
    if leak <= 0:
        raise LabelError(
            f"The 'leak' parameter of name_tracks must be above 0. Got {leak} instead."
        )
    rows, nodes, values = seed_nodes(seeds, tracks.node)
    names, truth = _classes(values)
    n, unknown = tracks.graph.n, len(names) - 1
    one_hot = np.eye(unknown + 1)[:, :unknown]
    harmonic = Harmonic(tracks.graph.weights, nodes, leak) if len(nodes) else None
    scores, power, calibrated = np.zeros((n, unknown + 1)), 1.0, False
    if harmonic is not None:
        labels = one_hot[truth]
        scores = _with_unknown(harmonic.solve(labels))
        _bar(scores, barred, names[:unknown], tracks.node)
        power, calibrated = _calibrated(harmonic, labels, truth)
    probability = apply_power(scores, power)[:, :unknown]
    probability[nodes] = one_hot[truth]
    given, chosen = _choose(probability, nodes, truth, threshold)
    conflicts = _settle(chosen, given, probability, tracks.cannot) if exclusive else 0
    reached = np.zeros(n, bool) if harmonic is None else harmonic.reached
    first = probability.argmax(1) if unknown else np.zeros(n, np.int64)
    strength = probability.max(axis=1, initial=0.0)
    report = _report(tracks, chosen < unknown, given, reached, conflicts, harmonic)
    node = tracks.node
    return Names(
        label=names[chosen][node],
        best=names[np.where(strength > 0, first, unknown)][node],
        probability=strength.astype(np.float32)[node],
        margin=_margin(scores, first).astype(np.float32)[node],
        reached=reached[node],
        calibrated=calibrated,
        report={**report, "power": power, "calibrated": calibrated},
        tracks=tracks,
        seed_rows=rows,
        scores=scores,
        classes=tuple(names[:unknown].tolist()),
        chosen=chosen,
        solver=harmonic,
    )


def _bar(
    scores: Weights, barred: Iterable[tuple[int, Hashable]], names: NDArray[np.object_], node: Ints
) -> None:
    """Move what speaks for names that tracks do not have to "unknown", in place."""
    place = {name: i for i, name in enumerate(names.tolist())}
    for row, name in barred:
        if name in place:
            at = node[row], place[name]
            scores[node[row], -1] += scores[at]
            scores[at] = 0.0


def seed_nodes(
    seeds: Mapping[int, Hashable], node: Ints
) -> tuple[Ints, Ints, list[Hashable | None]]:
    """Bring seeds on rows to their nodes: the first row, the node and the label of each.

    Raises
    ------
    LabelError
        Naming the rows that contradict each other, or a row that does not exist.

    >>> seed_nodes({0: "Ann", 2: "Bob"}, np.array([5, 6, 5]))
    Traceback (most recent call last):
    vquery.errors.LabelError: rows 0 and 2 lie in one track (or are copies of one another) but are
    labelled 'Ann' and 'Bob': correct one of them, or split the track
    """
    taken: dict[int, tuple[int, Hashable | None]] = {}
    for row in sorted(seeds):
        if not 0 <= row < len(node):
            raise LabelError(f"seed row {row} does not exist: there are {len(node)} rows")
        value = seeds[row]
        other, before = taken.setdefault(int(node[row]), (int(row), value))
        if before != value:
            raise LabelError(
                f"rows {other} and {row} lie in one track (or are copies of one another) but are "
                f"labelled {before!r} and {value!r}: correct one of them, or split the track"
            )
    rows = np.array([row for row, _ in taken.values()], np.int64)
    return rows, np.array(list(taken), np.int64), [value for _, value in taken.values()]


def _classes(values: list[Hashable | None]) -> tuple[NDArray[np.object_], Ints]:
    """Sort the names, None (unknown) last; also give the place of each value among them."""
    classes = sorted({value for value in values if value is not None}, key=str)
    names = np.full(len(classes) + 1, None, object)
    for i, name in enumerate(classes):  # one by one: a name may be a tuple
        names[i] = name
    place = {name: i for i, name in enumerate(classes)}
    return names, np.array([place.get(value, len(classes)) for value in values], np.int64)


def _with_unknown(scores: Weights) -> Weights:
    """Append what leaks to the scores (n, c) of the names."""
    return np.column_stack([scores, np.clip(1.0 - scores.sum(1), 0.0, 1.0)])


def _calibrated(harmonic: Harmonic, labels: Weights, truth: Ints) -> tuple[float, bool]:
    """Fit the power on left-out seeds where every name has at least two seed tracks."""
    unknown = labels.shape[1]
    counts = np.bincount(truth, minlength=unknown + 1)[:unknown]
    if not unknown or counts.min() < 2:
        return 1.0, False
    which = harmonic.held_out()
    left = harmonic.leave_one_out(labels, which)
    seen = np.isfinite(left).all(1)
    if not seen.any():
        return 1.0, False
    which = which[seen]
    # what leaks to nobody known is lost with no seed
    scores = regained(_with_unknown(left[seen]), truth[which], np.r_[counts, 1])
    return fit_power(scores, truth[which]), True


def _choose(
    probability: Weights, nodes: Ints, truth: Ints, threshold: float
) -> tuple[NDArray[np.bool_], Ints]:
    """Choose a class for each node; the last one is "no name". Also tell which were given."""
    n, unknown = probability.shape
    given = np.zeros(n, bool)
    given[nodes] = True
    chosen = np.full(n, unknown)
    if unknown:
        strength = probability.max(axis=1)
        chosen = np.where(strength >= threshold, probability.argmax(1), unknown)
    chosen[nodes] = truth
    return given, chosen


def _settle(
    chosen: Ints, given: NDArray[np.bool_], probability: Weights, cannot: sparse.csr_array
) -> int:
    """Take the name from the weaker of two tracks of one name in a frame; return how many lost."""
    n, unknown = probability.shape
    strength = probability.max(axis=1, initial=0.0)
    pairs = cannot.tocoo()
    clash = (chosen[pairs.row] == chosen[pairs.col]) & (chosen[pairs.row] < unknown)
    # human labels first, then the more probable, then the earlier track
    rank = np.empty(n, np.int64)
    rank[np.lexsort((np.arange(n), -strength, ~given))] = np.arange(n)
    conflicts = 0
    for a, b in sorted(
        zip(pairs.row[clash], pairs.col[clash], strict=True), key=lambda p: rank[p[0]]
    ):
        if rank[a] < rank[b] and not given[b] and chosen[a] == chosen[b] < unknown:
            chosen[b] = unknown
            conflicts += 1
    return conflicts


def _margin(scores: Weights, first: Ints) -> Weights:
    """Score of the best name less the best of all others, unknown among them."""
    if scores.shape[1] < 2:
        return np.zeros(len(scores))
    rest = scores.copy()
    rows = np.arange(len(scores))
    rest[rows, first] = -np.inf
    return np.asarray(scores[rows, first] - rest.max(1))


def _report(
    tracks: TrackGraph,
    named: NDArray[np.bool_],
    given: NDArray[np.bool_],
    reached: NDArray[np.bool_],
    conflicts: int,
    harmonic: Harmonic | None,
) -> dict[str, Any]:
    """Count what happened; suggest a seed for the largest components without one."""
    n = tracks.graph.n
    size = np.bincount(tracks.node, minlength=n)
    alone = gaps(tracks.graph.weights, reached, item_count=size)
    solver = (
        {}
        if harmonic is None
        else {
            "solver": harmonic.report.method,
            "iterations": harmonic.report.iterations,
            "residual": harmonic.report.residual,
            "converged": harmonic.report.converged,
        }
    )
    return {
        "tracks": n,
        "seed_tracks": int(given.sum()),
        "named_tracks": int(named.sum()),
        "unreached_tracks": int((~reached).sum()),
        "unreached_components": len(alone),
        "suggested_rows": tracks.rows[alone.add[:SUGGESTED]].tolist(),
        "same_frame_conflicts": conflicts,
        **solver,
    }
