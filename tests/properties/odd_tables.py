"""Tables of rows with known videos: as they mostly are, and as they may be at worst."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st

from tests.properties.test_engine import SCHEMA, TICKS, records
from vquery.engine.sources import from_arrow

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

    Draw = st.DrawFn

FPS = {"a": 4.0, "b": 2.5, "c": 1.0}
NUMBERS = {"a": 3, "b": -7, "c": 2**40}
"""Videos as whole numbers."""
FAR = 2**60 - 30_000_000
"""Near the farthest time that there may be."""


class Clock(NamedTuple):
    """What all tables of a query share."""

    numbers: bool = False  # whether videos are whole numbers
    zero: int = 0  # microseconds at which everything begins


PLAIN = Clock()
CLOCKS = st.builds(Clock, st.booleans(), st.sampled_from([0, 0, -3_000_000, FAR, -FAR]))
TEXT = st.sampled_from(
    [pa.string(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
ODD = {
    "left": (pa.float64(), [0.0, -0.0, 0.5, math.inf, math.nan, None]),
    "right": (pa.bool_(), [True, False, None]),
    "position": (pa.uint64(), [0, 1, 2**64 - 1, None]),
    "a_start_us": (pa.int8(), [-128, 0, 127, None]),
    "group_number": (pa.float32(), [0.1, -0.0, None]),
    "two words": (pa.timestamp("us"), [dt.datetime(2020, 1, 1), dt.datetime(1969, 1, 1), None]),
    "segment": (pa.date32(), [dt.date(2020, 2, 29), None]),
    "nothing": (pa.null(), [None]),
    "Name": (pa.large_string(), ["", "ann", None]),
}


@st.composite
def films(draw: Draw, clock: Clock = PLAIN, max_size: int = 8, *, odd: bool = False) -> Intervals:
    """Rows with the extents and the rates of their videos, and of one that has no rows."""
    rows = draw(st.lists(records(), max_size=max_size))
    for each in rows:
        each["start_us"] += clock.zero
        each["end_us"] += clock.zero
        each["video"] = NUMBERS[each["video"]] if clock.numbers else each["video"]
    schema = SCHEMA if not clock.numbers else SCHEMA.set(0, pa.field("video", pa.int64()))
    table = pa.Table.from_pylist(rows, schema=schema)
    if odd:
        table = draw(oddly(table))
    first = draw(TICKS) + clock.zero
    known = pa.table(
        {
            "video": [NUMBERS[each] if clock.numbers else each for each in FPS],
            "start_us": [first] * 3,
            "end_us": [first + 3_500_000, first + 6_000_000, first],
            "fps": list(FPS.values()),
        }
    )
    return from_arrow(table, extents=known)


@st.composite
def oddly(draw: Draw, table: pa.Table) -> pa.Table:
    """Give a table other types of text, further columns, chunks and an order of its own."""
    for name in ("video", "name"):
        place = table.schema.get_field_index(name)
        if table.schema.field(name).type == pa.string():
            table = table.set_column(place, name, table[name].cast(draw(TEXT)))
    for name in draw(st.lists(st.sampled_from(list(ODD)), max_size=3, unique=True)):
        kind, values = ODD[name]
        made = [draw(st.sampled_from(values)) for _ in range(table.num_rows)]
        table = table.append_column(name, pa.array(made, kind))
    cuts = sorted(draw(st.lists(st.integers(0, table.num_rows), max_size=3)))
    ends = [0, *cuts, table.num_rows]
    parts = [table.slice(low, high - low) for low, high in itertools.pairwise(ends)]
    return pa.concat_tables(parts)
