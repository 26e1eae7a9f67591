from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import LabelError, SchemaError
from vquery.graph import extension
from vquery.graph.extension import Extension, extend_votes
from vquery.graph.knn import Neighbours, neighbours, unit

LENGTH = 24


def slow(
    votes: np.ndarray,
    vectors: np.ndarray,
    precision: float,
    video: np.ndarray,
    time: np.ndarray,
    apart_s: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Carried votes, radius and number of checked votes, one item after the other."""
    points = unit(vectors).astype(np.float64)
    n, m = votes.shape
    out, radius, checked = np.full((n, m), -1), np.full(m, np.nan), np.zeros(m, np.int64)

    def nearest(x: int, j: int) -> tuple[int, float]:
        best: dict[int, float] = {}
        for y in range(n):
            near = video[x] == video[y] and apart_s > 0 and abs(time[x] - time[y]) <= apart_s
            if y == x or near or votes[y, j] < 0 or not points[x].any() or not points[y].any():
                continue
            best[votes[y, j]] = max(best.get(votes[y, j], -2.0), float(points[x] @ points[y]))
        top = max(best.values(), default=-2.0)
        first = [c for c, value in best.items() if value >= top - extension.SAME]
        return (first[0] if len(first) == 1 else -1), top

    def majority(x: int, j: int) -> int:
        others = [votes[x, i] for i in range(m) if i != j and votes[x, i] >= 0]
        counts = {c: others.count(c) for c in others}
        first = [c for c in counts if counts[c] == max(counts.values())]
        return first[0] if len(first) == 1 else -1

    for j in range(m):
        found = [nearest(x, j) for x in range(n)]
        spoken = [x for x in range(n) if found[x][0] >= 0]
        own = [(found[x][1], found[x][0] == votes[x, j]) for x in spoken if votes[x, j] >= 0]
        other = [
            (found[x][1], found[x][0] == majority(x, j)) for x in spoken if majority(x, j) >= 0
        ]
        kinds = {v for v in votes[:, j].tolist() if v >= 0}
        checks = ([own] if len(kinds) > 1 else []) + ([other] if other else [])
        limits, shares = [], []
        for check in checks:
            good = []
            for at in {at for at, _ in check}:
                inside = [right for near, right in check if near >= at - 1e-6]
                if (sum(inside) + 0.5) / (len(inside) + 1) >= precision:
                    good.append(at)
            limits.append(min(good, default=None))
        if not kinds or not checks or None in limits:
            continue
        radius[j] = max(limits)
        for check in checks:
            inside = [right for near, right in check if near >= radius[j] - 1e-6]
            shares.append(((sum(inside) + 0.5) / (len(inside) + 1), len(inside)))
        checked[j] = min(shares)[1]
        for x in spoken:
            if votes[x, j] < 0 and found[x][1] >= radius[j] - 1e-6:
                out[x, j] = found[x][0]
    return out, radius, checked


def draw(seed: int) -> tuple[np.ndarray, ...]:
    """Clustered vectors, some of them copies or zero, and votes that mostly follow the clusters."""
    rng = np.random.default_rng(seed)
    of = rng.integers(0, 3, LENGTH)
    vectors = rng.normal(size=(3, 5))[of] + rng.uniform(0.1, 1) * rng.normal(size=(LENGTH, 5))
    vectors[rng.random(LENGTH) < 0.1] = 0
    copies = rng.integers(0, LENGTH, (2, 3))
    vectors[copies[0]] = vectors[copies[1]]
    votes = np.where(rng.random((LENGTH, 4)) < 0.8, of[:, None], rng.integers(0, 3, (LENGTH, 4)))
    votes[rng.random((LENGTH, 4)) < rng.uniform(0.2, 0.9, 4)] = -1
    votes[:, 3] = np.where(votes[:, 3] == 1, 1, -1)  # votes for one class only
    return votes, vectors, rng.integers(0, 2, LENGTH), rng.integers(0, 30, LENGTH).astype(float)


@given(st.integers(0, 10**6), st.sampled_from([0.6, 0.8, 0.9]), st.sampled_from([0.0, 3.0]))
def test_carried_votes_are_those_of_plain_loops(seed, precision, apart_s):
    votes, vectors, video, time = draw(seed)
    out, radius, checked = slow(votes, vectors, precision, video, time, apart_s)
    fast = extend_votes(
        votes, vectors, precision=precision, video=video, time=time, apart_s=apart_s
    )
    assert fast.radius == pytest.approx(radius, abs=1e-5, nan_ok=True)
    assert fast.votes.tolist() == out.tolist()
    assert fast.checked.tolist() == checked.tolist()
    assert fast.extended.tolist() == (out >= 0).sum(0).tolist()
    check_sources(fast, votes)
    full = listed(vectors, LENGTH - 1)
    same = extend_votes(
        votes, found=full, precision=precision, video=video, time=time, apart_s=apart_s
    )
    assert same.votes.tolist() == fast.votes.tolist()
    assert same.problems == fast.problems


def check_sources(carried: Extension, votes: np.ndarray) -> None:
    for item, function in np.argwhere(carried.votes >= 0).tolist():
        assert votes[item, function] == -1
        source = carried.nearest[item, function]
        assert votes[source, function] == carried.votes[item, function]
    assert ((carried.nearest >= 0) == (carried.votes >= 0)).all()


def listed(vectors: np.ndarray, k: int) -> Neighbours:
    """All neighbours of each item, without what is near nothing."""
    points = unit(vectors)
    cosine = points.astype(np.float64) @ points.T.astype(np.float64)
    some = points.any(1)
    source, target = np.nonzero(~np.eye(len(points), dtype=bool) & some & some[:, None])
    value = cosine[source, target].astype(np.float32)
    order = np.lexsort((target, -value, source))
    lists = (source[order], target[order], value[order])
    return Neighbours(len(points), k, *lists, "exact", 1.0)


def circle(degrees: list[float]) -> np.ndarray:
    angle = np.radians(degrees)
    return np.c_[np.cos(angle), np.sin(angle)]


def test_the_radius_ends_where_votes_begin_to_mix():
    # ten votes for each of two classes, 1 degree apart, that touch at 90 degrees
    vectors = circle([*range(10), *range(80, 90), 12, 40, 77])
    votes = np.array([[0]] * 10 + [[1]] * 10 + [[-1]] * 3)
    found = extend_votes(votes, vectors)
    assert found.radius[0] == pytest.approx(np.cos(np.radians(1)), abs=1e-6)
    assert found.votes[-3:, 0].tolist() == [-1, -1, -1]  # nothing shows that 3 degrees are safe
    wide = circle([*range(0, 30, 3), *range(60, 90, 3), 30, 45, 58])
    found = extend_votes(votes, wide)
    assert found.votes[-3:, 0].tolist() == [0, -1, 1]
    assert found.nearest[-3:, 0].tolist() == [9, -1, 10]
    assert (found.checked[0], found.precision[0]) == (20, pytest.approx(20.5 / 21))


def test_equally_near_votes_for_two_classes_leave_an_item_alone():
    vectors = circle([0, 0, 0, 0, 0, 20, 20, 20, 20, 20, 10])
    votes = np.array([[0]] * 5 + [[1]] * 5 + [[-1]])
    assert extend_votes(votes, vectors, precision=0.5).votes[-1, 0] == -1


def test_functions_that_prove_nothing_are_not_extended():
    vectors = circle(list(range(0, 60, 2)))
    votes = np.full((30, 4), -1)
    votes[:6, 1] = 0  # alone and for one class
    votes[[0, 20], 2] = 0, 1  # too few
    votes[::2, 3], votes[1::2, 3] = 0, 1  # neighbours contradict each other
    found = extend_votes(votes[:, :2], vectors)
    assert found.problems == (
        "it never votes",
        "it votes for one class and no other function votes near it",
    )
    found = extend_votes(votes[:, 2:], vectors)
    assert found.problems == ("no radius keeps a precision of 0.9",) * 2
    assert np.isnan(found.radius).all()
    assert (found.votes == -1).all()
    assert found.extended.tolist() == found.checked.tolist() == [0, 0]


def test_other_functions_stop_one_that_votes_for_a_single_class():
    vectors = circle(list(range(40)))
    votes = np.full((40, 2), -1)
    votes[:10, 0] = 1
    votes[0:15, 1], votes[15:, 1] = 1, 0
    found = extend_votes(votes, vectors)
    carried = np.flatnonzero(found.votes[:, 0] >= 0)
    assert carried.tolist() == [10, 11, 12, 13, 14, 15]  # one wrong one among 16 still passes
    assert found.precision[0] == pytest.approx(15.5 / 17)


def test_frames_of_the_same_seconds_are_no_evidence():
    vectors, votes = circle([0] * 12 + [45]), np.array([[0, 0]] * 11 + [[-1, -1], [1, -1]])
    time = np.arange(13) / 10
    near = extend_votes(votes, vectors)
    assert near.votes[11].tolist() == [0, 0]
    apart = extend_votes(votes, vectors, time=time, apart_s=5)
    assert (apart.votes == -1).all()
    other = extend_votes(votes, vectors, time=time, video=np.arange(13), apart_s=5)
    assert other.votes[11].tolist() == [0, 0]


def test_many_items_use_neighbour_lists(monkeypatch):
    votes, vectors, *_ = draw(5)
    exact = extend_votes(votes, vectors, precision=0.6)
    monkeypatch.setattr(extension, "EXACT_ITEMS", 5)
    assert extend_votes(votes, vectors, precision=0.6).votes.tolist() == exact.votes.tolist()


def test_blocks_change_nothing(monkeypatch):
    votes, vectors, *_ = draw(7)
    exact = extend_votes(votes, vectors, precision=0.6)
    monkeypatch.setattr(extension, "BLOCK_VALUES", 5 * LENGTH)
    assert extend_votes(votes, vectors, precision=0.6).votes.tolist() == exact.votes.tolist()


def test_nothing_to_carry():
    assert extend_votes(np.zeros((0, 2), int), np.zeros((0, 3))).votes.shape == (0, 2)
    assert extend_votes(np.zeros((3, 0), int), np.eye(3)).problems == ()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"votes": [[0], [-2]]}, LabelError, "votes, item 1, function 0: expected a class"),
        ({"votes": [0, 1]}, SchemaError, "votes must be integers of shape"),
        ({"votes": [[0.5], [1.0]]}, SchemaError, "votes must be integers of shape"),
        ({"precision": 0}, LabelError, "'precision' parameter of extend_votes"),
        ({"vectors": None}, SchemaError, "needs vectors or found"),
        ({"vectors": np.eye(3)}, SchemaError, "vectors must have 2 rows"),
        ({"found": neighbours(unit(np.eye(3)), 1)}, SchemaError, "found must be lists of 2 items"),
        ({"apart_s": 2.0}, SchemaError, "extend_votes needs time"),
        ({"apart_s": -1.0}, LabelError, "'apart_s' parameter of extend_votes"),
        ({"apart_s": 2.0, "time": [1.0]}, SchemaError, "time must have 2 entries"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        extend_votes(**{"votes": [[0], [1]], "vectors": np.eye(2), **arguments})
