"""Accepting, rejecting and being unsure of proposed labels; looking before a run is kept."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery.api import acting, exporting, judging
from vquery.api.propagation import previewing
from vquery.errors import LabelError


@pytest.fixture
def news(world):
    """Ann and Bob twice in one video and Ann once in another; one label each, propagated."""
    first = world.add("a", [("Ann", 0), ("Bob", 10), ("Ann", 20), ("Bob", 30)])
    second = world.add("b", [("Ann", 0)])
    world.db.label([first["Ann"][0]], "name", "Ann")
    world.db.label([first["Bob"][0]], "name", "Bob")
    world.ids = {"Ann": first["Ann"] + second["Ann"], "Bob": first["Bob"]}
    world.found = world.db.propagate("name")
    return world


def names(db, ids):
    rows = db.faces.collect()
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pc.cast(ids, "int64")))
    return dict(zip(rows["detection_id"].to_pylist(), rows["name"].to_pylist(), strict=True))


def sources(db, ids):
    rows = db.faces.with_labels("name").collect()
    known = zip(rows["detection_id"].to_pylist(), rows["name_source"].to_pylist(), strict=True)
    return {item: source for item, source in known if item in set(ids)}


class TestAccept:
    def test_it_makes_the_proposed_labels_human(self, news):
        later = news.ids["Ann"][6:]
        assert set(sources(news.db, later).values()) == {"propagated"}
        assert news.db.accept(later, "name", by="ann", query="faces") == len(later)
        assert set(sources(news.db, later).values()) == {"human"}
        assert set(names(news.db, later).values()) == {"Ann"}
        event = news.db._store.events()[-1]
        assert (event.who, event.query, event.payload["how"]) == ("ann", "faces", "accept")

    def test_each_row_gets_its_own_label_and_human_ones_are_skipped(self, news):
        ids = [*news.ids["Ann"][:2], *news.ids["Bob"][:2]]
        done = judging.accept(news.db._store, ids, "name")
        assert (done.labelled, done.skipped) == (2, 2)
        assert done.sentence.startswith("accept of 'name': 2 values for 2 detections")
        assert set(names(news.db, news.ids["Bob"][:2]).values()) == {"Bob"}

    def test_nothing_to_accept_is_no_event(self, news):
        before = len(news.db._store.events())
        done = judging.accept(news.db._store, news.ids["Ann"][:1], "name")
        assert (done.event, done.labelled, done.skipped) == (None, 0, 1)
        assert "nothing is proposed of 'name'" in done.sentence
        assert len(news.db._store.events()) == before

    def test_proposals_of_its_own_come_before_what_was_found(self, news):
        ids = [news.ids["Bob"][2], news.ids["Ann"][2], news.ids["Bob"][3]]
        done = judging.accept(news.db._store, ids, "name", proposals=["Cleo", "Dora", None])
        assert (done.labelled, done.skipped) == (2, 1)
        assert names(news.db, ids[:2]) == {ids[0]: "Cleo", ids[1]: "Dora"}
        assert sources(news.db, ids[2:]) == {ids[2]: "propagated"}
        with pytest.raises(LabelError, match="3 rows but 1 proposals"):
            judging.accept(news.db._store, ids, "name", proposals=["Cleo"])


class TestReject:
    def test_a_rejected_label_is_gone_wherever_labels_are_read(self, news):
        wrong = news.ids["Ann"][7]
        assert news.db.reject([wrong], "name", by="ann") == 1
        assert names(news.db, [wrong]) == {wrong: None}
        low = news.db.faces.with_labels("name", threshold=0.0).collect()
        row = low.filter(pc.equal(low["detection_id"], wrong)).to_pylist()[0]
        assert (row["name"], row["name_probability"], row["name_source"]) == (None, None, None)
        assert not news.db.info()["propagated"]["name"]["up_to_date"]
        items = exported(news.db)
        assert wrong not in items
        assert news.ids["Ann"][8] in items

    def test_undo_brings_it_back(self, news):
        wrong = news.ids["Ann"][7]
        news.db.reject([wrong], "name", by="ann")
        assert news.db.rejected("name")["label"].to_pylist() == ["Ann"]
        assert news.db.undo() == "reject of 'name': 'Ann' for 1 detection, by ann"
        assert names(news.db, [wrong]) == {wrong: "Ann"}
        assert news.db.rejected().num_rows == 0

    def test_propagation_gives_it_to_no_detection_of_the_track(self, news):
        track = news.ids["Ann"][6:12]
        news.db.reject([track[2]], "name")
        news.db.propagate("name")
        assert set(names(news.db, track).values()) == {None}
        assert set(names(news.db, news.ids["Ann"][12:]).values()) == {"Ann"}
        again = news.db.propagation("name").solved.names.label.tolist()
        assert again == news.db.propagation("name").table["label"].to_pylist()
        news.db.undo()
        news.db.propagate("name")
        assert set(names(news.db, track).values()) == {"Ann"}

    def test_a_track_with_a_seed_keeps_its_name_but_where_it_was_rejected(self, news):
        seed, other, wrong = news.ids["Ann"][:3]
        news.db.reject([wrong], "name")
        table = news.db.propagate("name").table
        found = dict(
            zip(table["detection_id"].to_pylist(), table["label"].to_pylist(), strict=True)
        )
        assert (found[seed], found[other], found[wrong]) == ("Ann", "Ann", None)

    def test_a_human_label_that_is_rejected_is_taken_off(self, news):
        seed = news.ids["Ann"][0]
        assert news.db.reject([seed], "name") == 1
        assert names(news.db, [seed]) == {seed: None}
        assert seed not in news.db.labels("name")["detection_id"].to_pylist()

    def test_it_is_not_proposed_again(self, news):
        wrong = news.ids["Bob"][7]
        news.db.reject([wrong], "name")
        assert judging.accept(news.db._store, [wrong], "name", proposals=["Bob"]).labelled == 0
        assert judging.reject(news.db._store, [wrong], "name").event is None
        news.db.label([wrong], "name", "Bob")
        assert names(news.db, [wrong]) == {wrong: "Bob"}
        assert news.db.rejected("name").num_rows == 0


def exported(db):
    """The detections that an export would write."""
    store = db._store
    with store.snapshot() as snapshot:
        said = store.labels("name", snapshot), store.rejected("name", snapshot)
        found = exporting.gather(snapshot, *said, "name", 0.0, dense=False)
    return set(found.items["detection_id"].to_pylist())


def test_what_is_unsure_is_not_suggested_again(news):
    asked = news.db.suggest(1, concept="name", strategy="coverage").collect()
    item = asked["detection_id"][0].as_py()
    assert news.db.unsure([item], "name", by="ann") == 1
    again = news.db.suggest(3, concept="name", strategy="coverage").collect()
    assert item not in again["detection_id"].to_pylist()
    news.db.undo()
    back = news.db.suggest(1, concept="name", strategy="coverage").collect()
    assert back["detection_id"].to_pylist() == [item]


def test_unknown_detections_and_bad_concepts_are_refused(news):
    for act in (news.db.accept, news.db.reject, news.db.unsure):
        with pytest.raises(LabelError, match="not detections of this collection"):
            act([99_000_000_001], "name")
        with pytest.raises(LabelError, match="cannot name a concept"):
            act(news.ids["Ann"], "score")


def test_the_same_action_sent_twice_is_done_once(news):
    ids = news.ids["Ann"][1:4]
    first = judging.accept(news.db._store, ids, "name", key="once")
    assert judging.accept(news.db._store, ids, "name", key="once")[:2] == first[:2]
    wrong = judging.reject(news.db._store, ids, "name", key="twice")
    assert judging.reject(news.db._store, ids, "name", key="twice")[:2] == wrong[:2]
    lost = judging.unsure(news.db._store, ids, "name", key="thrice")
    assert judging.unsure(news.db._store, ids, "name", key="thrice")[:2] == lost[:2]
    assert len(news.db._store.events()) == 2 + 3


class TestUnlabel:
    def test_labels_of_people_are_taken_off_and_what_was_found_shows_again(self, news):
        ids = news.ids["Ann"][:2]
        news.db.label(ids, "name", "Cleo")
        assert set(names(news.db, ids).values()) == {"Cleo"}
        assert news.db.unlabel(ids, "name", by="ann", query="faces") == 2
        assert set(names(news.db, ids).values()) == {"Ann"}
        assert set(sources(news.db, ids).values()) == {"propagated"}
        assert news.db.undo() == "unlabel of 'name': for 2 detections, by ann"
        assert set(names(news.db, ids).values()) == {"Cleo"}

    def test_rows_without_a_label_are_no_event(self, news):
        before = len(news.db._store.events())
        done = judging.unlabel(news.db._store, news.ids["Ann"][1:3], "name")
        assert (done.event, done.labelled, done.skipped) == (None, 0, 2)
        some = judging.unlabel(news.db._store, news.ids["Ann"][:3], "name", key="once")
        assert (some.labelled, some.skipped) == (1, 2)
        again = judging.unlabel(news.db._store, news.ids["Ann"][:3], "name", key="once")
        assert again.event == some.event
        assert len(news.db._store.events()) == before + 1

    def test_spans_lose_the_moments_that_lie_in_the_rows(self, news):
        said = {"video": ["a", "b"], "start_us": [1_000_000, 0], "end_us": [4_000_000, 9]}
        news.db.label(pa.table(said), "ad", "yes")
        taken = {"video": ["a", "a"], "start_us": [3_000_000, 8_000_000]}
        rows = pa.table(taken | {"end_us": [5_000_000, 9_000_000]})
        assert news.db.unlabel(rows, "ad") == 1
        left = news.db.labels("ad").select(["video", "start_us", "end_us"]).to_pylist()
        assert left == [
            {"video": "a", "start_us": 1_000_000, "end_us": 3_000_000},
            {"video": "b", "start_us": 0, "end_us": 9},
        ]
        news.db.undo()
        assert news.db.labels("ad")["end_us"].to_pylist() == [4_000_000, 9]
        nowhere = rows.slice(1)
        assert judging.unlabel(news.db._store, nowhere, "ad").event is None


class TestTrim:
    @pytest.fixture
    def span(self, news):
        rows = {"video": ["a"], "start_us": [1_000_000], "end_us": [4_000_000]}
        news.db.label(pa.table(rows), "ad", "yes", by="ann")
        return {name: value[0] for name, value in rows.items()}

    def test_a_span_gets_other_ends(self, news, span):
        done = acting.trim(news.db._store, span, "ad", 2_000_000, 5_000_000, by="ann")
        assert done.sentence == "trim of 'ad': 'yes' for 1 span, by ann"
        rows = news.db.labels("ad")
        assert rows.select(["start_us", "end_us", "label"]).to_pylist() == [
            {"start_us": 2_000_000, "end_us": 5_000_000, "label": "yes"}
        ]

    def test_a_span_that_is_not_there_any_more_is_refused(self, news, span):
        acting.trim(news.db._store, span, "ad", 2_000_000, 5_000_000)
        with pytest.raises(LabelError, match="changed meanwhile"):
            acting.trim(news.db._store, span, "ad", 2_000_000, 3_000_000)
        moved = span | {"start_us": 2_000_000, "end_us": 5_000_000}
        with pytest.raises(LabelError, match="ends after it starts"):
            acting.trim(news.db._store, moved, "ad", 3_000_000, 3_000_000)


class TestHistory:
    def test_it_tells_who_did_what_and_what_is_undone(self, news):
        store = news.db._store
        judging.label(store, news.ids["Ann"][1:4], "name", "Ann", by="ann", query="faces")
        judging.reject(store, news.ids["Bob"][1:2], "name", by="bob")
        acting.undo(store, by="ann")
        said = acting.history(store, 2, 50)
        assert said["last_event"] == 5
        shown = [
            (e["action"], e["who"], e["value"], e["count"], e["undone"]) for e in said["events"]
        ]
        assert shown == [
            ("label", "ann", "Ann", 3, True),
            ("reject", "bob", "Bob", 1, False),
            ("undo", "ann", "Ann", 3, False),
        ]
        assert said["events"][0]["query"] == "faces"
        assert said["events"][2]["about"] == 3
        json.dumps(said)

    def test_it_goes_from_the_end_or_from_an_event(self, news):
        store = news.db._store
        for item in news.ids["Ann"][1:5]:
            judging.label(store, [item], "name", "Ann", by="ann")
        last = [e["event"] for e in acting.history(store, None, 2)["events"]]
        assert last == [5, 6]
        assert [e["event"] for e in acting.history(store, 2, 2)["events"]] == [3, 4]
        assert acting.history(store, 6, 2)["events"] == []

    def test_people_undo_their_own(self, news):
        store = news.db._store
        judging.label(store, news.ids["Ann"][1:2], "name", "Ann", by="ann")
        judging.label(store, news.ids["Ann"][2:3], "name", "Ann", by="bob")
        assert acting.undo(store, by="ann").event == 5
        assert acting.history(store, 2, 1)["events"][0]["undone"]
        assert acting.undo(store, by="ann").event is None
        assert acting.redo(store, by="ann").sentence.startswith("brought back: label of 'name'")
        assert acting.redo(store, by="ann").sentence == "ann has nothing to bring back"


class TestLookingFirst:
    def test_nothing_changes_until_it_is_kept(self, news):
        db = news.db
        before, runs = names(db, news.ids["Ann"]), len(db.runs)
        db.label(news.ids["Ann"][:6], "name", "Cleo")
        found = db.propagate("name", keep=False)
        assert (found.run_id, len(db.runs)) == (0, runs)
        assert names(db, news.ids["Ann"][6:]) == {i: before[i] for i in news.ids["Ann"][6:]}
        run = found.keep()
        assert (run, found.keep()) == (runs + 1, runs + 1)
        assert db.propagations()[-1]["state"] == "in force"
        assert set(names(db, news.ids["Ann"]).values()) == {"Cleo"}
        assert db.propagation("name").table.equals(found.table)
        assert db.undo_run().run_id == run
        assert names(db, news.ids["Ann"][6:]) == {i: before[i] for i in news.ids["Ann"][6:]}

    def test_it_finds_what_keeping_it_finds(self, news):
        looked = news.db.propagate("name", keep=False).table.drop_columns("run_id")
        assert news.db.propagate("name").table.drop_columns("run_id").equals(looked)

    def test_a_preview_says_what_would_change_which_way(self, news):
        db = news.db
        db.label(news.ids["Ann"][:6], "name", "Cleo")
        found = db.propagate("name", keep=False)
        seen = previewing.preview(db._store, found)
        later = len(news.ids["Ann"]) - 6
        assert seen.counts() == {"gained": 0, "lost": 0, "changed": later}
        assert seen.by_label == {
            "Ann": {"gained": 0, "lost": later},
            "Cleo": {"gained": later, "lost": 0},
        }
        assert seen.rows["detection_id"].to_pylist() == news.ids["Ann"][6:]
        said = previewing.told(found, seen)
        assert said["changed"] == later
        assert [row["threshold"] for row in said["expected_precision"]] == [0.5, 0.7, 0.9, 0.95]
        json.dumps(said, allow_nan=False)
        shown = names(db, news.ids["Ann"])
        found.keep()
        after = names(db, news.ids["Ann"])
        moved = [item for item, name in after.items() if name != shown[item]]
        assert moved == seen.rows["detection_id"].to_pylist()

    def test_what_takes_no_part_loses_its_label(self, news):
        part = news.ids["Ann"][:6] + news.ids["Bob"][:6]
        seen = previewing.preview(news.db._store, news.db.propagate("name", over=part, keep=False))
        rest = news.ids["Ann"][6:] + news.ids["Bob"][6:]
        assert seen.counts() == {"gained": 0, "lost": len(rest), "changed": 0}

    def test_rejections_are_no_change(self, news):
        found = news.db.propagate("name", keep=False)
        news.db.reject(news.ids["Ann"][6:8], "name")
        assert previewing.preview(news.db._store, found).rows.num_rows == 0
