"""Assertions over a collection: checked, corrected, undone, and shown to people."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery.api import correcting
from vquery.errors import LabelError, QueryError, StoreError

ANN, BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_013


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


def first(db, n, name="first"):
    """A rule that the first n faces break, and that removes them."""
    return vq.never(db.faces.sort("detection_id").limit(n), name=name, remove=True)


def test_texts_concepts_and_functions_are_asked(db):
    def late(faces):
        return faces.filter(vq.row.start > 1.9)

    checked = db.check([vq.never("faces.filter(score > 0.95)", name="sure"), vq.never(late)])
    assert checked.counts == {"sure": 0, "late": 2}
    assert (checked.over, checked.rows) == ("faces", 60)
    with pytest.raises(StoreError, match="no table 'face'"):
        db.check([vq.flicker()], over="face")


def test_what_is_clean_breaks_no_rule(db):
    rules = [vq.flicker(), vq.appear(), vq.multibox(), vq.switches(), vq.consistent("name")]
    assert sum(db.check([*rules, vq.no_overlap("name")]).counts.values()) == 0


def test_what_people_say_counts_alone_and_stands(db):
    db.label([ANN], "name", "Ann")
    db.propagate("name")
    rows = db.faces.mutate(who=vq.when(vq.row.detection_id == ANN, "Ann").otherwise("Bob"))
    db.save("guesses", rows.mutate(name=vq.row.who).filter(vq.row.start < 0.5))
    checked = db.check([vq.consistent("name")], over="guesses")
    track = db.faces.filter(vq.row.detection_id == ANN).collect()["track"][0].as_py()
    others = db["guesses"].filter(vq.row.track == track).count() - 1
    assert checked.violations.select(["before", "after"]).to_pylist() == [
        {"before": "Bob", "after": "Ann"}
    ]
    assert checked.corrections.num_rows == others > 1
    db.correct(checked)
    mended = db.corrected("guesses").filter(vq.row.track == track).collect()
    assert set(mended["name"].to_pylist()) == {"Ann"}
    assert mended["correction"].to_pylist() == [None] + ["consistent_name"] * others
    assert db["guesses"].filter(vq.row.name == "Bob").count() > 0  # the rows are as they were


def test_what_people_contradict_is_told_and_not_corrected(db):
    db.label([ANN, ANN + 2, ANN + 4], "name", ["Ann", "Ann", "Bob"])
    checked = db.check([vq.consistent("name"), first(db, 1)])
    columns = ["rule", "items", "before", "after", "action"]
    assert checked.violations.select(columns).to_pylist() == [
        {
            "rule": "consistent_name",
            "items": [ANN + 4],
            "before": "Bob",
            "after": "Ann",
            "action": None,
        },
        {"rule": "first", "items": [ANN], "before": "found", "after": "nothing", "action": None},
    ]
    assert checked.corrections.num_rows == 0
    assert checked.notes == (
        "consistent_name: 1 corrections are left out: people have labelled the rows",
        "first: 1 corrections are left out: people have labelled the rows",
    )


def test_corrections_take_each_others_place_and_are_undone_in_turn(db):
    runs = [db.correct(db.check([first(db, n)])) for n in (1, 2, 3, 4, 5)]
    assert db.corrected("faces").count() == 55
    assert db.corrections("faces")["run_id"].unique().to_pylist() == [runs[-1]]
    assert db.corrections("detections").num_rows == 0
    with pytest.raises(StoreError, match=f"replaced by run {runs[4]}; undo that one first"):
        db.undo_run(runs[3])
    undone = [db.undo_run() for _ in range(correcting.KEPT_RUNS)]
    assert [one.restored for one in undone] == [runs[3], runs[2], runs[1]]
    assert str(undone[0]) == (
        f"run {runs[4]}, which corrected 'faces', is undone: the 4 corrections of run {runs[3]} "
        "are in force again"
    )
    assert db.corrected().count() == 58
    with pytest.raises(StoreError, match="undone already"):
        db.undo_run(runs[4])
    assert "none are in force" in str(db.undo_run(runs[1]))
    assert db.corrected().count() == 60
    by = dict(zip(db.runs["run_id"].to_pylist(), db.runs["undone_by"].to_pylist(), strict=True))
    assert all(by[run] is not None for run in runs[1:])


def test_the_last_run_of_any_kind_is_undone_first(db):
    db.label([ANN], "name", "Ann")
    corrected = db.correct(db.check([first(db, 2)]))
    propagated = db.propagate("name").run_id
    assert db.undo_run().run_id == propagated
    assert db.undo_run().run_id == corrected
    with pytest.raises(StoreError, match="there is no propagation"):
        db.undo_run()


def test_corrections_survive_and_tables_keep_apart(db, path):
    db.correct(db.check([first(db, 2)]))
    db.correct(db.check([first(db, 3)], over="detections"))
    with vq.open(path) as again:
        assert (again.corrected().count(), again.corrected("detections").count()) == (58, 57)
        assert again.corrections().num_rows == 5
        assert again.corrected().filter(vq.row.detection_id == ANN).count() == 0
        assert again.undo_run().concept == "detections"
        assert again.corrected().count() == 58


def test_only_tables_with_a_name_are_corrected(db):
    with pytest.raises(QueryError, match="check it by its name"):
        db.correct(db.check([first(db, 1)], over=db.faces))
    with pytest.raises(LabelError, match="no corrections to keep"):
        db.correct(db.check([vq.flicker()]))
    with pytest.raises(StoreError, match="no table of intervals"):
        db["corrections"]
    with pytest.raises(QueryError, match="have no detection_id"):
        db.correct(db.check([vq.never(db.captions, name="all", remove=True)], over="captions"))
    kept = db.save("mine", db.faces.limit(9))
    assert kept.count() == 9
    checked = db.check([first(db, 1)], over="mine")
    db.save("mine", db.faces.filter(vq.row.detection_id > CLEO))
    with pytest.raises(LabelError, match="rows that are not there"):
        db.correct(checked)


def test_review_shows_what_is_not_labelled_far_apart(db):
    checked = db.check([first(db, 60, "every"), first(db, 3)])
    shown = db.review(checked, 5).collect()
    assert sorted(shown["video"].to_pylist()) == ["a.mp4", "b.mp4"]  # videos last two seconds
    assert sorted(shown["rank"].to_pylist()) == [1, 2]
    seen = shown["detection_id"].to_pylist()
    db.label(seen, "name", "Ann")
    again = db.review(checked, 5).collect()["detection_id"].to_pylist()
    assert again
    assert not set(seen) & set(again)


def test_review_follows_the_rules_that_fell(db):
    before = db.check([first(db, 60, "every"), first(db, 3)])
    now = db.check([first(db, 20, "every"), first(db, 3)])
    reasons = db.review(now, 1, previous=before).collect()["reason"].to_pylist()
    assert reasons[0].startswith("every: 8")
    db.correct(before)
    for _ in range(2):  # the last round is remembered, and what is kept of this one is no other
        reasons = db.review(now, 1).collect()["reason"].to_pylist()
        assert reasons[0].startswith("every: 8")
        db.correct(now)


def test_violations_without_rows_have_no_detection(db):
    spans = pa.table({"video": ["a.mp4"], "start": [0.5], "end": [1.0]})
    shown = db.review(db.check([vq.never(spans)])).collect()
    assert shown["detection_id"].to_pylist() == [None]
