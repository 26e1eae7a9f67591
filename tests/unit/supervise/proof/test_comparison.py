"""Comparisons of two results, and suspected label errors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from vquery.errors import LabelError, SchemaError
from vquery.supervise.proof import assess, label_errors, out_of_fold


def drawn(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    flips = rng.random((2, n)) < np.array([[0.25], [0.1]])
    return truth, *np.where(flips, 1 - truth, truth), np.repeat(np.arange(n // 20), 20)


def test_what_became_better_is_counted_and_certain():
    truth, before, after, groups = drawn()
    items = pa.table({"video": groups.astype(str)})
    first, second = (assess(None, truth, labels=one, items=items) for one in (before, after))
    found = first.compare(second)
    table = {one["metric"]: one for one in found.table.to_pylist()}
    assert table["accuracy"]["difference"] == pytest.approx(
        (after == truth).mean() - (before == truth).mean()
    )
    assert table["accuracy"]["better"]
    assert found.fixed == ((before != truth) & (after == truth)).sum()
    assert found.broken == ((before == truth) & (after != truth)).sum()
    assert found.changed.num_rows == (before != after).sum()
    one = found.changed.to_pylist()[0]
    assert one["video"] == "0"
    assert one["became"] == ("right" if one["after"] == one["truth"] else "wrong")
    back = second.compare(first)
    assert back.fixed == found.broken
    assert {row["metric"]: row["better"] for row in back.table.to_pylist()}["f1"] is False
    assert "became right" in str(found)
    assert "items that changed" in found._repr_html_()


def test_pairs_of_draws_tell_more_than_two_intervals():
    """Videos differ much, the two results little: only the same draws can tell them apart."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 100)
    hard = np.repeat(rng.uniform(0, 0.5, 30), 100)
    truth = rng.integers(0, 2, 3000)
    wrong = rng.random(3000) < hard
    before = np.where(wrong, 1 - truth, truth)
    after = np.where(wrong & (rng.random(3000) > 0.1), 1 - truth, truth)
    first, second = (assess(None, truth, labels=one, groups=groups) for one in (before, after))
    table = {one["metric"]: one for one in first.compare(second).table.to_pylist()}
    assert first.metrics["accuracy"].high > second.metrics["accuracy"].low
    assert table["accuracy"]["better"]


def test_a_result_does_not_differ_from_itself():
    truth, before, _, groups = drawn()
    one = assess(None, truth, labels=before, groups=groups)
    found = one.compare(one)
    assert found.changed.num_rows == 0
    assert set(found.table["better"].to_pylist()) == {None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"truth": [1, 1, 1]}, "truth differ"),
        ({"truth": [1, 0]}, "the number of items differ"),
        ({"groups": ["a", "b", "b"]}, "groups differ"),
        ({"draws": 10}, "options differ"),
    ],
)
def test_only_the_same_items_can_be_compared(change, said):
    given = {"truth": [1, 0, 1], "groups": ["a", "a", "b"], "draws": 20} | change
    one = assess([0.9, 0.1, 0.8], [1, 0, 1], groups=["a", "a", "b"], draws=20)
    truth = given.pop("truth")
    groups = given.pop("groups")[: len(truth)]
    other = assess([0.9, 0.1, 0.8][: len(truth)], truth, groups=groups, **given)
    with pytest.raises(LabelError, match=said):
        one.compare(other)


def near_mean(features, given):
    """A model as small as they come: which class's mean is nearer."""

    def train(rows, test):
        means = [features[rows][given[rows] == code].mean(axis=0) for code in (0, 1)]
        apart = [((features[test] - mean) ** 2).sum(axis=1) for mean in means]
        return 1 / (1 + np.exp(apart[1] - apart[0]))

    return train


def test_injected_errors_are_found_by_a_model_of_other_videos():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 800)
    features = rng.normal(size=(800, 3)) + 2.5 * truth[:, None]
    wrong = rng.random(800) < 0.08
    given = np.where(wrong, 1 - truth, truth)
    video = np.repeat(np.arange(40), 20)
    items = pa.table({"video": video.astype(str), "given": np.arange(800)})
    found = label_errors(near_mean(features, given), given, items=items, classes=["no", "yes"])
    rows = found.table["row"].to_numpy()
    assert wrong[rows].mean() > 0.8
    assert wrong[rows].sum() / wrong.sum() > 0.9
    assert found.expected == pytest.approx(wrong.sum(), rel=0.3)
    assert found.table.column_names == ["row", "video", "given", "likely", "margin",
                                        "self_confidence"]  # fmt: skip
    assert set(found.table["given"].to_pylist()) == {"no", "yes"}
    assert found.joint["given"].to_pylist() == ["no", "yes"]
    assert "of 800 labels are suspected" in found._repr_html_()


def test_folds_never_share_a_video():
    video = np.array(["a", "a", "b", "c", "c", "c"])

    def train(rows, test):
        assert not set(video[rows]) & set(video[test])
        return np.full((len(test), 2), 0.5)

    assert out_of_fold(train, video, folds=3).shape == (6, 2)


def test_unlabelled_items_are_never_suspected():
    found = label_errors([0.9, 0.9, 0.1], [1, None, 0])
    assert (found.judged, found.table.num_rows) == (2, 0)


def three(rows, test):
    return [0.1, 0.2, 0.3]


def test_what_cannot_be_is_named():
    with pytest.raises(LabelError, match="needs groups="):
        label_errors(three, [1, 0])
    with pytest.raises(SchemaError, match="expected probabilities of 1 items"):
        out_of_fold(three, ["a", "b"], folds=2)
    with pytest.raises(SchemaError, match="items must have 2 rows"):
        label_errors([0.5, 0.5], [1, 0], items=pa.table({"x": [1]}))
    with pytest.raises(LabelError, match="classes must be 2 different values"):
        label_errors([0.5], [1], classes=["a", "b", "c"])
    with pytest.raises(LabelError, match="given, row 1"):
        label_errors([0.5, 0.5], [1, 7])


def test_folds_by_frame_hide_errors_that_a_video_shares():
    """A model that has seen the frame beside repeats its wrong label, one of other videos not."""
    rng = np.random.default_rng(5)
    video = np.repeat(np.arange(60), 10)
    truth = video % 2
    features = np.repeat(rng.normal(size=(60, 4)), 10, axis=0) + 2 * truth[:, None]
    features += 0.05 * rng.normal(size=features.shape)
    wrong = np.isin(video, rng.permutation(60)[:6])
    given = np.where(wrong, 1 - truth, truth)

    def nearest(rows, test):
        apart = ((features[test][:, None] - features[rows][None]) ** 2).sum(axis=2)
        closest = np.argsort(apart, axis=1)[:, :9]
        return given[rows][closest].mean(axis=1)

    by_video = label_errors(nearest, given, groups=video).table["row"].to_numpy()
    by_frame = label_errors(nearest, given, groups=np.arange(600)).table["row"].to_numpy()
    assert wrong[by_frame].sum() == 0
    assert wrong[by_video].sum() >= 40


def test_only_results_are_compared():
    with pytest.raises(LabelError, match="got int"):
        assess([0.9, 0.1], [1, 0]).compare(5)


@pytest.mark.parametrize("made", [None, 0.5, ["a"]])
def test_folds_without_probabilities_are_named(made):
    def train(train, test):
        del train, test
        return made

    with pytest.raises(SchemaError, match="fold 0"):
        label_errors(train, [1, 0, 1], groups=["a", "b", "c"], folds=2)


def test_labels_and_classes_fit_the_probabilities():
    with pytest.raises(SchemaError, match="given must have 2 entries"):
        label_errors([0.1, 0.2], [1])
    with pytest.raises(LabelError, match="classes must be 2 different values"):
        label_errors([0.1, 0.2], [1, 0], classes=["a", "a"])
    with pytest.raises(SchemaError, match="probability must be numbers"):
        label_errors(["a", "b"], [1, 0])
