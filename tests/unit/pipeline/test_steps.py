"""Steps that index, train and embed: done once, and again where what they read has changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import vquery as vq
from vquery.errors import PipelineError


def test_videos_are_indexed_when_they_come(sample, tmp_path):
    folder = shutil.copytree(sample, tmp_path / "media")
    moved = tmp_path / "b.mp4"
    (folder / "b.mp4").rename(moved)
    (folder / "b.csv").rename(tmp_path / "b.csv")
    made = vq.Pipeline("new.vq", folder=tmp_path, sources=[{"folder": "media", "workers": 1}])
    assert made.run().outcomes["index media"]["indexed"] == 1
    assert made.run().ran == []
    shutil.copy(moved, folder / "b.mp4")
    shutil.copy(tmp_path / "b.csv", folder / "b.csv")
    assert "file b.csv is new, file b.mp4 is new" in str(made.explain())
    assert made.run().outcomes["index media"]["indexed"] == 1
    (folder / "notes.txt").write_text("x")
    assert made.run().ran == []
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for one in ("new.vq", "media"):
        (tmp_path / one).rename(moved / one)
    there = vq.Pipeline("new.vq", folder=moved, sources=[{"folder": "media", "workers": 1}])
    report = there.run()
    assert "place changed" in str(report)
    assert report.outcomes["index media"]["indexed"] == 0
    with vq.open(moved / "new.vq") as db:
        places = db._store.snapshot().videos()["uri"].to_pylist()
        assert {Path(one).parent for one in places} == {(moved / "media").resolve()}
        made = there
        first = db.draw("a.mp4", 0.5, box=(0.1, 0.2, 0.2, 0.4), class_="logo")
        before = made.world().indexed()
        db.redraw(first.detection_id, box=(0.5, 0.5, 0.9, 0.9))
        assert made.world().indexed() != before
    shutil.rmtree(moved / "media")
    with pytest.raises(PipelineError, match="there is no folder"):
        made.run()


def test_a_source_around_everything_indexes_only_media(sample, tmp_path):
    for one in sample.iterdir():
        shutil.copy(one, tmp_path)
    made = vq.Pipeline("new.vq", folder=tmp_path, sources=[{"folder": ".", "workers": 1}])
    assert made.run().ran == ["index ."]
    (tmp_path / "vquery.toml").write_text("")
    assert made.run().ran == []


def test_training_and_predicting(place):
    pytest.importorskip("torch")
    place.seeds(place.truth(("a.mp4", "b.mp4", "c.mp4")))
    text = """
[labels]
name = "seeds.csv"
[tasks.name]
propagate = true
[slices]
early = "faces.filter(start < 5)"
[tasks.name.train]
spaces = ["face"]
slices = ["early"]
slices_as = "weights"
[tasks.name.predict]
threshold = 0.6
by = "detection"
"""
    file = place.write(text)
    report = vq.Pipeline.load(file).run()
    assert report.ran == ["label name", "propagate name", "train name", "predict name"]
    assert vq.Pipeline.load(file).run().ran == []
    file.write_text(file.read_text().replace("0.6", "0.7"))
    assert vq.Pipeline.load(file).run().ran == ["predict name"]
    assert _predicted_by(place) == "detection"
    file.write_text(file.read_text().replace('by = "detection"\n', ""))
    assert vq.Pipeline.load(file).run().ran == ["predict name"]
    assert _predicted_by(place) == "track"
    shutil.rmtree(place.folder / "world.vq" / "models" / "name")
    assert "there is no model 'name' any more" in str(vq.Pipeline.load(file).explain())
    place.db.propagate("name")
    ran = vq.Pipeline.load(file).run().ran
    assert ran == ["propagate name", "train name", "predict name"]


def _predicted_by(place):
    runs = place.db._store.snapshot().runs().to_pylist()
    last = [run for run in runs if run["command"] == "predict"][-1]
    return json.loads(last["arguments"])["by"]


def test_an_embedding_is_learnt_and_takes_part(path):
    pytest.importorskip("torch").set_num_threads(1)

    def made(**options):
        embedding = {"width": 4, "side": 16, "epochs": 1, "batch": 8, **options}
        return vq.Pipeline(
            path.name,
            folder=path.parent,
            embeddings={"learned": embedding},
            tasks={"name": {"propagate": {"spaces": ["face", "learned"]}}},
        )

    report = made().run()
    assert report.ran == ["embed learned"]
    assert report.outcomes["embed learned"]["vectors"] > 0
    with vq.open(path) as db:
        db.label(db.faces.collect()["detection_id"].to_pylist()[:1], "name", "ann")
    assert made().run().ran == ["propagate name"]
    again = made(epochs=2)
    assert "epochs: 1 → 2" in str(again.explain())
    changed = again.run()
    assert changed.ran == ["embed learned", "propagate name"]
    assert (
        changed.outcomes["embed learned"]["version"] != report.outcomes["embed learned"]["version"]
    )
    assert again.run().ran == []
