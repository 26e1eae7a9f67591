"""Time scores and box matches against what is counted by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vquery.metrics.boxes import iou_matrix, true_values
from vquery.metrics.spans import time_score

spans = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 10)), max_size=12
)


def table(rows: list[tuple[str, int, int]]) -> pa.Table:
    return pa.table(
        {
            "video": pa.array([row[0] for row in rows], pa.string()),
            "start_us": pa.array([row[1] for row in rows], pa.int64()),
            "end_us": pa.array([row[1] + row[2] for row in rows], pa.int64()),
        }
    )


def ticks(rows: list[tuple[str, int, int]]) -> set[tuple[str, int]]:
    return {(video, t) for video, start, length in rows for t in range(start, start + length)}


@given(spans, spans)
def test_time_score_counts_the_ticks(found: list, truth: list) -> None:
    score = time_score(table(found), table(truth))
    ours, theirs = ticks(found), ticks(truth)
    assert (score.found_us, score.true_us, score.both_us) == (
        len(ours),
        len(theirs),
        len(ours & theirs),
    )


def test_nothing_found_has_no_precision() -> None:
    score = time_score(table([]), table([("a", 0, 5)]))
    assert score.precision is None
    assert score.recall == 0
    assert score.f1 == 0


def test_boxes_without_area_share_nothing() -> None:
    point = np.array([[0.5, 0.5, 0.5, 0.5]])
    assert iou_matrix(point, point).tolist() == [[0.0]]


def boxes(rows: list[tuple[str, int, float, str]]) -> pa.Table:
    x1 = [row[2] for row in rows]
    return pa.table(
        {
            "video": [row[0] for row in rows],
            "start_us": [row[1] for row in rows],
            "x1": x1,
            "y1": [0.0] * len(rows),
            "x2": [x + 1 for x in x1],
            "y2": [1.0] * len(rows),
            "person": [row[3] for row in rows],
        }
    )


def test_a_detection_takes_the_true_box_it_overlaps_most_at_its_moment() -> None:
    truth = boxes(
        [("a", 0, 0.0, "Ann"), ("a", 0, 0.4, "Bob"), ("a", 99, 0.3, "Cy"), ("b", 0, 0.3, "Di")]
    )
    seen = boxes([("a", 0, 0.3, ""), ("a", 1, 0.3, ""), ("a", 0, 5.0, ""), ("c", 0, 0.3, "")])
    assert true_values(seen, truth, "person") == ["Bob", None, None, None]
    assert true_values(seen, truth, "person", within_us=1) == ["Bob", "Bob", None, None]
