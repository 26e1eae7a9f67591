"""From human labels on the tracks of a graph to soft labels of all its detections."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.api.tables import HUMAN, PROPAGATED
from vquery.errors import LabelError
from vquery.graph.knowing import gaps
from vquery.graph.names import LEAK, name_tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.propagation.graphs import Built
    from vquery.api.propagation.options import Options
    from vquery.graph.names import Names

    Ints = npt.NDArray[np.int64]

NAMED_SEEDS = 3
NAMED_GAPS = 10
"""Components without a seed that a report names, those with most items first."""


@dataclass(frozen=True)
class Solved:
    """A graph with the solution for one concept.

    Attributes
    ----------
    given
        Row → human label, None for "none of them".
    outside
        Human labels on detections that do not take part.
    barred
        Rows and the labels that a person rejected for them.
    """

    built: Built
    names: Names
    given: dict[int, str | None]
    outside: int
    barred: tuple[tuple[int, str], ...] = ()


def solve(
    built: Built, seeds: pa.Table, rejected: pa.Table, concept: str, options: Options
) -> Solved:
    """Solve for the human labels of one concept, without those rejected (both of schema SEED).

    Raises
    ------
    LabelError
        If no item has a label, or two labels contradict inside one track.
    """
    given, outside = given_rows(built, seeds)
    if not any(label is not None for label in given.values()):
        raise unlabelled(concept, " among these items")
    return solve_rows(built, given, rejected, outside, options)


def solve_rows(
    built: Built,
    given: dict[int, str | None],
    rejected: pa.Table,
    outside: int,
    options: Options,
) -> Solved:
    """Solve for labels on rows, of which there may be none.

    A label that was rejected for one detection is none of its track.

    Raises
    ------
    LabelError
        If two labels contradict inside one track.
    """
    _refuse_contradictions(given, built.tracks.node, built.ids)
    refused, _ = _inside(built, rejected)
    barred = tuple((row, label) for row, label in refused if label is not None)
    names = name_tracks(
        built.tracks,
        given,
        barred=barred,
        leak=LEAK if options.leak is None else options.leak,
        threshold=options.threshold,
        exclusive=options.exclusive,
    )
    return Solved(built, names, given, outside, barred)


def given_rows(built: Built, seeds: pa.Table) -> tuple[dict[int, str | None], int]:
    """Find the rows that have labels; count the labels on detections that take no part."""
    rows, outside = _inside(built, seeds)
    return dict(rows), outside


def _inside(built: Built, seeds: pa.Table) -> tuple[list[tuple[int, str | None]], int]:
    own, labelled = built.ids, seeds["detection_id"].to_numpy()
    inside = np.isin(labelled, own)
    rows = np.searchsorted(own, labelled[inside]).tolist()
    labels = seeds["label"].filter(pa.array(inside)).to_pylist()
    return list(zip(rows, labels, strict=True)), int((~inside).sum())


def unlabelled(concept: str, where: str, others: Sequence[str] = ()) -> LabelError:
    """Return the error for a concept without any label but "none of them"; others have some."""
    hint = f"; labelled are {', '.join(map(repr, others))}" if others else ""
    return LabelError(
        f"no human label of {concept!r}{where}: label at least one first, "
        f'as in db.label(rows, "{concept}", "Bernie"){hint}'
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


def report_of(solved: Solved) -> dict[str, Any]:
    """Say how the graph was built, how it was solved, and what no seed reaches."""
    built, names = solved.built, solved.names
    graph, faces = built.tracks.graph, built.faces()
    solver = names.solver
    reached = np.zeros(graph.n, bool) if solver is None else solver.reached
    missed = gaps(graph.weights, reached, item_count=built.sizes)
    first = zip(missed.nodes.tolist(), missed.items.tolist(), missed.add.tolist(), strict=True)
    named = [
        {"tracks": tracks, "items": items, "label": int(faces[add])}
        for tracks, items, add in list(first)[:NAMED_GAPS]
    ]
    report = {
        **graph.summary(),
        "edges_by_kind": {kind: int(matrix.nnz // 2) for kind, matrix in graph.kinds.items()},
        **names.report,
        "seeds": len(solved.given),
        "outside": solved.outside,
        "unreached_components": len(missed),
        "gaps": named,
        "suggested": [gap["label"] for gap in named],
    }
    report.pop("suggested_rows", None)
    return report


def table_of(solved: Solved, concept: str, run_id: int) -> pa.Table:
    """Write the solution as SOFT_LABEL, one row an item in order of ``detection_id``."""
    names, rows = solved.names, solved.built.rows
    n = rows.num_rows
    source = np.full(n, PROPAGATED, object)
    source[list(solved.given)] = HUMAN
    columns = {
        "detection_id": rows["detection_id"],
        "video": rows["video"],
        "concept": pa.array([concept] * n, pa.string()),
        "label": pa.array(_labels(solved), pa.string()),
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


def _labels(solved: Solved) -> list[str | None]:
    """Take the label of each row, but none that was rejected for it where its track has a seed."""
    labels: list[str | None] = solved.names.label.tolist()
    for row, name in solved.barred:
        if labels[row] == name:
            labels[row] = None
    return labels


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
