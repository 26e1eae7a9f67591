"""Fusion in a collection: what takes part, what is kept, what people overrule, and why."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery import face, schema
from vquery.errors import LabelError, QueryError, StoreError
from vquery.supervise.models.label_model import LabelModel
from vquery.supervise.votes.matrix import LabelMatrix

YES, NO = "yes", "no"


def span_votes(db, seed=0, n=40, classes=(NO, YES), coverage=0.8):
    """Three noisy functions on seconds of one video; also the true classes."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.random(n // 4) < 0.4, 4).astype(int)
    votes = np.where(rng.random((n, 3)) < 0.85, truth[:, None], 1 - truth[:, None])
    votes = np.where(rng.random((n, 3)) < coverage, votes, -1)
    votes[0] = -1
    video = db.videos["video"][0].as_py()
    items = pa.table(
        {
            "item": np.arange(n),
            "video": [video] * n,
            "start_us": np.arange(n) * 1_000_000,
            "end_us": (np.arange(n) + 1) * 1_000_000,
        }
    )
    sources = tuple({"query": f"scan {name}", "version": "7"} for name in "abc")
    matrix = LabelMatrix(votes.astype(np.int16), classes, ("a", "b", "c"), items, sources=sources)
    return matrix, truth


def second(db, at, length=1.0):
    video = db.videos["video"][0].as_py()
    return pa.table({"video": [video], "start": [float(at)], "end": [at + length]})


@pytest.fixture
def people(world):
    """A collection of three people in six tracks, and votes on all their detections."""
    ids = world.add("a.mp4", [("ann", 0), ("bob", 3), ("ann", 6)])
    more = world.add("b.mp4", [("bob", 0), ("ann", 3), ("eve", 6)])
    for person, found in more.items():
        ids.setdefault(person, []).extend(found)
    return world.db, ids


def face_votes(db, ids, wrong=()):
    faces = db.faces.collect().select(["detection_id", "video", "start_us", "end_us", "track"])
    who = {item: person for person, found in ids.items() for item in found}
    place = {"ann": 0, "bob": 1}
    votes = [[place.get(who[i], -1)] for i in faces["detection_id"].to_pylist()]
    for row in wrong:
        votes[row][0] = 1 - votes[row][0]
    table = faces.append_column("item", faces["detection_id"])
    return LabelMatrix(np.array(votes, np.int16), ("ann", "bob"), ("caption",), table)


def test_spans_without_labels_have_the_models_probabilities(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        model = LabelModel().fit(votes)
        found = db.fuse("ad", votes, model=model)
        np.testing.assert_allclose(found.fusion.probability, model.predict_proba(votes), atol=1e-9)
        assert found.table.schema == schema.SOFT_INTERVAL
        first = found.table.slice(0, 1).to_pylist()[0]
        assert (first["label"], first["reached"], first["calibrated"]) == (None, False, False)
        assert first["probability"] == pytest.approx(model.balance_.max())
        told = found.summary()
        assert (told["items"], told["unreached"], told["over"]) == (40, 1, "spans")
        assert any("not calibrated" in note for note in told["notes"])


def test_human_words_win_and_are_told(path):
    with vq.open(path) as db:
        votes, truth = span_votes(db)
        wrong = (NO, YES)[1 - truth[5]]
        db.label(second(db, 5), "ad", wrong, by="Miriam")
        db.label(second(db, 7, 0.4), "ad", YES)  # less than half of the second
        found = db.fuse("ad", votes)
        rows = found.table.to_pylist()
        assert (rows[5]["label"], rows[5]["probability"], rows[5]["source"]) == (wrong, 1, "human")
        assert rows[7]["source"] == "fused"
        assert any("less than half" in note for note in found.notes)
        why = found.why(5)
        assert why.human["by"] == "Miriam"
        assert ", said by Miriam on 20" in repr(why)
        assert json.loads(rows[5]["why"])[0] == {"source": "human"}


def test_why_names_functions_with_their_query_and_version(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        model = vq.LabelModel(method="dawid-skene").fit(votes)  # so few items are counted else
        found = db.fuse("ad", votes, model=model)
        for item in (3, 11, 20):
            why = found.why(item)
            chance = found.fusion.probability[item]
            told = sum(one.log_odds for one in why.contributions)
            assert told == pytest.approx(np.log(chance.max() / chance.min()))
            assert sum(one.share for one in why.contributions) == pytest.approx(1)
            said = {one.source: one for one in why.contributions}
            assert {"a", "b", "c"} >= {one.source for one in why.contributions if one.says}
            for name, code in zip("abc", votes.votes[item], strict=True):
                if code >= 0:
                    assert said[name].says == (NO, YES)[code]
                    assert said[name].detail == {"query": f"scan {name}", "version": "7"}
        assert "query: scan a, version: 7" in repr(why)
        assert "log-odds" in why._repr_html_()
        json.dumps(why.to_dict())
        assert "no source speaks of it" in repr(found.why(0))
        with pytest.raises(LabelError, match="item 40 did not take part"):
            found.why(40)


def test_kept_results_are_read_replaced_and_undone(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        with pytest.raises(LabelError, match="nothing fused of 'ad' is in force"):
            db.fused("ad")
        first = db.fuse("ad", votes)
        kept = db.fused("ad").collect()
        assert kept["label"].to_pylist() == first.table["label"].to_pylist()
        other = db.fuse("news", votes)
        db.label(second(db, 5), "ad", YES)
        again = db.fuse("ad", votes)
        assert db.fused("ad").filter(vq.row.source == "human").count() == 1
        with pytest.raises(StoreError, match=rf"run {first.run_id}: .* replaced by run"):
            db.undo_run(first.run_id)
        undone = db.undo_run()
        assert (undone.run_id, undone.restored) == (again.run_id, first.run_id)
        assert f"run {again.run_id}, which fused 'ad', is undone" in str(undone)
        assert db.fused("ad").collect().equals(kept)
        assert db.undo_run().run_id == other.run_id
        db.undo_run()
        with pytest.raises(LabelError, match="nothing fused"):
            db.fused("ad")
        assert "soft_intervals" not in db.tables()
        before = db.runs.num_rows
        assert db.fuse("ad", votes, keep=False).run_id is None
        assert db.runs.num_rows == before


def test_intervals_join_what_touches(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db, n=8, coverage=2.0)
        for at, label in enumerate([YES, YES, NO, YES]):
            db.label(second(db, at), "ad", label)
        found = db.fuse("ad", votes.take(np.arange(4)), keep=False)
        spans = found.intervals.collect().to_pylist()
        assert [(s["start_us"], s["end_us"], s["label"]) for s in spans] == [
            (0, 2_000_000, YES),
            (2_000_000, 3_000_000, NO),
            (3_000_000, 4_000_000, YES),
        ]
        assert {s["probability"] for s in spans} == {1.0}


def test_none_of_them_is_a_class_or_the_one_it_is_said_to_be(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        db.label(second(db, 5), "ad", None)
        apart = db.fuse("ad", votes, keep=False)
        assert apart.labels == (NO, YES, None)
        assert apart.table["label"][5].as_py() is None
        assert apart.why(5).best is None
        same = db.fuse("ad", votes, none=NO, keep=False)
        assert same.labels == (NO, YES)
        assert same.table["label"][5].as_py() == NO
        with pytest.raises(LabelError, match="'never' is none of 'no', 'yes'"):
            db.fuse("ad", votes, none="never")


def test_functions_that_only_say_yes_leave_the_rest_to_none_of_them(path):
    with vq.open(path) as db:
        rng = np.random.default_rng(4)
        votes, _ = span_votes(db, n=200)
        truth = np.repeat(rng.random(50) < 0.4, 4)
        heard = rng.random((200, 3)) < np.where(truth[:, None], 0.8, 0.05)
        matrix = LabelMatrix(
            np.where(heard, 0, -1).astype(np.int16), (YES,), ("a", "b", "c"), votes.items
        )
        found = db.fuse("ad", matrix, keep=False)
        assert found.labels == (YES, None)
        assert np.isfinite(found.fusion.probability).all()
        assert (found.fusion.probability[heard.all(axis=1), 0] > 0.5).all()


def test_nothing_said_is_the_balance_and_no_label(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        silent = LabelMatrix(np.full((40, 3), -1, np.int16), (NO, YES), tuple("abc"), votes.items)
        db.label(second(db, 1), "ad", YES)
        found = db.fuse("ad", silent)
        assert found.table["label"].to_pylist() == [None, YES, *[None] * 38]
        assert found.table["reached"].to_pylist() == [False, True, *[False] * 38]
        assert np.isfinite(found.table["probability"].to_numpy()).all()


def test_labels_teach_and_calibrate(path):
    with vq.open(path) as db:
        votes, truth = span_votes(db, n=400)
        db.label(
            pa.concat_tables([second(db, at) for at in range(1, 200)]),
            "ad",
            [(NO, YES)[code] for code in truth[1:200]],
        )
        found = db.fuse("ad", votes, keep=False)
        assert found.fusion.calibrated
        assert set(found.table["calibrated"].to_pylist()) == {True}
        assert found.fusion.checked["labels"] > 150
        plain = db.fuse("ad", votes, calibrate="none", keep=False)
        assert not plain.fusion.calibrated


def test_propagation_takes_part_and_survives_fusions(people):
    db, ids = people
    db.label([ids["ann"][0]], "name", "ann")
    db.label([ids["bob"][0]], "name", "bob")
    spread = db.propagate("name")
    silent = face_votes(db, ids)
    nobody = LabelMatrix(np.full_like(silent.votes, -1), silent.classes, ("x",), silent.items)
    found = db.fuse("name", nobody)
    assert found.labels == ("ann", "bob", None)
    at = {row["detection_id"]: row for row in found.table.to_pylist()}
    for row in spread.table.to_pylist():
        fused = at[row["detection_id"]]
        if row["source"] == "human":
            assert (fused["probability"], fused["source"]) == (1, "human")
        elif row["reached"]:
            assert fused["label"] == row["label"]
            assert fused["probability"] == pytest.approx(min(row["probability"], 0.999), abs=1e-3)
    why = found.why(ids["ann"][-1])
    (told,) = [one for one in why.contributions if one.kind == "propagation"]
    assert told.says == "ann"
    assert told.detail["seeds"][0]["seed"] == ids["ann"][0]
    for _ in range(5):  # what was propagated stays below the fusions
        found = db.fuse("name", nobody)
    assert db.propagation("name").run_id == spread.run_id
    assert [s.name for s in found.fusion.sources] == ["propagation"]
    assert db.propagations()[0]["state"] == "replaced"
    assert "propagation" not in db.fuse("name", nobody, propagate=False).summary()["sources"]


def test_votes_and_propagation_of_detections_reach_queries(people):
    db, ids = people
    db.label([ids["ann"][0]], "name", "ann")
    db.label([ids["bob"][0]], "name", "bob")
    db.propagate("name")
    votes = face_votes(db, ids, wrong=[8])
    found = db.fuse("name", votes)
    assert {s.name for s in found.fusion.sources} == {"votes", "propagation"}
    best = dict(zip(found.table["detection_id"].to_pylist(), found.table["best"].to_pylist(),
                    strict=True))  # fmt: skip
    right = [best[i] == person for person in ("ann", "bob") for i in ids[person]]
    assert np.mean(right) > 0.9
    rows = db.faces.with_labels("name").collect()
    assert set(rows["name_source"].to_pylist()) == {"human", "fused"}
    assert db.faces.filter(face.name == "ann").count() > 12
    assert db.fused("name").filter(vq.row.label == "ann", vq.row.x1 > 0).count() > 12
    db.undo()
    assert set(db.faces.with_labels("name").collect()["name_source"].to_pylist()) == {
        "human",
        "fused",
    }
    db.redo()
    db.undo_run()
    sources = set(db.faces.with_labels("name").collect()["name_source"].to_pylist())
    assert sources == {"human", "propagated"}


def test_fused_labels_of_detections_are_exported(path, tmp_path):
    with vq.open(path) as db:
        faces = db.faces.collect().select(["detection_id", "video", "start_us", "end_us", "track"])
        order = np.unique(faces["track"].to_numpy(), return_inverse=True)[1]
        votes = LabelMatrix(
            np.column_stack([order % 2, order % 2]).astype(np.int16), ("ann", "bob"), ("a", "b"),
            faces.append_column("item", faces["detection_id"]),
        )  # fmt: skip
        found = db.fuse("name", votes)
        assert found.summary()["labelled"] == faces.num_rows
        written = db.export(tmp_path / "out", format="coco", labels="name", images=False)
        assert written.by_source == {"fused": faces.num_rows}


def test_tracks_give_their_label_to_all_their_detections(people):
    db, ids = people
    rows = db.faces.collect()
    tracks = rows.group_by(["video", "track"]).aggregate(
        [("start_us", "min"), ("end_us", "max")]
    ).rename_columns(["video", "track", "start_us", "end_us"]).sort_by("track")  # fmt: skip
    table = tracks.append_column("item", tracks["track"])
    codes = np.array([[0], [1], [0], [1], [0], [-1]], np.int16)
    votes = LabelMatrix(codes, ("ann", "bob"), ("caption",), table)
    db.label([ids["eve"][1]], "name", "eve", by="me")
    found = db.fuse("name", votes, propagate=False)
    assert found.table.schema == schema.SOFT_LABEL
    assert found.table.num_rows == rows.num_rows
    eve = [r for r in found.table.to_pylist() if r["detection_id"] in ids["eve"]]
    assert {r["label"] for r in eve} == {"eve"}
    assert [r["source"] for r in eve].count("human") == 1
    assert found.why(ids["eve"][3]).human["by"] == "me"
    db.label([ids["eve"][2]], "name", "ann")
    with pytest.raises(LabelError, match=r"contradict each other in track .* 'eve'.* 'ann'"):
        db.fuse("name", votes)


def test_left_out_seeds_teach_how_far_to_believe_the_propagation(people):
    db, ids = people
    for person in ("ann", "bob"):
        for item in ids[person][::2]:
            db.label([item], "name", person)
    db.propagate("name")
    votes = face_votes(db, ids)
    found = db.fuse("name", votes, keep=False)
    assert found.fusion.checked["labels"] >= 12
    assert "propagation alone" in found.fusion.checked
    assert found.fusion.checked["propagation alone"] < np.log(2)


def test_corrections_are_weighted_hints(people):
    db, ids = people
    votes = face_votes(db, ids)
    item = ids["eve"][0]
    names = ["zoe" if i == item else "bob" for i in ids["eve"]]
    seen = db.faces.collect().drop_columns("name")
    mine = seen.filter(pa.compute.is_in(seen["detection_id"], pa.array(ids["eve"])))
    checked = db.check([vq.consistent("name")], over=mine.append_column("name", pa.array(names)))
    (weight,) = checked.corrections["weight"].to_pylist()
    found = db.fuse("name", votes, corrections=checked, keep=False)
    row = next(r for r in found.table.to_pylist() if r["detection_id"] == item)
    assert (row["best"], row["reached"]) == ("bob", True)
    assert row["probability"] == pytest.approx(weight, abs=1e-6)
    (told,) = [one for one in found.why(item).contributions if one.kind == "corrections"]
    assert told.detail["before"] == "zoe"
    assert "rule: consistent" in repr(found.why(item))
    other = next(r for r in found.table.to_pylist() if r["detection_id"] == ids["eve"][1])
    assert not other["reached"]
    assert "corrections" not in db.fuse("name", votes).summary()["sources"], "none are in force"


def test_what_cannot_be_fused(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        with pytest.raises(LabelError, match=r"take them from db\.votes"):
            db.fuse("ad", LabelMatrix.from_dense([[0, 1]], classes=[0, 1]))
        with pytest.raises(QueryError, match="threshold"):
            db.fuse("ad", votes, threshold=2)
        with pytest.raises(QueryError, match="calibrate must be one of"):
            db.fuse("ad", votes, calibrate="magic")
        with pytest.raises(LabelError, match="cannot name a concept"):
            db.fuse("a d", votes)
        with pytest.raises(LabelError, match=r"balance=\) needs a share for each of 'no', 'yes'"):
            db.fuse("ad", votes, balance={"yes": 1.0})
        elsewhere = votes.items.set_column(1, "video", pa.array(["z.mp4"] * 40))
        with pytest.raises(LabelError, match=r"video 'z\.mp4' is not in the collection"):
            db.fuse("ad", LabelMatrix(votes.votes, (NO, YES), tuple("abc"), elsewhere))
        assert db.runs.num_rows == 1


@pytest.mark.parametrize("width", [5, 2**40])
def test_rows_that_are_alike_are_written_once(width):
    from vquery.api.fusion.result import _alike

    table = np.random.default_rng(0).integers(-width, width, (60, 3))
    table = table[np.random.default_rng(1).integers(0, 30, 60)]
    first, place = _alike(table)
    np.testing.assert_array_equal(table[first][place], table)
    assert len(first) == len(np.unique(table, axis=0))
