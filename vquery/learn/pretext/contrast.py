"""SimCLR: what shows the same shall be alike, and unlike all else in the batch.

NT-Xent with a projection head (T. Chen et al. 2020, "A simple framework for contrastive learning
of visual representations"). What video adds: the two sides of a pair are pictures of one track at
two times, and pairs that may show one thing are no negatives. What a descriptor adds: pictures of
different tracks that are each other's nearest neighbours are pairs too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from vquery.learn.pretext.task import PretextTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

TEMPERATURE = 0.2
ACROSS = 0.7
"""Share of pairs that are two pictures of one track, where it has them; others are one picture."""
NEAREST = 0.5
"""Share of pairs that are two pictures of different tracks that a descriptor takes for the same."""
HIDDEN, PROJECTED = 256, 64


class Pairs(NamedTuple):
    """A batch: rows, their partners, which are different, and the seed of the views."""

    rows: Ints
    partners: Ints
    different: npt.NDArray[np.bool_]
    seed: int


def nt_xent(
    one: torch.Tensor,
    other: torch.Tensor,
    different: torch.Tensor | None = None,
    *,
    temperature: float = TEMPERATURE,
) -> torch.Tensor:
    """Compute the normalised, temperature-scaled cross-entropy of m pairs, a scalar.

    Parameters
    ----------
    one, other
        Projections (m, d) of the two sides.
    different
        bool (2 m, 2 m), first sides then second ones: which may count as negatives; by default
        all but a picture with itself.

    >>> apart = torch.eye(4)
    >>> bool(nt_xent(apart, apart) < nt_xent(apart, apart.roll(1, 0)))
    True
    """
    z = functional.normalize(torch.cat([one, other]).float(), dim=1)
    n, m = len(z), len(one)
    likes = z @ z.T / temperature
    at = torch.arange(n, device=z.device)
    partner = (at + m) % n
    counted = torch.ones_like(likes, dtype=torch.bool) if different is None else different.clone()
    counted[at, partner] = True
    counted[at, at] = False
    return functional.cross_entropy(likes.masked_fill(~counted, -torch.inf), partner)


class Contrast(PretextTask):
    """SimCLR; ``across``, ``nearest`` and ``temperature`` are those of a `Recipe`."""

    def __init__(
        self,
        *args: Any,
        across: float = ACROSS,
        nearest: float = NEAREST,
        temperature: float = TEMPERATURE,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._across, self._nearest, self._temperature = across, nearest, temperature

    @property
    def steps(self) -> int:
        """Batches of an epoch; pairs need company, so that one row makes none."""
        return self._shown // self._batch if self._shown > 1 else 0

    def identity(self) -> Mapping[str, Any]:
        """Say what is learnt from."""
        return {
            **super().identity(),
            "across": self._across,
            "nearest": self._nearest,
            "alike": 0 if self._known.alike is None else self._known.alike.nnz,
            "temperature": self._temperature,
        }

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Pairs]:  # noqa: ARG002
        """Draw the pictures of an epoch and a partner for each."""
        shown = self._known.shown(rng)
        partners = self._known.partners(shown, rng, self._across, self._nearest)
        pieces = [slice(at * self._batch, (at + 1) * self._batch) for at in range(self.steps)]
        for turn in rng.permutation(len(pieces)):
            rows, others = shown[pieces[turn]], partners[pieces[turn]]
            both = np.concatenate([rows, others])
            different = self._known.different(both, both)
            seed = int(rng.integers(1 << 62))
            yield Pairs(self._rows[rows], self._rows[others], different, seed)

    def loss(self, batch: Pairs) -> torch.Tensor:
        """Compute NT-Xent between two views of each pair."""
        generator = torch.Generator().manual_seed(batch.seed)
        sides = [self.views(rows, generator) for rows in (batch.rows, batch.partners)]
        one, other = self._made.answer(torch.cat(sides)).chunk(2)
        different = torch.from_numpy(batch.different).to(self.device)
        return nt_xent(one, other, different, temperature=self._temperature)
