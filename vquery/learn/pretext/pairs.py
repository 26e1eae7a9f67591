"""What video gives for free: which pictures show the same thing, and which surely do not.

Two pictures of one track show the same at different times. Two tracks in the same frame are two
things. Two tracks that are seen in the same second, but never in one frame, may be fragments of
one thing and are nothing to learn from. Neither are two tracks of which a descriptor takes pictures
for the same, except to draw those pictures together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vquery.learn.core.pictures import ALONE
from vquery.learn.pretext.alike import mutual, things_of
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy import sparse

    from vquery.learn.core.pictures import Pictures

    Ints = npt.NDArray[np.int64]

PER_TRACK = 32
"""Pictures of a track that an epoch shows at most, drawn anew each time."""
NEAR_S = 1.0
"""Pictures this near in one video may show one thing although their tracks differ."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of n pictures without any label.

    Attributes
    ----------
    thing : int64 (n,)
        Number of the track of each, from 0; pictures without a track are things of their own.
    video, start_us : int64 (n,)
        Where and when each is shown.
    alike : sparse bool (n, n)
        Which pictures of different things a descriptor takes for the same.
    """

    thing: Ints
    video: Ints
    start_us: Ints
    alike: sparse.csr_array | None = None

    @classmethod
    def of(cls, pictures: Pictures, descriptor: npt.NDArray[np.float32] | None = None) -> Known:
        """Take it from pictures, and from what a descriptor makes of them, float32 (n, d)."""
        track = pictures.track.copy()
        alone = np.flatnonzero(track == ALONE)
        keys = np.stack([np.where(track == ALONE, 0, 1), track], 1)
        keys[alone, 1] = alone
        thing = np.unique(keys, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        facts = (thing, pictures.video, pictures.start_us)
        return cls(
            *facts, None if descriptor is None else mutual(descriptor, *facts, near_s=NEAR_S)
        )

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.thing)

    def take(self, rows: Ints) -> Known:
        """Keep some rows; things get new numbers."""
        thing = np.unique(self.thing[rows], return_inverse=True)[1].astype(np.int64)
        alike = None if self.alike is None else self.alike[rows][:, rows]
        return Known(thing, self.video[rows], self.start_us[rows], alike)

    @cached_property
    def kin(self) -> sparse.csr_array | None:
        """Things of which some pictures are alike, bool (things, things)."""
        return None if self.alike is None else things_of(self.alike, self.thing)

    @property
    def sizes(self) -> Ints:
        """Pictures of each thing."""
        return np.bincount(self.thing)

    def shown(self, rng: np.random.Generator, most: int = PER_TRACK) -> Ints:
        """Draw the rows of an epoch, at most some of a thing, those of one frame side by side.

        Whole frames are shuffled, so that things that are surely different meet in one batch.
        """
        chance = rng.random(len(self))
        order = np.lexsort((chance, self.thing))
        size = self.sizes
        place = np.arange(len(self)) - np.repeat(np.cumsum(size) - size, size)
        rows = order[place < most]
        frames = np.unique(
            np.stack([self.video[rows], self.start_us[rows]], 1), axis=0, return_inverse=True
        )[1].ravel()
        turn = rng.permutation(frames.max() + 1)[frames]
        return rows[np.lexsort((chance[rows], turn))]

    def count(self, most: int = PER_TRACK) -> int:
        """Count the rows that `shown` draws."""
        return int(np.minimum(self.sizes, most).sum())

    def partners(
        self, rows: Ints, rng: np.random.Generator, across: float, nearest: float = 0.0
    ) -> Ints:
        """Choose for each row another picture that shows the same, or for a share of them itself.

        Parameters
        ----------
        across
            Share that gets a picture of its thing, where there is another.
        nearest
            Share that gets, instead, a picture of another thing that is alike, where there is one.
        """
        order = np.argsort(self.thing, kind="stable")
        size = self.sizes
        first = np.cumsum(size) - size
        mine = self.thing[rows]
        other = order[first[mine] + (rng.random(len(rows)) * size[mine]).astype(np.int64)]
        found = np.where(rng.random(len(rows)) < across, other, rows)
        if self.alike is None or not nearest:
            return found
        first, count = self.alike.indptr[rows], np.diff(self.alike.indptr)[rows]
        turn = (rng.random(len(rows)) < nearest) & (count > 0)
        place = first[turn] + (rng.random(int(turn.sum())) * count[turn]).astype(np.int64)
        found[turn] = self.alike.indices[place]
        return found

    def different(self, rows: Ints, others: Ints) -> npt.NDArray[np.bool_]:
        """Say which pairs of pictures may count as different, bool (len(rows), len(others)).

        Not those of one thing or of two that have pictures alike, and not those of one video and
        second unless they share a frame.
        """
        thing = self.thing[rows][:, None] != self.thing[others][None, :]
        video = self.video[rows][:, None] == self.video[others][None, :]
        apart = np.abs(self.start_us[rows][:, None] - self.start_us[others][None, :])
        near = video & (apart < NEAR_S * US_PER_S) & (apart > 0)
        found = thing & ~near
        if self.kin is not None:
            found &= ~self.kin[self.thing[rows]][:, self.thing[others]].toarray()
        return np.asarray(found)
