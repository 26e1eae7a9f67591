"""Every label can be asked why: people, seeds, neighbours, votes and rules are named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa
import pytest


def why(workbench: Any, detection_id: int, concept: str = "name") -> dict[str, Any]:
    found = workbench.client.get("/api/why", concept=concept, detection_id=detection_id)
    return dict(found)


def tracks_of(workbench: Any) -> list[list[int]]:
    """Detections of each track, in the order of video and time."""
    rows = workbench.workbench.db.faces.collect().to_pylist()
    found: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        found.setdefault((row["video"], row["track"]), []).append(row["detection_id"])
    return list(found.values())


def kinds(told: dict[str, Any]) -> list[str]:
    return [one["kind"] for one in told["contributions"]]


def test_a_person_and_the_time_are_named(workbench: Any):
    db, (first, *_) = workbench.workbench.db, tracks_of(workbench)
    db.label(first[:1], "name", "<b>Ann</b>", by="eve")
    told = why(workbench, first[0])
    assert (told["label"], told["source"], told["probability"]) == ("<b>Ann</b>", "human", 1.0)
    assert "said '<b>Ann</b>'" in told["sentence"]
    person = told["contributions"][0]
    assert (person["kind"], person["who"]) == ("person", "eve")
    assert person["at_us"] == db.labels("name")["at_us"][0].as_py()
    assert told["item"]["detection_id"] == first[0]
    assert len(told["item"]["box"]) == 4


def test_seeds_and_the_way_to_them_are_named(workbench: Any):
    db, tracks = workbench.workbench.db, tracks_of(workbench)
    db.label(tracks[0][:1], "name", "Ann")
    db.label(tracks[1][:1], "name", "Bob")
    db.propagate("name")
    labels = db.faces.collect()
    found = [row for row in labels.to_pylist() if row["name"] and row["detection_id"] in tracks[0]]
    told = why(workbench, found[5]["detection_id"])
    assert (told["label"], told["source"]) == ("Ann", "propagated")
    seed = next(one for one in told["contributions"] if one["kind"] == "seed")
    assert (seed["detection_id"], seed["label"]) == (tracks[0][0], "Ann")
    assert 0 < seed["weight"] <= 1
    assert "by track" in seed["text"] or "share" in seed["text"]
    far = why(workbench, tracks[-1][0])  # somebody whom nobody named
    assert far["label"] is None
    assert "no name" in far["sentence"]


def test_what_nobody_spoke_of_has_no_reasons(workbench: Any):
    told = why(workbench, tracks_of(workbench)[0][0])
    assert (told["label"], told["source"], told["contributions"]) == (None, None, [])
    assert "nobody has said one" in told["sentence"]


def test_rejections_are_told(workbench: Any):
    db, tracks = workbench.workbench.db, tracks_of(workbench)
    db.label(tracks[0][:1], "name", "Ann")
    db.propagate("name")
    row = tracks[0][7]
    selection = {"detection_ids": [row]}
    workbench.client.post("/api/reject", {"selection": selection, "concept": "name"})
    told = why(workbench, row)
    person = next(one for one in told["contributions"] if one["kind"] == "person")
    assert (told["label"], person["weight"]) == (None, -1.0)
    assert "rejected 'Ann'" in told["sentence"]


def test_votes_are_told(workbench: Any):
    db, tracks = workbench.workbench.db, tracks_of(workbench)
    rows = db.faces.collect().select(["video", "start_us", "end_us", "detection_id"])
    votes = rows.append_column("vote", pa.array(["Ann"] * rows.num_rows))
    db.save("rule", votes.append_column("function", pa.array(["tall"] * rows.num_rows)))
    told = why(workbench, tracks[0][0])
    assert [(one["kind"], one["name"], one["label"]) for one in told["contributions"]] == [
        ("vote", "tall", "Ann")
    ]


def test_what_was_fused_tells_its_sources(workbench: Any):
    import vquery as vq

    db = workbench.workbench.db

    @vq.concept(label="advert", otherwise="news")
    def early(shots: Any) -> Any:
        return shots.filter(vq.row.start < 0.5)

    @vq.concept(label="advert", otherwise="news")
    def spoken(captions: Any) -> Any:
        return captions.filter(vq.row.start < 0.5)

    db.fuse("kind", db.votes([early, spoken], over=db.shots))
    result = workbench.client.run("shots")["id"]
    told = workbench.client.get("/api/why", concept="kind", result=result, row=0)
    assert (told["label"], told["source"]) == ("advert", "fused")
    assert {one["name"] for one in told["contributions"]} & {"early", "spoken"}
    assert set(kinds(told)) <= {"vote", "balance"}
    db.label(pa.table({"video": ["a.mp4"], "start_us": [0], "end_us": [500_000]}), "kind", "news")
    told = workbench.client.get("/api/why", concept="kind", result=result, row=0)
    assert (told["label"], told["source"], kinds(told)[0]) == ("news", "human", "person")


def test_rows_of_results_are_detections_where_they_have_one(workbench: Any):
    result = workbench.client.run("faces.filter(score > 0.1)")["id"]
    rows = workbench.client.get(f"/api/results/{result}/rows", limit=3)["rows"]
    told = workbench.client.get("/api/why", result=result, row=2)
    assert told["item"]["detection_id"] == rows[2]["detection_id"]


def test_rules_are_told(workbench: Any):
    import vquery as vq

    db, (first, *_) = workbench.workbench.db, tracks_of(workbench)
    faces = db.faces.collect()
    names = ["Bob" if one == first[0] else "Ann" for one in faces["detection_id"].to_pylist()]
    at = faces.column_names.index("name")
    checked = db.check([vq.consistent("name")], over=faces.set_column(at, "name", pa.array(names)))
    db.correct(dataclasses.replace(checked, over="faces"))
    rules = [one for one in why(workbench, first[0])["contributions"] if one["kind"] == "assertion"]
    assert [one["label"] for one in rules] == ["Ann"]
    assert "'Bob' becomes 'Ann'" in rules[0]["text"]
    assert why(workbench, first[1])["contributions"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"detection_id": "x"}, 400),
        ({"detection_id": -1}, 400),
        ({"detection_id": 5}, 404),
        ({"detection_id": 1_000_999_999}, 404),
        ({"detection_id": 10**30}, 400),
        ({"row": 1}, 400),
        ({"row": 1, "result": "none"}, 404),
        ({"detection_id": 1, "concept": "x" * 300}, 413),
    ],
)
def test_what_is_not_there_is_refused(shared: Any, query: dict[str, Any], status: int):
    assert shared.client.refused("/api/why", status, **query)
