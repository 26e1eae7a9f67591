"""Propagations that are looked at first, and suggestions."""

from __future__ import annotations

import json

import pytest

ANN = 1_000_000_001


@pytest.fixture
def page(workbench):
    given = {"selection": {"detection_ids": [ANN]}, "concept": "name", "value": "Ann"}
    workbench.client.post("/api/labels", given)
    return workbench.client


def test_a_preview_changes_nothing_until_it_is_kept(workbench, page):
    db = workbench.workbench.db
    found = page.job(page.post("/api/propagations", {"concept": "name"})["job"])
    assert db.propagations() == []
    assert found["gained"] == found["result"]["total"] > 0
    assert (found["lost"], found["changed"], found["calibrated"]) == (0, 0, False)
    assert found["by_label"] == [{"label": "Ann", "gained": found["gained"], "lost": 0}]
    assert [one["threshold"] for one in found["expected_precision"]] == [0.5, 0.7, 0.9, 0.95]
    would = page.get(f"/api/results/{found['result']['id']}/rows", limit=500)["rows"]
    assert {row["more"]["proposed"] for row in would} == {"Ann"}
    assert {row["label"] for row in would} == {None}

    kept = page.post(f"/api/propagations/{found['preview']}/keep")
    again = page.post(f"/api/propagations/{found['preview']}/keep")
    assert kept["run_id"] == again["run_id"]
    assert [run["state"] for run in db.propagations()] == ["in force"]
    shown = page.get(f"/api/results/{found['result']['id']}/rows", limit=500)["rows"]
    assert {row["label_source"] for row in shown} == {"propagated"}
    event = page.get("/api/events")["events"][-1]
    assert (event["action"], event["who"]) == ("keep propagation", "tester")

    key = {"X-VQuery-Action": "take-it-back"}
    undone = [page.ask("POST", "/api/propagations/undo", b"{}", key).json for _ in range(2)]
    assert undone[0] == undone[1]
    assert (undone[0]["run_id"], undone[0]["restored"]) == (kept["run_id"], None)
    assert [run["state"] for run in db.propagations()] == ["undone"]
    assert "no propagation to undo" in page.post("/api/propagations/undo", status=400)["error"]


def test_rows_of_a_preview_are_accepted_and_rejected_as_they_propose(workbench, page):
    found = page.job(page.post("/api/propagations", {"concept": "name"})["job"])
    result = found["result"]["id"]
    chosen = {"selection": {"result": result, "ranges": [[0, 2]]}, "concept": "name"}
    assert page.post("/api/accept", chosen)["labelled"] == 2
    wrong = {"selection": {"result": result, "ranges": [[2, 3]]}, "concept": "name"}
    assert page.post("/api/reject", wrong)["labelled"] == 1
    assert page.post("/api/accept", wrong)["event"] is None
    rows = page.get(f"/api/results/{result}/rows", limit=3)["rows"]
    assert [row["label"] for row in rows] == ["Ann", "Ann", None]
    page.post(f"/api/propagations/{found['preview']}/keep")
    rows = page.get(f"/api/results/{result}/rows", limit=3)["rows"]
    assert [row["label"] for row in rows] == ["Ann", "Ann", None]


def test_only_a_threshold_that_can_be_and_labels_that_there_are(page):
    for given, says in (
        ({"concept": "name", "threshold": 2}, "must be from 0 to 1"),
        ({"concept": "mood"}, "no human label of 'mood'"),
    ):
        job = page.post("/api/propagations", given)["job"]
        said = page.ended("jobs", job)
        assert said["state"] == "failed"
        assert says in said["error"]
    page.post("/api/propagations", {"concept": 3}, status=400)
    page.post("/api/propagations/none/keep", status=404)
    high = page.job(page.post("/api/propagations", {"concept": "name", "threshold": 1})["job"])
    low = page.job(page.post("/api/propagations", {"concept": "name", "threshold": 0})["job"])
    assert high["gained"] < low["gained"]


def test_a_keep_while_another_process_writes_says_who_and_can_be_sent_again(
    workbench, page, monkeypatch
):
    from vquery.store import store

    monkeypatch.setattr(store.Store.writer, "__kwdefaults__", {"wait_s": 0.2, "input_sha256": None})
    found = page.job(page.post("/api/propagations", {"concept": "name"})["job"])
    with workbench.workbench.store.writer("index"):
        said = page.post(f"/api/propagations/{found['preview']}/keep", status=409)["error"]
        assert "index" in said
    assert page.post(f"/api/propagations/{found['preview']}/keep")["run_id"] > 0


def test_suggestions_are_a_result_whose_best_label_can_be_accepted(page):
    given = {"concept": "name", "n": 3, "strategy": "margin"}
    result = page.job(page.post("/api/suggestions", given)["job"])["result"]
    assert 1 <= result["total"] <= 3
    rows = page.get(f"/api/results/{result['id']}/rows")["rows"]
    assert [row["more"]["rank"] for row in rows] == list(range(1, len(rows) + 1))
    everything = {"selection": {"result": result["id"], "all": True}, "concept": "name"}
    done = page.post("/api/accept", everything)
    assert done["labelled"] == sum(row["more"]["best"] is not None for row in rows)
    page.post("/api/unsure", everything)
    again = page.job(page.post("/api/suggestions", given)["job"])["result"]
    asked = page.get(f"/api/results/{again['id']}/rows")["rows"]
    assert {row["detection_id"] for row in asked}.isdisjoint(row["detection_id"] for row in rows)
    for change in ({"n": 0}, {"n": 1001}, {"strategy": "best"}, {"n": "3"}):
        page.post("/api/suggestions", given | change, status=400)


@pytest.mark.parametrize("where", ["propagations", "propagations/undo", "suggestions"])
def test_nothing_starts_without_the_token(workbench, where):
    body = json.dumps({"concept": "name"}).encode()
    answer = workbench.client.ask("POST", f"/api/{where}", body, {"X-VQuery-Token": "other"})
    assert answer.status == 403
