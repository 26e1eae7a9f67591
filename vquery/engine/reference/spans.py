"""The oracle for operations on spans and videos: coalesce, dilate, clip, split and so on."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.reference.bounds import (
    Row,
    by_video,
    hull,
    overlap,
    possible,
    remains,
    usual,
)
from vquery.expr import groups, rekeying, relations, spans
from vquery.expr.time import AXES
from vquery.schema import BOX, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.reference.oracle import Reference
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation


def amount(reference: Reference, value: Expression, axis: str, row: Row) -> Any:
    """Microseconds on time, a float32 on x and y."""
    if axis == "time":
        return reference.seconds(value, row)
    return np.float32(reference.value(value, {}))


def lacks(row: Row, axis: str) -> bool:
    """Whether a row has no place on an axis."""
    return row[AXES[axis][0]] is None


def dilate(reference: Reference, node: relations.Dilate) -> list[Row]:
    """Move starts and ends; leave out what shrinks below nothing; clip."""
    start, end = AXES[node.axis]
    result = []
    for row in reference.rows(node.input):
        by = amount(reference, node.seconds, node.axis, row)
        made = dict(row)
        if not lacks(row, node.axis):
            made[start] = row[start] - by * ("start" in node.sides)
            made[end] = row[end] + by * ("end" in node.sides)
        result.append(made)
    result = [row for row in result if possible(row)]
    if not node.clip:
        return result
    limits = {} if node.extents is None else extents(reference, node.extents)
    picture = (np.float32(0), np.float32(1))
    cut = [clipped(row, node.axis, *limits.get(row["video"], picture)) for row in result]
    return [row for row in cut if row is not None]


def shift(reference: Reference, node: spans.Shift) -> list[Row]:
    """Move both ends."""
    result = []
    for row in reference.rows(node.input):
        by = amount(reference, node.amount, node.axis, row)
        moved = {} if lacks(row, node.axis) else {each: row[each] + by for each in AXES[node.axis]}
        result.append(row | moved)
    return result


def clip(reference: Reference, node: spans.Clip) -> list[Row]:
    """Cut each row to the limits, which may be those of its video."""
    whole = {} if node.extents is None else extents(reference, node.extents)
    result = []
    for row in reference.rows(node.input):
        low, high = whole.get(row["video"], (-math.inf, math.inf))
        if node.start is not None:
            low = amount(reference, node.start, node.axis, row)
        if node.end is not None:
            high = amount(reference, node.end, node.axis, row)
        result.append(clipped(row, node.axis, low, high))
    return [row for row in result if row is not None]


def clipped(row: Row, axis: str, low: Any, high: Any) -> Row | None:
    """Row cut to what lies between two limits, None where that is nothing."""
    if lacks(row, axis):
        return row
    start, end = AXES[axis]
    if axis == "time":
        inside = overlap(row, {"start_us": low, "end_us": high})
    else:
        point = low <= row[start] == row[end] <= high
        inside = (row[start] < high and low < row[end]) or point
    return row | {start: max(row[start], low), end: min(row[end], high)} if inside else None


def extents(reference: Reference, node: Relation) -> dict[Any, tuple[Any, Any]]:
    """From where to where each video goes."""
    return {row["video"]: (row["start_us"], row["end_us"]) for row in reference.rows(node)}


def split(reference: Reference, node: spans.Split) -> list[Row]:
    """Cut off one piece after the other."""
    result = []
    for row in reference.rows(node.input):
        every = reference.seconds(node.every, row)
        rest = dict(row)
        zero = row["start_us"] if node.anchor == "row" else 0
        cut = zero + ((row["start_us"] - zero) // every + 1) * every
        while cut < row["end_us"]:
            result.append(rest | {"end_us": cut})
            rest["start_us"] = cut
            cut += every
        result.append(rest)
    return result


def split_at(reference: Reference, node: spans.SplitAt) -> list[Row]:
    """Cut each row at every start of a row on the right that lies inside."""
    cuts = [(row["video"], row["start_us"]) for row in reference.rows(node.right)]
    result = []
    for row in reference.rows(node.left):
        rest = dict(row)
        for video, cut in sorted(set(cuts)):
            if video == row["video"] and row["start_us"] < cut < row["end_us"]:
                result.append(rest | {"end_us": cut})
                rest["start_us"] = cut
        result.append(rest)
    return result


def windows(reference: Reference, node: spans.SlidingWindows) -> list[Row]:
    """Slide a window through each row until it reaches the end."""
    result = []
    for row in reference.rows(node.input):
        length, step = (reference.seconds(each, row) for each in (node.length, node.step))
        start, reached = row["start_us"], False
        while not reached:
            end = min(start + length, row["end_us"])
            if node.partial or end - start == length:
                result.append(row | {"start_us": start, "end_us": end})
            reached = end == row["end_us"]
            start += step
            reached |= start >= row["end_us"]
    return result


def complement(reference: Reference, node: spans.Complement) -> list[Row]:
    """Cut one row after the other out of what there is."""
    given = [row for row in reference.rows(node.input) if row["start_us"] < row["end_us"]]
    cuts = by_video(given)
    result = []
    for row in reference.rows(node.within):
        pieces = [row]
        for cut in cuts[row["video"]]:
            pieces = [part for piece in pieces for part in remains(piece, cut)]
        result += pieces
    return result


def sample(reference: Reference, node: relations.Sample) -> list[Row]:
    """Give each row, in order, a random number, and keep the smallest of each group."""
    from vquery.engine.reference.oracle import in_order

    rows = reference.rows(node.input)
    ordered = in_order(node.input, rows)
    drawn = zip(np.random.default_rng(node.seed).random(len(rows)), ordered, strict=True)
    members: dict[Any, list[tuple[float, int]]] = {}
    for number, row in drawn:
        members.setdefault(tuple(row[name] for name in node.by), []).append((number, id(row)))
    kept: set[int] = set()
    for group in members.values():
        if node.count is not None:
            wanted = int(reference.value(node.count, {}))
        else:
            wanted = math.floor(reference.value(node.fraction, {}) * len(group) + 0.5)
        kept |= {each for _, each in sorted(group)[:wanted]}
    return [row for row in rows if id(row) in kept]


def concat(reference: Reference, node: rekeying.Concat) -> list[Row]:
    """All rows, videos with the name of their collection before their own."""
    result = []
    for name, each in zip(node.names, node.inputs, strict=True):
        for row in reference.rows(each):
            made = row | {"video": f"{name}/{row['video']}", "collection": name}
            result.append({column: made.get(column) for column in node.schema.names})
    return result


def rekey(reference: Reference, node: rekeying.Rekey) -> list[Row]:
    """Put the key in the place of the video and move the times."""
    result = []
    for row in reference.rows(node.input):
        key, by = (reference.value(each, {None: row}) for each in (node.key, node.shift))
        if key is None or by is None:
            continue
        by = np.int64(math.copysign(math.floor(abs(by) * US_PER_S + 0.5), by))
        moved = {name: row[name] + by for name in AXES["time"]}
        origin = {"from_video": row["video"], "from_shift_us": by}
        result.append(row | moved | {"video": key} | origin)
    return result


def rekey_back(reference: Reference, node: rekeying.RekeyBack) -> list[Row]:
    """Put the video back and move the times back."""
    result = []
    for row in reference.rows(node.input):
        rest = {name: value for name, value in row.items() if name not in rekeying.ORIGIN}
        video, by = (row[name] for name in rekeying.ORIGIN)
        if video is not None and by is not None:
            moved = {name: row[name] - by for name in AXES["time"]}
            result.append(rest | moved | {"video": video})
    return result


def coalesce(reference: Reference, node: groups.Coalesce) -> list[Row]:
    """Go through the rows along the axis; each joins the last opened run that takes it."""
    start, _ = AXES[node.axis]
    rows = sorted(reference.rows(node.input), key=usual)
    runs: list[list[Row]] = [[row] for row in rows if lacks(row, node.axis)]
    placed = sorted((row for row in rows if not lacks(row, node.axis)), key=lambda row: row[start])
    opened: dict[Any, list[list[Row]]] = defaultdict(list)
    for row in placed:
        key = tuple(row[name] for name in ("video", *node.by))
        # what this row does not reach no later one does
        opened[key] = [each for each in opened[key] if reaches(reference, node, each, row)]
        fitting = [members for members in opened[key] if takes(reference, node, members, row)]
        if fitting:
            fitting[-1].append(row)
        else:
            runs.append([row])
            opened[key].append(runs[-1])
    return [one_row(reference, node, members) for members in runs]


def reaches(reference: Reference, node: groups.Coalesce, members: list[Row], row: Row) -> bool:
    """Whether a row starts at most the gap after the end of a run."""
    start, end = AXES[node.axis]
    latest = max(each[end] for each in members)
    return bool(row[start] - latest <= amount(reference, node.gap, node.axis, row))


def takes(reference: Reference, node: groups.Coalesce, members: list[Row], row: Row) -> bool:
    """Whether a run takes one more row that it reaches."""
    start, end = AXES[node.axis]
    if node.max_length is not None:
        length = max(each[end] for each in (*members, row)) - members[0][start]
        if length > amount(reference, node.max_length, node.axis, row):
            return False
    around = {name: hull(members, max)[name] for name in bounds(row)}
    return bool(reference.holds(node.where, members[0] | around, row))


def bounds(row: Row) -> list[str]:
    """Columns of time and box."""
    return [name for name in ("start_us", "end_us", *BOX) if name in row]


def one_row(reference: Reference, node: groups.Coalesce, members: list[Row]) -> Row:
    """First row with the hull, the score by its rule and the aggregates."""
    row = members[0] | {name: hull(members, max)[name] for name in bounds(members[0])}
    if node.score is not None:
        given = [each["score"] for each in members if each["score"] is not None]
        row["score"] = SCORES[node.score](given) if given else None
    row |= {name: reference.value(each, {None: members}) for name, each in node.aggregates}
    return {name: row[name] for name in node.schema.names}


SCORES: dict[str, Callable[[list[Any]], Any]] = {
    "max": max,
    "min": min,
    "mean": lambda given: sum(map(float, given)) / len(given),
    "noisy_or": lambda given: 1 - math.prod(1 - float(each) for each in given),
    "first": lambda given: given[0],
}

STEPS: dict[type[Relation], Callable[[Reference, Any], list[Row]]] = {
    relations.Dilate: dilate,
    relations.Sample: sample,
    spans.Shift: shift,
    spans.Clip: clip,
    spans.Split: split,
    spans.SplitAt: split_at,
    spans.SlidingWindows: windows,
    spans.Complement: complement,
    rekeying.Concat: concat,
    rekeying.Rekey: rekey,
    rekeying.RekeyBack: rekey_back,
    groups.Coalesce: coalesce,
}
