from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from vquery.errors import SchemaError
from vquery.graph.knowing import precision_coverage
from vquery.graph.knowing.curve import POINTS

ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.9, 1.0, None]),
        st.sampled_from([True, False, None]),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(ROWS, st.booleans())
def test_every_row_is_that_of_a_plain_loop(rows, given_points):
    points = [0.1, 0.5, 0.5, 0.95] if given_points else None
    curve = precision_coverage(
        [row[0] for row in rows],
        [row[1] for row in rows],
        thresholds=points,
        item_count=np.array([row[2] for row in rows], np.int64),
    ).to_pylist()
    labelled = {row[0] for row in rows if row[0]}
    wanted = sorted(set(points) if points else labelled, reverse=True)
    assert [row["threshold"] for row in curve] == wanted
    total = sum(row[2] for row in rows)
    for row in curve:
        above = [r for r in rows if r[0] and r[0] >= row["threshold"]]
        items = sum(r[2] for r in above)
        checked = sum(r[2] for r in above if r[1] is not None)
        assert row["items"] == items
        assert row["checked"] == checked
        assert row["coverage"] == pytest.approx(items / total if total else 0.0)
        if items:
            expected = sum(r[0] * r[2] for r in above) / items
            assert row["expected_precision"] == pytest.approx(expected)
        else:
            assert row["expected_precision"] is None
        if checked:
            right = sum(r[2] for r in above if r[1])
            assert row["precision"] == pytest.approx(right / checked)
            assert row["low"] <= row["precision"] + 1e-12
            assert row["high"] >= row["precision"] - 1e-12
        else:
            assert row["precision"] is row["low"] is row["high"] is None


@given(st.integers(1, 40), st.data())
def test_the_interval_is_the_exact_one(n, data):
    right = data.draw(st.integers(0, n))
    curve = precision_coverage(np.full(n, 0.8), np.arange(n) < right)
    assert curve.num_rows == 1
    row, exact = curve.to_pylist()[0], binomtest(right, n).proportion_ci(0.95, method="exact")
    assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))


def test_copies_of_one_row_make_no_interval_narrower():
    one = precision_coverage([0.9] * 5, [True] * 4 + [False]).to_pylist()[0]
    copies = precision_coverage(
        [0.9] * 5, [True] * 4 + [False], item_count=np.full(5, 100)
    ).to_pylist()[0]
    assert copies["items"] == 500
    assert (copies["low"], copies["high"]) == pytest.approx((one["low"], one["high"]))


def test_many_probabilities_are_thinned_evenly():
    chance = np.random.default_rng(0).uniform(0.01, 1, 5_000)
    curve = precision_coverage(chance)
    assert curve.num_rows == POINTS
    assert np.diff(curve["coverage"].to_numpy()) == pytest.approx(1 / POINTS, abs=1e-3)
    assert curve["coverage"][-1].as_py() == 1
    assert curve["precision"].null_count == POINTS


def test_arrow_columns_and_nothing_at_all():
    curve = precision_coverage(pa.array([0.5, None]), pa.array([True, None]))
    assert curve.select(["coverage", "precision"]).to_pylist() == [
        {"coverage": 0.5, "precision": 1.0}
    ]
    assert precision_coverage([]).num_rows == 0
    assert precision_coverage([0.0, np.nan]).num_rows == 0
    assert precision_coverage([0.4], thresholds=[0.6]).to_pylist()[0]["coverage"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probability": [0.5, 1.5]}, "probability, entry 1: must be 0 to 1, got 1.5"),
        ({"probability": [[0.5]]}, "probability must have one dimension"),
        ({"probability": ["high"]}, "probability must hold numbers"),
        ({"probability": [0.5], "correct": [True, True]}, "correct must have one entry for each"),
        ({"probability": [0.5], "thresholds": [2]}, "thresholds, entry 0: must be 0 to 1"),
        ({"probability": [0.5], "item_count": [-1]}, "item_count must be 1 integers"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(SchemaError, match=message):
        precision_coverage(**arguments)
