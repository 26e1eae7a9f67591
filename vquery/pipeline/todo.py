"""The file that a person fills in, and beside it its round and what was thought before."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.api.propagation.suggesting import to_fill_in
from vquery.errors import LabelError
from vquery.ingest.seeds import OPEN

if TYPE_CHECKING:
    from pathlib import Path

LABEL = "label"
NOTHING: dict[str, Any] = {"mark": "", "best": {}}


def write(path: Path, rows: pa.Table, mark: str) -> None:
    """Write suggestions with a "?" for each label, and what they are known by."""
    if "reason" in rows.column_names:
        table = to_fill_in(rows)
    else:
        open_ = pa.array([OPEN] * rows.num_rows, pa.string())
        table = rows.select(["detection_id", "video"]).add_column(1, LABEL, open_)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow(["" if one is None else one for one in row.values()])
    ids, best = rows["detection_id"].to_pylist(), rows["best"].to_pylist()
    kept = {"mark": mark, "best": dict(zip(map(str, ids), best, strict=True))}
    path.with_suffix(".json").write_text(json.dumps(kept), encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Read which round is asked about, and what was thought of each detection."""
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NOTHING
    return found if isinstance(found, dict) and set(found) == set(NOTHING) else NOTHING


def filled(path: Path) -> dict[int, str | None]:
    """Read the labels that a person filled in; an empty one says "none of them".

    Raises
    ------
    LabelError
        If the file is gone or no such table, or has lost its columns, or an id is none: with the
        line.
    """
    found: dict[int, str | None] = {}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise LabelError(
            f"{path}: cannot be read: {error}. It is a table of commas in UTF-8; delete the .json "
            "beside it to be asked anew"
        ) from None
    for line, row in enumerate(rows, 2):
        try:
            number, label = int(row["detection_id"]), row[LABEL].strip()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise LabelError(
                f"{path}, row {line}: needs detection_id and label, separated by commas"
            ) from None
        if label != OPEN:
            found[number] = label or None
    return found
