"""Results a page at a time: orders, groups, labels of now, and rows that are chosen."""

from __future__ import annotations

import math
import shutil
import time
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.web.conftest import serve
from vquery.api.tables import Wanted, labels_of
from vquery.errors import SchemaError
from vquery.store.labels import label_rows
from vquery.web.labelled import COLUMNS
from vquery.web.orders import GROUPS
from vquery.web.results import Results
from vquery.web.selection import selected
from vquery.web.wire import Refused, dumped


@pytest.fixture(scope="module")
def labelled(indexed, tmp_path_factory):
    """A collection with labels, found and rejected ones, doubts, and one that contradicts."""
    copy = shutil.copytree(indexed, tmp_path_factory.mktemp("results") / "sample.vq")
    with serve(copy) as served:
        db, store = served.workbench.db, served.workbench.store
        tracks = db.faces.collect().to_pandas().groupby("track")["detection_id"].apply(list)
        first, second, third, *_ = tracks.tolist()
        db.label(first[:3], "name", "Ann")
        db.label(second[:2], "name", "Bob")
        db.label(third[:1], "name", None)
        db.propagate("name")
        db.label(first[-2:], "name", "Cleo")  # propagated as Ann
        db.label(second[-1:], "name", None)  # propagated as Bob
        wrong = label_rows(second[4:6], "Bob")
        store._events.append("reject", {"concept": "name"}, who="tester", rows=wrong)
        doubts = label_rows(first[5:6], None).select(["detection_id"])
        store._events.append("unsure", {"concept": "name"}, who="tester", rows=doubts)
        db.label(db.shots.limit(2), "kind", "news")
        yield served


def rows(client, result, **query):
    """All rows of a view, read page by page."""
    found = []
    while True:
        page = client.get(f"/api/results/{result}/rows", offset=len(found), limit=23, **query)
        found += page["rows"]
        if len(found) >= page["total"]:
            return found


def test_a_page_shows_rows_as_the_query_gave_them(labelled):
    result = labelled.client.run("faces.sort('score', 'start_us').limit(40)")
    found = rows(labelled.client, result["id"])
    assert [one["row"] for one in found] == list(range(40))
    said = labelled.workbench.db.query("faces.sort('score', 'start_us').limit(40)").collect()
    assert [one["detection_id"] for one in found] == said["detection_id"].to_pylist()
    one, own = found[3], said.slice(3, 1).to_pylist()[0]
    assert (one["video"], one["start_us"], one["end_us"]) == (
        own["video"],
        own["start_us"],
        own["end_us"],
    )
    assert one["box"] == pytest.approx([own[side] for side in ("x1", "y1", "x2", "y2")], abs=1e-5)
    assert one["score"] == pytest.approx(own["score"], abs=1e-5)
    assert one["more"].keys() == {"class", "name"}


def test_labels_of_a_page_are_those_of_the_collection(labelled):
    """What is joined to rows is what `labels_of` says, with its rejections."""
    moment = labelled.workbench.moment()
    ids = moment.snapshot.read("detections", columns=["detection_id"])["detection_id"].to_numpy()
    wanted = Wanted("name", detail=True)
    own = labels_of(moment.snapshot, moment.seeds, moment.rejected, ids, wanted)
    beside = labelled.workbench.beside(pa.table({"detection_id": ids}), "name")
    assert beside["label"].to_pylist() == own["name"].to_pylist()
    assert beside["probability"].to_pylist() == own["name_probability"].to_pylist()
    sources = zip(own["name_source"].to_pylist(), own["name"].to_pylist(), strict=True)
    told = [source if source == "human" or label is not None else None for source, label in sources]
    assert beside["label_source"].to_pylist() == told
    assert {"human", "propagated", None} <= set(told)


def test_a_column_alone_is_what_it_is_among_the_others(labelled):
    ids = labelled.workbench.db.faces.collect()["detection_id"].to_numpy()
    backwards = pa.table({"detection_id": [*ids[::-1], 7]})  # the last one is no detection
    for rows_ in (pa.table({"detection_id": ids}), backwards, backwards.slice(0, 0)):
        beside = labelled.workbench.beside(rows_, "name")
        assert beside.schema == COLUMNS
        for name in COLUMNS.names:
            alone = labelled.workbench.column(rows_, "name", name)
            assert alone.to_pylist() == beside[name].to_pylist(), name
    assert beside.num_rows == 0
    assert labelled.workbench.beside(backwards, "name")["conflict"].to_pylist().count(True) == 3


def test_what_a_page_asks_for_first_is_read_before_it_asks(labelled):
    started = labelled.workbench.jobs._register.all()[0]
    assert started.kind == "warm"
    until = time.monotonic() + 60
    while started.state == "running" and time.monotonic() < until:
        time.sleep(0.01)
    assert (started.state, started.error) == ("done", None)


def test_conflicts_doubts_and_margins(labelled):
    found = rows(labelled.client, labelled.client.run("faces")["id"])
    against = [one for one in found if one["conflict"]]
    assert sorted(str(one["label"]) for one in against) == ["Cleo", "Cleo", "None"]
    assert all(one["label_source"] == "human" for one in against)
    assert sum(one["unsure"] for one in found) == 1
    human = [one for one in found if one["label_source"] == "human"]
    assert {one["margin"] for one in human} == {1.0}
    assert all(one["margin"] is None or one["margin"] >= 0 for one in found)


def test_a_label_given_shows_at_once(labelled):
    result = labelled.client.run("faces.limit(3)")["id"]
    ids = [one["detection_id"] for one in rows(labelled.client, result)]
    labelled.workbench.db.label(ids[:1], "mood", "glad")
    assert [one["label"] for one in rows(labelled.client, result, concept="mood")] == [
        "glad",
        None,
        None,
    ]
    labelled.workbench.db.undo()
    assert [one["label"] for one in rows(labelled.client, result, concept="mood")] == [None] * 3


def test_spans_have_the_labels_of_what_covers_them(labelled):
    result = labelled.client.run("shots")
    found = rows(labelled.client, result["id"], concept="kind")
    assert [one["label"] for one in found] == ["news", "news", None, None]
    assert [one["label_source"] for one in found] == ["human", "human", None, None]
    assert "detection_id" not in found[0]
    assert "box" not in found[0]


@pytest.mark.parametrize("descending", [0, 1])
@pytest.mark.parametrize(
    "sort", ["row", "time", "score", "margin", "probability", "label", "conflict", "class", "track"]
)
def test_orders_are_stable_and_put_what_is_not_known_last(labelled, sort, descending):
    result = labelled.client.run("faces.sort('x1')")["id"]
    plain = rows(labelled.client, result)
    found = rows(labelled.client, result, sort=sort, descending=descending)

    def value(one):
        if sort == "time":
            return one["start_us"]
        return one["more"].get(sort) if sort == "class" else one.get(sort)

    def key(one):
        return (one["video"], value(one)) if sort == "time" else value(one)

    if sort == "time":  # videos stay in order, times within them are turned
        wanted = sorted(plain, key=lambda one: one["start_us"], reverse=bool(descending))
        wanted.sort(key=lambda one: one["video"])
    else:
        known = [one for one in plain if value(one) is not None]
        wanted = sorted(known, key=key, reverse=bool(descending))
        wanted += [one for one in plain if value(one) is None]
    assert [one["row"] for one in found] == [one["row"] for one in wanted]


def test_likeness_puts_tracks_that_look_alike_together(labelled):
    result = labelled.client.run("faces")["id"]
    found = rows(labelled.client, result, sort="cluster")
    assert sorted(one["row"] for one in found) == list(range(60))
    tracks = [one["track"] for one in found]
    changes = sum(a != b for a, b in pairwise(tracks))
    assert changes == len(set(tracks)) - 1
    groups = labelled.client.get(f"/api/results/{result}/groups", by="cluster")["groups"]
    assert 1 < len(groups) <= 3
    assert [one["key"] for one in groups] == list(range(1, len(groups) + 1))


@pytest.mark.parametrize("by", GROUPS)
def test_groups_are_the_runs_of_the_order(labelled, by):
    result = labelled.client.run("faces.sort('x1')")["id"]
    said = labelled.client.get(f"/api/results/{result}/groups", by=by)
    found = rows(labelled.client, result, sort=by)
    assert said["total"] == len(said["groups"])
    assert sum(group["count"] for group in said["groups"]) == 60
    at = 0
    for group in said["groups"]:
        members = found[at : at + group["count"]]
        assert members[0]["row"] == group["first_row"]
        if by != "cluster":
            assert {one[by] for one in members} == {group["key"]}
        at += group["count"]


def test_a_result_without_rows_has_no_groups(labelled):
    result = labelled.client.run("faces.filter(score > 2)")["id"]
    for by in GROUPS:
        said = labelled.client.get(f"/api/results/{result}/groups", by=by)
        assert said == {"groups": [], "total": 0}
    assert labelled.client.get(f"/api/results/{result}/rows", sort="cluster")["rows"] == []


def test_an_order_by_labels_stays_until_it_is_asked_for_anew(workbench):
    client, db = workbench.client, workbench.workbench.db
    result = client.run("faces.limit(4)")["id"]
    ids = [one["detection_id"] for one in rows(client, result)]
    db.label(ids[2:3], "name", "Ann")
    assert [one["row"] for one in rows(client, result, sort="label")] == [2, 0, 1, 3]
    db.label(ids[3:], "name", "Aaron")
    assert [one["row"] for one in rows(client, result, sort="label")] == [2, 0, 1, 3]
    assert [one["row"] for one in rows(client, result, sort="label", fresh=1)] == [3, 2, 0, 1]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ({"sort": "nothing"}, "no column 'nothing'"),
        ({"sort": "tags"}, "cannot be sorted"),
        ({"limit": 501}, "from 1 to 500"),
        ({"limit": 0}, "from 1 to 500"),
        ({"offset": -1}, "from 0"),
        ({"offset": "1e3"}, "whole number"),
        ({"offset": "9" * 25}, "whole number"),
        ({"descending": "yes"}, "one of 0, 1"),
        ({"sort": "a\0b"}, "zero character"),
    ],
)
def test_pages_that_cannot_be_are_refused(labelled, query, about):
    table = pa.table({"video": ["a"], "start_us": [0], "end_us": [1], "tags": [["x"]]})
    result = labelled.workbench.results.add(table, "made")
    assert about in labelled.client.refused(f"/api/results/{result.id}/rows", 400, **query)


def test_what_is_no_group_or_no_result_is_refused(labelled):
    result = labelled.client.run("shots")["id"]
    assert "no tracks" in labelled.client.refused(f"/api/results/{result}/groups", 400, by="track")
    assert "one of" in labelled.client.refused(f"/api/results/{result}/groups", 400, by="score")
    assert "run the query again" in labelled.client.refused("/api/results/unknown/rows", 404)
    assert labelled.client.get(f"/api/results/{result}")["total"] == 4


def test_a_page_beyond_the_end_is_empty(labelled):
    result = labelled.client.run("faces")["id"]
    for offset in (60, 10**12):
        page = labelled.client.get(f"/api/results/{result}/rows", offset=offset)
        assert page == {"total": 60, "offset": offset, "rows": []}


def test_odd_values_become_json(labelled):
    table = pa.table(
        {
            "video": ["a.mp4", "<script>"],
            "start_us": [0, 1],
            "end_us": [2, 3],
            "score": [math.nan, math.inf],
            "detection_id": pa.array([None, 5], pa.int64()),
            "raw": [b"\xff\x00", None],
            "long": ["x" * 5_000, None],
            "many": [list(range(900)), None],
            "time": pa.array([1, None], pa.timestamp("us")),
        }
    )
    result = labelled.workbench.results.add(table, "made").id
    first, second = rows(labelled.client, result)
    assert first["score"] is None
    assert "detection_id" not in first
    assert first["label"] is None
    assert len(first["more"]["long"]) == 4_001
    assert first["more"]["many"][-1] == "… 400 more"
    assert first["more"]["raw"] == "2 bytes"
    assert second["video"] == "<script>"
    assert second["detection_id"] == 5
    assert dumped({"a": np.float32("nan"), "b": [np.int64(2)]}) == b'{"a":null,"b":[2]}'


def test_the_results_used_least_lately_are_let_go(labelled):
    table = pa.table({"video": ["a"], "start_us": [0], "end_us": [1]})
    held = Results(count=2)
    first, second = held.add(table, "1"), held.add(table, "2")
    assert held.get(first.id) is first
    third = held.add(table, "3")
    assert held.get(first.id) is first
    assert held.get(third.id) is third
    with pytest.raises(Refused) as refused:
        held.get(second.id)
    assert refused.value.status == 404
    small = Results(size=30)
    a, b = small.add(table, "1"), small.add(table, "2")
    assert small.get(b.id) is b
    with pytest.raises(Refused):
        small.get(a.id)
    with pytest.raises(SchemaError, match="no column 'video'"):
        held.add(pa.table({"a": [1]}), "x")


def chosen(served, selection, concept="name"):
    return selected(served.workbench, selection, concept)


def test_positions_are_those_of_the_view(labelled):
    result = labelled.client.run("faces.sort('x1')")["id"]
    view = rows(labelled.client, result, sort="score", descending=1)
    given = {
        "result": result,
        "sort": "score",
        "descending": True,
        "ranges": [[2, 5], [10, 11], [4, 6]],
    }
    found = chosen(labelled, given)
    assert found.rows.tolist() == [view[at]["row"] for at in (2, 3, 4, 5, 10)]
    assert found.ids.tolist() == [view[at]["detection_id"] for at in (2, 3, 4, 5, 10)]
    assert found.query == "faces.sort('x1')"
    assert found.table()["detection_id"].to_pylist() == found.ids.tolist()


def test_all_but_some(labelled):
    result = labelled.client.run("faces")["id"]
    assert len(chosen(labelled, {"result": result, "all": True}).ids) == 60
    found = chosen(labelled, {"result": result, "all": True, "except": [[0, 58]]})
    assert found.rows.tolist() == [58, 59]


def test_spans_are_chosen_by_their_rows(labelled):
    result = labelled.client.run("shots")["id"]
    found = chosen(labelled, {"result": result, "ranges": [[1, 3]]})
    assert found.ids is None
    assert found.spans().column_names == ["video", "start_us", "end_us"]
    assert found.spans().num_rows == 2


def test_a_detection_that_is_in_several_rows_counts_once(labelled):
    table = pa.table(
        {"video": ["a"] * 3, "start_us": [0] * 3, "end_us": [1] * 3, "detection_id": [7, 5, 7]}
    )
    result = labelled.workbench.results.add(table, "made").id
    assert chosen(labelled, {"result": result, "all": True}).ids.tolist() == [7, 5]
    named = chosen(labelled, {"detection_ids": [9, 3, 9]})
    assert named.ids.tolist() == [9, 3]
    assert named.query is None


@pytest.mark.parametrize(
    ("selection", "about"),
    [
        ({}, "'result' must be a text"),
        ({"result": "?", "ranges": []}, "nothing is selected"),
        ({"result": "?", "all": True, "except": [[0, 60]]}, "nothing is selected"),
        ({"result": "?", "ranges": [[0, 61]]}, "within 0 to 60"),
        ({"result": "?", "ranges": [[-1, 3]]}, "within 0 to 60"),
        ({"result": "?", "ranges": [[3, 1]]}, "within 0 to 60"),
        ({"result": "?", "ranges": [[0.5, 1]]}, "within 0 to 60"),
        ({"result": "?", "ranges": [[True, 2]]}, "within 0 to 60"),
        ({"result": "?", "ranges": "all"}, "must be a list"),
        ({"result": "?", "all": 1}, "must be true or false"),
        ({"result": "?", "sort": "nothing", "ranges": [[0, 1]]}, "no column 'nothing'"),
        ({"result": "?", "rows": [1]}, "no field 'rows'"),
        ({"detection_ids": []}, "1 to 100,000"),
        ({"detection_ids": [0]}, "whole numbers from 1"),
        ({"detection_ids": ["7"]}, "whole numbers from 1"),
        ({"detection_ids": [1] * 100_001}, "1 to 100,000"),
    ],
)
def test_selections_that_cannot_be_are_refused(labelled, selection, about):
    result = labelled.client.run("faces")["id"]
    given = {**selection, "result": result} if selection.get("result") == "?" else selection
    with pytest.raises(Refused, match=about):
        chosen(labelled, given)


def test_a_view_by_labels_that_was_never_shown_cannot_be_chosen_from(labelled):
    result = labelled.client.run("faces.limit(20)")["id"]
    with pytest.raises(Refused) as refused:
        chosen(labelled, {"result": result, "sort": "margin", "ranges": [[0, 1]]})
    assert refused.value.status == 409
    view = rows(labelled.client, result, sort="margin")
    found = chosen(labelled, {"result": result, "sort": "margin", "ranges": [[0, 2]]})
    assert found.rows.tolist() == [one["row"] for one in view[:2]]


def test_rows_that_are_no_detections_are_not_labelled_as_such(labelled):
    table = pa.table(
        {
            "video": ["a"],
            "start_us": [0],
            "end_us": [1],
            "detection_id": pa.array([None], pa.int64()),
        }
    )
    result = labelled.workbench.results.add(table, "made").id
    with pytest.raises(Refused, match="no detections"):
        chosen(labelled, {"result": result, "all": True})


def test_what_a_collection_holds_is_told_with_what_changed(workbench):
    client = workbench.client
    before = client.get("/api/collection")
    assert [one["video"] for one in before["videos"]] == ["a.mp4", "b.mp4"]
    assert before["labels"] == []
    tables = {one["name"]: one for one in before["tables"]}
    assert tables["faces"]["rows"] == 60
    assert {"name": "score", "type": "float"} in tables["faces"]["columns"]
    assert "uri" not in before["videos"][0]
    workbench.workbench.db.label(workbench.workbench.db.faces.limit(3), "name", "Ann")
    workbench.workbench.db.label(workbench.workbench.db.shots.limit(1), "kind", None)
    after = client.get("/api/collection")
    assert after["last_event"] == before["last_event"] + 2
    assert after["labels"] == [
        {"concept": "kind", "values": [{"value": None, "count": 1}]},
        {"concept": "name", "values": [{"value": "Ann", "count": 3}]},
    ]
    assert after["label_concepts"] == ["name", "kind"]
