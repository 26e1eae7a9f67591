"""Precision and recall of intervals, counted in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vquery.schema import KEYS
from vquery_kernels.coalesce import coalesce
from vquery_kernels.overlap_join import overlap_join

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TimeScore:
    """Microseconds found, true, and both; precision and recall are null without time to divide.

    >>> TimeScore(found_us=10, true_us=20, both_us=5).f1
    0.3333333333333333
    """

    found_us: int
    true_us: int
    both_us: int

    @property
    def precision(self) -> float | None:
        """Share of the time found that is true."""
        return self.both_us / self.found_us if self.found_us else None

    @property
    def recall(self) -> float | None:
        """Share of the true time that was found."""
        return self.both_us / self.true_us if self.true_us else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        total = self.found_us + self.true_us
        return 2 * self.both_us / total if total else None


class Spans(NamedTuple):
    """Spans of groups, such as videos: ``group``, ``start``, ``end``, each (n,) int64."""

    group: Ints
    start: Ints
    end: Ints


def time_score(found: pa.Table, truth: pa.Table) -> TimeScore:
    """Compare the time that two sets of intervals cover; overlapping ones count once.

    Parameters
    ----------
    found, truth
        ``video, start_us, end_us``, half-open, in any order. Instants cover no time.

    >>> import pyarrow as pa
    >>> one = pa.table({"video": ["a", "a"], "start_us": [0, 5], "end_us": [10, 20]})
    >>> two = pa.table({"video": ["a", "b"], "start_us": [15, 0], "end_us": [25, 10]})
    >>> score = time_score(one, two)
    >>> score.precision, score.recall
    (0.25, 0.25)
    """
    videos = [*found["video"].to_pylist(), *truth["video"].to_pylist()]
    codes = np.unique(np.array(videos, dtype=object), return_inverse=True)[1].astype(np.int64)
    split = found.num_rows
    groups = int(codes.max()) + 1 if codes.size else 0
    ours, theirs = (
        Spans(group, *(np.asarray(table[key].to_numpy(), np.int64) for key in KEYS[1:]))
        for table, group in ((found, codes[:split]), (truth, codes[split:]))
    )
    return TimeScore(*(int(part.sum()) for part in time_by_group(ours, theirs, groups)))


def time_by_group(found: Spans, truth: Spans, groups: int) -> tuple[Ints, Ints, Ints]:
    """Microseconds that each group has found, that are true, and that are both, each (groups,)."""
    ours, theirs = covered(found), covered(truth)
    one, other = overlap_join(*ours, *theirs)
    both = np.minimum(ours.end[one], theirs.end[other])
    both -= np.maximum(ours.start[one], theirs.start[other])
    return (
        _sums(ours.group, ours.end - ours.start, groups),
        _sums(theirs.group, theirs.end - theirs.start, groups),
        _sums(ours.group[one], both, groups),
    )


def _sums(group: Ints, values: Ints, groups: int) -> Ints:
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, group, values)
    return total


def covered(spans: Spans) -> Spans:
    """Time that spans cover, as disjoint spans sorted by group and start; instants cover none.

    >>> [each.tolist() for each in covered(Spans(*np.array([[0, 0, 0], [5, 0, 9], [7, 6, 9]])))]
    [[0], [0], [7]]
    """
    long = np.flatnonzero(spans.end > spans.start)
    order = long[np.lexsort((spans.start[long], spans.group[long]))]
    group, start, end = (each[order] for each in spans)
    if not order.size:
        return Spans(group, start, end)
    run = coalesce(group, start, end, 0)
    first = np.flatnonzero(np.diff(run, prepend=run[0] - 1))
    return Spans(group[first], start[first], np.maximum.reduceat(end, first))
