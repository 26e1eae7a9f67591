"""`db.embed` on the sample: a space of its own, resumed, extended, refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import vquery as vq
from vquery.errors import LabelError, LearnError

TINY = {"epochs": 2, "width": 4, "side": 16, "batch": 16}


@pytest.fixture
def db(path):
    with vq.open(path) as found:
        yield found


def test_a_space_of_its_own_takes_part_where_it_is_named(db):
    found = db.embed(**TINY)
    ids, vectors = found.vectors()
    assert ids.tolist() == sorted(db.faces.collect()["detection_id"].to_pylist())
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert found.counts == {
        "embedded": len(ids),
        "kept": 0,
        "without_picture": 0,
        "total": len(ids),
    }
    assert [row["epoch"] for row in found.history] == [1, 2]
    assert {path.name for path in found.folder.iterdir()} == {
        "model.safetensors",
        "history.csv",
        "report.html",
    }
    assert "<svg" in (found.folder / "report.html").read_text()
    assert len((found.folder / "history.csv").read_text().splitlines()) == 3
    db.label([int(ids[0])], "name", "Ann")
    usual, learned = db.propagate("name"), db.propagate("name", spaces=["learned"])
    both = db.propagate("name", spaces=["face", "learned"])
    floors = [one.report["floor"] for one in (usual, learned, both)]
    assert len({round(floor, 6) for floor in floors}) == 3
    assert db.propagation("name").graph.n == both.graph.n
    assert db.propagation("name").solved.built.tracks.floor.value == pytest.approx(floors[2])
    assert db.suggest(2, spaces=["learned"]).count() == 2


def test_the_same_seed_gives_the_same_vectors(db, path, tmp_path):
    other = shutil.copytree(path, tmp_path / "other.vq", ignore=shutil.ignore_patterns("leases"))
    with vq.open(other) as again:
        assert (db.embed(**TINY).vectors()[1] == again.embed(**TINY).vectors()[1]).all()
        changed = again.embed(**TINY, seed=1, fresh=True)
        assert not np.allclose(db.embed(train=False).vectors()[1], changed.vectors()[1])


def test_only_new_items_are_embedded_later(db, sample, tmp_path):
    before = db.embed(**TINY)
    again = db.embed(**TINY)
    assert again.counts["embedded"] == 0
    assert again.counts["kept"] == before.counts["total"]
    assert again.notes == ["trained before; fresh=True trains anew"]
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(sample / "b.mp4", more / "c.mp4")
    with (more / "c.mp4").open("ab") as file:
        file.write(b"\0" * 8)  # the same video under another hash
    shutil.copy(sample / "b.csv", more / "c.csv")
    db.index(more, workers=1)
    old = before.vectors()
    later = db.embed(train=False)
    assert later.counts["kept"] == before.counts["total"]
    assert later.counts["embedded"] > 0
    ids, vectors = later.vectors()
    assert (vectors[np.isin(ids, old[0])] == old[1]).all()


def test_frames_have_spaces_of_their_own(db):
    found = db.embed("frames", name="pictures", **TINY)
    assert found.counts["total"] > 0
    ids, _ = found.vectors()
    db.label(db.faces.limit(1), "name", "Ann")
    with pytest.raises(LabelError, match="'pictures' holds vectors of frames"):
        db.propagate("name", spaces=["pictures"])
    with pytest.raises(LearnError, match="holds vectors of frames; choose another name"):
        db.embed("faces", name="pictures", **TINY)
    assert len(found.vectors()[0]) == len(ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "face_mine"}, "are those of indexing"),
        ({"name": "Mine"}, "small letters"),
        ({"over": "shots"}, "over=.*'faces', 'detections', 'frames'"),
        ({"method": "byol"}, "'simclr' or 'rotation', got 'byol'"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch": 1}, "batch must be at least 2"),
        ({"across": 2}, "across is a share"),
        ({"nearest": -0.1}, "nearest is a share"),
        ({"train": False, "fresh": True}, "fresh=True. trains anew, and train=False"),
        ({"over": "frames", "labels": "name"}, "takes labels of detections"),
        ({"train": False}, "no model was trained of this name"),
        ({"weights": "no-such.safetensors"}, "no-such.safetensors: cannot be read"),
        ({"device": "abacus"}, "PyTorch knows no such device"),
        ({"device": "meta"}, "PyTorch knows no such device"),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"side": 16.5}, "side must be a whole number"),
        ({"side": 8}, "side must be at least 16"),
        ({"width": 0}, "width must be at least 1"),
        ({"labels": "nmae"}, "people labelled no picture of this concept"),
        ({"labels": 3}, "takes the name of a concept"),
        ({"augment": 3}, "one of vq.augment, or a function, got 3"),
        ({"augment": lambda x, _: x[:1]}, r"must give pictures \(\d+, 3, 16, 16\) for such, got"),
        ({"augment": lambda *_: None}, "got NoneType"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(db, options, message):
    tables = db.tables()
    with pytest.raises(LearnError, match=message):
        db.embed(**{**TINY, **options})
    assert db.tables() == tables
    assert "embed" not in db.runs["command"].to_pylist()


def test_unknown_spaces_are_named(db):
    db.label(db.faces.limit(1), "name", "Ann")
    with pytest.raises(
        LabelError, match=r"no embedding 'fase', only face, face_wide.*Did you mean"
    ):
        db.propagate("name", spaces=["fase"])
    with pytest.raises(LabelError, match="takes a list of different names"):
        db.propagate("name", spaces="face")


def test_another_method_needs_another_name(db):
    db.embed(**TINY)
    with pytest.raises(LearnError, match="was trained with method='simclr', and 'rotation'"):
        db.embed(**TINY, method="rotation")
    turned = db.embed(**TINY, method="rotation", name="turned")
    assert turned.counts["embedded"] > 0


def test_own_weights_start_it_or_are_taken_as_they_are(db, tmp_path):
    import torch

    db.embed(**TINY)
    model = db.path / "models" / "learned" / "model.safetensors"
    start = db.embed(**{**TINY, "width": 8}, name="second", weights=model)
    assert start.vectors()[1].shape[1] == 32  # the width is that of the weights

    class Mean(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.adaptive_avg_pool2d(x, 2)

    given = vq.Backbone(Mean(), size=8, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = db.embed(name="mean", weights=given, train=False, side=16)
    assert found.vectors()[1].shape[1] == 3
    assert found.history == []
    with pytest.raises(LearnError, match="the user's own: give it again"):
        db.embed(name="mean", train=False, side=16)
    again = db.embed(name="mean", weights=given, train=False, side=16)
    assert again.counts["embedded"] == 0


def test_time_that_is_over_is_given_more(db):
    found = db.embed(**{**TINY, "epochs": 3}, minutes=1e-9)
    assert len(found.history) == 1
    more = db.embed(**{**TINY, "epochs": 3})
    assert len(more.history) == 3
    assert more.notes[0] == "taken up after epoch 1"
    assert more.counts["embedded"] == more.counts["total"]  # other weights, so all anew
    whole = db.embed(**{**TINY, "epochs": 3}, fresh=True)
    assert (whole.vectors()[1] == more.vectors()[1]).all()


def test_labels_are_told_and_decide_nothing(db):
    faces = db.faces.collect()
    for track in faces["track"].unique().to_pylist():
        name = "Ann" if track % 2 else "Bob"
        db.label(db.faces.filter(vq.face.track == track), "name", name)
    told = db.embed(**TINY, labels="name")
    plain = db.embed(**TINY, name="plain")
    assert all(0 <= row["labels"] <= 1 for row in told.history)
    assert (told.vectors()[1] == plain.vectors()[1]).all()


def test_a_model_of_other_settings_says_so(db):
    db.embed(**TINY)
    again = db.embed(**{**TINY, "epochs": np.int64(5), "width": 8})
    assert again.notes == [
        "trained before with width=4 (asked for: 8), epochs=2 (asked for: 5); "
        "fresh=True trains anew"
    ]


class StopError(Exception):
    """Stands for whatever ends a run."""


def stop(line):
    if line.startswith("epoch 1 "):
        raise StopError


def test_ways_to_vary_pictures_are_known_by_what_they_do(db):
    """Not by where a function lies in memory, nor by the names of the parts alone."""

    def made():
        def darker(x, generator):
            return x * 0.5

        return darker

    whole = db.embed(**TINY, augment=made(), name="whole")
    with pytest.raises(StopError):
        db.embed(**TINY, augment=made(), progress=stop)
    rest = db.embed(**TINY, augment=made())
    assert rest.notes[0] == "taken up after epoch 1"
    assert (rest.vectors()[1] == whole.vectors()[1]).all()
    with pytest.raises(StopError):
        db.embed(**TINY, augment=vq.augment.Noise(0.1), name="noisy", progress=stop)
    with pytest.raises(LearnError, match=r"of a run with view 'Noise\(.*0.1\)'.*fresh=True"):
        db.embed(**TINY, augment=vq.augment.Noise(0.2), name="noisy")


def test_weights_to_start_from_are_part_of_a_run(db, tmp_path):
    db.embed(**TINY)
    model = db.path / "models" / "learned" / "model.safetensors"
    with pytest.raises(StopError):
        db.embed(**TINY, name="second", weights=model, progress=stop)
    with pytest.raises(LearnError, match="is of a run with start"):
        db.embed(**TINY, name="second")


def test_other_weights_are_not_taken_for_those_of_the_model(db, tmp_path):
    import torch

    from vquery.learn.core.networks import SmallResNet

    for name in ("one", "two"):
        torch.save(SmallResNet(4).state_dict(), tmp_path / name)
    how = {"train": False, "side": 16, "name": "mine"}
    db.embed(**how, weights=tmp_path / "one")
    assert db.embed(**how, weights=tmp_path / "one").counts["embedded"] == 0
    with pytest.raises(LearnError, match="is of other weights: choose another name="):
        db.embed(**how, weights=tmp_path / "two")
    db.embed(**TINY)
    found = db.embed(train=False, weights=tmp_path / "two")
    assert found.notes == ["weights= are not read, since it was trained before"]


def test_boxes_drawn_by_hand_have_vectors_that_follow_them(db):
    db.embed(**TINY)
    drawn = db.draw("a.mp4", 0.5, (0.1, 0.1, 0.4, 0.5), class_="face").detection_id

    def vector(found):
        ids, vectors = found.vectors()
        assert len(np.unique(ids)) == len(ids)
        return vectors[ids == drawn]

    found = db.embed(train=False)
    assert found.counts["embedded"] == 1
    before = vector(found)
    db.redraw(drawn, (0.5, 0.5, 0.9, 0.9))
    found = db.embed(train=False)
    assert found.counts["embedded"] == 1
    assert not np.allclose(vector(found), before)
    assert vector(db.embed(**{**TINY, "width": 8}, fresh=True)).shape == (1, 64)
    db.erase([drawn])
    assert len(vector(db.embed(train=False))) == 0


def test_what_is_drawn_while_it_learns_is_embedded_too(db):
    drawn = []

    def draw(line):
        if line.startswith("epoch 1 "):
            drawn.append(db.draw("a.mp4", 0.5, (0.1, 0.1, 0.4, 0.5), class_="face"))

    found = db.embed(**TINY, progress=draw)
    assert drawn[0].detection_id in found.vectors()[0]


@pytest.mark.parametrize("odd", [{}, {"side": "16"}, {"side": 16, "history": [3], "probe": []}])
def test_a_model_with_notes_of_something_else_is_told(db, odd):
    from vquery.learn.core import checkpoints

    model = db.embed(**TINY).folder / "model.safetensors"
    saved = checkpoints.load(model)
    checkpoints.save(model, saved.architecture, saved.tensors, odd)
    with pytest.raises(LearnError, match="its notes are not those of an embedding"):
        db.embed(train=False)
