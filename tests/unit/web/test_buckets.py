"""Precision by bucket: sampled, judged, and a threshold with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.api.bucketing import Scored, sample, table_of
from vquery.metrics.calibration import wilson

ANN = 1_000_000_001


def scored(value, right, unit=None, edges=(0.0, 0.5, 1.0)):
    value, edges = np.array(value, float), np.array(edges)
    bucket = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2)
    rows = np.arange(len(value))
    unit = rows if unit is None else np.array(unit)
    return Scored(rows, None, value, np.array(right, float), unit, bucket, edges)


def test_a_bucket_says_its_share_and_counts_tracks_for_its_interval():
    nan = np.nan
    found = table_of(scored([0.1, 0.2, 0.6, 0.7, 0.8], [0, nan, 1, 1, 0], [0, 1, 2, 2, 3]))
    low, high = found["buckets"]
    assert (low["rows"], low["judged"], low["wrong"], low["precision"]) == (2, 1, 1, 0.0)
    assert (high["rows"], high["judged"], high["wrong"]) == (3, 3, 1)
    assert high["precision"] == pytest.approx(2 / 3)
    assert high["interval"] == pytest.approx([float(end) for end in wilson(2 / 3, 2)])
    assert found["threshold"] is None


def test_what_nobody_judged_has_no_precision():
    bucket = table_of(scored([0.1, 0.9], [np.nan, np.nan]))["buckets"][0]
    assert (bucket["precision"], bucket["interval"], bucket["judged"]) == (None, None, 0)
    assert table_of(scored([], [], edges=()))["buckets"] == []


def test_the_threshold_is_the_lowest_border_above_which_enough_is_right():
    value = np.r_[np.full(60, 0.9), np.full(60, 0.6), np.full(60, 0.1)]
    right = np.r_[np.ones(120), np.zeros(60)]
    found = table_of(scored(value, right, edges=(0.0, 0.5, 0.8, 1.0)))
    assert found["threshold"]["value"] == 0.5
    assert found["threshold"]["precision"] == 1.0
    assert found["threshold"]["interval"][0] >= 0.9
    few = np.where(np.arange(180) % 6 == 0, right, np.nan)
    assert table_of(scored(value, few, edges=(0.0, 0.5, 0.8, 1.0)))["threshold"] is None


def test_a_bucket_that_nobody_judged_ends_the_threshold_above_it():
    value = np.r_[np.full(60, 0.9), np.full(5, 0.6), np.full(60, 0.1)]
    right = np.r_[np.ones(60), np.full(5, np.nan), np.ones(60)]
    found = table_of(scored(value, right, edges=(0.0, 0.5, 0.8, 1.0)))
    assert found["threshold"]["value"] == 0.8


def test_buckets_count_by_their_rows_and_not_by_how_many_were_judged():
    # 100 of 1,000 judged right above, 100 of 100 wrong below: pooled by rows 10 in 11 are right
    value = np.r_[np.full(1000, 0.9), np.full(100, 0.1)]
    right = np.r_[np.ones(100), np.full(900, np.nan), np.zeros(100)]
    found = table_of(scored(value, right), wanted=0.5)
    assert found["threshold"]["value"] == 0.0
    assert found["threshold"]["precision"] == pytest.approx(10 / 11)


def test_a_sample_takes_tracks_before_more_of_one_track_and_nothing_that_was_judged():
    right = np.full(12, np.nan)
    right[:2] = 1
    found = scored(np.full(12, 0.9), right, unit=[0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3])
    chosen = sample(found, 1, 3, seed=4)
    assert sorted(found.unit[chosen].tolist()) == [1, 2, 3]
    assert sample(found, 1, 3, seed=4).tolist() == chosen.tolist()
    assert len(sample(found, 1, 50, seed=4)) == 10
    assert len(sample(found, 0, 5, seed=4)) == 0


def test_hits_are_judged_and_judgements_are_undone(workbench):
    page = workbench.client
    result = page.run("faces")
    asked = {"result": result["id"], "by": "score", "concept": "name"}
    before = page.get("/api/buckets", **asked, buckets=2)
    assert sum(bucket["rows"] for bucket in before["buckets"]) == result["total"]
    last = len(before["buckets"]) - 1
    bucket = {**asked, "bucket": last, "buckets": 2}
    rows = page.post("/api/buckets/sample", {**bucket, "n": 4})["rows"]
    assert len(rows) == 4
    low = before["buckets"][last]["low"]
    assert all(row["score"] >= low - 1e-6 for row in rows)
    wrong = [rows[0]["row"]]
    right = [row["row"] for row in rows[1:]]
    after = page.post("/api/buckets/judge", {**bucket, "right": right, "wrong": wrong})
    one = after["buckets"][last]
    assert (one["judged"], one["wrong"], one["precision"]) == (4, 1, 0.75)
    rest = page.post("/api/buckets/sample", {**bucket, "n": 200})["rows"]
    assert {row["row"] for row in rest}.isdisjoint(row["row"] for row in rows)
    # the same query again has the same verdicts, another one has none of them
    again = page.run("faces")
    found = page.get("/api/buckets", **(asked | {"result": again["id"]}), buckets=2)
    assert found["buckets"][last]["judged"] == 4
    other = page.run("faces.filter(score > 0)")
    found = page.get("/api/buckets", **(asked | {"result": other["id"]}))
    assert sum(bucket["judged"] for bucket in found["buckets"]) == 0
    event = page.get("/api/events")["events"][-1]
    assert (event["action"], event["value"]) == ("judge", "3 right and 1 wrong")
    page.post("/api/undo")
    assert page.get("/api/buckets", **asked, buckets=2) == before


def test_found_labels_are_judged_by_their_probability_and_words_on_them_count(workbench):
    page, db = workbench.client, workbench.workbench.db
    result = page.run("faces")
    asked = {"result": result["id"], "by": "probability", "concept": "name"}
    assert "nothing is propagated" in page.refused("/api/buckets", 400, **asked)
    given = {"selection": {"detection_ids": [ANN]}, "concept": "name", "value": "Ann"}
    page.post("/api/labels", given)
    db.propagate("name")
    before = page.get("/api/buckets", **asked, buckets=1)["buckets"][0]
    assert before["judged"] == 0
    rows = page.get(f"/api/results/{result['id']}/rows", limit=500)["rows"]
    ids = [row["detection_id"] for row in rows if row["label_source"] == "propagated"]
    for way, chosen in (("accept", ids[:3]), ("reject", ids[3:4])):
        said = {"selection": {"detection_ids": chosen}, "concept": "name"}
        page.post(f"/api/{way}", said)
    one = page.get("/api/buckets", **asked, buckets=1)["buckets"][0]
    assert (one["rows"], one["judged"], one["wrong"]) == (before["rows"], 4, 1)
    page.post("/api/undo")
    assert page.get("/api/buckets", **asked, buckets=1)["buckets"][0]["judged"] == 3


def test_what_has_no_score_is_one_bucket_and_what_cannot_be_is_refused(workbench):
    page = workbench.client
    shots = page.run("shots")
    found = page.get("/api/buckets", result=shots["id"])
    assert [bucket["rows"] for bucket in found["buckets"]] == [shots["total"]]
    asked = {"result": shots["id"], "by": "score", "concept": "cut", "bucket": 0}
    done = page.post("/api/buckets/judge", {**asked, "right": [0], "wrong": [1]})
    assert (done["buckets"][0]["judged"], done["buckets"][0]["wrong"]) == (2, 1)
    assert "judge them by score" in page.refused(
        "/api/buckets", 400, result=shots["id"], by="probability"
    )
    page.refused("/api/buckets", 404, result="none")
    page.refused("/api/buckets", 400, result=shots["id"], by="luck")
    for change in (
        {"right": [0], "wrong": [0]},
        {"right": [], "wrong": []},
        {"right": [shots["total"]], "wrong": []},
        {"right": ["0"], "wrong": []},
        {"bucket": 1, "right": [0], "wrong": []},
    ):
        page.post("/api/buckets/judge", asked | change, status=400)
    page.post("/api/buckets/sample", {**asked, "n": 0}, status=400)
