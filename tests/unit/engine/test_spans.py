"""Dilate, shift, clip, split, windows, complement and samples on rows made by hand."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.running.executor import Executor
from vquery.errors import QueryError
from vquery.plan.steps import plan

BOX = ("x1", "y1", "x2", "y2")


def made(*rows, extents=None, **columns):
    """Rows (video, start, end) in seconds."""
    table = {name: [each[place] for each in rows] for place, name in enumerate(("video", "start"))}
    table["end"] = [each[2] for each in rows]
    types = {"video": pa.string(), "start": pa.float64(), "end": pa.float64()}
    arrays = {name: pa.array(values, types[name]) for name, values in table.items()}
    return vq.from_arrow(pa.table(arrays | columns), extents=extents)


def spans(relation, *columns):
    """Rows as (video, start, end, …) in seconds."""
    return [
        (each["video"], each["start_us"] / 1e6, each["end_us"] / 1e6, *(each[c] for c in columns))
        for each in relation.collect().to_pylist()
    ]


def dropped(relation):
    found = (relation.collect().schema.metadata or {}).get(b"vquery.dropped", b"{}")
    return json.loads(found)


def boxes(*given, **columns):
    """Rows at one moment with boxes (x1, y1, x2, y2) or None."""
    edges = {
        name: pa.array([None if each is None else each[place] for each in given], pa.float32())
        for place, name in enumerate(BOX)
    }
    return made(*[("a", 0, 1)] * len(given), **edges, **columns)


def box_of(relation):
    return [
        None if each["x1"] is None else tuple(round(each[name], 4) for name in BOX)
        for each in relation.collect().to_pylist()
    ]


def origins(relation):
    """Pairs (row of the input, row of the result) of the last step, by input."""
    with Executor(plan(relation.node), traced=True) as executor:
        executor.run()
        return {
            place: list(zip(each.rows.tolist(), each.outputs.tolist(), strict=True))
            for (step, place), each in executor.origins.items()
            if step == id(executor.root)
        }


ROWS = made(("a", 1, 2), ("a", 4, 4), ("b", 0, 10), extents={"b": 10, "a": 5, "c": 2})


def test_dilate_is_clipped_to_the_video():
    wide = ROWS.dilate(2, clip=True)
    assert spans(wide) == [("a", 0, 4), ("a", 2, 5), ("b", 0, 10)]
    assert spans(ROWS.dilate(2)) == [("a", -1, 4), ("a", 2, 6), ("b", -2, 12)]
    assert spans(ROWS.dilate(2, side="end", clip=True)) == [("a", 1, 4), ("a", 4, 5), ("b", 0, 10)]


def test_dilate_counts_what_shrinks_away_and_what_leaves_the_video():
    assert spans(ROWS.dilate(-0.5, clip=True)) == [("a", 1.5, 1.5), ("b", 0.5, 9.5)]
    assert dropped(ROWS.dilate(-0.5)) == {"rows whose start would come after their end": 1}
    outside = made(("a", 5, 7), ("a", 5, 5), ("a", 4, 6), extents={"a": 5}).dilate(0, clip=True)
    assert spans(outside) == [("a", 4, 5)]  # the extent is half-open: what starts at 5 is outside
    assert dropped(outside) == {"rows that lie outside of what they are clipped to": 2}


def test_dilate_boxes():
    given = boxes((0.1, 0.2, 0.3, 0.4), None)
    assert box_of(given.dilate(0.2, axis="x")) == [(-0.1, 0.2, 0.5, 0.4), None]
    assert box_of(given.dilate(0.2, axis="x", clip=True)) == [(0, 0.2, 0.5, 0.4), None]
    assert box_of(given.dilate(0.7, axis="y", side="end", clip=True)) == [(0.1, 0.2, 0.3, 1), None]
    small = given.dilate(-0.2, axis="y")
    assert box_of(small) == [None]
    assert dropped(small) == {"rows whose box would have its edges exchanged": 1}


def test_an_image_lasts_one_tick():
    image = made(("a", 0, 0), ("a", 0, 3), ("a", 1, 3), extents={"a": 0})
    assert spans(image.clip()) == [("a", 0, 0), ("a", 0, 0)]


def test_shift():
    assert spans(ROWS.shift(-1.5)) == [("a", -0.5, 0.5), ("a", 2.5, 2.5), ("b", -1.5, 8.5)]
    assert box_of(boxes((0.1, 0.2, 0.3, 0.4), None).shift(0.5, axis="y")) == [
        (0.1, 0.7, 0.3, 0.9),
        None,
    ]


def test_clip_to_seconds():
    assert spans(ROWS.clip(1.5, 4)) == [("a", 1.5, 2), ("b", 1.5, 4)]
    assert spans(ROWS.clip(4)) == [("a", 4, 4), ("b", 4, 10)]
    assert spans(ROWS.clip(end=vq.param("end", 2))) == [("a", 1, 2), ("b", 0, 2)]
    assert dropped(ROWS.clip(2)) == {"rows that lie outside of what they are clipped to": 1}


def test_clip_to_the_picture():
    given = boxes((-0.5, 0, 0.5, 1), (1, 0, 1.5, 1), (1, 0, 1, 1), None)
    clipped = given.clip(axis="x")
    assert box_of(clipped) == [(0, 0, 0.5, 1), (1, 0, 1, 1), None]
    assert box_of(given.clip(0.25, axis="x")) == [
        (0.25, 0, 0.5, 1),
        (1, 0, 1, 1),
        (1, 0, 1.5, 1),
        None,
    ]


def test_split_by_length():
    given = made(("a", 1, 3.5), ("a", 7, 7), ("b", -1, 1), name=["x", "y", "z"])
    assert spans(given.split(1), "name") == [
        *(("a", 1, 2, "x"), ("a", 2, 3, "x"), ("a", 3, 3.5, "x"), ("a", 7, 7, "y")),
        *(("b", -1, 0, "z"), ("b", 0, 1, "z")),
    ]
    assert spans(given.split(2, anchor="video")) == [
        *(("a", 1, 2), ("a", 2, 3.5), ("a", 7, 7), ("b", -1, 0), ("b", 0, 1)),
    ]
    assert origins(given.split(2)) == {0: [(0, 0), (0, 1), (1, 2), (2, 3)]}


def test_split_where_other_rows_start():
    given = made(("a", 0, 10), ("a", 2, 4), ("b", 0, 3), ("c", 5, 5))
    cuts = made(("a", 4, 9)).union(made(("a", 2, 2), ("a", 2, 3), ("a", 10, 11), ("c", 5, 6)))
    cut = given.split(at=cuts)
    assert spans(cut) == [
        *(("a", 0, 2), ("a", 2, 4), ("a", 2, 4), ("a", 4, 10), ("b", 0, 3), ("c", 5, 5)),
    ]
    # of a piece that a cut begins: all rows that start there
    assert sorted(origins(cut)[1]) == [(0, 2), (1, 1), (2, 1)]
    assert spans(given.split(at=cuts.filter(row.start > 90))) == spans(given)


def test_windows():
    given = made(("a", 0, 5), ("a", 8, 8), ("b", 0, 1))
    whole = [("a", 0, 2), ("a", 1, 3), ("a", 2, 4), ("a", 3, 5)]
    assert spans(given.windows(2, step=1)) == [*whole, ("a", 8, 8), ("b", 0, 1)]
    assert spans(given.windows(2, step=1, partial=False)) == whole
    assert spans(given.windows(2)) == [
        *(("a", 0, 2), ("a", 2, 4), ("a", 4, 5), ("a", 8, 8), ("b", 0, 1)),
    ]
    assert spans(given.windows(1, step=3)) == [
        *(("a", 0, 1), ("a", 3, 4), ("a", 8, 8), ("b", 0, 1)),
    ]


def test_windows_of_whole_videos():
    assert spans(ROWS.extents().windows(5)) == [
        *(("a", 0, 5), ("b", 0, 5), ("b", 5, 10), ("c", 0, 2)),
    ]


def test_complement_of_whole_videos():
    gaps = ROWS.complement()
    assert spans(gaps) == [("a", 0, 1), ("a", 2, 5), ("c", 0, 2)]  # an instant covers nothing
    assert gaps.columns == ["video", "start_us", "end_us"]
    # a piece comes from its video, and lies between rows
    assert origins(gaps) == {0: [(0, 0), (0, 1), (2, 2)], 1: [(0, 1), (0, 0)]}
    assert spans(ROWS.filter(row.video == "z").complement()) == spans(ROWS.extents())


def test_complement_of_nothing_but_one_video():
    only = ROWS.filter(row.video == "b").complement()
    assert spans(only) == [("a", 0, 5), ("c", 0, 2)]


def test_complement_within_other_rows():
    shots = made(("a", 0, 3), ("a", 2, 6), ("b", 3, 4), name=["x", "y", "z"])
    left = ROWS.complement(shots)
    assert spans(left, "name") == [("a", 0, 1, "x"), ("a", 2, 3, "x"), ("a", 2, 6, "y")]
    assert spans(left) == spans(shots.minus(ROWS))


def test_complement_names_a_video_of_which_nothing_is_known():
    lost = ROWS.union(made(("d", 0, 1)))
    with pytest.raises(QueryError, match=r"complement\(\) has to know how long the video 'd' is"):
        lost.complement().collect()
    with pytest.raises(QueryError, match=r"clip\(\) has to know how long the video 'd' is"):
        lost.clip().collect()


def test_frames_are_those_of_each_video():
    rates = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [9, 99], "fps": [10, 2]})
    given = made(("a", 1, 2), ("b", 0, 10), extents=rates)
    assert spans(given.dilate(vq.frames(5))) == [("a", 0.5, 2.5), ("b", -2.5, 12.5)]
    assert spans(given.shift(vq.frames(5))) == [("a", 1.5, 2.5), ("b", 2.5, 12.5)]
    assert spans(given.split(vq.frames(10)))[:3] == [("a", 1, 2), ("b", 0, 5), ("b", 5, 10)]
    assert spans(given.windows(vq.frames(10), step=vq.frames(20))) == [("a", 1, 2), ("b", 0, 5)]
    assert spans(given.clip(vq.frames(12), vq.frames(15))) == [("a", 1.2, 1.5), ("b", 6, 7.5)]
    assert spans(given.dilate(vq.seconds(1), side="end")) == [("a", 1, 3), ("b", 0, 11)]


def test_samples_are_of_the_size_asked_for():
    many = made(*(("a", k, k) for k in range(8)), kind=["x"] * 6 + [None] * 2)
    assert many.sample(3).count() == 3
    assert many.sample(99).count() == 8
    assert many.sample(0).count() == 0
    assert many.sample(fraction=0.25).count() == 2
    by = many.sample(2, by="kind").collect()["kind"].to_pylist()
    assert by == ["x", "x", None, None]
    assert spans(many.sample(3, seed=1)) != spans(many.sample(3, seed=2))
    assert spans(many.sample(fraction=1.0)) == spans(many)
    found = [start for _, start, _ in spans(many.sort(row.start.desc()).sample(4))]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ROWS.dilate(1, axis="z"),
            r"dilate\(\): axis= must be 'time', 'x' or 'y', got 'z'",
        ),
        (
            lambda: ROWS.dilate(1, axis="x"),
            r"dilate\(\): axis='x' is about boxes, and table has no",
        ),
        (lambda: ROWS.dilate(1, side="left"), r"side= must be 'both', 'start' or 'end'"),
        (lambda: ROWS.dilate("long"), r"dilate\(\) takes a number of seconds, got 'long'"),
        (lambda: ROWS.dilate(row.start), r"dilate\(\) takes a number of seconds, got row.start"),
        (lambda: made(("a", 0, 1)).dilate(1, clip=True), r"dilate\(clip=True\) has to know how lo"),
        (lambda: ROWS.shift(1e15), r"shift\(\) takes seconds: 10+\.0 of them are more than 31,000"),
        (lambda: boxes((0, 0, 1, 1)).shift(vq.seconds(1), axis="x"), r"the picture has width 1"),
        (lambda: ROWS.clip(3, 2), r"clip\(\): start=3 has to come before end=2"),
        (lambda: ROWS.clip(ROWS), r"merge_op=time_intersection"),
        (lambda: made(("a", 0, 1)).clip(), r"clip\(\) without limits has to know .*extents="),
        (lambda: ROWS.split(0), r"split\(every=\) has to be more than 0 seconds, got 0"),
        (
            lambda: ROWS.split(-1),
            r"split\(every=\) takes a number of seconds of at least 0, got -1",
        ),
        (lambda: ROWS.split(), r"split\(\) takes seconds or at=relation"),
        (lambda: ROWS.split(1, at=ROWS), r"split\(\) takes seconds or at=relation"),
        (lambda: ROWS.split(ROWS), r"write split\(at=rows\)"),
        (lambda: ROWS.split(1, anchor="zero"), r"anchor= must be 'row' or 'video', got 'zero'"),
        (lambda: ROWS.split(at=5), r"split\(at=\) takes a relation such as db.faces, got int"),
        (lambda: ROWS.windows(2, step=0), r"windows\(step=\) has to be more than 0 seconds, got 0"),
        (lambda: ROWS.windows(1e-9), r"windows\(\) has to be more than 0 seconds"),
        (lambda: made(("a", 0, 1)).complement(), r"complement\(\) without within= has to know"),
        (lambda: ROWS.complement(3), r"complement\(within=\) takes a relation"),
        (lambda: ROWS.sample(), r"sample\(\) takes a number of rows or fraction="),
        (lambda: ROWS.sample(1, fraction=0.5), r"sample\(\) takes a number of rows or fraction="),
        (lambda: ROWS.sample(1.5), r"a whole number of at least 0, got 1.5"),
        (lambda: ROWS.sample(-1), r"a whole number of at least 0, got -1"),
        (lambda: ROWS.sample(fraction=2), r"sample\(fraction=\) must be from 0 to 1, got 2"),
        (lambda: ROWS.sample(1, seed=-1), r"sample\(seed=\) must be a whole number"),
        (lambda: ROWS.sample(1, by="nam"), r"no column 'nam'"),
        (
            lambda: made(("a", 0, 1), words=[["x"]]).sample(1, by="words"),
            r"sample\(by=\): 'words' holds lists or structs",
        ),
        (lambda: made(("a", 0, 1)).extents(), r"extents\(\) has to know how long"),
    ],
)
def test_misuse_is_refused_when_the_query_is_built(build, message):
    with pytest.raises(QueryError, match=message):
        build()


def test_a_param_is_checked_when_it_is_set():
    pieces = ROWS.split(vq.param("every", 2))
    assert pieces.count(params={"every": 1}) == 12
    with pytest.raises(QueryError, match=r"split\(every=\) has to be more than 0 seconds, got 0"):
        pieces.count(params={"every": 0})


def test_conditions_move_below_steps_that_keep_what_they_read():
    given = made(("a", 0, 4), ("b", 2, 9), name=["x", "y"])
    for step in (
        given.shift(1),
        given.dilate(1),
        given.split(2),
        given.split(at=given),
        given.windows(2),
        given.complement(given),
        given.union(given),
        given.coalesce(by="name"),
        given.group_by("name").agg(),
    ):
        lines = step.filter(row.name == "y").explain().splitlines()
        assert not lines[0].startswith("1 filter"), step
        assert any("filter" in line for line in lines[1:]), step
    for step in (given.dilate(-1), given.clip(1), given.coalesce(), given.sample(1)):
        assert step.filter(row.name == "y").explain().startswith("1 filter"), step
    assert given.shift(1).filter(row.start > 1).explain().startswith("1 filter")


def test_empty_tables():
    nothing = ROWS.filter(row.start > 99)
    for step in (
        nothing.dilate(1, clip=True),
        nothing.clip(),
        nothing.split(1),
        nothing.split(at=nothing),
        nothing.split(at=ROWS),
        nothing.windows(1),
        nothing.sample(1, by="video"),
        ROWS.complement(nothing),
    ):
        assert spans(step) == []
        assert step.collect().schema.types == step.schema.types
