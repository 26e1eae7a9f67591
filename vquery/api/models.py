"""Model weights as the command line shows them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from vquery.media import models

if TYPE_CHECKING:
    from pathlib import Path


def listing() -> list[dict[str, Any]]:
    """List known weights: where each was found, or how to get it."""
    return [dataclasses.asdict(one) for one in models.listing()]


def get(name: str, to: Path | None = None) -> Path:
    """Download known weights, check them, and return where they are."""
    return models.get(name, to)
