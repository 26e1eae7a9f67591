"""Votes of ten simple rules on real comments: what the graph adds to counting them.

No label is used but to score: neither thresholds nor classes' shares nor the number of neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.bench.supervision import spam
from vquery.graph.extension import extend_votes
from vquery.graph.items import knn_graph
from vquery.metrics.calibration import log_loss
from vquery.supervise.models.label_model import LabelModel

if TYPE_CHECKING:
    from pathlib import Path

SPAM, HAM, ABSTAIN = 1, 0, -1


@pytest.fixture(scope="module")
def comments(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder = data / "embeddings" / "youtube_spam"
    raw = np.load(folder / "L_test.npy")
    votes = np.where(raw > 0, SPAM, np.where(raw < 0, HAM, ABSTAIN))
    return votes, np.load(folder / "embeddings_test.npy"), np.load(folder / "Y_test.npy") > 0


def f1(spam: np.ndarray, truth: np.ndarray) -> float:
    return 2 * (spam & truth).sum() / (spam.sum() + truth.sum())


def lead(votes: np.ndarray) -> np.ndarray:
    """Votes for spam less votes against it."""
    return (votes == SPAM).sum(1) - (votes == HAM).sum(1)


def test_the_graph_adds_to_majority_vote(comments):
    votes, vectors, truth = comments
    more = lead(votes)
    ties_are_ham, ties_are_spam = f1(more > 0, truth), f1(more >= 0, truth)
    assert (ties_are_ham, ties_are_spam) == (
        pytest.approx(0.692, abs=0.001),
        pytest.approx(0.844, abs=0.001),
    )
    items = knn_graph(vectors)
    lean = np.bincount(items.node, more)[items.node]  # copies of a comment vote together
    cast = np.bincount(items.node, (votes >= 0).sum(1))[items.node]
    seeds = {int(i): bool(lean[i] > 0) for i in np.flatnonzero(lean)}
    trust = {i: abs(lean[i]) / (cast[i] + 1) for i in seeds}
    table = items.propagate(seeds, method="spreading", confidence=trust).table
    graph = f1(np.array(table["label"].to_pylist()) == True, truth)  # noqa: E712, null is not spam
    assert graph >= ties_are_ham + 0.05
    assert graph >= ties_are_spam + 0.05
    assert graph == pytest.approx(0.92, abs=0.02)


def test_carried_votes_are_few_and_mostly_right(comments):
    votes, vectors, truth = comments
    carried = extend_votes(votes, vectors)
    cast = carried.votes >= 0
    right = (carried.votes == truth[:, None])[cast]
    own = (votes == truth[:, None])[votes >= 0]
    assert cast.sum() == 60
    assert right.mean() >= own.mean() - 0.02
    assert carried.problems[9] == "no radius keeps a precision of 0.9"  # right half of the time


@pytest.fixture(scope="module")
def given(data: Path) -> spam.Comments:
    return spam.comments(data)


@pytest.fixture(scope="module")
def scores(given: spam.Comments) -> dict[str, tuple[float, float]]:
    """F1 and log-loss of every method."""
    with threadpool_limits(1):  # products of 250 rows: threads would wait for each other
        found = spam.every_method(given).soft
    return {
        name: (spam.f1(p > 0.5, given.truth), log_loss(p, given.truth)) for name, p in found.items()
    }


def test_the_label_model_is_better_than_counting(given, scores):
    score, loss = scores["label model"]
    assert score >= 0.80
    assert loss <= 0.36
    voted = (given.votes.votes >= 0).any(1)
    assert voted.sum() == 232
    p = LabelModel().fit(given.train).predict_proba(given.votes)[:, 1]
    assert spam.f1(p[voted] > 0.5, given.truth[voted]) >= 0.84


@pytest.mark.parametrize("share", [0.4, 0.5, 0.6])
def test_a_balance_that_is_given_flips_nothing(given, share):
    model = LabelModel(balance=[1 - share, share]).fit(given.train)
    p = model.predict_proba(given.votes)[:, 1]
    assert spam.f1(p > 0.5, given.truth) >= 0.70


def test_likeness_adds_to_votes(scores):
    assert scores["majority vote, spread"][0] >= scores["majority vote, smoothed"][0] + 0.05
    assert scores["label model, spread"][0] >= scores["label model"][0] + 0.02


def test_a_linear_model_learns_more_than_the_votes_say(scores):
    assert scores["linear on label model"][0] >= 0.88
    assert scores["linear on label model, spread"][0] >= 0.92
