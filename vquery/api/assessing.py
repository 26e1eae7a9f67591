"""A concept judged by what people say of the same time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import HUMAN
from vquery.engine.bring import any_table
from vquery.engine.concept import REGISTRY, Concept
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError
from vquery.supervise.proof import assess
from vquery.supervise.slices import COVER, slices_of
from vquery.supervise.slices import slice as named_slice

SOURCE = "source"
"""Column of what was fused that says whether people said it."""

logger = logging.getLogger("vquery")

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
        label: str | None = None,
        cover: float = COVER,
        slices: Slices | None = None,
        **options: Any,
    ) -> Assessment:
        """Judge what is found by what is true, item by item and segment by segment.

        An item is found, or true, where it is covered for at least ``cover`` of its time.

        Parameters
        ----------
        found
            A concept or the name of one, a relation, or a table of intervals. What was fused with
            the human labels that are the truth is right wherever there is one, which a warning
            says.
        truth
            A relation or table of intervals, or the name of a concept that people labelled: items
            with the ``label`` in question are true, those with another one or None ("none of them")
            are not, and nothing is known of those without any.
        over
            The items: a relation or table; by default all shots, without any all frames.
        known
            A relation or table of the time in which the truth is known. By default all of it, or
            what people labelled.
        label
            Which label of the concept is true. By default what ``found`` votes, if it is a concept
            and people gave that label, else the only label that they gave.
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
            If there are no items, the truth is known of none, or people gave several labels and
            ``label`` does not say which.
        QueryError
            If a concept is unknown or fails.
        """
        items = judged_items(over, self)
        said = self._found(found)
        ours = _covered(items, said, cover, "found")
        if isinstance(truth, str):
            _warn_of_circles(said, truth)
            rows = self.labelled(truth).collect()
            wanted = _wanted(rows, truth, _voted(found) if label is None else label, label)
            there = pc.fill_null(pc.equal(rows["label"], wanted), fill_value=False)
            theirs = _covered(items, rows.filter(there), cover, "truth")
            sure = theirs | _covered(items, rows.filter(pc.invert(there)), cover, "truth")
        else:
            if label is not None:
                raise QueryError("assess(label=) goes with the name of a concept as truth")
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


def _warn_of_circles(found: Any, concept: str) -> None:
    """Warn where people would be judged by what they said: rows that fusion took from them."""
    table = any_table(found, "found")
    if SOURCE not in table.columns:
        return
    said = table.collect(columns=[SOURCE])[SOURCE]
    own = pc.sum(pc.equal(said.cast(pa.string()), HUMAN)).as_py() or 0
    if own:
        logger.warning(
            "%d of %d rows that are judged by labels of %r are human labels themselves and always "
            "right; to judge the votes alone: vq.assess(model.predict_proba(votes), "
            "db.truth(votes, %r), classes=votes.classes, items=votes.items)",
            own, len(said), concept, concept,
        )  # fmt: skip


def _voted(found: Any) -> Any:
    """Say what a concept votes; null for anything else."""
    one = REGISTRY[found] if isinstance(found, str) and found in REGISTRY else found
    return one.label if isinstance(one, Concept) else None


def _wanted(rows: pa.Table, concept: str, label: Any, given: str | None) -> pa.Scalar:
    """Find out which label is true: the one asked for, or the only one that people gave."""
    if not rows.num_rows:
        raise LabelError(f"nobody has labelled {concept!r}: use label() first")
    said = sorted(set(rows["label"].to_pylist()) - {None})
    if label is not None and str(label) in said:
        return pa.scalar(str(label), pa.string())
    if len(said) > 1 or (said and given is not None):
        what = f"none is {given!r}" if given is not None else "say which one is true by label="
        raise LabelError(f"people labelled {concept!r} with {', '.join(map(repr, said))}: {what}")
    return pa.scalar(said[0] if said else None, pa.string())


def judged_items(over: Any, db: Assessing) -> pa.Table:
    """Read the items: those asked for, else all shots, without any all frames."""
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
