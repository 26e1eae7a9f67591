"""Precision and recall of intervals, counted in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    Spans = list[tuple[int, int]]


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
    ours, theirs = _covered(found), _covered(truth)
    both = sum(_shared(spans, theirs.get(video, [])) for video, spans in ours.items())
    return TimeScore(_length(ours), _length(theirs), both)


def _covered(table: pa.Table) -> dict[object, Spans]:
    """Merge the spans of each video."""
    merged: dict[object, Spans] = {}
    columns = (table[name].to_pylist() for name in ("video", "start_us", "end_us"))
    for video, start, end in sorted(zip(*columns, strict=True), key=lambda row: row[1]):
        spans = merged.setdefault(video, [])
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return merged


def _length(covered: dict[object, Spans]) -> int:
    return sum(end - start for spans in covered.values() for start, end in spans)


def _shared(ours: Spans, theirs: Spans) -> int:
    """Sweep over two sorted lists of disjoint spans."""
    total = i = j = 0
    while i < len(ours) and j < len(theirs):
        low, high = max(ours[i][0], theirs[j][0]), min(ours[i][1], theirs[j][1])
        total += max(0, high - low)
        if ours[i][1] <= theirs[j][1]:
            i += 1
        else:
            j += 1
    return total
