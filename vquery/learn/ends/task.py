"""What the training loop is told of an end model: batches, a noise-aware loss, and a probe."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from vquery.learn.augment import Transformation, Uncertain
from vquery.learn.core.training import MEASURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from vquery.learn.core.networks import Architecture
    from vquery.learn.ends.nets import Said
    from vquery.learn.ends.targets import Targets

    Ints = NDArray[np.int64]
    Augment = Transformation | Uncertain | Callable[[torch.Tensor, torch.Generator], torch.Tensor]

AT_ONCE = 512
"""Items that are looked at together where nothing is learnt."""
HELD_OUT = "held_out_loss"
EXPERT_SHARE = 0.5
"""What the losses of all slice heads together weigh beside that of the classes."""


def tensor_of(
    x: NDArray[Any], rows: NDArray[Any] | slice, device: torch.device | None
) -> torch.Tensor:
    """Bring some items to a device: vectors as they are, pictures as numbers from 0 to 1."""
    found = torch.from_numpy(np.ascontiguousarray(x[rows])).to(device)
    return found.float().div_(255) if found.dtype == torch.uint8 else found


def named(augment: Augment | None) -> str:
    """Name a change of pictures by its settings; functions only by their name.

    >>> from vquery.learn.augment import Flip
    >>> named(Flip(p=0.5)) == named(Flip(p=0.5)) != named(Flip(p=0.2))
    True
    """
    if augment is None or isinstance(augment, Transformation | Uncertain):
        return repr(augment)
    return str(getattr(augment, "__qualname__", type(augment).__qualname__))


def surprise(logits: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """Cross-entropy expected under soft labels, (...,): the loss that knows labels may be wrong.

    >>> round(float(surprise(torch.zeros(1, 2), torch.tensor([[0.9, 0.1]]))[0]), 4)
    0.6931
    """
    return -(soft * log_softmax(logits.float(), dim=-1)).sum(-1)


class EndTask:
    """Learn rows of targets, with other rows left out to tell which epoch was best.

    Parameters
    ----------
    network, architecture
        Of `vquery.learn.ends.nets`.
    given
        All targets.
    rows, held
        What is learnt from, and what the epochs are compared on, which may be empty.
    batch
        Items of a step.
    augment
        Changes a batch of pictures: a `Transformation`, `Uncertain`, or a function that is told a
        seeded generator.

    Attributes
    ----------
    kinds : list of int64 arrays
        Rows of each kind that batches keep apart; none here.
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
        augment: Augment | None = None,
    ) -> None:
        self.network, self.architecture = network, architecture
        self.given, self.augment = given, augment
        self.kinds: list[Ints] = []
        counts = given.weight > 0
        self.rows, self.held = rows[counts[rows]], held[counts[held]]
        # no batch of one item: it has no spread that normalisation could divide by
        self.steps = max(1, min(-(-len(self.rows) // batch), len(self.rows) // 2))
        self.soft = torch.from_numpy(given.soft.astype(np.float32))
        self.weight = torch.from_numpy(given.weight.astype(np.float32))
        self.members = torch.from_numpy(given.members())

    def identity(self) -> Mapping[str, Any]:
        """Name the rows, all that is known of them, and how they change, by a hash."""
        found, given = hashlib.sha256(named(self.augment).encode()), self.given
        rows = given.x, given.soft, given.weight, given.members()
        for part in (*(one[self.rows] for one in rows), self.held, *self.kinds):
            found.update(np.ascontiguousarray(part).tobytes())
        return {"items": len(self.rows), "data": found.hexdigest()[:16]}

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[tuple[Ints, int]]:
        """Shuffle the rows into batches of nearly equal size; each has a seed of its own."""
        del epoch
        order = rng.permutation(self.rows)
        seeds = rng.integers(1 << 62, size=self.steps)
        for part, seed in zip(np.array_split(order, self.steps), seeds, strict=True):
            yield part, int(seed)

    def loss(self, batch: tuple[Ints, int]) -> torch.Tensor:
        """Mean surprise by weight, and that of the heads of slices among their members."""
        rows, seed = batch
        device = next(self.network.parameters()).device
        x = tensor_of(self.given.x, rows, device)
        soft, weight = self.soft[rows].to(device), self.weight[rows].to(device)
        members = self.members[rows].to(device)
        if self.augment is not None:
            x, soft, item = self._changed(x, soft, rows, seed)
            if item is not None:
                weight, members = weight[item], members[item]
        said: Said = self.network(x)
        total = (surprise(said.logits, soft) * weight).sum() / len(x)
        if said.experts is None or said.inside is None:
            return total
        apart = surprise(said.experts, soft[:, None].expand_as(said.experts)) * members
        apart = (apart * weight[:, None]).sum() / len(x)
        inside = binary_cross_entropy_with_logits(said.inside.float(), members)
        return total + EXPERT_SHARE * (apart / members.shape[1] + inside)

    def _changed(
        self, x: torch.Tensor, soft: torch.Tensor, rows: Ints, seed: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Change a batch: pictures, soft labels, and of which item each is where that moved."""
        # drawn on the CPU, where the same seed gives the same numbers everywhere
        generator = torch.Generator().manual_seed(seed)
        if isinstance(self.augment, Uncertain):
            hardest = self.augment(x, soft, self._losses, generator)
            return hardest.pictures, hardest.labels, hardest.item
        if isinstance(self.augment, Transformation):
            at = torch.from_numpy(rows)
            return *self.augment.with_labels(x, soft, generator, rows=at), None
        assert self.augment is not None
        return self.augment(x, generator), soft, None

    def _losses(self, x: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
        """Tell what the model loses on each picture as it is now."""
        self.network.eval()
        with torch.no_grad():
            found = surprise(self.network(x).logits, soft)
        self.network.train()
        return found

    def probe(self) -> Mapping[str, float]:
        """Mean surprise on the left-out rows."""
        if not len(self.held):
            return {}
        logits = logits_of(self.network, self.given.x, self.held)
        weight = self.weight[self.held]
        loss = surprise(logits, self.soft[self.held])
        found = float((loss * weight).sum() / weight.sum())
        return {HELD_OUT: found, MEASURE: -found}


def logits_of(network: torch.nn.Module, x: NDArray[Any], rows: Ints) -> torch.Tensor:
    """Apply a network to some items, a part at a time: (m, k) on the CPU."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        parts = [
            network(tensor_of(x, rows[at : at + AT_ONCE], device)).logits.float().cpu()
            for at in range(0, len(rows), AT_ONCE)
        ]
    return torch.cat(parts)
