"""What is known of spans of time about one concept: said by people, fused, and rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.covering import HALF, cover
from vquery.store.span_verdicts import doubted_spans, rejected_spans
from vquery.store.spans import derive_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.store.events import Event
    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]

COLUMNS = ["video", "start_us", "end_us", "label", "best", "probability", "margin", "source"]


class Looked(NamedTuple):
    """What is known of rows, all (n,).

    Attributes
    ----------
    by_hand, at
        The human label and what was fused, -1 where there is none or its label is rejected.
    rejected
        The labels that were rejected, null where there is none.
    doubted
        Whether a person could not tell.
    """

    by_hand: Ints
    at: Ints
    rejected: pa.Array
    doubted: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SpanLabels:
    """All that is known of spans about one concept.

    Attributes
    ----------
    human, rejected, doubted : pyarrow.Table
        Schema SEED_SPAN.
    found : pyarrow.Table
        Of what was fused: COLUMNS.
    """

    human: pa.Table
    found: pa.Table
    rejected: pa.Table
    doubted: pa.Table

    @classmethod
    def of(cls, snapshot: Snapshot, events: Sequence[Event], concept: str) -> SpanLabels:
        """Read it, with what people said up to the last of some events."""
        soft = snapshot.read("soft_intervals", columns=["concept", *COLUMNS])
        return cls(
            derive_spans(events, concept),
            soft.filter(pc.equal(soft["concept"], concept)).select(COLUMNS),
            rejected_spans(events, concept),
            doubted_spans(events, concept),
        )

    def look(self, rows: pa.Table) -> Looked:
        """Find what is known of rows: of each proposal the one that overlaps the row most.

        What people say counts for a row of which it covers at least half, as it does in exports.
        """
        said = cover(self.human, rows)
        by_hand = np.where(said.share >= HALF, said.at, -1)
        at = cover(self.found, rows).at
        doubted = cover(self.doubted, rows).share >= HALF
        if not self.rejected.num_rows:
            return Looked(by_hand, at, pa.nulls(rows.num_rows, pa.string()), doubted)
        wrong: list[list[str]] = [[] for _ in range(rows.num_rows)]
        best = pc.take(self.found["best"], pa.array(at, mask=at < 0))
        for label in pc.unique(self.rejected["label"]).to_pylist():
            mine = self.rejected.filter(pc.equal(self.rejected["label"], label))
            refused = cover(mine, rows).share >= HALF
            for row in np.flatnonzero(refused).tolist():
                wrong[row].append(label)
            same = pc.fill_null(pc.equal(best, label), fill_value=False)
            at[refused & same.to_numpy()] = -1
        texts = pa.array([", ".join(each) or None for each in wrong], pa.string())
        return Looked(by_hand, at, texts, doubted)


def without_rejected(fused: pa.Table, rejected: pa.Table) -> tuple[pa.Table, int, int]:
    """Take from what was fused of one concept the moments at which its label is rejected.

    As with labels of people: a span of which at least half is rejected is dropped, another one
    loses the moments that are.

    Parameters
    ----------
    fused
        ``video, start_us, end_us, best`` and more columns.
    rejected
        Schema SEED_SPAN.

    Returns
    -------
    (pyarrow.Table, int, int)
        What is left; how many spans were dropped, and how many others were cut.
    """
    from vquery.export.spans import left_by_people  # brings what writes pictures

    dropped = cut = 0
    pieces = []
    for label in pc.unique(rejected["label"]).to_pylist():
        own = pc.fill_null(pc.equal(fused["best"], label), fill_value=False)
        wrong = rejected.filter(pc.equal(rejected["label"], label))
        left, *counts = left_by_people(fused.filter(own), wrong)
        dropped, cut = dropped + counts[0], cut + counts[1]
        pieces.append(left)
        fused = fused.filter(pc.invert(own))
    return pa.concat_tables([fused, *pieces]) if pieces else fused, dropped, cut
