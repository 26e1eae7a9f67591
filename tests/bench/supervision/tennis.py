"""Tennis rallies: votes of six functions on frames, decoded over time; frames and rallies scored.

    python -m tests.bench.supervision.tennis DATA

DATA is the folder of the real data. Everything is learnt from the 6,959 rows without labels; the
497 rows with labels are used to score alone. A row is a frame; rows follow each other, so one
"second" of the decoder is one row here. Intervals: draws of rallies, each with the gap before it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import vquery as vq
from vquery.metrics.bootstrap import interval_of_sums, sums_by
from vquery.metrics.calibration import ece, log_loss
from vquery.metrics.segments import matches, runs_of, segment_score

WIDTH = 11
"""Frames that a rally lasts at least where that is told, and of the median filter beside it."""
DECODERS: dict[str, dict[str, Any]] = {
    "`decode(votes, model)`": {},
    "`min_duration={rally: 11}`": {"min_duration": {1: WIDTH}},
    "`min_duration=11`": {"min_duration": WIDTH},
    "`min_duration=0`": {"min_duration": 0},
    "`temper=1`": {"temper": 1.0},
    "`temper=1, min_duration=0`": {"temper": 1.0, "min_duration": 0},
    '`transitions="em"`': {"transitions": "em"},
}


class Tennis(NamedTuple):
    """Votes without labels, votes with labels, and these."""

    train: vq.LabelMatrix
    shown: vq.LabelMatrix
    truth: np.ndarray


def read(data: Path) -> Tennis:
    folder = data / "weak" / "tennis_rally"
    train, shown = (
        vq.LabelMatrix.from_dense(np.load(folder / name).astype(int), classes=[-1, 1], abstain=0)
        for name in ("L_train_video.npy", "L_dev_video_first497.npy")
    )
    return Tennis(train, shown, np.load(folder / "Y_dev_video_first497.npy") > 0)


def smoothed(codes: np.ndarray, width: int = WIDTH) -> np.ndarray:
    """Median over a window; at the ends the first and the last value go on."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(codes, width // 2, "edge"), width)
    return np.median(windows, axis=1).astype(bool)


def blocks_of(truth: np.ndarray) -> np.ndarray:
    """Number of the rally of each row, with the gap before it."""
    ends = np.flatnonzero(truth[:-1] & ~truth[1:]) + 1
    block = np.searchsorted(ends, np.arange(len(truth)), side="right")
    return np.minimum(block, truth_runs(truth) - 1)


def truth_runs(truth: np.ndarray) -> int:
    return len(runs_of(truth).start)


def frame_f1(codes: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((codes & truth).sum()) / float(codes.sum() + truth.sum())


def segment_f1(codes: np.ndarray, truth: np.ndarray) -> float:
    return segment_score(runs_of(codes), runs_of(truth)).f1 or 0.0


def frame_sums(codes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Hits and frames found or true, by block."""
    return sums_by(blocks_of(truth), codes & truth, codes.astype(int) + truth)


def segment_sums(codes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Hits and segments found or true, by block; a segment belongs where its middle is."""
    found, true, block = runs_of(codes), runs_of(truth), blocks_of(truth)
    hit = matches(found, true)
    out = np.zeros((len(true.start), 2))
    np.add.at(out[:, 0], hit[hit >= 0], 1)
    np.add.at(out[:, 1], block[(found.start + found.end) // 2], 1)
    out[:, 1] += 1
    return out


def _f1(total: np.ndarray) -> np.ndarray:
    return 2 * total[:, 0] / total[:, 1]


def _more(total: np.ndarray) -> np.ndarray:
    return _f1(total[:, :2]) - _f1(total[:, 2:])


def main(data: Path) -> None:
    votes = read(data)
    truth = votes.truth
    model = vq.LabelModel().fit(votes.train)
    lead = (votes.shown.votes == 1).sum(1) - (votes.shown.votes == 0).sum(1)
    majority = lead >= 0
    print("| | frame F1 | segment F1 | found | log-loss | ECE |")
    print("|---|---|---|---|---|---|")
    show("majority vote, ties → no rally", lead > 0, None, truth)
    show("majority vote, ties → rally", majority, None, truth)
    show(f"... with a median filter of {WIDTH}", smoothed(lead > 0), None, truth)
    show("best single function", votes.shown.votes[:, 1] == 1, None, truth)
    share = model.predict_proba(votes.shown)[:, 1]
    show("`LabelModel()`", share > 0.5, share, truth)
    best, known = None, []
    for name, options in DECODERS.items():
        found = vq.decode(votes.shown, model, learn=votes.train, **options)
        show(name, found.path == 1, found.probability[:, 1], truth)
        show("... p > .5", found.probability[:, 1] > 0.5, found.probability[:, 1], truth)
        best = best or found
        known.append((name, found))
    assert best is not None
    print("\n| differences | frame F1 | segment F1 |\n|---|---|---|")
    pairs = [
        ("decode() − majority vote", best.path == 1, majority),
        ("decode() − best single function", best.path == 1, votes.shown.votes[:, 1] == 1),
        ("rally of 11 − median filter", known[1][1].path == 1, smoothed(lead > 0)),
    ]
    for name, one, other in pairs:
        cells = []
        for sums in (frame_sums, segment_sums):
            both = np.hstack((sums(one, truth), sums(other, truth)))
            cells.append(shown(interval_of_sums(_more, both), "+"))
        print(f"| {name} | {' | '.join(cells)} |")
    for name, found in known[:2]:
        print(f"\n{name}: {found.transitions}")
        for note in found.notes:
            print(f"- {note}")
    made = best.transitions
    near = made.lags <= 20
    print("\nlag   ", *made.lags[near])
    print("corr. ", *(f"{each:.2f}" for each in made.correlation[near]))
    print("error ", *(f"{each:.2f}" for each in made.error[near]))


def show(name: str, codes: np.ndarray, share: np.ndarray | None, truth: np.ndarray) -> None:
    frames = shown(interval_of_sums(_f1, frame_sums(codes, truth)))
    segments = shown(interval_of_sums(_f1, segment_sums(codes, truth)))
    sure = "– | –" if share is None else f"{log_loss(share, truth):.3f} | {ece(share, truth):.3f}"
    print(f"| {name} | {frames} | {segments} | {len(runs_of(codes).start)} | {sure} |")


def shown(found: Any, sign: str = "") -> str:
    return f"{found.value:{sign}.3f} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
