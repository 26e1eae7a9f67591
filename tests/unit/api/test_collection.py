"""The collection as a notebook holds it: tables, snapshots, saved relations."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

import vquery as vq
from vquery import face
from vquery.api.opening import open_or_create
from vquery.api.tables import DetectionTable
from vquery.errors import QueryError, SchemaError, StoreError
from vquery.store import Store

FACES = [
    *("detection_id", "video", "start_us", "end_us", "x1", "y1", "x2", "y2"),
    *("class", "score", "track", "name"),
]
ANN, BOB, OTHER_BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_001, 2_000_000_013


def names(db: vq.Collection, video: str = "a.mp4") -> set[str | None]:
    rows = db.faces.filter(face.video == video).collect()
    return set(rows["name"].to_pylist())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def leases(path: Path) -> int:
    return len(list((path / "leases").iterdir()))


def test_faces_have_exactly_their_columns(path):
    db = vq.open(path)
    assert db.faces.columns == db.faces.collect().column_names == FACES
    assert db.detections.columns == FACES
    assert set(db.faces.collect()["name"].to_pylist()) == {None}
    db.label([ANN], "name", "Ann")
    db.propagate("name")
    assert db.faces.columns == db.faces.collect().column_names == FACES


def test_columns_are_read_in_the_order_asked_for(path):
    faces = vq.open(path).faces
    assert faces.select("name", "score").collect().column_names[3:] == ["name", "score"]
    assert faces.count() == 60


def test_the_tables_are_those_of_intervals(path):
    db = vq.open(path)
    assert db.tables() == [
        *("captions", "cues", "detections", "drawn", "faces", "frames", "shots", "transitions"),
        "words",
    ]
    for name in db.tables():
        assert db[name].collect().num_rows == db[name].count()
    assert db.captions.collect()["text"].to_pylist()[1] == "GOOD NIGHT"
    assert db.words.count() == 6
    assert db.shots.count() == 4
    assert db.frames.count() == 48
    assert db.videos["video"].to_pylist() == ["a.mp4", "b.mp4"]
    assert db.runs["command"].to_pylist() == ["index"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("facs", "no table 'facs'.*Did you mean 'faces'"),
        ("videos", "use db.videos"),
        ("soft_labels", "with_labels"),
        ("embedding.face", "no table 'embedding.face'"),
        ("labels", "use db.labels()"),
    ],
)
def test_other_tables_are_refused_with_the_way_to_them(path, name, told):
    with pytest.raises(StoreError, match=told):
        vq.open(path)[name]


def test_a_relation_keeps_the_moment_it_was_made_at(path):
    db = vq.open(path)
    before = db.faces
    db.label([ANN], "name", "Ann")
    after = db.faces
    assert before.filter(face.name == "Ann").count() == 0
    assert after.filter(face.name == "Ann").count() == 1
    db.propagate("name")
    assert after.filter(face.name == "Ann").count() == 1
    assert db.faces.filter(face.name == "Ann").count() == 24
    db.undo()
    assert after.filter(face.name == "Ann").count() == 1


def test_a_relation_outlives_the_writing_of_others_and_the_collection(path):
    with vq.open(path) as db:
        db.save("mine", db.shots)
        old = db["mine"]
        db.save("mine", db.shots.limit(1))
        db.compact()
        new = db["mine"]
    assert (old.count(), new.count()) == (4, 1)


def test_relations_of_one_moment_share_a_snapshot_and_let_go_of_it(path):
    db = vq.open(path)
    kept = db.faces
    gc.collect()  # files that tests before this one left to the collector
    held, files = leases(path), open_files()
    for _ in range(1000):
        db.faces  # noqa: B018
    assert (leases(path), open_files()) == (held, files) == (1, files)
    many = []
    for number in range(100):  # labels alone need no further snapshot, even while all are kept
        db.label([ANN], "name", f"Ann {number}")
        many.append(db.faces)
    assert leases(path) == 1
    assert kept.filter(face.name.not_null()).count() == 0
    assert many[7].filter(face.name == "Ann 7").count() == 1
    for _ in range(5):
        db.save("mine", db.shots)
        db.faces  # noqa: B018
    gc.collect()
    assert leases(path) == 2  # that of the relations above, and the newest
    del kept, many
    gc.collect()
    assert leases(path) == 1
    db.close()
    assert leases(path) == 0
    assert db.faces.count() == 60


def test_a_relation_travels_to_another_process(path):
    db = vq.open(path)
    db.label([ANN], "name", "Ann")
    source = db.faces.node.source
    assert isinstance(source, DetectionTable)
    again = pickle.loads(pickle.dumps(source))
    assert again.read(["name"]).equals(source.read(["name"]))


def test_labels_survive_closing(path):
    with vq.open(path) as db:
        db.label([ANN], "name", "Ann")
        db.propagate("name")
    with vq.open(path) as db:
        assert names(db) == {"Ann", None}
        assert db.labels("name")["label"].to_pylist() == ["Ann"]


def test_a_human_label_comes_before_a_propagated_one(path):
    db = vq.open(path)
    db.label([ANN], "name", "Ann")
    db.propagate("name")
    other = ANN + 2  # the same track, one frame on
    db.label([other], "name", None)
    rows = {r["detection_id"]: r["name"] for r in db.faces.collect().to_pylist()}
    assert (rows[ANN], rows[other], rows[ANN + 4]) == ("Ann", None, "Ann")
    db.label([other], "name", "Anna")
    assert "Anna" in names(db)
    db.undo()
    db.undo()
    assert names(db) == {"Ann", None}


def test_with_labels_adds_label_probability_and_source(path):
    db = vq.open(path)
    db.label([ANN], "who", "Ann")
    db.label([BOB], "who", None)
    db.propagate("who")
    faces = db.faces.with_labels("who")
    assert faces.columns == [*FACES, "who", "who_probability", "who_source"]
    rows = {r["detection_id"]: r for r in faces.collect().to_pylist()}
    found = [
        (rows[i]["who"], rows[i]["who_probability"], rows[i]["who_source"])
        for i in (ANN, BOB, ANN + 2)
    ]
    assert found == [("Ann", 1.0, "human"), (None, None, "human"), ("Ann", 1.0, "propagated")]
    assert set(faces.collect()["name"].to_pylist()) == {None}


def test_with_labels_takes_another_threshold(path):
    db = vq.open(path)
    db.label([ANN], "name", "Ann")
    db.propagate("name", threshold=1.0)
    shot = db.faces.filter(face.start_us >= 1_000_000, face.video == "a.mp4")
    assert set(shot.collect()["name"].to_pylist()) == {None}
    loose = db.faces.with_labels("name", threshold=0.5).collect().to_pylist()
    later = [r for r in loose if r["video"] == "a.mp4" and r["start_us"] >= 1_000_000]
    assert {r["name"] for r in later} == {"Ann"}
    assert all(0.5 <= r["name_probability"] < 1 for r in later)
    strict = db.faces.with_labels("name", threshold=1.0).collect()
    assert strict["name"].drop_null().to_pylist() == ["Ann"] * 12


def test_with_labels_may_be_asked_for_several_concepts(path):
    db = vq.open(path)
    db.label([ANN], "who", "Ann")
    faces = db.faces.with_labels("who").with_labels("name").with_labels("mood")
    assert faces.columns[-9:] == [
        f"{concept}{end}"
        for concept in ("who", "name", "mood")
        for end in ("", "_probability", "_source")
    ]
    assert faces.filter(face.who == "Ann").count() == 1
    assert set(faces.collect()["mood_source"].to_pylist()) == {None}


@pytest.mark.parametrize("concept", ["score", "not a name", "track", "start_us"])
def test_with_labels_refuses_what_cannot_be_a_new_column(path, concept):
    with pytest.raises(QueryError):
        vq.open(path).faces.with_labels(concept)


def test_with_labels_refuses_the_same_twice_and_no_probability(path):
    faces = vq.open(path).faces.with_labels("who")
    with pytest.raises(QueryError, match="already"):
        faces.with_labels("who", threshold=0.9)
    with pytest.raises(QueryError, match="from 0 to 1"):
        faces.with_labels("mood", threshold=90)


def test_a_saved_relation_is_a_table_from_then_on(path):
    db = vq.open(path)
    large = db.save("large", db.faces.filter(face.height > 0.3))
    assert large.count() == db["large"].count() == 60
    assert "large" in db.tables()
    assert db.query("large.filter(score > 0.5)").count() == 60
    db.save("large", db.faces.limit(3))
    assert db["large"].count() == 3
    arguments = [a for a in db.runs["arguments"].to_pylist() if '"large"' in a]
    assert "row.y2 - row.y1" in arguments[0] or "height" in arguments[0]


def test_a_table_in_memory_can_be_saved(path):
    db = vq.open(path)
    rows = pa.table({"video": ["a.mp4"], "start": [0.5], "end": [1.0], "note": ["x"]})
    db.save("notes", rows)
    assert db["notes"].collect().to_pylist() == [
        {"video": "a.mp4", "start_us": 500_000, "end_us": 1_000_000, "note": "x"}
    ]
    with pytest.raises(SchemaError, match="video"):
        db.save("notes", pa.table({"start": [0.5], "end": [1.0]}))
    assert db["notes"].count() == 1


@pytest.mark.parametrize("name", ["faces", "Captions", "videos", "1st", "a b", "class", "x.y", ""])
def test_a_name_that_is_taken_or_no_name_is_refused(path, name):
    db = vq.open(path)
    with pytest.raises(StoreError):
        db.save(name, db.shots)
    assert db.runs.num_rows == 1


def test_crops_are_jpeg(path):
    db = vq.open(path)
    assert db.picture(ANN).startswith(b"\xff\xd8")
    assert db.picture(17) is None
    assert db.faces.node.source.picture(ANN) == db.picture(ANN)


def test_a_collection_without_videos_can_be_asked(tmp_path):
    db = vq.create(tmp_path / "new.vq")
    assert db.faces.collect().column_names == FACES
    assert db.faces.with_labels("who").count() == 0
    assert db.picture(1) is None
    assert db.info()["videos"] == 0
    assert repr(db) == "<Collection new.vq: 0 videos, 0 detections>"


def test_info_counts_and_says_whether_labels_have_changed(path):
    db = vq.open(path)
    assert repr(db) == "<Collection sample.vq: 2 videos, 60 detections>"
    db.label([ANN], "name", "Ann")
    db.label([BOB], "name", None)
    db.propagate("name")
    facts = db.info()
    assert facts["rows"]["detections"] == 60
    assert facts["human_labels"] == {"name": {"Ann": 1, "none of them": 1}}
    assert facts["propagated"]["name"] == {
        "items": 60,
        "labelled": 24,
        "run_id": 2,
        "how": "propagated",
        "up_to_date": True,
    }
    db.label([CLEO], "name", "Cleo")
    assert not db.info()["propagated"]["name"]["up_to_date"]
    db.undo()
    assert db.info()["propagated"]["name"]["up_to_date"]
    page = db._repr_html_()
    assert "sample.vq" in page
    assert "human name: none of them" in page


def test_opening(tmp_path):
    made = open_or_create(tmp_path / "new.vq")
    assert made.path == open_or_create(str(tmp_path / "new.vq")).path
    with pytest.raises(StoreError, match="already"):
        vq.create(tmp_path / "new.vq")
    with pytest.raises(StoreError):
        vq.open(tmp_path)
    assert Store.open(tmp_path / "new.vq").contents()["detections"].num_rows == 0
