"""Assessments against scikit-learn, loops over videos and cases made by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import metrics

from vquery.errors import LabelError, QueryError, SchemaError
from vquery.metrics.calibration import ece
from vquery.metrics.segments import runs_of, segment_score
from vquery.supervise.proof import assess


def world(seed=0, videos=12, each=40, classes=2, seconds=None):
    """Items of videos, a truth in runs, and probabilities that are often right."""
    rng = np.random.default_rng(seed)
    n = videos * each
    truth = np.repeat(rng.integers(0, classes, n // 5), 5)
    scores = 1.5 * rng.normal(size=(n, classes)) + 2 * np.eye(classes)[truth]
    chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = np.where(rng.random(n) < 0.05, -1, truth)
    length = rng.integers(1, 4, n) * 1_000_000 if seconds is None else np.full(n, seconds * 10**6)
    ends = length.reshape(videos, each).cumsum(axis=1).ravel()
    items = pa.table(
        {
            "video": np.repeat([f"v{i}" for i in range(videos)], each),
            "start_us": ends - length,
            "end_us": ends,
            "channel": np.repeat([f"c{i % 3}" for i in range(videos)], each),
        }
    )
    return chance, truth, items


def test_figures_of_two_classes_agree_with_scikit_learn():
    chance, truth, items = world()
    found = assess(chance[:, 1], truth, items=items)
    known = truth >= 0
    y, p, label = truth[known], chance[known, 1], (chance[known, 1] > 0.5).astype(int)
    seconds = (items["end_us"].to_numpy() - items["start_us"].to_numpy())[known] / 1e6
    assert found.metric("accuracy") == pytest.approx(metrics.accuracy_score(y, label))
    assert found.metric("precision") == pytest.approx(metrics.precision_score(y, label))
    assert found.metric("recall") == pytest.approx(metrics.recall_score(y, label))
    assert found.metric("f1") == pytest.approx(metrics.f1_score(y, label))
    weighted = metrics.f1_score(y, label, sample_weight=seconds)
    assert found.metric("time_f1") == pytest.approx(weighted)
    assert found.metric("log_loss") == pytest.approx(metrics.log_loss(y, p))
    assert found.metric("brier") == pytest.approx(metrics.brier_score_loss(y, p))
    assert found.metric("ece") == pytest.approx(ece(p, y))
    assert found.metric("labelled") == 1.0
    assert found.confusion[:, :2].tolist() == metrics.confusion_matrix(y, label).tolist()


def test_more_classes_are_averaged():
    chance, truth, items = world(classes=4)
    found = assess(chance, truth, items=items)
    known = truth >= 0
    y, label = truth[known], chance[known].argmax(axis=1)
    assert found.metric("f1") == pytest.approx(metrics.f1_score(y, label, average="macro"))
    assert found.metric("recall") == pytest.approx(metrics.recall_score(y, label, average="macro"))
    assert found.metric("ece") == pytest.approx(ece(chance, truth))
    assert found.main == "accuracy"
    assert found.classes["f1"].to_pylist() == pytest.approx(
        metrics.f1_score(y, label, average=None)
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_segments_are_those_of_each_video(classes):
    chance, truth, items = world(classes=classes, seed=3)
    shuffled = np.random.default_rng(1).permutation(len(truth))
    found = assess(chance[shuffled], truth[shuffled], items=items.take(pa.array(shuffled)))
    label = np.where(truth < 0, -1, chance.argmax(axis=1))
    hits = ours = theirs = 0
    for video in set(items["video"].to_pylist()):
        mine = np.array([name == video for name in items["video"].to_pylist()])
        times = {key[:-3]: items[key].to_numpy()[mine] for key in ("start_us", "end_us")}
        for code in [1] if classes == 2 else range(classes):
            score = segment_score(
                *(runs_of(codes[mine], code=code, **times) for codes in (label, truth))
            )
            hits, ours, theirs = hits + score.found_hits, ours + score.found, theirs + score.true
    assert found.metric("segment_f1@0.5") == pytest.approx(2 * hits / (ours + theirs))
    assert found.segmentation["segments"] == ours
    assert found.segmentation["true_segments"] == theirs


def test_segments_by_hand():
    second = np.arange(10) * 1_000_000
    items = pa.table({"video": ["a"] * 10, "start_us": second, "end_us": second + 1_000_000})
    truth = [0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
    label = [0, 1, 0, 1, 1, 1, 0, 0, 0, 1]
    found = assess(None, truth, labels=label, items=items, tiou=(0.3, 0.6))
    assert found.segmentation == {
        "segments": 3, "true_segments": 2, "split": 1, "extra": 1, "merged": 0, "swallowed": 0,
        "missed": 1, "false": 1,
    }  # fmt: skip
    assert found.metric("segment_f1@0.3") == pytest.approx(2 / 5)
    assert found.metric("segment_f1@0.6") == 0.0
    assert found.metric("end_error") == 1.0
    assert found.metric("start_error") == 2.0
    assert found.metric("pieces_per_segment") == 2.0
    assert found.reliability is None
    assert "log_loss" not in found.metrics


def test_gaps_end_segments_unless_they_are_short():
    items = pa.table({"video": ["a"] * 2, "start_us": [0, 3_000_000], "end_us": [10**6, 4 * 10**6]})
    counts = [
        assess(None, [1, 1], labels=[1, 1], items=items, gap=gap).segmentation["segments"]
        for gap in (0, 1.9, 2)
    ]
    assert counts == [2, 2, 1]


def test_items_that_overlap_have_segments_by_track_or_none():
    items = pa.table({"video": ["a"] * 4, "start_us": [0, 0, 5, 5], "end_us": [5, 5, 9, 9]})
    found = assess([0.9, 0.1, 0.9, 0.1], [1, 0, 1, 0], items=items)
    assert found.segmentation is None
    assert any("overlap in time" in note for note in found.notes)
    tracks = items.append_column("track", pa.array([1, 2, 1, 2]))
    found = assess([0.9, 0.1, 0.9, 0.1], [1, 0, 1, 0], items=tracks)
    assert found.segmentation["segments"] == 1


def test_copies_of_rows_do_not_narrow_intervals_but_videos_do():
    chance, truth, items = world(seconds=1)
    one = assess(chance, truth, items=items).metrics["f1"]
    twice = np.repeat(np.arange(len(truth)), 2)
    groups = np.array(items["video"].to_pylist())
    again = assess(chance[twice], truth[twice], groups=groups[twice]).metrics["f1"]
    assert (one.value, one.low, one.high) == pytest.approx((again.value, again.low, again.high))
    assert one.low < one.value < one.high
    assert one.groups == 12


def test_very_many_groups_are_drawn_in_bundles():
    chance, truth, _ = world(videos=100, each=50)
    found = assess(chance, truth)
    assert found.groups == (truth >= 0).sum()
    spread = np.sqrt(found.metric("accuracy") * (1 - found.metric("accuracy")) / found.groups)
    one = found.metrics["accuracy"]
    assert one.high - one.low == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_classes_and_labels_by_name():
    found = assess(
        None, ["yes", "no", None, "yes"], labels=pa.array(["yes", None, "no", "no"]),
        classes=["no", "yes"],
    )  # fmt: skip
    assert found.metric("labelled") == pytest.approx(2 / 3)
    assert found.metric("recall") == 0.5
    assert found.metric("precision") == 1.0
    assert found.metric("accuracy") == pytest.approx(1 / 3)
    assert found.confusion.tolist() == [[0, 0, 1], [1, 1, 0]]
    same = assess(None, [1, -1, 1], labels=[-1, -1, 1], classes=[-1, 1])
    assert same.confusion.tolist() == [[1, 0, 0], [1, 1, 0]]


def test_reliability_is_that_of_the_metric_with_intervals_over_videos():
    chance, truth, items = world()
    table = assess(chance, truth, items=items, bins=5).reliability.to_pydict()
    assert sum(table["items"]) == (truth >= 0).sum()
    for low, share, high in zip(
        table["share_low"], table["share"], table["share_high"], strict=True
    ):
        assert low <= share <= high


def test_texts_hold_the_numbers():
    chance, truth, items = world()
    found = assess(chance, truth, items=items, slices="channel", classes=["none", "logo"])
    assert "447 items with a known truth in 12 groups" in str(found)
    assert f"{found.metric('f1'):.3f}" in str(found)
    assert "channel=c1" in str(found)
    page = found._repr_html_()
    assert page.count("<svg") == 2
    assert "33 of 480 items have no known truth" in page
    assert json.loads(json.dumps(found.to_dict()))["metrics"]["f1"]["value"] == found.metric("f1")


def test_one_group_has_no_intervals():
    found = assess([0.9, 0.1], [1, 0], groups=["a", "a"])
    assert found.metrics["f1"].low is None
    assert found.reliability["share_low"].to_pylist()[1] is not None
    assert any("no intervals" in note for note in found.notes)
    assert assess([0.9], [1], items=None).metric("f1") == 1.0


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        (([0.5], [-1]), {}, LabelError, "no truth is known"),
        (([0.5], [2]), {}, LabelError, "truth, row 0"),
        (([0.5], ["x"]), {}, LabelError, "truth, row 0: expected one of"),
        (([0.5, 0.5], [1]), {}, SchemaError, "probability must have 1 entries"),
        (([1.5], [1]), {}, SchemaError, "probability, row 0"),
        (([np.nan], [1]), {}, SchemaError, "probability, row 0"),
        ((None, [1]), {}, LabelError, "nothing to judge"),
        ((None, ["x"]), {"labels": ["x"]}, LabelError, "which classes="),
        ((None, [1]), {"labels": [5], "classes": ["a", "b"]}, LabelError, "labels, row 0"),
        (([0.5], [1]), {"classes": ["a", "b", "c"]}, LabelError, "2 columns, but there are 3"),
        (([0.5], [1]), {"classes": ["a"]}, LabelError, "two or more"),
        (([0.5], [1]), {"groups": [1, 2]}, SchemaError, "groups must have 1"),
        (([0.5], [1]), {"tiou": (0,)}, SchemaError, "tiou"),
        (([0.5], [1]), {"draws": 0}, SchemaError, "draws"),
        (([0.5], [1]), {"gap": -1}, SchemaError, "gap"),
        (([0.5], [1]), {"items": pa.table({"x": [1, 2]})}, SchemaError, "items must have 1"),
    ],
)
def test_what_cannot_be_is_named(arguments, options, error, said):
    with pytest.raises(error, match=said):
        assess(*arguments, **options)


def test_unknown_figures_are_named():
    with pytest.raises(QueryError, match=r"no metric 'F1'. Metrics: accuracy, precision"):
        assess([0.5], [1]).metric("F1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tiou": "x"}, "tiou must be numbers"),
        ({"gap": float("inf")}, "gap must be seconds"),
        ({"gap": "1"}, "gap must be seconds"),
        ({"threshold": float("nan")}, "threshold must be from 0 to 1"),
        ({"threshold": "half"}, "threshold must be from 0 to 1"),
        ({"draws": 2.5}, "draws and bins must be whole numbers"),
        ({"seed": -1}, "seed one of at least 0"),
        ({"groups": ["a", 1]}, "groups must be one value for each item"),
        ({"groups": np.zeros((2, 2))}, "groups must be one value for each item"),
        ({"labels": [1]}, "labels must have 2 entries"),
        ({"classes": [[0], [1]]}, "classes must be single values"),
        ({"classes": 5}, "classes must be two or more"),
    ],
)
def test_options_that_cannot_be_are_named(options, said):
    with pytest.raises((LabelError, SchemaError), match=said):
        assess([0.9, 0.1], [1, 0], **options)


def test_numbers_that_are_no_classes_do_not_become_classes():
    with pytest.raises(LabelError, match="numbers up to 1000000000"):
        assess(None, [1, 0], labels=[10**9, 0])


def test_one_overlap_is_enough():
    assert assess([0.9, 0.1], [1, 0], tiou=0.7).metric("segment_f1@0.7") == 1.0


def test_what_is_missing_in_pandas_is_not_known():
    truth = pd.Series([1, None, 0], dtype="Int64")
    assert assess([0.9, 0.9, 0.1], truth).rows.known.tolist() == [True, False, True]
    with pytest.raises(LabelError, match="truth must be single values"):
        assess([0.9, 0.1], [[1], [2, 3]])


def test_items_may_be_a_data_frame():
    chance, truth, items = world()
    found = assess(chance, truth, items=items.to_pandas(), slices="channel")
    assert found.metrics == assess(chance, truth, items=items).metrics


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ([50, 0], [10, 5], "items, row 0: start_us and end_us must be given"),
        ([0, None], [10, 5], "items, row 1: start_us and end_us must be given"),
        (["0", "0"], ["10", "5"], "must be whole microseconds"),
    ],
)
def test_times_that_cannot_be_are_named(start, end, said):
    items = pa.table({"video": ["a", "b"], "start_us": start, "end_us": end})
    with pytest.raises(SchemaError, match=said):
        assess([0.9, 0.1], [1, 0], items=items)


def test_columns_of_lists_make_no_slices():
    chance, truth, items = world()
    wide = items.append_column("v", pa.array([[1.0]] * items.num_rows))
    assert assess(chance, truth, items=wide).worst() == assess(chance, truth, items=items).worst()


@pytest.mark.parametrize("n", [-1, "3", 2.5])
def test_how_many_of_the_worst_is_a_whole_number(n):
    with pytest.raises(LabelError, match="must be a whole number"):
        assess([0.9, 0.1], [1, 0]).worst(n)


def test_groups_of_unknown_truth_are_not_drawn():
    rng = np.random.default_rng(0)
    truth, chance = rng.integers(0, 2, 60), rng.random(60)
    groups = np.repeat(np.arange(6), 10)
    alone = assess(chance, truth, groups=groups)
    unknown = np.r_[truth, np.full(40, -1)]
    more = assess(np.r_[chance, rng.random(40)], unknown, groups=np.r_[groups, np.arange(6, 46)])
    assert {n: one[:3] for n, one in more.metrics.items() if not n.startswith("seg")} == {
        n: pytest.approx(one[:3]) for n, one in alone.metrics.items() if not n.startswith("seg")
    }
    one = assess(chance, np.where(groups == 2, truth, -1), groups=groups).metrics["accuracy"]
    assert (one.low, one.high) == (None, None)
