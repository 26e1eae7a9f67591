"""Joins, minus and what tells of partners, for the oracle: nested loops over both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.reference.bounds import Row, by_video, merged_box, overlap, shared, usual
from vquery.expr import pairs, partners
from vquery.expr.time import AXES
from vquery.schema import BOX, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.reference.oracle import Reference
    from vquery.expr.relations import Relation

    Ends = tuple[Any, Any]


def join(reference: Reference, node: pairs.Join) -> list[Row]:
    """Nested loops over both sides."""
    right = by_video(reference.rows(node.right))
    result = []
    for row in reference.rows(node.left):
        partners = [
            other for other in right[row["video"]] if reference.partners(node.predicate, row, other)
        ]
        result += merged_with(reference, node, row, partners)
    return result


def merged_with(reference: Reference, node: Any, row: Row, partners: list[Row]) -> list[Row]:
    """Rows of one left row; a left join keeps it where there would be none."""
    made = [merged(reference, node, row, other) for other in partners]
    there = [each for each in made if each is not None]
    return there if there or node.how == "inner" else [alone(node, row)]


def merged(reference: Reference, node: Any, a: Row, b: Row) -> Row | None:
    """Row of a pair, None where the merge operation finds nothing shared."""
    times = [(row["start_us"], row["end_us"]) for row in (a, b)]
    if node.merge.time == "intersection" and not overlap(a, b):
        return None
    bounds = dict(zip(("start_us", "end_us"), shared(node.merge.time, times), strict=True))
    box = merged_box(
        (node.merge.x, node.merge.y), [[row.get(edge) for edge in BOX] for row in (a, b)]
    )
    if box is None:
        return None
    bounds |= dict(zip(BOX, box, strict=True))
    row = {}
    for output in node.outputs:
        name = output.field.name
        if output.side is not None:
            row[name] = {"left": a, "right": b}[output.side][output.source]
        elif name in node.computed:
            row[name] = reference.value(node.computed[name], {"left": a, "right": b})
        elif name in bounds:
            row[name] = bounds[name]
        else:
            row[name] = distance(a, b) / US_PER_S
    return row


def alone(node: Any, row: Row) -> Row:
    """Left row without a partner: what is its own, and null."""
    return {
        output.field.name: None if output.side == "right" else row.get(output.source)
        for output in node.outputs
    }


def distance(a: Row, b: Row) -> int:
    """Microseconds between two rows, 0 where one reaches to the other."""
    return int(max(b["start_us"] - a["end_us"], a["start_us"] - b["end_us"], 0))


def nearest(reference: Reference, node: partners.Nearest) -> list[Row]:
    """Sort all right rows by their distance from each left row."""
    right = by_video(sorted(reference.rows(node.right), key=usual))
    result = []
    for row in reference.rows(node.left):
        farthest = None if node.max_gap is None else reference.seconds(node.max_gap, row)
        near = [
            other
            for other in right[row["video"]]
            if comparable(row, other, node.by)
            and (node.overlap if overlap(row, other) else lies(node.direction, row, other))
            and (farthest is None or distance(row, other) <= farthest)
        ]
        near.sort(key=lambda other: distance(row, other))
        result += merged_with(reference, node, row, near[: reference.value(node.k, {})])
    return result


def lies(direction: str, a: Row, b: Row) -> bool:
    """Whether a right row lies on the side that is asked for."""
    sides = {"after": b["start_us"] >= a["end_us"], "before": b["end_us"] <= a["start_us"]}
    return bool(sides.get(direction, True))


def comparable(a: Row, b: Row, by: tuple[str, ...]) -> bool:
    """Whether two rows are of one video and equal in some columns; null equals nothing."""
    return all(a[name] is not None and a[name] == b[name] for name in ("video", *by))


def ends(row: Row, axis: str) -> Ends:
    """Start and end of a row on an axis."""
    start, end = AXES[axis]
    return row[start], row[end]


def overlap_on(axis: str, a: Row, b: Row) -> bool:
    """Whether two rows share something on an axis."""
    if axis == "time":
        return overlap(a, b)
    (a1, a2), (b1, b2) = ends(a, axis), ends(b, axis)
    return None not in (a1, b1) and bool(a1 < b2 and b1 < a2)


def cutters(reference: Reference, node: Any, row: Row, right: dict[Any, list[Row]]) -> list[Ends]:
    """Find what covers part of a left row: ends of right rows that have a length."""
    axis = getattr(node, "axis", "time")
    predicate = getattr(node, "predicate", None)
    return [
        ends(cut, axis)
        for cut in right[row["video"]]
        if overlap_on(axis, row, cut)
        and ends(cut, axis)[0] < ends(cut, axis)[1]
        and comparable(row, cut, node.by)
        and reference.partners(predicate, row, cut)
    ]


def minus(reference: Reference, node: pairs.Minus) -> list[Row]:
    """Left rows cut by one right row after the other."""
    start, end = AXES[node.axis]
    right = by_video(reference.rows(node.right))
    result: list[Row] = []
    for row in reference.rows(node.left):
        pieces = [row]
        for low, high in cutters(reference, node, row, right):
            cut = row | {start: low, end: high}
            pieces = [part for piece in pieces for part in left_over(node.axis, piece, cut)]
        result += pieces
    return result


def left_over(axis: str, piece: Row, cut: Row) -> list[Row]:
    """Parts of a row before and after another."""
    if not overlap_on(axis, piece, cut):
        return [piece]
    start, end = AXES[axis]
    parts = piece | {end: cut[start]}, piece | {start: cut[end]}
    return [part for part in parts if part[start] < part[end]]


def intersect(reference: Reference, node: pairs.Intersect) -> list[Row]:
    """Left rows cut to each of the spans that right rows form together."""
    start, end = AXES[node.axis]
    right = by_video(reference.rows(node.right))
    result = []
    for row in reference.rows(node.left):
        cuts = cutters(reference, node, row, right)
        result += [
            row | {start: low, end: high} for low, high in covered(ends(row, node.axis), cuts)
        ]
    return result


def covered(span: Ends, cuts: list[Ends]) -> list[Ends]:
    """Parts of a span inside the union of others that all overlap it."""
    parts: list[Ends] = []
    for low, high in sorted((max(span[0], low), min(span[1], high)) for low, high in cuts):
        if parts and low <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(parts[-1][1], high))
        else:
            parts.append((low, high))
    return parts


def coverage(reference: Reference, node: partners.Coverage) -> list[Row]:
    """Length of what is covered over the length of the row; an instant is covered or not."""
    right = by_video(reference.rows(node.right))
    result = []
    for row in reference.rows(node.left):
        parts = covered(ends(row, "time"), cutters(reference, node, row, right))
        length = row["end_us"] - row["start_us"]
        total = sum(high - low for low, high in parts)
        share = float(len(parts) > 0) if length == 0 else float(total / length)
        result.append(row | {node.column: np.float64(share)})
    return result


def count_overlaps(reference: Reference, node: partners.CountOverlaps) -> list[Row]:
    """Count the partners of each left row."""
    right = by_video(reference.rows(node.right))
    return [
        row
        | {
            node.column: np.int64(
                sum(reference.partners(node.predicate, row, other) for other in right[row["video"]])
            )
        }
        for row in reference.rows(node.left)
    ]


def collect_by(reference: Reference, node: partners.CollectBy) -> list[Row]:
    """List the partners of each left row."""
    right = by_video(sorted(reference.rows(node.right), key=usual))
    names = [each.name for each in node.fields]
    result = []
    for row in reference.rows(node.left):
        found = [
            {name: other[name] for name in names}
            for other in right[row["video"]]
            if reference.partners(node.predicate, row, other)
        ]
        if found or node.keep_empty:
            result.append(row | {node.column: found})
    return result


STEPS: dict[type[Relation], Callable[[Reference, Any], list[Row]]] = {
    pairs.Join: join,
    pairs.Minus: minus,
    pairs.Intersect: intersect,
    partners.Nearest: nearest,
    partners.CountOverlaps: count_overlaps,
    partners.Coverage: coverage,
    partners.CollectBy: collect_by,
}
