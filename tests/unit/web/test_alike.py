"""More like these: what it learns from, what it orders and what it proposes."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import pytest

MANY = 400


class Asker:
    """Asks about a concept of its own: one server does for all tests."""

    numbers = count()

    def __init__(self, client):
        self.client, self.concept = client, f"name_{next(self.numbers)}"
        self.get, self.refused = client.get, client.refused
        self.run, self.job = client.run, client.job

    def post(self, path, data=None, status=200):
        return self.client.post(path, data, status)


@pytest.fixture
def page(shared):
    return Asker(shared.client)


@pytest.fixture
def faces(page):
    """All faces, and the detections of each track."""
    result = page.run("faces")
    rows = page.get(f"/api/results/{result['id']}/rows", limit=MANY)["rows"]
    tracks = defaultdict(list)
    for row in rows:
        tracks[row["track"]].append(row["detection_id"])
    return result, list(tracks.values())


def label(page, ids, value):
    given = {"selection": {"detection_ids": ids}, "concept": page.concept, "value": value}
    return page.post("/api/labels", given)


def more(page, result, status=200, **given):
    path = f"/api/results/{result['id']}/alike"
    return page.post(path, {"concept": page.concept, **given}, status)


def rows_of(page, result, sort, concept=None, descending=1):
    view = {"sort": sort, "descending": descending, "limit": MANY}
    view["concept"] = concept or page.concept
    return page.get(f"/api/results/{result['id']}/rows", **view)["rows"]


def test_the_rest_is_ordered_and_accepted_as_it_proposes(page, faces):
    result, tracks = faces
    label(page, tracks[0][:2], "Ann")
    found = more(page, result)
    assert (found["value"], found["likes"], found["unlikes"]) == ("Ann", 2, 0)
    assert found["judged"] == len(tracks[0])
    assert "likeness to 2 labelled Ann" in found["sentence"]
    rows = rows_of(page, result, found["sort"])
    likeness = [row["likeness"] for row in rows]
    rest = len(rows) - len(tracks[0])
    assert likeness[:rest] == sorted(likeness[:rest], reverse=True)
    assert likeness[rest:] == [None] * len(tracks[0])
    assert [row["alike"] for row in rows] == ["Ann" if (x or 0) > 0 else None for x in likeness]
    assert rows[0]["alike"] == "Ann"
    back = rows_of(page, result, found["sort"], descending=0)
    assert [row["likeness"] for row in back[:rest]] == likeness[:rest][::-1]

    view = {"result": result["id"], "sort": found["sort"], "descending": True, "ranges": [[0, 3]]}
    given = {"selection": view, "concept": page.concept, "alike": found["sort"]}
    assert page.post("/api/accept", given)["labelled"] == 3
    after = rows_of(page, result, found["sort"])  # where they were, now confirmed
    assert [row["row"] for row in after] == [row["row"] for row in rows]
    assert {row["label"] for row in after[:3]} == {"Ann"}
    page.post("/api/undo")
    assert rows_of(page, result, found["sort"]) == rows

    wrong = {**given, "selection": {**view, "ranges": [[0, 1]]}}
    assert page.post("/api/reject", wrong)["labelled"] == 1
    anew = more(page, result)
    assert (anew["likes"], anew["unlikes"]) == (2, 1)
    assert anew["sort"] != found["sort"]
    assert rows_of(page, result, anew["sort"])[0]["row"] != rows[0]["row"]
    assert page.post("/api/accept", wrong)["labelled"] == 0  # a rejected label is not proposed


def test_rows_that_were_chosen_are_examples_before_any_label(page, faces):
    result, _ = faces
    assert f"nothing is labelled of '{page.concept}' yet" in more(page, result, 400)["error"]
    chosen = {"result": result["id"], "ranges": [[0, 1]]}
    found = more(page, result, selection=chosen)
    assert (found["value"], found["likes"]) == (None, 1)
    rows = rows_of(page, result, found["sort"])
    assert rows[0]["likeness"] > 0
    assert {row["alike"] for row in rows} == {None}
    first = {"selection": chosen, "concept": page.concept, "alike": found["sort"]}
    assert page.post("/api/accept", first)["event"] is None  # there is no value to accept


def test_whose_value_is_looked_for(page, faces):
    result, tracks = faces
    label(page, tracks[0][:1], "Ann")
    label(page, tracks[1][:1], "Bob")
    assert more(page, result)["value"] == "Bob"  # given last
    assert more(page, result, value="Ann")["value"] == "Ann"
    assert more(page, result, value="Nobody")["value"] == "Bob"
    named = {"detection_ids": tracks[0][:1]}
    found = more(page, result, selection=named)
    assert (found["value"], found["likes"], found["unlikes"]) == ("Ann", 1, 1)
    both = {"detection_ids": [tracks[0][0], tracks[1][0]]}
    assert "several labels (Ann, Bob)" in more(page, result, 400, selection=both)["error"]
    page.post("/api/undo")
    assert more(page, result)["value"] == "Ann"
    label(page, tracks[1][:1], None)  # none of them: a counterexample
    assert (more(page, result)["value"], more(page, result)["unlikes"]) == ("Ann", 1)


def test_what_is_proposed_is_of_its_own_concept(page, faces):
    result, tracks = faces
    label(page, tracks[0][:1], "Ann")
    found = more(page, result)
    assert {row["alike"] for row in rows_of(page, result, found["sort"], "role")} == {None}
    given = {"selection": {"result": result["id"], "all": True}, "concept": "role"}
    assert page.post("/api/accept", {**given, "alike": found["sort"]})["event"] is None


def test_what_cannot_be_ordered_is_said(page, faces):
    result, tracks = faces
    label(page, tracks[0][:1], "Ann")
    sort = "like:0"
    path = f"/api/results/{result['id']}/rows"
    assert "press a for a new one" in page.refused(path, 409, sort=sort)
    given = {
        "selection": {"result": result["id"], "all": True},
        "concept": page.concept,
        "alike": sort,
    }
    assert "press a for a new one" in page.post("/api/accept", given, 409)["error"]
    shots = page.run("shots")
    assert "only detections" in more(page, shots, 400)["error"]
    nothing = page.run("faces.filter(score > 2)")
    assert "no row has a vector" in more(page, nothing, 400)["error"]
    more(page, {"id": "none"}, 404)
    more(page, result, 400, selection={"strange": 1})


def test_a_few_orders_are_kept_and_count_for_their_memory(shared, page, faces, monkeypatch):
    monkeypatch.setattr("vquery.web.alike.KEPT", 2)
    result, tracks = faces
    label(page, tracks[0][:1], "Ann")
    held = shared.workbench.results.get(result["id"])
    before = held.nbytes
    sorts = [more(page, result)["sort"] for _ in range(3)]
    assert held.nbytes > before
    page.refused(f"/api/results/{result['id']}/rows", 409, sort=sorts[0])
    assert len(rows_of(page, result, sorts[1])) == result["total"]


def test_suggestions_by_few_examples(page, faces):
    _, tracks = faces
    label(page, tracks[0][:1], "Ann")
    given = {"concept": page.concept, "strategy": "fewshot", "n": 2}
    found = page.job(page.post("/api/suggestions", given)["job"])
    assert 0 < found["result"]["total"] <= 2
