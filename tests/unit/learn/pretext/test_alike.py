"""Pictures of different things that a descriptor takes for the same, against a slow search."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import LearnError
from vquery.learn.pretext.alike import mutual, things_of
from vquery.learn.pretext.pairs import NEAR_S, Known


def slow(points, thing, video, start_us, k):
    """Pairs among each other's k nearest, found one by one."""
    n = len(points)
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)

    def near(i):
        others = [
            j
            for j in range(n)
            if thing[j] != thing[i]
            and not (video[i] == video[j] and abs(start_us[i] - start_us[j]) <= NEAR_S * 1e6)
        ]
        others.sort(key=lambda j: -float(unit[i] @ unit[j]))
        return {j for j in others[:k] if unit[i] @ unit[j] > 0}

    frames = {}
    for i in range(n):
        frames.setdefault((video[i], start_us[i]), set()).add(thing[i])
    lists = [near(i) for i in range(n)]
    return {
        (i, j)
        for i in range(n)
        for j in lists[i]
        if i in lists[j] and not any({thing[i], thing[j]} <= met for met in frames.values())
    }


@pytest.mark.parametrize("seed", range(4))
def test_links_are_those_of_a_slow_search(seed):
    rng = np.random.default_rng(seed)
    n = 60
    points = rng.normal(size=(n, 5)).astype(np.float32)
    points[rng.random(n) < 0.1] = 0
    thing, video = rng.integers(0, 15, n), rng.integers(0, 3, n)
    thing = np.unique(thing * 3 + video, return_inverse=True)[1]  # a thing is of one video
    start = rng.integers(0, 8, n) * 700_000
    found = mutual(points, thing, video, start, near_s=NEAR_S, k=4, floor=0.0)
    pairs = set(zip(*(part.tolist() for part in found.nonzero()), strict=True))
    assert pairs == slow(points, thing, video, start, 4)
    assert pairs
    both = {(thing[i], thing[j]) for i, j in pairs}
    assert set(zip(*things_of(found, thing).nonzero(), strict=True)) == both


def test_things_that_share_a_frame_are_never_taken_for_one():
    """Two in one frame look alike, and one of them looks like a third elsewhere."""
    points = np.array([[1, 0], [1, 0.02], [1, 0.1], [1, 0]], np.float32)
    thing, video, start = np.array([0, 1, 1, 2]), np.array([0, 0, 0, 1]), np.array([0, 0, 9, 0])
    found = mutual(points, thing, video, start * 1_000_000, near_s=NEAR_S, k=3, floor=0.5).toarray()
    assert not found[0, 2]
    assert found[0, 3]
    assert found[1, 3]


def test_what_is_no_more_alike_than_unrelated_pairs_are_is_not_linked():
    """Everything has some nearest neighbours; few of them stand out where all is random."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 16)).astype(np.float32)
    points[200:210] = points[:10] + rng.normal(0, 0.05, (10, 16))
    own = np.arange(400)
    found = mutual(points, own, own, own, near_s=NEAR_S)
    every = mutual(points, own, own, own, near_s=NEAR_S, floor=-1.0)
    assert found.nnz < every.nnz / 2
    assert all(found[row, row + 200] for row in range(10))


def test_a_descriptor_has_a_row_for_each_picture():
    with pytest.raises(LearnError, match="3 pictures but 2 rows of a descriptor"):
        mutual(np.ones((2, 2), np.float32), *[np.arange(3)] * 3, near_s=1.0)


def test_what_is_alike_is_drawn_together_and_never_driven_apart(pictures):
    """Tracks 0 and 2 are of one video; the descriptor says that they are one thing."""
    looks = np.eye(6, dtype=np.float32)[np.where(pictures.track == 2, 0, pictures.track)]
    looks += np.random.default_rng(0).normal(0, 1e-3, looks.shape).astype(np.float32)
    known = Known.of(pictures, looks)
    plain = Known.of(pictures)
    rows, rng = np.arange(len(known)), np.random.default_rng(0)
    first, third = np.flatnonzero(pictures.track == 0), np.flatnonzero(pictures.track == 2)
    assert plain.different(first, third).all()
    assert not known.different(first, third).any()
    other = np.flatnonzero(pictures.track == 1)
    assert known.different(first, other).all()

    always = known.partners(rows, rng, 0.0, 1.0)
    linked = np.diff(known.alike.indptr) > 0
    assert linked[first].any()
    assert (always[~linked] == rows[~linked]).all()
    moved = known.thing[always] != known.thing
    assert (moved == linked).all()
    assert known.alike[rows[linked], always[linked]].all()
    some = known.partners(rows, rng, 0.0, 0.5) != rows
    assert 0 < some.sum() < linked.sum()
    assert (known.partners(rows, rng, 1.0, 0.0) != rows).any()


def test_links_go_with_the_rows_that_are_kept(pictures):
    looks = np.random.default_rng(1).normal(size=(len(pictures), 32)).astype(np.float32)
    looks[pictures.track == 3] = looks[pictures.track == 0]
    known = Known.of(pictures, looks)
    assert known.alike.nnz
    rows = np.sort(np.random.default_rng(2).permutation(len(pictures))[:30])
    kept = known.take(rows)
    assert (kept.alike.toarray() == known.alike.toarray()[np.ix_(rows, rows)]).all()
