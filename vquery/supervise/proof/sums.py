"""Sums over groups from which every figure is made: they add up, so groups can be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.metrics.bootstrap import drawn
from vquery.metrics.calibration import Judged, claims, squares, surprises
from vquery.metrics.items import overlaps
from vquery.metrics.segments import class_groups, matches, runs_of
from vquery.metrics.spans import Spans
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.supervise.proof.rows import Judgements

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Members = NDArray[np.bool_]

Sums = dict[str, "Floats"]
"""Name → (groups, …) or, once drawn, (draws, …)."""


def item_sums(rows: Judgements, members: Members | None = None, bins: int = 10) -> Sums:
    """Count items whose truth is known, by group, class and bin.

    Parameters
    ----------
    rows
        What is judged.
    members
        (n,) items that count; all by default.

    Returns
    -------
    dict
        ``items, labelled, right`` and their seconds ``…_s``, each (G,); ``hit, found, true`` and
        ``…_s``, each (G, K); where there are probabilities ``loss, square`` (G,) and ``bins``
        (G, bins, 3). Time O(n).
    """
    chosen = np.flatnonzero(rows.known if members is None else rows.known & members)
    group, label, truth = rows.bundle[chosen], rows.label[chosen], rows.truth[chosen]
    size, classes = _bundles(rows), len(rows.classes)
    found: Sums = {}
    for suffix, weight in (("", np.ones(len(chosen))), ("_s", rows.seconds[chosen])):
        right = weight * (label == truth)
        columns = {"items": weight, "labelled": weight * (label >= 0), "right": right}
        for name, column in columns.items():
            found[name + suffix] = counted(group, column, size)
        found["hit" + suffix] = _by_class(group, truth, right, size, classes)
        found["found" + suffix] = _by_class(group, label, weight * (label >= 0), size, classes)
        found["true" + suffix] = _by_class(group, truth, weight, size, classes)
    if rows.probability is not None:
        found |= _calibration(rows.probability[chosen], truth, group, size, bins)
    return found


def segment_sums(rows: Judgements, tious: Sequence[float], members: Members | None = None) -> Sums:
    """Count segments by the group in which they start.

    A segment is a maximal run of items of one class in one video without a gap; items of unknown
    truth end it on both sides, since nobody can say whether it goes on.

    Returns
    -------
    dict
        ``segments, true_segments, split, extra, merged, swallowed, missed, false`` and for each
        tIoU ``hits@tIoU``, and of pairs at the lowest ``pairs, start_off, end_off`` in seconds,
        each (G,). Empty where items overlap in time.
    """
    if len(rows.order) < rows.n or not rows.n:
        return {}
    order = rows.order
    known = (rows.known if members is None else rows.known & members)[order]
    size = _bundles(rows)
    found, of_found = _segments(np.where(known, rows.label[order], -1), rows)
    truth, of_truth = _segments(np.where(known, rows.truth[order], -1), rows)
    sums = {
        "segments": counted(of_found, None, size),
        "true_segments": counted(of_truth, None, size),
    }
    for tiou in tious:
        matched = matches(found, truth, tiou)
        sums[f"hits@{tiou:g}"] = counted(of_found[matched >= 0], None, size)
    matched = matches(found, truth, min(tious))
    hit = np.flatnonzero(matched >= 0)
    unit = US_PER_S if rows.timed else 1.0
    early = np.abs(found.start[hit] - truth.start[matched[hit]]) / unit
    late = np.abs(found.end[hit] - truth.end[matched[hit]]) / unit
    sums["pairs"] = counted(of_found[hit], None, size)
    sums["start_off"] = counted(of_found[hit], early, size)
    sums["end_off"] = counted(of_found[hit], late, size)
    sums |= _pieces(found, truth, of_found, of_truth, size)
    return sums


@dataclass(frozen=True, eq=False)
class Draws:
    """Samples of groups, the same for every figure, so that differences are paired."""

    weights: Floats

    @classmethod
    def of(cls, rows: Judgements, draws: int, seed: int) -> Draws:
        """Draw groups that have a known truth, with replacement; none of fewer than two."""
        there = np.unique(rows.bundle[rows.known])
        count = draws if len(there) > 1 else 0
        weights = np.zeros((count, _bundles(rows)))
        if count:
            weights[:, there] = drawn(len(there), count, np.random.default_rng(seed))
        return cls(weights)

    def totals(self, sums: Sums) -> Sums:
        """Add sums up over each sample, all of them in one product."""
        flat = {name: column.reshape(len(column), -1) for name, column in sums.items()}
        total = self.weights @ np.concatenate(list(flat.values()), axis=1)
        ends = np.cumsum([column.shape[1] for column in flat.values()])
        parts = np.split(total, ends[:-1], axis=1)
        return {
            name: part.reshape(len(total), *sums[name].shape[1:])
            for name, part in zip(flat, parts, strict=True)
        }


def whole(sums: Sums) -> Sums:
    """Add sums up over all groups, as one sample."""
    return {name: column.sum(axis=0, keepdims=True) for name, column in sums.items()}


def counted(at: Ints, weight: Floats | Members | None, size: int) -> Floats:
    """Add weights up by place, (size,); ones by default.

    >>> counted(np.array([1, 1]), None, 3)
    array([0., 2., 0.])
    """
    return np.bincount(at, weight, size).astype(np.float64)


def _bundles(rows: Judgements) -> int:
    return int(rows.bundle.max()) + 1 if rows.n else 0


def _by_class(group: Ints, code: Ints, weight: Floats, size: int, classes: int) -> Floats:
    # items without a label weigh nothing; any class will do for them
    at = group * classes + np.maximum(code, 0)
    return counted(at, weight, size * classes).reshape(size, classes)


def _calibration(chance: Floats, truth: Ints, group: Ints, size: int, bins: int) -> Sums:
    items = Judged(chance, truth, np.ones(len(truth)))
    into, claimed, right = claims(items, bins)
    at = group * bins + into
    columns = [counted(at, each, size * bins) for each in (items.weights, claimed, right)]
    return {
        "loss": counted(group, surprises(items), size),
        "square": counted(group, squares(items), size),
        "bins": np.stack(columns, axis=1).reshape(size, bins, 3),
    }


def _segments(codes: Ints, rows: Judgements) -> tuple[Spans, Ints]:
    """Find the segments of all classes that count, and the bundle in which each starts."""
    found, bundles = [], []
    for code in rows.positive:
        runs = runs_of(codes, rows.piece, code=code)
        first, last = rows.order[runs.start], rows.order[runs.end - 1]
        video = class_groups(rows.video[runs.start], code, len(rows.classes))
        start, end = (rows.start[first], rows.end[last]) if rows.timed else runs[1:]
        found.append(Spans(video, start, end))
        bundles.append(rows.bundle[first])
    columns = (np.concatenate(each) for each in zip(*found, strict=True))
    return Spans(*columns), np.concatenate(bundles)


def _pieces(found: Spans, truth: Spans, of_found: Ints, of_truth: Ints, size: int) -> Sums:
    """Count over- and under-segmentation, as `vquery.metrics.items.segmentation`, by group."""
    pairs = overlaps(found, truth)
    for_true = np.bincount(pairs.truth, minlength=len(of_truth))
    for_found = np.bincount(pairs.found, minlength=len(of_found))
    return {
        "split": counted(of_truth, for_true > 1, size),
        "extra": counted(of_truth, np.maximum(for_true - 1, 0), size),
        "missed": counted(of_truth, for_true == 0, size),
        "merged": counted(of_found, for_found > 1, size),
        "swallowed": counted(of_found, np.maximum(for_found - 1, 0), size),
        "false": counted(of_found, for_found == 0, size),
    }
