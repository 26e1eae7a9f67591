"""End models on disk: safetensors with their classes, options and temperature."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.checkpoints import NETWORK
from vquery.learn.ends import nets
from vquery.learn.ends.model import EndModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEPT = ("classes", "temperature", "calibrated", "options")
PLAIN = (str, int, float, bool, type(None))


def save(model: EndModel, path: Path, *, told: Mapping[str, Any] | None = None) -> None:
    """Write a model, with more that is to be known of it."""
    if not model.classes_:
        raise LearnError("this EndModel is not trained yet: call fit(X, P)")
    odd = next((one for one in model.classes_ if not isinstance(one, PLAIN)), None)
    if odd is not None:
        raise LearnError(f"classes that are kept must be texts or numbers, got {odd!r}")
    notes = {
        "classes": list(model.classes_),
        "temperature": model.temperature_,
        "calibrated": model.calibrated_,
        "options": options_of(model),
        **(told or {}),
    }
    tensors = {NETWORK + n: one for n, one in model.network_.state_dict().items()}
    checkpoints.save(path, model.architecture_, tensors, notes)


def options_of(model: EndModel) -> dict[str, Any]:
    """Return how a model is made, as plain values."""
    return {name: _plain(one) for name, one in asdict(model.options).items()}


def told_of(path: Path) -> dict[str, Any]:
    """Read what was noted with a model, without its network."""
    return dict(checkpoints.load(path).told)


def load(path: Path, *, device: str | None = None) -> EndModel:
    """Read a model; see `EndModel.load`."""
    saved = checkpoints.load(path)
    told, values = saved.told, saved.architecture.values
    if saved.architecture.kind not in (nets.VECTORS, nets.PICTURES) or not all(
        name in told for name in KEPT
    ):
        raise LearnError(f"{path}: holds {saved.architecture}, which is no end model")
    classes, degree = told["classes"], told["temperature"]
    if not _are_classes(classes, values.get("classes")):
        raise LearnError(f"{path}: is damaged: it tells {values.get('classes')} classes apart, and "
                         f"names {classes!r}")  # fmt: skip
    if not (isinstance(degree, int | float) and 0 < degree < math.inf):
        raise LearnError(f"{path}: is damaged: its temperature is {degree!r}")
    try:
        options = dict(told["options"])
        options |= {name: tuple(options[name]) for name in ("hidden", "blocks")}
        model = EndModel(**{**options, "device": device, "balance": None})
    except (KeyError, TypeError, ValueError, LearnError) as error:
        raise LearnError(f"{path}: is damaged: its options cannot be read ({error})") from error
    model.network_ = saved.network()
    model.architecture_ = saved.architecture
    model.classes_, model.temperature_ = tuple(classes), float(degree)
    model.calibrated_, model.notes_ = bool(told["calibrated"]), ()
    return model


def _are_classes(found: Any, number: Any) -> bool:
    plain = isinstance(found, list) and all(isinstance(one, PLAIN) for one in found)
    return plain and len(set(found)) == len(found) == number


def _plain(value: Any) -> Any:
    """Make JSON of numbers of NumPy, and of the names of classes."""
    if isinstance(value, dict):
        return {str(name): float(share) for name, share in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
