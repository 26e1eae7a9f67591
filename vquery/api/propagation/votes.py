"""What other sources say of the tracks: votes that were saved, soft labels of other makers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import HUMAN, PROPAGATED
from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery.api.propagation.solving import Solved
    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]
    Weights = npt.NDArray[np.float64]

ABSTAIN = -1
NEEDED = {"detection_id", "vote"}
"""Columns by which a saved relation is one of votes; ``function`` and ``concept`` may be there."""


def votes_of(solved: Solved, concept: str, snapshot: Snapshot) -> tuple[Ints, Weights]:
    """Bring what other sources say to the tracks.

    Sources are saved relations with ``detection_id`` and ``vote`` (each ``function`` in one is a
    source of its own; where it has a ``concept``, only rows of this one count), and soft labels of
    this concept that no propagation made. A null vote says "none of them". A track gets what most
    of its detections get, the first in the order of the alphabet of equal ones.

    Returns
    -------
    (ndarray, ndarray)
        Votes (n_nodes, m), columns of the scores or -1; and the scores (n_nodes, c) with a column
        for every class that is voted, "none of them" last.

    Raises
    ------
    LabelError
        If there is no other source.
    """
    sources = [(ids, votes) for ids, votes in _sources(concept, snapshot) if len(ids)]
    if not sources:
        raise LabelError(
            "suggest(strategy='disagreement') compares sources, and nothing beside the labels says "
            f"anything of {concept!r}: save a relation with columns 'detection_id' and 'vote', as "
            f'in db.save("rule", rows.mutate(vote="Ann")), or choose another strategy'
        )
    names = solved.names
    voted = {vote for _, votes in sources for vote in votes.unique().to_pylist()} - {None}
    classes = [*names.classes, *sorted(voted - set(names.classes))]
    scores = np.zeros((len(names.scores), len(classes) + 1))
    scores[:, : len(names.classes)] = names.scores[:, :-1]
    scores[:, -1] = names.scores[:, -1]
    columns = [_votes(solved, ids, votes, classes) for ids, votes in sources]
    return np.stack(columns, axis=1), scores


def _sources(concept: str, snapshot: Snapshot) -> Iterator[tuple[Ints, pa.ChunkedArray]]:
    """Ids and votes of each source."""
    soft = snapshot.read("soft_labels", columns=["detection_id", "concept", "source", "label"])
    soft = soft.filter(pc.equal(soft["concept"], concept))
    for maker in sorted(set(soft["source"].unique().to_pylist()) - {HUMAN, PROPAGATED}):
        mine = soft.filter(pc.equal(soft["source"], maker))
        yield mine["detection_id"].to_numpy(), mine["label"]
    for name in snapshot.saved():
        there = snapshot.schema(name).names
        if set(there) >= NEEDED:
            rows = snapshot.read(name)
            if "concept" in there:
                rows = rows.filter(pc.equal(rows["concept"], concept))
            functions = rows["function"].unique().to_pylist() if "function" in there else [None]
            for one in functions:
                mine = rows if one is None else rows.filter(pc.equal(rows["function"], one))
                yield mine["detection_id"].to_numpy(), mine["vote"].cast(pa.string())


def _votes(solved: Solved, ids: Ints, votes: pa.ChunkedArray, classes: list[str]) -> Ints:
    """Count what the detections of each track get and take what most of them do."""
    built = solved.built
    code = pc.index_in(votes, pa.array(classes, pa.string()))
    column = pc.fill_null(code, len(classes)).to_numpy()  # null is "none of them", the last column
    inside = np.isin(ids, built.ids)
    node = built.tracks.node[np.searchsorted(built.ids, ids[inside])]
    count = np.zeros((built.tracks.graph.n, len(classes) + 1), np.int64)
    np.add.at(count, (node, column[inside]), 1)
    return np.where(count.any(1), count.argmax(1), ABSTAIN)
