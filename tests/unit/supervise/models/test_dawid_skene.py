"""EM on distinct rows of votes does what loops over items do, and never goes down."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vquery.supervise.models import LabelModel
from vquery.supervise.models.dawid_skene import fit, weak_prior
from vquery.supervise.models.majority import vote_share
from vquery.supervise.models.pairs import Pairs
from vquery.supervise.models.patterns import Design, Patterns
from vquery.supervise.votes import LabelMatrix


@st.composite
def some_votes(draw, most=40, functions=(1, 6)):
    k, m = draw(st.integers(2, 4)), draw(st.integers(*functions))
    shape = (draw(st.integers(1, most)), m)
    return draw(hnp.arrays(np.int16, shape, elements=st.integers(-1, k - 1))), k


def drawn_together(counts, silence):
    """Tables of counts: P(a vote at all), drawn to what it is in all classes, times which vote."""
    theta = np.empty_like(counts)
    k = counts.shape[1]
    for j in range(len(counts)):
        for c in range(k):
            cast = counts[j, c, :k].sum()
            total = counts[j, c].sum() + silence[j].sum()
            theta[j, c, :k] = (cast + silence[j, 0]) / total * counts[j, c, :k] / cast
            theta[j, c, k] = (counts[j, c, k] + silence[j, 1]) / total
    return theta


def slow_em(votes, k, prior, steps):
    """Dawid and Skene by loops over items and functions; abstain is symbol k."""
    n, m = votes.shape
    q = np.array([[(row == c).sum() + 1 / k for c in range(k)] for row in votes])
    q /= q.sum(1, keepdims=True)
    for _ in range(steps):
        theta = prior.votes.copy()
        for i in range(n):
            for j in range(m):
                theta[j, :, votes[i, j]] += q[i]  # -1 is the last symbol
        theta = drawn_together(theta, prior.silence)
        pi = (q.sum(0) + prior.balance) / (n + prior.balance.sum())
        value = (prior.votes * np.log(theta)).sum() + (prior.balance * np.log(pi)).sum()
        for j in range(m):
            for c in range(k):
                speaks = theta[j, c, :k].sum()
                value += prior.silence[j] @ np.log([speaks, 1 - speaks])
        for i in range(n):
            joint = pi.copy()
            for j in range(m):
                joint *= theta[j, :, votes[i, j]]
            q[i] = joint / joint.sum()
            value += np.log(joint.sum())
    return theta, pi, q, value


@settings(max_examples=25, deadline=None)
@given(some_votes(most=12))
def test_em_is_that_of_loops(drawn):
    votes, k = drawn
    rows = Patterns.of(votes, k)
    design = Design(rows.votes, k)
    prior = weak_prior(design, rows.counts, None)
    found = fit(design, rows.counts, vote_share(rows.votes, np.full(k, 1 / k)), prior)
    theta, pi, q, value = slow_em(votes, k, prior, len(found.objective))
    assert np.allclose(found.confusion, theta)
    assert np.allclose(found.balance, pi)
    assert np.allclose(found.posterior[rows.place], q)
    assert found.objective[-1] == pytest.approx(value)


@settings(max_examples=40, deadline=None)
@given(some_votes(functions=(3, 6)), st.booleans(), st.booleans())
def test_the_objective_never_falls(drawn, given_balance, paired):
    votes, k = drawn
    rows = Patterns.of(votes, k)
    design = Design(rows.votes, k)
    balance = np.arange(1, k + 1) / np.arange(1, k + 1).sum() if given_balance else None
    prior = weak_prior(design, rows.counts, balance)
    pairs = Pairs(np.array([[2, 0]]), rows.votes, k) if paired else None
    found = fit(design, rows.counts, vote_share(rows.votes, np.full(k, 1 / k)), prior, pairs)
    steps = np.diff(found.objective)
    assert (steps >= -1e-9 * np.abs(found.objective[0])).all()
    if paired:
        table = found.together[0].reshape(k, k + 1, k + 1)
        assert np.allclose(table.sum(2), found.confusion[2])
        assert np.allclose(table.sum(1), found.confusion[0])


@settings(max_examples=40, deadline=None)
@given(some_votes(functions=(1, 8)))
def test_distinct_rows_and_sums_are_those_of_loops(drawn):
    votes, k = drawn
    rows = Patterns.of(votes, k)
    unique, place, counts = np.unique(votes, axis=0, return_inverse=True, return_counts=True)
    assert rows.votes.tolist() == unique.tolist()
    assert rows.counts.tolist() == counts.tolist()
    assert rows.place.tolist() == place.ravel().tolist()
    rng = np.random.default_rng(0)
    table, weights = rng.random((votes.shape[1], k, k + 1)), rng.random((len(unique), k))
    total, cast = np.zeros((len(unique), k)), np.zeros_like(table)
    for i, row in enumerate(unique):
        for j, vote in enumerate(row):
            total[i] += table[j, :, vote]
            cast[j, :, vote] += weights[i]
    design = Design(rows.votes, k)
    assert np.allclose(design.total(table), total)
    assert np.allclose(design.cast(weights), cast)


@pytest.mark.parametrize(("m", "k"), [(40, 2), (20, 5), (3, 2000)])
def test_rows_that_have_too_many_combinations_to_list(m, k):
    rng = np.random.default_rng(0)
    votes = rng.integers(-1, k, (300, m)).astype(np.int16)
    votes[100:200] = votes[:100]
    rows = Patterns.of(votes, k)
    unique, counts = np.unique(votes, axis=0, return_counts=True)
    assert rows.votes.tolist() == unique.tolist()
    assert rows.counts.tolist() == counts.tolist()
    table = rng.random((m, 2, k + 1)) if k < 100 else rng.random((m, k, k + 1))
    if k >= 100:
        expected = sum(table[j][:, votes[:, j]].T for j in range(m))
        assert np.allclose(Design(rows.votes, k).total(table)[rows.place], expected)


def test_most_rows_different_are_left_as_they_are():
    votes = np.random.default_rng(0).integers(-1, 2, (9000, 40)).astype(np.int16)
    rows = Patterns.of(votes, 2)
    assert rows.votes is votes
    assert rows.counts.sum() == 9000


@pytest.mark.parametrize("how", [{}, {"method": "dawid-skene"}, {"method": "triplets"}])
@pytest.mark.parametrize("grouped", [False, True])
def test_learning_in_parts_is_learning_at_once(how, grouped):
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 900)
    votes = np.where(rng.random((900, 5)) < 0.75, truth[:, None], 1 - truth[:, None])
    votes[rng.random(votes.shape) < 0.3] = -1
    groups = rng.choice(["a", "b"], 900) if grouped else None
    part = lambda x, s: None if x is None else x[s]  # noqa: E731
    whole = LabelModel(classes=[0, 1], **how).fit(votes, groups)
    parts = LabelModel(classes=[0, 1], **how)
    for begin in (0, 100, 101, 500):
        s = slice(begin, {0: 100, 100: 101, 101: 500, 500: 900}[begin])
        parts.partial_fit(votes[s], part(groups, s))
    assert np.allclose(parts.confusion_, whole.confusion_)
    assert np.allclose(parts.predict_proba(votes, groups), whole.predict_proba(votes, groups))
    again = whole.fit(votes[:300], part(groups, slice(300)))
    fresh = LabelModel(classes=[0, 1], **how).fit(votes[:300], part(groups, slice(300)))
    assert np.array_equal(again.confusion_, fresh.confusion_)


def test_a_model_is_stored_as_plain_values():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 3000)
    votes = np.where(rng.random((3000, 6)) < 0.75, truth[:, None], 1 - truth[:, None])
    same = rng.random(3000) < 0.7
    votes[same, 1] = votes[same, 0]
    matrix = LabelMatrix.from_dense(votes, classes=[0, 1], functions=list("abcdef"))
    groups = ["x"] * 2000 + ["y"] * 1000
    model = LabelModel().fit(matrix, groups)
    assert model.pairs_ == (("a", "b"),)
    back = LabelModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert np.array_equal(back.predict_proba(matrix, groups), model.predict_proba(matrix, groups))
    assert (back.notes_, back.pairs_, back.classes_) == (model.notes_, model.pairs_, (0, 1))
    assert "dawid-skene" in str(back.summary())
    with pytest.raises(TypeError, match="cannot learn more votes"):
        back.partial_fit(matrix, groups)
    kept = LabelModel.from_dict(json.loads(json.dumps(model.to_dict(counts=True))))
    kept.partial_fit(matrix, groups)
    model.partial_fit(matrix, groups)
    assert np.allclose(kept.confusion_, model.confusion_)
    with pytest.raises(ValueError, match="expected format 1, got 9"):
        LabelModel.from_dict({"format": 9, "settings": {}})


def test_the_order_of_items_does_not_matter():
    rng = np.random.default_rng(6)
    votes = rng.integers(-1, 3, (200, 5))
    order = rng.permutation(200)
    one, other = (
        LabelModel(classes=range(3)).fit(votes),
        LabelModel(classes=range(3)).fit(votes[order]),
    )
    assert np.array_equal(one.predict_proba(votes)[order], other.predict_proba(votes[order]))


def test_the_summary_names_functions_and_compares():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 2000)
    votes = np.stack(
        [np.where(rng.random(2000) < r, truth, 1 - truth) for r in (0.95, 0.7, 0.7, 0.5)], axis=1
    )
    votes[:, 3] = -1
    summary = (
        LabelModel(classes=["no", "yes"], abstain=None)
        .fit(LabelMatrix(votes.astype(np.int16), ("no", "yes"), ("best", "b", "c", "silent")))
        .summary()
    )
    rows = {row["function"]: row for row in summary.functions}
    assert rows["best"]["right"] == pytest.approx(0.95, abs=0.02)
    assert rows["silent"]["right"] is None
    assert summary.best == "best"
    assert set(summary.left_out) == {"model", "vote", "function"}
    assert "silent" in summary.html()
    assert "left-out vote" in str(summary)


def test_an_item_that_counts_twice_is_two_items():
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 2, 300)
    votes = np.where(rng.random((300, 4)) < 0.8, truth[:, None], 1 - truth[:, None])
    twice = rng.integers(0, 3, 300)
    weighed = LabelModel(classes=[0, 1]).fit(votes, weights=twice)
    repeated = LabelModel(classes=[0, 1]).fit(np.repeat(votes, twice, axis=0))
    assert np.allclose(weighed.confusion_, repeated.confusion_)
    for wrong, told in (
        ([1.0], r"weights must have shape \(300,\)"),
        (np.full(300, np.nan), "weights, row 0: expected 0 or more, got nan"),
        (-np.ones(300), "weights, row 0: expected 0 or more, got -1"),
        (np.zeros(300), "all are 0"),
    ):
        with pytest.raises(ValueError, match=told):
            LabelModel(classes=[0, 1]).fit(votes, weights=wrong)
