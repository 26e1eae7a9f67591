"""Fusion of evidence: the plain formula, what clamps, what is learnt, and what is never NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.errors import LabelError, QueryError, SchemaError
from vquery.metrics.calibration import log_loss
from vquery.supervise.fusion import Source, aligned, fuse, hints, posterior
from vquery.supervise.fusion.learn import folds


def drawn(n, share, strengths, seed=0):
    """Draw true classes and calibrated sources that err independently of one another."""
    rng = np.random.default_rng(seed)
    k = len(share)
    truth = rng.choice(k, n, p=share)
    sources = []
    for number, strength in enumerate(strengths):
        seen = rng.normal(size=(n, k))
        seen[np.arange(n), truth] += strength
        sources.append(Source(f"s{number}", strength * seen, np.ones(n, bool)))
    return truth, sources


def slow(sources, balance, human, item):
    """The formula of one item, written out."""
    if human[item] >= 0:
        return [float(k == human[item]) for k in range(len(balance))]
    logs = [
        np.log(balance[k]) + sum(s.evidence[item][k] for s in sources) for k in range(len(balance))
    ]
    raised = [np.exp(value - max(logs)) for value in logs]
    return [value / sum(raised) for value in raised]


@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 10_000),
)
@settings(max_examples=50, deadline=None)
def test_without_teaching_it_is_the_plain_formula(k, s, seed):
    rng = np.random.default_rng(seed)
    n = 6
    balance = rng.dirichlet(np.ones(k)) * 0.9 + 0.1 / k
    says = rng.random((s, n)) < 0.6
    sources = [
        Source(f"s{j}", np.where(says[j][:, None], rng.normal(size=(n, k)), 0.0), says[j])
        for j in range(s)
    ]
    human = rng.integers(-1, k, n)
    found = fuse(sources, balance=balance, human=human, calibrate="none")
    for item in range(n):
        np.testing.assert_allclose(found.probability[item], slow(sources, balance, human, item))
        if human[item] < 0:
            best, other = found.best[item], found.rivals[item]
            chance = found.probability[item]
            told = found.share_table()[item].sum()
            np.testing.assert_allclose(told, np.log(chance[best] / chance[other]), atol=1e-9)
    assert found.reached.tolist() == ((human >= 0) | says.any(axis=0)).tolist()


def test_who_has_no_source_has_the_balance_and_no_label():
    source = hints("found", [1, -1, -1], [0.9, 0.5, np.nan], [0.2, 0.8])
    found = fuse([source], balance=[0.2, 0.8], human=[-1, -1, 0])
    assert found.probability[1].tolist() == [0.2, 0.8]
    assert found.reached.tolist() == [True, False, True]
    assert found.labels(0.5).tolist() == [1, -1, 0]
    assert found.probability[2].tolist() == [1.0, 0.0]


def test_ties_get_no_label():
    found = fuse([hints("a", [0, 0], [0.5, 0.5], [0.5, 0.5])], balance=[0.5, 0.5])
    assert found.labels(0.5).tolist() == [-1, -1]


@pytest.mark.parametrize("share", [[0.5, 0.5], [0.05, 0.95], [0.2, 0.5, 0.3]])
@pytest.mark.parametrize("labelled", [0, 10, 60])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_not_worse_than_the_best_source_alone(share, labelled, seed):
    truth, sources = drawn(4000, share, [1.0, 1.6], seed)
    human = np.full(4000, -1)
    human[:labelled] = truth[:labelled]
    groups = np.arange(4000) // 5
    found = fuse(sources, balance=share, human=human, groups=groups)
    rest = np.arange(4000) >= labelled
    loss = log_loss(found.probability[rest], truth[rest])
    alone = [
        log_loss(fuse([one], balance=share, calibrate="none").probability[rest], truth[rest])
        for one in sources
    ]
    assert loss < min(alone)
    assert (found.probability[human >= 0].argmax(axis=1) == truth[human >= 0]).all()


def test_labels_teach_what_is_too_sure_and_what_is_noise():
    truth, (good, _) = drawn(3000, [0.5, 0.5], [1.0, 0.1], seed=1)
    loud = Source("loud", 4.0 * good.evidence, good.says)
    noise = Source("noise", np.random.default_rng(2).normal(size=(3000, 2)) * 2, good.says)
    human = np.where(np.arange(3000) < 200, truth, -1)
    found = fuse([loud, noise], balance=[0.5, 0.5], human=human, groups=np.arange(3000) // 10)
    assert found.calibrated
    np.testing.assert_allclose(found.factors[0], 0.25, rtol=0.3)
    assert found.factors[1] < 0.25
    assert found.checked["scale"] < found.checked["default"]
    rest = human < 0
    plain = fuse([loud, noise], balance=[0.5, 0.5], calibrate="none").probability
    assert log_loss(found.probability[rest], truth[rest]) < log_loss(plain[rest], truth[rest]) - 0.3


def test_labels_of_other_shares_do_not_move_the_balance():
    share = [0.05, 0.95]
    truth, (source, _) = drawn(20_000, share, [1.2, 1.0], seed=3)
    chosen = np.r_[np.flatnonzero(truth == 0)[:200], np.flatnonzero(truth == 1)[:200]]
    human = np.full(len(truth), -1)
    human[chosen] = truth[chosen]
    found = fuse([source], balance=share, human=human)
    rest = human < 0
    assert abs(found.probability[rest, 0].mean() - (truth[rest] == 0).mean()) < 0.005
    np.testing.assert_allclose(found.factors, 1.0, atol=0.2)


def test_sources_that_say_the_same_count_once():
    truth, (one, other) = drawn(5000, [0.4, 0.6], [1.0, 1.0], seed=4)
    again = Source("again", one.evidence, one.says)
    found = fuse([one, again], balance=[0.4, 0.6])
    assert found.repetition["s0", "again"] > 0.99
    np.testing.assert_allclose(
        found.probability, fuse([one], balance=[0.4, 0.6]).probability, atol=0.01
    )
    assert any("repeat one another" in note for note in found.notes)
    apart = fuse([one, other], balance=[0.4, 0.6])
    assert apart.repetition["s0", "s1"] < 0.1
    assert log_loss(apart.probability, truth) < log_loss(found.probability, truth)


def test_a_source_alone_at_an_item_is_not_discounted():
    _, (one, _) = drawn(400, [0.5, 0.5], [1.0, 1.0], seed=5)
    half = np.arange(400) < 200
    other = Source("half", np.where(half[:, None], one.evidence, 0.0), half)
    found = fuse([one, other], balance=[0.5, 0.5])
    assert (found.discounts[200:, 0] == 1).all()
    assert (found.discounts[:200, 0] < 0.6).all()


def test_curves_are_used_where_many_labels_prefer_them():
    rng = np.random.default_rng(6)
    n = 6000
    score = rng.normal(size=n) * 2
    truth = (rng.random(n) < np.where(score > 1, 0.7, 0.2)).astype(int)  # a step, no slope
    source = Source("steps", np.column_stack([-score, score]), np.ones(n, bool))
    human = np.where(np.arange(n) < 3000, truth, -1)
    balance = [1 - truth.mean(), truth.mean()]
    found = fuse([source], balance=balance, human=human)
    assert found.steps is not None
    rest = human < 0
    scaled = fuse([source], balance=balance, human=human, calibrate="scale")
    assert log_loss(found.probability[rest], truth[rest]) < log_loss(
        scaled.probability[rest], truth[rest]
    )
    chance = found.probability[np.arange(n)[:, None], np.c_[found.best, found.rivals]][rest]
    told = found.share_table()[rest]
    assert np.abs(told[:, -1]).max() > 0.5, "what the curves change is told"
    np.testing.assert_allclose(told.sum(axis=1), np.log(chance[:, 0] / chance[:, 1]))


def test_what_a_source_says_of_its_own_seeds_teaches_nothing():
    truth, (good, _) = drawn(300, [0.5, 0.5], [1.0, 1.0], seed=7)
    human = np.where(np.arange(300) < 100, truth, -1)
    codes = np.where(human >= 0, human, -1)
    leaks = hints("spread", codes, np.ones(300), [0.5, 0.5], left_out=(np.full(300, -1), codes * 0))
    found = fuse([good, leaks], balance=[0.5, 0.5], human=human)
    assert found.factors[1] == 1.0
    assert found.checked["spread alone"] == pytest.approx(np.log(2), abs=0.01)


def test_classes_that_a_source_does_not_know_are_neither_helped_nor_harmed():
    balance = np.array([0.3, 0.5, 0.2])
    evidence = aligned(np.log([[4.0, 1.0]]), ["a", "b"], ["a", "b", None], balance)
    found = fuse([Source("votes", evidence, np.ones(1, bool))], balance=balance)
    assert found.probability[0, 2] == pytest.approx(0.2)
    assert found.probability[0, 0] == pytest.approx(0.8 * 1.2 / 1.7)


def test_extreme_values_stay_finite():
    rows = np.array([[0.0, -1e9], [1e9, -1e9], [0.0, 0.0]])
    found = fuse([Source("s", rows, np.ones(3, bool))], balance=[1e-9, 1.0], human=[-1, 1, -1])
    assert np.isfinite(found.probability).all()
    assert found.probability[1].tolist() == [0.0, 1.0]
    one_class = fuse([Source("s", np.zeros((2, 1)), np.ones(2, bool))], balance=[1.0])
    assert one_class.probability.tolist() == [[1.0], [1.0]]
    empty = fuse([Source("s", np.zeros((0, 2)), np.ones(0, bool))], balance=[0.5, 0.5])
    assert empty.probability.shape == (0, 2)


def test_the_rest_of_a_hint_goes_where_it_is_said_to():
    balance = np.array([0.45, 0.45, 0.1])
    found = fuse([hints("p", [0], [0.3], balance, rest=[0.1, 0.1, 0.8])], balance=balance)
    np.testing.assert_allclose(found.probability[0], [0.3, 0.7 / 9, 0.7 * 8 / 9])


def test_what_a_human_overrules_is_told():
    found = fuse([hints("p", [0], [0.9], [0.5, 0.5])], balance=[0.5, 0.5], human=[1])
    assert (found.best[0], found.rivals[0]) == (1, 0)
    np.testing.assert_allclose(found.share_table()[0], [0.0, -np.log(9), 0.0])


def test_posterior_takes_the_balance_out():
    chance = np.array([[0.9, 0.1], [0.3, 0.7]])
    found = fuse([posterior("m", chance, [0.3, 0.7])], balance=[0.3, 0.7])
    np.testing.assert_allclose(found.probability, chance)
    assert found.reached.tolist() == [True, False]


def test_folds_keep_groups_together():
    groups = np.array([3, 1, 3, 2, 2, 2, 9, 8])
    fold = folds(groups, 3)
    assert all(len(set(fold[groups == group])) == 1 for group in groups)
    assert sorted(np.bincount(fold).tolist()) == [2, 3, 3]


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: fuse([], balance=[1.0]), SchemaError, "nothing to fuse"),
        (lambda: fuse([], balance=[0.5, 0.0], human=[0]), SchemaError, "share above 0"),
        (
            lambda: fuse([], balance=[0.5, 0.5], human=[0, 2]),
            LabelError,
            "human, row 1: expected 0 to 1",
        ),
        (lambda: fuse([], balance=[0.5], human=[0], calibrate="x"), QueryError, "calibrate must"),
        (lambda: hints("p", [0, 5], [1, 1], [0.5, 0.5]), SchemaError, "p, row 1: expected a cl"),
        (lambda: hints("p", [0], [np.nan], [0.5, 0.5]), SchemaError, "p, row 0: a probability"),
        (
            lambda: Source("p", np.array([[0.0, np.nan]]), np.ones(1, bool)),
            SchemaError,
            "p, row 0: evidence must be finite",
        ),
        (
            lambda: fuse([hints("p", [0], [1], [1.0])] * 2, balance=[1.0]),
            SchemaError,
            "different names",
        ),
        (
            lambda: fuse([hints("p", [0], [1], [1.0])], balance=[1.0], human=[-1, -1]),
            SchemaError,
            r"human must have shape \(1,\)",
        ),
    ],
)
def test_what_cannot_be_fused(make, error, told):
    with pytest.raises(error, match=told):
        make()
