"""Labels of time on items, moment by moment; votes split among the functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.metrics.spans import Spans
from vquery.supervise.fusion.covered import covered, settled
from vquery.supervise.fusion.split import by_function
from vquery.supervise.models.label_model import LabelModel

SPANS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 15), st.integers(0, 6)), max_size=6)


@given(items=SPANS.filter(bool), painted=SPANS, seed=st.integers(0, 99))
@settings(max_examples=50)
def test_shares_are_those_of_moments(items, painted, seed):
    moments = {}
    for number, (video, start, length) in enumerate(painted):
        for moment in range(start, start + max(length, 1)):
            moments[video, moment] = number % 2
    runs = sorted((v, m, m + 1, code) for (v, m), code in moments.items())  # do not overlap
    order = np.random.default_rng(seed).permutation(len(runs))
    video, start, end, code = np.array(runs, np.int64).reshape(-1, 4)[order].T
    mine = Spans(*np.array([(v, a, a + d) for v, a, d in items], np.int64).T)
    found = covered(mine, Spans(video, start, end), code, 2)
    for row, (v, a, d) in enumerate(items):
        inside = [moments.get((v, moment)) for moment in range(a, a + max(d, 1))]
        for wanted in (0, 1):
            assert found[row, wanted] == pytest.approx(inside.count(wanted) / len(inside))


def test_half_is_enough_and_equal_parts_are_not():
    codes, left = settled(np.array([[0.5, 0.0], [0.49, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]))
    assert codes.tolist() == [0, -1, -1, 1, -1]
    assert left.tolist() == [1, 2]
    assert settled(np.zeros((2, 0)))[0].tolist() == [-1, -1]


@pytest.mark.parametrize("method", ["majority", "dawid-skene"])
def test_functions_add_up_to_the_votes(method):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    votes = np.where(rng.random((600, 5)) < 0.7, truth[:, None], rng.integers(0, 3, (600, 5)))
    votes = np.where(rng.random((600, 5)) < 0.3, -1, votes).astype(np.int16)
    model = LabelModel([0, 1, 2], method=method).fit(votes)
    evidence = model.log_likelihoods(votes)
    best, rival = evidence.argsort(axis=1)[:, :0:-1].T
    rows = np.arange(600)
    together = evidence[rows, best] - evidence[rows, rival]
    found, rest = by_function(model, votes, best, rival, together)
    np.testing.assert_allclose(found.sum(axis=1) + rest, together, atol=1e-9)
    assert np.abs(rest).mean() < 0.1 * np.abs(together).mean(), "functions explain most of it"
    clear = (votes == best[:, None]).sum(axis=1) > (votes == rival[:, None]).sum(axis=1)
    assert (found[clear][votes[clear] == best[clear, None]] >= 0).mean() > 0.95


def test_classes_that_the_model_does_not_know_are_left_whole():
    model = LabelModel([0, 1]).fit([[0, 1], [1, 1]])
    found, rest = by_function(
        model, np.array([[0, 1]], np.int16), np.array([-1]), np.array([0]), np.array([0.7])
    )
    assert found.tolist() == [[0.0, 0.0]]
    assert rest.tolist() == [0.7]
