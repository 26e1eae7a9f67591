"""Which way up a picture is, as a pretext for comparison (S. Gidaris et al. 2018).

"Unsupervised representation learning by predicting image rotations": each picture is shown in all
four orientations, and the network says which is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from vquery.learn.pretext.task import PretextTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

WAYS = 4


class Turned(NamedTuple):
    """A batch: rows and the seed of the views."""

    rows: Ints
    seed: int


def turned(x: torch.Tensor) -> torch.Tensor:
    """Show square pictures (n, 3, s, s) in four orientations, (4 n, 3, s, s): all of one first.

    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> turned(x)[2].flatten().tolist()
    [3.0, 2.0, 1.0, 0.0]
    """
    return torch.cat([torch.rot90(x, way, (2, 3)) for way in range(WAYS)])


class Rotation(PretextTask):
    """Telling rotations."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Turned]:  # noqa: ARG002
        """Draw the pictures of an epoch."""
        shown = rng.permutation(self._known.shown(rng))
        for at in range(self.steps):
            rows = self._rows[shown[at * self._batch : (at + 1) * self._batch]]
            yield Turned(rows, int(rng.integers(1 << 62)))

    def loss(self, batch: Turned) -> torch.Tensor:
        """Compute the cross-entropy of the four orientations."""
        x = turned(self.views(batch.rows, torch.Generator().manual_seed(batch.seed)))
        way = torch.arange(WAYS, device=self.device).repeat_interleave(len(batch.rows))
        return functional.cross_entropy(self._made.answer(x).float(), way)
