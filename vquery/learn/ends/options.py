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
        if self.patience is not None:
            whole("patience", self.patience, 1)
        for name, low in (("folds", 2), ("batch", 2), ("epochs", 1), ("width", 1), ("seed", 0)):
            whole(name, getattr(self, name), low)
        for name in ("hidden", "blocks"):
            given = getattr(self, name)
            if not isinstance(given, tuple | list) or not given:
                raise LearnError(f"{name}= must be one or more whole numbers, got {given!r}")
            for one in given:
                whole(name, one, 1)
        for name in ("rate", "slice_weight", "penalty", "minutes"):
            value = getattr(self, name)
            if not (value is None and name in ("penalty", "minutes")):
                above(name, value)
        if not (isinstance(self.decay, int | float) and 0 <= self.decay < np.inf):
            raise LearnError(f"decay= must be at least 0, got {self.decay!r}")
        if not (isinstance(self.dropout, int | float) and 0 <= self.dropout < 1):
            raise LearnError(f"dropout= is a share from 0 to below 1, got {self.dropout!r}")


def whole(name: str, value: object, low: int) -> None:
    """Refuse what is no whole number from ``low`` on.

    >>> whole("epochs", 1.5, 1)
    Traceback (most recent call last):
    vquery.errors.LearnError: epochs= must be a whole number of at least 1, got 1.5
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise LearnError(f"{name}= must be a whole number of at least {low}, got {value!r}")


def above(name: str, value: object) -> None:
    """Refuse what is no finite number above 0.

    >>> above("rate", float("nan"))
    Traceback (most recent call last):
    vquery.errors.LearnError: rate= must be above 0, got nan
    """
    if not (isinstance(value, int | float) and 0 < value < np.inf):
        raise LearnError(f"{name}= must be above 0, got {value!r}")
