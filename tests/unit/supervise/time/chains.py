"""Drawn chains and votes on them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from vquery.supervise.models.label_model import LabelModel
from vquery.supervise.time import Transitions
from vquery.supervise.votes.matrix import LabelMatrix

ACCURACY = (0.85, 0.8, 0.75, 0.7, 0.8)
COVERAGE = (1.0, 0.8, 0.9, 0.6, 0.5)


def chain(rng, n, matrix):
    """Classes of n ticks."""
    steps, code = np.cumsum(matrix, axis=1), [0]
    for draw in rng.random(n - 1):
        code.append(int(np.searchsorted(steps[code[-1]], draw)))
    return np.array(code)


def spells(rng, n, least, mean):
    """Two classes that last at least some ticks, and then end by chance."""
    code, lengths, now = [], 0, 0
    while lengths < n:
        lasts = least[now] - 1 + rng.geometric(1 / (mean[now] - least[now] + 1))
        code.append(np.full(lasts, now))
        lengths += lasts
        now = 1 - now
    return np.concatenate(code)[:n]


def votes_on(rng, truth, classes, accuracy=ACCURACY, coverage=COVERAGE, lasting=1):
    """Draw votes of independent functions, whose errors last some ticks."""
    n = len(truth)
    out = np.empty((n, len(accuracy)), int)
    for j, (right, cover) in enumerate(zip(accuracy, coverage, strict=True)):
        good = np.repeat(rng.random(n // lasting + 1) < right, lasting)[:n]
        other = (truth + rng.integers(1, classes, n)) % classes
        out[:, j] = np.where(good, truth, other)
        out[rng.random(n) > cover, j] = -1
    return out


def fitted(votes, classes=2):
    return LabelModel(classes=list(range(classes))).fit(votes)


def timed(votes, start, end, video="a", **columns):
    """Label matrix whose items have times in seconds."""
    n = len(votes)
    times = {key: np.rint(np.asarray(v) * 1e6).astype(np.int64) for key, v in
             (("start_us", start), ("end_us", end))}  # fmt: skip
    videos = [video] * n if isinstance(video, str) else video
    items = pa.table({"item": np.arange(n), "video": pa.array(videos, pa.string()), **times})
    for name, values in columns.items():
        items = items.append_column(name, pa.array(values))
    return LabelMatrix.from_dense(votes, classes=[0, 1], items=items)


def stated(matrix, shortest=(0.0, 0.0), step=1.0, temper=1.0):
    """Transitions between the classes 0 and 1 as they are wanted."""
    matrix = np.asarray(matrix, float)
    leave = np.diag(matrix[:, ::-1])
    none = np.empty(0)
    balance = leave[::-1] / leave.sum()
    return Transitions(
        (0, 1), step, matrix, balance, np.asarray(shortest, float), step / leave,
        none.astype(np.int64), none, none, np.full((2, 2), np.nan), temper, "given",
    )  # fmt: skip
