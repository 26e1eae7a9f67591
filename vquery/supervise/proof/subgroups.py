"""One figure for each part of the data, beside the rest of it, and which parts are worst."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.metrics.bootstrap import ends, plain
from vquery.schema import US_PER_S
from vquery.supervise.proof.rows import MOST_GROUPS
from vquery.supervise.proof.sums import Draws, Sums, item_sums, segment_sums, whole
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vquery.supervise.proof.figures import Figure
    from vquery.supervise.proof.rows import Judgements

    Floats = NDArray[np.float64]
    Members = NDArray[np.bool_]

LEAST_ITEMS = 10
"""Items with a known truth that a slice needs to be compared with the rest."""
LEAST_GROUPS = 3
"""Groups that a slice and the rest each need: of two, a spread says next to nothing."""
MOST_VALUES = 20
"""Values of a column that make slices of their own when slices are looked for; numbers with more
are cut at their quartiles, texts with more are passed over."""
MOST_PAIRED = 30
"""Slices, the worst ones, whose pairs are looked at: at most 435 pairs."""
TIMES = ("start_us", "end_us")
SCHEMA = pa.schema(
    [
        ("slice", pa.string()),
        ("items", pa.int64()),
        ("positives", pa.int64()),
        ("groups", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("difference", pa.float64()),
        ("difference_low", pa.float64()),
        ("difference_high", pa.float64()),
        ("p", pa.float64()),
        ("worse", pa.bool_()),
    ]
)


class Measured(NamedTuple):
    """What a table of slices is made from."""

    rows: Judgements
    segments: Sums
    tious: tuple[float, ...]
    draws: Draws
    figure: Figure
    level: float


def subgroups(measured: Measured, slices: Mapping[str, Members]) -> pa.Table:
    """Measure each slice and what it lacks beside the rest of the items.

    Returns
    -------
    pyarrow.Table
        In the order of ``slices``: ``items`` with a known truth, ``positives`` among them,
        ``groups`` that they lie in, ``value`` with its interval; ``difference`` to all other items
        with its interval, from the same draws of groups; ``p`` that there is no difference, by
        Student's t with as many groups as the smaller side has, adjusted for the number of slices
        (Y. Benjamini, Y. Hochberg 1995); and ``worse``, whether the slice is worse at that level.
        The last five are null where a side has fewer than 10 items or 3 groups. Figures of
        segments need slices of whole groups, such as videos; elsewhere they are null.
    """
    lines = [_line(measured, name, members) for name, members in slices.items()]
    _adjust(lines, measured)
    return pa.Table.from_pylist(lines, schema=SCHEMA)


def _line(measured: Measured, name: str, members: Members) -> dict[str, Any]:
    rows = measured.rows
    sides = [rows.known & members, rows.known & ~members]
    inside, outside = (_sums(measured, side) for side in sides)
    value = _value(measured, whole(inside))
    drawn = _value(measured, measured.draws.totals(inside))
    line: dict[str, Any] = {
        "slice": name,
        "items": int(sides[0].sum()),
        "positives": int(np.isin(rows.truth[sides[0]], rows.positive).sum()),
        "groups": len(np.unique(rows.group[sides[0]])),
        "value": plain(value[0]),
    }
    if line["groups"] >= LEAST_GROUPS:
        line["low"], line["high"], _ = ends(drawn, measured.level)
    fewest = min(line["groups"], len(np.unique(rows.group[sides[1]])))
    if fewest < LEAST_GROUPS or min(side.sum() for side in sides) < LEAST_ITEMS:
        return line
    rest = _value(measured, whole(outside))
    apart = drawn - _value(measured, measured.draws.totals(outside))
    low, high, _ = ends(apart, measured.level)
    difference = plain(value[0] - rest[0])
    p = None if difference is None else _chance(difference, apart, fewest)
    return line | {"difference": difference, "difference_low": low, "difference_high": high, "p": p}


def _sums(measured: Measured, members: Members) -> Sums:
    """Sum up the items of a slice, and its segments where it is made of whole groups."""
    rows, sums = measured.rows, item_sums(measured.rows, members)
    if not measured.segments:
        return sums
    inside = _groups(rows.group, members & rows.known)
    if (inside & _groups(rows.group, ~members & rows.known)).any():
        # a segment that a slice cuts would be a piece of one
        return sums | {name: np.full(len(one), np.nan) for name, one in measured.segments.items()}
    if rows.groups > MOST_GROUPS:
        return sums | segment_sums(rows, measured.tious, members)
    return sums | {name: one * inside[: len(one)] for name, one in measured.segments.items()}


def _groups(group: NDArray[np.int64], members: Members) -> Members:
    """Which groups have members."""
    found = np.zeros(int(group.max(initial=-1)) + 1, bool)
    found[group[members]] = True
    return found


def _value(measured: Measured, totals: Sums) -> Floats:
    return measured.figure.make(totals)


def _chance(difference: float, apart: Floats, groups: int) -> float | None:
    """Chance of so large a difference where there is none, from the spread over draws."""
    from scipy import stats  # half a second, which opening a collection need not wait for

    there = apart[~np.isnan(apart)]
    if there.size < 2:
        return None
    spread = float(there.std(ddof=1))
    # where all groups agree, the next one may still differ by half a group
    spread = max(spread, 0.5 / groups) if spread < np.finfo(float).eps else spread
    return float(2 * stats.t.sf(abs(difference) / spread, groups - 1))


def _adjust(lines: list[dict[str, Any]], measured: Measured) -> None:
    """Adjust chances for the number of slices, and say which slices are worse."""
    from scipy import stats

    tested = [line for line in lines if line.get("p") is not None]
    if not tested:
        return
    adjusted = stats.false_discovery_control([line["p"] for line in tested])
    for line, p in zip(tested, adjusted.tolist(), strict=True):
        line["p"] = p
        lacking = line["difference"] * measured.figure.sign < 0
        line["worse"] = bool(lacking and p <= 1 - measured.level)


def worst_of(table: pa.Table, sign: int) -> pa.Table:
    """Sort slices by how much worse they surely are: by the better end of the difference.

    Slices that are too small to be compared are left out.
    """
    end = "difference_high" if sign > 0 else "difference_low"
    known = table.filter(pc.is_valid(table[end]))
    order = np.lexsort((-known["items"].to_numpy(), sign * known[end].to_numpy()))
    return known.take(pa.array(order))


def candidates(items: pa.Table, columns: Sequence[str] | None) -> dict[str, Members]:
    """Make slices of columns: one a value, or four by the quartiles of a number.

    Ids (``item``, ``…_id``, and texts and whole numbers that all differ) and times are passed over
    unless they are asked for; ``duration`` is that of the items.

    Raises
    ------
    LabelError
        If a column that is asked for has too many values.
    """
    table = _with_duration(items)
    chosen = _telling(table) if columns is None else list(columns)
    found: dict[str, Members] = {}
    for name in chosen:
        cut = _cut(table, name)
        if cut is None:
            if columns is not None:
                raise LabelError(
                    f"column {name!r} has more than {MOST_VALUES} values: group them first, as a "
                    "column of fewer or as slices"
                )
            continue
        found |= cut
    return found


def pairs_of(slices: Mapping[str, Members], known: Members) -> dict[str, Members]:
    """Intersect slices pairwise; those of too few items, and copies of one side, are left out."""
    found: dict[str, Members] = {}
    names = list(slices)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            both = slices[one] & slices[other]
            size = int((both & known).sum())
            sides = [int((slices[name] & known).sum()) for name in (one, other)]
            if size >= LEAST_ITEMS and size < min(sides):
                found[f"{one} & {other}"] = both
    return found


def _telling(table: pa.Table) -> list[str]:
    return [
        name
        for name in table.column_names
        if name not in (*TIMES, "item")
        and not pa.types.is_nested(table.schema.field(name).type)
        and not name.endswith("_id")
        and (_is_real(table[name]) or len(pc.unique(table[name])) < max(2, table.num_rows))
    ]


def _is_real(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_floating(column.type))


def _cut(table: pa.Table, name: str) -> dict[str, Members] | None:
    column = table[name] if name in table.column_names else None
    if column is None or len(pc.unique(column)) <= MOST_VALUES:
        return slices_of(name, table, table.num_rows)
    if not (pa.types.is_integer(column.type) or _is_real(column)):
        return None
    values = column.cast(pa.float64()).to_numpy()
    borders = np.unique(np.nanquantile(values, [0, 0.25, 0.5, 0.75, 1]))
    into = np.searchsorted(borders[1:-1], values, side="left")
    return {
        f"{name} {low:g} to {high:g}": (into == number) & ~np.isnan(values)
        for number, (low, high) in enumerate(itertools.pairwise(borders))
    }


def _with_duration(items: pa.Table) -> pa.Table:
    if not set(TIMES) <= set(items.column_names) or "duration" in items.column_names:
        return items
    length = (items["end_us"].to_numpy() - items["start_us"].to_numpy()) / US_PER_S
    return items.append_column("duration", pa.array(length))
