"""Label functions over a collection: what they vote on, what is remembered, human truth."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import vquery as vq
from vquery import face, row, time_overlaps
from vquery.engine import concept as module
from vquery.engine.concept import Registry


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    fresh = Registry()
    monkeypatch.setattr(module, "REGISTRY", fresh)
    monkeypatch.setattr("vquery.api.label_functions.REGISTRY", fresh)
    monkeypatch.setattr("vquery.api.concepts.REGISTRY", fresh)


@pytest.fixture
def db(world):
    """Two videos: Ann and Bob beside each other, then Ann alone."""
    found = world.add("a", [("Ann", 0), ("Bob", 1)], {0.1: "good evening"}, same_shot=True)
    world.add("b", [("Ann", 0)])
    world.db.label(found["Ann"], "name", "Ann")
    world.db.label(found["Bob"], "name", "Bob")
    return world.db


def test_concepts_names_relations_and_tables_vote(db):
    @vq.concept(label="early", otherwise="late")
    def early(faces):
        return faces.filter(face.start < 1)

    def talking(faces, words):
        return faces.join(words, predicate=time_overlaps)

    def ann(row):
        return "early" if row.name == "Ann" else None

    db.save("spoken", db.words.mutate(vote=vq.lit("early")))
    bobs = db.faces.filter(face.name == "Bob")
    made = db.votes([early, talking, ann, "spoken"], over=db.faces)
    assert made.n == db.faces.count() == 18
    assert made.functions == ("early", "talking", "ann", "spoken")
    assert made.classes == ("early", "late", "talking")
    starts = made.items["start_us"].to_numpy()
    assert made.votes[:, 0].tolist() == [0 if start < 1e6 else 1 for start in starts]
    names = made.items["name"].to_pylist()
    assert made.votes[:, 2].tolist() == [0 if name == "Ann" else -1 for name in names]
    one = made.sources[0]
    assert (one["kind"], one["by"], one["rows"]) == ("intervals", "detection_id", 6)
    assert "filter" in one["query"]
    assert "test_voting.py" in one["place"]
    assert one["version"].startswith("generation ")
    named = db.votes({"x": early, "bob": bobs}, over=db.faces).dense(["e", "l", "b"], "")
    assert {tuple(row) for row in named.tolist()} == {("e", ""), ("l", ""), ("l", "b")}


def test_one_face_found_does_not_vote_on_its_neighbour(db):
    bobs = db.faces.filter((face.name == "Bob") & (face.start < 2))
    exact = db.votes({"bob": bobs}, over=db.faces)
    assert (exact.votes >= 0).sum() == bobs.count()
    at_the_time = db.votes({"bob": bobs}, over=db.faces, by="time")
    neighbours = db.faces.filter((row.start >= 1) & (row.start < 2)).count()
    assert (at_the_time.votes >= 0).sum() > bobs.count()
    assert (at_the_time.votes >= 0).sum() <= neighbours + bobs.count()


def test_over_tracks_frames_and_segments(db):
    bobs = db.faces.filter(face.name == "Bob")
    tracks = db.votes({"bob": bobs}, over="tracks")
    assert tracks.n == 3
    assert tracks.items["detections"].to_pylist() == [6, 6, 6]
    assert tracks.votes[:, 0].tolist() == [-1, 0, -1]
    seen = {"bob": bobs.coalesce(gap=0.01), "face": db.faces.coalesce(gap=0.01)}
    spans = db.votes(seen, over="segments")
    assert spans.votes.tolist() == [[-1, 1], [0, 1], [-1, 1]]
    assert spans.items["video"].to_pylist() == ["a", "a", "b"]
    assert db.votes({"bob": bobs}, over="words").n == db.words.count()
    table = pa.table({"video": ["b", "a"], "start": [0, 1], "end": [1, 3]})
    assert db.votes({"bob": bobs}, over=table).votes.tolist() == [[-1], [0]]


def test_functions_are_asked_once_until_what_they_read_changes(db):
    calls = []

    @vq.concept
    def counted(faces):
        calls.append(1)
        return faces.filter(face.start < 1)

    first = db.votes([counted], over=db.faces, cache=(cache := vq.Cache()))
    for over in ("tracks", "segments", db.faces):
        again = db.votes(["counted"], over=over, cache=cache)
    assert len(calls) == 1
    assert again.votes.tolist() == first.votes.tolist()
    assert again.sources == first.sources
    db.label(db.faces.limit(1), "name", "Cleo")
    db.votes([counted], over=db.faces, cache=cache)
    assert len(calls) == 2
    db.votes([counted], over=db.faces, cache=False)
    assert len(calls) == 3


def test_human_labels_are_the_truth_of_detections_and_tracks(db, caplog):
    def ann(faces):
        return faces.filter(face.start < 1)

    ann_first = vq.concept(label="Ann", otherwise="Bob", name="ann_first")(ann)
    votes = db.votes([ann_first], over=db.faces)
    truth = db.truth(votes, "name")
    known = [votes.classes[t] if t >= 0 else None for t in truth]
    assert known == votes.items["name"].to_pylist()
    row = votes.summary(truth).table.to_pylist()[0]
    assert row["known"] == 12
    assert 0 < row["accuracy"] < 1
    assert db.truth(db.votes([ann_first], over="tracks"), "name").tolist() == [0, 1, -1]
    db.label(db.faces.limit(1), "name", None)
    assert db.truth(votes, "name").tolist()[0] == -2
    assert "no class of the votes" not in caplog.text
    db.label(db.faces.limit(1), "name", "Cleo")
    truth = db.truth(votes, "name")
    assert truth.tolist()[0] == -2
    assert "no class of the votes, so that all votes there count as wrong: Cleo" in caplog.text
    assert votes.summary(truth).table["known"].to_pylist() == [12]
    with pytest.raises(vq.LabelError, match="-2 says that the item is of none of the classes"):
        vq.assess(None, truth, labels=truth, classes=votes.classes)
    assert (db.truth(votes, "nothing") == -1).all()
    assert (db.truth(db.votes([ann_first], over="words"), "name") == -1).all()
    without = vq.LabelMatrix.from_dense([["Ann"]], classes=["Ann"])
    with pytest.raises(vq.LabelError, match=r"which these items do not have: give the classes"):
        db.truth(without, "name")


def test_human_labels_of_time_are_the_truth_of_what_they_cover(db):
    votes = db.votes({"face": db.faces}, over="words", classes=["face", "no"])
    db.label(db.words.filter(row.word == "good"), "said", "face")
    known = db.truth(votes, "said")
    # "evening" begins a hundredth of a second later
    assert (votes.items["word"].to_pylist(), known.tolist()) == (["good", "evening"], [0, 0])
    faces = db.votes({"face": db.faces}, over=db.faces)
    first = faces.items.to_pylist()[0]
    assert (first["video"], first["start_us"]) == ("a", 0)
    # of the third of a second that it lasts, .1 to .4 covers two thirds, and nothing of the others
    assert db.truth(faces, "said").tolist() == [0] + [-1] * 17


def test_misuse_is_told(db):
    def wrong(face):
        return face

    with pytest.raises(vq.LabelError, match=r"wrong: .*asks for 'face', which is no table"):
        db.votes([wrong], over=db.faces)
    with pytest.raises(vq.LabelError, match="wrong: concept 'wrong' must return a relation"):
        db.votes({"wrong": lambda: 3}, over=db.faces)
    with pytest.raises(vq.QueryError, match="over='shot' is none of 'segments', 'tracks' and"):
        db.votes([db.faces], over="shot")
    with pytest.raises(vq.QueryError, match=r"'fac' is neither .* Tables: captions,"):
        db.votes(["fac"], over=db.faces)
    with pytest.raises(vq.LabelError, match=r"cover=\) must be in \(0, 1\]"):
        db.votes([db.faces], over=db.faces, cover=0)
    with pytest.raises(vq.LabelError, match="faces: it gives intervals, and the items have no"):
        db.votes(["faces"], over=pa.table({"text": ["a"]}))


def test_a_summary_draws_itself(db):
    made = db.votes({"bob": db.faces.filter(face.name == "Bob"), "all": db.faces}, over=db.faces)
    page = made._repr_html_()
    assert "Votes over time" in page
    assert 'aria-label="timeline of a"' in page
    by_video = made.summary(slices=["video", vq.slice("early", row.start < 1)])
    assert "of time" in repr(by_video)
    shares = by_video.table.filter(pc.equal(by_video.table["function"], "bob"))
    assert dict(zip(shares["slice"].to_pylist(), shares["coverage"].to_pylist(), strict=True)) == {
        "all": 6 / 18, "video=a": 0.5, "video=b": 0.0, "early": 0.0,
    }  # fmt: skip
