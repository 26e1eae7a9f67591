"""What is left out stays left out, and what was begun is taken up only if it is the same."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import LearnError
from vquery.learn.augment import Flip
from vquery.learn.ends import EndModel
from vquery.learn.ends.folds import enough, left_out, temperature
from vquery.supervise.linear import PLAIN_PENALTY
from vquery.supervise.soft import softmax


def sure(n: int = 60):
    """Logits of which a quarter is wrong, their labels, and three folds."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n)
    logits = np.where(np.eye(2)[y] > 0, 5.0, 0.0)
    logits[::4] = logits[::4, ::-1]
    return logits, np.eye(2)[y], np.arange(n) % 3


def test_a_fold_is_calibrated_by_the_others():
    logits, soft, fold = sure()
    one = left_out(logits, soft, np.ones(60), fold)
    other = soft.copy()
    other[fold == 0] = other[fold == 0, ::-1]  # what is said of fold 0 knows nothing of its labels
    two = left_out(logits, other, np.ones(60), fold)
    assert (one[fold == 0] == two[fold == 0]).all()
    assert not np.isclose(one[fold == 1], two[fold == 1]).any()
    degree = temperature(logits, soft, (fold != 0).astype(float))
    assert (one[fold == 0] == softmax(logits[fold == 0] / degree)).all()


def test_few_left_out_items_calibrate_nothing_and_it_says_so():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(19, 3)), np.arange(19) % 2
    model = EndModel().fit(x, y)
    assert (model.calibrated_, model.temperature_) == (False, 1.0)
    assert any("not calibrated" in note for note in model.notes_)
    assert np.isfinite(model.oof_).all()
    assert not enough(np.zeros((19, 2)), np.ones(19))
    assert enough(np.zeros((20, 2)), np.ones(20))


def test_no_batch_has_one_item():
    """Such a batch has no spread, which batch normalisation refuses."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), np.arange(5) % 2
    options = {"epochs": 1, "batch": 2, "folds": 2, "hidden": (4,)}
    for group in (None, [0, 0, 0, 0, 1]):  # the fold of four leaves one to learn from
        assert EndModel("mlp", **options).fit(x, y, groups=group).predict(x).shape == (5,)


def test_a_run_of_other_slices_or_changes_is_not_taken_up(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), np.arange(12) % 2
    inside = np.arange(12) < 6
    options = {"epochs": 1, "folds": 2, "hidden": (4,)}
    EndModel("mlp", **options).fit(x, y, slices={"a": inside}, folder=tmp_path / "v")
    EndModel("mlp", **options).fit(x, y, slices={"a": inside}, folder=tmp_path / "v")
    with pytest.raises(LearnError, match="fresh=True"):
        EndModel("mlp", **options).fit(x, y, slices={"a": ~inside}, folder=tmp_path / "v")
    pictures = rng.integers(0, 255, (12, 3, 8, 8), np.uint8)
    options = {"epochs": 1, "folds": 2, "width": 2, "blocks": (1,)}
    EndModel("network", **options).fit(pictures, y, augment=Flip(p=0.5), folder=tmp_path / "p")
    with pytest.raises(LearnError, match="fresh=True"):
        EndModel("network", **options).fit(pictures, y, augment=Flip(p=0.1), folder=tmp_path / "p")


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_classes_that_are_in_one_group_each_do_not_make_it_unsure(kind):
    """Left out, such a class is told by nobody: that says nothing of the model of all."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 30)
    x = np.eye(3)[y] + rng.normal(0, 0.1, (90, 3))
    options = {} if kind == "linear" else {"epochs": 25, "hidden": (8,), "rate": 0.02}
    model = EndModel(kind, **options).fit(x, y, groups=y)
    assert not model.calibrated_
    assert model.predict_proba(x)[np.arange(90), y].min() > 0.5
    assert any("fewer than two classes are in several folds" in one for one in model.notes_)


def test_classes_that_several_groups_teach_calibrate():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 30)
    x = np.eye(3)[y] + rng.normal(0, 0.1, (90, 3))
    model = EndModel().fit(x, y, groups=np.where(y == 2, 100, np.arange(90) % 5))
    assert model.calibrated_
    assert any("30 items are in the only fold" in one for one in model.notes_)
    assert model.predict_proba(x)[np.arange(90), y].min() > 0.5


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_what_is_left_of_one_class_alone_calibrates_nothing(kind):
    """Whoever always says that class is right about all of it, and need not be sure of anything."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [90, 10])
    x = np.c_[y, np.zeros(100)] + rng.normal(0, 1, (100, 2))
    options = {} if kind == "linear" else {"epochs": 5, "hidden": (8,)}
    model = EndModel(kind, **options).fit(x, y, groups=np.where(y == 1, 100, np.arange(100) % 6))
    assert (model.calibrated_, model.temperature_) == (False, 1.0)
    assert any("fewer than two classes are in several folds" in one for one in model.notes_)
    if kind == "linear":
        assert model.penalty_ == PLAIN_PENALTY
        assert model.curves_ == []  # nothing was chosen
