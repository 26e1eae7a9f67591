"""A concept judged by what people say of the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.bring import any_table
from vquery.engine.concept import Concept
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError
from vquery.supervise.proof import assess
from vquery.supervise.slices import COVER, slices_of
from vquery.supervise.slices import slice as named_slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vquery.supervise.proof import Assessment
    from vquery.supervise.slices import Slices

    Members = NDArray[np.bool_]


class Assessing:
    """How good what a collection finds is."""

    if TYPE_CHECKING:

        @property
        def shots(self) -> Intervals:
            """Shots, which cover each video without gaps."""

        @property
        def frames(self) -> Intervals:
            """Every frame with its exact time."""

        def concept(self, concept: str | Concept | Callable[..., Intervals]) -> Intervals:
            """Run a concept."""

        def labelled(self, concept: str) -> Intervals:
            """Return what people labelled of a concept, as intervals with ``label``."""

    def assess(
        self,
        found: Any,
        truth: Any,
        *,
        over: Any = None,
        known: Any = None,
        cover: float = COVER,
        slices: Slices | None = None,
        **options: Any,
    ) -> Assessment:
        """Judge what is found by what is true, item by item and segment by segment.

        An item is found, or true, where it is covered for at least ``cover`` of its time.

        Parameters
        ----------
        found
            A concept or the name of one, a relation, or a table of intervals.
        truth
            A relation or table of intervals, or the name of a concept that people labelled: items
            that have a label are true, those labelled None ("none of them") are not, and nothing is
            known of the others.
        over
            The items: a relation or table; by default all shots, without any all frames.
        known
            A relation or table of the time in which the truth is known. By default all of it, or
            what people labelled.
        cover
            Share of an item's time, above 0 up to 1.
        slices
            See `vquery.slice`.
        options
            As for `vquery.assess`: ``groups, gap, tiou, draws, seed, level``.

        Returns
        -------
        Assessment
            Groups are videos unless others are given.

        Raises
        ------
        LabelError
            If there are no items, or the truth is known of none.
        QueryError
            If a concept is unknown or fails.
        """
        items = _items(over, self)
        ours = _covered(items, self._found(found), cover, "found")
        if isinstance(truth, str):
            said = self.labelled(truth)
            if not said.count():
                raise LabelError(f"nobody has labelled {truth!r}: use label() first")
            rows = said.collect()
            there = rows["label"].is_valid()
            theirs = _covered(items, rows.filter(there), cover, "truth")
            sure = theirs | _covered(items, rows.filter(pc.invert(there)), cover, "truth")
        else:
            theirs = _covered(items, truth, cover, "truth")
            sure = np.ones(items.num_rows, bool)
        if known is not None:
            sure &= _covered(items, known, cover, "known")
        return assess(
            None,
            np.where(sure, theirs.astype(np.int64), -1),
            labels=ours.astype(np.int64),
            classes=["not", "found"],
            items=items,
            slices=slices,
            **options,
        )

    def _found(self, found: Any) -> Any:
        plain = callable(found) and not isinstance(found, Intervals)
        return self.concept(found) if plain or isinstance(found, str | Concept) else found


def _items(over: Any, db: Assessing) -> pa.Table:
    if over is not None:
        items = any_table(over, "over").collect()
    else:
        items = db.shots.collect()
        items = items if items.num_rows else db.frames.collect()
    if not items.num_rows:
        raise LabelError("assess(): there are no items; give over=, or index videos first")
    return items


def _covered(items: pa.Table, spans: Any, cover: float, name: str) -> Members:
    return slices_of([named_slice(name, spans, cover=cover)], items, items.num_rows)[name]
