"""Flashes and stays by the lengths of runs: made-up lengths with known answers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import geom, lognorm

from vquery.errors import LabelError, SchemaError
from vquery.supervise.stays import (
    FEWEST,
    NARROWEST,
    _first_stay,
    _Mixture,
    _rather_flash,
    stays,
)

MEDIAN, SPREAD, ENDS = 9.0, 0.7, 0.85


def drawn(stay: int, flash: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    long = np.maximum(np.rint(MEDIAN * np.exp(SPREAD * rng.standard_normal(stay))), 1)
    return np.r_[long, rng.geometric(ENDS, flash)].astype(float)


def slow_likelihood(lengths: np.ndarray, share: float, median: float, spread: float, end: float):
    """Log-likelihood length by length, with scipy's distributions."""
    out, law = 0.0, lognorm(spread, scale=median)
    for d, times in zip(*np.unique(lengths, return_counts=True), strict=True):
        stay = (law.cdf(d + 0.5) - law.cdf(d - 0.5)) / law.sf(0.5)
        out += times * np.log(share * stay + (1 - share) * geom(end).pmf(d))
    return out


def test_drawn_shares_and_lengths_are_found_again():
    lengths = drawn(3000, 2000)
    found = stays(lengths)
    assert found.share == pytest.approx(0.6, abs=0.03)
    assert found.typical == pytest.approx(MEDIAN, rel=0.05)
    assert found.flash == pytest.approx(1 / ENDS, rel=0.05)
    assert found.shortest == 3
    assert found.runs == 5000


def test_the_gain_is_that_of_the_likelihood_length_by_length():
    lengths = drawn(60, 40)
    found = stays(lengths)
    spread, middle = np.log(lengths).std(), np.log(lengths).mean()
    price = np.log(100) / 2
    alone = slow_likelihood(lengths, 1 - 1e-15, np.exp(middle), spread, 0.5) - 2 * price
    flashes = slow_likelihood(lengths, 1e-15, MEDIAN, SPREAD, 1 / lengths.mean()) - price
    fitted = max(  # the spread is not part of the result: the best one is what was found
        slow_likelihood(lengths, found.share, found.typical, spread, 1 / found.flash)
        for spread in np.linspace(NARROWEST, 2, 100)
    )
    assert found.gain == pytest.approx(fitted - 4 * price - max(alone, flashes), abs=0.2)
    assert found.gain > 0


@pytest.mark.parametrize(
    "lengths",
    [
        drawn(0, 200),  # flashes only
        np.full(50, 7.0),
        drawn(200, 0) + 5,  # stays only
        [1.0] * 100,
    ],
    ids=["flashes", "equal", "stays", "ones"],
)
def test_one_kind_alone_leaves_nothing_out(lengths):
    found = stays(lengths, step=1)
    assert found.shortest == 1
    assert found.share == 1
    assert found.gain <= 0
    assert "none is left out" in found.note


@pytest.mark.parametrize("lengths", [[], [1.0], drawn(FEWEST - 10, 9)])
def test_few_runs_leave_nothing_out(lengths):
    found = stays(lengths, step=0.5)
    assert found.shortest == 0.5
    assert "too few" in found.note
    assert np.isfinite(found[:6]).all()


def test_no_runs_and_no_step_are_defined():
    assert stays([])[:4] == (0, 1, 0, 0)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 100))
@settings(max_examples=30)
def test_order_and_unit_do_not_matter(seed, long, short, step):
    lengths = drawn(long, short, seed)
    found = stays(lengths, step=1)
    other = stays(np.random.default_rng(seed).permutation(lengths) * step, step=step)
    assert other.shortest == pytest.approx(found.shortest * step)
    assert other.share == pytest.approx(found.share)
    assert np.isfinite(found[:6]).all()
    assert 0 <= found.share <= 1
    assert found.shortest <= max(found.typical + 1, 1)


def test_a_table_says_the_same_as_its_lengths():
    lengths = drawn(80, 80)
    end = np.cumsum(lengths * 2e6).astype(np.int64)
    table = pa.table({"start_us": end - (lengths * 1e6).astype(np.int64), "end_us": end})
    assert stays(table) == stays(lengths)


@pytest.mark.parametrize(
    ("runs", "error", "said"),
    [
        ([1, 2, 0, np.nan], LabelError, r"row 2: a length .* got 0\.0 \(2 such rows\)"),
        ([[1, 2]], SchemaError, "one dimension"),
        (pa.table({"start_us": [0]}), SchemaError, "lacks end_us"),
    ],
)
def test_lengths_that_cannot_be_are_named(runs, error, said):
    with pytest.raises(error, match=said):
        stays(runs)


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_a_step_that_cannot_be_is_named(step):
    with pytest.raises(LabelError, match="step must be a positive number"):
        stays([1.0, 2.0], step=step)


def test_a_fine_step_costs_nothing_and_finds_the_same_border():
    """One run of a microsecond makes it the step; stays then last a hundred million steps."""
    rng = np.random.default_rng(0)
    lengths = np.r_[rng.geometric(0.3, 300) * 0.04, rng.lognormal(6, 0.3, 300)]
    tracemalloc.start()
    fine = stays(np.r_[1e-6, lengths])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20
    assert fine.flash < fine.shortest < fine.typical
    for step in (1e-4, 1e-3):
        assert stays(lengths, step).shortest == pytest.approx(fine.shortest, rel=0.05)


def test_the_border_is_that_of_all_steps():
    for share, middle, spread, on in [(0.5, 12.0, 0.3, 0.9999), (0.9, 11.0, 1.0, 0.999)]:
        found = _Mixture(share, middle, spread, on)
        cells = np.arange(1.0, int(np.exp(middle)) + 2)
        flashes = np.flatnonzero(_rather_flash(cells, found))
        assert _first_stay(found) == flashes[-1] + 2
