"""YOLO: ``labels/SPLIT/VIDEO/FRAME.txt`` with ``class cx cy width height``, and ``data.yaml``.

Every picture has a text file. Only frames with at least one labelled box are written: an empty
file would say "nothing here", which nobody has checked. Class names stand in ``data.yaml`` alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from vquery import schema
from vquery.export.folder import write_bytes
from vquery.export.items import SPLITS, picture_name

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from vquery.export.items import Labelled
    from vquery.export.report import Written


def write_yolo(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write the text files of every split and ``data.yaml``."""
    numbers = {label: i for i, label in enumerate(labelled.classes)}
    for split in SPLITS:
        items = labelled.of_split(split)
        for video in pc.unique(items["video"]).to_pylist():
            mine = items.filter(pc.equal(items["video"], video))
            for frame, lines in _lines(mine, numbers, written, split).items():
                name = picture_name(video, frame).removesuffix(".jpg")
                text = "".join(f"{line}\n" for line in lines)
                write_bytes(folder / "labels" / split / f"{name}.txt", text.encode())
    write_bytes(folder / "data.yaml", _yaml(labelled).encode())


def _lines(
    items: pa.Table, numbers: dict[str, int], written: Written, split: str
) -> dict[int, list[str]]:
    corners = np.stack([items[name].to_numpy() for name in schema.BOX], axis=1).astype(float)
    x1, y1, x2, y2 = np.clip(corners, 0, 1).T
    values = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    found: dict[int, list[str]] = {}
    for frame, label, (cx, cy, width, height) in zip(
        items["frame"].to_pylist(), items["label"].to_pylist(), values.tolist(), strict=True
    ):
        if width <= 0 or height <= 0:
            written.skip("box without area inside the picture")
            continue
        line = f"{numbers[label]} {cx:.6f} {cy:.6f} {width:.6f} {height:.6f}"
        found.setdefault(frame, []).append(line)
        written.count(split, 1)
    return found


def _yaml(labelled: Labelled) -> str:
    """Write ``data.yaml``; JSON strings are YAML strings, whatever is in a label."""
    present = set(pc.unique(labelled.items["split"]).to_pylist())
    lines = ["path: ."]
    lines += [f"{split}: images/{split}" for split in SPLITS if split in present]
    if "val" not in present:
        lines.append("val: images/train  # one video only: there is nothing to hold out")
    lines += ["names:"]
    lines += [
        f"  {i}: {json.dumps(label, ensure_ascii=False)}"
        for i, label in enumerate(labelled.classes)
    ]
    return "\n".join(lines) + "\n"
