"""End models of a collection: what they learn from, what they leave, what people overrule."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery.api.learnt import items as seeing
from vquery.errors import LabelError, LearnError, MissingDependencyError, QueryError
from vquery.supervise.votes.matrix import LabelMatrix

pytest.importorskip("torch")
PEOPLE = ("ann", "bob")


@pytest.fixture
def cast(world):
    """Four videos of two people and a stranger; returns the collection and who each face is."""
    who: dict[int, str] = {}
    for at, video in enumerate(("a.mp4", "b.mp4", "c.mp4", "d.mp4")):
        tracks = [("ann", 0.0), ("bob", 3.0), ("ann", 6.0), ("bob", 9.0)]
        found = world.add(video, [*tracks, (f"stranger{at}", 12.0)])
        who |= {item: person for person, ids in found.items() for item in ids}
    return world.db, who


def votes_of(db, who, right=0.9):
    """Three noisy functions on all faces; strangers are nobody."""
    faces = db.faces.collect().select(["detection_id", "video", "start_us", "end_us"])
    rng = np.random.default_rng(0)
    ids = faces["detection_id"].to_pylist()
    truth = np.array([PEOPLE.index(who[i]) if who[i] in PEOPLE else 2 for i in ids])
    votes = np.where(
        rng.random((len(ids), 3)) < right, truth[:, None], rng.integers(3, size=(len(ids), 3))
    )
    table = faces.append_column("item", faces["detection_id"])
    return LabelMatrix(votes.astype(np.int16), (*PEOPLE, None), ("x", "y", "z"), table)


def names(db, concept="name"):
    rows = db.faces.with_labels(concept).collect()
    columns = ("detection_id", concept, f"{concept}_source")
    return {i: (label, source) for i, label, source in zip(
        *(rows[name].to_pylist() for name in columns), strict=True
    )}  # fmt: skip


def first(who, person):
    return min(item for item, one in who.items() if one == person)


def test_it_learns_fused_labels_and_predicts_what_they_left_out(cast):
    db, who = cast
    db.fuse("name", votes_of(db, who))
    found = db.train("name", "faces")
    assert found.told["by"] == "fused"
    assert found.told["items"] == len(who)  # tracks of six: all take part
    assert set(found.classes) == {*PEOPLE, "none of them"}
    assert found.by_people is None
    assert found.by_labels.groups == 4

    said = db.predict("faces")
    told = names(db)
    right = [told[i] == ((p if p in PEOPLE else None), "predicted") for i, p in who.items()
             if p in PEOPLE]  # fmt: skip
    assert np.mean(right) > 0.95
    assert said.summary()["labelled"] == sum(label is not None for label, _ in told.values())
    why = json.loads(said.table["why"][0].as_py())[0]
    assert why["source"] == "model faces"
    assert why["version"] == found.version
    assert set(said.why(first(who, "ann"))["probabilities"]) == set(found.classes)


def test_people_win_and_a_run_is_taken_back(cast):
    db, who = cast
    db.fuse("name", votes_of(db, who))
    before = names(db)
    ann = first(who, "ann")
    db.train("name", "faces")
    db.label([ann], "name", "zoe")
    run = db.predict("faces")
    assert names(db)[ann] == ("zoe", "human")
    assert run.summary()["human"] == 1
    later = first(who, "bob")
    db.label([later], "name", None)
    assert names(db)[later] == (None, "human")
    db.undo()
    assert names(db)[later] == ("bob", "predicted")
    assert [one["did"] for one in db.propagations()][-1] == "predicted"
    undone = db.undo_run()
    assert undone.did == "predicted"
    db.undo()
    assert names(db) == before


def test_it_never_learns_from_predictions(cast):
    db, who = cast
    fused = db.fuse("name", votes_of(db, who))
    one = db.train("name", "one")
    for _ in range(5):  # more than are kept of other runs
        db.predict("one")
    two = db.train("name", "two")
    assert two.told["by"] == "fused"
    assert two.told["from_run"] == fused.run_id
    assert two.version == one.version


def test_people_alone_may_teach(cast):
    db, who = cast
    rows = [i for at, i in enumerate(sorted(who)) if at % 6 == 0]
    db.label(rows, "name", [who[i] if who[i] in PEOPLE else None for i in rows])
    found = db.train("name", "seeds", labels="human")
    assert found.told["human"] == found.told["items"] == len(rows)
    assert found.by_people is not None
    assert found.by_people.metric("accuracy") > 0.6
    db.fuse("name", votes_of(db, who))
    more = db.train("name", "soft", kind="mlp", epochs=4, hidden=(8,))
    told = vq.compare_runs(found, more)
    assert told.table["labels"].to_pylist() == ["human", "fused"]
    assert told.against_first(more).table.num_rows
    assert "soft after seeds" in repr(told)
    assert "<table" in told._repr_html_()


def test_what_is_left_is_a_report_curves_and_predictions(cast):
    db, who = cast
    db.fuse("name", votes_of(db, who))
    early = vq.slice("early", vq.row.start < 4)
    found = db.train("name", kind="mlp", epochs=3, hidden=(8,), slices=[early])
    again = db.trained("name")
    assert again.version == found.version
    assert "early" in again.by_labels.slices["slice"].to_pylist()
    page = (found.folder / "report.html").read_text("utf-8")
    assert "reliability" in page and "<svg" in page and "early" in page  # noqa: PT018
    lines = (found.folder / "history.csv").read_text("utf-8").splitlines()
    assert lines[0].startswith("part,epoch,loss")
    assert len(lines) == 1 + len(found.told["curves"])
    assert pq.read_table(found.folder / "left_out.parquet").num_rows == found.told["items"]
    assert not (found.folder / "parts").exists()
    assert db.runs["command"].to_pylist()[-1] == "train"
    events = list((found.folder / "events").glob("events.out.*"))
    assert bool(events) == (importlib.util.find_spec("tensorboard") is not None)


def test_a_killed_training_goes_on(cast):
    db, who = cast
    db.fuse("name", votes_of(db, who))
    whole = db.train("name", "whole", kind="mlp", epochs=4, hidden=(8,))
    lines = []

    def stop(line):
        lines.append(line)
        if len(lines) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.train("name", "half", kind="mlp", epochs=4, hidden=(8,), progress=stop)
    with pytest.raises(LearnError, match="no end model 'half'"):
        db.trained("half")
    half = db.train("name", "half", kind="mlp", epochs=4, hidden=(8,))
    assert half.version == whole.version


def test_spans_are_seen_by_their_frames(world, monkeypatch):
    """Seconds of four videos, half of them bright; frames every half second have a vector."""
    rng = np.random.default_rng(0)
    spans, labels = [], []
    with world.db._store.writer("made") as writer:
        from vquery.schema import IDS_PER_VIDEO
        from vquery.store import NewVideo

        for video in ("a", "b", "c", "d"):
            number = writer.register([NewVideo(video, None, kind="none")])[video]
            base = number * IDS_PER_VIDEO + 1
            bright = rng.random(12) < 0.5
            frames = {
                "video": [video] * 24,
                "start_us": np.arange(24) * 500_000,
                "end_us": np.arange(1, 25) * 500_000,
                "frame": np.arange(24),
            }
            looks = np.where(
                np.repeat(bright, 2)[:, None], world.look("bright"), world.look("dark")
            )
            looks = looks + 0.3 * rng.normal(size=looks.shape)
            looks /= np.linalg.norm(looks, axis=1, keepdims=True)
            parts = [writer.write("frames", pa.table(frames))]
            shape = pa.schema(list(_frame_schema(looks.shape[1])))
            flat = pa.FixedSizeListArray.from_arrays(
                pa.array(looks.astype(np.float32).ravel()), looks.shape[1]
            )
            rows = pa.table(
                [pa.array((base + np.arange(24)).tolist(), pa.int64()),
                 pa.array([video] * 24), flat], schema=shape
            )  # fmt: skip
            parts.append(writer.write("embedding.frame", rows))
            writer.commit(parts)
            spans += [(video, float(at), at + 1.0) for at in range(12)]
            labels += [bool(one) for one in bright]
    db = world.db
    video, start, end = zip(*spans, strict=True)
    table = pa.table({"video": video, "start": start, "end": end})
    given = np.arange(48) % 3 == 0
    words = ["bright" if one else "dark" for one in labels]
    db.label(table.filter(pa.array(given)), "light", [w for w, g in zip(words, given) if g])  # noqa: B905
    found = db.train("light")
    assert found.told["over"] == "spans"
    assert found.told["spaces"] == ["frame"]
    said = db.predict("light", over=table)
    kept = dict(zip(zip(said.table["video"].to_pylist(), said.table["start_us"].to_pylist(),
                        strict=True), said.table["label"].to_pylist(), strict=True))  # fmt: skip
    right = [kept[v, int(s * 1e6)] == w for v, s, w in zip(video, start, words, strict=True)]
    assert np.mean(right) > 0.95
    assert set(said.table["source"].to_pylist()) == {"human", "predicted"}
    monkeypatch.setattr(seeing, "BLOCK", 7)
    blocks = db.predict("light", over=table, keep=False)
    np.testing.assert_allclose(blocks.probability, said.probability, atol=1e-6)
    assert db.undo_run().did == "predicted"


def test_soft_labels_of_spans_are_those_of_the_very_same_spans(path):
    """Other spans have the same numbers: by number, labels would be of other times."""
    from vquery.api.learnt.labels import known_of

    with vq.open(path) as db:
        video = db.videos["video"][0].as_py()
        start = np.arange(8) * 250_000
        items = pa.table({"item": np.arange(8), "video": [video] * 8, "start_us": start,
                          "end_us": start + 250_000})  # fmt: skip
        votes = np.repeat([[0], [1]], 4, 0).astype(np.int16)
        db.fuse("part", LabelMatrix(votes, ("early", "late"), ("clock",), items))
        with db._store.snapshot() as snapshot:
            whole = known_of(db._store, snapshot, "part", None, human_only=False)
            later = items.slice(4).drop_columns("item")
            some = known_of(db._store, snapshot, "part", later, human_only=False)
    assert whole.by == some.by == "fused"
    assert (some.soft == whole.soft[4:]).all()
    assert (some.soft.argmax(1) == whole.classes.index("late")).all()


def _frame_schema(dimensions):
    from vquery.schema import embedding

    return embedding(dimensions)


def test_it_votes_as_a_model_and_as_an_onnx_file(cast, tmp_path):
    pytest.importorskip("onnx")
    db, who = cast
    db.fuse("name", votes_of(db, who))
    found = db.train("name", "faces")
    path = found.to_onnx(tmp_path / "faces.onnx")
    by_name = db.classified("faces", threshold=0.8)
    by_file = db.classified(path, threshold=0.8, spaces=["face"])
    one, two = by_name.collect(), by_file.collect()
    assert one["vote"].to_pylist() == two["vote"].to_pylist()
    apart = pc.subtract(one["probability"], two["probability"]).to_numpy()
    assert np.abs(apart).max() < 1e-4
    votes = db.votes({"net": by_file}, over=db.faces)
    cast_votes = votes.votes[:, 0] >= 0
    assert cast_votes.sum() == one.num_rows
    assert set(votes.classes) >= set(PEOPLE)


def test_few_examples_score_all_and_choose_what_is_next(cast):
    db, who = cast
    db.label([first(who, "ann")], "name", "ann")
    alone = db.few_shot("name").collect()
    best = alone.sort_by([("likeness", "descending")]).slice(0, 24)
    of_ann = [who[i] == "ann" for i in best["detection_id"].to_pylist()]
    assert np.mean(of_ann) > 0.9
    assert pc.sum(alone["example"]).as_py() == 1
    given = {first(who, "ann"): "ann", first(who, "bob"): "bob"}
    for kind in ("prototype", "ridge"):
        both = db.few_shot("name", examples=given, kind=kind).collect()
        told = zip(both["detection_id"].to_pylist(), both["best"].to_pylist(), strict=True)
        assert np.mean([label == who[i] for i, label in told if who[i] in PEOPLE]) > 0.9
    assert db.labels("name").num_rows == 1

    rows = db.suggest(6, concept="name", strategy="fewshot").collect().sort_by("rank")
    assert rows.num_rows == 6
    tracks = rows["track"].to_pylist()
    assert len(set(tracks)) == 6
    labelled = db.faces.filter(vq.face.detection_id == first(who, "ann")).collect()
    assert labelled["track"][0].as_py() not in tracks
    usual = db.suggest(2, concept="name").collect()
    assert set(usual.column_names) <= set(rows.column_names)


def test_what_cannot_be_is_said(cast, monkeypatch):
    db, who = cast
    with pytest.raises(LabelError, match="nothing is labelled of 'name'"):
        db.train("name")
    with pytest.raises(LabelError, match="nothing is labelled"):
        db.few_shot("name")
    rows = sorted(who)[:6]
    db.label(rows, "name", "ann")
    with pytest.raises(LearnError, match="most likely 'ann'"):
        db.train("name")
    db.label(sorted(who)[6:9], "name", "bob")
    with pytest.raises(LearnError, match="no embedding space 'face_far'; there are: face"):
        db.train("name", spaces=["face_far"])
    with pytest.raises(LearnError, match="no pictures"):
        db.train("name", kind="network")
    with pytest.raises(LearnError, match="cannot name a model"):
        db.train("name", "../name")
    with pytest.raises(LearnError, match="labels="):
        db.train("name", labels="hard")
    with pytest.raises(
        LearnError, match="no end model 'other' in this collection; there are: none"
    ):
        db.predict("other")
    found = db.train("name")
    assert any("shots are left out" in note for note in found.told["notes"])
    with pytest.raises(QueryError, match="threshold="):
        db.predict("name", threshold=2)
    (found.folder / "model.safetensors").write_bytes(b"\x80hostile")
    with pytest.raises(LearnError, match="pickle"):
        db.predict("name")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"vquery-video\[learn\]"):
        db.train("name")
