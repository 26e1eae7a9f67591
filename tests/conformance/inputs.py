"""What the cases of conformance are given, as relations, predicates and conditions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from vquery.engine.sources import from_arrow
from vquery.expr import boxes, time
from vquery.expr.placeholders import row
from vquery.expr.predicates import same

BOX = {"x1": 0.0, "x2": 1.0, "y1": 0.0, "y2": 1.0}
KEY = "v"  # the video of cases that are not keyed


def keyed(given: Any) -> dict[str, list[dict[str, Any]]]:
    if isinstance(given, dict) and "t1" not in given and not set(given) & set(BOX):
        return given
    return {KEY: given if isinstance(given, list) else [given]}


def relation(given: Any):
    """Intervals of a case; spans and boxes default to the unit."""
    by_key = keyed(given)
    rows = [(key, each) for key, items in by_key.items() for each in items]
    payloads = [each.get("payload") for _, each in rows]
    whole = any(isinstance(each, int) for each in payloads)
    columns = {
        "video": pa.array([key for key, _ in rows], pa.string()),
        "start": pa.array([float(each.get("t1", 0)) for _, each in rows], pa.float64()),
        "end": pa.array([float(each.get("t2", 1)) for _, each in rows], pa.float64()),
        "payload": pa.array(payloads, pa.int64() if whole else pa.string()),
    }
    for name, default in BOX.items():
        values = [each.get(name, default) for _, each in rows]
        columns[name] = pa.array(values, pa.float32())
    return from_arrow(pa.table(columns))


def predicate(given: dict[str, Any]) -> Any:
    """Predicate of a case as vquery spells it."""
    if "and" in given or "or" in given:
        parts = [predicate(each) for each in given.get("and", given.get("or"))]
        joined = parts[0]
        for part in parts[1:]:
            joined = joined & part if "and" in given else joined | part
        return joined
    if "not" in given:
        return ~predicate(given["not"])
    if "payload" in given:
        return same(row.payload)
    name = given["name"]
    if name in TIME:
        spelled = {"min_dist": "min_gap", "max_dist": "max_gap", "epsilon": "tolerance"}
        settings = {spelled[key]: value for key, value in given.get("kw", {}).items()}
        made = TIME[name](**settings) if settings else TIME[name]
        return made.on(given["axis"].lower()) if given.get("axis") in ("X", "Y") else made
    return BOXES[name] if name in PLAIN_BOXES else BOXES[name](given)


TIME = {
    "overlaps": time.time_overlaps,
    "before": time.before,
    "after": time.after,
    "overlaps_before": time.overlaps,
    "overlaps_after": time.overlapped_by,
    "starts": time.starts,
    "starts_inv": time.started_by,
    "finishes": time.finishes,
    "finishes_inv": time.finished_by,
    "during": time.during,
    "during_inv": time.contains,
    "meets_before": time.meets,
    "meets_after": time.met_by,
    "equal": time.equals,
}


def epsilon(given: dict[str, Any]) -> float:
    return given.get("kw", {}).get("epsilon", 0.1)


def near(name: str):
    """Sizes or edges that differ by less than epsilon."""
    return lambda given: lambda a, b: (a[name] - b[name]).abs() < epsilon(given)


BOXES = {
    "left_of": boxes.left_of,
    "right_of": boxes.right_of,
    "above": boxes.above,
    "inside": boxes.inside,
    "contains": boxes.encloses,
    "iou_at_least": lambda given: boxes.iou(at_least=given["pos"][0]),
    "same_height": near("height"),
    "same_area": near("area"),
    "same_value": lambda given: near(given["pos"][0])(given),
}
PLAIN_BOXES = {"left_of", "right_of", "above", "inside", "contains"}

ONE_ROW = {
    "height_at_least": lambda given: row.height >= given["pos"][0],
    "width_at_most": lambda given: row.width <= given["pos"][0],
    "area_between": lambda given: row.area.between(*given["pos"]),
    "position": lambda given: position(given),
}


LENGTHS = {
    "length_exactly": lambda given: row.payload.length() == given["pos"][0],
    "length_at_least": lambda given: row.payload.length() >= given["pos"][0],
    "length_at_most": lambda given: row.payload.length() <= given["pos"][0],
}


def one_list(payload: list[Any]) -> Any:
    """One interval whose payload is a list."""
    table = {"video": [KEY], "start": [0.0], "end": [1.0], "payload": pa.array([payload])}
    return from_arrow(pa.table(table))


def position(given: dict[str, Any]) -> Any:
    edges = zip(("x1", "y1", "x2", "y2"), given["pos"], strict=True)
    first, *rest = [(row[name] - value).abs() < epsilon(given) for name, value in edges]
    for each in rest:
        first = first & each
    return first
