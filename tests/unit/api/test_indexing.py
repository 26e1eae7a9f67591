"""Indexing from a notebook: options are checked before anything is written."""

from __future__ import annotations

import json

import pytest

import vquery as vq
from vquery.errors import IngestError, StoreError, VQueryError


@pytest.fixture
def db(tmp_path):
    with vq.create(tmp_path / "x.vq") as db:
        yield db


def arguments(db):
    return json.loads(db.runs["arguments"].to_pylist()[-1])


def test_the_run_says_what_was_done(db, sample):
    report = db.index(sample, every=0.5, workers=1)
    assert report.counts["frames"] == 48
    run = db.runs.to_pylist()[-1]
    assert run["command"] == "index"
    assert arguments(db)["settings"]["every_s"] == 0.5
    assert json.loads(run["report"])["counts"] == dict(report.counts)


def test_progress_is_told(db, sample):
    told = []

    class Listener:
        def planned(self, videos, frames):
            told.append(("planned", videos, frames))

        def advanced(self, video, done, announced):
            told.append(("advanced", video))

        def finished(self, outcome):
            told.append(("finished", outcome.video))

    db.index(sample, workers=1, progress=Listener())
    assert told[0] == ("planned", 2, 48)
    assert {one for one in told if one[0] == "finished"} == {
        ("finished", "a.mp4"),
        ("finished", "b.mp4"),
    }


@pytest.mark.parametrize("rate", [2, 2.0, "2", "2/1", "4/2"])
def test_a_rate_may_be_written_in_several_ways(db, sample, rate):
    db.index(sample, images=rate, faces="none", workers=1)
    assert arguments(db)["settings"]["images_fps"] == "2"


@pytest.mark.parametrize(
    "options",
    [
        {"every": -1},
        {"faces": "dlib"},
        {"embedding": "no-such.onnx"},
        {"images": "fast"},
        {"images": 0},
        {"fps": -3},
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(db, sample, options):
    with pytest.raises(VQueryError):
        db.index(sample, workers=1, **options)
    assert db.runs.num_rows == 0


def test_a_folder_that_is_missing_or_empty(db, tmp_path):
    with pytest.raises(IngestError, match="no such"):
        db.index(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IngestError, match="holds no video"):
        db.index(tmp_path / "empty")
    assert db.runs.num_rows == 0


def test_other_settings_are_refused(db, sample):
    db.index(sample, workers=1)
    with pytest.raises(StoreError, match="settings"):
        db.index(sample, every=1, workers=1)
    assert db.faces.count() == 60


def test_one_file_may_be_indexed_alone(db, sample):
    assert db.index(sample / "b.mp4", workers=1).videos == 1
    assert db.videos["video"].to_pylist() == ["b.mp4"]
