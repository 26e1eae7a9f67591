"""Spreading labels in a collection: what is kept, replaced, refused and said."""

from __future__ import annotations

import json
from importlib import util
from pathlib import Path

import pytest

import vquery as vq
from vquery import face
from vquery.errors import LabelError, LockedError
from vquery.schema import SOFT_LABEL

ANN, BOB, OTHER_BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_001, 2_000_000_013
LATER_ANN, LATER_TRACK = 1_000_000_025, 1_000_000_003


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


def tracks(db, concept="name"):
    """Which label each track has; every track has one at most."""
    rows = db.faces.with_labels(concept).collect().to_pylist()
    found = {}
    for row in rows:
        found.setdefault(row["track"], set()).add(row[concept])
    return found


def kept(db):
    with db._store.snapshot() as snapshot:
        return snapshot.read("soft_labels")


def test_names_reach_the_same_people_and_nobody_else(db):
    db.label([ANN], "name", "Ann")
    db.label([BOB], "name", "Bob")
    found = db.propagate("name")
    assert [len(names) for names in tracks(db).values()] == [1] * 5
    by_track = {track: names.pop() for track, names in tracks(db).items()}
    assert sorted(by_track.values(), key=str) == ["Ann", "Ann", "Bob", "Bob", None]
    assert found.summary()["labels"] == {"Ann": 24, "Bob": 24}
    assert repr(found) == "<Propagation: 48 of 60 items labelled from 2 seeds (Ann 24, Bob 24)>"


def test_the_result_is_a_table_with_its_provenance(db):
    db.label([ANN], "name", "Ann")
    found = db.propagate("name", threshold=0.6)
    assert found.table.schema.equals(SOFT_LABEL)
    assert found.table["detection_id"].to_pylist() == sorted(
        found.table["detection_id"].to_pylist()
    )
    run = db.runs.to_pylist()[-1]
    assert run["command"] == "propagate"
    assert json.loads(run["arguments"]) == {
        "concept": "name",
        "threshold": 0.6,
        "items": 60,
        "last_event": 1,
    }
    assert json.loads(run["report"])["labels"] == {"Ann": 24}
    assert set(found.table["run_id"].to_pylist()) == {run["run_id"]}
    rows = {row["detection_id"]: row for row in kept(db).to_pylist()}
    assert len(rows) == 60
    assert (rows[ANN]["source"], rows[ANN + 2]["source"]) == ("human", "propagated")
    assert json.loads(rows[LATER_ANN]["why"])[0]["seed"] == ANN
    assert rows[CLEO]["reached"] is False


def test_propagating_again_replaces_that_concept_alone(db):
    db.label([ANN], "name", "Ann")
    db.label([CLEO], "mood", "merry")
    db.propagate("name")
    db.propagate("mood")
    assert kept(db).num_rows == 120
    db.label([ANN], "name", "Anna")
    db.propagate("name")
    assert kept(db).num_rows == 120
    assert set.union(*tracks(db).values()) == {"Anna", None}
    assert set.union(*tracks(db, "mood").values()) == {"merry", None}


def test_a_label_taken_back_is_gone_after_the_next_propagation(db):
    db.label([ANN], "name", "Ann")
    db.label([BOB], "name", "Bob")
    db.propagate("name")
    db.undo()
    assert "Bob" in set.union(*tracks(db).values())  # found before, and kept until asked anew
    sources = db.faces.with_labels("name").collect().to_pylist()
    assert {r["name_source"] for r in sources if r["detection_id"] == BOB} == {"propagated"}
    db.propagate("name")
    assert set.union(*tracks(db).values()) == {"Ann", None}


def test_only_the_detections_asked_for_take_part(db):
    db.label([ANN], "name", "Ann")
    db.label([OTHER_BOB], "name", "Bob")
    found = db.propagate("name", over=db.faces.filter(face.video == "a.mp4"))
    assert found.summary()["items"] == 36
    assert set(found.summary()["labels"]) == {"Ann"}
    assert "1 labels are on items that did not take part" in found.summary()["notes"]
    assert set(kept(db)["video"].to_pylist()) == {"a.mp4"}
    assert tracks(db)[OTHER_BOB] == {"Bob", None}  # only the human label itself
    again = db.propagate("name", over=[ANN, LATER_ANN, LATER_ANN])
    assert again.summary()["items"] == 2


def test_none_of_them_takes_its_track_out(db):
    db.label([ANN], "name", "Ann")
    db.propagate("name")
    later = tracks(db)[LATER_TRACK]
    db.label([LATER_ANN], "name", None)
    db.propagate("name")
    assert (later, tracks(db)[LATER_TRACK]) == ({"Ann"}, {None})
    row = {r["detection_id"]: r for r in kept(db).to_pylist()}[LATER_ANN]
    assert (row["label"], row["source"]) == (None, "human")


def test_two_labels_in_one_track_are_refused_by_their_detections(db):
    db.label([ANN], "name", "Ann")
    db.label([ANN + 2], "name", "Bob")
    with pytest.raises(LabelError, match=rf"{ANN} and {ANN + 2} are one track .*'Ann' and 'Bob'"):
        db.propagate("name")
    assert kept(db).num_rows == 0
    assert "LabelError" in db.runs["report"].to_pylist()[-1]
    db.undo()
    db.label([ANN + 2], "name", None)
    with pytest.raises(LabelError, match="'Ann' and None"):
        db.propagate("name")
    db.label([ANN], "name", None)
    db.label([BOB], "name", "Bob")
    assert db.propagate("name").summary()["labels"] == {"Bob": 24}


def test_what_was_found_stays_when_the_next_propagation_fails(db):
    db.label([ANN], "name", "Ann")
    db.propagate("name")
    db.label([ANN + 2], "name", "Bob")
    with pytest.raises(LabelError):
        db.propagate("name")
    assert kept(db).num_rows == 60


def test_nothing_labelled_is_an_error_that_writes_nothing(db):
    for prepare in (lambda: None, lambda: db.label([ANN], "name", None)):
        prepare()
        with pytest.raises(LabelError, match=r"no human label of 'name'.*db\.label"):
            db.propagate("name")
    db.label([OTHER_BOB], "mood", "merry")
    with pytest.raises(LabelError, match=r"no human label of 'moood'.*; labelled are 'mood'"):
        db.propagate("moood")
    with pytest.raises(LabelError, match="of 'mood' among these items"):
        db.propagate("mood", over=[ANN])
    assert [run for run in db.runs["command"].to_pylist() if run == "propagate"] == ["propagate"]


@pytest.mark.parametrize(
    ("over", "told"), [([], "no detections to propagate over"), ([ANN, 17], "1 of 2 ids.*17")]
)
def test_over_must_be_detections(db, over, told):
    db.label([ANN], "name", "Ann")
    with pytest.raises(LabelError, match=told):
        db.propagate("name", over=over)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 50])
def test_the_threshold_is_a_probability(db, threshold):
    db.label([ANN], "name", "Ann")
    with pytest.raises(LabelError, match="from 0 to 1"):
        db.propagate("name", threshold=threshold)


def test_detections_without_pictures_have_nothing_to_spread_by(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.detections.csv").write_text(
        "start,end,x1,y1,x2,y2,class\n0,1,0.1,0.1,0.2,0.2,face\n1,2,0.1,0.1,0.2,0.2,face\n"
    )
    with vq.create(tmp_path / "x.vq") as db:
        db.index(folder, workers=1)
        assert db.faces.count() == 2
        first = db.faces.collect()["detection_id"][0].as_py()
        db.label([first], "name", "Ann")
        with pytest.raises(LabelError, match="no embeddings"):
            db.propagate("name")


def test_items_without_embedding_among_others_are_counted_and_stay_unnamed(path, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "x.detections.csv").write_text(
        "start,end,x1,y1,x2,y2,class\n0,1,0.1,0.1,0.2,0.2,face\n1,2,0.1,0.1,0.2,0.2,face\n"
    )
    with vq.open(path) as db:
        db.index(folder, workers=1)
        db.label([ANN], "name", "Ann")
        facts = db.propagate("name").summary()
    assert facts["labels"] == {"Ann": 24}
    assert "2 items have no embedding and were not reached" in facts["notes"]


def test_vectors_of_a_network_of_ones_own_are_used(sample, tmp_path):
    spec = util.spec_from_file_location("nets", Path(__file__).parents[1] / "media" / "conftest.py")
    nets = util.module_from_spec(spec)
    spec.loader.exec_module(nets)
    (tmp_path / "net.onnx").write_bytes(nets.mean_colour_network((1, 3, 32, 32)))
    with vq.create(tmp_path / "x.vq") as db:
        db.index(sample, embedding=tmp_path / "net.onnx", workers=1)
        db.label([ANN], "name", "Ann")
        facts = db.propagate("name").summary()
    assert facts["graph"]["without_vector"] == 0
    assert facts["labels"]["Ann"] >= 12


def test_who_writes_already_is_named(db, monkeypatch):
    db.label([ANN], "name", "Ann")
    monkeypatch.setattr("vquery.store.store.WAIT_S", 0.1)
    with db._store.writer("index"):
        writer = type(db._store).writer
        monkeypatch.setattr(
            type(db._store), "writer", lambda *a, **k: writer(*a, **{"wait_s": 0.1, **k})
        )
        with pytest.raises(LockedError, match="index"):
            db.propagate("name")
