"""How an end model is made, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vquery.errors import LearnError
from vquery.learn.core.networks import BLOCKS

if TYPE_CHECKING:
    from vquery.learn.ends.targets import Balance

Kind = Literal["linear", "mlp", "network"]
KINDS = ("linear", "mlp", "network")
HEADS, WEIGHTS = "heads", "weights"


@dataclass(frozen=True)
class Options:
    """How an end model is made; see `EndModel`."""

    kind: Kind = "linear"
    hidden: tuple[int, ...] = (128,)
    width: int = 16
    blocks: tuple[int, ...] = BLOCKS
    dropout: float = 0.2
    penalty: float | None = None
    epochs: int = 60
    rate: float = 2e-3
    decay: float = 1e-2
    batch: int = 64
    patience: int | None = 10
    balance: Balance = None
    slices_as: Literal["heads", "weights"] = "heads"
    slice_weight: float = 2.0
    folds: int = 5
    calibrate: bool = True
    minutes: float | None = None
    device: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LearnError(f"kind= must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.slices_as not in (HEADS, WEIGHTS):
            raise LearnError(f"slices_as= must be 'heads' or 'weights', got {self.slices_as!r}")
        for name, low in (("folds", 2), ("batch", 2)):
            if not isinstance(getattr(self, name), int | np.integer) or getattr(self, name) < low:
                raise LearnError(f"{name}= must be at least {low}, got {getattr(self, name)!r}")
        if self.penalty is not None and not 0 < self.penalty < np.inf:
            raise LearnError(f"penalty= must be above 0, got {self.penalty!r}")
        if not 0 < self.slice_weight < np.inf:
            raise LearnError(f"slice_weight= must be above 0, got {self.slice_weight!r}")
        if not 0 <= self.dropout < 1:
            raise LearnError(f"dropout= is a share from 0 to below 1, got {self.dropout!r}")
