"""A concept of a collection judged by intervals and by what people labelled."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.concept import REGISTRY
from vquery.errors import LabelError, QueryError

SPANS = pa.table({"video": ["v", "v", "w"], "start": [0.0, 6.0, 0.0], "end": [2.0, 8.0, 4.0]})
ITEMS = pa.table(
    {"video": ["v"] * 4 + ["w"] * 2, "start": [0.0, 2, 4, 6, 0, 2], "end": [2.0, 4, 6, 8, 2, 4]}
)
TRUTH = pa.table({"video": ["v", "v"], "start": [0.0, 3.5], "end": [2.5, 8.0]})


@pytest.fixture
def db(world):
    world.add("v", [("Ann", 0.0), ("Bob", 3.0)])
    world.add("w", [("Ann", 0.0)])
    return world.db


def test_items_are_found_and_true_where_they_are_covered(db):
    found = db.assess(SPANS, TRUTH, over=ITEMS, slices="video")
    assert found.rows.label.tolist() == [1, 0, 0, 1, 1, 1]
    assert found.rows.truth.tolist() == [1, 1, 1, 1, 0, 0]
    assert found.metric("precision") == found.metric("recall") == 0.5
    assert found.segmentation["true_segments"] == 1
    assert found.slices["slice"].to_pylist() == ["video=v", "video=w"]
    half = db.assess(SPANS, TRUTH, over=ITEMS, cover=0.6)
    assert half.rows.truth.tolist() == [1, 0, 1, 1, 0, 0]


def test_only_known_time_counts(db):
    known = pa.table({"video": ["v"], "start": [0.0], "end": [8.0]})
    found = db.assess(SPANS, vq.from_arrow(TRUTH), over=ITEMS, known=known)
    assert found.rows.truth.tolist() == [1, 1, 1, 1, -1, -1]
    assert found.metric("precision") == 1.0


def test_what_people_labelled_is_the_truth(db):
    db.label(pa.table({"video": ["v"], "start_us": [0], "end_us": [4_000_000]}), "ad", "yes")
    db.label(pa.table({"video": ["v"], "start_us": [4_000_000], "end_us": [6_000_000]}), "ad", None)
    found = db.assess(lambda faces: faces.filter(row.start < 3), "ad", over=ITEMS)
    assert found.rows.truth.tolist() == [1, 1, 0, -1, -1, -1]
    assert found.rows.label.tolist() == [1, 0, 0, 0, 1, 0]


def test_of_several_labels_one_is_true(db):
    first, last = ITEMS.slice(0, 2), ITEMS.slice(2, 2)
    db.label(first, "part", "ad")
    db.label(last, "part", "news")
    with pytest.raises(LabelError, match="'part' with 'ad', 'news': say which one is true by lab"):
        db.assess(SPANS, "part", over=ITEMS)
    with pytest.raises(LabelError, match="'ad', 'news': none is 'weather'"):
        db.assess(SPANS, "part", over=ITEMS, label="weather")
    with pytest.raises(QueryError, match="goes with the name of a concept"):
        db.assess(SPANS, TRUTH, over=ITEMS, label="ad")
    truth = [1, 1, 0, 0, -1, -1]
    assert db.assess(SPANS, "part", over=ITEMS, label="ad").rows.truth.tolist() == truth
    try:
        voter = vq.concept(label="ad", name="told")(lambda faces: faces)
        for found in (voter, "told"):
            assert db.assess(found, "part", over=ITEMS).rows.truth.tolist() == truth
    finally:
        REGISTRY.remove("told")


def test_what_cannot_be_is_named(db):
    with pytest.raises(LabelError, match="nobody has labelled 'ad'"):
        db.assess(SPANS, "ad", over=ITEMS)
    with pytest.raises(QueryError, match="no concept 'advert'"):
        db.assess("advert", TRUTH, over=ITEMS)
    with pytest.raises(LabelError, match="there are no items"):
        db.assess(SPANS, TRUTH)
    with pytest.raises(LabelError, match="no truth is known"):
        db.assess(SPANS, TRUTH, over=ITEMS, known=SPANS.slice(0, 0))


def test_people_are_not_judged_by_themselves_unnoticed(db, caplog):
    shots = vq.from_arrow(ITEMS)
    db.label(ITEMS.slice(0, 2), "ad", "ad")
    votes = db.votes({"ad": shots.filter(row.start < 5), "news": shots.limit(1)}, over=ITEMS)
    db.fuse("ad", votes)
    db.assess(db.fused("ad").filter(row.source == "fused"), "ad", over=ITEMS)
    assert not caplog.text
    db.assess(db.fused("ad"), "ad", over=ITEMS)
    assert (
        "2 of 6 rows that are judged by labels of 'ad' are human labels themselves" in caplog.text
    )
