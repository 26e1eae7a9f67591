"""Curves as event files of TensorBoard, where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write(folder: Path, curves: Sequence[dict[str, Any]]) -> None:
    """Write one scalar for each number of each row, by part; older files are removed."""
    from torch.utils.tensorboard import SummaryWriter

    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    writer: Any = SummaryWriter(str(folder))
    try:
        for at, row in enumerate(curves):
            step = int(row.get("epoch", at))
            for name, value in row.items():
                if name not in ("part", "epoch") and isinstance(value, int | float):
                    writer.add_scalar(f"{row['part']}/{name}", value, step)
    finally:
        writer.close()
