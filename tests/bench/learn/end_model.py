"""What end models are worth: ``python -m tests.bench.learn.end_model DATA [DRAWS [WORK]]``.

The same linear model on the same vectors, trained on seeds alone, on majority vote, on soft labels
of the label model, and on those with the seeds; and on all true labels, which is as good as these
vectors allow. Half of the segments (of comments: of the rows) are learnt from, the other half is
scored; seeds are drawn from the first. Draws are the same for all, so that differences are paired.
No label of the scored half chooses anything. With WORK instead, an index of ``DATA/videos`` that is
made where it is not there: what it is worth to average what is said of the pictures of a track, as
`db.predict` does, on faces and (shots for tracks) on screenshots. Pages: ``end_model.md``.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from scipy.stats import t

from tests.bench.learn import sets
from tests.bench.supervision import spam
from tests.bench.supervision.tvnews import answers
from tests.learning import realdata
from vquery.api.learnt.predicting import of_tracks
from vquery.learn.ends import EndModel, FewShot
from vquery.metrics.calibration import log_loss
from vquery.supervise.models.label_model import LabelModel
from vquery.supervise.votes.matrix import LabelMatrix

RUNS = ("gpt4o_run1", "gpt4o_run2", "gpt4o_run5")
QUESTION = "Social Media Post Screenshot"
SEEDS = 10
CLASSES = ("No", "Yes")
TRIES = 1000


@dataclass(frozen=True, eq=False)
class Known:
    """A set: vectors, truth, votes (n, m), groups; and votes to fit on, if others."""

    name: str
    x: np.ndarray
    truth: np.ndarray
    votes: np.ndarray
    group: np.ndarray
    more: np.ndarray | None = None


def television(data: Path, name: str, *episodes: str) -> Known:
    found = realdata.pictures(data, "screenshot", *episodes)
    root = data / "tvnews_frames" / "images"
    paths = [p for p in sorted(root.glob("*/*.jpg")) if not episodes or p.parent.name in episodes]
    place = {(p.parent.name, int(p.stem)): at for at, p in enumerate(paths)}
    votes = np.full((len(paths), len(RUNS)), -1, np.int16)
    for column, run in enumerate(RUNS):
        for video, first, end, said in answers(data, run, QUESTION):
            for second in range(first, end):
                at = place.get((video, second))
                if at is not None:
                    votes[at, column] = int(said == "Yes")
    return Known(name, found.vectors, (found.truth == "Yes").astype(int), votes, found.segment)


def comments(data: Path) -> Known:
    given = spam.comments(data)
    n = len(given.truth)
    votes, more = given.votes.votes, given.train.votes
    return Known("comments, ten rules", given.vectors, given.truth, votes, np.arange(n), more)


def split(given: Known, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from (mask), and seeds among them of both classes."""
    rng = np.random.default_rng(seed)
    names = np.unique(given.group)
    for _ in range(TRIES):
        train = np.isin(given.group, rng.permutation(names)[: len(names) // 2])
        rows = rng.permutation(np.flatnonzero(train))[:SEEDS]
        if all(len(set(given.truth[one])) == 2 for one in (rows, train, ~train)):
            return train, rows
    raise ValueError("no split has both classes on both sides")


def targets(given: Known, train: np.ndarray, seeds: np.ndarray) -> dict[str, tuple]:
    """What each way teaches: soft labels (n, 2) and how much each row counts."""
    n, eye = len(given.truth), np.eye(2)
    matrix = LabelMatrix.from_dense(given.votes, classes=[0, 1], abstain=-1)
    fitted = given.votes[train] if given.more is None else given.more
    model = LabelModel().fit(LabelMatrix.from_dense(fitted, classes=[0, 1], abstain=-1))
    soft = model.predict_proba(matrix)
    lead = np.abs(soft[:, 1] - soft[:, 0]) * (given.votes >= 0).any(1)
    counts = np.stack([(given.votes == c).sum(1) for c in (0, 1)], 1)
    voted = counts[:, 0] != counts[:, 1]
    at = np.zeros(n)
    at[seeds] = 1.0
    both, sure = soft.copy(), lead.copy()
    both[seeds], sure[seeds] = eye[given.truth[seeds]], 1.0
    return {
        "seeds alone": (eye[given.truth], at),
        "majority vote": (eye[counts.argmax(1)], voted * train),
        "soft labels": (soft, lead * train),
        "soft labels and seeds": (both, sure * train),
        "all true labels": (eye[given.truth], 1.0 * train),
    }


def scores(chance: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    yes = chance > 0.5
    return float((yes == truth).mean()), realdata.f1(yes, truth == 1), log_loss(chance, truth) or 0


def one_draw(given: Known, seed: int) -> dict[str, tuple[float, float, float]]:
    train, seeds = split(given, seed)
    test, out = ~train, {}
    ways = targets(given, train, seeds)
    for name, (soft, weight) in ways.items():
        rows = np.flatnonzero(weight > 0)
        model = EndModel(seed=seed)
        model.fit(given.x[rows], soft[rows], weight[rows], groups=given.group[rows])
        out[name] = scores(model.predict_proba(given.x[test])[:, 1], given.truth[test])
    soft, weight = ways["soft labels and seeds"]
    rows = np.flatnonzero(weight > 0)
    deep = EndModel("mlp", seed=seed, hidden=(64,), epochs=30)
    deep.fit(given.x[rows], soft[rows], weight[rows], groups=given.group[rows])
    out["… by an mlp"] = scores(deep.predict_proba(given.x[test])[:, 1], given.truth[test])
    for kind in ("prototype", "ridge"):
        few = FewShot(kind).fit(given.x[seeds], given.truth[seeds])
        out[f"seeds alone, few-shot {kind}"] = scores(
            few.predict_proba(given.x[test])[:, 1], given.truth[test]
        )
    chance = ways["soft labels"][0][:, 1]
    out["label model alone, no vectors"] = scores(chance[test], given.truth[test])
    return out


def between(values: np.ndarray) -> str:
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} [{values.mean() - half:+.3f}, {values.mean() + half:+.3f}]"


def show(given: Known, draws: int) -> None:
    began, cpu = time.monotonic(), time.process_time()
    found = [one_draw(given, seed) for seed in range(draws)]
    share = given.truth.mean()
    print(f"\n### {given.name}: {len(given.truth)} items, {len(np.unique(given.group))} groups, "
          f"{share:.2f} yes, {draws} draws, {SEEDS} seeds\n")  # fmt: skip
    print("| trained on | accuracy | F1 | log-loss |\n|---|---|---|---|")
    table = {name: np.array([each[name] for each in found]) for name in found[0]}
    for name, rows in table.items():
        mean, spread = rows.mean(0), rows.std(0, ddof=1)
        print(f"| {name} | " + " | ".join(
            f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)) + " |")  # fmt: skip
    print("\n| paired difference | accuracy | F1 | log-loss |\n|---|---|---|---|")
    ours = table["soft labels and seeds"]
    for name in ("seeds alone", "majority vote", "soft labels", "label model alone, no vectors"):
        parts = " | ".join(between((ours - table[name])[:, at]) for at in range(3))
        print(f"| soft labels and seeds − {name} | {parts} |")
    print(
        f"\n{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} s of CPU", flush=True
    )


def balanced(chance: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Balanced accuracy and log-loss of probabilities, truth and the class of each column."""
    right = classes[chance.argmax(1)] == truth
    said = chance[np.arange(len(truth)), np.searchsorted(classes, truth)]
    return np.array([np.mean([right[truth == one].mean() for one in classes]),
                     -np.log(np.clip(said, 1e-12, 1)).mean()])  # fmt: skip


def by_track(data: sets.Set, each: int, draws: int) -> None:
    """Score pictures of other groups, each by itself and by the mean of its track."""
    began, alone, together = time.process_time(), [], []
    for draw in range(draws):
        seeds, test = sets.split(data, draw, each)
        rows, said = np.array(list(seeds)), np.array(list(seeds.values()))
        model = EndModel(seed=draw).fit(data.built[rows], said, None, groups=data.group[rows])
        chance, truth = model.predict_proba(data.built[test]), data.truth[test].astype(str)
        track = pa.chunked_array([pa.array(data.pictures.track[test])])
        classes = np.array(model.classes_)
        alone.append(balanced(chance, truth, classes))
        together.append(balanced(of_tracks(chance, track), truth, classes))
    one, two = np.array(alone), np.array(together)
    cells = [f"{one[:, at].mean():.3f} | {two[:, at].mean():.3f} | {between((two - one)[:, at])}"
             for at in (0, 1)]  # fmt: skip
    print(f"| {data.name} | {each} | {' | '.join(cells)} |", flush=True)
    print(f"{time.process_time() - began:.0f} s of CPU", file=sys.stderr)


def tracks(data: Path, work: Path, draws: int) -> None:
    head = ("set", "labels a class", "accuracy", "by track", "gain", "log-loss", "by track", "gain")
    print(f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for found in (*sets.faces(data, work / "clips.vq"), sets.television(data)):
        for each in (2, 5, 10):
            if each * len(set(found.truth[found.rows])) >= 5:
                by_track(found, each, draws)


def main(data: Path, draws: int, work: Path | None) -> None:
    torch.set_num_threads(1)
    if work is not None:
        tracks(data, work, draws)
        return
    show(comments(data), draws)
    show(television(data, "screenshots, one MSNBC episode", realdata.EPISODE), draws)
    show(television(data, "screenshots, all eight episodes"), draws)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 5,
        Path(sys.argv[3]) if len(sys.argv) > 3 else None,
    )
