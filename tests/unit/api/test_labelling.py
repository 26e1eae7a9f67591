"""Human labels: what may be labelled, by whom, and how it is taken back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery import face
from vquery.errors import IngestError, LabelError

ANN, BOB, OTHER_BOB = 1_000_000_001, 1_000_000_002, 2_000_000_001


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


def given(db, concept="name"):
    rows = db.labels(concept)
    return dict(zip(rows["detection_id"].to_pylist(), rows["label"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    "rows",
    [
        [ANN, BOB],
        (ANN, BOB, ANN),
        np.array([ANN, BOB]),
        pa.array([ANN, BOB]),
        pa.chunked_array([[ANN], [BOB]]),
        pa.table({"detection_id": [BOB, ANN]}),
        pa.record_batch({"detection_id": [BOB, ANN]}),
    ],
    ids=["list", "tuple", "array", "arrow", "chunked", "table", "batch"],
)
def test_rows_are_ids_or_anything_that_has_them(db, rows):
    assert db.label(rows, "name", "Ann") == 2
    assert given(db) == {ANN: "Ann", BOB: "Ann"}


def test_a_relation_is_labelled_as_one_action_with_its_query(db):
    track = db.faces.filter(face.track == ANN)
    assert db.label(track, "name", "Ann", by="Miriam") == 12
    labels = db.labels("name")
    assert set(labels["by"].to_pylist()) == {"Miriam"}
    (event,) = db._store.events()
    assert f"row.track == {ANN}" in event.query
    assert db.undo() == "label of 'name': 'Ann' for 12 detections, by Miriam"
    assert db.labels().num_rows == 0


def test_every_row_may_have_its_own_label_in_the_order_of_the_relation(db):
    rows = db.faces.filter(face.start_us == 0, face.video == "a.mp4")
    ids = rows.collect()["detection_id"].to_pylist()
    assert db.label(rows, "name", ["Ann", None]) == 2
    assert given(db) == dict(zip(ids, ["Ann", None], strict=True))


def test_another_concept_has_labels_of_its_own(db):
    db.label([ANN], "name", "Ann")
    db.label([ANN], "mood", "merry")
    assert given(db) == {ANN: "Ann"}
    assert given(db, "mood") == {ANN: "merry"}
    assert db.labels().num_rows == 2


def test_undo_redo_and_a_second_label(db):
    db.label([ANN], "name", "Ann")
    db.label([ANN, BOB], "name", ["Anna", None])
    assert db.undo() == "label of 'name': 2 values for 2 detections, by " + db_user()
    assert given(db) == {ANN: "Ann"}
    db.label([ANN], "name", "Anne")
    assert db.redo() is None  # a new action ends the redo
    assert given(db) == {ANN: "Anne"}
    assert [db.undo(), db.undo(), db.undo()][2] is None
    assert given(db) == {}
    assert "'Ann' for 1 detection," in db.redo()
    assert given(db) == {ANN: "Ann"}


def db_user():
    from vquery.api.labelling import login

    return login()


@pytest.mark.parametrize(
    ("rows", "value", "told"),
    [
        ([], "Ann", "no rows were given"),
        ([17], "Ann", "1 of 1 ids are not detections.*such as 17"),
        ([ANN, 3_000_000_001], "Ann", "1 of 2 ids"),
        ([ANN + 0.5], "Ann", "whole numbers"),
        (["Ann"], "Ann", "whole numbers"),
        ([ANN, "Bob"], "Ann", "whole numbers"),
        ([0], "Ann", "at least 1"),
        ([ANN, None], "Ann", "at least 1"),
        ([ANN, ANN], ["Ann", "Bob"], "two labels"),
        ([ANN, BOB], ["Ann"], "2 detections but 1 labels"),
        ([ANN], "", "a label is a text"),
        ([ANN], " ", "a label is a text"),
        ([ANN], 7, "a label is a text.*got 7"),
        ([ANN], [7], "a label is a text.*got 7"),
        (pa.table({"name": ["Ann"]}), "Ann", "need a column 'detection_id'"),
    ],
)
def test_what_cannot_be_labelled_is_refused_and_nothing_is_kept(db, rows, value, told):
    with pytest.raises(LabelError, match=told):
        db.label(rows, "name", value)
    assert db.labels().num_rows == 0


def test_rows_without_ids_are_labelled_as_spans(db):
    shots = db.shots.collect()
    assert db.label(db.shots, "commercial", "yes", by="Miriam") == shots.num_rows
    assert "shots" in db._store.events()[0].query
    first = shots.slice(0, 1).to_pylist()[0]
    middle = first["start_us"] / 1e6 + 0.1
    part = pa.table({"video": [first["video"]], "start": [middle], "end": [middle + 0.1]})
    assert db.label(part, "commercial", None) == 1
    rows = db.labelled("commercial").collect()
    assert rows.column_names[:5] == ["video", "start_us", "end_us", "label", "detection_id"]
    assert rows.num_rows == shots.num_rows + 2
    assert rows["label"].to_pylist()[:3] == ["yes", None, "yes"]
    assert db.labels("commercial")["detection_id"].null_count == shots.num_rows + 2
    assert db.undo() == f"label of 'commercial': none of them for 1 span, by {db_user()}"
    assert db.labelled("commercial").count() == shots.num_rows
    assert db.info()["human_spans"] == {"commercial": {"yes": shots.num_rows}}


def test_labels_of_detections_and_spans_are_told_apart(db):
    db.label([ANN], "name", "Ann")
    db.label(db.shots.limit(1), "name", "Bob")
    rows = db.labels("name").to_pylist()
    assert [(row["detection_id"], row["label"]) for row in rows] == [(ANN, "Ann"), (None, "Bob")]
    assert [row["video"] for row in rows] == [None, "a.mp4"]
    times = db.labelled("name").collect().to_pylist()
    assert {(row["label"], row["start_us"]) for row in times} == {("Ann", 0), ("Bob", 0)}
    assert db.faces.filter(face.name == "Bob").count() == 0


@pytest.mark.parametrize(
    ("row", "value", "told"),
    [
        ({"video": "z.mp4", "start": 0.0, "end": 1.0}, "x", "video 'z.mp4' is not in the coll"),
        ({"video": "a.mp4", "start": 0.0, "end": 1.0}, 7, "a label is a text"),
        ({"video": "a.mp4", "name": "x"}, "x", r"Take rows of db\.faces, or label spans"),
    ],
)
def test_spans_that_cannot_be_labelled(db, row, value, told):
    with pytest.raises(LabelError, match=told):
        db.label(pa.Table.from_pylist([row]), "commercial", value)
    with pytest.raises(LabelError, match="no rows"):
        db.label(db.shots.filter(vq.row.start < -1), "commercial", "x")
    assert db.labels().num_rows == 0


def test_a_relation_without_rows_is_refused(db):
    with pytest.raises(LabelError, match="no rows"):
        db.label(db.faces.filter(face.score > 2), "name", "Ann")
    with pytest.raises(LabelError, match="concept"):
        db.label([ANN], " ", "Ann")


def test_seeds_from_a_file_by_point(db, tmp_path):
    file = tmp_path / "seeds.csv"
    file.write_text("video,time,x,y,label\na.mp4,0.1,0.2,0.5,Ann\nb.mp4,0:00.5,0.3,0.3,Bob\n")
    assert db.label_file(file) == 2
    assert sorted(given(db).values()) == ["Ann", "Bob"]
    (event,) = db._store.events()
    assert str(file) in event.query


def test_seeds_from_a_file_by_id_and_none_of_them(db, tmp_path):
    file = tmp_path / "seeds.csv"
    file.write_text(f"detection_id,label\n{ANN},Ann\n{BOB},\n")
    assert db.label_file(file, "who", by="Miriam") == 2
    assert given(db, "who") == {ANN: "Ann", BOB: None}


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("video,time,x,y,label\na.mp4,0.1,0.99,0.99,Ann\n", LabelError, "row 2: no detection"),
        ("video,time,x,y,label\nz.mp4,0.1,0.2,0.5,Ann\n", LabelError, "row 2: video 'z.mp4'"),
        (f"detection_id,label\n{ANN},Ann\n{ANN},Bob\n", LabelError, "row 3.*row 2"),
        ("detection_id,label\n17,Ann\n", LabelError, "no detection 17"),
        ("video,time,x,label\na.mp4,0.1,0.2,Ann\n", IngestError, "no column 'y'"),
        ("video,time,x,y,label\na.mp4,soon,0.2,0.5,Ann\n", IngestError, "row 2, column 'time'"),
        ("detection_id,label\n", LabelError, "no rows"),
        ("", IngestError, "no header"),
    ],
)
def test_a_bad_file_of_seeds_labels_nothing(db, tmp_path, text, error, told):
    file = tmp_path / "seeds.csv"
    file.write_text(text)
    with pytest.raises(error, match=told):
        db.label_file(file)
    assert db.labels().num_rows == 0


def test_seeds_may_name_a_video_by_its_other_path(sample, tmp_path):
    twice = tmp_path / "twice"
    twice.mkdir()
    for name in ("first.mp4", "second.mp4"):
        (twice / name).write_bytes((sample / "a.mp4").read_bytes())
    (twice / "first.csv").write_bytes((sample / "a.csv").read_bytes())
    with vq.create(tmp_path / "twice.vq") as db:
        assert db.index(twice, workers=1).aliases == {"second.mp4": "first.mp4"}
        seeds = tmp_path / "seeds.csv"
        seeds.write_text("video,time,x,y,label\nsecond.mp4,0.1,0.2,0.5,Ann\n")
        assert db.label_file(seeds) == 1


@pytest.mark.parametrize("concept", ["score", "bad name", "", "2nd"])
def test_a_concept_must_be_able_to_name_a_column(db, concept):
    with pytest.raises(LabelError, match="cannot name a concept"):
        db.label([ANN], concept, "Ann")
    assert not db.labels().num_rows
