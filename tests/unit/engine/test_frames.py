"""Rows looked at in groups: frames, group_by, patterns."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr.boxes import above, aligned, left_of
from vquery.expr.pattern import pattern
from vquery.expr.placeholders import row


def boxes(*rows):
    """Relation of (video, start, x1, y1, name) with boxes of 0.1 x 0.2."""
    videos, starts, x1, y1, names = zip(*rows, strict=True)
    return from_arrow(
        pa.table(
            {
                "video": list(videos),
                "start": list(starts),
                "end": [start + 1 for start in starts],
                "x1": list(x1),
                "y1": list(y1),
                "x2": [edge + 0.1 for edge in x1],
                "y2": [edge + 0.2 for edge in y1],
                "name": list(names),
                "score": [0.9 - 0.1 * number for number in range(len(names))],
            }
        ),
        name="faces",
    )


@pytest.fixture
def faces():
    return boxes(
        ("a", 0, 0.1, 0.3, "Ann"),
        ("a", 0, 0.4, 0.31, "Bob"),
        ("a", 0, 0.7, 0.29, "Ci"),
        ("a", 1, 0.1, 0.3, "Ann"),
        ("a", 1, 0.4, 0.7, "Bob"),
        ("b", 0, 0.2, 0.2, "Ann"),
    )


def test_aggregates_of_frames(faces):
    counts = faces.per_frame().agg(n=agg.count(), best=agg.max(row.score)).collect()
    assert counts.column_names[:3] == ["video", "start_us", "end_us"]
    assert counts["n"].to_pylist() == [3, 2, 1]
    assert counts["best"].to_pylist() == pytest.approx([0.9, 0.6, 0.4])
    assert counts["x2"].to_pylist() == pytest.approx([0.8, 0.5, 0.3])


def test_frames_by_a_condition(faces):
    assert faces.per_frame().filter(agg.count() == 3).collect()["name"].to_pylist() == [
        "Ann",
        "Bob",
        "Ci",
    ]
    late = faces.per_frame().filter(agg.count() >= 2, row.start >= 1)
    assert late.count() == 2
    assert faces.per_frame().filter(agg.any(row.name == "Ci")).count() == 3


def test_group_by_stays_inside_a_video(faces):
    people = faces.group_by("name").agg(n=agg.count(), seconds=agg.sum(row.duration)).collect()
    assert [
        (*tuple(each.values())[:3], each["name"], each["n"]) for each in people.to_pylist()
    ] == [
        ("a", 0, 1_000_000, "Ci", 1),
        ("a", 0, 2_000_000, "Ann", 2),
        ("a", 0, 2_000_000, "Bob", 2),
        ("b", 0, 1_000_000, "Ann", 1),
    ]
    assert people["seconds"].to_pylist() == [1, 2, 2, 1]


def test_three_in_a_row(faces):
    panel = faces.per_frame().match(
        pattern("a", "b", "c").where(
            left_of("a", "b"), left_of("b", "c"), aligned("a", "b", "c", within=0.05)
        ),
        exact=True,
    )
    (found,) = panel.collect().to_pylist()
    assert (found["video"], found["start_us"], found["end_us"]) == ("a", 0, 1_000_000)
    assert [found[f"{each}_name"] for each in "abc"] == ["Ann", "Bob", "Ci"]
    assert found["score"] == pytest.approx(0.7)
    assert (found["x1"], found["x2"]) == pytest.approx((0.1, 0.8))
    assert found["b_x1"] == pytest.approx(0.4)
    assert panel.count() == 1


def test_matches_bind_different_rows_in_every_order(faces):
    pairs = faces.per_frame().match(pattern("a", "b"))
    assert pairs.count() == 3 * 2 + 2 * 1
    assert faces.per_frame().match(pattern("a", "b"), exact=True).count() == 2
    assert faces.per_frame().match(pattern()).count() == 0
    assert faces.per_frame().match(pattern("a").where(lambda a: a.name == "Ann")).count() == 3
    higher = faces.per_frame().match(pattern("a", "b").where(above("a", "b")))
    assert higher.select("a_name", "b_name").collect().to_pylist()[0]["b_name"] == "Bob"


def test_null_keys_form_a_group():
    given = from_arrow(
        pa.table({"video": ["a"] * 3, "start": [0] * 3, "end": [1] * 3, "name": [None, "x", None]})
    )
    assert given.group_by("name").agg(n=agg.count()).collect()["n"].to_pylist() == [2, 1]
    assert given.coalesce(by="name").count() == 2
