"""Fusion of a label model, of likeness and of a few human labels, on real comments.

Thirty labels are drawn; they clamp, seed a propagation over embeddings, and are left out of the
score. Every setting is a default: ``python -m tests.bench.supervision.fusion DATA``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import vquery as vq
from vquery.metrics.calibration import ece, log_loss
from vquery.supervise.fusion import Source, fuse, hints

LABELS = 30
WAYS = ("label model", "propagation", "fused")


def read(data: Path) -> dict[str, np.ndarray]:
    """Read votes, vectors and the true classes, 1 for spam."""
    folder = data / "embeddings" / "youtube_spam"
    return {
        "train": np.load(folder / "L_train.npy"),
        "votes": np.load(folder / "L_test.npy"),
        "vectors": np.load(folder / "embeddings_test.npy").astype(np.float32),
        "truth": (np.load(folder / "Y_test.npy") > 0).astype(int),
    }


def f1(probability: np.ndarray, truth: np.ndarray) -> float:
    """F1 of spam at a probability above one half."""
    spam = probability > 0.5
    return float(2 * (spam & (truth == 1)).sum() / (spam.sum() + truth.sum()))


def draw(comments: dict[str, np.ndarray], model: vq.LabelModel, seed: int) -> dict[str, tuple]:
    """Draw labels, fuse, and score the comments without one: log-loss, F1, ECE of each way."""
    truth, n = comments["truth"], len(comments["truth"])
    chosen = np.random.default_rng(seed).choice(n, LABELS, replace=False)
    human = np.full(n, -1)
    human[chosen] = truth[chosen]
    rest = human < 0
    spread = vq.propagate(comments["vectors"], {int(i): int(truth[i]) for i in chosen})
    code = np.array([-1 if one is None else one for one in spread["label"].to_pylist()])
    sure = np.nan_to_num(spread["probability"].to_numpy().astype(float))
    sources = [
        Source("votes", model.log_likelihoods(comments["votes"]), (comments["votes"] != 0).any(1)),
        # what it says of its own seeds is known to nobody else, so it teaches nothing
        hints(
            "propagation",
            np.where(rest, code, -1),
            sure,
            model.balance_,
            left_out=(np.where(rest, code, -1), sure),
        ),
    ]
    fused = fuse(sources, balance=model.balance_, human=human)
    alone = np.where(code == 1, sure, np.where(code == 0, 1 - sure, model.balance_[1]))
    chances = (model.predict_proba(comments["votes"])[:, 1], alone, fused.probability[:, 1])
    return {
        way: (log_loss(p[rest], truth[rest]), f1(p[rest], truth[rest]), ece(p[rest], truth[rest]))
        for way, p in zip(WAYS, chances, strict=True)
    }


def main(data: Path, seeds: int = 20) -> None:
    """Print the mean of each figure over draws."""
    comments = read(data)
    model = vq.LabelModel([-1, 1], abstain=0).fit(comments["train"])
    found = [draw(comments, model, seed) for seed in range(seeds)]
    print(f"{'':12} log-loss     F1    ECE")
    for way in WAYS:
        loss, score, off = np.mean([one[way] for one in found], axis=0)
        print(f"{way:12} {loss:8.3f} {score:6.3f} {off:6.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
