"""How good an embedding is: whether the pictures of a track find each other, without any label.

A picture asks for its nearest neighbour among all that lie at least a second away from it, or in
another video. Neighbouring frames are nearly the same picture, and would be found by anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vquery.learn.core.training import MEASURE
from vquery.learn.pretext.network import Feed, vectors
from vquery.learn.pretext.pairs import NEAR_S
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.learn.core.pictures import Pictures
    from vquery.learn.pretext.network import Pretext
    from vquery.learn.pretext.pairs import Known

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float32]

HELD_OUT = 0.1
ENOUGH_TRACKS = 50
"""With fewer tracks none is held out: each is worth more to learn from than to ask."""
HALVED = 20
"""Tracks that ask, from which one half chooses the epoch and the other tells how good it is."""
QUERIES, CANDIDATES = 1000, 4000
"""Pictures that a probe asks with, and among which it looks, at most."""
SOFT = 0.1
"""Temperature of the soft neighbours."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Pictures that ask, those that are found, and which count.

    Attributes
    ----------
    queries : int64 (q,)
        Rows.
    candidates : int64 (c,)
        Rows.
    right, allowed : bool (q, c)
        Pairs of one thing, and those far enough apart to count.
    held_out : int64
        Rows of held-out things; empty where none is.
    thing : int64 (q,)
        What each query shows.
    half
        Whether these are half of what was held out.
    """

    queries: Ints
    candidates: Ints
    right: npt.NDArray[np.bool_]
    allowed: npt.NDArray[np.bool_]
    held_out: Ints
    thing: Ints
    half: bool = False

    @property
    def halves(self) -> tuple[Asked, Asked]:
        """What is to choose the epoch, and what tells how good it is.

        Different tracks, since the best of many epochs seems better than it is; where too few are
        held out to choose well by half of them, all of them do both.
        """
        things = np.unique(self.thing)
        if not len(self.held_out) or len(things) < HALVED:
            return self, self
        return self._of(things[::2]), self._of(things[1::2])

    def _of(self, things: Ints) -> Asked:
        mine = np.isin(self.thing, things)
        names = ("queries", "right", "allowed", "thing")
        return replace(self, half=True, **{name: getattr(self, name)[mine] for name in names})

    @property
    def any(self) -> bool:
        """Whether there is something to ask."""
        return len(self.queries) > 0


def asked(known: Known, seed: int = 0, *, hold_out: bool = True) -> Asked:
    """Choose what a probe asks: held-out tracks where there are enough, else any.

    Parameters
    ----------
    hold_out
        False asks with any track.
    """
    rng = np.random.default_rng([seed, 0x9A])
    long = _long(known)
    held = np.zeros(0, np.int64)
    if hold_out and len(long) >= ENOUGH_TRACKS:
        chosen = rng.permutation(long)[: max(round(HELD_OUT * len(long)), 2)]
        held = np.flatnonzero(np.isin(known.thing, chosen))
    pool = held if len(held) else np.flatnonzero(np.isin(known.thing, long))
    queries = np.sort(rng.permutation(pool)[:QUERIES])
    others = rng.permutation(np.setdiff1d(np.arange(len(known)), pool))
    own = np.sort(rng.permutation(pool)[:CANDIDATES])
    candidates = np.sort(np.r_[own, others[: CANDIDATES - len(own)]])
    right = known.thing[queries][:, None] == known.thing[candidates][None, :]
    video = known.video[queries][:, None] == known.video[candidates][None, :]
    apart = np.abs(known.start_us[queries][:, None] - known.start_us[candidates][None, :])
    allowed = ~(video & (apart < NEAR_S * US_PER_S))
    able = (right & allowed).any(1) & (~right & allowed).any(1)
    queries = queries[able]
    return Asked(queries, candidates, right[able], allowed[able], held, known.thing[queries])


def _long(known: Known) -> Ints:
    """Return the things that are seen at least a second apart."""
    first = np.full(known.thing.max() + 1, np.iinfo(np.int64).max)
    last = np.zeros(len(first), np.int64)
    np.minimum.at(first, known.thing, known.start_us)
    np.maximum.at(last, known.thing, known.start_us)
    return np.flatnonzero(last - first >= NEAR_S * US_PER_S)


def retrieval(questions: Asked, queries: Floats, candidates: Floats) -> dict[str, float]:
    """Measure how well unit vectors find pictures of one track.

    Returns
    -------
    dict
        ``retrieval``: share of queries whose nearest neighbour is of their track. ``measure``: the
        same for soft neighbours (J. Goldberger et al. 2004), which does not stop at 1 as soon.
    """
    if not questions.any:
        return {}
    likes = np.where(questions.allowed, queries @ candidates.T, -np.inf)
    nearest = likes.argmax(1)
    hit = questions.right[np.arange(len(nearest)), nearest]
    weight = np.exp((likes - likes.max(1, keepdims=True)) / SOFT)
    soft = (weight * questions.right).sum(1) / weight.sum(1)
    return {"retrieval": float(hit.mean()), MEASURE: float(soft.mean())}


def purity(
    points: Floats, label: npt.NDArray[np.generic], group: Ints, k: int = 1
) -> npt.NDArray[np.float64]:
    """Share of the k nearest neighbours outside a picture's group that have its label, (n,).

    >>> points = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]]
    >>> purity(points, np.array(["a", "a", "b", "a"]), np.arange(4)).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    likes = points @ points.T
    likes[group[:, None] == group[None, :]] = -np.inf
    near = np.argsort(-likes, axis=1, kind="stable")[:, :k]
    found = (label[near] == label[:, None]) & np.isfinite(np.take_along_axis(likes, near, 1))
    return np.asarray(found.mean(1), np.float64)


@dataclass
class Probe:
    """What is measured after an epoch.

    Attributes
    ----------
    labels
        For each picture a label or None: the share of labelled pictures whose nearest labelled
        neighbour of another track has the same is told too, and decides nothing.
    """

    pictures: Pictures
    known: Known
    questions: Asked
    labels: Sequence[str | None] | None = None
    _feed: Feed | None = field(default=None, repr=False)

    def __call__(self, network: Pretext) -> dict[str, float]:
        """Embed the pictures in question and measure; with ``measure`` where tracks are held out.

        Without held-out tracks nothing may be chosen by it, so that the last epoch is kept.
        """
        feed = self._feed = self._feed or Feed(self.pictures)
        found: dict[str, float] = {}
        if self.questions.any:
            asking = self.questions
            rows, at = np.unique(np.r_[asking.queries, asking.candidates], return_inverse=True)
            points = centred(vectors(network, feed, rows, centred=False))[at]
            q = len(asking.queries)
            found = retrieval(asking, points[:q], points[q:])
            if not len(asking.held_out):
                found["own_tracks"] = found.pop(MEASURE)
        return found | self._labelled(network, feed)

    def _labelled(self, network: Pretext, feed: Feed) -> dict[str, float]:
        if self.labels is None:
            return {}
        rows = np.array([n for n, one in enumerate(self.labels) if one is not None], np.int64)
        some = np.linspace(0, len(rows) - 1, min(len(rows), CANDIDATES)).astype(np.int64)
        rows = rows[some]  # of all videos, not of the first ones
        if len(rows) < 2:
            return {}
        points = centred(vectors(network, feed, rows, centred=False))
        said = np.array([self.labels[row] for row in rows.tolist()])
        return {"labels": float(purity(points, said, self.known.thing[rows]).mean())}


def centred(points: Floats) -> Floats:
    """Take off the mean and bring to unit length."""
    moved = points - points.mean(0)
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))
