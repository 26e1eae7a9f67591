"""Bounds of rows for the oracle: overlap, order, relations, hulls, what remains of a cut."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = dict[str, Any]
INF = math.inf


def usual(row: Row) -> tuple[Any, ...]:
    """Sort key of the usual order; rows without a box come last."""
    edges = (row.get(name) for name in ("x1", "x2", "y1", "y2"))
    bounds = (INF if edge is None else edge for edge in edges)
    return row["video"], row["start_us"], row["end_us"], *bounds


def by_video(rows: list[Row]) -> dict[Any, list[Row]]:
    """Rows of each video in order: no others can be partners, so many videos stay affordable."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["video"]].append(row)
    return found


def overlap(a: Row, b: Row) -> bool:
    """Whether two rows share time; an instant is one microsecond long."""
    last_a = max(a["end_us"], a["start_us"] + 1)
    last_b = max(b["end_us"], b["start_us"] + 1)
    return bool(a["start_us"] < last_b and b["start_us"] < last_a)


def related(name: str, a: tuple[Any, Any], b: tuple[Any, Any], given: Mapping[str, Any]) -> bool:
    """Whether a relation holds between the ends of two spans; ``given`` has its distances."""
    (a1, a2), (b1, b2) = a, b
    near, low, high = given["tolerance"], given["min_gap"], given["max_gap"]
    relations = {
        "time_overlaps": a1 < b2 and b1 < a2,
        "before": low <= b1 - a2 <= high,
        "after": low <= a1 - b2 <= high,
        "meets": abs(a2 - b1) <= near,
        "met_by": abs(b2 - a1) <= near,
        "overlaps": a1 < b1 < a2 < b2,
        "overlapped_by": b1 < a1 < b2 < a2,
        "starts": abs(a1 - b1) <= near and a2 < b2,
        "started_by": abs(a1 - b1) <= near and b2 < a2,
        "finishes": abs(a2 - b2) <= near and a1 > b1,
        "finished_by": abs(a2 - b2) <= near and b1 > a1,
        "during": a1 > b1 and a2 < b2,
        "contains": b1 > a1 and b2 < a2,
        "equals": a1 == b1 and a2 == b2,
    }
    return bool(relations[name])


def placed(name: str, a: list[Any], b: list[Any], given: Mapping[str, Any]) -> bool:
    """Whether a relation holds between two boxes."""
    relations = {
        "left_of": a[2] < b[0],
        "right_of": a[0] > b[2],
        "above": a[3] < b[1],
        "below": a[1] > b[3],
        "inside": a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3],
        "encloses": a[0] <= b[0] and a[1] <= b[1] and a[2] >= b[2] and a[3] >= b[3],
        "boxes_overlap": a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3],
        "iou": iou(a, b) >= np.float32(given.get("at_least", 0)),
        "aligned": abs(a[1] - b[1]) <= np.float32(given.get("within", 0)),
    }
    return bool(relations[name])


def area(box: list[Any]) -> Any:
    """Area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(a: list[Any], b: list[Any]) -> Any:
    """Intersection over union; 0 where both boxes are empty."""
    zero = np.float32(0)
    width = max(min(a[2], b[2]) - max(a[0], b[0]), zero)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), zero)
    total = area(a) + area(b) - width * height
    return width * height / total if total > 0 else zero


def merged_box(ways: tuple[str, str], given: list[list[Any]]) -> list[Any] | None:
    """Box of a pair by its ways on x and y, None where a pair has none in common.

    A row without a box takes the other's, except by left and right; half a box is none.
    """
    edges: list[Any] = [None] * 4
    for way, low, high in ((ways[0], 0, 2), (ways[1], 1, 3)):
        sides = {"left": given[:1], "right": given[1:]}.get(way, given)
        spans = [(box[low], box[high]) for box in sides if None not in box]
        starts, stops = [each[0] for each in spans], [each[1] for each in spans]
        if way == "intersection":
            if len(spans) == 2 and (starts[0] >= stops[1] or starts[1] >= stops[0]):
                return None
            starts, stops = [max(starts, default=None)], [min(stops, default=None)]
        edges[low], edges[high] = min(starts, default=None), max(stops, default=None)
    return [None] * 4 if None in edges else edges


def possible(row: Row) -> bool:
    """Whether a row starts before it ends, and its box too."""
    box: list[Any] = [row.get(name) for name in BOX]
    inverted = None not in box and (box[0] > box[2] or box[1] > box[3])
    return bool(row["start_us"] <= row["end_us"] and not inverted)


def shared(how: str, times: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Merge the times of a pair."""
    (a1, a2), (b1, b2) = times
    if how == "intersection":
        return max(a1, b1), min(a2, b2)
    return {"left": times[0], "right": times[1]}.get(how, (min(a1, b1), max(a2, b2)))


def remains(piece: Row, cut: Row) -> list[Row]:
    """Cut the time of a row out of another."""
    if not overlap(piece, cut):
        return [piece]
    before = piece | {"end_us": cut["start_us"]}
    after = piece | {"start_us": cut["end_us"]}
    return [part for part in (before, after) if part["start_us"] < part["end_us"]]


def hull(members: list[Row], score: Callable[..., Any]) -> Row:
    """Bounds around rows, and their highest or lowest score."""
    ways: dict[str, Callable[..., Any]] = dict.fromkeys(("start_us", "x1", "y1"), min)
    ways |= dict.fromkeys(("end_us", "x2", "y2"), max)
    ways["score"] = score
    result = {}
    for name, way in ways.items():
        if name in members[0]:
            values = [row[name] for row in members if row[name] is not None]
            result[name] = way(values, default=None)
    return result
