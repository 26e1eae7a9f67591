"""The outcome of a fusion: its table, its intervals, and why each item is what it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.fusion import items as described
from vquery.api.fusion.why import Why, explain, parts_of, shown_label
from vquery.api.tables import FUSED, HUMAN
from vquery.engine.bring import any_table
from vquery.errors import LabelError
from vquery.graph.seeds import whole
from vquery.metrics.calibration import UNKNOWN
from vquery.view.page import fragment, heading, paragraph, table_html

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.api.fusion.gather import Gathered
    from vquery.api.fusion.why import Parts
    from vquery.engine.intervals import Intervals
    from vquery.supervise.fusion import Fusion

    Ints = npt.NDArray[np.int64]

TOLD = 3
"""Sources that are kept with each label."""
HUNDREDTHS = 100
MOST_VALUES = 1 << 62
"""That one packed number can have."""


class Fused:
    """One soft label an item.

    Attributes
    ----------
    concept
        What was fused.
    table
        Schema SOFT_LABEL for detections and tracks, one row a detection; SOFT_INTERVAL for spans.
    fusion
        The arrays: probabilities of all classes, factors, what was checked.
    labels
        The classes, in the order of ``fusion.probability``; None is "none of them".
    run_id
        The run that kept it, None where it was not kept.
    """

    def __init__(
        self,
        concept: str,
        fusion: Fusion,
        gathered: Gathered,
        *,
        threshold: float,
        run_id: int | None,
    ) -> None:
        self.concept = concept
        self.fusion = fusion
        self.labels = gathered.labels
        self.run_id = run_id
        self._threshold = threshold
        self._known = gathered
        self._parts: Parts = parts_of(fusion, gathered)
        self.table = self._table()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided and why, and what took no part."""
        return (*self._known.notes, *self.fusion.notes)

    @property
    def intervals(self) -> Intervals:
        """The labelled items as intervals with ``label`` and ``probability``.

        Spans with one label that touch or overlap are one, with the mean of their probabilities
        over their time; detections and tracks are left as they are.
        """
        items = self._known.items
        codes = self.fusion.labels(self._threshold)
        given = np.flatnonzero((codes != UNKNOWN) & (self._named[codes] != np.array(None)))
        rows = items.table.take(pa.array(given)).select([*schema.KEYS, "item"])
        rows = rows.append_column("label", pa.array(self._named[codes[given]], pa.string()))
        chance = self.fusion.probability.max(axis=1)[given]
        rows = rows.append_column("probability", pa.array(chance))
        if items.kind == described.SPANS:
            rows = _joined(rows)
        return any_table(rows, f"fused {self.concept}")

    @property
    def _named(self) -> npt.NDArray[np.object_]:
        names = np.empty(len(self.labels), object)
        names[:] = self.labels
        return names

    def _table(self) -> pa.Table:
        fusion, items = self.fusion, self._known.items
        codes = fusion.labels(self._threshold)
        label = self._named[codes]
        label[codes == UNKNOWN] = None
        n = items.n
        columns = {
            "item": items.table["item"],
            "concept": pa.repeat(pa.scalar(self.concept), n),
            "label": pa.array(label, pa.string()),
            "best": pa.array(self._named[fusion.best], pa.string()),
            "probability": pa.array(fusion.probability.max(axis=1), pa.float32()),
            "margin": pa.array(fusion.margin, pa.float32()),
            "reached": pa.array(fusion.reached),
            "calibrated": pa.repeat(pa.scalar(fusion.calibrated), n),
            "source": pa.array(np.where(fusion.human != UNKNOWN, HUMAN, FUSED), pa.string()),
            "why": self._told(),
            "run_id": pa.repeat(pa.scalar(self.run_id, pa.int64()), n),
        }
        if items.kind == described.SPANS:
            times = {name: items.table[name] for name in schema.KEYS}
            return schema.conform(pa.table(times | columns), schema.SOFT_INTERVAL, what="fused")
        rows = pa.table(columns).take(pa.array(items.owner))
        rows = rows.append_column("detection_id", pa.array(items.members))
        rows = self._only_named(rows.append_column("video", self._videos()))
        return schema.conform(rows, schema.SOFT_LABEL, what="fused").combine_chunks()

    def _videos(self) -> pa.ChunkedArray:
        return self._known.items.table["video"].take(pa.array(self._known.items.owner))

    def _only_named(self, rows: pa.Table) -> pa.Table:
        """Of an item, only the detections that a human named have the source "human"."""
        seeds = self._known.human.rows["detection_id"]
        mine = pc.is_in(rows["detection_id"], value_set=seeds.combine_chunks())
        source = pc.if_else(mine, rows["source"], FUSED)
        return rows.set_column(rows.column_names.index("source"), "source", source)

    def _told(self) -> pa.Array:
        """Write the sources that contribute most to each item, once for those that are alike."""
        parts = self._parts
        weight = np.rint(parts.log_odds * HUNDREDTHS).astype(np.int64)
        top = np.argsort(-np.abs(weight), axis=1, kind="stable")[:, :TOLD]
        strength = np.take_along_axis(weight, top, axis=1)
        top[strength == 0] = -1
        key = np.column_stack([top, strength, self.fusion.human != UNKNOWN])
        first, place = _alike(key)
        wide = top.shape[1]
        texts = [
            json.dumps(
                [
                    *([{"source": HUMAN}] if row[-1] else []),
                    *(
                        {"source": parts.names[at], "weight": size / HUNDREDTHS}
                        for at, size in zip(row[:wide], row[wide:-1], strict=True)
                        if at >= 0
                    ),
                ]
            )
            for row in key[first].tolist()
        ]
        return pa.array(texts, pa.string()).take(pa.array(place))

    def summary(self) -> dict[str, Any]:
        """Count labels; say what each source did and what human labels say of the result."""
        fusion, kind = self.fusion, self._known.items.kind
        codes = fusion.labels(self._threshold)
        names, counts = np.unique(codes[codes != UNKNOWN], return_counts=True)
        found = {self.labels[code]: int(n) for code, n in zip(names, counts, strict=True)}
        return {
            "concept": self.concept,
            "items": len(codes),
            "over": kind,
            "labelled": int(sum(found.values())),
            "unsure": int((fusion.reached & (codes == UNKNOWN)).sum()),
            "unreached": int((~fusion.reached).sum()),
            "human": int((fusion.human != UNKNOWN).sum()),
            "labels": dict(sorted(found.items(), key=lambda one: -one[1])),
            "balance": dict(zip(self.labels, fusion.balance.tolist(), strict=True)),
            "sources": {
                one.name: {"items": int(one.says.sum()), "factor": float(factor)}
                for one, factor in zip(fusion.sources, fusion.factors, strict=True)
            },
            "calibrated": fusion.calibrated,
            "checked": fusion.checked,
            "notes": list(self.notes),
        }

    def why(self, item: int) -> Why:
        """Say why an item has its label: every source, what it adds, and where that is from.

        Parameters
        ----------
        item
            Its number: a detection, a track, or ``item`` of the table for spans. For tracks any
            detection of the track does too.

        Returns
        -------
        Why
            Text on a terminal, a table in a notebook, ``to_dict()`` for programs.

        Raises
        ------
        LabelError
            If there is no such item; the message names one that there is.
        """
        items, wanted = self._known.items, whole(item)
        at = np.flatnonzero(items.numbers == wanted) if wanted is not None else np.empty(0)
        if not len(at) and wanted is not None:
            at = items.of_detections(np.array([wanted]))[1]
        if not len(at):
            raise LabelError(
                f"item {item!r} did not take part: {self.concept!r} was fused over {items.n:,} "
                f"{items.kind}" + (f", such as {items.numbers[0]}" if items.n else "")
            )
        return explain(
            self.fusion, self._known, self._parts, int(at[0]), self.concept, self._threshold
        )

    def __repr__(self) -> str:
        told = self.summary()
        labels = ", ".join(f"{shown_label(one)} {n:,}" for one, n in told["labels"].items())
        return (
            f"<Fused {self.concept!r}: {told['labelled']:,} of {told['items']:,} {told['over']} "
            f"labelled ({labels or 'none'}), {told['human']:,} by people, "
            f"{'calibrated' if told['calibrated'] else 'not calibrated'}>"
        )

    def _repr_html_(self) -> str:
        told = self.summary()
        rows: list[list[object]] = [[shown_label(one), n] for one, n in told["labels"].items()]
        rows += [["unsure", told["unsure"]], ["no source", told["unreached"]]]
        used = [
            [name, one["items"], f"{one['factor']:.2f}"] for name, one in told["sources"].items()
        ]
        return fragment(
            heading(f"{self.concept}, fused over {told['items']:,} {told['over']}"),
            table_html(["label", "items"], rows),
            table_html(["source", "items", "factor"], used) if used else "",
            *(paragraph(note) for note in told["notes"]),
        )


def _alike(table: Ints) -> tuple[Ints, Ints]:
    """Find the distinct rows of whole numbers: where each is first, and which one each row is.

    Columns are packed into one number a row, since numbers sort many times as fast as rows.

    >>> first, place = _alike(np.array([[5, 1], [5, 2], [5, 1]]))
    >>> first.tolist(), place.tolist()
    ([0, 1], [0, 1, 0])
    """
    packed, values = np.zeros(len(table), np.int64), 1
    for column in table.T:
        low, high = int(column.min(initial=0)), int(column.max(initial=0))
        if values * (high - low + 1) > MOST_VALUES:
            packed = np.unique(packed, return_inverse=True)[1]
            values = int(packed.max(initial=0)) + 1
        packed = packed * (high - low + 1) + (column - low)
        values *= high - low + 1
    _, first, place = np.unique(packed, return_index=True, return_inverse=True)
    return first, place


def _joined(rows: pa.Table) -> pa.Table:
    """Unite spans of one video and label that touch or overlap."""
    rows = rows.sort_by([(name, "ascending") for name in ("video", "label", "start_us", "end_us")])
    rows = rows.combine_chunks()
    if not rows.num_rows:
        return rows.drop_columns("item")
    start, end = (rows[name].to_numpy() for name in ("start_us", "end_us"))
    group = pc.binary_join_element_wise(rows["video"], rows["label"], "\0")
    code = group.combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((end, code))  # ranks rise from group to group: see `store.spans`
    rank = np.empty(len(end), np.int64)
    rank[order] = np.arange(len(end))
    reach = end[order][np.maximum.accumulate(rank)]
    opens = np.r_[True, (np.diff(code) != 0) | (start[1:] > reach[:-1])]
    first = np.flatnonzero(opens)
    last = np.r_[first[1:], len(end)] - 1
    length = np.maximum(end - start, 1).astype(np.float64)
    chance = np.add.reduceat(rows["probability"].to_numpy() * length, first)
    return pa.table(
        {
            "video": rows["video"].take(pa.array(first)),
            "start_us": start[first],
            "end_us": reach[last],
            "label": rows["label"].take(pa.array(first)),
            "probability": chance / np.add.reduceat(length, first),
        }
    )
