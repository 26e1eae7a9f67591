"""Labels from the page: each request one event, undone as one, done once, and checked."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

import vquery as vq

ANN, BOB = 1_000_000_001, 1_000_000_002


@pytest.fixture
def page(workbench):
    return workbench.client


@pytest.fixture
def faces(page):
    return page.run("faces")


def rows(page, result, concept="name"):
    return page.get(f"/api/results/{result['id']}/rows", limit=500, concept=concept)["rows"]


def some(result, *ranges, **more):
    return {"result": result["id"], "ranges": [list(one) for one in ranges], **more}


def label(page, selection, value="Ann", concept="name", **more):
    given = {"selection": selection, "concept": concept, "value": value, **more}
    return page.post("/api/labels", given)


class TestLabels:
    def test_a_selection_is_one_event_that_says_everything(self, workbench, page, faces):
        done = label(page, some(faces, (0, 3), (5, 6)))
        assert (done["labelled"], done["event"]) == (4, 1)
        assert done["sentence"] == "label of 'name': 'Ann' for 4 detections, by tester"
        event = workbench.workbench.store.events()[-1]
        assert (event.who, event.query, event.rows.num_rows) == ("tester", "faces", 4)
        generation = page.get("/api/collection")["generation"]
        assert event.generation == generation
        labelled = [row["row"] for row in rows(page, faces) if row["label_source"] == "human"]
        assert labelled == [0, 1, 2, 5]

    def test_everything_but_some_is_labelled(self, page, faces):
        chosen = {"result": faces["id"], "all": True, "except": [[0, 2]]}
        assert label(page, chosen, "extra")["labelled"] == faces["total"] - 2
        assert [row["label"] for row in rows(page, faces)[:3]] == [None, None, "extra"]

    def test_positions_are_those_of_the_view(self, page, faces):
        chosen = some(faces, (0, 1), sort="row", descending=True)
        label(page, chosen, "last")
        assert rows(page, faces)[-1]["label"] == "last"

    def test_detections_may_be_named(self, page, faces):
        assert label(page, {"detection_ids": [ANN, BOB, ANN]})["labelled"] == 2

    def test_none_of_them_must_be_said(self, page, faces):
        given = {"selection": some(faces, (0, 1)), "concept": "name"}
        assert "'value' is needed" in page.post("/api/labels", given, status=400)["error"]
        assert label(page, some(faces, (0, 1)), None)["labelled"] == 1
        row = rows(page, faces)[0]
        assert (row["label"], row["label_source"]) == (None, "human")

    def test_rows_without_detections_are_labelled_as_spans(self, workbench, page):
        shots = page.run("shots")
        assert label(page, some(shots, (0, 2)), "ad", "kind")["labelled"] == 2
        spans = workbench.workbench.db.labels("kind")
        assert spans["label"].to_pylist() == ["ad", "ad"]
        assert spans["detection_id"].null_count == 2
        given = {"selection": some(shots, (0, 2)), "concept": "kind"}
        assert [row["label_source"] for row in rows(page, shots, "kind")[:2]] == ["human"] * 2
        assert page.post("/api/accept", given)["event"] is None  # people have said it already
        done = page.post("/api/reject", given)
        assert (done["labelled"], done["event"]) == (2, 2)
        row = rows(page, shots, "kind")[0]
        assert (row["label"], row["rejected"], row["unsure"]) == (None, "ad", False)
        assert page.post("/api/unsure", given)["labelled"] == 2
        row = rows(page, shots, "kind")[0]
        assert (row["label"], row["rejected"], row["unsure"]) == (None, "ad", True)
        assert page.post("/api/undo")["sentence"].startswith("undone: unsure of 'kind'")
        page.post("/api/undo")
        assert rows(page, shots, "kind")[0]["label"] == "ad"

    def test_labels_are_taken_off_detections_and_spans(self, workbench, page, faces):
        label(page, some(faces, (0, 3)))
        gone = {"selection": some(faces, (1, 5)), "concept": "name"}
        done = page.post("/api/unlabel", gone)
        assert (done["labelled"], done["skipped"], done["event"]) == (2, 2, 2)
        labelled = [row["row"] for row in rows(page, faces) if row["label_source"] == "human"]
        assert labelled == [0]
        page.post("/api/undo")
        assert len([r for r in rows(page, faces) if r["label_source"] == "human"]) == 3
        shots = page.run("shots")
        label(page, some(shots, (0, 1)), "ad", "kind")
        one = {"selection": some(shots, (0, 1)), "concept": "kind"}
        assert page.post("/api/unlabel", one)["labelled"] == 1
        assert workbench.workbench.store.span_labels("kind").num_rows == 0
        assert page.post("/api/unlabel", one)["event"] is None

    @pytest.mark.parametrize(
        ("change", "status", "says"),
        [
            ({"value": 7}, 400, "'value' must be a text or null"),
            ({"value": "  "}, 400, "a label is a text"),
            ({"concept": "score"}, 400, "cannot name a concept"),
            ({"concept": "two words"}, 400, "cannot name a concept"),
            ({"selection": {}}, 400, "'result' must be"),
            ({"selection": {"result": "no"}}, 404, "not kept any more"),
            ({"selection": {"detection_ids": [99_000_000_001]}}, 400, "not detections"),
            ({"selection": {"detection_ids": [1.5]}}, 400, "whole numbers"),
            ({"more": 1}, 400, "no field 'more'"),
        ],
    )
    def test_what_cannot_be_is_refused(self, workbench, page, change, status, says):
        given = {"selection": {"detection_ids": [ANN]}, "concept": "name", "value": "Ann"}
        said = page.post("/api/labels", given | change, status=status)["error"]
        assert says in said
        assert workbench.workbench.store.events() == []

    def test_a_selection_outside_the_result_is_refused(self, page, faces):
        for ranges in ([[0, 61]], [[-1, 2]], [[3, 2]], [[1]], "all"):
            given = {"selection": {"result": faces["id"], "ranges": ranges}}
            given |= {"concept": "name", "value": "Ann"}
            page.post("/api/labels", given, status=400)


class TestOnce:
    def ask(self, page, path, given, key):
        answer = page.ask("POST", path, json.dumps(given).encode(), {"X-VQuery-Action": key})
        return answer.status, answer.json

    def test_an_action_sent_twice_is_done_once(self, workbench, page, faces):
        given = {"selection": some(faces, (0, 2)), "concept": "name", "value": "Ann"}
        first = self.ask(page, "/api/labels", given, "a-1")
        assert self.ask(page, "/api/labels", given, "a-1") == first
        assert self.ask(page, "/api/undo", {}, "a-2")[1]["event"] == 2
        assert self.ask(page, "/api/undo", {}, "a-2")[1]["event"] == 2
        assert len(workbench.workbench.store.events()) == 2

    def test_at_the_same_time_too(self, workbench, page, faces):
        given = {"selection": some(faces, (0, 2)), "concept": "name", "value": "Ann"}
        with ThreadPoolExecutor(8) as threads:
            jobs = [threads.submit(self.ask, page, "/api/labels", given, "same") for _ in range(8)]
            events = {job.result()[1]["event"] for job in jobs}
        assert events == {1}
        assert len(workbench.workbench.store.events()) == 1

    def test_a_key_must_be_short_and_for_one_kind_of_action(self, page, faces):
        given = {"selection": some(faces, (0, 2)), "concept": "name"}
        assert self.ask(page, "/api/unsure", given, "k" * 101)[0] == 400
        assert self.ask(page, "/api/unsure", given, "k")[0] == 200
        assert self.ask(page, "/api/accept", given, "k")[0] == 400


def test_two_tabs_and_another_process_lose_nothing(workbench, page, faces, path):
    """Many writers at once: each acknowledged action is there once, and nothing else."""

    def click(number):
        chosen = {"detection_ids": [ANN + number % 20]}
        return label(page, chosen, f"label {number}")["event"]

    with ThreadPoolExecutor(6) as threads, vq.open(path) as other:
        asked = [threads.submit(click, number) for number in range(40)]
        for number in range(40):
            other.label([ANN + number % 20], "mood", f"mood {number}", by="other")
        events = [one.result() for one in asked]
    kept = workbench.workbench.store.events()
    assert len(set(events)) == 40
    assert len(kept) == 80
    mine = {event.event_id: event for event in kept if event.who == "tester"}
    assert set(mine) == set(events)
    assert {event.rows["label"][0].as_py() for event in mine.values()} == {
        f"label {number}" for number in range(40)
    }


class TestVerdicts:
    @pytest.fixture
    def found(self, workbench, page, faces):
        """The sample with one label, propagated: rows that have a proposed label."""
        label(page, {"detection_ids": [ANN]})
        workbench.workbench.db.propagate("name")
        proposed = [row for row in rows(page, faces) if row["label_source"] == "propagated"]
        assert len(proposed) > 3
        return proposed

    def sent(self, page, way, ids):
        return page.post(f"/api/{way}", {"selection": {"detection_ids": ids}, "concept": "name"})

    def test_accept_gives_each_row_its_proposed_label(self, page, faces, found):
        ids = [row["detection_id"] for row in found[:2]]
        done = self.sent(page, "accept", [*ids, ANN])
        assert (done["labelled"], done["skipped"]) == (2, 1)
        assert "1 skipped" in done["sentence"]
        known = {row.get("detection_id"): row for row in rows(page, faces)}
        assert {known[item]["label_source"] for item in ids} == {"human"}
        again = self.sent(page, "accept", ids)
        assert (again["event"], again["labelled"], again["skipped"]) == (None, 0, 2)

    def test_a_rejected_label_is_not_shown_again_until_that_is_undone(self, page, faces, found):
        item, name = found[0]["detection_id"], found[0]["label"]
        assert self.sent(page, "reject", [item])["labelled"] == 1
        seen = {row.get("detection_id"): row for row in rows(page, faces)}
        assert (seen[item]["label"], seen[item]["label_source"]) == (None, None)
        done = page.post("/api/undo")
        assert done["sentence"].startswith("undone: reject of 'name'")
        seen = {row.get("detection_id"): row for row in rows(page, faces)}
        assert seen[item]["label"] == name
        page.post("/api/redo")
        seen = {row.get("detection_id"): row for row in rows(page, faces)}
        assert seen[item]["label"] is None

    def test_unsure_is_shown(self, page, faces, found):
        item = found[0]["detection_id"]
        self.sent(page, "unsure", [item])
        seen = {row.get("detection_id"): row for row in rows(page, faces)}
        assert seen[item]["unsure"]


class TestHistory:
    def test_it_lists_actions_and_what_is_undone(self, page, faces):
        label(page, some(faces, (0, 3)), query="faces, by hand")
        label(page, some(faces, (0, 1)), None)
        page.post("/api/undo")
        said = page.get("/api/events")
        assert said["last_event"] == 3
        first, second, third = said["events"]
        assert (first["action"], first["value"], first["count"]) == ("label", "Ann", 3)
        assert (first["query"], first["undone"]) == ("faces, by hand", False)
        assert (second["value"], second["undone"]) == (None, True)
        assert (third["action"], third["about"]) == ("undo", 2)
        assert [one["event"] for one in page.get("/api/events", after=1, limit=1)["events"]] == [2]
        page.refused("/api/events", 400, limit=0)
        page.refused("/api/events", 400, after="x")

    def test_nothing_to_undo_is_no_error(self, page):
        done = page.post("/api/undo")
        assert (done["event"], done["sentence"]) == (None, "tester has nothing to undo")
        assert page.post("/api/redo")["event"] is None

    def test_others_keep_what_they_did(self, workbench, page, faces, path):
        label(page, some(faces, (0, 1)))
        with vq.open(path) as other:
            other.label([BOB], "name", "Bob", by="other")
        assert "by tester" in page.post("/api/undo")["sentence"]
        assert workbench.workbench.db.labels("name")["label"].to_pylist() == ["Bob"]


class TestSpans:
    @pytest.fixture
    def video(self, page):
        return page.get("/api/collection")["videos"][0]["video"]

    def spans(self, workbench):
        table = workbench.workbench.db.labels("ad").select(["start_us", "end_us", "label"])
        return [tuple(row.values()) for row in table.to_pylist()]

    def test_a_span_is_labelled_and_its_ends_are_moved(self, workbench, page, video):
        given = {"video": video, "start_us": 100_000, "end_us": 900_000, "concept": "ad"}
        done = page.post("/api/spans", {**given, "value": "yes"})
        assert done["labelled"] == 1
        moved = page.post("/api/spans/trim", {"span": given, "start_us": 0, "end_us": 500_000})
        assert moved["labelled"] == 1
        assert self.spans(workbench) == [(0, 500_000, "yes")]
        by_event = {"event": moved["event"], "start_us": 0, "end_us": 600_000}
        page.post("/api/spans/trim", by_event)
        assert self.spans(workbench) == [(0, 600_000, "yes")]
        for _ in range(2):
            page.post("/api/undo")
        assert self.spans(workbench) == [(100_000, 900_000, "yes")]

    def test_what_was_changed_meanwhile_is_refused(self, page, video):
        given = {"video": video, "start_us": 100_000, "end_us": 900_000, "concept": "ad"}
        trim = {"span": given, "start_us": 0, "end_us": 5}
        assert "changed meanwhile" in page.post("/api/spans/trim", trim, status=409)["error"]
        missing = {"event": 7, "start_us": 0, "end_us": 5}
        page.post("/api/spans/trim", missing, status=404)
        label(page, {"detection_ids": [ANN]})
        assert (
            "no span" in page.post("/api/spans/trim", missing | {"event": 1}, status=404)["error"]
        )
        page.post("/api/spans/trim", {"start_us": 0, "end_us": 5}, status=400)

    def test_spans_that_cannot_be_are_refused(self, workbench, page, video):
        given = {"video": video, "start_us": 5, "end_us": 9, "concept": "ad", "value": "yes"}
        for change in (
            {"end_us": 5},
            {"start_us": -1},
            {"start_us": 1.5},
            {"video": "../../etc/passwd"},
            {"end_us": 1 << 60},
        ):
            page.post("/api/spans", given | change, status=400)
        del given["value"]
        page.post("/api/spans", given, status=400)
        assert workbench.workbench.store.events() == []


@pytest.mark.parametrize(
    "path_", ["labels", "accept", "reject", "unsure", "undo", "redo", "spans", "spans/trim"]
)
def test_nothing_is_done_without_the_token_or_for_another_page(workbench, page, path_):
    body = json.dumps({}).encode()
    for headers in ({"X-VQuery-Token": None}, {"Origin": "https://elsewhere.example"}):
        assert page.ask("POST", f"/api/{path_}", body, headers).status == 403
    assert page.ask("GET", f"/api/{path_}").status == 405
