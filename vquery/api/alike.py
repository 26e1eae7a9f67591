"""Rows in the order of how like a few examples they are, learnt while somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.likeness import units
from vquery.api.vectors import Vectors
from vquery.errors import LabelError
from vquery.learn.ends.few_shot import FewShot

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

SPACES = ("embedding.face", "embedding.face_wide")
MOST = 500
"""Examples of a kind that are learnt from; of more so many are drawn."""
BACKGROUND = 2_000
"""Tracks, drawn once, whose mean vectors are compared from."""
OTHERS = 200
"""Of these so many stand for all else, beside the counterexamples."""
BLOCK = 8_192


class Alike(NamedTuple):
    """How like the examples each row is.

    Attributes
    ----------
    lead : pyarrow.FloatArray (n,)
        Larger is more alike, above 0 more like the examples than like all else; it ranks, and is no
        probability. Null for rows that were judged, all rows of their tracks, and those without a
        vector.
    likes, unlikes : int
        From how many examples and counterexamples it was learnt.
    judged, unseen : int
        Rows without a lead because they were judged, and for want of a vector.
    """

    lead: pa.FloatArray
    likes: int
    unlikes: int
    judged: int
    unseen: int


def alike(snapshot: Snapshot, rows: pa.Table, likes: Ints, unlikes: Ints, judged: Ints) -> Alike:
    """Learn from a few detections, and say how like them each row is.

    Without counterexamples an item is as like as its cosine with their mean. With them it is ridge
    regression, for which a draw of all items are counterexamples as well: the difference of two
    cosines would put what is like neither before what is like both. Tracks are compared by the
    vector of one of their rows. O(tracks + examples³).

    Parameters
    ----------
    rows
        Detections, with ``detection_id`` and maybe ``track``.
    likes, unlikes
        Detections of the collection: examples and counterexamples.
    judged
        Detections that need not be asked about any more.

    Raises
    ------
    LabelError
        If no example or no row has a vector.
    """
    tables = snapshot.tables()
    vectors = Vectors(snapshot, [name for name in SPACES if name in tables])
    good, bad = (vectors.of(_drawn(each, MOST))[0] for each in (likes, unlikes))
    if not len(good):
        raise LabelError(
            f"none of the {len(likes):,} examples has a vector to compare by: index their videos, "
            "or choose other examples"
        )
    first, unit = units(rows)
    given = pc.fill_null(rows["detection_id"], 0).to_numpy()
    ids = given[first]
    head = _learnt(good, bad, vectors.of(_drawn(ids, BACKGROUND))[0])
    done = np.zeros(len(first), bool)
    done[unit[np.isin(given, judged)]] = True
    lead = np.full(len(first), np.nan, np.float32)
    left = np.flatnonzero(~done)
    for start in range(0, len(left), BLOCK):
        block = left[start : start + BLOCK]
        seen, there = vectors.of(ids[block])
        lead[block[there]] = _lead(head, seen)
    none = np.isnan(lead)
    over = int(done[unit].sum())
    found = pa.array(lead[unit], pa.float32(), from_pandas=True)
    return Alike(found, len(good), len(bad), over, int(none[unit].sum()) - over)


def _learnt(good: Floats, bad: Floats, around: Floats) -> FewShot:
    if not len(around):
        raise LabelError("no row has a vector to compare by: index their videos")
    if not len(bad):
        return FewShot().fit(good, [True] * len(good), background=around, rest=False)
    known = np.vstack([good, bad, around[:OTHERS]])
    said = np.arange(len(known)) < len(good)
    return FewShot("ridge").fit(known, said.tolist(), background=around)


def _lead(head: FewShot, rows: Floats) -> Floats:
    """Return the score of the examples less that of all else, as `FewShot.scores` has them.

    Vectors of a hundred thousand rows are read once and copied never, which takes a sixth of its
    time; the expanded square is exact enough since they are of unit length.
    """
    yes = head.classes_.index(True)
    weights = head.weights_[:, yes] - head.weights_[:, 1 - yes]
    found = rows @ np.stack([weights, head.centre_], axis=1).astype(np.float32)
    square = np.einsum("ij,ij->i", rows, rows) - 2 * found[:, 1] + head.centre_ @ head.centre_
    length = np.sqrt(np.maximum(square, 0))
    above = found[:, 0] - head.centre_ @ weights
    offset = head.offset_[yes] - head.offset_[1 - yes]
    return np.asarray(above / np.where(length > 0, length, 1) + offset, np.float32)


def _drawn(ids: Ints, most: int) -> Ints:
    """Draw some of many, the same ones every time, in the order of the draw."""
    return np.asarray(ids[np.random.default_rng(0).permutation(len(ids))[:most]])
