"""End models of a collection: what they take for theirs, and files that are not what they seem."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vquery.api.learnt.labels import known_of
from vquery.api.learnt.predicting import of_tracks
from vquery.api.propagation import keeping
from vquery.errors import LabelError, LearnError, QueryError
from vquery.schema import SOFT_LABEL, conform

torch = pytest.importorskip("torch")
VIDEOS = ("a.mp4", "b.mp4", "c.mp4")
PEOPLE = [("ann", 0.0), ("bob", 3.0)]


@pytest.fixture
def cast(world):
    """Three videos of two people, all labelled; returns the collection and who each face is."""
    who: dict[int, str] = {}
    for video in VIDEOS:
        found = world.add(video, PEOPLE)
        who |= {item: person for person, ids in found.items() for item in ids}
    world.db.label(list(who), "name", list(who.values()))
    return world.db, who


def propagated(db, concept, rows):
    """Keep soft labels as a propagation does: detection → (label, probability)."""
    n = len(rows)
    columns = {
        "detection_id": pa.array(list(rows)),
        "video": pa.array([VIDEOS[0]] * n),
        "concept": pa.array([concept] * n),
        "label": pa.array([label for label, _ in rows.values()]),
        "best": pa.array([label for label, _ in rows.values()]),
        "probability": pa.array([chance for _, chance in rows.values()], pa.float32()),
        "margin": pa.array([0.5] * n, pa.float32()),
        "reached": pa.array([label is not None for label, _ in rows.values()]),
        "calibrated": pa.array([True] * n),
        "source": pa.array(["propagated"] * n),
        "why": pa.array(["[]"] * n),
    }
    with db._store.writer("propagate", {"concept": concept}) as writer:
        columns["run_id"] = pa.array([int(writer.run_id)] * n)
        table = conform(pa.table(columns), SOFT_LABEL, what="propagated")
        keeping.keep(db._store, writer, concept, table)
        writer.finish({"labelled": n})


def known(db, concept):
    with db._store.snapshot() as snapshot:
        return known_of(db._store, snapshot, concept, None, human_only=False)


def test_what_people_said_is_learnt_of_a_long_track_too(world):
    """Eight detections of a track are learnt from, and the labelled ones are always among them."""
    found = world.add(VIDEOS[0], PEOPLE, faces=40)
    rows = {item: (person, 0.9) for person, ids in found.items() for item in ids}
    propagated(world.db, "name", rows)
    said = [found["ann"][3], found["bob"][37]]
    world.db.label(said, "name", ["ann", "bob"])
    given = known(world.db, "name")
    learnt = given.items.numbers[given.rows]
    assert set(said) <= set(learnt.tolist())
    assert given.human[given.rows].sum() == 2
    assert len(learnt) == 18
    assert given.weight[given.items.numbers == said[0]] == pytest.approx(1 / 9)


def test_who_is_probably_not_one_person_is_not_taught_as_another(world):
    found = world.add(VIDEOS[0], [*PEOPLE, ("far", 6.0)])
    ann, bob, far = (found[person] for person in ("ann", "bob", "far"))
    rows = {ann[0]: ("ann", 0.9), ann[1]: ("ann", 0.2), bob[0]: ("bob", 0.8), far[0]: (None, None)}
    propagated(world.db, "name", rows)
    given = known(world.db, "name")
    assert given.classes == ("ann", "bob")  # nobody said "none of them", nor is anybody unreached
    weight = dict(zip(given.items.numbers.tolist(), given.weight.tolist(), strict=True))
    assert weight[ann[1]] == weight[far[0]] == 0
    assert weight[ann[0]] == pytest.approx(0.8)


def test_it_speaks_of_what_it_learnt_from(world):
    """A model of cars is not asked about the faces of the same collection."""
    cars: dict[int, str] = {}
    for video in VIDEOS:
        world.add(video, [("ann", 0.0)])
        found = world.add(f"street {video}", [("lorry", 0.0), ("van", 3.0)], kind="car")
        cars |= {item: kind for kind, ids in found.items() for item in ids}
    world.db.label(list(cars), "sort", list(cars.values()))
    assert world.db.train("sort").told["detections"] == ["car"]
    assert set(world.db.predict("sort").table["detection_id"].to_pylist()) == set(cars)
    votes = world.db.classified("sort").collect()["detection_id"].to_pylist()
    assert set(votes) <= set(cars)


def test_a_track_has_the_mean_of_what_is_said_of_its_detections(cast):
    db, _ = cast
    db.train("name")
    apart = db.predict("name", by="detection", concept="guess", keep=False)
    whole = db.predict("name", concept="guess")
    tracks = db.faces.collect().sort_by("detection_id")["track"]
    assert (whole.probability == of_tracks(apart.probability, tracks)).all()
    assert len(np.unique(whole.probability, axis=0)) == 6
    assert len(np.unique(apart.probability, axis=0)) > 6
    arguments = json.loads(db.runs["arguments"].to_pylist()[-1])
    assert arguments["by"] == "track"
    one = db.predict("name", concept="guess", over=[whole.table["detection_id"][0].as_py()])
    assert one.probability == pytest.approx(apart.probability[:1])
    with pytest.raises(QueryError, match="by= must be 'track' or 'detection', got 'shot'"):
        db.predict("name", by="shot")


def test_nothing_seen_says_nothing_of_its_track():
    nan = np.nan
    chance = np.array([[1.0, 0.0], [nan, nan], [0.0, 1.0], [0.3, 0.7]])
    found = of_tracks(chance, pa.chunked_array([[4, 4, 4, None]]))
    assert found[0].tolist() == found[2].tolist() == [0.5, 0.5]
    assert np.isnan(found[1]).all()
    assert found[3].tolist() == [0.3, 0.7]
    empty = of_tracks(np.zeros((0, 2)), pa.chunked_array([pa.array([], pa.int64())]))
    assert empty.shape == (0, 2)


def test_who_is_none_of_them_is_not_unsure(world):
    found = world.add(VIDEOS[0], [*PEOPLE, ("x", 6.0)])
    for person, ids in found.items():
        world.db.label(ids, "name", None if person == "x" else person)
    world.db.train("name")
    told = world.db.predict("name", concept="guess", threshold=0).summary()
    assert told["unsure"] == 0
    assert told["none_of_them"] == 6
    told = world.db.predict("name", concept="guess", threshold=1).summary()
    assert (told["labelled"], told["none_of_them"], told["unsure"]) == (0, 0, 18)


def test_an_end_model_is_not_overwritten(cast):
    db, _ = cast
    kept = {path: path.read_bytes() for path in db.train("name").folder.rglob("*.*")}
    for options in ({}, {"fresh": True}, {"train": False}, {"weights": "own.safetensors"}):
        with pytest.raises(LearnError, match=r"holds an end model, .*; give another name="):
            db.embed(name="name", **options)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_learned_embedding_is_not_overwritten(cast):
    db, _ = cast
    folder = db._store.path / "models" / "own"
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "checkpoint.safetensors"):
        (folder / name).write_bytes(b"precious")
        with pytest.raises(LearnError, match="holds a learned embedding"):
            db.train("name", "own")
        with pytest.raises(LearnError, match="holds a learned embedding"):
            db.distil("name", "own")
        assert [one.name for one in folder.iterdir()] == [name]
        (folder / name).unlink()


def test_a_space_that_was_learnt_anew_is_another_one(cast):
    db, _ = cast

    def learnt(fingerprint):
        with db._store.snapshot() as snapshot:
            rows = snapshot.read("embedding.face")
        with db._store.writer("embed") as writer:
            parts = [writer.write("embedding.own", rows)]
            writer.commit(
                parts, units=[f"embed/own/faces/{fingerprint}"],
                replace={"embedding.own": None}, forget=["embed/own/"],
            )  # fmt: skip

    learnt("first")
    assert db.train("name", spaces=["own"]).told["made_by"] == {"own": "first"}
    db.predict("name", keep=False)
    learnt("second")
    for ask in (db.predict, db.classified):
        with pytest.raises(LearnError, match="the space 'own' is of another embedding"):
            ask("name")


def test_a_vector_that_is_no_number_is_named(cast):
    db, who = cast
    with db._store.snapshot() as snapshot:
        ids, vectors = snapshot.vectors("embedding.face")
        rows = snapshot.read("embedding.face")
    spoilt = vectors.copy()
    spoilt[7, 2] = np.nan
    flat = pa.FixedSizeListArray.from_arrays(pa.array(spoilt.ravel()), spoilt.shape[1])
    with db._store.writer("made") as writer:
        columns = [rows["item_id"], rows["video"], flat]
        writer.commit([writer.write("embedding.bad", pa.table(columns, schema=rows.schema))])
    said = f"the vector of detection {ids[7]} in 'bad' is not finite"
    for ask in (db.train, db.distil, db.few_shot):
        with pytest.raises(LearnError, match=said):
            ask("name", spaces=["bad"], over=list(who))


def rewritten(path, **changes):
    """Change the notes of a model, as a stranger could."""
    from safetensors import safe_open
    from safetensors.torch import save

    with safe_open(path, "pt") as file:
        notes, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    told = {**json.loads(notes["told"]), **changes}
    path.write_bytes(save(tensors, {**notes, "told": json.dumps(told)}))


def test_files_that_are_not_what_they_seem(cast):
    db, _ = cast
    folder = db.train("name").folder
    model, left_out = folder / "model.safetensors", folder / "left_out.parquet"
    good, rows = model.read_bytes(), left_out.read_bytes()
    for changes, said in (
        ({"classes": ["ann"]}, "not one probability a class"),
        ({"classes": [["ann"], ["bob"]]}, "tells 2 classes apart, and names"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"options": {"kind": "linear"}}, "options cannot be read"),
        ({"options": []}, "note 'options' cannot be"),
        ({"concept": 5}, "note 'concept' cannot be"),
        ({"over": "dreams"}, "it is of 'dreams'"),
        ({"version": "0"}, "of another training than the model"),
    ):
        rewritten(model, **changes)
        with pytest.raises(LearnError, match=said):
            db.predict("name")
        model.write_bytes(good)
    left_out.write_bytes(rows[: len(rows) // 2])
    with pytest.raises(LearnError, match=r"left_out\.parquet: is damaged"):
        db.trained("name")
    pq.write_table(pa.table({"item": [1]}), left_out)
    with pytest.raises(LearnError, match="no column 'video'"):
        db.trained("name")
    left_out.write_bytes(rows)
    assert db.predict("name", keep=False).summary()["items"] == 36
    model.unlink()
    with pytest.raises(LearnError, match="there are: none"):
        db.trained("name")


def test_arguments_that_cannot_be(cast):
    db, who = cast
    for options, said in (
        ({"spaces": "face"}, r"write \['face'\]"),
        ({"over": []}, "over= gives no items"),
        ({"name": 5}, "5 cannot name a model: give name="),
        ({"seed": -1}, "seed= must be a whole number of at least 0, got -1"),
        ({"hidden": 8}, "hidden= must be one or more whole numbers, got 8"),
        ({"epochs": 1.5}, "epochs= must be a whole number"),
        ({"rate": "fast"}, "rate= must be above 0, got 'fast'"),
    ):
        with pytest.raises(LearnError, match=said):
            db.train("name", **options)
    with pytest.raises(LabelError, match="5 cannot name a concept"):
        db.train(5)
    db.train("name")
    with pytest.raises(LearnError, match="classes, spaces: are for files"):
        db.classified("name", classes=["a"], spaces=["face"])
    with pytest.raises(QueryError, match="threshold="):
        db.predict("name", threshold="high")
    for examples in ([1], {"a": "b"}, {min(who): 5}):
        with pytest.raises(LabelError, match="examples= must give each detection id its label"):
            db.few_shot("name", examples=examples)
