"""Label models on real votes: bounds that must hold with defaults; labels only score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.supervision.label_models import BALANCES, f1, positive, spam, tennis
from vquery.metrics.calibration import log_loss
from vquery.supervise.models import LabelModel

pytestmark = pytest.mark.data


def test_spam_is_told_from_votes(data: Path):
    votes = spam(data)
    share = positive(votes)
    voted = (votes.votes >= 0).any(1)
    assert voted.sum() == 232
    assert f1(share > 0.5, votes.truth) >= 0.80
    assert f1(share[voted] > 0.5, votes.truth[voted]) >= 0.84
    assert log_loss(share, votes.truth) <= 0.36
    assert np.array_equal(share, positive(votes)), "nothing is random"
    assert f1(positive(votes, method="majority") > 0.5, votes.truth) < 0.70


@pytest.mark.parametrize("balance", BALANCES)
def test_a_balance_flips_nothing(data: Path, balance: float):
    votes = spam(data)
    share = positive(votes, balance=[1 - balance, balance])
    assert f1(share > 0.5, votes.truth) >= 0.70


def test_tennis_is_no_worse_than_counting_and_calibrated(data: Path):
    votes = tennis(data)
    share, counted = positive(votes), positive(votes, method="majority")
    assert f1(counted > 0.5, votes.truth) == pytest.approx(0.839, abs=0.001)
    assert log_loss(counted, votes.truth) == pytest.approx(0.364, abs=0.0005)
    assert f1(share > 0.5, votes.truth) >= f1(counted > 0.5, votes.truth) - 0.01
    assert log_loss(share, votes.truth) <= 0.364
    sure = positive(votes, method="dawid-skene", temper=1, pairs=())
    assert log_loss(sure, votes.truth) > 1, "tempering is what calibrates"


def test_the_model_says_that_tennis_functions_err_together(data: Path):
    model = LabelModel(classes=[0, 1]).fit(tennis(data).train)
    assert model.method_ == "dawid-skene"
    assert model.doubt_ > 0.5
    assert any("err together" in note for note in model.notes_)
    rows = {row["function"]: row for row in model.summary().functions}
    assert rows["lf1"]["weight"] > 10 * rows["lf2"]["weight"], "a trap is seen without labels"
