"""What assessments show on real data: slices, comparisons, label errors.

``python -m tests.bench.supervision.proof DATA`` prints the tables of ``proof.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

import vquery as vq
from tests.bench.supervision.tvnews import RUNS, YES, Television, television, votes
from vquery.supervise.proof import Assessment, LabelErrors

FLIPPED = 0.1
SEEDS = range(5)
FOLDS = 5
PENALTY = 0.1
"""Of the linear model that looks for errors: a plain value, which nothing was tried against."""


def runs(tv: Television) -> dict[str, Assessment]:
    """Assess the three runs of a vision model by second, in slices."""
    items = tv.items.append_column("channel", pa.array(tv.channel))
    hour = (np.asarray(items["start_us"]) // 3_600_000_000).astype(np.int64)
    items = items.append_column("hour", pa.array(hour))
    said = votes(tv, {}, adverts=False).votes
    slices = ["channel", vq.slice("adverts", tv.adverts)]
    return {
        run: vq.assess(
            None, tv.truth.astype(np.int64), labels=said[:, at] == YES, classes=["no", "logo"],
            items=items, slices=slices,
        )
        for at, run in enumerate(RUNS)
    }  # fmt: skip


def spam_errors(folder: Path, seed: int) -> tuple[LabelErrors, np.ndarray]:
    """Flip a tenth of the labels of comments; look for them by a linear model of other folds."""
    where = folder / "embeddings" / "youtube_spam"
    points = np.load(where / "embeddings_test.npy").astype(np.float64)
    truth = (np.load(where / "Y_test.npy") == 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(truth), bool)
    wrong[rng.permutation(len(truth))[: round(FLIPPED * len(truth))]] = True
    given = np.where(wrong, 1 - truth, truth)

    def train(rows: np.ndarray, test: np.ndarray) -> np.ndarray:
        model = vq.fit_linear(points[rows], np.eye(2)[given[rows]], penalty=PENALTY)
        return model.predict_proba(points[test])

    found = vq.label_errors(train, given, groups=np.arange(len(given)), folds=FOLDS)
    return found, wrong


def scores(found: LabelErrors, wrong: np.ndarray) -> tuple[float, float]:
    """Precision and recall of the suspects."""
    rows = found.table["row"].to_numpy()
    return float(wrong[rows].mean()), float(wrong[rows].sum() / wrong.sum())


def main(folder: Path) -> None:
    found = runs(television(folder))
    for run, one in found.items():
        print(f"\n## {run}\n{one}\n")
        print(one.worst(5).to_pandas().to_string())
    first, second, third = found.values()
    print("\n", first.compare(third), "\n", second.compare(third))
    for seed in SEEDS:
        errors, wrong = spam_errors(folder, seed)
        told = " ".join(f"{score:.3f}" for score in scores(errors, wrong))
        print(f"spam, seed {seed}: {errors}; {int(wrong.sum())} flipped; {told}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
