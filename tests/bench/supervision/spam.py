"""Ten voting rules on comments: label model, votes spread over likeness, a linear model.

    python -m tests.bench.supervision.spam DATA

DATA is the folder of the real data. The label model is fitted on 1,586 rows of votes; 250 others
have votes, vectors and labels, and labels are used to score alone. Positive means above .5; an item
without votes counts with the balance that the model estimates.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.graph.items import knn_graph
from vquery.metrics.bootstrap import interval
from vquery.metrics.calibration import ece, log_loss
from vquery.supervise.linear import fit_linear, leave_functions_out
from vquery.supervise.models.label_model import LabelModel
from vquery.supervise.spread import spread_labels
from vquery.supervise.votes import LabelMatrix

if TYPE_CHECKING:
    from vquery.graph.items import ItemGraph

CLASSES = ("ham", "spam")


class Comments(NamedTuple):
    """Votes to fit on; votes, vectors and truth (1 is spam) of the others."""

    train: LabelMatrix
    votes: LabelMatrix
    vectors: np.ndarray
    truth: np.ndarray


def comments(data: Path) -> Comments:
    folder = data / "embeddings" / "youtube_spam"
    train, votes = (
        LabelMatrix.from_dense(
            np.where(raw < 0, 0, np.where(raw > 0, 1, -1)), classes=[0, 1], abstain=-1
        )
        for raw in (np.load(folder / "L_train.npy"), np.load(folder / "L_test.npy"))
    )
    truth = (np.load(folder / "Y_test.npy") > 0).astype(np.int64)
    return Comments(train, votes, np.load(folder / "embeddings_test.npy"), truth)


def f1(spam: np.ndarray, truth: np.ndarray) -> float:
    both = (spam & (truth == 1)).sum()
    return float(2 * both / max(spam.sum() + (truth == 1).sum(), 1))


class Outcome(NamedTuple):
    """Probability of spam by every method, and the linear models' penalties."""

    soft: dict[str, np.ndarray]
    penalties: dict[str, float]


def every_method(given: Comments) -> Outcome:
    """From votes alone to a model on vectors; no label is read."""
    voted = (given.votes.votes >= 0).any(1)
    graph = knn_graph(given.vectors)
    model = LabelModel().fit(given.train)
    plain = LabelModel(method="majority").fit(given.train)
    by_model, by_count = (one.predict_proba(given.votes) for one in (model, plain))
    spread = partial(_spread, graph)
    soft = {
        "majority vote, smoothed": by_count,
        "majority vote, spread": spread_labels(by_count, graph=graph, voted=voted).probability,
        "label model": by_model,
        "label model, spread": spread(by_model, voted, model.balance_),
    }
    penalties = {}
    for name, change in (("label model", None), ("label model, spread", spread)):
        folds = leave_functions_out(model, given.train, given.votes, change=change)
        fitted = fit_linear(given.vectors, soft[name], left_out=folds)
        soft[f"linear on {name}"] = fitted.predict_proba(given.vectors)
        penalties[f"linear on {name}"] = fitted.penalty
    return Outcome({name: each[:, 1] for name, each in soft.items()}, penalties)


def _spread(
    graph: ItemGraph, soft: np.ndarray, voted: np.ndarray, balance: np.ndarray
) -> np.ndarray:
    return spread_labels(soft, graph=graph, voted=voted, balance=balance).probability


def main(data: Path) -> None:
    given = comments(data)
    voted = (given.votes.votes >= 0).any(1)
    lead = (given.votes.votes == 1).sum(1) - (given.votes.votes == 0).sum(1)
    counted = {"counts, ties are ham": lead > 0, "counts, ties are spam": lead >= 0}
    print("| method | F1 | 95 % | F1 of the voted | log-loss | ECE | penalty |")
    print("|---|---|---|---|---|---|---|")
    for name, spam in counted.items():
        print(f"| {name} | {f1(spam, given.truth):.3f} | | | | | |")
    found = every_method(given)
    for name, p in found.soft.items():
        spam = p > 0.5
        low, high = _interval(spam, given.truth)
        print(
            f"| {name} | {f1(spam, given.truth):.3f} | {low:.3f} to {high:.3f} | "
            f"{f1(spam[voted], given.truth[voted]):.3f} | {log_loss(p, given.truth):.3f} | "
            f"{ece(p, given.truth):.3f} | {found.penalties.get(name, '')} |"
        )
    for share in (0.4, 0.5, 0.6):
        model = LabelModel(balance=[1 - share, share]).fit(given.train)
        p = model.predict_proba(given.votes)[:, 1]
        print(f"label model, balance given {share}: F1 {f1(p > 0.5, given.truth):.3f}")


def _interval(spam: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    found = interval(lambda rows: f1(spam[rows], truth[rows]), np.arange(len(truth)))
    return found.low, found.high


if __name__ == "__main__":
    main(Path(sys.argv[1]))
