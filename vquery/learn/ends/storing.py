"""End models on disk: safetensors with their classes, options and temperature."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
    options = asdict(model.options)
    if isinstance(options["balance"], dict):
        options["balance"] = {str(name): share for name, share in options["balance"].items()}
    notes = {
        "classes": list(model.classes_),
        "temperature": model.temperature_,
        "calibrated": model.calibrated_,
        "options": options,
        **(told or {}),
    }
    tensors = {NETWORK + n: one for n, one in model.network_.state_dict().items()}
    checkpoints.save(path, model.architecture_, tensors, notes)


def told_of(path: Path) -> dict[str, Any]:
    """Read what was noted with a model, without its network."""
    return dict(checkpoints.load(path).told)


def load(path: Path, *, device: str | None = None) -> EndModel:
    """Read a model; see `EndModel.load`."""
    saved = checkpoints.load(path)
    if saved.architecture.kind not in (nets.VECTORS, nets.PICTURES) or not all(
        name in saved.told for name in KEPT
    ):
        raise LearnError(f"{path}: holds {saved.architecture}, which is no end model")
    options = dict(saved.told["options"])
    for name in ("hidden", "blocks"):
        options[name] = tuple(options[name])
    model = EndModel(**{**options, "device": device, "balance": None})
    model.network_ = saved.network()
    model.architecture_ = saved.architecture
    model.classes_ = tuple(saved.told["classes"])
    model.temperature_ = float(saved.told["temperature"])
    model.calibrated_ = bool(saved.told["calibrated"])
    model.notes_ = ()
    return model
