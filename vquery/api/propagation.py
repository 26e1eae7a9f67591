"""From human labels to labels of everything that looks alike, kept in the collection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.labelling import ids_of
from vquery.api.tables import HUMAN, PROPAGATED
from vquery.errors import LabelError
from vquery.graph.names import name_tracks
from vquery.graph.tracks import build_tracks

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.api.labelling import Rows
    from vquery.graph.names import Names
    from vquery.graph.tracks import TrackGraph
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

    Ints = npt.NDArray[np.int64]

SPACES = "embedding.face"
"""How the tables of embeddings of detections begin, one for each space; frames have their own."""
NAMED_SEEDS = 3


@dataclass(frozen=True)
class Propagation:
    """The outcome of a propagation.

    Attributes
    ----------
    table
        Schema SOFT_LABEL, one row an item, in order of ``detection_id``.
    report
        Facts of the graph and the solution.
    """

    table: pa.Table
    report: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """Count labels; say what no seed could reach and which seed to add there."""
        labels = pc.value_counts(self.table["label"].drop_null()).to_pylist()
        reached = pc.sum(self.table["reached"]).as_py() or 0
        unnamed = pc.is_null(self.table["label"])
        return {
            "items": self.table.num_rows,
            "seeds": self.report["seeds"],
            "labelled": self.table.num_rows - self.table["label"].null_count,
            "unsure": pc.sum(pc.and_(self.table["reached"], unnamed)).as_py() or 0,
            "unreached": self.table.num_rows - reached,
            "labels": {
                e["values"]: e["counts"] for e in sorted(labels, key=lambda e: -e["counts"])
            },
            "notes": _notes(self.report),
            "graph": self.report,
        }

    def __repr__(self) -> str:
        facts = self.summary()
        labels = ", ".join(f"{label} {count:,}" for label, count in facts["labels"].items())
        return (
            f"<Propagation: {facts['labelled']:,} of {facts['items']:,} items labelled "
            f"from {facts['seeds']} seeds ({labels})>"
        )


def propagate(store: Store, concept: str, over: Rows, *, threshold: float = 0.5) -> Propagation:
    """Spread the human labels of a concept over detections; see `Collection.propagate`."""
    if not 0 <= threshold <= 1:
        raise LabelError(f"propagate(threshold=) must be from 0 to 1, got {threshold!r}")
    ids = np.unique(ids_of(over, none="there are no detections to propagate over"))
    with store.snapshot() as snapshot:
        seeds = store.labels(concept, snapshot)
        if seeds["label"].null_count == seeds.num_rows:
            raise _unlabelled(concept, "")
        arguments = {
            "concept": concept,
            "threshold": threshold,
            "items": len(ids),
            "last_event": snapshot.last_event,
        }
        with store.writer("propagate", arguments) as writer:
            graph, rows = build(snapshot, ids)
            table, report = spread(graph, rows, seeds, concept, threshold, writer.run_id)
            found = Propagation(table, report)
            _keep(store, writer, concept, table)
            writer.finish(found.summary())
    return found


def _keep(store: Store, writer: Writer, concept: str, table: pa.Table) -> None:
    """Put the rows in the place of what the concept had; other concepts keep theirs."""
    with store.snapshot() as now:
        others = now.read("soft_labels")
    others = others.filter(pc.not_equal(others["concept"], concept))
    rows = pa.concat_tables([others, table]).sort_by(
        [("detection_id", "ascending"), ("concept", "ascending")]
    )
    writer.commit([writer.write("soft_labels", rows)], replace={"soft_labels": None})


def build(snapshot: Snapshot, ids: Ints) -> tuple[TrackGraph, pa.Table]:
    """Build the graph of the tracks of these detections; return it with their rows.

    Raises
    ------
    LabelError
        If an id is unknown, or no detection of the collection has an embedding.
    """
    columns = ["detection_id", "video", "start_us", "track"]
    rows = snapshot.read("detections", columns=columns)
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pa.array(ids)))
    rows = rows.sort_by("detection_id")
    own = rows["detection_id"].to_numpy()
    if len(own) < len(ids):
        missing = np.setdiff1d(ids, own)
        raise LabelError(
            f"{len(missing)} of {len(ids)} ids are not detections of this collection, "
            f"such as {missing[0]}: take them from db.faces"
        )
    spaces = [name for name in snapshot.tables() if name.startswith(SPACES)]
    if not spaces:
        raise LabelError(
            "the detections have no embeddings: index them with their videos, "
            "because labels spread by what the pictures show"
        )
    vectors = {space: _vectors(snapshot, space, own) for space in spaces}
    video = rows["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    track = pc.fill_null(rows["track"], -1).to_numpy()
    graph = build_tracks(vectors, video=video, start_us=rows["start_us"].to_numpy(), track=track)
    return graph, rows


def _vectors(snapshot: Snapshot, space: str, own: Ints) -> npt.NDArray[np.float32]:
    """Line vectors up with items; an item without one gets zeros, which are like nothing."""
    ids, matrix = snapshot.vectors(space)
    vectors = np.zeros((len(own), matrix.shape[1]), np.float32)
    if len(ids):
        place = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
        found = ids[place] == own
        vectors[found] = matrix[place[found]]
    return vectors


def spread(
    graph: TrackGraph,
    rows: pa.Table,
    seeds: pa.Table,
    concept: str,
    threshold: float,
    run_id: int = 0,
) -> tuple[pa.Table, dict[str, Any]]:
    """Solve for one set of human labels; return SOFT_LABEL rows and facts.

    Raises
    ------
    LabelError
        If no item has a label, or two labels contradict inside one track.
    """
    own = rows["detection_id"].to_numpy()
    place = {int(item): i for i, item in enumerate(own)}
    given = {
        place[seed["detection_id"]]: seed["label"]
        for seed in seeds.to_pylist()
        if seed["detection_id"] in place
    }
    if not any(label is not None for label in given.values()):
        raise _unlabelled(concept, " among these items")
    _refuse_contradictions(given, graph.node, own)
    names = name_tracks(graph, given, threshold=threshold)
    report = {
        **graph.graph.facts,
        **names.report,
        "seeds": len(given),
        "outside": seeds.num_rows - len(given),
    }
    report["suggested"] = [int(own[row]) for row in report.pop("suggested_rows")]
    return _table(names, rows, given, concept, run_id), report


def _unlabelled(concept: str, where: str) -> LabelError:
    return LabelError(
        f"no human label of {concept!r}{where}: label at least one first, "
        f'as in db.label(rows, "{concept}", "Bernie")'
    )


def _refuse_contradictions(given: dict[int, str | None], node: Ints, own: Ints) -> None:
    first: dict[int, int] = {}
    for row in sorted(given):
        other = first.setdefault(int(node[row]), row)
        if given[other] != given[row]:
            raise LabelError(
                f"detections {own[other]} and {own[row]} are one track (or copies of one another) "
                f"but are labelled {given[other]!r} and {given[row]!r}: correct one of them "
                "(labelling it again replaces its label), or undo"
            )


def _table(
    names: Names, rows: pa.Table, given: dict[int, str | None], concept: str, run_id: int
) -> pa.Table:
    n = rows.num_rows
    source = np.full(n, PROPAGATED, object)
    source[list(given)] = HUMAN
    columns = {
        "detection_id": rows["detection_id"],
        "video": rows["video"],
        "concept": pa.array([concept] * n, pa.string()),
        "label": pa.array(names.label.tolist(), pa.string()),
        "best": pa.array(names.best.tolist(), pa.string()),
        "probability": pa.array(names.probability, pa.float32()),
        "margin": pa.array(names.margin, pa.float32()),
        "reached": pa.array(names.reached),
        "calibrated": pa.array([names.calibrated] * n),
        "source": pa.array(source, pa.string()),
        "why": _why(names, rows["detection_id"].to_numpy()),
        "run_id": pa.array([run_id] * n, pa.int64()),
    }
    return pa.table([columns[name] for name in schema.SOFT_LABEL.names], schema=schema.SOFT_LABEL)


def _why(names: Names, own: Ints) -> pa.Array:
    """Write the seeds that speak most for each track, once a track."""
    node = names.tracks.node
    seed_rows, weights = names.why(top=NAMED_SEEDS)
    texts = []
    for mine, strength in zip(seed_rows.tolist(), weights.tolist(), strict=True):
        said = [
            {"seed": int(own[row]), "weight": round(weight, 4)}
            for row, weight in zip(mine, strength, strict=True)
            if row >= 0 and weight > 0
        ]
        texts.append(json.dumps(said) if said else None)
    return pa.array(texts, pa.string()).take(pa.array(node))


def _notes(report: dict[str, Any]) -> list[str]:
    notes = []
    if report.get("outside"):
        notes.append(f"{report['outside']} labels are on items that did not take part")
    if report.get("without_vector"):
        notes.append(f"{report['without_vector']} items have no embedding and were not reached")
    if report.get("suggested"):
        shown = ", ".join(str(item) for item in report["suggested"][:3])
        notes.append(f"to reach more, label one of these detections next: {shown}")
    if not report.get("calibrated"):
        notes.append("probabilities follow a stated prior: label two tracks of each to calibrate")
    return notes
