"""Quality against the number of labels, by what is asked: ``python -m tests.bench.learn.loop DATA WORK [DRAWS]``.

As `vquery loop` does it: some at a time are chosen from one half of the groups (clips, segments,
shots), labelled by the truth, and spread to all; only pictures of the other half count. Random
choice, the margin and `suggest` ("mixed", the default of `vquery loop`; "coverage" beside it) begin
without any label and get the same halves. Vectors are those of the built-in descriptor. Nothing is
chosen by the accuracy. WORK holds an index of ``DATA/videos``, made where it is not there.
"""  # noqa: E501 - a command is not cut

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.learn import sets
from tests.bench.learn.sets import APART_S, TRIES, Set
from vquery.graph.items import ItemGraph, knn_graph
from vquery.graph.knowing import suggest
from vquery.graph.solve import Harmonic
from vquery.view.growth import At, growth_svg

WAYS = ("random", "margin", "coverage", "mixed")
DRAWS, SAMPLES = 10, 2000
PLANS = {
    # name → (asked at a time, labels at which accuracy is shown)
    "screenshots": (4, (4, 8, 12, 20, 40)),
    "five signers": (4, (4, 8, 12, 20, 40)),
    "two on stage": (2, (2, 4, 8, 12, 20)),
    "digits": (10, (10, 20, 40, 60, 100)),
}


def graph_of(data: Set, rows: np.ndarray) -> ItemGraph:
    return knn_graph(
        data.built[rows],
        time=data.pictures.start_us[rows] / 1e6,
        video=np.unique(data.lane[rows], return_inverse=True)[1],
        apart_s=APART_S,
    )


def halves(data: Set, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that may be asked about, and rows that count; every class is on both sides."""
    rng = np.random.default_rng(draw)
    rows = data.rows
    group, truth = data.group[rows], data.truth[rows].astype(str)
    names, classes = np.unique(group), np.unique(truth)
    for _ in range(TRIES):
        side = np.isin(group, rng.permutation(names)[: len(names) // 2])
        if all(np.unique(truth[one]).size == len(classes) for one in (side, ~side)):
            return rows[side], rows[~side]
    raise ValueError(f"{data.name}: no split has every class on both sides")


def scores_of(pool: ItemGraph, nodes: list[int], said: list[str]) -> np.ndarray:
    """Harmonic scores over the nodes, with equal class masses; without labels one empty column."""
    if not nodes:
        return np.zeros((pool.graph.n, 1))
    classes, code = np.unique(said, return_inverse=True)
    solver = Harmonic(pool.graph.weights, np.array(nodes))
    scores = solver.solve(np.eye(len(classes))[code])
    mass = scores.sum(0)
    scores *= np.divide(mass.mean(), mass, out=np.ones_like(mass), where=mass > 0)
    return scores


def ask(data: Set, pool: np.ndarray, way: str, draw: int, batch: int, most: int) -> list[int]:
    """Choose rows to label, one batch after the other, knowing the labels of those before."""
    graph = graph_of(data, pool)
    rng = np.random.default_rng([draw, 1])
    lane = np.unique(data.lane[pool], return_inverse=True)[1][graph.first]
    when = data.pictures.start_us[pool][graph.first] / 1e6
    nodes: list[int] = []
    while len(nodes) < most:
        left = np.setdiff1d(np.arange(graph.graph.n), nodes)
        if not len(left):
            break
        if way == "random":
            chosen = rng.permutation(left)[:batch]
        else:
            said = [str(data.truth[pool[graph.first[one]]]) for one in nodes]
            chosen = suggest(
                graph.graph.weights,
                scores_of(graph, nodes, said),
                np.array(nodes, np.int64),
                batch,
                way,
                item_count=graph.multiplicity,
                video=lane,
                time=when,
            ).nodes
        if not len(chosen):
            break
        nodes += chosen.tolist()
    return [int(pool[graph.first[one]]) for one in nodes]


def curve(data: Set, whole: ItemGraph, way: str, draw: int) -> tuple[np.ndarray, int]:
    """Balanced accuracy in the other half after each number of labels (unreached is wrong).

    And how many were given: a strategy ends where nothing is left that it would ask about.
    """
    batch, counts = PLANS[data.name]
    pool, test = halves(data, draw)
    asked = ask(data, pool, way, draw, batch, counts[-1])
    place = {int(row): at for at, row in enumerate(data.rows)}
    said = data.truth[data.rows].astype(str)
    at = np.array([place[int(row)] for row in test])
    found = []
    for count in counts:
        seeds = {place[row]: said[place[row]] for row in asked[:count]}
        told = np.array(whole.propagate(seeds).table["label"].fill_null("").to_pylist())
        hit = told[at] == said[at]
        found.append(np.mean([hit[said[at] == one].mean() for one in np.unique(said[at])]))
    return np.array(found), len(asked)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % of means of resampled draws."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (SAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def tell(data: Set, draws: int, work: Path) -> None:
    _, counts = PLANS[data.name]
    began = time.process_time()
    whole = graph_of(data, data.rows)
    groups = len(np.unique(data.group[data.rows]))
    print(f"\n{data.name}: {len(data.rows)} pictures, {groups} groups, {draws} draws\n")
    print("| labels | " + " | ".join(map(str, counts)) + " | mean | given |")
    print("|---|" + "---|" * (len(counts) + 2))
    usual, lines, rows = np.zeros(0), {}, []
    for way in WAYS:
        each = [curve(data, whole, way, draw) for draw in range(draws)]
        curves = np.array([one for one, _ in each])
        given = np.mean([number for _, number in each])
        curves = np.c_[curves, curves.mean(1)]
        usual = curves if way == "random" else usual
        cells = []
        for column in range(len(counts) + 1):
            mean, gain = curves[:, column].mean(), (curves - usual)[:, column]
            low, high = interval(gain)
            more = "" if way == "random" else f" ({gain.mean():+.3f}: {low:+.3f} to {high:+.3f})"
            cells.append(f"{mean:.3f}{more}")
        lines[way] = [
            At(count, curves[:, i].mean(), *interval(curves[:, i]))
            for i, count in enumerate(counts)
        ]
        rows += [(way, one.x, f"{one.y:.4f}", f"{one.low:.4f}", f"{one.high:.4f}")
                 for one in lines[way]]  # fmt: skip
        print(f"| {way} | " + " | ".join(cells) + f" | {given:.0f} |", flush=True)
    name = data.name.replace(" ", "-")
    drawn = growth_svg(lines, across="human labels", up="balanced accuracy")
    (work / f"{name}.svg").write_text(drawn)
    with (work / f"{name}.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("way", "labels", "accuracy", "low", "high"), *rows])
    print(f"\n{time.process_time() - began:.0f} s of CPU", flush=True)


def main(folder: Path, work: Path, draws: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    signs, stage = sets.faces(folder, work / "clips.vq")
    for data in (sets.television(folder), signs, stage, sets.digits()):
        tell(data, draws, work)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else DRAWS)
