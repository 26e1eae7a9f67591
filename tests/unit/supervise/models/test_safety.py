"""Without labels the default is no worse than counting: few items, related functions, silence."""

import numpy as np
import pytest

from tests.unit.supervise.models.drawn import draw, symmetric
from vquery.metrics.calibration import log_loss
from vquery.supervise.models import LabelModel
from vquery.supervise.models.comparing import FOLDS, compare, parted
from vquery.supervise.models.dawid_skene import PRIOR_SILENCE, fit, weak_prior
from vquery.supervise.models.majority import vote_share
from vquery.supervise.models.patterns import Design, Patterns

EVEN = np.array([0.5, 0.5])
SIX = [symmetric(2, 0.9, right) for right in (0.7, 0.75, 0.8, 0.85, 0.7, 0.8)]


def related(n, seed, copied=0.6, positive=0.2, m=6):
    """Votes of two families, in which functions say what the first one says on most items."""
    functions = [symmetric(2, 0.8, right) for right in np.linspace(0.7, 0.85, m)]
    votes, truth, _ = draw(n, [1 - positive, positive], functions, seed=seed)
    rng = np.random.default_rng(seed + 1000)
    for j in range(m):
        same = rng.random(n) < copied
        votes[same, j] = votes[same, j - j % (m // 2)]
    return votes, truth


def test_items_are_parted_one_by_one():
    counts = np.array([1000.0, 3.0, 1.0, 0.25])
    parts = parted(counts)
    assert parts.shape == (FOLDS, 4)
    assert np.allclose(parts.sum(0), counts)
    assert (parts[:, 0] > 150).all()
    assert len(set(parts[:, 0].tolist())) > 1, "a draw, not equal shares"
    assert np.array_equal(parts, parted(counts)), "the same always"


def slow_comparison(votes, counts, even, learn):
    """By loops over folds, rows and functions; the tables of what is said from other folds."""
    lead, model_sum, vote_sum = [], 0.0, 0.0
    m = votes.shape[1]
    for part in parted(counts):
        rest = counts - part
        confusion, balance = learn(rest)
        for row in np.flatnonzero(part):
            told = np.zeros(2)
            for j in range(m):
                for way in range(2):
                    table = np.full((2, 3), 0.5)
                    for other in range(len(votes)):
                        for c in range(2):
                            share = class_of(votes[other], j, way, confusion, balance, even)
                            table[c, votes[other, j]] += rest[other] * share[c]
                    table /= table.sum(1, keepdims=True)
                    share = class_of(votes[row], j, way, confusion, balance, even)
                    told[way] += np.log(share @ table[:, votes[row, j]])
            lead += [told[0] - told[1]] * int(part[row])
            model_sum += part[row] * told[0]
            vote_sum += part[row] * told[1]
    n = counts.sum()
    return model_sum / n / m, vote_sum / n / m, np.std(lead) / np.sqrt(n) / m


def class_of(row, left_out, way, confusion, balance, even):
    others = [j for j in range(len(row)) if j != left_out]
    if way == 0:
        share = balance * np.prod([confusion[j][:, row[j]] for j in others], axis=0)
    else:
        share = even + [sum(row[j] == c for j in others) for c in range(2)]
    return share / share.sum()


def test_the_comparison_is_that_of_loops():
    votes, _, _ = draw(40, [0.6, 0.4], SIX[:3], seed=2)
    rows = Patterns.of(votes.astype(np.int16), 2)
    design, start = Design(rows.votes, 2), vote_share(rows.votes, EVEN)

    def learn(counts):
        found = fit(design, counts, start, weak_prior(design, counts, None))
        return found.confusion, found.balance

    found = compare(rows, EVEN, 1.0, learn)
    model, vote, error = slow_comparison(rows.votes, rows.counts, EVEN, learn)
    assert (found.model, found.vote, found.error) == pytest.approx((model, vote, error))


def test_few_items_are_counted_and_more_are_not():
    for n, method, said in ((78, "majority", "are needed"), (4000, "dawid-skene", "error 0.0")):
        votes, _, _ = draw(n, [0.87, 0.13], SIX, seed=0)
        model = LabelModel(classes=[0, 1]).fit(votes)
        assert model.method_ == method
        assert said in model.notes_[0]


def test_random_votes_are_counted_for_the_model_is_not_clearly_better():
    votes = np.random.default_rng(0).integers(0, 2, (1000, 4))
    model = LabelModel(classes=[0, 1]).fit(votes)
    assert model.method_ == "majority"
    assert "no better beyond noise" in model.notes_[0] or "items" in model.notes_[0]


@pytest.mark.parametrize("n", [100, 300, 3000])
def test_related_functions_are_no_worse_than_counting(n):
    lead = []
    for seed in range(6):
        votes, truth = related(n, seed)
        auto, counted = (
            LabelModel(classes=[0, 1], method=method).fit(votes) for method in ("auto", "majority")
        )
        sure = LabelModel(classes=[0, 1], method="dawid-skene").fit(votes)
        lead.append(
            [log_loss(model.predict_proba(votes)[:, 1], truth) for model in (auto, counted, sure)]
        )
        assert auto.method_ == "majority"
    auto, counted, sure = np.mean(lead, axis=0)
    assert auto <= counted + 1e-9
    assert sure > counted + 0.1, "what auto is kept from"


def test_it_is_said_that_the_class_may_be_a_shared_mistake():
    votes, _ = related(3000, 1, positive=0.4)
    assert "a mistake that functions share" in LabelModel(classes=[0, 1]).fit(votes).notes_[0]


@pytest.mark.parametrize("positive", [0.5, 0.2])
def test_three_functions_fit_any_votes_and_four_do_not(positive):
    for m in (3, 4):
        votes, _, _ = draw(6000, [1 - positive, positive], [symmetric(2, 1, 0.8)] * m, seed=3)
        model = LabelModel(classes=[0, 1]).fit(votes)
        assert model.method_ == "dawid-skene"
        assert any("cannot be told" in note for note in model.notes_) == (m == 3)
        best = model.predict_proba(np.ones((1, m), int))[0, 1]
        limit = (m + model.balance_[1]) / (m + 1)
        assert (best <= limit + 1e-9) == (m == 3), "no surer than smoothed votes"
        three = votes[:, :3]
        model = LabelModel(classes=[0, 1]).fit(three)
        trusted = LabelModel(classes=[0, 1], temper=1).fit(three)
        shares = model.predict_proba(three), trusted.predict_proba(three)
        assert shares[0].max() < shares[1].max() - 0.01
        assert np.array_equal(shares[0].argmax(1), shares[1].argmax(1)), "decisions stay"
    back = LabelModel.from_dict(model.to_dict())
    assert np.array_equal(back.predict_proba(three), shares[0])


def test_three_of_three_classes_can_be_checked():
    votes, _, _ = draw(9000, np.full(3, 1 / 3), [symmetric(3, 1, 0.8)] * 3, seed=3)
    model = LabelModel(classes=[0, 1, 2]).fit(votes)
    assert not any("cannot be told" in note for note in model.notes_)


def test_silence_tells_little_where_few_items_say_so():
    """All items of a class are silent once: many of them count, few are taken for chance."""
    gaps = {}
    for times in (1, 100):
        votes = np.array([[0, 0, 0, 0]] * 10 + [[1, 1, 1, -1]] * 10)
        rows = Patterns.of(np.tile(votes, (times, 1)).astype(np.int16), 2)
        design = Design(rows.votes, 2)
        prior = weak_prior(design, rows.counts, None)
        found = fit(design, rows.counts, vote_share(rows.votes, EVEN), prior)
        silent = found.confusion[3, :, 2]
        gaps[times] = silent[1] - silent[0]
    assert gaps[1] == pytest.approx(10 / (10 + PRIOR_SILENCE + 2), abs=0.08)
    assert gaps[100] > 0.95


@pytest.mark.parametrize(
    ("votes", "settings", "said"),
    [
        ([[-1, 0, 1], [1, 0, 0]], {}, True),
        ([[-1, 0, 1], [0, 0, 0]], {"classes": [0, 1]}, True),
        ([[-1, 0, 1], [-1, 1, -1]], {"classes": [0, 1]}, False),  # named, and silence is common
        ([[-1, 0, 1], [0, 0, 0]], {"classes": [-1, 1], "abstain": 0}, False),
        ([[1, 0, 1], [0, 0, 0]], {}, False),  # nobody abstains
        ([[-1, 0, 2], [0, 0, 0]], {"classes": [0, 1, 2]}, False),
    ],
)
def test_numbers_of_another_convention_are_asked_about(votes, settings, said):
    model = LabelModel(**settings).fit(votes)
    assert any("abstain=0" in note for note in model.notes_) == said
