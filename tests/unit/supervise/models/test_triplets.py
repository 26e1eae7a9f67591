"""Covariances of votes alone give the parameters, also when a database sums them."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tests.unit.supervise.models.drawn import draw, one_sided, symmetric
from vquery.supervise.models import LabelModel
from vquery.supervise.models.patterns import Patterns
from vquery.supervise.models.triplets import Moments, moments_of_row, moments_sql, slopes, triplets

ASYMMETRIC = [
    one_sided(2, 1, 0.7, 0.1),
    one_sided(2, 1, 0.5, 0.1),
    one_sided(2, 0, 0.6, 0.1),
    symmetric(2, 0.9, 0.85),
    np.array([[0.6, 0.1, 0.3], [0.3, 0.6, 0.1]]),
]


@pytest.mark.parametrize("positive", [0.2, 0.5, 0.7])
def test_one_sided_functions_are_found(positive):
    balance = [1 - positive, positive]
    votes, _, confusion = draw(200_000, balance, ASYMMETRIC, seed=1)
    found = triplets(Patterns.of(votes.astype(np.int16), 2))
    assert found["balance"][1] == pytest.approx(positive, abs=0.02)
    assert np.abs(found["confusion"] - confusion).max() < 0.03
    given = triplets(Patterns.of(votes.astype(np.int16), 2), np.array(balance))
    assert np.abs(given["confusion"] - confusion).max() < 0.02


def test_products_that_are_not_centred_are_wrong_here():
    """Raw triplets read two functions that mostly say the same word as two that are right."""
    votes, _, confusion = draw(200_000, [0.5, 0.5], ASYMMETRIC, seed=2)
    v = np.where(votes < 0, 0, 2 * votes - 1)
    raw = v.T @ v / len(v)
    slope = (confusion[:, 1, 1] - confusion[:, 1, 0] - confusion[:, 0, 1] + confusion[:, 0, 0]) / 2
    uncentred = np.sqrt(np.abs(raw[0, 1] * raw[0, 3] / raw[1, 3]))
    centred = slopes(Moments.of(Patterns.of(votes.astype(np.int16), 2))).slope
    assert abs(uncentred - slope[0]) > 0.05
    assert np.abs(centred - slope).max() < 0.01


def test_a_database_sums_the_same_in_shards():
    votes, _, _ = draw(500, [0.4, 0.6], ASYMMETRIC, seed=3)
    table = pa.table({f"f {j}": np.where(v < 0, 0, 2 * v - 1) for j, v in enumerate(votes.T)})
    whole = Moments.of(Patterns.of(votes.astype(np.int16), 2))
    parts = []
    for rows in (table.slice(0, 123), table.slice(123)):
        connection = duckdb.connect()
        connection.register("all votes", rows)
        result = connection.execute(moments_sql("all votes", table.column_names))
        row = result.fetchone()
        names = [each[0] for each in result.description]
        parts.append(moments_of_row(dict(zip(names, row, strict=True)), 5))
    added = parts[0] + parts[1]
    for name in ("n", "one", "cast", "two", "mixed", "three"):
        assert np.allclose(getattr(added, name), getattr(whole, name)), name


def test_a_pair_that_errs_together_does_not_fit():
    functions = [symmetric(2, 1, 0.75) for _ in range(6)]
    votes, _, _ = draw(20_000, [0.5, 0.5], functions, copies=(2, 4, 0.4))
    misfit = slopes(Moments.of(Patterns.of(votes.astype(np.int16), 2))).misfit
    assert np.unravel_index(misfit.argmax(), misfit.shape) in {(2, 4), (4, 2)}
    assert misfit.max() > 10


def test_functions_that_say_nothing_of_others_weigh_nothing():
    rng = np.random.default_rng(0)
    votes, truth, _ = draw(5000, [0.5, 0.5], [symmetric(2, 1, 0.8) for _ in range(3)])
    votes = np.column_stack((votes, rng.integers(0, 2, 5000), np.ones(5000, int)))
    model = LabelModel(classes=[0, 1], method="triplets").fit(votes)
    assert np.allclose(model.confusion_[4, 0], model.confusion_[4, 1])
    assert np.abs(model.confusion_[3, 0] - model.confusion_[3, 1]).max() < 0.05
    assert (model.predict_proba(votes).argmax(1) == truth).mean() > 0.88
