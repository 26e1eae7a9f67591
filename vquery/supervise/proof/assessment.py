"""An assessment: figures of soft labels with intervals, and what can be asked of it further."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import LabelError
from vquery.metrics.bootstrap import Interval, ends, plain
from vquery.metrics.calibration import reliability_table, wilson
from vquery.supervise.proof.figures import Figure, figure_of, figures, per
from vquery.supervise.proof.subgroups import (
    MOST_PAIRED,
    Measured,
    candidates,
    pairs_of,
    subgroups,
    worst_of,
)
from vquery.supervise.proof.sums import Draws, Sums, item_sums, segment_sums, whole
from vquery.supervise.proof.texts import html_pieces, text
from vquery.view.page import fragment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vquery.supervise.proof.comparison import Comparison
    from vquery.supervise.proof.rows import Judgements

    Floats = NDArray[np.float64]
    Members = NDArray[np.bool_]

FEW_GROUPS = 10
"""Below, percentile intervals hold the truth clearly less often than they say."""
COUNTS = ("segments", "true_segments", "split", "extra", "merged", "swallowed", "missed", "false")


@dataclass(frozen=True)
class Options:
    """How figures are made; see `vquery.assess`."""

    tiou: tuple[float, ...] = (0.5,)
    bins: int = 10
    draws: int = 1000
    seed: int = 0
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class Assessment:
    """How good soft labels are against the truth.

    Attributes
    ----------
    rows
        What was judged.
    items
        The table of items, where one was given.
    named
        Members of each slice.
    options
        How figures are made.
    """

    rows: Judgements
    items: pa.Table | None = None
    named: Mapping[str, Members] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    @cached_property
    def _segments(self) -> Sums:
        return segment_sums(self.rows, self.options.tiou)

    @cached_property
    def _sums(self) -> Sums:
        return item_sums(self.rows, bins=self.options.bins) | self._segments

    @cached_property
    def _draws(self) -> Draws:
        return Draws.of(self.rows, self.options.draws, self.options.seed)

    @cached_property
    def _totals(self) -> Sums:
        return self._draws.totals(self._sums)

    @cached_property
    def _figures(self) -> dict[str, Figure]:
        return figures(self._sums, len(self.rows.classes))

    @cached_property
    def metrics(self) -> dict[str, Interval]:
        """Every figure with its interval over groups.

        ``accuracy, precision, recall, f1`` count items, ``time_…`` seconds, ``segment_…@tIoU``
        segments; ``start_error`` and ``end_error`` are seconds; ``pieces_per_segment`` is 1 where
        nothing is torn apart; ``log_loss, brier, ece`` judge probabilities.
        """
        return {name: self._interval(name) for name in self._figures}

    def _interval(self, name: str) -> Interval:
        figure = self._figures[name]
        value, drawn = figure.make(whole(self._sums))[0], figure.make(self._totals)
        return Interval(plain(value), *ends(drawn, self.options.level), self.groups)

    def metric(self, name: str) -> float | None:
        """One figure by its name; null where nothing could be measured.

        Raises
        ------
        QueryError
            Naming the ones that exist.
        """
        figure_of(self._figures, name)
        return self.metrics[name].value

    def sign(self, name: str) -> int:
        """1 for a figure of which more is better, -1 where less is.

        Raises
        ------
        QueryError
            Naming the figures that exist.
        """
        return figure_of(self._figures, name).sign

    @property
    def groups(self) -> int:
        """How many groups, such as videos, have items with a known truth."""
        return len(np.unique(self.rows.group[self.rows.known]))

    @property
    def main(self) -> str:
        """The figure of tables by slice unless another is asked for."""
        return "f1" if len(self.rows.classes) == 2 else "accuracy"

    @cached_property
    def slices(self) -> pa.Table:
        """The main figure by slice; see `by_slice`."""
        return self.by_slice()

    def by_slice(self, metric: str | None = None) -> pa.Table:
        """Measure one figure in every slice and beside the rest of the items.

        Returns
        -------
        pyarrow.Table
            See `vquery.supervise.proof.subgroups.subgroups`.
        """
        return subgroups(self._measured(metric), self.named)

    def worst(
        self,
        n: int = 10,
        *,
        metric: str | None = None,
        columns: Sequence[str] | None = None,
        pairs: bool = True,
    ) -> pa.Table:
        """Look for the slices that are worst.

        Looked at are all named slices, each value of the columns of items (numbers with many
        values by quartile), and pairs of the thirty worst of them. They are sorted by the better
        end of the interval of their difference to the rest, so that small slices, whose intervals
        are wide, come first only where little doubt is left. ``p`` and ``worse`` allow for all
        that were looked at; pairs are given only where they are worse than both of their parts.

        Parameters
        ----------
        n
            How many at most.
        metric
            Name of a figure; by default F1 of two classes, accuracy of more.
        columns
            Columns of items, by default all but ids and times.
        pairs
            Whether pairs are looked at.

        Raises
        ------
        QueryError, LabelError
            If there is no such figure, or a column that was asked for has too many values.
        """
        if not isinstance(n, int | np.integer) or n < 0:
            raise LabelError(f"worst(n) must be a whole number of at least 0, got {n!r}")
        measured = self._measured(metric)
        if columns is not None and self.items is None:
            raise LabelError("worst(columns=) needs items=, which were not given to assess()")
        found = dict(self.named)
        if self.items is not None:
            found = candidates(self.items, columns) | found
        sign = measured.figure.sign
        alone = subgroups(measured, found)
        if pairs:
            suspects = worst_of(alone, sign)["slice"].to_pylist()[:MOST_PAIRED]
            some = pairs_of({name: found[name] for name in suspects}, self.rows.known)
            alone = _worse_than_parts(subgroups(measured, found | some), sign)
        return worst_of(alone, sign).slice(0, n)

    def _measured(self, metric: str | None) -> Measured:
        figure = figure_of(self._figures, metric or self.main)
        options = self.options
        return Measured(self.rows, self._segments, options.tiou, self._draws, figure, options.level)

    @cached_property
    def classes(self) -> pa.Table:
        """For each class ``true`` and ``found`` items, ``precision``, ``recall`` and ``f1``."""
        total = {name: self._sums[name].sum(axis=0) for name in ("hit", "found", "true")}
        hit, found, true = total["hit"], total["found"], total["true"]
        return pa.table(
            {
                "class": [str(value) for value in self.rows.classes],
                "true": true.astype(np.int64),
                "found": found.astype(np.int64),
                "precision": _shares(hit, found),
                "recall": _shares(hit, true),
                "f1": _shares(2 * hit, found + true),
            }
        )

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Items by true class (row) and label (column, the last one for none), (K, K + 1)."""
        classes, known = len(self.rows.classes), self.rows.known
        label = np.where(self.rows.label < 0, classes, self.rows.label)[known]
        at = self.rows.truth[known] * (classes + 1) + label
        return np.bincount(at, minlength=classes * (classes + 1)).reshape(classes, classes + 1)

    @cached_property
    def reliability(self) -> pa.Table | None:
        """What was claimed and what is true by bin of probability; null without probabilities.

        As `vquery.metrics.calibration.reliability`, but the interval of the share is over draws of
        groups where there are at least two.
        """
        if "bins" not in self._sums:
            return None
        sums, drawn = self._sums["bins"].sum(axis=0), self._totals["bins"]
        weight, _, right = sums.T
        share = np.nan_to_num(per(right, weight))
        low, high = wilson(share, weight)
        for at in range(len(weight)):
            below, above, _ = ends(per(drawn[:, at, 2], drawn[:, at, 0]), self.options.level)
            if below is not None and above is not None:
                low[at], high[at] = min(below, share[at]), max(above, share[at])
        return reliability_table(sums, weight.astype(np.int64), low, high)

    @property
    def segmentation(self) -> dict[str, int] | None:
        """Counts of segments and of what is split, merged, missed and false; null without time."""
        if not self._segments:
            return None
        return {name: int(self._segments[name].sum()) for name in COUNTS}

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known to read the figures."""
        rows, found = self.rows, []
        unknown = int((~rows.known).sum())
        if unknown:
            found.append(f"{unknown:,} of {rows.n:,} items have no known truth and count nowhere")
        if self.groups < 2:
            found.append(
                "all items with a known truth are of one group, so there are no intervals; give "
                "groups= of independent parts"
            )
        elif self.groups < FEW_GROUPS:
            found.append(f"intervals from only {self.groups} groups are too narrow")
        if not self._segments and rows.n:
            found.append("items of one video overlap in time, so there are no segments")
        return tuple(found)

    def compare(self, other: Assessment) -> Comparison:
        """Compare with another result on the same items; see `Comparison`.

        Raises
        ------
        LabelError
            If items, truth, classes or groups are not the same.
        """
        from vquery.supervise.proof.comparison import Comparison

        return Comparison.of(self, other)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        metrics = {
            name: {"value": one.value, "low": one.low, "high": one.high}
            for name, one in self.metrics.items()
        }
        return {
            "items": int(self.rows.known.sum()),
            "groups": self.groups,
            "level": self.options.level,
            "metrics": metrics,
            "classes": self.classes.to_pylist(),
            "segmentation": self.segmentation,
            "reliability": None if self.reliability is None else self.reliability.to_pylist(),
            "slices": self.slices.to_pylist(),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return fragment(*html_pieces(self))


def _shares(part: Floats, all_of: Floats) -> pa.Array:
    return pa.array(per(part, all_of), from_pandas=True)  # null where there is nothing


def _worse_than_parts(table: pa.Table, sign: int) -> pa.Table:
    """Leave out pairs of slices that are no worse than one of their parts."""
    value = dict(zip(table["slice"].to_pylist(), table["value"].to_pylist(), strict=True))

    def tells(name: str) -> bool:
        parts = [value[part] for part in name.split(" & ") if part in value]
        own = value[name]
        if len(parts) < 2 or own is None:
            return True
        return all(part is None or sign * own < sign * part for part in parts)

    kept = [tells(name) for name in table["slice"].to_pylist()]
    return table.filter(pa.array(kept, pa.bool_()))
