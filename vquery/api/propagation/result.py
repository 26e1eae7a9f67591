"""The outcome of a propagation: its table, how far to trust it, and why each label is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import ids_of
from vquery.api.tables import HUMAN
from vquery.errors import LabelError, SchemaError
from vquery.graph.knowing import precision_coverage
from vquery.graph.seeds import whole
from vquery.view.page import fragment, heading, paragraph, table_html

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from vquery.api.labelling import Rows
    from vquery.api.propagation.reasons import Reasons
    from vquery.api.propagation.solving import Solved
    from vquery.graph.edges import Graph

    Ints = npt.NDArray[np.int64]

NOT_KEPT = 0
THRESHOLDS = (0.5, 0.7, 0.9, 0.95)
"""Thresholds that a summary tells the expected precision of."""


class Propagation:
    """The outcome of a propagation.

    Attributes
    ----------
    concept
        What was propagated.
    table
        Schema SOFT_LABEL, one row an item, in order of ``detection_id``.
    report
        Facts of the graph and the solution.
    run_id
        The run that made it; 0 while it is not kept.
    """

    def __init__(
        self,
        concept: str,
        table: pa.Table,
        report: Mapping[str, Any],
        *,
        run_id: int,
        threshold: float,
        rows: Callable[[], pa.Table],
        solved: Callable[[], Solved],
        explain: Callable[[Solved, int, int], Reasons],
        keep: Callable[[Propagation], int],
    ) -> None:
        self.concept = concept
        self.table = table
        self.report = dict(report)
        self.run_id = run_id
        self._threshold = threshold
        self._rows = rows
        self._solve = solved
        self._explain = explain
        self._keep = keep
        self._solved: Solved | None = None

    def keep(self) -> int:
        """Put in force a propagation that was made with ``keep=False``; returns its run.

        Labels that came since it was made are not in it; human labels and rejections count
        nevertheless. One that is kept already stays as it is.

        Raises
        ------
        LockedError
            If another process is writing.
        """
        return self._keep(self) if self.run_id == NOT_KEPT else self.run_id

    def made_by(self, run_id: int) -> None:
        """Say which run keeps it."""
        self.run_id = run_id
        place = self.table.column_names.index("run_id")
        runs = pa.repeat(pa.scalar(run_id, pa.int64()), self.table.num_rows)
        field = self.table.schema.field("run_id")
        self.table = self.table.set_column(place, field, runs)

    @property
    def solved(self) -> Solved:
        """The graph and its solution; built anew where the result was read from the collection."""
        if self._solved is None:
            self._solved = self._solve()
        return self._solved

    @property
    def graph(self) -> Graph:
        """The graph, whose nodes are tracks: ``summary()``, ``to_networkx()``, ``to_graphml()``."""
        return self.solved.built.tracks.graph

    @property
    def nodes(self) -> pa.Table:
        """One row a node of `graph`: the detection that stands for it, its items, its label."""
        built, names = self.solved.built, self.solved.names
        faces = built.faces()
        row = np.searchsorted(built.ids, faces)
        at = pa.array(row)
        return pa.table(
            {
                "node": np.arange(len(faces)),
                "detection_id": faces,
                "video": built.rows["video"].take(at),
                "start_us": built.rows["start_us"].take(at),
                "items": built.sizes,
                "label": pa.array(names.label[row].tolist(), pa.string()),
                "probability": names.probability[row],
            }
        )

    def summary(self) -> dict[str, Any]:
        """Count labels; say how right they should be, and what to label to reach more."""
        reached = pc.sum(self.table["reached"]).as_py() or 0
        unnamed = pc.is_null(self.table["label"])
        return {
            "items": self.table.num_rows,
            "seeds": self._seeds(),
            "labelled": self.table.num_rows - self.table["label"].null_count,
            "unsure": pc.sum(pc.and_(self.table["reached"], unnamed)).as_py() or 0,
            "unreached": self.table.num_rows - reached,
            "labels": self._labels(),
            "expected": self._expected(),
            "notes": notes(self.report),
            "graph": self.report,
        }

    def _labels(self) -> dict[str, int]:
        """Count the items of each label, the commonest first."""
        found = pc.value_counts(self.table["label"].drop_null()).to_pylist()
        return {one["values"]: one["counts"] for one in sorted(found, key=lambda e: -e["counts"])}

    def _seeds(self) -> int:
        by_hand = pc.sum(pc.equal(self.table["source"], HUMAN)).as_py() or 0
        return int(self.report.get("seeds", by_hand))

    def _expected(self) -> list[dict[str, float | int | None]]:
        """Items and expected precision of the propagated labels at and above some thresholds."""
        curve = self.curve(thresholds=THRESHOLDS)
        return [
            {
                "threshold": row["threshold"],
                "items": row["items"],
                "precision": row["expected_precision"],
            }
            for row in reversed(curve.to_pylist())
        ]

    def curve(
        self, truth: Rows | Mapping[int, str | None] | None = None, *, thresholds: Any = None
    ) -> pa.Table:
        """Tell for each threshold how many items are labelled and how many of the labels are right.

        Tracks with a human label do not count. The interval takes a track for one observation,
        since its items are not independent.

        Parameters
        ----------
        truth
            Right labels of some detections, as a table with ``detection_id`` and ``label`` (or a
            column named as the concept) or as ``{detection_id: label}``; None is "none of them".
            Without it precision is only expected, from the probabilities.
        thresholds
            By default every probability that occurs, or 200 of them.

        Returns
        -------
        pyarrow.Table
            By falling threshold: ``threshold, coverage, items, expected_precision, checked,
            precision, low, high``; see `vquery.graph.knowing.precision_coverage`.

        Raises
        ------
        SchemaError
            If the truth has no column of labels.
        """
        code = _track_codes(self._rows())
        by_hand = pc.equal(self.table["source"], HUMAN).to_numpy()
        free = ~np.isin(code, code[by_hand])
        chance, right = self._chances()[free], self._right(truth)[free]
        _, first, code, size = np.unique(
            code[free], return_index=True, return_inverse=True, return_counts=True
        )
        known = np.isfinite(right)
        hits = np.bincount(code, weights=np.where(known, right, 0.0), minlength=len(size))
        count = np.bincount(code, weights=known, minlength=len(size))
        share = np.divide(hits, count, out=np.full(len(size), np.nan), where=count > 0)
        return precision_coverage(chance[first], share, thresholds=thresholds, item_count=size)

    def _chances(self) -> npt.NDArray[np.float64]:
        """Probability of the label that an item would get at a low threshold; 0 where none."""
        chance = pc.fill_null(self.table["probability"], 0.0).to_numpy().astype(np.float64)
        unlabelled = pc.is_null(self.table["label"]).to_numpy()
        # float32 as it is stored: what lost its label to another one in its frame gets none at all
        beaten = unlabelled & (chance >= np.float32(self._threshold))
        return np.where(beaten, 0.0, chance)

    def _right(self, truth: Any) -> npt.NDArray[np.float64]:
        """1 where the most probable label is right, 0 where it is wrong, NaN where unknown."""
        right = np.full(self.table.num_rows, np.nan)
        if truth is None:
            return right
        known = _truth_of(truth, self.concept)
        own = self.table["detection_id"].to_pylist()
        best = self.table["best"].to_pylist()
        for row, item in enumerate(own):
            if item in known:
                right[row] = best[row] is not None and known[item] == best[row]
        return right

    def why(self, detection_id: int, *, top: int = 3) -> Reasons:
        """Say why a detection has its label: the seeds behind it, their shares, the way to them.

        Parameters
        ----------
        detection_id
            A detection that took part.
        top
            Seeds that are named at most.

        Returns
        -------
        Reasons
            Text on a terminal, crops in a notebook, ``to_dict()`` for programs.

        Raises
        ------
        LabelError
            If the detection did not take part, or the graph cannot be built again.
        """
        wanted = whole(detection_id)
        at = -1
        if wanted is not None:
            ids = self.table["detection_id"]
            at = pc.index(ids, value=pa.scalar(wanted, pa.int64())).as_py()
        if at < 0:
            raise LabelError(
                f"detection {detection_id!r} did not take part in run {self.run_id}, which "
                f"propagated {self.concept!r} over {self.table.num_rows:,} detections"
            )
        return self._explain(self.solved, at, top)

    def __repr__(self) -> str:
        counts = self._labels()
        labels = ", ".join(f"{label} {count:,}" for label, count in counts.items())
        return (
            f"<Propagation: {sum(counts.values()):,} of {self.table.num_rows:,} items labelled "
            f"from {self._seeds()} seeds ({labels})>"
        )

    def _repr_html_(self) -> str:
        told = self.summary()
        rows: list[list[object]] = [[label, count] for label, count in told["labels"].items()]
        rows += [["unsure", told["unsure"]], ["not reached", told["unreached"]]]
        expected = [
            [f"{one['threshold']:g}", one["items"], one["precision"]] for one in told["expected"]
        ]
        kept = f"run {self.run_id}" if self.run_id != NOT_KEPT else "a preview, not kept"
        return fragment(
            heading(f"{self.concept}, propagated from {told['seeds']:,} seeds: {kept}"),
            table_html(["label", "items"], rows),
            table_html(["threshold", "items", "expected precision"], expected),
            *(paragraph(note) for note in told["notes"]),
        )


def _track_codes(rows: pa.Table) -> Ints:
    """Give each track a number; a row without one is its own."""
    video = rows["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    ids = rows["detection_id"].to_numpy()
    track = pc.fill_null(rows["track"], -1).to_numpy()
    key = np.where(track < 0, -1 - ids, track)
    return np.asarray(np.unique(np.c_[video, key], axis=0, return_inverse=True)[1].ravel())


def _truth_of(truth: Any, concept: str) -> dict[int, str | None]:
    if hasattr(truth, "items"):
        return dict(truth)
    table = truth.collect() if hasattr(truth, "collect") else pa.table(truth)
    column = next((name for name in ("label", concept) if name in table.column_names), None)
    if column is None:
        raise SchemaError(
            f"curve(truth=) needs 'detection_id' and a column 'label' or {concept!r}; got "
            f"{', '.join(table.column_names)}"
        )
    return dict(zip(ids_of(table).tolist(), table[column].to_pylist(), strict=True))


def notes(report: Mapping[str, Any]) -> list[str]:
    """Say in words what an analyst should know or do."""
    said = []
    if report.get("outside"):
        said.append(f"{report['outside']} labels are on items that did not take part")
    if report.get("without_vector"):
        said.append(f"{report['without_vector']} items have no embedding and were not reached")
    if report.get("same_frame_conflicts"):
        said.append(
            f"{report['same_frame_conflicts']} tracks gave their label up to another one in the "
            "same frame (exclusive=False lets both keep it)"
        )
    given = report.get("given_edges")
    if given:
        left = {key: given[key] for key in ("outside", "inside_a_track", "in_one_frame")}
        why = {
            "outside": "to items that did not take part",
            "inside_a_track": "inside one track",
            "in_one_frame": "between two tracks of one frame",
        }
        said += [f"{n} of the edges given are {why[key]}, left out" for key, n in left.items() if n]
    if report.get("converged") is False:
        said.append(
            f"the solution did not converge in {report['iterations']} iterations (residual "
            f"{report['residual']:.1e}): its labels are rough"
        )
    if report.get("suggested"):
        shown = ", ".join(str(item) for item in report["suggested"][:3])
        said.append(f"to reach more, label one of these detections next: {shown}")
    if not report.get("calibrated"):
        said.append("probabilities follow a stated prior: label two tracks of each to calibrate")
    return said
