"""Seconds, minutes and frames: where they may stand, and what must not be mixed."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine import reference
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError

SPEEDS = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [60, 60], "fps": [10, 2]})
ROWS = from_arrow(
    pa.table(
        {
            "video": ["a", "a", "a", "b", "b"],
            "start": [0, 1, 1.5, 0, 2.0],
            "end": [1.0, 1.2, 3, 0.4, 3],
            "n": [1, 2, 3, 4, 5],
        }
    ),
    name="rows",
    extents=SPEEDS,
)


def kept(query):
    """Numbers of the rows of a query, the same from the engine and from the oracle."""
    found = query.collect()["n"].to_pylist()
    assert found == [each["n"] for each in reference.run(query.node)]
    return found


def test_lengths_in_frames_go_by_the_video():
    assert kept(ROWS.filter(row.duration >= vq.frames(3))) == [1, 3]
    assert kept(ROWS.filter(row.duration >= vq.frames(2))) == [1, 2, 3, 5]
    assert kept(ROWS.filter(row.duration < vq.frames(2) * 2 - vq.seconds(0.2))) == [4, 5]
    assert kept(ROWS.filter(vq.frames(vq.param("n", 3)) <= row.duration)) == [1, 3]
    assert ROWS.filter(row.duration >= vq.frames(vq.param("n", 3))).count(params={"n": 2}) == 4


def test_seconds_and_minutes():
    assert kept(ROWS.filter(row.duration >= vq.seconds(1))) == [1, 3, 5]
    assert kept(ROWS.filter(row.duration > vq.minutes(1 / 60))) == [3]
    assert kept(ROWS.filter(row.start - vq.seconds(1) >= 0)) == [2, 3, 5]
    assert kept(ROWS.filter(row.duration >= vq.seconds(vq.param("s", 1.2)))) == [3]


def test_frames_in_groups():
    longest = ROWS.group_by().filter(vq.max(row.duration) > vq.frames(5))
    assert kept(longest) == [1, 2, 3]
    shares = ROWS.group_by().agg(n=vq.count(row.duration >= vq.frames(2)))
    assert shares.collect()["n"].to_pylist() == [3, 1]
    near = ROWS.partition_by().filter(row.start - vq.lag(row.end) <= vq.frames(4))
    assert kept(near) == [2, 3, 5]


@pytest.mark.parametrize(
    ("predicate", "pairs"),
    [
        (vq.before(max_gap=vq.frames(4)), [(1, 2), (2, 3), (4, 5)]),
        (vq.before(min_gap=vq.frames(3), max_gap=vq.frames(5)), [(1, 3), (2, 3), (4, 5)]),
        (vq.after(max_gap=vq.frames(vq.param("f", 4))), [(2, 1), (3, 2), (5, 4)]),
        (vq.meets(tolerance=vq.frames(3)), [(1, 2), (2, 2), (2, 3), (4, 4), (5, 5)]),
        (vq.meets(tolerance=vq.frames(2)), [(1, 2), (2, 2), (4, 4), (5, 5)]),
        (vq.starts(tolerance=vq.frames(5)), [(2, 3), (4, 5)]),
        pytest.param(lambda a, b: b.start - a.end > vq.frames(4), [(1, 3)], id="function"),
        (vq.before(max_gap=vq.seconds(0.3)), [(1, 2), (2, 3)]),
        (
            vq.before(max_gap=vq.minutes(1)) & vq.same(row.duration >= vq.frames(2)),
            [(1, 2), (1, 3), (2, 3)],
        ),
    ],
    ids=str,
)
def test_predicates(predicate, pairs):
    joined = ROWS.join(ROWS, predicate=predicate, merge_op=vq.left)
    found = joined.collect()
    numbers = list(zip(found["n"].to_pylist(), found["n_right"].to_pylist(), strict=True))
    assert sorted(numbers) == pairs
    oracle = [(each["n"], each["n_right"]) for each in reference.run(joined.node)]
    assert numbers == oracle


def test_predicates_prune_by_the_slowest_video():
    plan = ROWS.join(ROWS, predicate=vq.before(max_gap=vq.frames(4))).explain()
    assert "right start 0 s to 2 s after left end" in plan
    assert "then before(max_gap=frames(4))" in plan


def times(query):
    found = query.collect()
    return [
        (each["video"], each["start_us"] / 1e6, each["end_us"] / 1e6) for each in found.to_pylist()
    ]


def test_operations_on_time():
    assert times(ROWS.coalesce(gap=vq.frames(4))) == [("a", 0, 3), ("b", 0, 3)]
    apart = [("b", 0, 0.4), ("b", 2, 3)]
    assert times(ROWS.coalesce(gap=vq.frames(2))) == [("a", 0, 1.2), ("a", 1.5, 3), *apart]
    assert times(ROWS.coalesce(gap=vq.seconds(0.3))) == [("a", 0, 3), *apart]
    assert times(ROWS.dilate(vq.frames(1)))[-1] == ("b", 1.5, 3.5)
    shrunk = ROWS.dilate(-vq.frames(1))
    assert times(shrunk) == [("a", 0.1, 0.9), ("a", 1.1, 1.1), ("a", 1.6, 2.9), ("b", 2.5, 2.5)]
    near = ROWS.nearest(ROWS.filter(row.n != 1), max_gap=vq.frames(4), direction="after")
    assert near.filter(row.n.isin([1, 4])).collect()["n_right"].to_pylist() == [2, 5]


def test_sequences():
    """Gaps and lengths of a sequence in frames go by the video of the partition."""
    colours = {"video": ["b", "a", "a", "b"], "start": [0, 0, 2, 2], "end": [1, 1, 3, 3]}
    table = pa.table({**colours, "colour": ["green", "green", "red", "red"]})
    lights = from_arrow(table, extents=SPEEDS)
    for settings, videos in [
        ({"max_gap": vq.frames(4)}, ["b"]),
        ({"max_gap": vq.frames(10)}, ["a", "b"]),
        ({"min_gap": vq.frames(3)}, ["a"]),
        ({"within": vq.frames(29)}, ["b"]),
        ({"min_duration": {"red": vq.frames(3)}}, ["a"]),
        ({"max_gap": vq.seconds(1)}, ["a", "b"]),
    ]:
        found = lights.sequence("green red", by="colour", **settings)
        assert found.collect()["video"].to_pylist() == videos, settings
    alone = lights.partition_by("video").sequence("green red", by="colour", max_gap=vq.frames(4))
    assert alone.collect()["video"].to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ROWS.filter(row.start_us > vq.seconds(5)), "mixes row.start_us .microseconds."),
        (lambda: ROWS.filter(row.start_us > vq.frames(5)), "mixes row.start_us .microseconds."),
        (lambda: ROWS.filter(row.start > row.end_us), "bring both to one unit"),
        (lambda: ROWS.filter(row.duration + row.start_us > 3), "mixes"),
        (lambda: ROWS.mutate(x=row.end_us - vq.minutes(1)), "mixes"),
        (lambda: vq.meets(tolerance=vq.seconds(1)).on("x"), "shares of the picture"),
        (lambda: vq.before(max_gap=vq.frames(2)).on("y"), "shares of the picture"),
        (lambda: vq.before(max_gap=-vq.seconds(1)), "at least 0"),
        (lambda: vq.before(max_gap=vq.frames(-1)), "at least 0"),
        (lambda: ROWS.coalesce(gap=vq.seconds(-1)), "at least 0"),
        (lambda: ROWS.coalesce(gap=vq.frames(-1)), "at least 0"),
        (lambda: vq.seconds("5"), "seconds.. takes a number, got '5'"),
        (lambda: vq.seconds(True), "takes a number"),
        (lambda: vq.seconds(float("inf")), "takes a number"),
        (lambda: vq.minutes(vq.param("m", 1)), "in seconds instead"),
        (lambda: vq.frames(row.n), "takes a number of frames"),
        (lambda: vq.frames(vq.seconds(5)), "takes a number of frames"),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises(QueryError, match=message):
        build()


def test_a_video_of_unknown_speed_is_an_error():
    plain = from_arrow(pa.table({"video": ["z"], "start": [0], "end": [1]}), name="plain")
    with pytest.raises(QueryError, match="the video 'z' in plain"):
        plain.filter(row.duration > vq.frames(2)).collect()
    both = ROWS.union(plain)
    with pytest.raises(QueryError, match="the video 'z'"):
        both.dilate(vq.frames(1)).collect()
    assert both.filter(row.video == "a").dilate(vq.frames(1)).count() == 3


def test_microseconds_made_seconds_are_seconds():
    assert kept(ROWS.filter(row.start_us / 1_000_000 >= vq.seconds(1))) == [2, 3, 5]
    assert kept(ROWS.filter(row.start_us * 1 > row.end_us / 2)) == [2, 5]


def test_how_they_show():
    assert repr(vq.minutes(2)) == "minutes(2)"
    assert repr(-vq.seconds(5)) == "-seconds(5)"
    assert repr(row.duration >= vq.frames(3)) == "row.duration >= frames(3)"
    assert '"udf 0" = frames(3)' in ROWS.filter(row.duration >= vq.frames(3)).sql()


def test_frame_numbers_by_a_rate():
    """Frame i of 30 fps begins at i / 30 seconds, rounded to a microsecond."""
    starts = [round(number * 1e6 / 30) for number in range(100)] + [33_332, 33_334, 0]
    wanted = [*range(100), 0, 1, 0]
    table = {"video": ["a"] * 103, "start_us": starts, "end_us": [each + 9 for each in starts]}
    speeds = pa.table({"video": ["a"], "start": [0], "end": [60], "fps": [30]})
    rows = from_arrow(pa.table({**table, "wanted": wanted}), extents=speeds)
    query = rows.mutate(made=row.frame)
    found = query.collect()
    assert found["made"].to_pylist() == found["wanted"].to_pylist()
    assert [each["made"] for each in reference.run(query.node)] == found["wanted"].to_pylist()
    assert rows.filter(row.frame % 10 == 0).count() == 12
    pairs = rows.join(rows, predicate=lambda a, b: b.frame - a.frame == 99)
    assert pairs.count() == 3


def test_a_stored_frame_comes_first():
    table = pa.table({"video": ["a"], "start": [0], "end": [1], "frame": [77]})
    assert from_arrow(table).filter(row.frame == 77).count() == 1


def test_frames_of_a_video_that_nobody_knows():
    rows = from_arrow(pa.table({"video": ["z"], "start": [0], "end": [1]}), name="plain")
    with pytest.raises(QueryError, match=r"row.frame: nothing says .* 'z' in plain"):
        rows.filter(row.frame > 3).collect()
    with pytest.raises(QueryError, match=r"frames.*seconds"):
        rows.filter(row.frame > vq.frames(3))
