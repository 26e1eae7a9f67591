"""Gaps of tracks are filled where that is safe, at the frames that were sampled."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.export.dense import interpolated
from vquery.export.items import ITEM
from vquery.schema import BOX, FRAME

NULLABLE = pa.schema([field.with_nullable(nullable=True) for field in ITEM])
STEP = 40_000
LONGEST_GAP_US = 500_000


def frames_of(video, starts, numbers=None):
    ends = [*starts[1:], starts[-1] + STEP]
    return pa.table(
        {
            "video": [video] * len(starts),
            "start_us": starts,
            "end_us": ends,
            "frame": range(len(starts)) if numbers is None else numbers,
        },
        schema=FRAME,
    )


@pytest.fixture
def fill(make):
    def run(*items, starts=None, numbers=None):
        starts = [i * STEP for i in range(100)] if starts is None else starts
        table = pa.Table.from_pylist(list(items), schema=NULLABLE)
        return interpolated(table, lambda video: frames_of(video, starts, numbers)).to_pylist()

    return run


@pytest.fixture
def box(make):
    def one(frame, x=0.0, label="Ada", *, step=1, **more):
        times = {"start_us": frame * STEP, "end_us": (frame + step) * STEP}
        return make.item(frame=frame, label=label, box=(x, 0, x + 0.1, 0.5), **times | more)

    return one


def test_missed_frames_get_boxes_on_the_line_between(fill, box):
    first, second = fill(
        box(10, 0.0, score=0.9, probability=0.7), box(13, 0.3, score=0.6, probability=0.8)
    )
    assert [row["frame"] for row in (first, second)] == [11, 12]
    assert [row["start_us"] for row in (first, second)] == [11 * STEP, 12 * STEP]
    assert [row["end_us"] for row in (first, second)] == [12 * STEP, 13 * STEP]
    assert first["x1"] == pytest.approx(0.1)
    assert second["x2"] == pytest.approx(0.3)
    assert first["score"] == pytest.approx(0.6)
    assert first["probability"] == pytest.approx(0.7)
    assert first["detection_id"] is None
    assert first["label_source"] == "interpolated"
    assert (first["label"], first["track"], first["detector"]) == ("Ada", 1, "yunet")


def test_times_count_not_frames(fill, box):
    """With a variable frame rate the frame in between may be late."""
    starts = [0, 30_000, 100_000]
    (row,) = fill(
        box(0, 0.0, start_us=0, end_us=30_000),
        box(2, 1.0, start_us=100_000, end_us=140_000),
        starts=starts,
    )
    assert row["x1"] == pytest.approx(0.3)


def test_sampled_frames_are_filled_in_their_own_step(fill, box):
    found = fill(box(0, step=4), box(12, 0.3, step=4))
    assert [row["frame"] for row in found] == [4, 8]


def test_numbers_of_picture_folders_have_gaps(fill, box):
    found = fill(
        box(0),
        box(2, 0.2),
        starts=[0, STEP, 2 * STEP],
        numbers=[7, 9, 30],
    )
    assert [row["frame"] for row in found] == [9]


@pytest.mark.parametrize(
    "other",
    [
        {"label": "Zoë"},
        {"label": None},
        {"track": 2},
        {"track": None},
        {"shot_id": 2},
        {"shot_id": None},
        {"detector": "haar"},
        {"video": "b.avi"},
    ],
)
def test_sides_that_differ_are_not_joined(fill, box, other):
    assert fill(box(0), box(2, **other)) == []


def test_nulls_on_both_sides_are_alike_except_label_and_track(fill, box):
    assert len(fill(box(0, shot_id=None, detector=None), box(2, shot_id=None, detector=None))) == 1
    assert fill(box(0, track=None), box(2, track=None)) == []
    assert fill(box(0, label=None), box(2, label=None)) == []


def test_a_box_without_a_label_in_between_is_not_drawn_again(fill, box):
    assert fill(box(0), box(1, label=None), box(2)) == []


def test_long_gaps_stay(fill, box):
    most = LONGEST_GAP_US // STEP
    assert len(fill(box(0), box(most))) == most - 1
    assert fill(box(0), box(most + 1)) == []
    assert len(fill(box(0, step=20), box(40, step=20))) == 1, "one missed sample of 0.8 s"
    assert fill(box(0, step=20), box(41, step=20)) == []


def test_nothing_to_fill(fill, box):
    assert fill() == []
    assert fill(box(3)) == []
    assert fill(box(3), box(4)) == []


def test_a_video_without_frames_has_nothing_between(make, box):
    table = pa.Table.from_pylist([box(0), box(2)], schema=NULLABLE)
    assert interpolated(table, lambda _: FRAME.empty_table()).num_rows == 0


sightings = st.lists(
    st.tuples(
        st.sampled_from(["a.avi", "b.avi"]),
        st.integers(1, 2),
        st.integers(0, 40),
        st.sampled_from(["Ada", "Zoë", None]),
    ),
    max_size=40,
    unique_by=lambda one: one[:3],
)


def expected(rows):
    """Fill track by track and frame by frame: slow and plain."""
    found = set()
    for video, track in {row[:2] for row in rows}:
        seen = {frame: label for v, t, frame, label in rows if (v, t) == (video, track)}
        for frame in range(41):
            before = max((f for f in seen if f < frame), default=None)
            after = min((f for f in seen if f > frame), default=None)
            if frame in seen or before is None or after is None:
                continue
            same = seen[before] is not None and seen[before] == seen[after]
            if same and (after - before) * STEP <= LONGEST_GAP_US:
                share = (frame - before) / (after - before)
                x = before / 100 + share * (after - before) / 100
                found.add((video, track, frame, seen[before], round(x, 5)))
    return found


@given(sightings)
def test_it_fills_what_a_plain_search_fills(make, rows):
    table = pa.Table.from_pylist(
        [
            make.item(
                video,
                frame,
                label,
                (frame / 100, 0, 1, 1),
                track=track,
                start_us=frame * STEP,
                end_us=(frame + 1) * STEP,
            )
            for video, track, frame, label in rows
        ],
        schema=NULLABLE,
    )
    starts = [i * STEP for i in range(41)]
    found = interpolated(table, lambda video: frames_of(video, starts))
    assert found.schema == ITEM
    assert {
        (row["video"], row["track"], row["frame"], row["label"], round(row["x1"], 5))
        for row in found.to_pylist()
    } == expected(rows)
    assert found.num_rows == len(expected(rows))
    assert all(np.isfinite(found[name].to_numpy()).all() for name in BOX)
