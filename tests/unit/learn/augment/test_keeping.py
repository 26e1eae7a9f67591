"""Whether a transformation keeps labels: colours and sides that decide, and those that do not."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import vquery as vq
from vquery.errors import LabelError, LearnError
from vquery.learn import augment as au
from vquery.learn.augment.guesses import main_axes
from vquery.learn.augment.keeping import is_label_preserving
from vquery.learn.core import pictures
from vquery.learn.core.pictures import ALONE, Pictures


def cells(x):
    return torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1) - 0.3


def measured(tf, items, labels, **more):
    """Measure on coarse colours, which takes no time."""
    return is_label_preserving(tf, items, labels, beside={}, draws=1, embed=cells, **more)


def birds(n=90, seed=0):
    """Blobs that are red or green (species), on the left or right (side), of twelve videos."""
    rng = np.random.default_rng(seed)
    red, left = rng.random(n) < 0.5, rng.random(n) < 0.5
    x = rng.uniform(0.0, 0.2, (n, 3, 16, 16))
    for row in range(n):
        high, wide = rng.integers(3, 9), rng.integers(1, 3) + (0 if left[row] else 8)
        blob = np.array([0.9, 0.2, 0.2] if red[row] else [0.2, 0.8, 0.2]) + rng.normal(0, 0.05, 3)
        x[row, :, high : high + 5, wide : wide + 5] = blob[:, None, None]
    video = np.arange(n) % 12
    pixels = (x.clip(0, 1) * 255).astype(np.uint8)
    items = Pictures(pixels, np.arange(n), video, np.full(n, ALONE), np.arange(n) * 10**6)
    return items, np.where(red, "red", "green"), np.where(left, "left", "right")


def test_grey_moves_what_colour_decides_and_keeps_what_the_side_decides(caplog):
    items, species, side = birds()
    grey = au.Grey(p=1.0)
    moved = is_label_preserving(grey, items, species, beside={"Flip": au.Flip(p=1.0)}, draws=2)
    assert not moved
    assert moved.rows[0].verdict == "moves"
    assert moved.rows[0].excess.low > 0.1
    assert moved.rows[0].lost.low > 0.1
    assert {row.into for row in moved.rows if row.verdict == "moves"} <= {"red", "green"}
    assert moved.rows[0].beside["Flip"].value < 0.1
    assert "moves items across labels" in caplog.text
    assert moved.warnings
    caplog.clear()
    kept = is_label_preserving(grey, items, side, beside={}, draws=2)
    assert kept
    assert {row.verdict for row in kept.rows} == {"keeps"}
    assert kept.warnings == ()
    assert not caplog.records


def test_a_mirror_moves_sides():
    items, species, side = birds()
    flip = au.Flip(p=1.0)
    assert not measured(flip, items, side)
    assert measured(flip, items, species)


def test_what_a_model_has_to_see_first_is_told_from_what_is_lost():
    code = np.arange(60) % 2
    sign = 2.0 * code - 1
    x = np.stack([sign, 0 * sign], 1) + np.random.default_rng(0).normal(0, 0.1, (60, 2))

    def elsewhere(x, generator):
        return torch.stack([-0.5 * x[:, 0], 2 * x[:, 0]], 1)  # it can be told, but in another way

    found = is_label_preserving(elsewhere, x, np.where(code, "high", "low"), draws=1)
    assert found
    assert [row.verdict for row in found.rows] == ["new"] * 3
    assert found.rows[0].changed.value > 0.9
    assert found.rows[0].lost.value < 0.05
    assert all("is right again" in one for one in found.warnings)


def test_folds_are_of_videos_or_tracks():
    items, species, _ = birds()
    assert measured(au.Nothing(), items, species).of == "videos"
    one = Pictures(
        items.pixels, items.ids, np.zeros(90, int), np.arange(90) // 3, items.start_us, ("a",)
    )
    found = measured(au.Nothing(), one, species)
    assert found.of == "tracks"
    assert found.rows[0].groups == 30
    assert found.rows[0].changed.value == 0


def test_items_without_a_label_are_left_out_and_counted():
    items, species, _ = birds()
    labels = [(None, str(one), str(one))[row % 3] for row, one in enumerate(species)]
    labels[3] = float("nan")
    found = measured(au.Nothing(), items, labels)
    assert found.unlabelled == 30
    assert found.rows[0].items == 60


def test_a_rare_class_is_not_judged():
    items, species, _ = birds()
    labels = [*(["rare"] * 4), *species[4:]]
    found = measured(au.Nothing(), items, labels)
    rare = next(row for row in found.rows if row.label == "rare")
    assert rare.verdict == "too few"
    assert any("'rare': 4 items" in one for one in found.warnings)
    assert found.table.num_rows == 4
    assert "moves labels" not in str(found)


def test_too_little_to_tell_is_no_proof():
    items, species, _ = birds(8)
    found = measured(au.Nothing(), items, species)
    assert not found
    assert found.verdict == "too few"
    assert "too little to tell" in str(found)


def test_vectors_are_moved_by_a_function_of_vectors():
    rng = np.random.default_rng(0)
    code = np.arange(60) % 2
    x = rng.normal(0, 0.3, (60, 5)) + code[:, None]
    labels = np.where(code, "high", "low")
    groups = np.arange(60) // 4

    def swapped(x, generator):
        return 1 - x

    def shaken(x, generator):
        return x + 0.1 * torch.randn(x.shape, generator=generator)

    assert not is_label_preserving(swapped, x, labels, groups=groups)
    assert is_label_preserving(shaken, x, labels, groups=groups)


def test_it_is_the_same_again():
    items, species, _ = birds(40)
    one, two = (
        is_label_preserving(au.Colour(), items, species, beside={}, draws=2) for _ in range(2)
    )
    assert one.table.equals(two.table)


def test_main_axes_keep_lengths_and_angles():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(20, 300))
    there = few @ main_axes(few)
    np.testing.assert_allclose(there @ there.T, few @ few.T, atol=1e-8)
    assert there.shape == (20, 20)
    assert main_axes(rng.normal(size=(400, 300))).shape == (300, 256)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"labels": ["a"] * 90}, LabelError, "two classes"),
        ({"labels": ["a"]}, LabelError, "labels must be 90"),
        ({"groups": np.zeros(90)}, LearnError, "all 90 labelled items are of one"),
        ({"folds": 1}, LearnError, "folds must be at least 2"),
        ({"draws": 0}, LearnError, "draws must be at least 1"),
        ({"draws": 1.5}, LearnError, "draws must be a whole number"),
        ({"seed": -1}, LearnError, "seed must be at least 0"),
        ({"tolerance": float("nan")}, LearnError, "tolerance is a share"),
        ({"tf": lambda x, _: x[:3]}, LearnError, "must give 90 items for as many, got"),
        ({"tf": lambda *_: None}, LearnError, "for as many, got NoneType"),
        ({"x": np.zeros((90, 3, 4))}, LearnError, "x must be pictures"),
        ({"x": np.zeros((90, 3))}, LearnError, "Flip changes pictures, but x holds embeddings"),
        ({"embed": lambda x: x.flatten(1) / 0}, LearnError, "NaN or infinity"),
        ({"embed": lambda x: x[:1].flatten(1)}, LearnError, "a finite vector an item"),
    ],
)
def test_what_cannot_be_is_said(change, error, says):
    items, species, _ = birds()
    given = {"x": items, "labels": species, "beside": {}, **change}
    tf = given.pop("tf", au.Flip())
    with pytest.raises(error, match=says):
        is_label_preserving(tf, given.pop("x"), given.pop("labels"), **given)


def test_a_collection_measures_its_own_labels(path):
    with vq.open(path) as db:
        faces = db.faces.to_arrow()
        people = dict(
            zip(faces["detection_id"].to_pylist(), faces["track"].to_pylist(), strict=True)
        )
        for detection, track in people.items():
            db.label([detection], "name", "Ann" if track % 2 else None)
        found = db.is_label_preserving(vq.augment.Noise(0.01), "name", beside={}, draws=1)
        assert found.rows[0].items == len(people)
        assert {row.label for row in found.rows[1:]} == {"Ann", "none of them"}
        with pytest.raises(LabelError, match="nothing of the concept 'mood' is labelled"):
            db.is_label_preserving(vq.augment.Flip(), "mood")


def test_labels_that_were_found_count_where_they_are_asked_for(path):
    with vq.open(path) as db:
        faces = db.faces.to_arrow().sort_by("detection_id")
        told = dict(zip(faces["track"].to_pylist(), faces["detection_id"].to_pylist(), strict=True))
        for number, one in enumerate(told.values()):
            db.label([one], "name", f"person {number % 2}")
        db.propagate("name", threshold=0.0)
        nothing = vq.augment.Nothing()
        human, found = (
            db.is_label_preserving(nothing, "name", labels=labels, beside={}, draws=1)
            for labels in ("human", "found")
        )
        assert human.rows[0].items == len(told)
        assert human.rows[0].items < found.rows[0].items <= faces.num_rows
        with pytest.raises(LabelError, match="labels= must be 'human' or 'found'"):
            db.is_label_preserving(nothing, "name", labels="all")


def test_the_name_alone_needs_no_torch():
    code = "import sys; from vquery import augment; assert 'torch' not in sys.modules; augment.Flip"
    subprocess.run([sys.executable, "-c", code + "; assert 'torch' in sys.modules"], check=True)


def test_labelled_spans_are_measured_on_frames(path):
    with vq.open(path) as db:
        shots = db.shots.to_arrow()
        kinds = ["indoors" if row % 2 else "outdoors" for row in range(shots.num_rows)]
        db.label(shots, "place", kinds)
        found = db.is_label_preserving(vq.augment.Nothing(), "place", beside={}, draws=1)
        assert {row.label for row in found.rows[1:]} == {"indoors", "outdoors"}
        assert found.rows[0].changed.value in (0, None)


def test_no_more_pictures_are_read_than_are_looked_at(path, monkeypatch):
    monkeypatch.setattr("vquery.learn.augment.asked.MOST", 24)
    read = []

    def load(snapshot, kind, ids, **how):
        read.append(len(ids))
        return plain(snapshot, kind, ids, **how)

    plain = pictures.load
    monkeypatch.setattr(pictures, "load", load)
    with vq.open(path) as db:
        faces = db.faces.to_arrow()
        tracks = np.unique(faces["track"].to_pylist(), return_inverse=True)[1]
        db.label(faces, "name", [f"person {track % 2}" for track in tracks])
        drawn = db.draw("a.mp4", 0.5, (0.1, 0.1, 0.4, 0.5), concept="name", label="person 0")
        found = db.is_label_preserving(au.Nothing(), "name", beside={}, draws=1)
        assert (read, found.rows[0].items) == ([24], 24)
        assert found.left_out == faces.num_rows + 1 - 24
        monkeypatch.setattr("vquery.learn.augment.asked.MOST", 2_000)
        found = db.is_label_preserving(au.Nothing(), "name", beside={}, draws=1)
        assert found.left_out == 0  # the drawn box has a picture as all others
        assert read[-1] == faces.num_rows + 1
        assert drawn.rows == 1
