from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.index.placing import Placed, place_by_time, place_on_frames
from vquery.index.rows import END_OF_TIME
from vquery.schema import DETECTION, FRAME, conform

NTSC = [round(n * 1001 / 30000 * 1e6) for n in range(301)]


def frames(bounds: list[int], gaps: tuple[int, ...] = ()) -> pa.Table:
    """Frames between bounds; those in ``gaps`` are missing."""
    rows = [
        {"video": "v", "start_us": low, "end_us": high, "frame": at}
        for at, (low, high) in enumerate(itertools.pairwise(bounds))
        if at not in gaps
    ]
    return pa.Table.from_pylist(rows, schema=FRAME)


def detections(spans: list[tuple[int, int]], **more: list[Any]) -> pa.Table:
    columns = {
        "video": ["v"] * len(spans),
        "start_us": [start for start, _ in spans],
        "end_us": [end for _, end in spans],
        **{name: [0.5] * len(spans) for name in ("x1", "y1", "x2", "y2")},
        **more,
    }
    return conform(pa.table(columns), DETECTION, what="detections")


def spans(placed: Placed, end: int) -> list[tuple[int, int]]:
    """Spans of the moments, as rows make them."""
    following = [*placed.starts[1:], end]
    return [
        (start, min(until, after))
        for start, until, after in zip(placed.starts, placed.until, following, strict=True)
    ]


def test_rounded_times_find_their_frames_and_abut() -> None:
    times = [round(us, -3) for us in NTSC[:-1]]
    placed, off = place_on_frames(detections([(t, t) for t in times]), frames(NTSC))
    assert off == 0
    assert placed.frames == list(range(300))
    assert spans(placed, NTSC[-1]) == list(itertools.pairwise(NTSC))


@pytest.mark.parametrize("step", [2, 3, 7])
def test_sampled_frames_last_until_the_next_sample(step: int) -> None:
    sampled = list(range(0, 300, step))
    table = detections([(NTSC[at], NTSC[at + 1]) for at in sampled])
    placed, _ = place_on_frames(table, frames(NTSC))
    ends = [NTSC[min(at + step, 300)] for at in sampled]
    assert spans(placed, NTSC[-1]) == [(NTSC[a], e) for a, e in zip(sampled, ends, strict=True)]


def test_a_missed_sample_does_not_stretch_the_one_before() -> None:
    sampled = [0, 3, 6, 15, 18]
    table = detections([(NTSC[at], NTSC[at]) for at in sampled])
    placed, _ = place_on_frames(table, frames(NTSC))
    assert spans(placed, NTSC[-1]) == [
        (NTSC[0], NTSC[3]),
        (NTSC[3], NTSC[6]),
        (NTSC[6], NTSC[9]),
        (NTSC[15], NTSC[18]),
        (NTSC[18], NTSC[21]),
    ]


def test_steps_that_are_no_whole_frames_leave_no_holes() -> None:
    times = [50_000 * n for n in range(100)]
    placed, _ = place_on_frames(detections([(t, t) for t in times]), frames(NTSC))
    found = spans(placed, NTSC[-1])
    assert all(end == after for (_, end), (after, _) in itertools.pairwise(found))


def test_a_gap_between_pictures_stays_a_gap_and_holds_no_detection() -> None:
    bounds = [second * 1_000_000 for second in range(21)]
    pictures = frames(bounds, gaps=tuple(range(5, 15)))
    times = [3_000_000, 4_000_000, 9_000_000, 15_000_000, 16_000_000]
    placed, off = place_on_frames(detections([(t, t) for t in times]), pictures)
    assert off == 1
    assert placed.frames == [3, 4, 15, 16]
    assert spans(placed, 20_000_000) == [
        (3_000_000, 4_000_000),
        (4_000_000, 5_000_000),
        (15_000_000, 16_000_000),
        (16_000_000, 17_000_000),
    ]


def test_detections_outside_of_the_video_are_counted() -> None:
    times = [0, 1_000_000, NTSC[-1] + 10_000, NTSC[-1] + 500_000, 60_000_000]
    placed, off = place_on_frames(detections([(t, t) for t in times]), frames(NTSC))
    assert off == 2
    assert placed.frames == [0, 30, 299]


def test_spans_of_the_file_hold_and_never_end_before_they_start() -> None:
    given_spans = [(0, 5_000_000), (25_000, 30_000), (1_000_000, 1_000_000)]
    placed, _ = place_on_frames(detections(given_spans), frames(NTSC))
    assert placed.ends_given
    assert placed.frames == [0, 1, 30]
    assert placed.table["end_us"].to_pylist() == [5_000_000, NTSC[2], NTSC[31]]


def test_a_single_picture_takes_detections_of_its_instant() -> None:
    picture = frames([0, 0])
    placed, off = place_on_frames(detections([(0, 0), (0, 0), (90_000_000, 90_000_000)]), picture)
    assert (placed.starts, placed.edges, off) == ([0], [0, 2], 1)


def test_no_detections_have_no_place() -> None:
    assert len(place_on_frames(detections([]), frames(NTSC))[0]) == 0
    assert len(place_by_time(detections([]))) == 0


@given(st.lists(st.integers(0, 12_000_000), max_size=40), st.sets(st.integers(0, 299), max_size=80))
def test_every_detection_is_on_the_nearest_frame_or_counted(
    times: list[int], gaps: set[int]
) -> None:
    table = frames(NTSC, gaps=tuple(gaps - {0}))
    starts, ends = table["start_us"].to_numpy(), table["end_us"].to_numpy()
    placed, off = place_on_frames(detections([(t, t) for t in times]), table)
    expected = []
    for time in times:
        at = int(np.argmin(np.abs(starts - time)))
        length = int(ends[at] - starts[at])
        if starts[at] - length <= time <= ends[at] + length:
            expected.append(int(table["frame"][at].as_py()))
    assert off == len(times) - len(expected)
    found = [
        number
        for at, number in enumerate(placed.frames)
        for _ in range(placed.edges[at + 1] - placed.edges[at])
    ]
    assert found == sorted(expected)
    for start, until in zip(placed.starts, placed.until, strict=True):
        row = int(np.searchsorted(starts, start))
        while row + 1 < len(starts) and starts[row + 1] == ends[row]:
            row += 1
        assert start < until <= ends[row]


def test_instants_without_a_video_last_until_the_next_sample() -> None:
    times = [0, 500_000, 1_000_000, 3_000_000]
    placed = place_by_time(detections([(t, t) for t in times]))
    assert not placed.ends_given
    assert spans(placed, END_OF_TIME) == [
        (0, 500_000),
        (500_000, 1_000_000),
        (1_000_000, 1_500_000),
        (3_000_000, 3_500_000),
    ]
    assert placed.frames == [None] * 4


def test_spans_without_a_video_are_those_of_the_file() -> None:
    placed = place_by_time(detections([(0, 200_000), (10_000_000, 10_200_000)]))
    assert placed.ends_given


def test_frames_without_a_video_last_until_the_next_sampled_frame() -> None:
    sampled = [0, 3, 6, 9]
    spans_of_frames = [(NTSC[at], NTSC[at + 1]) for at in sampled]
    placed = place_by_time(detections(spans_of_frames, frame=sampled))
    assert (placed.frames, placed.ends_given) == (sampled, False)
    assert [end for _, end in spans(placed, END_OF_TIME)][:3] == [NTSC[3], NTSC[6], NTSC[9]]
