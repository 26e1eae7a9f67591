"""Rejections, "unsure" and judgements, and what they do to labels."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import LabelError, StoreError
from vquery.store.events import Event
from vquery.store.labels import LABEL_ROWS, derive
from vquery.store.verdicts import judged, rejected, unsure

NAMES = ("Ann", "Bob")


def labels(store, concept="name"):
    rows = store.labels(concept)
    return dict(zip(rows["detection_id"].to_pylist(), rows["label"].to_pylist(), strict=True))


def rejections(store, concept="name"):
    rows = store.rejected(concept)
    return set(zip(rows["detection_id"].to_pylist(), rows["label"].to_pylist(), strict=True))


def test_a_rejection_takes_off_the_label_it_is_about_and_no_other(store):
    store.label([1, 2, 3], "name", "Ann", who="ann")
    store.reject([1, 4], "name", "Ann", who="ann")
    store.reject([2], "name", "Bob", who="ann")
    store.reject([3], "mood", "Ann", who="ann")
    assert labels(store) == {2: "Ann", 3: "Ann"}
    assert rejections(store) == {(1, "Ann"), (4, "Ann"), (2, "Bob")}
    assert rejections(store, "mood") == {(3, "Ann")}


def test_a_rejection_is_undone_and_brought_back(store):
    store.label([1], "name", "Ann", who="ann")
    store.reject([1], "name", "Ann", who="ann", query="faces")
    assert store.undo("ann").action == "reject"
    assert (labels(store), rejections(store)) == ({1: "Ann"}, set())
    assert store.redo("ann").query == "faces"
    assert (labels(store), rejections(store)) == ({}, {(1, "Ann")})


def test_a_later_label_of_the_same_value_ends_a_rejection(store):
    store.reject([1, 2], "name", "Ann", who="ann")
    store.label([1], "name", "Ann", who="ann")
    store.label([2], "name", "Bob", who="ann")
    assert rejections(store) == {(2, "Ann")}
    assert labels(store) == {1: "Ann", 2: "Bob"}


def test_one_detection_may_have_several_labels_rejected(store):
    store.reject([1], "name", "Ann", who="ann")
    store.reject([1], "name", "Bob", who="ann")
    assert rejections(store) == {(1, "Ann"), (1, "Bob")}


def test_none_of_them_cannot_be_rejected(store):
    with pytest.raises(LabelError, match="only a label can be rejected"):
        store.reject([1, 2], "name", ["Ann", None], who="ann")


def test_unsure_takes_the_label_off_until_the_next_word(store):
    store.label([1, 2], "name", "Ann", who="ann")
    store.unsure([1, 3], "name", who="ann")
    assert labels(store) == {2: "Ann"}
    assert unsure(store.events(), "name").tolist() == [1, 3]
    store.label([3], "name", "Bob", who="ann")
    assert unsure(store.events(), "name").tolist() == [1]
    assert unsure(store.events(), "mood").tolist() == []
    store.undo("ann")
    assert unsure(store.events(), "name").tolist() == [1, 3]


def rows(*right, start=0, label=None):
    made = [
        {"detection_id": None, "video": "a", "start_us": start + i, "end_us": 9, "label": label}
        for i in range(len(right))
    ]
    return pa.Table.from_pylist(
        [one | {"right": verdict} for one, verdict in zip(made, right, strict=True)],
        schema=pa.schema(
            [
                ("detection_id", pa.int64()),
                ("video", pa.string()),
                ("start_us", pa.int64()),
                ("end_us", pa.int64()),
                ("label", pa.string()),
                ("right", pa.bool_()),
            ]
        ),
    )


def test_the_latest_judgement_of_a_row_counts_and_hits_belong_to_their_query(store):
    store.judge(rows(True, True), "name", "score", who="ann", query="faces")
    store.judge(rows(False, start=1), "name", "score", who="bob", query="faces")
    store.judge(rows(False), "name", "score", who="bob", query="captions")
    found = judged(store.events(), "name", "score", "faces").sort_by("start_us")
    assert found["right"].to_pylist() == [True, False]
    assert judged(store.events(), "name", "probability", None).num_rows == 0
    store.undo("bob")
    store.undo("bob")
    assert judged(store.events(), "name", "score", "faces")["right"].to_pylist() == [True, True]


def test_a_judgement_needs_rows_and_verdicts(store):
    with pytest.raises(LabelError, match="hits nothing"):
        store.judge(rows(), "name", "score", who="ann")
    with pytest.raises(LabelError, match="'right'"):
        store.judge(rows(None), "name", "score", who="ann")


class TestKeys:
    def test_an_action_sent_twice_is_kept_once(self, store):
        first = store.label([1], "name", "Ann", who="ann", key="k-1")
        assert store.label([1], "name", "Ann", who="ann", key="k-1") == first
        assert store.label([1], "name", "Ann", who="ann", key="k-12") == first + 1
        assert len(store.events()) == 2

    def test_an_undo_sent_twice_takes_back_one_action(self, store):
        store.label([1], "name", "Ann", who="ann")
        store.label([2], "name", "Bob", who="ann")
        assert store.undo("ann", key="u").event_id == 2
        assert store.undo("ann", key="u").event_id == 2
        assert labels(store) == {1: "Ann"}
        assert store.redo("ann", key="r").event_id == 2
        assert store.redo("ann", key="r").event_id == 2
        assert labels(store) == {1: "Ann", 2: "Bob"}

    def test_a_key_is_for_one_kind_of_action(self, store):
        store.label([1], "name", "Ann", who="ann", key='"}, %_\\')
        with pytest.raises(StoreError, match="given to a 'label' before"):
            store.reject([1], "name", "Ann", who="ann", key='"}, %_\\')
        assert len(store.events()) == 1


def spans_of(store, concept="ad"):
    columns = ["video", "start_us", "end_us", "label"]
    return [tuple(row.values()) for row in store.span_labels(concept).select(columns).to_pylist()]


def span(start, end, video="a"):
    return pa.table({"video": [video], "start_us": [start], "end_us": [end]})


class TestTrimming:
    def test_a_span_gets_other_ends_as_one_action(self, store):
        store.label_spans(span(0, 100), "ad", "yes", who="ann")
        store.trim_span(span(0, 100), span(30, 120), "ad", "yes", who="ann")
        assert spans_of(store) == [("a", 30, 120, "yes")]
        store.undo("ann")
        assert spans_of(store) == [("a", 0, 100, "yes")]
        store.redo("ann")
        assert spans_of(store) == [("a", 30, 120, "yes")]

    def test_it_cuts_its_neighbours(self, store):
        store.label_spans(span(0, 100), "ad", "yes", who="ann")
        store.label_spans(span(100, 200), "ad", None, who="ann")
        store.trim_span(span(0, 100), span(50, 150), "ad", "yes", who="ann")
        assert spans_of(store) == [("a", 50, 150, "yes"), ("a", 150, 200, None)]

    def test_it_stays_in_its_video(self, store):
        with pytest.raises(LabelError, match="inside its video"):
            store.trim_span(span(0, 9), span(0, 9, "b"), "ad", "yes", who="ann")
        with pytest.raises(LabelError, match="start after its end"):
            store.trim_span(span(0, 9), span(9, 5), "ad", "yes", who="ann")


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["label", "unlabel", "reject", "unsure"]),
        st.integers(1, 3),
        st.sampled_from([*NAMES, None]),
    ),
    max_size=12,
)


@given(ACTS)
def test_replaying_gives_what_a_loop_over_the_actions_gives(acts):
    """The arrays agree with a dictionary that is changed action by action."""
    log, said, refused, lost = [], {}, set(), set()
    for number, (action, item, name) in enumerate(acts, 1):
        if action == "reject" and name is None:
            continue
        table = pa.table({"detection_id": [item], "label": [name]}, schema=LABEL_ROWS)
        kept = table if action in ("label", "reject") else table.select(["detection_id"])
        log.append(Event(number, number, action, "ann", None, 0, {"concept": "name"}, kept))
        lost.discard(item)
        if action == "label":
            said[item] = name
            refused.discard((item, name))
        elif action == "reject":
            refused.add((item, name))
            if said.get(item) == name:
                said.pop(item)
        else:
            said.pop(item, None)
            lost |= {item} if action == "unsure" else set()
    found = derive(log, "name")
    assert (
        dict(zip(found["detection_id"].to_pylist(), found["label"].to_pylist(), strict=True))
        == said
    )
    wrong = rejected(log)
    assert (
        set(zip(wrong["detection_id"].to_pylist(), wrong["label"].to_pylist(), strict=True))
        == refused
    )
    assert unsure(log, "name").tolist() == sorted(lost)
