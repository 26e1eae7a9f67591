"""Bootstrap: determinism, coverage on drawn data, and both forms against each other."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import SchemaError
from vquery.metrics.bootstrap import Interval, drawn, interval, interval_of_sums, sums_by


def mean_of(values):
    return lambda rows: float(values[rows].mean())


def share(total):
    return total[:, 0] / total[:, 1]


def test_the_same_seed_gives_the_same_interval():
    values, groups = np.random.default_rng(1).normal(size=60), np.repeat(np.arange(12), 5)
    first = interval(mean_of(values), groups)
    assert first == interval(mean_of(values), groups)
    assert first != interval(mean_of(values), groups, seed=1)


def test_names_and_order_of_groups_change_nothing():
    values = np.arange(8.0)
    names = np.array(list("aabbccdd"))
    one = interval(mean_of(values), names)
    assert one == interval(mean_of(values), np.repeat(np.arange(4), 2))


def test_rows_of_a_group_stay_together():
    groups = np.repeat(np.arange(5), [1, 2, 3, 4, 5])

    def whole(rows):
        counts = np.bincount(groups[rows], minlength=5)
        assert not (counts % np.arange(1, 6)).any()
        assert (counts // np.arange(1, 6)).sum() == 5
        return 0.0

    assert interval(whole, groups, draws=50).value == 0.0


def test_both_forms_agree():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 25)
    values = rng.normal(size=1000) + np.repeat(rng.normal(size=40), 25)
    rows = interval(mean_of(values), groups, draws=4000)
    sums = interval_of_sums(share, sums_by(groups, values, np.ones(1000)), draws=4000)
    assert rows.value == pytest.approx(sums.value)
    assert rows.low == pytest.approx(sums.low, abs=0.03)
    assert rows.high == pytest.approx(sums.high, abs=0.03)


def test_groups_count_and_not_rows():
    """Copies of rows inside a group must not narrow the interval; rows alone would."""
    values = np.random.default_rng(3).normal(size=30)
    one = interval_of_sums(share, sums_by(np.arange(30), values, np.ones(30)))
    many = interval_of_sums(share, sums_by(np.repeat(np.arange(30), 50), np.repeat(values, 50),
                                           np.ones(1500)))  # fmt: skip
    assert (one.low, one.high) == pytest.approx((many.low, many.high))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        groups = rng.normal(size=(40, 1)) + rng.normal(size=(40, 5))
        sums = np.stack([groups.sum(axis=1), np.full(40, 5.0)], axis=1)
        found = interval_of_sums(share, sums, draws=400)
        held += found.low <= 0 <= found.high
    assert 0.88 <= held / 200 <= 0.985


def test_draws_without_a_value_are_counted():
    groups = np.array([0, 1])
    found = interval(lambda rows: None if (rows == 0).all() else 1.0, groups, draws=100)
    assert found.value == found.low == found.high == 1.0
    assert 50 < found.draws < 100
    assert interval(lambda _: None, groups) == Interval(None, None, None, 0, 2)


def test_one_group_or_none():
    assert interval_of_sums(share, [[1.0, 2.0]]) == Interval(0.5, None, None, 0, 1)
    with np.errstate(invalid="ignore"):
        assert interval_of_sums(share, np.zeros((0, 2))) == Interval(None, None, None, 0, 0)


def test_blocks_of_draws_cover_all(monkeypatch):
    monkeypatch.setattr("vquery.metrics.bootstrap.TOGETHER", 8)
    found = interval_of_sums(share, [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], draws=101)
    assert found.draws == 101
    assert (drawn(3, 101, np.random.default_rng(0)).sum(axis=1) == 3).all()


@pytest.mark.parametrize(("options", "said"), [({"draws": 0}, "draws"), ({"level": 1.0}, "level")])
def test_what_cannot_be_is_named(options, said):
    with pytest.raises(SchemaError, match=said):
        interval(lambda _: 0.0, [0, 1], **options)
    with pytest.raises(SchemaError, match=said):
        interval_of_sums(share, np.ones((2, 2)), **options)
    with pytest.raises(SchemaError, match="shape"):
        interval_of_sums(share, np.ones(2))
    with pytest.raises(SchemaError, match="one dimension"):
        interval(lambda _: 0.0, [[0]])


def test_groups_that_cannot_be_sorted_are_named():
    with pytest.raises(SchemaError, match="groups must be all texts or all numbers"):
        interval(len, ["a", None, "b"])


def test_draws_are_whole_numbers():
    with pytest.raises(SchemaError, match="draws must be a whole number"):
        interval(len, ["a", "b"], draws=2.5)
