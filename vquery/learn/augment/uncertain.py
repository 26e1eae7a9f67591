"""Uncertainty-based sampling: try several compositions of an item, train on those least known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from vquery.errors import LearnError
from vquery.learn.augment.base import Batch, checked
from vquery.learn.augment.detail import Cutout
from vquery.learn.augment.policies import Compose, OneOf, operations
from vquery.learn.core.values import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.learn.augment.base import Transformation

    Losses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Chosen(NamedTuple):
    """What to train on: m = n × keep transformed pictures, those of an item together.

    Attributes
    ----------
    pictures : float (m, 3, h, w)
    labels : float (m, k)
    item : int64 (m,)
        Which of the n items each is of.
    loss : float (m,)
        What the model lost on each when it was chosen.
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    item: torch.Tensor
    loss: torch.Tensor


@dataclass(frozen=True)
class Uncertain:
    """Train on the compositions on which the model loses most (S. Wu et al. 2020).

    For each item several compositions of transformations are drawn, the model that is being
    trained says its loss on each, and those of the highest are kept: a policy that needs no search
    and moves with the model. A batch costs ``tries`` passes forward in addition.

    Parameters
    ----------
    pool
        What compositions are of; by default those of `RandAugment` at strengths up to the highest,
        and `Cutout`.
    length
        Transformations of a composition.
    tries
        Compositions of each item.
    keep
        How many of them are trained on.

    Examples
    --------
    A model that knows dark pictures tells the bright ones.

    >>> from vquery.learn.augment import Colour
    >>> x, y = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 1)
    >>> hard = Uncertain([Colour(0.9, 0, 0, 0)], length=1, tries=50)
    >>> found = hard(x, y, lambda x, y: x.mean((1, 2, 3)), torch.Generator().manual_seed(0))
    >>> float(found.pictures.mean()) > 0.8, found.item.tolist()
    (True, [0])
    >>> Uncertain(tries=2, keep=3)
    Traceback (most recent call last):
    vquery.errors.LearnError: keep must be from 1 to tries=2, got 3
    """

    pool: Sequence[Transformation] | None = None
    length: int = 2
    tries: int = 8
    keep: int = 1
    _composition: Compose = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("length", "tries", "keep"):
            whole(name, getattr(self, name), 1)
        if self.keep > self.tries:
            raise LearnError(f"keep must be from 1 to tries={self.tries}, got {self.keep!r}")
        pool = [*operations(1.0, exact=False), Cutout()] if self.pool is None else self.pool
        object.__setattr__(self, "_composition", Compose([OneOf(pool)] * self.length))

    def __call__(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        losses: Losses,
        generator: torch.Generator,
        *,
        rows: torch.Tensor | None = None,
    ) -> Chosen:
        """Choose what to train on in place of a batch.

        Parameters
        ----------
        x : float (n, 3, h, w)
            From 0 to 1.
        y : float (n, k)
            Soft labels.
        losses
            Says of pictures and soft labels what the model loses on each, as `losses_of` makes it.
        generator
            Draws the compositions.
        rows : int64 (n,), optional
            Which items these are, as `TimeJitter` needs it.

        Raises
        ------
        LearnError
            If ``losses`` does not answer with a number for each picture.
        """
        checked(Batch(x, None, rows), "Uncertain")
        n, tries = len(x), self.tries
        many = None if rows is None else rows.repeat_interleave(tries)
        tried, labels = self._composition.with_labels(
            x.repeat_interleave(tries, 0), y.repeat_interleave(tries, 0), generator, rows=many
        )
        with torch.no_grad():
            loss = losses(tried, labels)
        if loss.shape != (n * tries,):
            raise LearnError(
                f"losses must answer with {n * tries} numbers, one for each picture, got shape "
                f"{tuple(loss.shape)}: do not reduce them to a mean"
            )
        loss = torch.nan_to_num(loss.view(n, tries), nan=-torch.inf)
        best = loss.topk(self.keep, 1).indices
        item = torch.arange(n, device=x.device)
        at = (item[:, None] * tries + best).flatten()
        return Chosen(
            tried[at], labels[at], item.repeat_interleave(self.keep), loss.gather(1, best).flatten()
        )


def losses_of(network: torch.nn.Module) -> Losses:
    """Make what `Uncertain` asks: the cross-entropy of a network of logits under soft labels.

    The network answers as in use (no dropout, kept statistics of normalisation) and is in training
    again afterwards if it was.
    """

    def losses(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        training = network.training
        network.eval()
        try:
            with torch.no_grad():
                return functional.cross_entropy(network(x).float(), y, reduction="none")
        finally:
            network.train(training)

    return losses
