"""What learned embeddings are worth: ``python -m tests.bench.learn.embeddings DATA WORK [SETS]``.

On each set the built-in descriptor, what SimCLR learnt on the set's own pictures without any label
(several seeds), with and without the descriptor's help, both together, and rotation prediction:
which share of nearest neighbours in other
groups has the same label, and how right labels are that spread from 1, 2 and 5 a class to other
groups. All get the same draws. No label chooses anything: epochs are what a few minutes allow. In
the folder WORK lie an index of ``DATA/videos`` and the checkpoints, so that what is interrupted
goes on. SETS are names of `PLANS`; by default all.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from tests.bench.learn import sets
from tests.bench.learn.sets import APART_S, Set
from vquery.graph.items import knn_graph
from vquery.learn.core.training import Settings
from vquery.learn.pretext.contrast import NEAREST
from vquery.learn.pretext.learning import Method, Recipe, learn
from vquery.learn.pretext.probe import purity

COUNTS = (1, 2, 5)
DRAWS = 20
SAMPLES = 2000
BUILT, BOTH, ROTATION = "built-in", "both", "rotation"
LEARNED, APART, ALONE = "learned", "not drawn together", "tracks only"
HELPED = {LEARNED: NEAREST, APART: 0.0, ALONE: None}
"""Share of pairs that the descriptor takes for the same; None: it is not asked at all."""
PLANS = {
    # name → (epochs of SimCLR, of rotation, which shows twice as many pictures in each; batch)
    "screenshots": (12, 12, 128),
    "five signers": (40, 15, 256),
    "digits": (60, 20, 256),
}
SEEDS = 3
RATE = 2e-3


def vectors(
    data: Set, method: Method, seed: int, work: Path, nearest: float | None = None
) -> np.ndarray:
    """Learn; with ``nearest`` the descriptor says what of different tracks may be the same."""
    simclr, rotation, batch = PLANS[data.name]
    epochs = simclr if method == "simclr" else rotation
    settings = Settings(epochs=epochs, rate=RATE, seed=seed)
    shares = {} if nearest is None else {"nearest": nearest}
    recipe = Recipe(method=method, width=16, batch=batch, settings=settings, **shares)
    how = "-".join([method, str(seed), *([] if nearest is None else [f"nearest{nearest:g}"])])
    spent, started = time.process_time(), time.monotonic()
    learnt = learn(
        data.pictures,
        recipe,
        descriptor=None if nearest is None else data.built,
        view=data.view,
        device="cpu",
        folder=work / f"{data.name.replace(' ', '-')}-{how}",
    )
    cpu, wall = time.process_time() - spent, time.monotonic() - started
    print(
        f"  {data.name}, {how}: {cpu:.0f} s of CPU, {wall:.0f} s by the clock, "
        f"loss {learnt.history.rows[-1]['loss']:.3f}, taken up after {learnt.history.resumed}",
        flush=True,
    )
    return learnt.vectors(data.pictures)


def spaces(data: Set, seeds: int, work: Path) -> dict[str, list[np.ndarray]]:
    """Vectors by kind, a list of one for each seed."""
    ways = HELPED if data.name == "screenshots" else {LEARNED: NEAREST, ALONE: None}
    learned = {
        name: [vectors(data, "simclr", seed, work, nearest) for seed in range(seeds)]
        for name, nearest in ways.items()
    }
    return {
        BUILT: [data.built],
        **learned,
        BOTH: [data.joined(one) for one in learned[LEARNED]],
        ROTATION: [vectors(data, "rotation", 0, work)],
    }


def purities(data: Set, points: np.ndarray) -> list[float]:
    rows = data.rows
    said, x = data.truth[rows].astype(str), points[rows].astype(np.float32)
    return [float(purity(x, said, data.group[rows], k).mean()) for k in (1, 10)]


def accuracies(data: Set, points: np.ndarray) -> np.ndarray:
    """Balanced accuracy in groups without labels, (DRAWS, len(COUNTS)); unreached is wrong."""
    rows = data.rows
    items = knn_graph(
        points[rows],
        time=data.pictures.start_us[rows] / 1e6,
        video=np.unique(data.lane[rows], return_inverse=True)[1],
        apart_s=APART_S,
    )
    place = {int(row): at for at, row in enumerate(rows)}
    said = data.truth[rows].astype(str)
    out = np.empty((DRAWS, len(COUNTS)))
    for draw in range(DRAWS):
        for column, count in enumerate(COUNTS):
            seeds, test = sets.split(data, draw, count)
            table = items.propagate({place[row]: label for row, label in seeds.items()}).table
            found = np.array(table["label"].fill_null("").to_pylist())
            at = np.array([place[int(row)] for row in test])
            hit = found[at] == said[at]
            out[draw, column] = np.mean(
                [hit[said[at] == one].mean() for one in np.unique(said[at])]
            )
    return out


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % of means of resampled draws."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (SAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def tell(data: Set, found: dict[str, list[np.ndarray]]) -> None:
    rows = data.rows
    classes, sizes = np.unique(data.truth[rows].astype(str), return_counts=True)
    said = ", ".join(f"{c} {n}" for c, n in zip(classes, sizes, strict=True))
    groups = len(np.unique(data.group[rows]))
    print(f"\n{data.name}: {len(rows)} of {len(data.truth)} pictures, {groups} groups; {said}\n")
    print("| | k-NN 1 | k-NN 10 | " + " | ".join(f"{c} a class" for c in COUNTS) + " |")
    print("|---|---|---|" + "---|" * len(COUNTS))
    usual = accuracies(data, found[BUILT][0])
    for name, points in found.items():
        pure = np.array([purities(data, one) for one in points])
        right = np.mean([accuracies(data, one) for one in points], 0)
        cells = [spread(column) for column in pure.T]
        for column in range(len(COUNTS)):
            mean, gain = right[:, column].mean(), right[:, column] - usual[:, column]
            low, high = interval(gain)
            more = "" if name == BUILT else f" ({gain.mean():+.3f}: {low:+.3f} to {high:+.3f})"
            cells.append(f"{mean:.3f}{more}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def spread(values: np.ndarray) -> str:
    """Mean, and the range over seeds."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{values.mean():.3f} ({values.min():.3f}–{values.max():.3f})"


def main(folder: Path, work: Path, *names: str) -> None:
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    chosen = names or tuple(PLANS)
    print(f"PyTorch {torch.__version__}, one thread, {DRAWS} draws", flush=True)
    signs, stage = sets.faces(folder, work / "clips.vq")
    every = {"screenshots": sets.television(folder), "five signers": signs, "digits": sets.digits()}
    for seeds in range(1, SEEDS + 1):
        for name in chosen:
            data = every[name]
            found = spaces(data, seeds, work)
            tell(data, found)
            if data is signs:
                tell(stage, found)


if __name__ == "__main__":
    if len(sys.argv) < 3 or not {*sys.argv[3:]} <= PLANS.keys():
        sys.exit(f"{__doc__}\n{', '.join(PLANS)}")
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
