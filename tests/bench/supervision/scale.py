"""Fit and predict a million items beside Snorkel: ``python -m tests.bench.supervision.scale``.

Votes are drawn: ten functions, accuracies .6 to .9 and coverages 1 to .3 in equal steps, 40 % of
the second class, seed 0. Both are timed in turn in one process, the best of ``--rounds`` counts.
Snorkel is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vquery.supervise.models import LabelModel

FUNCTIONS, POSITIVE = 10, 0.4


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Votes (n, 10) in {-1, 0, 1} and the truth (n,)."""
    rng = np.random.default_rng(0)
    truth = rng.random(n) < POSITIVE
    votes = np.empty((n, FUNCTIONS), np.int8)
    right, cover = np.linspace(0.6, 0.9, FUNCTIONS), np.linspace(1, 0.3, FUNCTIONS)
    for j in range(FUNCTIONS):
        said = np.where(rng.random(n) < right[j], truth, ~truth)
        votes[:, j] = np.where(rng.random(n) < cover[j], said, -1)
    return votes, truth


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    out = call()
    return time.perf_counter() - begin, out


def ours(votes: np.ndarray) -> tuple[float, float, np.ndarray]:
    fit, model = timed(lambda: LabelModel(classes=[0, 1]).fit(votes))
    predict, share = timed(lambda: model.predict_proba(votes))
    return fit, predict, share


def theirs(votes: np.ndarray) -> tuple[float, float, np.ndarray]:
    from snorkel.labeling.model import LabelModel as Snorkel

    model = Snorkel(cardinality=2, verbose=False)
    fit, _ = timed(lambda: model.fit(votes, seed=0, progress_bar=False))
    predict, share = timed(lambda: model.predict_proba(votes))
    return fit, predict, share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    votes, truth = drawn(given.items)
    contenders = {"vquery": ours}
    try:
        import snorkel.labeling.model  # noqa: F401

        contenders["snorkel"] = theirs
    except ImportError:
        print("snorkel is not installed")
    best: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for name, run in contenders.items():
            fit, predict, share = run(votes)
            old = best.get(name, [np.inf, np.inf, 0.0])
            right = float((share.argmax(1) == truth).mean())
            best[name] = [min(old[0], fit), min(old[1], predict), right]
    for name, (fit, predict, right) in best.items():
        print(f"{name:8} fit {fit:.3f} s  predict {predict:.3f} s  accuracy {right:.4f}")


if __name__ == "__main__":
    main()
