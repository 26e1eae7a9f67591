"""Real pictures, votes and captions to spread labels over, how labels are drawn and answers scored.

A *segment* of pictures is a run without a missing second. Labels are drawn from one half of the
segments, and only pictures of the other half count: what lies seconds from a label proves nothing.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from vquery.graph.items import ItemGraph, knn_graph
from vquery.media.descriptors import FrameDescriptor

EPISODE = "MSNBCW_20210110_040000_The_Week_With_Joshua_Johnson"
COUNTS = (5, 10, 20)
"""Labels in all; each count adds to the labels of the one before."""
APART_S = 10
TRIES = 1000
WINDOW_S = 10
GOLD = {
    "logo": "Social Media Logo",
    "screenshot": "Social Media Screenshot",
    "platform": "Social Media Screenshot Type",
}


@dataclass(frozen=True)
class Pictures:
    """n pictures: vectors (n, d), second and episode, what they are (texts), segment."""

    vectors: np.ndarray
    time: np.ndarray
    video: np.ndarray
    truth: np.ndarray
    segment: np.ndarray

    def graph(self, **settings) -> ItemGraph:
        """The graph of pictures, neighbours within `APART_S` left out."""
        return knn_graph(
            self.vectors, time=self.time, video=self.video, apart_s=APART_S, **settings
        )

    def seeds(self, rows: np.ndarray) -> dict[int, str]:
        return {int(row): str(self.truth[row]) for row in rows}


@cache
def pictures(folder: Path, question: str, *names: str) -> Pictures:
    """Read the pictures of episodes (all unless named): their lower thirds and human labels."""
    import cv2

    root = folder / "tvnews_frames"
    gold, describe = _gold(root, GOLD[question]), FrameDescriptor().describe
    vectors, time, video, truth = [], [], [], []
    for path in sorted((root / "images").glob("*/*.jpg")):
        if names and path.parent.name not in names:
            continue
        picture = cv2.imread(str(path))
        lower = picture[2 * picture.shape[0] // 3 :]
        vectors.append(describe(np.ascontiguousarray(lower)))
        time.append(int(path.stem))
        video.append(path.parent.name)
        truth.append(gold[f"{path.parent.name}-{path.name}"])
    code = np.unique(video, return_inverse=True)[1]
    new = (np.diff(time) != 1) | (np.diff(code) != 0)
    segment = np.r_[0, np.cumsum(new)]
    return Pictures(np.stack(vectors), np.array(time), code, np.array(truth), segment)


def _gold(root: Path, column: str) -> dict[str, str]:
    out = {}
    for path in sorted(root.glob("gold_*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            out.update((row["filename"], row[column].strip()) for row in csv.DictReader(file))
    return out


def split(
    data: Pictures, seed: int, counts: tuple[int, ...] = COUNTS
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw rows to label, in order, and the pictures that count (mask); None if there is no way.

    Half of the segments (rounded) may be labelled; they and the others hold every class, and so do
    the first ``counts[0]`` labels.
    """
    rng = np.random.default_rng(seed)
    names, classes = np.unique(data.segment), set(data.truth)
    for _ in range(TRIES):
        side = np.isin(data.segment, rng.permutation(names)[: round(len(names) / 2)])
        if set(data.truth[side]) == classes == set(data.truth[~side]) and side.sum() >= counts[-1]:
            break
    else:
        return None
    for _ in range(TRIES):
        rows = rng.permutation(np.flatnonzero(side))[: counts[-1]]
        if set(data.truth[rows[: counts[0]]]) == classes:
            return rows, ~side
    return None


def labels_of(table) -> np.ndarray:
    """Labels as texts, empty where there is none."""
    return np.array(table["label"].fill_null("").to_pylist())


@dataclass
class Score:
    """What was said about the pictures that count, one entry a draw; chances of all draws."""

    right: list[float] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)
    chance: list[np.ndarray] = field(default_factory=list)
    hit: list[np.ndarray] = field(default_factory=list)

    def add(self, data: Pictures, test: np.ndarray, table) -> None:
        hit = (labels_of(table) == data.truth)[test]
        reached = table["reached"].to_numpy()[test]
        self.right.append(hit.mean())
        self.reached.append(reached.mean())
        self.chance.append(table["probability"].to_numpy()[test][reached].astype(float))
        self.hit.append(hit[reached])

    @property
    def mean(self) -> float:
        return float(np.mean(self.right))

    @property
    def error(self) -> float:
        """Standard error of the mean over draws."""
        return float(np.std(self.right, ddof=1) / np.sqrt(len(self.right)))

    @property
    def right_of_reached(self) -> float:
        """Share right of all reached pictures of all draws."""
        return float(np.concatenate(self.hit).mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over ten equal bins, all draws together."""
        chance, hit = np.concatenate(self.chance), np.concatenate(self.hit)
        place = np.minimum((chance * 10).astype(int), 9)
        return float(sum(abs((hit - chance)[place == b].sum()) for b in range(10)) / len(chance))


def scores(
    data: Pictures,
    items: ItemGraph,
    draws: int,
    counts: tuple[int, ...] = COUNTS,
    **how,
) -> dict[int, Score]:
    """Spread each draw's labels with ``items.propagate(..., **how)``; scores by number of labels.

    ``method="chosen"`` takes for each draw what `by_segments` says.
    """
    out = {count: Score() for count in counts}
    chosen = how.get("method") == "chosen"
    for seed in range(draws):
        found = split(data, seed, counts)
        assert found is not None, "no split has every class on both sides"
        rows, test = found
        for count in counts:
            seeds = data.seeds(rows[:count])
            settings = {"method": by_segments(data, items, rows[:count])} if chosen else how
            out[count].add(data, test, items.propagate(seeds, **settings).table)
    return out


def by_segments(data: Pictures, items: ItemGraph, rows: np.ndarray) -> str:
    """Choose hard or soft seeds by leaving out those of one segment after the other.

    The default, hard, stays unless more of the left-out seeds are found by the other one. Seeds of
    one segment vouch for each other, which leaving them out singly would not show.
    """
    hits = dict.fromkeys(("harmonic", "spreading"), 0)
    for name in np.unique(data.segment[rows]):
        out, rest = (rows[(data.segment[rows] == name) == side] for side in (True, False))
        if len(set(data.truth[rest])) > 1:
            for method in hits:
                found = labels_of(items.propagate(data.seeds(rest), method=method).table)
                hits[method] += int((found[out] == data.truth[out]).sum())
    return max(hits, key=hits.__getitem__)


def nearest(vectors: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The label of the most similar labelled row."""
    return truth[rows][(vectors @ vectors[rows].T).argmax(1)]


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


@dataclass(frozen=True)
class Windows:
    """Ten seconds of television each: what is said (or None), when, and whether it is an advert."""

    texts: list[str | None]
    video: np.ndarray
    time: np.ndarray
    advert: np.ndarray


def windows(folder: Path) -> Windows:
    """Cut captioned programmes into windows of `WINDOW_S`; a cue belongs to where it begins.

    A window is an advert where query 5 finds commercials in half of it: by lower-case captions and
    by silences, neither of which the words themselves show.
    """
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "queries"))
    from loaders import captions
    from q05_commercials import commercials

    cues = captions(folder)
    rows, blocks = cues.collect(), commercials(cues).collect()
    texts: list[str | None] = []
    video, time, advert = [], [], []
    names = np.array(rows["video"].to_pylist())
    where = np.array(blocks["video"].to_pylist())
    start, said = rows["start_us"].to_numpy() / 1e6, rows["text"].to_pylist()
    for number, name in enumerate(np.unique(names)):
        mine = np.flatnonzero(names == name)
        place = (start[mine] // WINDOW_S).astype(int)
        words: list[list[str]] = [[] for _ in range(place.max() + 1)]
        for at, cue in zip(place, mine, strict=True):
            words[at].append(said[cue] or "")
        texts += [" ".join(each) or None for each in words]
        begin = np.arange(len(words)) * WINDOW_S
        video.append(np.full(len(words), number))
        time.append(begin)
        ours = where == name
        share = np.zeros(len(words))
        for low, high in zip(
            blocks["start_us"].to_numpy()[ours] / 1e6,
            blocks["end_us"].to_numpy()[ours] / 1e6,
            strict=True,
        ):
            inside = np.minimum(high, begin + WINDOW_S) - np.maximum(low, begin)
            share += np.clip(inside, 0, None) / WINDOW_S
        advert.append(share >= 0.5)
    return Windows(texts, np.concatenate(video), np.concatenate(time), np.concatenate(advert))
