"""Slices of items: every kind of condition against plain loops, and what cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.errors import LabelError, UnknownColumnError
from vquery.supervise.slices import slice as named
from vquery.supervise.slices import slices_of

STARTS = [0, 4_000_000, 4_000_000, 9_000_000, 1_000_000]
ENDS = [4_000_000, 9_000_000, 4_000_000, 9_000_000, 5_000_000]
ITEMS = pa.table(
    {
        "video": ["b", "b", "b", "b", "a"],
        "start_us": STARTS,
        "end_us": ENDS,
        "channel": ["CNN", "Fox", None, "CNN", "Fox"],
        "dark": [True, False, None, True, False],
    }
)
NIGHT = pa.table({"video": ["b", "b", "a"], "start": [3.0, 5.0, 0.0], "end": [4.5, 7.5, 1.5]})


def members(slices, items=ITEMS, n=5):
    return {name: rows.tolist() for name, rows in slices_of(slices, items, n).items()}


def test_expressions_keep_the_order_of_items():
    found = members([named("long", row.duration >= 4), named("Fox", row.channel == "Fox")])
    assert found == {
        "long": [True, True, False, False, True],
        "Fox": [False, True, False, False, True],
    }


@pytest.mark.parametrize("cover", [0.1, 0.5, 0.7])
def test_relations_hold_what_they_cover(cover):
    spans = list(zip(*(NIGHT[key].to_pylist() for key in ("video", "start", "end")), strict=True))
    wanted = []
    for video, start, end in zip(ITEMS["video"].to_pylist(), STARTS, ENDS, strict=True):
        mine = [(a * 1e6, b * 1e6) for name, a, b in spans if name == video]
        shared = sum(max(0, min(end, b) - max(start, a)) for a, b in mine)
        meets = any(a <= start < b for a, b in mine)
        wanted.append(meets if start == end else shared >= cover * (end - start))
    for given in (NIGHT, vq.from_arrow(NIGHT), NIGHT.to_pandas()):
        assert members(named("night", given, cover=cover)) == {"night": wanted}


def test_values_are_slices_and_booleans_are_one():
    assert members("channel") == {
        "channel=CNN": [True, False, False, True, False],
        "channel=Fox": [False, True, False, False, True],
        "channel=none": [False, False, True, False, False],
    }
    wanted = {"dark": [True, False, False, True, False]}
    assert members("dark") == wanted
    assert members({"dark": [True, False, None, True, False]}) == wanted
    assert members({"dark": np.array(wanted["dark"])}, items=None) == wanted
    assert members({"dark": pd.Series(wanted["dark"])}) == wanted


def test_functions_see_the_table():
    found = members(named("half", lambda items: np.arange(items.num_rows) % 2))
    assert found["half=1"] == [False, True, False, True, False]
    assert len(found) == 2


def test_items_without_time_take_expressions_over_their_columns():
    plain = ITEMS.select(["channel"])
    assert members(named("Fox", row.channel == "Fox"), plain)["Fox"][1]
    with pytest.raises(UnknownColumnError, match="slice 'long': items has no column 'duration'"):
        members(named("long", row.duration > 1), plain)
    with pytest.raises(LabelError, match="intervals cannot cover"):
        members(named("night", NIGHT), plain)


def large(items):
    return np.arange(5) + 1e6


def failing(items):
    return 1 / 0


@pytest.mark.parametrize(
    ("slices", "items", "error", "said"),
    [
        (["channel", "channel"], ITEMS, LabelError, "two slices are called 'channel=CNN'"),
        ("chanel", ITEMS, UnknownColumnError, "Did you mean 'channel'"),
        ("channel", None, LabelError, "there is no table of items"),
        ({"x": [True]}, ITEMS, LabelError, "one value for each of 5 items, got 1"),
        ({"x": 3}, ITEMS, LabelError, "slice 'x': expected an expression"),
        ({"x": failing}, ITEMS, LabelError, "slice 'x': its function failed: ZeroDivisionError"),
        ({"x": large}, ITEMS, None, ""),
        ({"x": NIGHT.select(["video"])}, ITEMS, LabelError, "slice 'x'"),
    ],
)
def test_what_cannot_be_is_named(slices, items, error, said):
    if error is None:
        assert len(slices_of(slices, items, 5)) == 5
        return
    with pytest.raises(error, match=said):
        slices_of(slices, items, 5)


def test_too_many_values():
    items = pa.table({"x": np.arange(201)})
    with pytest.raises(LabelError, match="201 different values"):
        slices_of("x", items, 201)


@pytest.mark.parametrize("options", [{"name": ""}, {"name": "x", "cover": 0}])
def test_a_slice_needs_a_name_and_a_share(options):
    with pytest.raises(LabelError, match="slice"):
        named(**options)


def test_nan_says_as_little_as_null():
    items = pa.table({"x": [1.0, float("nan"), None, float("nan")]})
    found = {name: members.tolist() for name, members in slices_of("x", items, 4).items()}
    assert found == {"x=1.0": [True, False, False, False], "x=none": [False, True, True, True]}


def test_a_value_called_none_is_not_a_missing_one():
    items = pa.table({"x": ["none", None]})
    found = {name: members.tolist() for name, members in slices_of("x", items, 2).items()}
    assert found == {"x=none": [True, False], "x is null": [False, True]}


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ({"x": [[1], [2]]}, "slice 'x': values must be single ones"),
        ({"x": [1, "a"]}, "slice 'x': expected one value for each item, all of one type"),
        ({"x": lambda items: items.num_rows > 1}, "slice 'x': expected one value for each item"),
        ({"x": lambda items: items.schema.metadata}, "slice 'x': expected one value for each item"),
        (5, "slices= takes slices"),
    ],
)
def test_what_gives_no_column_is_named(slices, said):
    with pytest.raises(LabelError, match=said):
        slices_of(slices, pa.table({"y": [1, 2]}), 2)


def test_a_share_is_a_number():
    with pytest.raises(LabelError, match="cover"):
        named("x", cover="half")
