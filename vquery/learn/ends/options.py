"""How an end model is made, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vquery.errors import LearnError
from vquery.learn.core.networks import BLOCKS
from vquery.learn.core.values import is_number, is_whole, positive

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
            _whole("patience", self.patience, 1)
        for name, low in (("folds", 2), ("batch", 2), ("epochs", 1), ("width", 1), ("seed", 0)):
            _whole(name, getattr(self, name), low)
        for name in ("hidden", "blocks"):
            given = getattr(self, name)
            if not isinstance(given, tuple | list) or not given:
                raise LearnError(f"{name}= must be one or more whole numbers, got {given!r}")
            for one in given:
                _whole(name, one, 1)
        for name in ("rate", "slice_weight", "penalty", "minutes"):
            value = getattr(self, name)
            if not (value is None and name in ("penalty", "minutes")):
                positive(f"{name}=", value)
        if not (is_number(self.decay) and self.decay >= 0):
            raise LearnError(f"decay= must be at least 0, got {self.decay!r}")
        if not (is_number(self.dropout) and 0 <= self.dropout < 1):
            raise LearnError(f"dropout= is a share from 0 to below 1, got {self.dropout!r}")


def _whole(name: str, value: object, low: int) -> None:
    if not (is_whole(value) and value >= low):
        raise LearnError(f"{name}= must be a whole number of at least {low}, got {value!r}")
