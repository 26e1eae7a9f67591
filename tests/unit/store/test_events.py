"""Human actions and the labels derived from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery import schema
from vquery.errors import LabelError, StoreError
from vquery.store import Store
from vquery.store.events import Event, to_redo, to_undo
from vquery.store.labels import derive, label_rows


def in_force(store, concept="name"):
    rows = store.labels(concept)
    return dict(zip(rows["detection_id"].to_pylist(), rows["label"].to_pylist(), strict=True))


class TestLabels:
    def test_the_latest_word_wins(self, store):
        store.label([3, 1, 2], "name", "Bernie", who="ann", query="faces")
        store.label([2, 4], "name", "Jake", who="bob")
        store.label([1], "name", None, who="ann")
        store.label([1], "mood", "glad", who=None)
        rows = store.labels()
        assert rows.schema == schema.SEED
        found = rows.drop_columns("at_us").to_pylist()
        assert [tuple(row.values()) for row in found] == [
            (1, "mood", "glad", None),
            (1, "name", None, "ann"),
            (2, "name", "Jake", "bob"),
            (3, "name", "Bernie", "ann"),
            (4, "name", "Jake", "bob"),
        ]
        assert in_force(store, "other") == {}

    def test_undo_and_redo(self, store):
        first = store.label([1], "name", "A", who="ann")
        second = store.label([1], "name", "B", who="ann")
        assert store.undo().event_id == second
        assert in_force(store) == {1: "A"}
        assert store.undo().event_id == first
        assert in_force(store) == {}
        assert store.undo() is None
        assert store.redo().event_id == first
        assert store.redo().event_id == second
        assert store.redo() is None
        assert in_force(store) == {1: "B"}
        store.undo()
        store.label([2], "name", "C", who="ann")
        assert store.redo() is None, "a new action ends redo"
        assert in_force(store) == {1: "A", 2: "C"}
        actions = [event.action for event in store.events()]
        assert actions == ["label", "label", "undo", "undo", "redo", "redo", "undo", "label"]

    def test_people_take_back_their_own(self, store):
        mine = store.label([1], "name", "A", who="ann")
        store.label([2], "name", "B", who="bob")
        assert store.undo("ann").event_id == mine
        store.label([3], "name", "C", who="bob")
        assert store.redo("bob") is None
        assert store.redo("ann").event_id == mine
        assert store.undo("eve") is None
        assert in_force(store) == {1: "A", 2: "B", 3: "C"}

    def test_unlabel(self, store):
        store.label([1, 2], "name", "A", who=None)
        store.unlabel([2, 3], "name", who=None)
        assert in_force(store) == {1: "A"}
        store.undo()
        assert in_force(store) == {1: "A", 2: "A"}

    def test_one_label_each(self, store):
        store.label(np.array([5, 6, 5]), "name", ["A", None, "A"], who=None)
        assert in_force(store) == {5: "A", 6: None}

    @pytest.mark.parametrize(
        ("ids", "label", "told"),
        [
            ([], "A", "hits nothing"),
            ([0], "A", "at least 1"),
            ([1, None], "A", "at least 1"),
            ([1, 2], ["A"], "2 detections but 1 labels"),
            ([1, 1], ["A", "B"], "detection 1 is given two labels"),
            (["x"], "A", "expected int64"),
            ([1], [3], "expected string"),
        ],
    )
    def test_labels_that_cannot_be(self, store, ids, label, told):
        with pytest.raises(LabelError, match=told):
            store.label(ids, "name", label, who=None)
        assert store.events() == []

    def test_a_concept_is_needed(self, store):
        with pytest.raises(LabelError, match="needs a concept"):
            store.label([1], " ", "A", who=None)

    def test_a_snapshot_sees_what_was_said_before_it(self, store):
        store.label([1], "name", "A", who=None)
        with store.snapshot() as snapshot:
            store.label([1], "name", "B", who=None)
            store.undo()
            store.label([2], "name", "C", who=None)
            assert store.labels(snapshot=snapshot)["label"].to_pylist() == ["A"]
            assert len(store.events(snapshot)) == 1
        assert in_force(store) == {1: "A", 2: "C"}

    def test_another_store_sees_them_too(self, store):
        other = Store.open(store.path)
        assert in_force(other) == {}
        store.label([1], "name", "A", who=None)
        assert in_force(other) == {1: "A"}
        other.undo()
        assert in_force(store) == {}

    def test_many_rows_in_one_action(self, store):
        ids = np.random.default_rng(0).permutation(100_000) + 1
        store.label(ids, "name", "A", who=None)
        store.label(ids[:50_000], "name", None, who=None)
        assert store.labels("name")["label"].null_count == 50_000
        assert (store.path / "catalog.sqlite").stat().st_size < 2_000_000


class TestOtherActions:
    def test_are_kept_with_what_the_person_saw(self, store, made):
        made.add_videos(store, 1)
        event_id = store.append("skipped", {"page": 3, "why": "dunkel ☾"}, who="ann", query="faces")
        event = store.events()[-1]
        assert event.event_id == event_id
        assert (event.action, event.who, event.query) == ("skipped", "ann", "faces")
        assert event.payload == {"page": 3, "why": "dunkel ☾"}
        assert event.generation == store.snapshot().generation == 1
        assert store.snapshot().last_event == event_id
        assert store.undo().action == "label", "what is no label is not undone"

    def test_have_methods_where_there_are_rules(self, store):
        for action in ("undo", "redo", "label", "unlabel"):
            with pytest.raises(StoreError, match=rf"use the method {action}\(\)"):
                store.append(action, {}, who=None)


PEOPLE = st.sampled_from(["ann", "bob", None])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("label"),
            PEOPLE,
            st.sampled_from(["name", "mood"]),
            st.lists(st.integers(1, 6), min_size=1, max_size=4),
            st.sampled_from(["A", "B", None]),
        ),
        st.tuples(
            st.just("unlabel"),
            PEOPLE,
            st.sampled_from(["name", "mood"]),
            st.lists(st.integers(1, 6), min_size=1, max_size=4),
            st.none(),
        ),
        st.tuples(st.just("undo"), PEOPLE),
        st.tuples(st.just("redo"), PEOPLE),
    ),
    max_size=25,
)


class Naive:
    """Lists and dictionaries: what was done, what was undone, everything replayed each time."""

    def __init__(self):
        self.done, self.undone = [], []

    def act(self, number, step):
        self.done.append((number, step))
        self.undone = [entry for entry in self.undone if entry[1][1] != step[1]]

    def undo(self, who):
        mine = [entry for entry in self.done if who is None or entry[1][1] == who]
        if mine:
            self.done.remove(mine[-1])
            self.undone.append(mine[-1])

    def redo(self, who):
        mine = [entry for entry in self.undone if who is None or entry[1][1] == who]
        if mine:
            self.undone.remove(mine[-1])
            self.done = sorted([*self.done, mine[-1]], key=lambda entry: entry[0])

    def labels(self):
        found = {}
        for _, (action, who, concept, ids, label) in self.done:
            for item in ids:
                found[concept, item] = (label, who)
                if action == "unlabel":
                    del found[concept, item]
        return found


@given(steps=STEPS)
def test_labels_are_those_of_a_naive_replay(steps):
    model, log = Naive(), []
    for number, step in enumerate(steps, start=1):
        action, who = step[:2]
        if action in ("undo", "redo"):
            found = (to_undo if action == "undo" else to_redo)(log, who)
            getattr(model, action)(who)
            if found is not None:
                log.append(Event(number, number, action, who, None, 0, {"event": found.event_id}))
            continue
        rows = label_rows(step[3], step[4])
        rows = rows if action == "label" else rows.select(["detection_id"])
        log.append(Event(number, number, action, who, None, 0, {"concept": step[2]}, rows))
        model.act(number, step)
    rows = derive(log)
    found = {
        (row["concept"], row["detection_id"]): (row["label"], row["by"]) for row in rows.to_pylist()
    }
    assert found == model.labels()
    assert rows.equals(derive(list(log))), "replay gives the same"
    for concept in ("name", "mood"):
        part = rows.filter(pa.compute.equal(rows["concept"], concept))
        assert derive(log, concept).equals(part)
