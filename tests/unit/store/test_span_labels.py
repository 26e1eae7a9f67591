"""Human labels of spans of time: who has the last word at each moment."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery import schema
from vquery.errors import LabelError, StoreError
from vquery.store import Store
from vquery.store.events import LABEL_SPANS, UNLABEL_SPANS, Event
from vquery.store.spans import derive_spans, span_rows


def spans(*rows):
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    kinds = (pa.string(), pa.int64(), pa.int64())
    arrays = [pa.array(list(c), kind) for c, kind in zip(columns, kinds, strict=True)]
    return pa.table(arrays, names=["video", "start_us", "end_us"])


def said(store, concept="ad"):
    found = store.span_labels(concept).to_pylist()
    return [(row["video"], row["start_us"], row["end_us"], row["label"]) for row in found]


def test_a_later_label_cuts_an_earlier_one(store):
    store.label_spans(spans(("a", 0, 100), ("b", 0, 10)), "ad", "yes", who="ann", query="shots")
    store.label_spans(spans(("a", 40, 60)), "ad", None, who="bob")
    assert said(store) == [("a", 0, 40, "yes"), ("a", 40, 60, None), ("a", 60, 100, "yes"),
                           ("b", 0, 10, "yes")]  # fmt: skip
    rows = store.span_labels()
    assert rows.schema == schema.SEED_SPAN
    assert rows["by"].to_pylist() == ["ann", "bob", "ann", "ann"]
    assert store.labels().num_rows == 0, "no detection is labelled"
    store.unlabel_spans(spans(("a", 50, 200)), "ad", who="ann")
    assert said(store)[:2] == [("a", 0, 40, "yes"), ("a", 40, 50, None)]
    assert len(said(store)) == 3


def test_undo_redo_and_labels_of_detections_are_one_history(store):
    first = store.label_spans(spans(("a", 0, 9)), "ad", "yes", who="ann")
    second = store.label([1], "name", "A", who="ann")
    third = store.label_spans(spans(("a", 0, 5)), "ad", "no", who="ann")
    assert [store.undo().event_id for _ in range(3)] == [third, second, first]
    assert said(store) == []
    assert [store.redo().event_id for _ in range(3)] == [first, second, third]
    assert said(Store.open(store.path)) == [("a", 0, 5, "no"), ("a", 5, 9, "yes")]
    with store.snapshot() as snapshot:
        store.undo()
        assert said(store) == [("a", 0, 9, "yes")]
        assert store.span_labels(snapshot=snapshot).num_rows == 2


def test_spans_of_one_label_unite_where_they_overlap_and_only_there():
    rows = span_rows(spans(("a", 5, 9), ("a", 0, 5), ("a", 7, 8), ("a", 8, 12), ("b", 3, 3)), "x")
    found = [(r["video"], r["start_us"], r["end_us"]) for r in rows.to_pylist()]
    assert found == [("a", 0, 5), ("a", 5, 12), ("b", 3, 4)], "an instant lasts a microsecond"


@pytest.mark.parametrize(
    ("rows", "label", "told"),
    [
        (spans(), "x", "hits nothing"),
        (spans(("a", 5, 4)), "x", "row 1: a span must not start after"),
        (spans((None, 5, 6)), "x", "every span needs 'video'"),
        (spans(("a", None, 6)), "x", "every span needs 'start_us'"),
        (spans(("a", 0, 6), ("b", 0, 6)), ["x"], "2 spans but 1 labels"),
        (spans(("a", 0, 6), ("a", 5, 7)), ["x", None], "'a' from 5 to 6 us is given two labels"),
        (spans(("a", 0, 60), ("a", 2, 3), ("a", 50, 51)), ["x", "x", "y"], "'x' and 'y'"),
        (spans(("a", 0, 6)), [3], "expected string"),
    ],
)
def test_what_cannot_be_labelled(store, rows, label, told):
    with pytest.raises(LabelError, match=told):
        store.label_spans(rows, "ad", label, who=None)
    assert store.events() == []


def test_the_general_method_does_not_take_labels(store):
    with pytest.raises(StoreError, match=r"use the method label_spans\(\)"):
        store.append(LABEL_SPANS, {}, who=None)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([LABEL_SPANS, LABEL_SPANS, UNLABEL_SPANS]),
        st.sampled_from(["x", "y", None]),
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.integers(0, 5)),
            min_size=1,
            max_size=4,
        ),
    ),
    max_size=6,
)


@given(actions=ACTIONS)
@settings(max_examples=50)
def test_every_moment_has_the_latest_word(actions):
    log, painted = [], {}
    for number, (action, label, given_) in enumerate(actions, start=1):
        rows = span_rows(spans(*[(v, a, a + d) for v, a, d in given_]), label)
        rows = rows if action == LABEL_SPANS else rows.drop_columns("label")
        log.append(Event(number, number, action, None, None, 0, {"concept": "ad"}, rows))
        for video, start, length in given_:
            for moment in range(start, start + max(length, 1)):
                painted[video, moment] = (label, number)
                if action == UNLABEL_SPANS:
                    del painted[video, moment]
    found = derive_spans(log)
    moments = {
        (row["video"], moment): (row["label"], row["at_us"])
        for row in found.to_pylist()
        for moment in range(row["start_us"], row["end_us"])
    }
    assert moments == painted
    assert sum(r["end_us"] - r["start_us"] for r in found.to_pylist()) == len(painted), "no overlap"
    assert found.equals(schema.sort_intervals(found))
