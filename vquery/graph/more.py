"""One more label on items that were solved: the scores are corrected instead of solved anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from vquery.errors import LabelError
from vquery.graph.labelled import label_items
from vquery.graph.leaving import LeftOut, Solved, seeds_twice
from vquery.graph.masses import shares
from vquery.graph.seeds import Seeds, read_seeds, whole
from vquery.graph.solve import Harmonic

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from vquery.graph.labelled import Labelled
    from vquery.graph.masses import Prior

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]


def with_label(found: Labelled, item: int, label: Hashable) -> Labelled:
    """Label one more item; see `Labelled.added`, which this is."""
    solver, items = found.solver, found.items
    if not isinstance(solver, Harmonic):
        raise LabelError(
            f"added() corrects harmonic scores, and these are of {found.report['propagation']!r}: "
            "propagate again with all labels"
        )
    at = whole(item)
    if at is None or not 0 <= at < len(items.node):
        raise LabelError(f"item {item!r} does not exist: there are {len(items.node)} items")
    node = int(items.node[at])
    given = {
        row: found.classes[code]
        for row, code in zip(found.seeds.rows.tolist(), found.seeds.truth.tolist(), strict=True)
        if items.node[row] != node
    }
    read = read_seeds({**given, at: label}, items.node)
    prior = _prior(found)
    if found.raw is None or not set(found.classes) <= set(read.classes):
        return items.propagate({**given, at: label}, prior=prior)
    place = np.array([read.classes.index(value) for value in found.classes])
    mine = read.labels[[int(np.searchsorted(read.nodes, node))]].toarray()[0]
    after, scores = solver.added(node, _spread(found.raw, place, len(read.classes)), mine)
    seeds = _ordered(read, after.seeds)
    kept, solved = None, Solved(scores.astype(np.float32), *_nothing(len(read.classes)))
    if seeds_twice(seeds):
        if len(found.left_out.places):
            left = found.left_out
            wide = _spread(left.scores, place, len(read.classes))
            kept = LeftOut(left.places, wide, place[left.truth]), found.power
        else:
            which = after.held_out()
            left_out = after.leave_one_out(seeds.labels.toarray(), which)
            solved = Solved(solved.raw, which, left_out)
    facts = {
        "seeds": found.report["seeds"] + int(node not in found.seeds.nodes),
        "classes": len(read.classes),
        "propagation": found.report["propagation"],
    }
    wanted = shares(prior, read.classes)
    return label_items(
        items, seeds, after, wanted, hard=True, facts=facts, solved=solved, kept=kept
    )


def _prior(found: Labelled) -> Prior:
    """Say what prior it was solved with; a uniform one is so for any classes."""
    if found.wanted is None:
        return None
    if np.ptp(found.wanted) == 0:
        return "uniform"
    return dict(zip(found.classes, found.wanted.tolist(), strict=True))


def _spread(columns: NDArray[np.floating], place: Ints, width: int) -> Weights:
    """Bring columns to other places, with zeros between them."""
    out = np.zeros((len(columns), width))
    out[:, place] = columns
    return out


def _nothing(classes: int) -> tuple[Ints, Weights]:
    return np.empty(0, np.int64), np.empty((0, classes))


def _ordered(read: Seeds, nodes: Ints) -> Seeds:
    """Bring seeds to the order that the solver has them in."""
    at = np.searchsorted(read.nodes, nodes)
    labels = sparse.csr_array(read.labels[at])
    return Seeds(
        read.rows[at], read.nodes[at], labels, read.classes, read.names, read.confidence[at]
    )
