"""An end model that learns from labels and pseudo labels, each a fixed part of what it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.learn.ends.model import EndModel
from vquery.learn.ends.options import WEIGHTS
from vquery.learn.ends.task import EndTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from vquery.learn.core.networks import Architecture
    from vquery.learn.ends.targets import Targets
    from vquery.learn.ends.task import Augment

    Ints = NDArray[np.int64]
    Members = NDArray[np.bool_]


class Student(EndModel):
    """An end model whose settings a teacher has found: it leaves nothing out.

    Parameters
    ----------
    teacher
        A trained model: kind, options, penalty and number of epochs are taken from it.
    share
        What labelled items are of what is learnt from: of each batch, and of the loss.
    """

    def __init__(self, teacher: EndModel, share: float) -> None:
        options = teacher.options
        if options.kind == "linear":
            options = replace(options, penalty=teacher.penalty_)
        else:
            options = replace(options, epochs=teacher.epochs_)
        self.options, self.start, self.share = options, teacher.start, share
        self.classes_ = ()

    def learn(
        self,
        given: Targets,
        labelled: Members,
        *,
        augment: Augment | None = None,
        folder: Path | None = None,
        fresh: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> Student:
        """Learn from checked targets; ``labelled`` (n,) tells labels from pseudo labels."""
        self.labelled = labelled
        weight = balanced(given.weight, labelled, self.share)
        given = replace(given, weight=weight)
        as_weights = self.options.slices_as == WEIGHTS or self.options.kind == "linear"
        self.classes_, self._heads = given.classes, 0 if as_weights else len(given.slices)
        self._say, self._folder, self._fresh = progress, folder, fresh
        self.fold_ = np.zeros(given.n, np.int64)
        self.curves_, self.histories_ = [], {}
        if self.options.kind == "linear":
            self._fit_linear(given)
        else:
            self._fit_network(given, augment)
        self.temperature_, self.calibrated_, self.notes_ = 1.0, False, ()
        return self

    def _task(
        self,
        network: torch.nn.Module,
        given: Targets,
        rows: Ints,
        held: Ints,
        augment: Augment | None,
    ) -> EndTask:
        return Mixed(
            network, self.architecture_, given, rows, held,
            batch=self.options.batch, augment=augment, labelled=self.labelled, share=self.share,
        )  # fmt: skip


def balanced(weight: NDArray[np.float64], labelled: Members, share: float) -> NDArray[np.float64]:
    """Let labelled items weigh a share of all, and the mean of those that count be 1.

    Where there are no pseudo labels, or only those, nothing is shared.

    >>> balanced(np.ones(4), np.array([True, False, False, False]), 0.6).round(3).tolist()
    [2.4, 0.533, 0.533, 0.533]
    """
    parts = [np.where(labelled, weight, 0.0), np.where(labelled, 0.0, weight)]
    sums = [one.sum() for one in parts]
    if not all(sums):
        return weight
    number = (weight > 0).sum()
    return np.asarray(number * (share * parts[0] / sums[0] + (1 - share) * parts[1] / sums[1]))


class Mixed(EndTask):
    """Batches that hold a fixed share of labelled items; an epoch shows every item at least once.

    Whichever kind there is less of is shown again, in another order.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        architecture: Architecture,
        given: Targets,
        rows: Ints,
        held: Ints,
        *,
        batch: int,
        augment: Augment | None,
        labelled: Members,
        share: float,
    ) -> None:
        super().__init__(network, architecture, given, rows, held, batch=batch, augment=augment)
        mine = labelled[self.rows]
        self.kinds = [self.rows[mine], self.rows[~mine]]
        self.sizes: list[int] = []
        if all(map(len, self.kinds)):
            first = min(max(round(batch * share), 1), batch - 1)
            self.sizes = [first, batch - first]
            pairs = zip(self.kinds, self.sizes, strict=True)
            self.steps = max(-(-len(one) // size) for one, size in pairs)
            # the share is in the batches: within its kind, each item counts by its own weight
            for one in self.kinds:
                self.weight[one] /= self.weight[one].mean()

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[tuple[Ints, int]]:
        """Draw the batches of an epoch."""
        if not self.sizes:
            yield from super().batches(epoch, rng)
            return
        drawn: list[Any] = []
        for one, size in zip(self.kinds, self.sizes, strict=True):
            times = -(-self.steps * size // len(one))
            order = np.concatenate([rng.permutation(one) for _ in range(times)])
            drawn.append(order[: self.steps * size].reshape(self.steps, size))
        seeds = rng.integers(1 << 62, size=self.steps)
        for first, second, seed in zip(*drawn, seeds, strict=True):
            yield np.concatenate([first, second]), int(seed)
