"""What propagation is worth on real data: ``python -m tests.bench.propagation.real DATA``.

Pictures of television (screenshots of social media from 5, 10 and 20 labels in all, in other
segments than the labelled ones), votes on comments, and captions alone; scikit-learn and nearest
neighbours get the same draws. Identity of faces, which has no labels to draw, is held by
``tests/learning/test_names.py``. No evaluation label chooses anything.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.semi_supervised import LabelSpreading

from tests.learning import realdata
from tests.learning.realdata import COUNTS, EPISODE, Pictures, Score, Windows
from vquery.graph.edges.wordings import wordings
from vquery.graph.extension import extend_votes
from vquery.graph.items import ItemGraph, knn_graph
from vquery.graph.masses import Prior

DRAWS, MORE_DRAWS, CAPTION_DRAWS = 200, 50, 10
"""Of pictures, of other pictures and of captions."""
ALPHAS = (0.99, 0.9)
PER_CLASS = (10, 50, 250)
SAMPLES = 2000
CNN_LOGOS = "CNNW_20220425_050000_CNN_Newsroom_Live"
CNN_PLATFORMS = "CNNW_20240201_060000_The_Source_With_Kaitlan_Collins"
MSNBC_PLATFORMS = "MSNBCW_20240201_060000_The_Last_Word_With_Lawrence_ODonnell"
OURS = {
    "harmonic (default)": {},
    "spreading": {"method": "spreading"},
    "either, by left-out segments": {"method": "chosen"},
    "harmonic, no prior": {"prior": None},
}
THEIRS = {
    "scikit-learn spreading knn": {},
    "scikit-learn spreading k16 a.99": {"n_neighbors": 16, "alpha": 0.99, "max_iter": 300},
    "scikit-learn on our graph a.99": {"kernel": "ours", "alpha": 0.99, "max_iter": 300},
}
OTHERS = (
    ("logo, CNN 2022", "logo", (CNN_LOGOS,), (5, 10)),
    ("platform, CNN 2024", "platform", (CNN_PLATFORMS,), COUNTS),
    ("platform, MSNBC 2024", "platform", (MSNBC_PLATFORMS,), COUNTS),
    ("platform, both of 2024", "platform", (CNN_PLATFORMS, MSNBC_PLATFORMS), COUNTS),
    ("screenshot, all 8 episodes", "screenshot", (), COUNTS),
    ("logo, all 8 episodes", "logo", (), COUNTS),
)


def line(name: str, found: dict[int, Score]) -> None:
    """Print right of all (unreached is wrong), right of reached, reached, calibration error."""
    parts = [
        f"{each.mean:.3f} ± {each.error:.3f} | {each.right_of_reached:.3f} "
        f"{np.mean(each.reached):.3f} {each.calibration_error:.3f}"
        for each in found.values()
    ]
    print(f"  {name:31s} " + "   ".join(parts), flush=True)


def television(folder: Path) -> None:
    data = realdata.pictures(folder, "screenshot", EPISODE)
    about(f"screenshot, MSNBC 2021, {DRAWS} draws", data, COUNTS)
    items = data.graph()
    for name, how in OURS.items():
        line(name, realdata.scores(data, items, DRAWS, **how))
    line("harmonic, every pair linked", realdata.scores(data, data.graph(symmetry="sum"), DRAWS))
    rivals(data, DRAWS, COUNTS)
    for name, question, names, counts in OTHERS:
        data = realdata.pictures(folder, question, *names)
        about(f"{name}, {MORE_DRAWS} draws", data, counts)
        items = data.graph()
        for method in ("harmonic", "spreading"):
            line(method, realdata.scores(data, items, MORE_DRAWS, counts, method=method))
        rivals(data, MORE_DRAWS, counts)


def about(name: str, data: Pictures, counts: tuple[int, ...]) -> None:
    values, size = np.unique(data.truth, return_counts=True)
    classes = ", ".join(f"{value} {count}" for value, count in zip(values, size, strict=True))
    print(f"\n{name}: {len(np.unique(data.segment))} segments, {classes}; labels {counts}")
    print(f"  {'':31s} right of all ± error | right of reached, reached, calibration error")


def rivals(data: Pictures, draws: int, counts: tuple[int, ...]) -> None:
    table: dict[str, list[list[float]]] = {name: [] for name in ("nearest label", *THEIRS)}
    items = data.graph()
    weights = items.graph.weights.toarray()[np.ix_(items.node, items.node)].astype(float)
    for seed in range(draws):
        found = realdata.split(data, seed, counts)
        assert found is not None
        rows, test = found
        every: dict[str, list[float]] = {name: [] for name in table}
        for count in counts:
            own = rows[:count]
            answers = {"nearest label": realdata.nearest(data.vectors, data.truth, own)}
            answers |= {name: theirs(data, own, weights, **how) for name, how in THEIRS.items()}
            for name, answer in answers.items():
                every[name].append((answer == data.truth)[test].mean())
        for name, values in every.items():
            table[name].append(values)
    for name, values in table.items():
        mean, error = np.mean(values, 0), np.std(values, 0, ddof=1) / np.sqrt(draws)
        shown = [f"{m:.3f} ± {e:.3f}" for m, e in zip(mean, error, strict=True)]
        print(f"  {name:31s} " + "   ".join(f"{each:36s}" for each in shown), flush=True)


def theirs(
    data: Pictures, rows: np.ndarray, weights: np.ndarray, *, kernel: str = "knn", **how
) -> np.ndarray:
    """Their labels of all pictures; only with our graph can they keep neighbours in time out."""
    classes, code = np.unique(data.truth, return_inverse=True)
    given = np.full(len(code), -1)
    given[rows] = code[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without a score: it calls them the first class
        edges = kernel if kernel == "knn" else lambda _a, _b: weights
        found = LabelSpreading(kernel=edges, **how).fit(data.vectors, given).transduction_
    return classes[found]


def comments(folder: Path) -> None:
    """Majority vote, with carried votes, and spread by confidence; ties either way."""
    root = folder / "embeddings" / "youtube_spam"
    votes, vectors = np.sign(np.load(root / "L_test.npy")), np.load(root / "embeddings_test.npy")
    votes = np.where(votes > 0, 1, np.where(votes < 0, 0, -1))
    truth = np.load(root / "Y_test.npy").ravel() > 0
    lead = leads(votes)
    carried = extend_votes(votes, vectors)
    cast = carried.votes >= 0
    more = leads(np.where(votes >= 0, votes, carried.votes))
    print(f"\nspam, {len(truth)} comments, {votes.shape[1]} rules: F1, ties ham / ties spam")
    print(f"  majority vote                   {pair(lead, truth)}")
    right = (carried.votes == truth[:, None])[cast].mean()
    print(f"  … with {cast.sum()} carried ({right:.2f} right)   {pair(more, truth)}")
    filled = realdata.nearest(unit(vectors), lead > 0, np.flatnonzero(lead))
    filled = np.where(lead != 0, lead > 0, filled)
    print(f"  … ties from the nearest comment {realdata.f1(filled, truth):.3f}")
    print(f"  half are spam, by votes alone   {halved(lead, truth):.3f}")
    items, share = knn_graph(vectors), float((lead > 0).sum() / (lead != 0).sum())
    for name, prior in {
        "uniform": "uniform",
        f"{share:.2f} as voted": {True: share, False: 1 - share},
        "none": None,
    }.items():
        for alpha in ALPHAS:
            found = spread(votes, items, prior, alpha)
            gains = [gain(found, tie, truth) for tie in (lead > 0, lead >= 0)]
            shown = f"spread, prior {name}, alpha {alpha:g}"
            print(f"  {shown:40s}{realdata.f1(found, truth):.3f}, gain " + " / ".join(gains))


def leads(votes: np.ndarray) -> np.ndarray:
    return (votes == 1).sum(1) - (votes == 0).sum(1)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair(lead: np.ndarray, truth: np.ndarray) -> str:
    return f"{realdata.f1(lead > 0, truth):.3f} / {realdata.f1(lead >= 0, truth):.3f}"


def halved(lead: np.ndarray, truth: np.ndarray) -> float:
    """F1 if the half with the highest lead is spam, ties by chance: a uniform prior, no graph."""
    rng, out = np.random.default_rng(0), []
    for _ in range(MORE_DRAWS):
        found = np.zeros(len(lead), bool)
        found[np.lexsort((rng.random(len(lead)), -lead))[: len(lead) // 2]] = True
        out.append(realdata.f1(found, truth))
    return float(np.mean(out))


def spread(votes: np.ndarray, items: ItemGraph, prior: Prior, alpha: float) -> np.ndarray:
    """Each comment's lead as a seed, trusted by how clear it is; copies vote together."""
    lead = np.bincount(items.node, leads(votes))[items.node]
    cast = np.bincount(items.node, (votes >= 0).sum(1))[items.node]
    seeds = {int(i): bool(lead[i] > 0) for i in np.flatnonzero(lead)}
    trust = {i: abs(lead[i]) / (cast[i] + 1) for i in seeds}
    found = items.propagate(seeds, method="spreading", prior=prior, confidence=trust, alpha=alpha)
    return np.array(found.table["label"].fill_null(False).to_pylist())


def gain(found: np.ndarray, other: np.ndarray, truth: np.ndarray) -> str:
    """Gain in F1 with its 95 % interval over resampled comments."""
    rng, n = np.random.default_rng(0), len(truth)
    drawn = [rng.integers(0, n, n) for _ in range(SAMPLES)]
    more = [realdata.f1(found[i], truth[i]) - realdata.f1(other[i], truth[i]) for i in drawn]
    low, middle, high = np.percentile(more, [2.5, 50, 97.5])
    return f"{middle:+.3f} ({low:+.3f} to {high:+.3f})"


def captions(folder: Path) -> None:
    """Adverts by their words alone, by time alone, and by both."""
    data = realdata.windows(folder)
    n, spoken = len(data.texts), np.array([text is not None for text in data.texts])
    said = wordings(data.texts)
    words = said.vectors[np.maximum(said.code, 0)]
    nothing, place = np.zeros((n, 1)), {"time": data.time, "video": data.video}
    one = np.zeros(n, int)  # each programme is one run of windows
    graphs = {
        "words": knn_graph(nothing, texts=data.texts, apart_s=60, **place),
        "time": knn_graph(nothing, track=one, **place),
        "words and time": knn_graph(nothing, texts=data.texts, track=one, **place),
    }
    print(
        f"\ncaptions, {n} windows, {spoken.mean():.3f} with words, of those "
        f"{data.advert[spoken].mean():.3f} adverts; words link "
        f"{graphs['words'].summary()['edges_by_kind']['text']} pairs"
    )
    print("  labels a class: reached, of adverts; balanced accuracy of reached, nearest; F1 of all")
    for count in PER_CLASS:
        for name, items in graphs.items():
            runs = [
                window_scores(data, spoken, words, items, count, s) for s in range(CAPTION_DRAWS)
            ]
            cells = np.nanmean(np.array(runs), 0)
            print(f"  {count:4d} {name:16s} " + "  ".join(f"{x:.3f}" for x in cells), flush=True)


def window_scores(
    data: Windows, spoken: np.ndarray, words, items: ItemGraph, count: int, seed: int
) -> list[float]:
    """Reached, of adverts; accuracy of reached and of the nearest label there; F1 of both."""
    rng = np.random.default_rng(1000 * count + seed)
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(spoken & (data.advert == kind)), count, replace=False)
            for kind in (True, False)
        ]
    )
    rest = spoken.copy()
    rest[rows] = False
    table = items.propagate({int(row): bool(data.advert[row]) for row in rows}, prior=None).table
    advert = np.array(table["label"].fill_null(False).to_pylist())
    reached = table["reached"].to_numpy() & rest
    near = data.advert[rows][np.asarray((words @ words[rows].T).todense()).argmax(1)]
    return [
        reached[rest].mean(),
        reached[rest & data.advert].mean(),
        balanced(advert, data.advert, reached),
        balanced(near, data.advert, reached),
        realdata.f1(advert[rest], data.advert[rest]),
        realdata.f1(near[rest], data.advert[rest]),
    ]


def balanced(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean over both classes of the share right; NaN if one is missing."""
    sides = [where & truth, where & ~truth]
    if not all(side.any() for side in sides):
        return float("nan")
    return float(np.mean([(found == truth)[side].mean() for side in sides]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"{__doc__}\nDATA: the folder with tvnews_frames, embeddings, captions_tvnews")
    for part in (television, comments, captions):
        part(Path(sys.argv[1]))
