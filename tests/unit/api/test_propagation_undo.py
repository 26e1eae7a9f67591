"""Taking runs back: soft labels return, human labels stay, and the list of runs says so."""

from __future__ import annotations

import pytest

import vquery as vq
from vquery.api.propagation import keeping
from vquery.errors import StoreError

ANN, BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_013


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        db.label([ANN], "name", "Ann")
        yield db


def kept(db, table="soft_labels"):
    with db._store.snapshot() as snapshot:
        return snapshot.read(table)


def names(db):
    return db.faces.collect()["name"].to_pylist()


def test_undo_brings_back_what_was_there_before(db):
    db.propagate("name")
    before, shown = kept(db), names(db)
    db.label([BOB], "name", "Bob")
    human = db.labels()
    second = db.propagate("name")
    assert names(db) != shown
    undone = db.undo_run()
    assert (undone.run_id, undone.concept, undone.items) == (second.run_id, "name", 60)
    assert undone.restored == second.run_id - 1
    assert kept(db).equals(before)
    assert db.labels().equals(human)
    assert str(undone) == (
        f"run {second.run_id}, which propagated 'name', is undone: 60 items have the labels of run "
        f"{second.run_id - 1} again"
    )


def test_undoing_the_first_run_leaves_the_human_labels(db):
    db.propagate("name")
    undone = db.undo_run()
    assert (undone.restored, undone.items) == (None, 0)
    assert "nothing propagated of it is left" in str(undone)
    assert kept(db).num_rows == 0
    assert [name for name in names(db) if name] == ["Ann"]
    assert db.info()["propagated"] == {}


def test_runs_say_which_are_undone(db):
    first = db.propagate("name").run_id
    second = db.propagate("name").run_id
    undone = db.undo_run(second)
    runs = {run["run_id"]: run for run in db.runs.to_pylist()}
    assert runs[second]["undone_by"] == max(runs)
    assert runs[first]["undone_by"] is None
    assert runs[max(runs)]["command"] == "undo"
    assert [(run["run_id"], run["state"]) for run in db.propagations()] == [
        (first, "in force"),
        (second, "undone"),
    ]
    assert undone.run_id == second


def test_other_concepts_stay(db):
    db.label([CLEO], "mood", "merry")
    mood = db.propagate("mood").table
    name = db.propagate("name")
    with pytest.raises(StoreError, match="there is no run 99"):
        db.undo_run(99)
    assert db.undo_run().concept == "name"
    assert kept(db).equals(mood)
    assert db.undo_run(mood["run_id"][0].as_py()).concept == "mood"
    assert db.undo_run is not None
    assert kept(db).num_rows == 0
    assert name.run_id in [run["run_id"] for run in db.propagations()]


def test_what_cannot_be_undone_says_why(db):
    with pytest.raises(StoreError, match="no propagation to undo"):
        db.undo_run()
    runs = db.runs.num_rows
    first, second = db.propagate("name").run_id, db.propagate("name").run_id
    with pytest.raises(StoreError, match=rf"run {first}:.*replaced by run {second}; undo that one"):
        db.undo_run(first)
    with pytest.raises(StoreError, match=rf"run 1 is no propagation but 'index'.*are {first}, "):
        db.undo_run(1)
    db.undo_run(second)
    with pytest.raises(StoreError, match=rf"run {second} is undone already, by run {second + 1}"):
        db.undo_run(second)
    db.label([ANN + 2], "name", "Bob")  # contradicts its track
    with pytest.raises(vq.LabelError):
        db.propagate("name")
    failed = db.runs["run_id"].to_pylist()[-1]
    assert db.propagations()[-1]["state"] == "failed"
    db.undo_run(first)
    with pytest.raises(StoreError, match=f"run {failed}: it failed, so there is nothing to undo"):
        db.undo_run(failed)
    assert db.runs.num_rows == runs + 5  # refused ones leave no trace


def test_only_the_last_runs_are_kept(db):
    runs = [db.propagate("name").run_id for _ in range(keeping.KEPT_RUNS + 2)]
    before = kept(db, "soft_labels_before")
    assert sorted(set(before["replaced_by"].to_pylist())) == runs[-keeping.KEPT_RUNS :]
    for run in reversed(runs[-keeping.KEPT_RUNS :]):
        assert db.undo_run().run_id == run
    with pytest.raises(StoreError, match=rf"of run {runs[0]}, are kept no more: the last 3 runs"):
        db.undo_run()
    assert db.propagation("name").run_id == runs[1]


def test_a_run_after_an_undo_starts_from_what_is_in_force(db):
    first = db.propagate("name").run_id
    db.propagate("name")
    db.undo_run()
    third = db.propagate("name").run_id
    undone = db.undo_run()
    assert (undone.run_id, undone.restored) == (third, first)
    assert db.undo_run().restored is None


def test_a_snapshot_from_before_keeps_what_it_saw(db):
    db.propagate("name")
    faces = db.faces
    shown = faces.collect()["name"].to_pylist()
    db.undo_run()
    assert faces.collect()["name"].to_pylist() == shown


def test_the_labels_before_are_no_table_of_intervals(db):
    db.propagate("name")
    db.propagate("name")
    assert "soft_labels_before" not in db.tables()
    with pytest.raises(StoreError, match=r"db\.undo_run\(\)"):
        db["soft_labels_before"]
