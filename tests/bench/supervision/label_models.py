"""Label models on real and on drawn votes, scored as frames and comments alone.

    python -m tests.bench.supervision.label_models DATA

DATA is the folder of the real data: votes on tennis frames (fitted on 6,959 rows, scored on 497)
and on spam comments (1,586 and 250). Labels are used to score alone. Positive means above .5; an
item without votes counts with the balance of the model. Snorkel stands beside where it is
installed. Drawn votes: functions that err together on a share of the items, which no vote shows
where they all agree.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vquery.metrics.bootstrap import interval
from vquery.metrics.calibration import ece, log_loss
from vquery.supervise.models import LabelModel

MODELS: dict[str, dict[str, Any]] = {
    "`LabelModel()`": {},
    '`method="majority"`': {"method": "majority"},
    '`method="triplets"`': {"method": "triplets"},
    '`method="dawid-skene", temper=1, pairs=()`': {
        "method": "dawid-skene",
        "temper": 1,
        "pairs": (),
    },
}
BALANCES = (0.4, 0.5, 0.6)
SEEDS = 10
SHARED = (0.0, 0.1, 0.2, 0.3)
"""Share of items on which functions follow one hidden cause instead of the class."""


class Votes(NamedTuple):
    """Votes to fit on; votes and truth (0, 1) of others; groups for intervals."""

    train: np.ndarray
    votes: np.ndarray
    truth: np.ndarray
    groups: np.ndarray


def tennis(data: Path) -> Votes:
    """Frames of rallies; a rally with the pause after it is a group."""
    folder = data / "weak" / "tennis_rally"
    truth = np.load(folder / "Y_dev_video_first497.npy") > 0
    groups = np.cumsum(np.r_[truth[0], truth[1:] & ~truth[:-1]])
    return Votes(
        _coded(np.load(folder / "L_train_video.npy")),
        _coded(np.load(folder / "L_dev_video_first497.npy")),
        truth.astype(np.int64),
        groups,
    )


def spam(data: Path) -> Votes:
    """Comments; each is a group."""
    folder = data / "embeddings" / "youtube_spam"
    truth = (np.load(folder / "Y_test.npy") > 0).astype(np.int64)
    return Votes(
        _coded(np.load(folder / "L_train.npy")),
        _coded(np.load(folder / "L_test.npy")),
        truth,
        np.arange(len(truth)),
    )


def _coded(votes: np.ndarray) -> np.ndarray:
    """From -1, 0 to abstain, +1 to 0, -1, 1."""
    return np.where(votes > 0, 1, np.where(votes < 0, 0, -1))


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    both = (found & (truth == 1)).sum()
    return float(2 * both / max(found.sum() + (truth == 1).sum(), 1))


def positive(data: Votes, **settings: Any) -> np.ndarray:
    """Probability of the second class of the rows to score."""
    model = LabelModel(classes=[0, 1], **settings).fit(data.train)
    return model.predict_proba(data.votes)[:, 1]


def snorkel(data: Votes, seed: int, **settings: Any) -> np.ndarray:
    from snorkel.labeling.model import LabelModel as Snorkel

    model = Snorkel(cardinality=2, verbose=False)
    model.fit(data.train, seed=seed, progress_bar=False, **settings)
    return np.asarray(model.predict_proba(data.votes)[:, 1])


def line(name: str, data: Votes, share: np.ndarray) -> str:
    voted = (data.votes >= 0).any(1)
    range_ = interval(lambda rows: f1(share[rows] > 0.5, data.truth[rows]), data.groups)
    figures = (
        f1(share > 0.5, data.truth),
        f1(share[voted] > 0.5, data.truth[voted]),
        log_loss(share, data.truth),
        ece(share, data.truth),
    )
    return (
        f"| {name} | {figures[0]:.3f} | {range_.low:.3f} to {range_.high:.3f} | "
        + " | ".join(f"{each:.3f}" for each in figures[1:])
        + " |"
    )


def real(name: str, data: Votes) -> None:
    print(f"\n## {name}\n")
    print("| model | F1 | 95 % | F1 of voted | log-loss | ECE |\n|---|---|---|---|---|---|")
    for each, settings in MODELS.items():
        print(line(each, data, positive(data, **settings)))
    for share in BALANCES:
        given = positive(data, balance=[1 - share, share])
        print(line(f"`LabelModel(balance=[{1 - share:.1f}, {share:.1f}])`", data, given))
    single = data.votes[:, max(range(data.votes.shape[1]), key=lambda j: _single(data, j))]
    print(f"| best single function | {f1(single == 1, data.truth):.3f} | | | | |")
    if find_spec("snorkel") is None:
        return
    for title, settings in (("defaults", {}), ("500 epochs", {"n_epochs": 500})):
        runs = [snorkel(data, seed, **settings) for seed in range(SEEDS)]
        scores = [f1(run > 0.5, data.truth) for run in runs]
        losses = [log_loss(run, data.truth) for run in runs]
        print(
            f"| Snorkel, {title} | {np.mean(scores):.3f} ± {np.std(scores):.3f} | | | "
            f"{np.mean(losses):.3f} ± {np.std(losses):.3f} | |"
        )
    for share in BALANCES:
        runs = [snorkel(data, seed, class_balance=[1 - share, share]) for seed in range(SEEDS)]
        scores = [f1(run > 0.5, data.truth) for run in runs]
        said = f"{np.mean(scores):.3f}, least {min(scores):.3f}"
        print(f"| Snorkel, balance .{share * 10:.0f} | {said} | | | | |")


def _single(data: Votes, function: int) -> float:
    return f1(data.votes[:, function] == 1, data.truth)


def shared_mistakes(
    functions: int, cover: float, share: float, n: int = 5000, seed: int = 0
) -> Votes:
    """Votes of functions that are right on 65 to 85 %, but on a share of items follow one cause."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.4).astype(np.int64)
    right = np.linspace(0.65, 0.85, functions)
    votes = np.where(rng.random((n, functions)) < right, truth[:, None], 1 - truth[:, None])
    cause = (rng.random(n) < 0.4).astype(np.int64)
    led = (rng.random(n) < share)[:, None] & (rng.random((n, functions)) < 0.9)
    votes = np.where(led, cause[:, None], votes)
    votes[rng.random(votes.shape) >= cover] = -1
    return Votes(votes, votes, truth, np.arange(n))


def together() -> None:
    print("\n## Functions that err together\n")
    names = ("`LabelModel()`", "smoothed vote", "untempered")
    print("| functions, coverage, share | " + " | ".join(names) + " | doubt |")
    print("|---|---|---|---|---|")
    for functions, cover in ((4, 1.0), (6, 0.8), (10, 1.0), (10, 0.3), (30, 0.5)):
        for share in SHARED:
            data = shared_mistakes(functions, cover, share)
            model = LabelModel(classes=[0, 1]).fit(data.train)
            losses = [
                log_loss(p, data.truth)
                for p in (
                    model.predict_proba(data.votes)[:, 1],
                    positive(data, method="majority"),
                    positive(data, method="dawid-skene", temper=1, pairs=()),
                )
            ]
            said = " | ".join(f"{each:.3f}" for each in losses)
            print(f"| {functions}, {cover}, {share} | {said} | {model.doubt_:.2f} |")


def main() -> None:
    data = Path(sys.argv[1])
    real("Tennis frames", tennis(data))
    real("Spam comments", spam(data))
    together()


if __name__ == "__main__":
    main()
