"""Which way up a picture is, as a pretext for comparison (S. Gidaris et al. 2018).

"Unsupervised representation learning by predicting image rotations": each picture is shown in all
four orientations, and the network says which is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn import functional

from vquery.learn.pretext.network import Feed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    from vquery.learn.core.networks import Architecture
    from vquery.learn.core.pictures import Pictures
    from vquery.learn.pretext.network import Pretext
    from vquery.learn.pretext.pairs import Known
    from vquery.learn.pretext.probe import Probe
    from vquery.learn.pretext.views import View

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


class Rotation:
    """Telling rotations as a task for `vquery.learn.core.training.train`."""

    def __init__(
        self,
        network: Pretext,
        architecture: Architecture,
        pictures: Pictures,
        known: Known,
        *,
        rows: Ints,
        view: View,
        probe: Probe | None = None,
        batch: int = 256,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self.network: torch.nn.Module = network
        self.architecture, self._made = architecture, network
        self._feed, self._probe, self._view = Feed(pictures), probe, view
        self._rows, self._known = rows, known.take(rows)
        self._shown = self._known.count()
        self._batch = min(max(batch // 2, 1), self._shown)  # as many pictures as pairs have
        self._told = dict(told or {})

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return self._shown // self._batch if self._shown else 0

    def identity(self) -> Mapping[str, Any]:
        """Say what is learnt from."""
        return {**self._told, "batch": self._batch}

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Turned]:  # noqa: ARG002
        """Draw the pictures of an epoch."""
        shown = rng.permutation(self._known.shown(rng))
        for at in range(self.steps):
            rows = self._rows[shown[at * self._batch : (at + 1) * self._batch]]
            yield Turned(rows, int(rng.integers(1 << 62)))

    def loss(self, batch: Turned) -> torch.Tensor:
        """Compute the cross-entropy of the four orientations."""
        device = self._made.centre.device
        generator = torch.Generator().manual_seed(batch.seed)
        x = turned(self._view(self._feed(batch.rows, device), generator))
        way = torch.arange(WAYS, device=device).repeat_interleave(len(batch.rows))
        return functional.cross_entropy(self._made.answer(x).float(), way)

    def probe(self) -> Mapping[str, float]:
        """Retrieve held-out tracks."""
        return {} if self._probe is None else self._probe(self._made)
