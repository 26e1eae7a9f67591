"""Frame numbers to time."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.ingest.clock import FrameClock
from vquery.schema import FRAME


def frames(starts, end, video="v", first=0):
    rows = [
        {"video": video, "start_us": start, "end_us": stop, "frame": number}
        for number, (start, stop) in enumerate(zip(starts, [*starts[1:], end], strict=True), first)
    ]
    return pa.Table.from_pylist(rows, schema=FRAME)


def test_timestamps_are_taken_as_they_are():
    table = frames([0, 50_000, 150_000, 180_000], 200_000).take([2, 0, 3, 1])
    clock = FrameClock.from_frames(table, width=4, height=3)
    assert clock.start_us([3, 0]).tolist() == [180_000, 0]
    assert clock.end_us([0, 1, 2, 3]).tolist() == [50_000, 150_000, 180_000, 200_000]
    assert clock.end_us([0, 2], every=2).tolist() == [150_000, 200_000]
    sampled = FrameClock.from_frames(table, width=4, height=3, every=3)
    assert sampled.end_us([0, 3]).tolist() == [180_000, 200_000]
    assert clock.has([-1, 0, 3, 4]).tolist() == [False, True, True, False]


def test_a_gap_between_frames_stays_a_gap():
    rows = [
        {"video": "v", "start_us": k * 10, "end_us": k * 10 + 10, "frame": k} for k in (3, 4, 9)
    ]
    table = pa.Table.from_pylist(rows, schema=FRAME)
    clock = FrameClock.from_frames(table, width=4, height=3)
    assert clock.has([2, 3, 4, 5, 9]).tolist() == [False, True, True, False, True]
    assert clock.end_us([3, 4, 9]).tolist() == [40, 50, 100]
    assert clock.end_us([3, 4, 9], every=5).tolist() == [50, 50, 100]


def test_frames_that_do_not_exist():
    clock = FrameClock.from_frames(frames([0, 5], 9), width=1, height=1)
    with pytest.raises(SchemaError, match="there is no frame 2: the video has frames 0 to 1"):
        clock.start_us([0, 2])
    endless = FrameClock.from_rate(25, width=1, height=1)
    with pytest.raises(SchemaError, match="there is no frame -1: frames count from 0"):
        endless.start_us([-1])
    assert endless.has([0, 10**9, 2**40]).tolist() == [True, True, False]


def test_a_clock_must_make_sense():
    with pytest.raises(SchemaError, match="one video"):
        FrameClock.from_frames(
            pa.concat_tables([frames([0], 1), frames([0], 1, "w")]), width=1, height=1
        )
    with pytest.raises(SchemaError, match="one video"):
        FrameClock.from_frames(FRAME.empty_table(), width=1, height=1)
    for bad in ({"width": 0}, {"height": -1}, {"every": 0}, {"fps_num": 0}):
        with pytest.raises(SchemaError, match="must be"):
            FrameClock.from_rate(**{"fps_num": 25, "width": 1, "height": 1, **bad})
    with pytest.raises(SchemaError, match="needs timestamps"):
        FrameClock(width=1, height=1).start_us([0])


@given(st.integers(1, 10**7), st.integers(1, 10**6), st.integers(0, 2**31 - 1))
def test_a_rate_is_exact(num, den, frame):
    clock = FrameClock.from_rate(num, den, width=1, height=1)
    if frame * den / num > 10**10:  # three centuries
        return
    exact = Fraction(frame * den * 1_000_000, num)
    assert abs(int(clock.start_us(np.array([frame]))[0]) - exact) <= Fraction(1, 2)
    if frame + 1 < 2**31:
        assert clock.end_us([frame])[0] == clock.start_us([frame + 1])[0]
