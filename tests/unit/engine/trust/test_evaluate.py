"""evaluate: a result against labels, counted by hand and on real annotations."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.errors import QueryError, UnknownColumnError


def table(*rows, **more):
    columns = {
        "video": pa.array([each[0] for each in rows], None if rows else pa.string()),
        "start": pa.array([float(each[1]) for each in rows], pa.float64()),
        "end": pa.array([float(each[2]) for each in rows], pa.float64()),
    }
    return pa.table(columns | more)


def test_by_hand():
    found = vq.from_arrow(
        table(("a", 0, 10), ("a", 20, 24), ("b", 0, 5), ("b", 0, 5), score=[0.9, 0.8, 0.7, 0.6])
    )
    labels = table(("a", 0, 8), ("a", 21, 25), ("b", 50, 55))
    result = found.evaluate(labels, tiou=(0.5, 0.3, 0.8))
    assert result.time.precision == pytest.approx(11 / 19)
    assert result.time.recall == pytest.approx(11 / 17)
    assert (result.items["overlap"].precision, result.items["overlap"].recall) == (0.5, 2 / 3)
    assert list(result.ap) == [0.3, 0.5, 0.8]
    assert result.items[0.5].found_hits == 2  # 0.8 and 0.6
    assert result.items[0.8].found_hits == 1
    assert result.ap[0.5] == pytest.approx(2 / 3)
    assert result.ap[0.8] == pytest.approx(1 / 3)
    ends = result.boundaries
    assert (ends.pairs, ends.start_error, ends.end_error) == (2, 0.5, 1.5)
    assert (ends.start_bias, ends.end_bias) == (-0.5, 0.5)
    assert (result.segments.missed, result.segments.false) == (1, 2)
    videos = {each["video"]: each for each in result.videos.to_pylist()}
    assert videos["a"]["time_recall"] == pytest.approx(11 / 12)
    assert (videos["b"]["time_precision"], videos["b"]["item_f1"]) == (0, 0)
    assert result.metric("item_precision") == 0.5
    assert result.to_dict()["ap@0.5"] == result.ap[0.5]


def test_duplicates_match_one_to_one():
    found = vq.from_arrow(table(("a", 0, 10), ("a", 0, 10), score=[0.4, 0.9]))
    result = found.evaluate(table(("a", 0, 10)), tiou=[0.5])
    assert result.items[0.5].precision == 0.5
    assert result.items["overlap"].precision == 1
    assert result.ap[0.5] == 1  # the one that ranks first is right
    assert (result.segments.split, result.segments.extra) == (1, 1)


def test_instants_match_instants():
    found = vq.from_arrow(table(("a", 5, 5), ("a", 9, 9), ("a", 0, 2)))
    result = found.evaluate(table(("a", 5, 5), ("a", 8, 9), ("a", 0, 2)), tiou=[0.5])
    assert result.items[0.5].found_hits == 2  # the instant at the end of [8, 9) does not overlap it
    assert result.items["overlap"].true_hits == 2
    assert result.time.f1 == pytest.approx(2 * 2 / (2 + 3))


def test_nothing_found_or_nothing_true():
    some, none = table(("a", 0, 1)), table()
    result = vq.from_arrow(none).evaluate(some)
    assert (result.time.recall, result.time.precision, result.time.f1) == (0, None, 0)
    assert (result.items[0.5].f1, result.ap[0.5]) == (0, 0)
    assert result.boundaries.start_error is None
    result = vq.from_arrow(some).evaluate(none)
    assert (result.time.precision, result.time.recall, result.ap[0.3]) == (0, None, None)
    assert result.metric("mean_ap") is None
    result = vq.from_arrow(none).evaluate(none)
    assert (result.time.f1, result.items[0.5].f1, result.videos.num_rows) == (None, None, 0)
    assert "0 found, 0 true" in str(result)


def test_missing_scores_rank_last():
    found = vq.from_arrow(table(("a", 0, 1), ("a", 5, 6), score=pa.array([None, 0.1])))
    result = found.evaluate(table(("a", 0, 1)), tiou=[0.5])
    assert result.ap[0.5] == 0.5
    assert result.unscored == 1
    assert "1 without a score rank last" in str(result)


def test_classes():
    found = table(("a", 0, 1), ("a", 0, 1), ("a", 5, 6), kind=["x", "y", None], score=[1.0, 1, 1])
    labels = table(("a", 0, 1), ("a", 5, 6), ("b", 0, 1), kind=["x", None, "z"])
    result = vq.from_arrow(found).evaluate(labels, by="kind", tiou=[0.5])
    assert result.items[0.5].found_hits == 2  # null equals null
    rows = {each["kind"]: each for each in result.classes.to_pylist()}
    assert rows["x"]["ap@0.5"] == 1
    assert rows["y"]["ap@0.5"] is None
    assert rows["z"]["ap@0.5"] == 0
    assert result.ap[0.5] == pytest.approx(2 / 3)
    assert result.time.f1 == pytest.approx(4 / 6)
    assert result.videos["true"].to_pylist() == [2, 1]


def test_only_some_videos():
    found = vq.from_arrow(table(("a", 0, 1), ("b", 0, 1)))
    labels = table(("a", 0, 1))
    assert found.evaluate(labels).time.precision == 0.5
    assert found.evaluate(labels, videos=["a"]).time.precision == 1
    with pytest.raises(QueryError, match="videos="):
        found.evaluate(labels, videos=[3])


def test_labels_may_be_a_relation():
    found = vq.from_arrow(table(("a", 0, 4), ("a", 9, 10)))
    labels = found.filter(row.duration > 2)
    assert found.evaluate(labels).items["overlap"].recall == 1


def test_text_and_html():
    found = vq.from_arrow(table(("a", 0, 10), ("b", 2, 4)))
    result = found.evaluate(table(("a", 0, 8)))
    assert repr(result) == str(result)
    assert "items, tIoU 0.5" in str(result)
    html = result._repr_html_()
    assert "<table>" in html
    assert "items, tIoU 0.7" in html


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"tiou": [0]}, QueryError, "above 0 and at most 1"),
        ({"tiou": []}, QueryError, "above 0 and at most 1"),
        ({"by": "kind"}, UnknownColumnError, "no column 'kind'"),
        ({"by": "score"}, UnknownColumnError, "labels has no column 'score'"),
    ],
)
def test_misuse(given, error, message):
    found = vq.from_arrow(table(("a", 0, 10), score=[0.5]))
    with pytest.raises(error, match=message):
        found.evaluate(table(("a", 0, 8)), **given)


def test_labels_of_another_kind():
    found = vq.from_arrow(table(("a", 0, 10)))
    with pytest.raises(QueryError, match="they never match"):
        found.evaluate(table((1, 0, 8)))
    with pytest.raises(QueryError, match="labels as a relation or a table"):
        found.evaluate([1])
    with pytest.raises(QueryError, match="no metric 'f2'"):
        found.evaluate(table(("a", 0, 8))).metric("f2")


@pytest.mark.data
def test_real_annotations_moved_a_little(data):
    """THUMOS14: every segment, moved by a share of its length, still finds its own class."""
    with (data / "events" / "thumos14" / "val_Annotation.csv").open() as file:
        given = [each for each in csv.DictReader(file) if float(each["end"]) > float(each["start"])]
    start, end = (np.array([float(each[key]) for each in given]) for key in ("start", "end"))
    rng = np.random.default_rng(0)
    columns = {
        "video": [each["video"] for each in given],
        "kind": [each["type"] for each in given],
    }
    labels = pa.table(columns | {"start": start, "end": end})
    same = vq.from_arrow(labels).evaluate(labels, by="kind")
    assert (same.time.f1, same.items[0.7].f1) == (1, 1)
    assert same.ap[0.7] == 1
    assert (same.boundaries.start_error, same.boundaries.end_error) == (0, 0)
    moved = start + rng.uniform(0, 0.8, start.size) * (end - start)
    score = pa.array(rng.random(start.size))
    found = vq.from_arrow(pa.table(columns | {"start": moved, "end": end, "score": score}))
    result = found.evaluate(labels, by="kind")
    assert result.classes.num_rows == 21  # 20 kinds, and segments called ambiguous
    assert result.videos.num_rows == 200
    assert 0.7 < result.items[0.3].recall < 1
    assert result.ap[0.3] > result.ap[0.5] > result.ap[0.7] > 0.05
    assert 0 < result.boundaries.start_error < 4
    assert result.boundaries.start_bias > 0


def test_videos_add_up():
    """What stands for each video is what comes out for that video alone."""
    rng = np.random.default_rng(1)
    sides = []
    for _ in range(2):
        video, start = rng.integers(0, 6, 30), rng.integers(0, 20, 30)
        end = start + rng.integers(0, 5, 30)
        sides.append(table(*zip([f"v{n}" for n in video], start, end, strict=True)))
    found, labels = vq.from_arrow(sides[0]), sides[1]
    whole = found.evaluate(labels)
    for each in whole.videos.to_pylist():
        alone = found.evaluate(labels, videos=[each["video"]])
        for name in ("precision", "recall", "f1"):
            assert each[f"time_{name}"] == pytest.approx(getattr(alone.time, name))
            assert each[f"item_{name}"] == pytest.approx(getattr(alone.items["overlap"], name))
    assert sum(whole.videos["found"].to_pylist()) == 30
