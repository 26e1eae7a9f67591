"""How like a few examples rows are, and the vectors that this is learnt from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from vquery.api.alike import _lead, _learnt, alike
from vquery.api.vectors import Vectors
from vquery.errors import LabelError

N, DIMENSIONS, PEOPLE = 400, 24, 5


class Snapshot:
    """Vectors of detections from 1, in chunks as parts have them."""

    def __init__(self, vectors, tables=("embedding.face",)):
        self.vectors, self._tables = vectors.astype(np.float32), tables

    def tables(self):
        return list(self._tables)

    def read(self, name, columns):
        assert name in self._tables
        cuts = [0, 7, 7, 150, len(self.vectors)]
        kind = pa.list_(pa.float32(), self.vectors.shape[1])
        chunks = [
            pa.FixedSizeListArray.from_arrays(self.vectors[a:b].ravel(), kind.list_size)
            for a, b in pairwise(cuts)
        ]
        ids = np.arange(1, len(self.vectors) + 1)
        whole = pa.table([ids, pa.chunked_array(chunks, kind)], names=["item_id", "vector"])
        return whole.select(columns)


@pytest.fixture
def world():
    """People who look alike, far from 0; who each detection is."""
    rng = np.random.default_rng(3)
    who = rng.integers(PEOPLE, size=N)
    looks = rng.normal(size=(PEOPLE, DIMENSIONS))
    return Snapshot(looks[who] + 0.5 * rng.normal(size=(N, DIMENSIONS)) + 2), who


def rows_of(ids, track=None):
    columns = {"video": ["a"] * len(ids), "detection_id": pa.array(ids, pa.int64())}
    return pa.table(columns | ({} if track is None else {"track": track}))


def test_vectors_are_found_wherever_they_lie():
    snapshot = Snapshot(np.arange(600, dtype=np.float32).reshape(300, 2), ("one", "two"))
    wanted = np.array([300, 8, 0, 7, 8, 301])
    found, there = Vectors(snapshot, ["one", "two"]).of(wanted)
    assert there.tolist() == [0, 1, 3, 4]
    want = snapshot.vectors[wanted[there] - 1]
    assert np.array_equal(found, np.hstack([want, want]))
    assert Vectors(snapshot, []).of(wanted)[1].tolist() == []


@pytest.mark.parametrize("unlike", [0, 3])
def test_who_is_like_the_examples_comes_first(world, unlike):
    snapshot, who = world
    ids = np.arange(1, N + 1)
    likes, unlikes = ids[who == 2][:3], ids[who == 1][:unlike]
    judged = np.concatenate([likes, unlikes])
    found = alike(snapshot, rows_of(ids), likes, unlikes, judged)
    lead = found.lead.to_numpy(zero_copy_only=False)
    assert (found.likes, found.unlikes, found.judged, found.unseen) == (3, unlike, 3 + unlike, 0)
    assert np.isnan(lead[judged - 1]).all()
    first = np.argsort(-lead)[: (who == 2).sum() - 3]
    assert (who[first] == 2).mean() > 0.9
    again = alike(snapshot, rows_of(ids), likes, unlikes, judged)
    assert again.lead.equals(found.lead)


def test_a_counterexample_does_not_bring_forward_what_is_like_neither():
    """The difference of two cosines would: of what is far from both it is near 0."""
    rng = np.random.default_rng(4)
    who = rng.integers(PEOPLE, size=N)
    looks = rng.normal(size=(PEOPLE, DIMENSIONS))
    looks[1] = looks[2] + 0.1 * rng.normal(size=DIMENSIONS)  # 1 and 2 are twins
    snapshot = Snapshot(looks[who] + 0.4 * rng.normal(size=(N, DIMENSIONS)))
    ids = np.arange(1, N + 1)
    likes, unlikes = ids[who == 2][:3], ids[who == 1][:3]
    found = alike(snapshot, rows_of(ids), likes, unlikes, np.r_[likes, unlikes])
    lead = found.lead.to_numpy(zero_copy_only=False)
    first = np.argsort(-lead)[:40]
    assert np.isin(who[first], [1, 2]).mean() > 0.9


@pytest.mark.parametrize("bad", [0, 4])
def test_leads_are_the_scores_of_the_head(world, bad):
    x = world[0].vectors
    head = _learnt(x[:3], x[3 : 3 + bad], x)
    scores, yes = head.scores(x), head.classes_.index(True)
    assert np.allclose(_lead(head, x), scores[:, yes] - scores[:, 1 - yes], atol=1e-4)


def test_tracks_stand_together_and_come_last_once_judged(world):
    snapshot, _ = world
    track = [10, 10, 11, None, 11, 12, None]
    two = np.array([2])
    found = alike(snapshot, rows_of(range(1, 8), track), two, two[:0], two)
    lead = found.lead.to_pylist()
    assert lead[0] is lead[1] is None
    assert lead[2] == lead[4]
    assert None not in lead[2:]
    assert found.judged == 2


def test_rows_without_a_vector_are_counted(world):
    snapshot, _ = world
    none = np.array([], np.int64)
    found = alike(snapshot, rows_of([1, 2, N + 5, None]), np.array([1]), none, np.array([1]))
    assert [one is None for one in found.lead.to_pylist()] == [True, False, True, True]
    assert (found.judged, found.unseen) == (1, 2)
    with pytest.raises(LabelError, match="none of the 1 examples has a vector"):
        alike(snapshot, rows_of([1, 2]), np.array([N + 5]), none, none)
    with pytest.raises(LabelError, match="no row has a vector"):
        alike(snapshot, rows_of([N + 5]), np.array([1]), none, none)
    with pytest.raises(LabelError, match="none of the 1 examples"):
        alike(Snapshot(snapshot.vectors, ()), rows_of([1]), np.array([1]), none, none)


def test_of_many_examples_some_are_drawn(world, monkeypatch):
    snapshot, who = world
    monkeypatch.setattr("vquery.api.alike.MOST", 10)
    ids = np.arange(1, N + 1)
    found = alike(snapshot, rows_of(ids), ids[who == 2], ids[who != 2], ids[:0])
    assert (found.likes, found.unlikes) == (10, 10)
