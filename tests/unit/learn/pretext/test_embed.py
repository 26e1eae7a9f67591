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
        ({"train": False, "fresh": True}, "fresh=True. trains anew, and train=False"),
        ({"over": "frames", "labels": "name"}, "takes labels of detections"),
        ({"train": False}, "no model was trained of this name"),
        ({"weights": "no-such.safetensors"}, "no-such.safetensors: cannot be read"),
        ({"device": "abacus"}, "PyTorch knows no such device"),
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
