"""Figures on votes, against counting item by item, and what does not vary or vote at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vquery.errors import LabelError
from vquery.supervise.votes import LabelMatrix
from vquery.supervise.votes.residual import LEFT_OUT_UP_TO, residual_correlation


def slow(votes, truth, seconds, mask, j):
    """Count one function on one slice, item by item."""
    total = dict.fromkeys(("items", "time"), 0.0)
    for name in ("coverage", "overlap", "conflict"):
        total[name] = total[f"{name}_time"] = 0.0
    known = right = 0
    for i in np.flatnonzero(mask):
        own, others = votes[i, j], [v for k, v in enumerate(votes[i]) if k != j and v >= 0]
        holds = {
            "coverage": own >= 0,
            "overlap": own >= 0 and bool(others),
            "conflict": own >= 0 and any(v != own for v in others),
        }
        total["items"] += 1
        total["time"] += seconds[i]
        for name, true in holds.items():
            total[name] += true
            total[f"{name}_time"] += true * seconds[i]
        known += own >= 0 and truth[i] >= 0
        right += own >= 0 and own == truth[i]
    for name in ("coverage", "overlap", "conflict"):
        total[name] /= total["items"] or 1
        total[f"{name}_time"] /= total["time"] or 1
    return total, known, right / known if known else None


@given(st.data())
def test_figures_are_those_of_counting(data):
    n, m = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 4))
    codes = data.draw(arrays(np.int16, (n, m), elements=st.integers(-1, 2)))
    truth = data.draw(arrays(np.int64, n, elements=st.integers(-1, 2)))
    ends = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    mask = data.draw(arrays(np.bool_, n))
    times = {"start_us": [0] * n, "end_us": [end * 10**6 for end in ends]}
    items = pa.table({"item": range(n), "video": ["a"] * n, **times})
    votes = LabelMatrix(codes, ("a", "b", "c"), tuple("wxyz"[:m]), items)
    rows = votes.summary(truth, {"some": mask}).table.to_pylist()
    assert [row["slice"] for row in rows] == ["all"] * m + ["some"] * m
    for row, (name, j) in zip(
        rows, [(s, j) for s in ("all", "some") for j in range(m)], strict=True
    ):
        inside = mask if name == "some" else np.ones(n, bool)
        total, known, accuracy = slow(codes, truth, votes.seconds, inside, j)
        for figure in ("coverage", "overlap", "conflict"):
            assert row[figure] == pytest.approx(total[figure])
            assert row[f"{figure}_time"] == pytest.approx(total[f"{figure}_time"])
        assert row["known"] == known
        assert row["accuracy"] == pytest.approx(accuracy)
        voted = {"abc"[v] for v in codes[inside, j] if v >= 0}
        assert row["polarity"] == sorted(voted)
    for row in votes.summary(truth, {"some": mask}).classes.to_pylist():
        j, k = "wxyz".index(row["function"]), "abc".index(row["vote"])
        told = (codes[:, j] == k) & (mask if row["slice"] == "some" else True)
        assert row["votes"] == told.sum() > 0
        assert row["known"] == (told & (truth >= 0)).sum()
        right = (told & (truth == k)).sum()
        assert row["accuracy"] == (pytest.approx(right / row["known"]) if row["known"] else None)


def test_the_interval_of_accuracy_is_wilsons():
    votes = LabelMatrix.from_dense([[1]] * 10, classes=[0, 1])
    row = votes.summary([1] * 8 + [0] * 2).table.to_pylist()[0]
    # E. Wilson's interval of 8 in 10
    assert (row["low"], row["high"]) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )
    assert votes.summary().table["accuracy"].to_pylist() == [None]


def drawn(n, rng, pairs):
    """Votes of five functions, right in 80 %; the last two err together with chance ``pairs``."""
    truth = rng.integers(0, 2, n)
    wrong = rng.random((n, 5)) < 0.2
    wrong[:, 4] = np.where(rng.random(n) < pairs, wrong[:, 3], wrong[:, 4])
    votes = np.where(wrong, 1 - truth[:, None], truth[:, None])
    return np.where(rng.random((n, 5)) < 0.9, votes, -1), truth


def test_those_that_err_together_are_found_with_and_without_truth():
    dense, truth = drawn(20_000, np.random.default_rng(0), 0.7)
    votes = LabelMatrix.from_dense(dense, classes=[0, 1], functions=list("abcde"))
    known = votes.summary(truth)
    found = known.residual().correlation
    # answers of −1, 0, 1: variance .64 from erring at .9 coverage of .9·(1 − .36·.9), both sides
    apart = 0.9 * (1 - 0.9 * 0.36)
    assert found[3, 4] == pytest.approx(0.81 * 0.7 * 0.64 / apart, abs=0.03)
    rest = found[np.triu_indices(5, 1)][:-1]
    assert np.abs(rest).max() < 4 / np.sqrt(20_000)
    assert known.pairs().to_pylist()[0]["first"] == "d"
    blind = votes.summary()
    assert blind.pairs().slice(0, 1).select(["first", "second"]).to_pylist() == [
        {"first": "d", "second": "e"}
    ]
    assert blind.residual().given == "the majority of the other functions"
    assert "d and e +" in repr(known)
    partly = np.where(np.arange(20_000) % 2, truth, -1)
    assert votes.summary(partly).residual().given.startswith("the true class where it is known")


def test_one_pair_after_the_other_and_all_at_once_agree_where_the_class_is_known():
    dense, truth = drawn(300, np.random.default_rng(1), 0.5)
    truth[0] = -1  # one unknown item takes the way by pairs
    dense[0] = -1
    pairs = residual_correlation(dense.astype(np.int16), truth, 2).correlation
    truth[0] = 0
    at_once = residual_correlation(dense[1:].astype(np.int16), truth[1:], 2).correlation
    np.testing.assert_allclose(pairs, at_once, atol=1e-12)


@pytest.mark.parametrize(
    "dense",
    [
        [[-1, -1], [-1, -1]],
        [[1, 1], [1, 1]],
        [[0, 1], [1, 0]],
        [[1], [0]],
    ],
    ids=["silent", "constant", "conflict", "alone"],
)
def test_functions_that_say_little_have_figures_and_a_picture(dense):
    votes = LabelMatrix.from_dense(dense, classes=[0, 1])
    found = votes.summary()
    for name in ("coverage", "overlap", "conflict"):
        assert np.isfinite(found.table[name].to_numpy()).all()
    assert found.pairs()["correlation"].null_count == 0
    assert "lf0" in repr(found)
    assert "<svg" in found.html()


def test_hundreds_of_functions():
    rng = np.random.default_rng(0)
    votes = LabelMatrix.from_dense(rng.integers(-1, 2, (200, 500)), classes=[0, 1])
    found = votes.summary()
    assert votes.m > LEFT_OUT_UP_TO
    assert found.residual().given == "the majority of all"
    assert found.table.num_rows == 500
    assert "the first 60 of 500 lines" in repr(found)
    assert "the first 30 of 500 functions" in found.html()


def test_votes_on_items_of_another_class_are_wrong():
    votes = LabelMatrix.from_dense([[0, 0], [0, -1], [0, 0], [0, -1]], classes=[0])
    found = votes.summary([0, -2, -1, -2])
    assert found.table["known"].to_pylist() == [3, 1]
    assert found.table["accuracy"].to_pylist() == [pytest.approx(1 / 3), 1.0]
    assert "class known of 3" in repr(found)
    assert found.residual().given.startswith("the true class where it is known")


def test_slices_and_truth_are_checked():
    votes = LabelMatrix.from_dense([[1], [0]], classes=[0, 1])
    with pytest.raises(LabelError, match="'odd': expected one value for each of 2 items, got 1"):
        votes.summary(slices={"odd": np.array([True])})
    with pytest.raises(LabelError, match="'all' is what all items are called"):
        votes.summary(slices={"all": np.array([True, False])})
    with pytest.raises(LabelError, match="truth"):
        votes.summary([0, 2])
    with pytest.raises(LabelError, match=r"there is no slice 'odd'\. Slices: all"):
        votes.summary().residual("odd")
