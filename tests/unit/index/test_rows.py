from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.index import rows as rows_module
from vquery.index.rows import DetectionRows, Sample
from vquery.index.sampling import Every
from vquery.schema import IDS_PER_VIDEO


@dataclass
class Written:
    """Takes the place of the parts on disk."""

    tables: list[pa.Table] = field(default_factory=list)

    def write(self, table: str, rows: pa.Table) -> None:
        assert table == "detections"
        self.tables.append(rows)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pa.concat_tables(self.tables).to_pylist()
        return found


def collector(**options: Any) -> tuple[Written, DetectionRows]:
    written = Written()
    return written, DetectionRows(cast("Any", written), "v", 2, "det", **options)


def sample(frame: int, start_us: int, *lefts: float, **more: Any) -> Sample:
    boxes = np.array([[x, 0.2, x + 0.1, 0.4] for x in lefts], np.float32).reshape(-1, 4)
    scores = np.full(len(lefts), 0.9, np.float32)
    classes = more.pop("classes", ["face"] * len(lefts))
    return Sample(frame, start_us, boxes, scores, classes, **more)


def test_a_detection_lasts_until_the_next_sampled_frame_even_an_empty_one() -> None:
    written, rows = collector()
    for frame, lefts in ((0, [0.1]), (3, []), (6, [0.1, 0.5])):
        rows.add(sample(frame, frame * 40_000, *lefts))
    rows.close_shot(330_000, 7)
    assert [(r["frame"], r["start_us"], r["end_us"], r["shot_id"]) for r in written.rows()] == [
        (0, 0, 120_000, 7),
        (6, 240_000, 330_000, 7),
        (6, 240_000, 330_000, 7),
    ]


def test_ids_and_tracks_go_on_from_what_the_video_has() -> None:
    written, rows = collector(first=11, first_track=4)
    ids = np.concatenate([rows.add(sample(frame, frame * 40_000, 0.1, 0.6)) for frame in (0, 1)])
    rows.close_shot(80_000, None)
    base = 2 * IDS_PER_VIDEO
    assert ids.tolist() == [base + n for n in (11, 12, 13, 14)]
    assert [r["detection_id"] for r in written.rows()] == ids.tolist()
    assert [r["track"] for r in written.rows()] == [base + n for n in (4, 5, 4, 5)]
    assert (rows.count, rows.next_track) == (4, 6)


def test_tracks_end_with_the_shot_and_keep_to_one_class() -> None:
    written, rows = collector()
    rows.add(sample(0, 0, 0.1))
    rows.add(sample(1, 40_000, 0.1))
    rows.add(sample(2, 80_000, 0.1, classes=["dog"]))
    rows.close_shot(40_000, 1)
    rows.close_shot(120_000, 2)
    assert [r["track"] % IDS_PER_VIDEO for r in written.rows()] == [1, 2, 3]


def test_a_gap_in_the_footage_ends_what_came_before() -> None:
    written, rows = collector()
    rows.add(sample(5, 5_000_000, 0.1))
    rows.cut(6_000_000)
    rows.add(sample(90, 90_000_000, 0.1))
    rows.close_shot(91_000_000, 1)
    assert [(r["start_us"], r["end_us"]) for r in written.rows()] == [
        (5_000_000, 6_000_000),
        (90_000_000, 91_000_000),
    ]


def test_tracks_and_ends_of_the_file_are_kept() -> None:
    written, rows = collector(first_track=3)
    rows.add(sample(0, 0, 0.1, 0.5, tracks=[17, None], ends_us=[500_000, 40_000]))
    rows.add(sample(1, 40_000, 0.1, tracks=[17], ends_us=[90_000]))
    rows.close_shot(80_000, 1)
    assert [(r["track"], r["end_us"]) for r in written.rows()] == [
        (2 * IDS_PER_VIDEO + 3, 500_000),
        (None, 40_000),
        (2 * IDS_PER_VIDEO + 3, 90_000),
    ]


def test_a_single_picture_is_an_instant() -> None:
    written, rows = collector()
    rows.add(sample(0, 0, 0.1))
    rows.close_shot(0, 1)
    assert [(r["start_us"], r["end_us"]) for r in written.rows()] == [(0, 0)]


@given(st.data())
def test_spans_equal_those_of_a_naive_reference(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=30))
    starts = (np.cumsum(steps) - steps[0]).tolist()
    counts = data.draw(st.lists(st.integers(0, 2), min_size=len(starts), max_size=len(starts)))
    end = starts[-1] + 1 + data.draw(st.integers(0, 3))
    cuts = [*sorted(data.draw(st.sets(st.integers(1, end - 1))) if end > 1 else ()), end]
    written, rows = collector()
    expected = []
    over = 0  # shots that are closed
    for at, (start, n) in enumerate(zip(starts, counts, strict=True)):
        while cuts[over] <= start:
            rows.close_shot(cuts[over], over)
            over += 1
        rows.add(sample(at, start, *[0.1, 0.6][:n]))
        shot = next(number for number, cut in enumerate(cuts) if cut > start)
        expected += [(start, min([*starts[at + 1 : at + 2], cuts[shot]]), shot)] * n
    for shot in range(over, len(cuts)):
        rows.close_shot(cuts[shot], shot)
    found = written.rows() if written.tables else []
    assert [(r["start_us"], r["end_us"], r["shot_id"]) for r in found] == expected


def test_a_shot_of_any_length_waits_in_bounded_memory_and_keeps_its_tracks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_module, "MOST_SAMPLES", 50)
    written, rows = collector()
    whole, reference = collector()
    most = 0
    for frame in range(1000):
        lefts = [0.1 + 0.0001 * frame, 0.6] if frame // 100 % 2 else [0.1 + 0.0001 * frame]
        if 430 <= frame < 470:
            lefts = []
        for one in (rows, reference):
            one.add(sample(frame, frame * 40_000, *lefts))
        rows.spill((frame - 60) * 40_000, 5)
        most = max(most, len(rows._samples))
    rows.close_shot(40_000_000, 5)
    reference.close_shot(40_000_000, 5)
    assert most <= 60 + 25 + 1
    assert len(written.tables) > 5
    assert written.rows() == whole.rows()
    assert len({r["track"] for r in written.rows()}) == 7


@given(st.lists(st.integers(1, 200_000), max_size=60), st.integers(0, 500_000))
def test_every_picks_the_first_frame_of_each_step(steps: list[int], step: int) -> None:
    times = np.cumsum([0, *steps]).tolist()
    every = Every(step / 1e6)
    picked = [time for time in times if every.due(time)]
    if step == 0:
        assert picked == times
        return
    slots = [(time + 1000) // step for time in times]
    assert picked == [
        t for t, now, before in zip(times, slots, [-1, *slots], strict=False) if now > before
    ]
