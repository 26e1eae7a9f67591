"""YOLO: ``labels/SPLIT/VIDEO/FRAME.txt`` with ``class cx cy width height``, and ``data.yaml``.

Every picture has a text file. Only frames with at least one labelled box are written: an empty
file would say "nothing here", which nobody has checked. Class names stand in ``data.yaml`` alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vquery.export.folder import write_bytes
from vquery.export.items import SPLITS, by_frame, picture_file, picture_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from vquery.export.items import Labelled
    from vquery.export.report import Written


def write_yolo(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write the text files of every split and ``data.yaml``."""
    numbers = {label: i for i, label in enumerate(labelled.classes)}
    for split, items in labelled.splits():
        for (video, frame), rows in by_frame(items):
            lines = [_line(numbers[row["label"]], row["box"]) for row in rows]
            name = picture_file(frame).removesuffix(".jpg")
            path = folder / "labels" / split / picture_folder(video) / f"{name}.txt"
            write_bytes(path, "".join(lines).encode())
        written.add(split, items)
    write_bytes(folder / "data.yaml", data_yaml(labelled.classes, written.by_split).encode())


def _line(number: int, box: list[float]) -> str:
    x1, y1, x2, y2 = box
    return f"{number} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n"


def data_yaml(classes: Sequence[str], splits: Collection[str]) -> str:
    r"""Write ``data.yaml``. It names no ``path``: readers then start from its own folder.

    >>> print(data_yaml(["O'Neil: \"x\"", "Zoë"], ["train"]))
    train: images/train
    val: images/train  # no video was left for val: this is not held out
    names:
      0: "O'Neil: \"x\""
      1: "Zoë"
    """
    lines = [f"{split}: images/{split}" for split in SPLITS if split in splits]
    if "val" not in splits and "train" in splits:
        # readers insist on both; a stand-in that is said beats a file that does not load
        lines.append("val: images/train  # no video was left for val: this is not held out")
    lines.append("names:")
    lines += [f"  {i}: {_quoted(label)}" for i, label in enumerate(classes)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    r"""Write a YAML string: as in JSON, but what cannot be printed is escaped by its code.

    >>> _quoted("a\u2028b\x7f")
    '"a\\U00002028b\\U0000007f"'
    """
    return "".join(
        character if character.isprintable() else f"\\U{ord(character):08x}"
        for character in json.dumps(text, ensure_ascii=False)
    )
