from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.graph.knn import Apart, extended, neighbours, stored
from vquery.graph.knn.stored import cached_neighbours


def same(left, right):
    """Equal lists, but for who of equals is last and for rounding."""
    assert (left.counts() == right.counts()).all()
    assert (left.source == right.source).all()
    np.testing.assert_allclose(left.similarity, right.similarity, atol=2e-6)
    sure = np.abs(left.similarity - last(right)[left.source]) > 4e-6
    keys = [each.source * each.n + each.target for each in (left, right)]
    assert np.isin(keys[0][sure], keys[1]).all()


def last(found):
    out = np.full(found.n, np.inf)
    np.minimum.at(out, found.source, found.similarity)
    return out


@st.composite
def changes(draw):
    """Rows, of which some were there before (in another order), among others that are gone."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(4, 60))
    points = rng.normal(size=(n, 4))
    points[rng.random(n) < 0.1] = points[0]
    points[rng.random(n) < 0.1] = 0
    apart = Apart()
    if draw(st.booleans()):
        apart = Apart(rng.integers(-1, 6, n), rng.integers(0, 2, n), rng.random(n) * 9, 1.0)
    before = rng.permutation(n)[: draw(st.integers(0, n))]
    now = np.sort(rng.permutation(n)[: draw(st.integers(1, n))])
    floor = draw(st.sampled_from([-1.0, 0.2]))
    return points, apart, before, now, draw(st.integers(1, 6)), draw(st.integers(1, 6)), floor


@given(case=changes(), share=st.sampled_from([0, 4]))
def test_extended_lists_equal_a_full_search(case, share):
    points, apart, before, now, k, k_before, floor = case
    known = neighbours(points[before], k_before, apart=apart.take(before))
    place = np.full(len(points), -1)
    place[now] = np.arange(len(now))
    with pytest.MonkeyPatch.context() as patch:
        if not share:  # never search everything anew
            patch.setitem(extended.__globals__, "SHARE_OF_ALL", 1e-9)
        found = extended(known, place[before], points[now], k, apart=apart.take(now), floor=floor)
    same(found, neighbours(points[now], k, apart=apart.take(now), floor=floor))
    by_name = neighbours(
        points[now], k, apart=apart.take(now), floor=floor, known=(known, place[before])
    )
    same(by_name, found)


def test_only_what_is_new_is_searched(monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 8))
    known = neighbours(points[:480], 5)
    asked = []
    real = extended.__globals__["exact"].some_rows

    def counted(points, rows, base, *rest):
        asked.append((len(rows), len(base)))
        return real(points, rows, base, *rest)

    monkeypatch.setattr(extended.__globals__["exact"], "some_rows", counted)
    found = extended(known, np.arange(480), points, 5)
    assert asked == [(20, 500), (480, 20)]
    assert found.method == "exact + 20 rows"
    same(found, neighbours(points, 5))
    again = extended(found, np.r_[np.arange(490), np.full(10, -1)], points[:490], 5)
    assert asked[2][0] < 100  # those who lost a neighbour
    same(again, neighbours(points[:490], 5))


def test_known_rows_are_checked():
    known = neighbours(np.eye(3), 1)
    for bad in ([0, 1], [0, 1, 3], [0, 0, 1], [0.0, 1.0, 2.0]):
        with pytest.raises(SchemaError, match="known_rows must be"):
            extended(known, np.array(bad), np.eye(3), 1)


@pytest.fixture
def rows():
    rng = np.random.default_rng(7)
    points = rng.normal(size=(80, 6)).astype(np.float32)
    points[5] = 0
    return np.arange(80) * 10 + 3, points, Apart(rng.integers(-1, 20, 80))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_lists_are_kept_mapped_and_extended(tmp_path, rows):
    ids, points, apart = rows
    folder = tmp_path / "lists" / "face"
    half = np.arange(70)
    first = cached_neighbours(folder, ids[half], points[half], 4, apart=apart.take(half))
    assert first.remarks == ("no kept lists",)
    same(first, neighbours(points[half], 4, apart=apart.take(half)))
    names = files(folder)
    assert len(names) == 6
    again = cached_neighbours(folder, ids[half], points[half], 4, apart=apart.take(half))
    assert again.remarks == ("70 of 70 lists were kept from before",)
    assert isinstance(again.target, np.memmap)
    assert files(folder) == names
    same(again, first)
    more = cached_neighbours(folder, ids, points, 4, apart=apart)
    assert more.remarks == ("70 of 80 lists were kept from before",)
    same(more, neighbours(points, 4, apart=apart))
    assert len(files(folder)) == 6
    assert files(folder) != names
    # a floor is laid over the same lists, and so are shorter ones
    above = cached_neighbours(folder, ids, points, 2, apart=apart, floor=0.4)
    assert above.remarks == ("80 of 80 lists were kept from before",)
    same(above, neighbours(points, 2, apart=apart, floor=0.4))
    longer = cached_neighbours(folder, ids, points, 6, apart=apart)
    same(longer, neighbours(points, 6, apart=apart))
    fewer = cached_neighbours(folder, ids[20:], points[20:], 3, apart=apart.take(np.arange(20, 80)))
    same(fewer, neighbours(points[20:], 3, apart=apart.take(np.arange(20, 80))))


def test_rows_in_another_order_and_groups_with_other_numbers_are_known(tmp_path, rows):
    ids, points, apart = rows
    cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    order = np.random.default_rng(0).permutation(80)
    other = Apart(np.where(apart.group >= 0, 1000 - apart.group, -1)).take(order)
    found = cached_neighbours(tmp_path, ids[order], points[order], 4, apart=other)
    assert found.remarks == ("80 of 80 lists were kept from before",)
    same(found, neighbours(points[order], 4, apart=other))


def test_what_changed_is_searched_anew(tmp_path, rows):
    ids, points, apart = rows
    cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    points = points.copy()
    points[11] *= -1
    found = cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    assert found.remarks == ("79 of 80 lists were kept from before",)
    same(found, neighbours(points, 4, apart=apart))
    group = apart.group.copy()
    group[11] = 77
    moved = cached_neighbours(tmp_path, ids, points, 4, apart=Apart(group))
    same(moved, neighbours(points, 4, apart=Apart(group)))
    video, when = np.zeros(80, int), np.arange(80.0)
    for seconds in (2.0, 5.0):
        in_time = Apart(group, video, when, seconds)
        near = cached_neighbours(tmp_path, ids, points, 4, apart=in_time)
        assert near.remarks == ("0 of 80 lists were kept from before",)
        same(near, neighbours(points, 4, apart=in_time))


def array_of(folder, name):
    return next(folder.glob(f"{name}.*.npy"))


def spoil(folder, name, change):
    path = array_of(folder, name)
    array = np.load(path).copy()
    array = change(array)
    np.save(path, array)


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


def rewrite(**facts):
    def change(folder):
        path = folder / stored.FACTS
        path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))

    return change


DAMAGE = {
    "half of the facts": lambda f: os.truncate(f / stored.FACTS, 20),
    "facts of something else": lambda f: (f / stored.FACTS).write_text("[1, 2]"),
    "another version": rewrite(version=99),
    "files elsewhere": rewrite(token="../../secret"),
    "no number": rewrite(k="4"),
    "recall above 1": rewrite(recall=3),
    "fewer rows": rewrite(n=79),
    "a lost file": lambda f: array_of(f, "target").unlink(),
    "half a file": lambda f: os.truncate(array_of(f, "similarity"), 300),
    "an empty file": lambda f: os.truncate(array_of(f, "similarity"), 0),
    "another type": lambda f: spoil(f, "target", lambda a: a.astype(np.float64)),
    "pickles": lambda f: np.save(array_of(f, "target"), np.array([{}]), allow_pickle=True),
    "shorter": lambda f: spoil(f, "target", lambda a: a[:-1]),
    "other ids": lambda f: spoil(f, "ids", put(0, 999_999)),
    "out of range": lambda f: spoil(f, "target", put(7, 80)),
    "negative": lambda f: spoil(f, "target", put(7, -1)),
    "not a number": lambda f: spoil(f, "similarity", put(7, np.nan)),
    "too similar": lambda f: spoil(f, "similarity", put(0, 1.5)),
    "itself": lambda f: spoil(f, "target", put(0, 0)),
    "out of order": lambda f: spoil(f, "source", lambda a: a[::-1]),
    "other similarities": lambda f: spoil(f, "similarity", lambda a: a - 0.01),
    "longer lists": rewrite(k=3),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_lists_are_never_used(tmp_path, rows, how):
    ids, points, apart = rows
    cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    DAMAGE[how](tmp_path)
    found = cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    assert found.remarks[0].startswith("kept lists were not used: ")
    same(found, neighbours(points, 4, apart=apart))
    whole = cached_neighbours(tmp_path, ids, points, 4, apart=apart)
    assert whole.remarks == ("80 of 80 lists were kept from before",)


def test_less_recall_than_is_wanted_is_not_enough(tmp_path, rows):
    ids, points, apart = rows
    cached_neighbours(tmp_path, ids, points, 4, apart=apart, recall=0.9)
    rewrite(recall=0.91)(tmp_path)
    found = cached_neighbours(tmp_path, ids, points, 4, apart=apart, recall=0.9)
    assert (found.recall, len(found.remarks)) == (0.91, 1)
    better = cached_neighbours(tmp_path, ids, points, 4, apart=apart, recall=0.99)
    assert better.remarks == ("kept lists were not used: they reached a recall of 0.9100 only",)
    assert better.recall == 1.0


def test_a_crash_leaves_the_old_lists(tmp_path, rows, monkeypatch):
    ids, points, _ = rows
    cached_neighbours(tmp_path, ids[:70], points[:70], 4)

    def crash(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        found = cached_neighbours(tmp_path, ids, points, 4)
    assert found.remarks[0] == "70 of 80 lists were kept from before"
    assert found.remarks[1].startswith("lists were not kept: [Errno 28]")
    same(found, neighbours(points, 4))
    orphan = next(p for p in tmp_path.glob("*.npy") if p.stat().st_size < 1 << 10)
    again = cached_neighbours(tmp_path, ids[:70], points[:70], 4)
    assert again.remarks == ("70 of 70 lists were kept from before",)
    assert orphan.exists()  # it might be another writer at work
    long_ago = time.time() - 2 * stored.ORPHAN_S
    os.utime(orphan, (long_ago, long_ago))
    cached_neighbours(tmp_path, ids, points, 4)
    assert not orphan.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path, rows):
    ids, points, _ = rows
    (tmp_path / "file").write_text("")
    found = cached_neighbours(tmp_path / "file" / "lists", ids, points, 4)
    assert found.remarks[-1].startswith("lists were not kept: ")
    assert (found.counts()[np.arange(80) != 5] == 4).all()


def test_ids_are_checked(tmp_path):
    with pytest.raises(SchemaError, match="ids must all be different"):
        cached_neighbours(tmp_path, [1, 1], np.eye(2), 1)
    with pytest.raises(SchemaError, match="a row for each of 3 ids"):
        cached_neighbours(tmp_path, [1, 2, 3], np.eye(2), 1)
    with pytest.raises(SchemaError, match="ids must be integers"):
        cached_neighbours(tmp_path, ["a", "b"], np.eye(2), 1)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_are_kept_too(tmp_path, n):
    for remark in ("no kept lists", f"{n} of {n} lists were kept from before"):
        found = cached_neighbours(tmp_path, np.arange(n), np.eye(n, 3), 2)
        assert found.remarks == (remark,)
        assert found.counts().tolist() == [max(n - 1, 0)] * n
    grown = cached_neighbours(tmp_path, np.arange(9), np.eye(9), 2)
    assert grown.counts().tolist() == [2] * 9
