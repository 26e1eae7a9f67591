"""Plots: every point drawn once and in its place, names escaped, nothing drawn of nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pyarrow as pa
import pytest

from vquery.metrics.calibration import reliability
from vquery.view.plots import (
    MARGIN,
    SIDE,
    WARNING,
    Point,
    intervals_svg,
    lines_svg,
    reliability_svg,
)


def drawn(svg):
    return ET.fromstring(svg).iter


def test_reliability_draws_each_bin_with_items_in_its_place():
    table = reliability([0.25, 0.25, 1.0, 1.0], [0, 1, 1, 1], bins=4)
    circles = list(drawn(reliability_svg(table))("circle"))
    places = [(float(one.get("cx")), float(one.get("cy"))) for one in circles]
    wanted = [(0.25, 0.5), (1.0, 1.0)]
    assert places == [(MARGIN + SIDE * x, MARGIN + SIDE * (1 - y)) for x, y in wanted]
    assert circles[0].find("title").text == "2 items: 0.250 claimed, 0.500 true"
    assert not list(drawn(reliability_svg(table.slice(0, 0)))("circle"))


def test_intervals_are_beside_their_names_and_the_worse_red():
    points = [Point("a<b", 0.5, 0.25, 0.75), Point("none", None), Point("bad", 0.1, worse=True)]
    svg = intervals_svg(points, overall=0.5)
    circles = list(drawn(svg)("circle"))
    assert len(circles) == 2
    assert circles[1].get("fill") == WARNING
    names = [one.text for one in drawn(svg)("text") if one.get("class") == "vq-name"]
    assert names == ["a<b", "none", "bad"]
    x = float(circles[0].get("cx"))
    bar = next(one for one in drawn(svg)("line") if one.get("stroke-width") == "2")
    assert (float(bar.get("x1")) + float(bar.get("x2"))) / 2 == pytest.approx(x)
    middle = next(one for one in drawn(svg)("line") if one.get("stroke-dasharray"))
    assert float(middle.get("x1")) == pytest.approx(x)


def test_values_beyond_one_stretch_the_axis():
    svg = intervals_svg([Point("loss", 2.0), Point("gain", -1.0)])
    ticks = [one.text for one in drawn(svg)("text") if one.get("class") == "vq-time"]
    assert (ticks[0], ticks[-1]) == ("-1", "2")
    inside = [float(one) for one in re.findall(r'cx="([\d.]+)"', svg)]
    assert inside[0] > inside[1]


def test_lines_have_their_names():
    svg = lines_svg({"one & two": [(0, 0), (1, 1)], "x" * 60: [(0, 1)]}, across="a", up="b")
    texts = [one.text for one in drawn(svg)("text")]
    assert "one & two" in texts
    assert any(text.endswith("…") and len(text) == 40 for text in texts)
    assert len(list(drawn(svg)("polyline"))) == 2


def test_nothing_is_drawn_of_nothing():
    assert not list(drawn(intervals_svg([]))("circle"))
    empty = pa.table({name: pa.nulls(2) for name in ("probability", "items", "share")})
    assert not list(drawn(reliability_svg(empty))("circle"))
