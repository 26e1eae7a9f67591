"""Parameters that votes were drawn from are found again, without labels, within their errors."""

import numpy as np
import pytest

from tests.unit.supervise.models.drawn import draw, errors_away, one_sided, symmetric
from vquery.supervise.models import LabelModel

N = 20_000
SIX = [symmetric(2, 0.9, right) for right in (0.75, 0.75, 0.8, 0.85, 0.7, 0.8)]
CASES = {
    "one-sided": (
        [0.5, 0.5],
        [
            one_sided(2, voted, hit, false)
            for voted, hit, false in (
                (1, 0.6, 0.1),
                (1, 0.4, 0.05),
                (0, 0.5, 0.1),
                (0, 0.7, 0.2),
                (1, 0.5, 0.15),
                (0, 0.4, 0.02),
            )
        ],
        None,
    ),
    "five per cent": (
        [0.95, 0.05],
        [
            one_sided(2, 1, 0.7, 0.02),
            one_sided(2, 1, 0.6, 0.03),
            symmetric(2, 0.9, 0.9),
            symmetric(2, 0.8, 0.85),
            one_sided(2, 0, 0.6, 0.2),
            symmetric(2, 1, 0.92),
        ],
        None,
    ),
    "unequal coverage": (
        [0.55, 0.45],
        [
            symmetric(2, cover, right)
            for cover, right in zip(
                (1, 0.7, 0.4, 0.2, 0.1, 0.05, 0.9),
                (0.75, 0.8, 0.85, 0.9, 0.8, 0.9, 0.7),
                strict=True,
            )
        ],
        None,
    ),
    "pair": ([0.6, 0.4], SIX, (0, 1, 0.6)),
    "nearly a copy": ([0.6, 0.4], SIX, (0, 1, 0.9)),
    **{
        f"{k} classes": (
            np.arange(1, k + 1) / np.arange(1, k + 1).sum(),
            [
                symmetric(k, cover, right)
                for cover, right in zip(
                    (1, 0.9, 0.8, 0.7, 0.9, 0.8), (0.7, 0.75, 0.8, 0.85, 0.7, 0.8), strict=True
                )
            ],
            None,
        )
        for k in (3, 4, 5)
    },
}


@pytest.mark.parametrize("name", CASES)
def test_truth_is_found_within_three_standard_errors(name):
    balance, confusion, copies = CASES[name]
    votes, truth, confusion = draw(N, balance, confusion, copies=copies)
    model = LabelModel(classes=list(range(len(balance)))).fit(votes)
    off = errors_away(votes, balance, confusion, model.balance_, model.confusion_)
    assert np.sqrt(np.mean(off**2)) < 1.25
    assert (np.abs(off) > 3).mean() <= 0.02  # of 149 normal numbers one is, once in three times
    assert model.method_ == "dawid-skene"
    assert model.temper_ == 1.0
    assert model.pairs_ == ((("lf0", "lf1"),) if copies else ())
    share = model.predict_proba(votes)
    best = draw_best(votes, balance, confusion)
    assert (share.argmax(1) == truth).mean() >= (best == truth).mean() - 0.005


def draw_best(votes, balance, confusion):
    """What one would say who knows the parameters, but takes functions for independent."""
    seen = np.where(votes < 0, len(balance), votes)
    with np.errstate(divide="ignore"):
        logs = np.log(confusion)
    return (np.log(balance) + sum(t[:, s].T for t, s in zip(logs, seen.T, strict=True))).argmax(1)


def test_noise_in_a_sample_makes_no_pairs():
    """Many votes of many functions: pairs are looked for in 10,000 of 60,000 different rows."""
    functions = [symmetric(5, 0.8, 0.75) for _ in range(8)]
    votes, truth, _ = draw(60_000, [0.2] * 5, functions, seed=1)
    model = LabelModel(classes=list(range(5))).fit(votes)
    assert model.pairs_ == ()
    assert (model.predict_proba(votes).argmax(1) == truth).mean() > 0.97


@pytest.mark.parametrize("positive", [0.05, 0.4, 0.5, 0.6])
@pytest.mark.parametrize("wrong", [0.0, 0.15])
def test_a_given_balance_never_exchanges_the_classes(positive, wrong):
    balance = [1 - positive, positive]
    votes, truth, _ = draw(4000, balance, SIX, seed=3)
    given = np.clip(np.array([1 - positive - wrong, positive + wrong]), 0.01, 0.99)
    model = LabelModel(classes=[0, 1], balance=given / given.sum()).fit(votes)
    assert (model.predict_proba(votes).argmax(1) == truth).mean() > 0.85
    assert (np.einsum("jkk->jk", model.confusion_[:, :, :2]).mean(1) > 0.5).all()


def test_functions_that_err_together_make_the_model_doubt():
    rng = np.random.default_rng(0)
    votes, truth, _ = draw(5000, [0.5, 0.5], [symmetric(2, 1, 0.8) for _ in range(5)], seed=1)
    hard = rng.random(5000) < 0.25  # here all say what one hidden cause says
    cause = rng.integers(0, 2, 5000)
    for j in range(4):
        take = hard & (rng.random(5000) < 0.9)
        votes[take, j] = cause[take]
    auto = LabelModel(classes=[0, 1]).fit(votes)
    sure = LabelModel(classes=[0, 1], method="dawid-skene", temper=1, pairs=()).fit(votes)
    assert 0 < auto.doubt_ <= 1
    assert any("err together" in note for note in auto.notes_)
    loss = [
        -np.log(np.clip(m.predict_proba(votes)[np.arange(5000), truth], 1e-6, 1)).mean()
        for m in (auto, sure)
    ]
    assert loss[0] < loss[1] - 0.05


def test_a_stated_precision_decides_between_two_functions():
    votes = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 20)
    plain = LabelModel().fit(votes)
    assert plain.method_ == "majority"
    assert "Only 2 of 2 functions" in plain.notes_[0]
    told = LabelModel(precision={"lf0": 0.95, "lf1": (0.6, 500)}).fit(votes)
    assert told.method_ == "dawid-skene"
    assert told.predict([[0, 1], [1, 0]]).tolist() == [0, 1]


def test_few_votes_an_item_are_counted():
    votes, _, _ = draw(2000, [0.5, 0.5], [symmetric(2, 0.1, 0.8) for _ in range(6)])
    model = LabelModel().fit(votes)
    assert model.method_ == "majority"
    assert "1.5 are needed" in model.notes_[0]
    assert "Do not rely" in LabelModel(method="dawid-skene").fit(votes).notes_[0]


def test_a_lost_class_is_counted():
    votes = np.zeros((300, 4), int)
    votes[np.arange(3), np.arange(3)] = 1
    model = LabelModel().fit(votes)
    assert model.method_ == "majority"
    assert model.predict(votes[:5]).tolist() == [0] * 5


def test_groups_differ_as_far_as_their_items_say():
    balance, here = [0.5, 0.5], [symmetric(2, 0.9, r) for r in (0.9, 0.9, 0.6, 0.75)]
    there = [here[2], here[1], here[0], here[3]]
    one, truth_one, _ = draw(3000, balance, here, seed=1)
    two, truth_two, _ = draw(3000, [0.2, 0.8], there, seed=2)
    few, _, _ = draw(3, balance, here, seed=3)
    votes = np.concatenate((one, two, few))
    names = ["here"] * 3000 + ["there"] * 3000 + ["few"] * 3
    model = LabelModel(classes=[0, 1]).fit(votes, groups=names)
    share, tables = model.groups_["there"]
    assert share[1] == pytest.approx(0.8, abs=0.03)
    assert tables[2, 0, 0] == pytest.approx(0.81, abs=0.04)
    assert np.abs(model.groups_["few"][1] - model.confusion_).max() < 0.06
    truth = np.concatenate((truth_one, truth_two))
    right = (model.predict_proba(votes[:6000], groups=names[:6000]).argmax(1) == truth).mean()
    assert right > (model.predict_proba(votes[:6000]).argmax(1) == truth).mean() + 0.02
    new = model.predict_proba(votes[:5], groups=["new"] * 5)
    assert np.allclose(new, model.predict_proba(votes[:5]))
