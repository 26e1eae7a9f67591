"""Items that a transformation is tried on: their labels, groups and folds, and their vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vquery.errors import LabelError, LearnError
from vquery.learn.core.pictures import ALONE, Pictures
from vquery.learn.core.values import whole
from vquery.metrics.confident import folds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

AT_ONCE = 256
FEW = 20
"""Groups up to which each is a fold of its own."""
MOST = 2_000
"""Items, drawn once, that are looked at; more would change little and cost much."""


@dataclass(frozen=True, eq=False)
class Items:
    """Items with a label.

    Attributes
    ----------
    x : float (n, 3, h, w) or (n, d)
        Pictures or vectors.
    classes : tuple of str
    code, group, fold : int64 (n,)
        Class, what is never both learnt from and asked about, and the fold of that.
    unlabelled, left_out : int
        Items without a label, and those that were not drawn.
    of : str
        What groups are.
    """

    x: torch.Tensor
    classes: tuple[str, ...]
    code: Ints
    group: Ints
    fold: Ints
    unlabelled: int
    left_out: int
    of: str


def items_of(x: Any, labels: Any, groups: Any, folds: int, seed: int) -> Items:
    """Read items; see `vquery.learn.augment.keeping.is_label_preserving`."""
    whole("folds", folds, 2)
    whole("seed", seed, 0)
    shown = x if isinstance(x, Pictures) else _tensor(x)
    said = np.array([None if _nothing(one) else str(one) for one in labels], object)
    if said.shape != (len(shown),):
        raise LabelError(f"labels must be {len(shown)}, one an item; got {len(said)}")
    labelled = np.flatnonzero([one is not None for one in said])
    rows = labelled
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    classes, code = np.unique(said[rows].astype(str), return_inverse=True)
    if len(classes) < 2:
        raise LabelError(
            f"to tell whether labels move there must be two classes; got {classes.tolist()}"
        )
    group, of = _groups(shown, groups, rows, folds)
    count = int(group.max()) + 1
    # of few groups each is asked about by itself, lest all of a rare class fall into one fold
    number = count if count <= max(FEW, folds) else folds
    if count < 2:
        raise LearnError(f"all {len(rows)} labelled items are of one of the {of}: label another's")
    return Items(
        shown.tensor(rows) if isinstance(shown, Pictures) else shown[rows],
        tuple(classes.tolist()),
        code.astype(np.int64),
        group,
        np.asarray(folds_of(group, number)),
        len(said) - len(labelled),
        len(labelled) - len(rows),
        of,
    )


def _nothing(label: Any) -> bool:
    return label is None or bool(label != label)  # NaN, as tables write what is missing


def _tensor(x: Any) -> torch.Tensor:
    found = x if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))
    if found.ndim not in (2, 4) or not found.is_floating_point():
        raise LearnError(
            "x must be pictures, float (n, 3, height, width) from 0 to 1, or embeddings, float "
            f"(n, d); got {found.dtype} {tuple(found.shape)}"
        )
    return found.float()


def _groups(x: Any, given: Any, rows: Ints, folds: int) -> tuple[Ints, str]:
    """Give each of some rows the number of its group, and tell of what groups are."""
    if given is not None:
        names, of = np.asarray(given), "groups"
        if names.shape != (len(x),):
            raise LearnError(f"groups must be {len(x)}, one an item; got shape {names.shape}")
    elif not isinstance(x, Pictures):
        names, of = np.arange(len(x)), "items"
    elif len(np.unique(x.video[rows])) >= folds:
        names, of = x.video, "videos"
    else:
        own = np.where(x.track == ALONE, ALONE - 1 - np.arange(len(x)), x.track)
        pairs = np.stack([x.video, own], 1)
        names = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
        of = "tracks"
    return np.unique(names[rows], return_inverse=True)[1].astype(np.int64), of


@dataclass(frozen=True, eq=False)
class Asked:
    """Makes vectors of transformed items, ``draws`` times each."""

    items: Items
    embed: Callable[[torch.Tensor], torch.Tensor]
    draws: int
    seed: int

    def plain(self) -> Floats:
        """Make vectors (n, d) of items as they are."""
        return self._vectors(lambda x, _: x, torch.Generator())

    def under(self, tf: Change, number: int) -> Floats:
        """Make vectors (draws, n, d) of transformed items; ``number`` seeds them."""
        state = np.random.SeedSequence([self.seed, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        return np.stack([self._vectors(tf, generator) for _ in range(self.draws)])

    def _vectors(self, tf: Change, generator: torch.Generator) -> Floats:
        with torch.no_grad():
            parts = [
                self.embed(_same_size(part, tf(part, generator)))
                for part in torch.split(self.items.x, AT_ONCE)
            ]
            made = torch.cat(parts).double().cpu().numpy()
        if made.ndim != 2 or len(made) != len(self.items.code) or not np.isfinite(made).all():
            raise LearnError(
                f"embed must give a finite vector an item, ({len(self.items.code)}, d); got shape "
                f"{made.shape}{'' if np.isfinite(made).all() else ' with NaN or infinity'}"
            )
        return made


def _same_size(given: torch.Tensor, made: Any) -> torch.Tensor:
    if not isinstance(made, torch.Tensor) or len(made) != len(given):
        said = tuple(made.shape) if isinstance(made, torch.Tensor) else type(made).__name__
        raise LearnError(f"the transformation must give {len(given)} items for as many, got {said}")
    return made
