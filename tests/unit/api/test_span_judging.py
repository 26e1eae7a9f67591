"""Yes, no and "cannot tell" to labels that a fusion gave to spans of time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery import schema
from vquery.api import exporting, judging
from vquery.api.evidence import Place
from vquery.api.looking import Looker
from vquery.api.reasoning import Reasoner
from vquery.api.timelines import Timeline
from vquery.errors import LabelError
from vquery.store.span_verdicts import doubted_spans, rejected_spans

S = 1_000_000
FOUND = [("a", 0, 10, "ad"), ("a", 10, 20, "show"), ("a", 20, 30, "ad"), ("b", 0, 10, "ad")]


@pytest.fixture
def db(world):
    """Two videos with four fused spans of "kind"."""
    world.add("a", [("Ann", 0)])
    world.add("b", [("Ann", 0)])
    store = world.db._store
    with store.writer("test") as writer:
        run = writer.run_id
        rows = [
            {
                "video": video, "start_us": low * S, "end_us": high * S, "item": at + 1,
                "concept": "kind", "label": label, "best": label, "probability": 0.9,
                "margin": 0.8, "reached": True, "calibrated": False, "source": "fused",
                "why": "[]", "run_id": run,
            }
            for at, (video, low, high, label) in enumerate(FOUND)
        ]  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=schema.SOFT_INTERVAL)
        writer.commit([writer.write("soft_intervals", table)])
    return world.db


def spans(*rows):
    videos, low, high = zip(*rows, strict=True)
    times = [[int(one * S) for one in each] for each in (low, high)]
    return pa.table({"video": list(videos), "start_us": times[0], "end_us": times[1]})


def human(db):
    rows = db.labels("kind").select(["video", "start_us", "end_us", "label"]).to_pylist()
    return [(r["video"], r["start_us"] // S, r["end_us"] // S, r["label"]) for r in rows]


def exported(db):
    store = db._store
    with store.snapshot() as snapshot:
        wrong = rejected_spans(store.events(snapshot), "kind")
        found = exporting.gather_spans(
            snapshot, store.span_labels("kind", snapshot), wrong, "kind", None
        )
    rows = found.rows.sort_by([("video", "ascending"), ("start_us", "ascending")]).to_pylist()
    kept = [(r["video"], r["start_us"] // S, r["end_us"] // S, r["label"]) for r in rows]
    return kept, found.provenance["fused_spans_rejected"]


def lanes(db, video):
    looker = Looker(db._store)
    drawn = Timeline(looker).draw(db._newest.get(), video, (0, 40 * S), 400, concept="kind")
    bars = next((one["bars"] for one in drawn if one["name"] == "propagated"), [])
    return [(bar["start_us"] // S, bar["end_us"] // S, bar["value"]) for bar in bars]


class TestAccept:
    def test_each_row_gets_the_label_of_what_overlaps_it_most(self, db):
        rows = spans(("a", 1, 9), ("a", 8, 19), ("b", 30, 40))
        with pytest.raises(LabelError, match="given two labels"):
            db.accept(rows, "kind")
        done = judging.accept(db._store, rows.take([1, 2]), "kind", by="ann", query="shots")
        assert (done.labelled, done.skipped) == (1, 1)
        assert human(db) == [("a", 8, 19, "show")]
        event = db._store.events()[-1]
        assert (event.who, event.query, event.payload["how"]) == ("ann", "shots", "accept")
        assert done.sentence.startswith("accept of 'kind': 'show' for 1 span, by ann")

    def test_what_a_person_said_of_half_of_a_row_is_left(self, db):
        db.label(spans(("a", 0, 5)), "kind", "film")
        assert db.accept(spans(("a", 0, 10)), "kind") == 0
        assert db.accept(spans(("a", 0, 11)), "kind") == 1
        assert human(db) == [("a", 0, 11, "ad")]


class TestReject:
    def test_a_rejected_label_is_not_proposed_again_until_that_is_undone(self, db):
        rows = spans(("a", 0, 10), ("b", 2, 4))
        assert db.reject(rows, "kind", by="ann") == 2
        assert judging.accept(db._store, rows, "kind").event is None
        assert lanes(db, "a") == [(10, 20, "show"), (20, 30, "ad")]
        assert lanes(db, "b") == [(0, 2, "ad"), (4, 10, "ad")]
        kept, counts = exported(db)
        assert kept == [
            ("a", 10, 20, "show"), ("a", 20, 30, "ad"), ("b", 0, 2, "ad"), ("b", 4, 10, "ad"),
        ]  # fmt: skip
        assert counts == {"dropped": 1, "cut": 1}
        db.undo()
        assert len(exported(db)[0]) == 4
        assert db.accept(rows, "kind") == 2

    def test_another_label_may_be_proposed_there(self, db):
        db.reject(spans(("a", 0, 10)), "kind")
        with db._store.writer("test") as writer:
            old = db._store.snapshot().read("soft_intervals")
            new = pc.if_else(pc.equal(old["label"], "ad"), "film", old["label"])
            for name in ("label", "best"):
                old = old.set_column(old.schema.get_field_index(name), name, new)
            writer.commit([writer.write("soft_intervals", old)], replace={"soft_intervals": None})
        assert db.accept(spans(("a", 0, 10)), "kind") == 1
        assert human(db) == [("a", 0, 10, "film")]

    def test_a_human_label_that_is_rejected_is_taken_off_and_no_other(self, db):
        db.label(spans(("a", 0, 6)), "kind", "film")
        db.label(spans(("a", 6, 10)), "kind", "ad")
        assert db.reject(spans(("a", 0, 10)), "kind") == 1  # "film" is over more of it
        assert human(db) == [("a", 6, 10, "ad")]
        db.label(spans(("a", 2, 4)), "kind", "film")
        left = rejected_spans(db._store.events(), "kind")
        assert left["start_us"].to_pylist() == [0, 4 * S]
        assert left["end_us"].to_pylist() == [2 * S, 10 * S]
        assert set(left["label"].to_pylist()) == {"film"}

    def test_why_says_who_rejected_it(self, db):
        db.reject(spans(("a", 0, 10)), "kind", by="ann")
        reasoner = Reasoner(Looker(db._store))
        said = reasoner.span(db._newest.get(), "kind", Place("a", 0, 10 * S))
        reasoner.close()
        assert said["label"] is None
        assert "ann rejected 'ad'" in said["sentence"]


class TestUnsure:
    def test_it_takes_labels_off_and_is_the_latest_word(self, db):
        db.label(spans(("a", 0, 10)), "kind", "ad")
        assert db.unsure(spans(("a", 5, 15)), "kind", by="ann") == 1
        assert human(db) == [("a", 0, 5, "ad")]
        doubted = doubted_spans(db._store.events(), "kind")
        assert (doubted["start_us"].to_pylist(), doubted["end_us"].to_pylist()) == (
            [5 * S], [15 * S],
        )  # fmt: skip
        db.label(spans(("a", 5, 8)), "kind", "ad")
        assert doubted_spans(db._store.events(), "kind")["start_us"].to_pylist() == [8 * S]


@pytest.mark.parametrize("act", [judging.accept, judging.reject, judging.unsure])
def test_what_is_sent_twice_is_done_once(db, act):
    rows = spans(("a", 0, 10))
    first = act(db._store, rows, "kind", key="once")
    before = len(db._store.events())
    again = act(db._store, rows, "kind", key="once")
    assert first.event == again.event is not None
    assert len(db._store.events()) == before


def test_spans_outside_the_collection_are_refused(db):
    with pytest.raises(LabelError, match="not in the collection"):
        db.reject(spans(("nowhere", 0, 1)), "kind")
