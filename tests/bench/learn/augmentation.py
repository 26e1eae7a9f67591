"""What augmentation is worth: ``python -m tests.bench.learn.augmentation DATA FOLDER [SET …]``.

A small network is trained from few labels a class, from the same first weights, batches and
labels under each policy, and asked about pictures of other groups. No setting was looked for: they
are the same on all sets, but that digits and writing are never mirrored. What is done already is
kept in FOLDER and not done again.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from torch.nn import functional

from tests.bench.learn.sets import Set, digits, faces, split, television
from vquery.learn import augment as au
from vquery.learn.core.device import seed_torch
from vquery.learn.core.networks import Architecture, build
from vquery.learn.core.training import Settings, train

SEEDS = range(5)
LONGER = "digits, three times as long"
"""Only the two kinds of compositions are compared there."""
EACH = {"digits": 10, LONGER: 10, "screenshots": 20, "five signers": 10}
"""Labels a class."""
ONLY_KEEPS = "--keeps"
"""Trains nothing, and only asks which transformations keep labels."""
SIDE = 16
"""Pixels of a side, so that fifty trainings take minutes of a core."""
MIRROR = {"five signers"}
WIDTH, BATCH, EPOCHS, STEPS = 8, 64, 15, 10
RATE = 3e-3
ASKED = 300
"""Pictures of a set that are asked whether transformations keep their labels."""
FIELDS = ("set", "policy", "seed", "accuracy", "cpu_s")

Batch = tuple[torch.Tensor, torch.Tensor, torch.Generator]
Vary = Callable[[torch.Tensor, torch.Tensor, torch.nn.Module, torch.Generator], Batch]


def policies(*, mirror: bool) -> dict[str, object]:
    """Make the policies: two changes of an item each, but for the one by hand."""
    pool = [*au.operations(1.0, exact=False), au.Cutout(), *([au.Flip(p=1.0)] if mirror else [])]
    return {
        "none": au.Nothing(),
        "by hand": au.hand(flip=mirror),
        "RandAugment(2, 5)": au.RandAugment(2, 5),
        "random compositions": au.Uncertain(pool, tries=1),
        "of four the least sure": au.Uncertain(pool, tries=4),
    }


class Network(torch.nn.Module):
    """A small residual network with a linear head."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = build(Architecture("small_resnet", {"width": WIDTH}))
        self.head = torch.nn.Linear(self.body.dimension, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(2 * x - 1))


class Learns:
    """Learns labelled pictures under a policy."""

    steps = STEPS

    def __init__(self, x: torch.Tensor, y: torch.Tensor, policy: object, seed: int) -> None:
        seed_torch(seed)
        self.x, self.y, self.policy, self.seed = x, y, policy, seed
        self.network = Network(y.shape[1])
        self.architecture = Architecture("small_resnet", {"width": WIDTH})

    def identity(self) -> Mapping[str, object]:
        return {"seed": self.seed}

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Batch]:
        for _ in range(STEPS):
            rows = torch.from_numpy(rng.choice(len(self.x), BATCH))
            generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
            yield self.x[rows], self.y[rows], generator

    def loss(self, batch: Batch) -> torch.Tensor:
        x, y, generator = batch
        if isinstance(self.policy, au.Uncertain):
            chosen = self.policy(x, y, au.losses_of(self.network), generator)
            x, y = chosen.pictures, chosen.labels
        else:
            x, y = self.policy.with_labels(x, y, generator)
        return functional.cross_entropy(self.network(x), y)

    def probe(self) -> Mapping[str, float]:
        return {}


def tensors(data: Set) -> torch.Tensor:
    whole = data.pictures.tensor(np.arange(len(data.pictures)))
    return functional.adaptive_avg_pool2d(whole, SIDE)


def once(data: Set, x: torch.Tensor, policy: object, seed: int) -> tuple[float, float]:
    """Train once; return the mean share right of each class, and seconds of a core."""
    seeds, test = split(data, seed, EACH[data.name])
    classes = sorted(set(seeds.values()))
    code = {name: number for number, name in enumerate(classes)}
    rows = np.array(list(seeds))
    y = torch.eye(len(classes))[[code[seeds[row]] for row in rows]]
    began = time.process_time()
    task = Learns(x[rows], y, policy, seed)
    epochs = EPOCHS * (3 if data.name == LONGER else 1)
    train(task, Settings(epochs=epochs, rate=RATE, seed=seed), device="cpu")
    spent = time.process_time() - began
    with torch.no_grad():
        said = torch.cat([task.network(part).argmax(1) for part in x[test].split(512)]).numpy()
    truth = np.array([code[str(one)] for one in data.truth[test]])
    return float(np.mean([(said == truth)[truth == one].mean() for one in code.values()])), spent


def run(data: Set, kept: Path) -> None:
    done = {(row["set"], row["policy"], row["seed"]) for row in rows_of(kept)}
    x = tensors(data)
    for seed in SEEDS:
        for name, policy in policies(mirror=data.name in MIRROR).items():
            if (data.name, name, str(seed)) in done:
                continue
            if data.name == LONGER and not isinstance(policy, au.Uncertain):
                continue
            accuracy, spent = once(data, x, policy, seed)
            new = not kept.exists()
            with kept.open("a", newline="") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(FIELDS)
                writer.writerow((data.name, name, seed, f"{accuracy:.4f}", f"{spent:.1f}"))
            print(data.name, name, seed, f"{accuracy:.3f} {spent:.1f} s", flush=True)


def rows_of(kept: Path) -> list[dict[str, str]]:
    if not kept.exists():
        return []
    with kept.open(newline="") as file:
        return list(csv.DictReader(file))


def interval(values: np.ndarray) -> str:
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} ± {half:.3f}"


def report(kept: Path) -> None:
    """Print means, and differences of the same seeds with 95 % intervals."""
    rows = rows_of(kept)
    for name in dict.fromkeys(row["set"] for row in rows):
        print(f"\n{name}, {EACH[name]} labels a class")
        print("| policy | accuracy | against none | against random compositions | s of a core |")
        print("|---|---|---|---|---|")
        of = {
            policy: np.array(
                [
                    [float(row["accuracy"]), float(row["cpu_s"])]
                    for row in rows
                    if row["set"] == name and row["policy"] == policy
                ]
            )
            for policy in policies(mirror=False)
        }
        for policy, found in of.items():
            if not len(found):
                continue
            beside = [
                interval(found[:, 0] - of[other][:, 0])
                if policy != other and len(found) == len(of[other]) > 1
                else ""
                for other in ("none", "random compositions")
            ]
            mean, spent = found.mean(0)
            print(f"| {policy} | {mean:.3f} | {beside[0]} | {beside[1]} | {spent:.1f} |")


def keeps(data: Set) -> None:
    """Ask of some transformations whether they keep the labels of a set."""
    rows = data.rows
    if len(rows) > ASKED:
        rows = np.sort(np.random.default_rng(0).choice(rows, ASKED, replace=False))
    asked = {
        "Flip": au.Flip(p=1.0),
        "upside down": au.Rotate((180.0, 180.0)),
        "Grey": au.Grey(p=1.0),
        "Colour, any hue": au.Colour(0, 0, 0, 0.5),
        "Crop": au.Crop((0.3, 1.0)),
    }
    print(f"\n{data.name}: {len(rows)} pictures")
    print(
        "| transformation | changed | without it | lost when learnt | verdict, classes that move |"
    )
    print("|---|---|---|---|---|")
    for name, tf in asked.items():
        found = au.is_label_preserving(
            tf,
            data.pictures.take(rows),
            data.truth[rows],
            groups=data.group[rows],
            beside={},
            draws=1,
        )
        whole = found.rows[0]
        moved = [str(row.label) for row in found.rows[1:] if row.verdict == "moves"]
        parts = [
            f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
            for one in (whole.changed, whole.without, whole.lost)
        ]
        print(f"| {name} | {' | '.join(parts)} | {whole.verdict}, {', '.join(moved)} |", flush=True)


def main(folder: Path, kept: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    kept.mkdir(parents=True, exist_ok=True)
    made: dict[str, Callable[[], Set]] = {
        "digits": digits,
        LONGER: lambda: replace(digits(), name=LONGER),
        "screenshots": lambda: television(folder),
        "five signers": lambda: faces(folder, kept / "clips.vq")[0],
    }
    sets = []
    for name in [one for one in names if one != ONLY_KEEPS] or made:
        sets.append(made[name]())
        if ONLY_KEEPS in names:
            continue
        run(sets[-1], kept / "augmentation.csv")
    report(kept / "augmentation.csv")
    for data in sets:
        if data.name != LONGER:
            keeps(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
