"""Exact nearest neighbours: numpy against loops, the compiled form against numpy, edges by hand."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vquery_kernels import neighbours
from vquery_kernels.neighbours import products, reference
from vquery_kernels.neighbours.question import Rules, Side, among
from vquery_kernels.neighbours.settings import Held

pytest.importorskip("numba")

from vquery_kernels.neighbours import bf16, cpu

several = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def small(monkeypatch):
    """Small tiles, so that a few rows are several of them."""
    monkeypatch.setattr(cpu, "TILE", 16)
    monkeypatch.setattr(products, "ROWS", 5)
    monkeypatch.setenv("VQUERY_THREADS", "2")


def drawn(seed, n, d, kind):
    """Rows that are spread, repeated, nearly repeated or zero."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, d)).astype(np.float32)
    if kind != "spread":
        points = points[rng.integers(0, max(n // 5, 1), n)] if n else points
    if kind == "close":
        points += 1e-4 * rng.standard_normal((n, d)).astype(np.float32)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    points[rng.random(n) < 0.1] = 0
    return points


def rules(seed, n, which):
    rng = np.random.default_rng(seed)
    out = {}
    if "group" in which:
        out["group"] = rng.integers(-1, max(n // 4, 1), n)
    if "seconds" in which:
        out["video"] = rng.integers(0, 3, n)
        out["time"] = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 20, n))
        out["seconds"] = 2.0
    return out


def by_loops(queries, base, k, query_ids, base_ids, group=None, video=None, time=None, seconds=0):
    """What the answer is, pair by pair."""
    lists = []
    for row, mine in zip(queries, query_ids, strict=True):
        found = []
        for other, theirs in zip(base, base_ids, strict=True):
            if mine == theirs or not row.any() or not other.any():
                continue
            if group is not None and group[mine] == group[theirs] >= 0:
                continue
            same = seconds > 0 and video[mine] == video[theirs]
            if same and abs(time[mine] - time[theirs]) <= seconds:
                continue
            exact = np.float32(np.dot(row.astype(np.float64), other.astype(np.float64)))
            found.append((-exact, theirs))
        lists.append([theirs for _, theirs in sorted(found)[:k]])
    return lists


asked = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 70),
    st.sampled_from([1, 2, 7, 64]),
    st.sampled_from(["spread", "repeated", "close"]),
    st.sampled_from([1, 3, 8, 200]),
    st.sampled_from(["", "group", "seconds", "group seconds"]),
)


@several
@given(asked)
def test_numpy_gives_what_loops_give(draw):
    seed, n, d, kind, k, which = draw
    points, apart = drawn(seed, n, d, kind), rules(seed, n, which)
    ids = np.random.default_rng(seed).permutation(n)
    some = slice(0, n, 5)
    found, cosine = neighbours.top_k(
        points[some], points, k, query_ids=ids[some], base_ids=ids, **apart
    )
    assert found.shape == cosine.shape == (len(points[some]), k)
    wanted = by_loops(points[some], points, k, ids[some], ids, **apart)
    assert [row[row >= 0].tolist() for row in found] == wanted
    assert (found[:, :-1] >= 0)[found[:, 1:] >= 0].all()  # pads come last
    assert np.array_equal(np.isneginf(cosine), found == -1)


@several
@given(asked, st.booleans(), st.booleans())
@example((0, 130, 64, "close", 3, "group"), True, True)
def test_compiled_gives_what_numpy_gives(small, draw, mutual, bfloat16):
    seed, n, d, kind, k, which = draw
    if bfloat16:
        pytest.importorskip("torch")
    points, apart = drawn(seed, n, d, kind), rules(seed, n, which)
    question = among(points, k, Rules(**apart))
    if not mutual:
        question = question._replace(queries=Side(*(each[::2] for each in question.queries)))
    wanted = reference.top_k(question)
    found = cpu.search(question, mutual=mutual, bfloat16=bfloat16)
    assert np.array_equal(found[0], wanted[0])
    assert np.array_equal(found[1], wanted[1])


@pytest.mark.parametrize("bfloat16", [False, True])
def test_many_equal_rows_go_by_id(bfloat16):
    if bfloat16:
        pytest.importorskip("torch")
    points = np.zeros((3000, 8), np.float32)
    points[:, 0] = 1
    points[1500:, :] = 0.25
    question = among(points, 4, Rules())
    found, cosine = cpu.search(question, mutual=True, bfloat16=bfloat16)
    assert found[[0, 2, 9, 1499]].tolist() == [[1, 2, 3, 4], [0, 1, 3, 4], *[[0, 1, 2, 3]] * 2]
    assert found[[1500, 2999]].tolist() == [[1501, 1502, 1503, 1504], [1500, 1501, 1502, 1503]]
    assert set(cosine[:1500].ravel().tolist()) == {1.0}


def test_long_groups_leave_room_for_others():
    """Frames of a track fill the nearest places by thousands; none of them may count."""
    rng = np.random.default_rng(3)
    track = np.repeat([0, 1], 1500)
    points = np.eye(16, dtype=np.float32)[track] + 0.01 * rng.standard_normal((3000, 16))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    question = among(points, 5, Rules(track))
    wanted = reference.top_k(question)
    found = cpu.search(question, mutual=True, bfloat16=False)
    assert (track[found[0]] != track[:, None]).all()
    assert np.array_equal(found[0], wanted[0])


@pytest.mark.parametrize("bfloat16", [False, True])
def test_products_lie_within_the_slack(bfloat16):
    """What the lists rely on: no product of a tile is further off than its row's slack."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal((200, 96)).astype(np.float32)
    a *= np.exp2(rng.integers(-3, 3, (200, 1))).astype(np.float32)
    b = a[::-1][:120].copy()
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    bound = products.slack(a, b, bfloat16=bfloat16)
    out = np.empty((200, 120), np.float32)
    if bfloat16:
        pytest.importorskip("torch")
    with products.multiplier(bfloat16=bfloat16) as product:
        product(a, b, out)
    assert (np.abs(out - exact) <= bound[:, None]).all()


def test_settings_of_the_process_come_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads(), torch.backends.mkldnn.matmul.fp32_precision
    points = drawn(1, 300, 16, "spread")
    callers = [
        threading.Thread(
            target=cpu.search,
            args=(among(points, 3, Rules()),),
            kwargs={"mutual": True, "bfloat16": True},
        )
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (torch.get_num_threads(), torch.backends.mkldnn.matmul.fp32_precision) == before
    with bf16.multiplier():
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"


def test_a_setting_is_put_back_after_an_error():
    log = []
    held = Held(lambda: 3, log.append)
    with pytest.raises(ZeroDivisionError), held:
        raise ZeroDivisionError
    assert log == [3]


def test_the_public_functions_agree_whoever_carries_them_out(monkeypatch):
    points = drawn(2, 120, 12, "close")
    apart = rules(2, 120, "group seconds")
    wanted = neighbours.all_top_k(points, 5, **apart)
    monkeypatch.setattr(neighbours, "PAIRS_PER_ROW", 1e-3)  # as if there were many
    ids = np.arange(120)
    for found in (
        neighbours.all_top_k(points, 5, **apart),
        neighbours.top_k(points, points, 5, query_ids=ids, base_ids=ids, **apart),
    ):
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])


@pytest.mark.parametrize("n", [0, 1])
def test_nobody_else(n):
    found, cosine = neighbours.all_top_k(np.ones((n, 3)), 2)
    assert found.tolist() == [[-1, -1]] * n
    assert cosine.tolist() == [[-np.inf, -np.inf]] * n


def test_memory_that_may_not_be_written_is_read():
    pytest.importorskip("torch")
    points = drawn(4, 50, 6, "spread")
    points.flags.writeable = False
    question = among(points, 3, Rules())
    found = cpu.search(question, mutual=True, bfloat16=True)
    assert np.array_equal(found[0], reference.top_k(question)[0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"points": np.ones(3)}, r"points must have shape \(n, d\), got \(3,\)"),
        ({"points": [[1.0], [np.nan]]}, r"points, row 1: values must be finite \(1 such rows\)"),
        ({"group": [1]}, r"group must have shape \(2,\), got \(1,\)"),
        ({"seconds": 1.0, "time": [0, 1]}, "seconds needs both video and time"),
        ({"seconds": -1.0}, "seconds must be a number from 0"),
    ],
)
def test_what_is_asked_is_checked(given, message):
    asked = {"points": np.eye(2), "k": 1, **given}
    with pytest.raises(ValueError, match=message):
        neighbours.all_top_k(asked.pop("points"), asked.pop("k"), **asked)


def test_ids_are_checked():
    rows = np.eye(2)
    with pytest.raises(ValueError, match="base_ids must all be different"):
        neighbours.top_k(rows, rows, 1, query_ids=[0, 1], base_ids=[3, 3])
    with pytest.raises(ValueError, match="query_ids must be from 0"):
        neighbours.top_k(rows, rows, 1, query_ids=[-1, 1], base_ids=[0, 1])
    with pytest.raises(ValueError, match="same width, got 2 and 1"):
        neighbours.top_k(rows, rows[:, :1], 1, query_ids=[0, 1], base_ids=[0, 1])
