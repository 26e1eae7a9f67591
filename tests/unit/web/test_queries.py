"""Queries run in processes of their own: waited for, ended, explained, completed, kept by name."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from unittest import mock

import pytest

from tests.unit.web.conftest import serve
from vquery.web import workers
from vquery.web.folders import LOCK

FILE = """
import time

import numpy as np

from vquery import concept


@concept
def slow(faces):
    time.sleep(600)
    return faces


@concept
def large(faces):
    kept = [np.ones(1 << 24) for _ in range(3)]
    time.sleep(600)
    return faces.limit(len(kept))


@concept
def ending(faces):
    import os
    os._exit(3)


@concept(label="Ann")
def first_ten(faces):
    print("what a function prints goes elsewhere")
    return faces.limit(10)
"""


@pytest.fixture(scope="module", autouse=True)
def processes():
    """As many as there may be for people, though none waits ready."""
    with mock.patch.object(workers, "READY", 0):
        yield


@pytest.fixture
def own(path, tmp_path):
    """Serve a collection with concepts of a file."""
    file = tmp_path / "concepts.py"
    file.write_text(FILE)
    from vquery.engine.concept import REGISTRY

    with serve(path, files=(file,)) as served:
        yield served
    for name in ("slow", "large", "ending", "first_ten"):
        if name in REGISTRY:
            REGISTRY.remove(name)


def ended(client, text):
    """Run a query to its end, whatever that is."""
    return client.ended("queries", client.post("/api/queries", {"text": text})["query"])


def test_a_query_gives_a_result(workbench):
    said = ended(workbench.client, "faces.filter(score > 0.5).limit(7)")
    assert said["state"] == "done"
    assert said["seconds"] > 0
    result = said["result"]
    assert result["total"] == 7
    assert result["videos"] == 1
    assert result["detections"] is True
    assert result["text"] == "faces.filter(score > 0.5).limit(7)"
    assert {"name": "score", "type": "float"} in result["columns"]
    assert "cut" not in result


def test_a_query_without_rows_and_one_without_detections(workbench):
    assert workbench.client.run("faces.filter(score > 2)")["total"] == 0
    assert workbench.client.run("shots")["detections"] is False


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("faces.filter(scor > 0.5)", 1, 14),
        ("faces\n  .filter(scor > 0.5)", 2, 11),
        ("faces.filter(", 1, 13),
        ("nothing.limit(2)", 1, 1),
    ],
)
def test_an_error_says_where(workbench, text, line, column):
    said = ended(workbench.client, text)
    assert said["state"] == "failed"
    assert (said["line"], said["column"]) == (line, column), said
    answer = workbench.client.ask(
        "GET", "/api/explain?text=" + text.replace("\n", "%0A").replace(" ", "+")
    )
    assert answer.status == 422
    assert answer.json == {"error": said["error"], "line": line, "column": column}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch {}')",
        "open('{}', 'w')",
        "exec(\"open('{}', 'w')\")",
        "faces.__class__.__mro__",
        "faces._node",
        "faces.filter((lambda: open('{}', 'w'))())",
        "faces.to_pandas().to_csv('{}')",
        "faces.collect()",
        "db.save('x', faces)",
        "[x for x in (1, 2)]",
        "faces.filter(f'{{open}}' == name)",
        "faces.limit(10 ** 10 ** 10)",
        "(" * 500 + "faces" + ")" * 500,
        "faces" + ".limit(1)" * 2_000,
        "-" * 15_000 + "1",
        "'" + "a" * 19_000 + "'",
        "<script>alert(1)</script>",
        "faces; faces",
        "\u202efaces",
        "\ud83d\ude00",
    ],
)
def test_hostile_text_is_refused_with_a_sentence_and_does_nothing(reading, tmp_path, text):
    mark = tmp_path / "was here"
    said = ended(reading.client, text.replace("{}", str(mark)))
    assert said["state"] == "failed", said
    assert said["error"]
    assert "Traceback" not in said["error"]
    assert not mark.exists()
    assert reading.client.run("faces.limit(2)")["total"] == 2


@pytest.fixture(scope="module")
def reading(indexed):
    with serve(indexed) as served:
        yield served


def test_what_cannot_be_a_query_is_refused_at_once(reading):
    for text in ("", "  \n", "x" * 20_001):
        said = reading.client.post("/api/queries", {"text": text}, status=422)
        assert said["error"]
    assert "no such query" in reading.client.refused("/api/queries/unknown", 404)


def test_a_wait_is_bounded(reading):
    query = reading.client.post("/api/queries", {"text": "faces"})["query"]
    for wait in ("11", "-1", "nan", "x"):
        assert "'wait_s='" in reading.client.refused(f"/api/queries/{query}", 400, wait_s=wait)


def test_one_slow_query_does_not_hold_up_others_and_can_be_cancelled(own):
    client = own.client
    own.workbench.limit_s = 600.0
    first = client.post("/api/queries", {"text": "slow"})["query"]
    again = client.post("/api/queries", {"text": "slow.limit(2)"})["query"]
    began = time.monotonic()
    for _ in range(4):
        assert client.run("faces.limit(3)")["total"] == 3
    assert client.get("/api/explain", text="faces")["plan"]
    assert time.monotonic() - began < 500  # and not the 600 s that the slow ones take
    assert client.get(f"/api/queries/{first}")["state"] == "running"
    for query in (first, again):
        assert client.delete(f"/api/queries/{query}")["state"] == "cancelled"
        assert client.get(f"/api/queries/{query}", wait_s=10)["state"] == "cancelled"
    assert client.run("faces.limit(4)")["total"] == 4


def test_a_query_that_takes_too_long_is_ended(own):
    own.workbench.limit_s = 0.3
    said = ended(own.client, "slow")
    assert said["state"] == "failed"
    assert "took longer than 0.3 s" in said["error"]
    own.workbench.limit_s = 60.0
    assert own.client.run("faces.limit(2)")["total"] == 2


def test_a_query_that_needs_too_much_memory_is_ended(own, monkeypatch):
    assert own.client.run("faces.limit(2)")["total"] == 2
    monkeypatch.setattr(workers, "memory_limit", lambda: 350 << 20)
    said = ended(own.client, "large")
    assert said["state"] == "failed"
    assert "needed more than 350 MiB" in said["error"]
    monkeypatch.undo()
    assert own.client.run("faces.limit(2)")["total"] == 2


def test_a_process_that_ends_is_replaced(own):
    said = ended(own.client, "ending")
    assert said["state"] == "failed"
    assert "ended" in said["error"]
    for child in children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # those that wait for a query, too
    assert own.client.run("faces.limit(2)")["total"] == 2


def children():
    """List the workers that this process started; other tests may have left children of theirs."""
    tasks = Path("/proc/self/task").iterdir()
    every = [each for task in tasks for each in _content(task / "children").split()]
    return [
        int(each)
        for each in every
        if b"vquery.web.worker" in _content(f"/proc/{int(each)}/cmdline")
    ]


def _content(file):
    """Read what the kernel says of a thread or process, which may have ended meanwhile."""
    try:
        return Path(file).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_concepts_of_a_file_run_by_name(own):
    assert own.client.run("first_ten.limit(4)")["total"] == 4
    listed = own.client.get("/api/collection")["concepts"]
    assert {"name": "first_ten", "kind": "registered"} in listed


def test_plain_functions_of_a_file_are_queries_too(own, tmp_path):
    file = tmp_path / "concepts.py"
    file.write_text(
        FILE + "\n\ndef few(faces, most=3):\n    return faces.limit(most)\n\n\n"
        "def kept(rows):\n    return rows\n"
    )
    assert own.client.run("few")["total"] == 3
    assert own.client.run("few.limit(2)")["total"] == 2
    listed = [one["name"] for one in own.client.get("/api/collection")["concepts"]]
    assert "few" in listed
    assert "kept" not in listed  # its parameter is no table
    assert "'rows'" in ended(own.client, "kept")["error"]
    offered = own.client.get("/api/complete", text="fe", at=2)["options"]
    assert {"text": "few", "kind": "concept", "detail": "a function of a file"} in offered
    named = {"name": "few", "text": "faces"}
    assert "function of a file" in own.client.post("/api/concepts", named, status=422)["error"]


def test_an_edited_file_is_read_again_by_the_next_query(own, tmp_path):
    file = tmp_path / "concepts.py"
    for most in (2, 7, 4):  # of one length, and within a second
        file.write_text(FILE.replace("limit(10)", f"limit({most})"))
        assert own.client.run("first_ten")["total"] == most
    file.write_text(FILE.replace("return faces.limit(10)", "return faces.limit("))
    broken = ended(own.client, "faces.limit(1)")
    assert broken["state"] == "failed"
    assert str(file) in broken["error"]
    assert own.client.get("/api/collection")["name"]
    file.write_text(f"{FILE}\nraise SystemExit\n")
    assert "SystemExit" in ended(own.client, "faces.limit(1)")["error"]
    assert own.client.get("/api/collection")["name"]
    file.write_text(FILE.replace("def first_ten", "def first"))
    assert own.client.run("first")["total"] == 10
    assert "no concept 'first_ten'" in ended(own.client, "first_ten")["error"]
    file.write_text(FILE)


def test_labels_given_since_are_seen_by_the_next_query(workbench):
    client = workbench.client
    assert client.run('faces.filter(name == "Ann")')["total"] == 0
    workbench.workbench.db.label(workbench.workbench.db.faces.limit(5), "name", "Ann")
    assert client.run('faces.filter(name == "Ann")')["total"] == 5


def test_a_result_of_more_rows_than_are_kept_says_so(tmp_path, monkeypatch):
    import pyarrow as pa

    from vquery.web import worker

    monkeypatch.setattr(worker, "MOST_ROWS", 3)
    table = pa.table({"video": ["a"] * 5, "start_us": range(5), "end_us": range(5)})
    assert worker._kept(table, tmp_path / "rows.arrow") == {"rows": 3, "of": 5}
    with pa.memory_map(str(tmp_path / "rows.arrow")) as file:
        assert pa.ipc.open_file(file).read_all()["start_us"].to_pylist() == [0, 1, 2]


def test_temporary_files_do_not_stay(workbench):
    for _ in range(3):
        workbench.client.run("faces")
    assert [path.name for path in workbench.workbench.folder.iterdir()] == [LOCK]
    assert workbench.workbench.folder.stat().st_mode & 0o077 == 0


def test_explain_gives_the_plan(reading):
    plan = reading.client.get("/api/explain", text="faces.filter(score > 0.5)")["plan"]
    assert "filter" in plan
    assert "scan faces" in plan


@pytest.mark.parametrize(
    ("text", "at", "first", "kind"),
    [
        ("fac", 3, "faces", "table"),
        ("faces.fi", 8, "filter", "method"),
        ("faces.filter(sc", 15, "score", "column"),
        ("faces.filter(row.tr", 19, "track", "column"),
        ('faces.group_by("track").ag', 26, "agg", "method"),
        ("faces.filter(name.sta", 21, "startswith", "method"),
        ("db.shot", 7, "shots", "table"),
        ("vq.time_ov", 10, "time_overlaps", "function"),
        ("faces.join(faces, predicate=over", 32, "overlaps", "function"),
    ],
)
def test_completion_offers_what_may_stand_there(reading, text, at, first, kind):
    said = reading.client.get("/api/complete", text=text, at=at)
    assert said["options"][0]["text"] == first
    assert said["options"][0]["kind"] == kind
    assert said["to"] == len(text)


def test_completion_replaces_the_word_that_it_stands_in_and_leaves_texts_alone(reading):
    said = reading.client.get("/api/complete", text="faces.filt(score)", at=8)
    assert (said["from"], said["to"]) == (6, 10)
    assert [one["text"] for one in said["options"]] == ["filter"]
    assert (
        reading.client.get("/api/complete", text='faces.filter(name == "sc', at=24)["options"] == []
    )
    assert "'at='" in reading.client.refused("/api/complete", 400, text="faces", at=9)


def test_what_completion_offers_runs(reading):
    """Every method of a relation that is offered is one that a text may call."""
    from vquery.engine.words import METHODS, Intervals

    said = reading.client.get("/api/complete", text="faces.", at=6)
    assert {one["text"] for one in said["options"]} == METHODS[Intervals]


def test_a_text_is_kept_by_name_and_used_by_others(workbench, path):
    client = workbench.client
    assert client.post("/api/concepts", {"name": "sure", "text": "faces.filter(score > 0.5)"})[
        "event"
    ]
    client.post("/api/concepts", {"name": "few", "text": "sure.limit(4)"})
    assert client.run("few.limit(3)")["total"] == 3
    client.post("/api/concepts", {"name": "sure", "text": "faces.limit(2)"})
    assert client.run("few")["total"] == 2
    saved = {one["name"]: one for one in client.get("/api/collection")["concepts"]}
    assert saved["sure"] == {"name": "sure", "kind": "saved text", "text": "faces.limit(2)"}
    options = client.get("/api/complete", text="fe", at=2)["options"]
    assert {"text": "few", "kind": "concept", "detail": "sure.limit(4)"} in options
    with serve(path) as again:
        assert again.client.run("few")["total"] == 2


@pytest.mark.parametrize(
    ("name", "text", "about"),
    [
        ("a", "b.limit(1)", "need itself: a → b → a"),
        ("b", "b", "need itself"),
        ("faces", "shots", "a table"),
        ("count", "shots", "a word of queries"),
        ("lambda", "shots", "a word of Python"),
        ("two words", "shots", "cannot name"),
        ("<b>", "shots", "cannot name"),
        ("x" * 101, "shots", "cannot name"),
        ("c", "faces.nothing()", "nothing"),
        ("c", "faces.filter(", "never closed"),
        ("c", " ", "empty"),
    ],
)
def test_what_cannot_be_kept_is_refused(keeping, name, text, about):
    before = keeping.client.get("/api/collection")
    said = keeping.client.post("/api/concepts", {"name": name, "text": text}, status=422)
    assert about in said["error"]
    assert keeping.client.get("/api/collection") == before


@pytest.fixture(scope="module")
def keeping(indexed, tmp_path_factory):
    import shutil

    copy = shutil.copytree(indexed, tmp_path_factory.mktemp("keeping") / "sample.vq")
    with serve(copy) as served:
        served.client.post("/api/concepts", {"name": "a", "text": "faces"})
        served.client.post("/api/concepts", {"name": "b", "text": "a"})
        yield served


def test_a_kept_text_that_no_longer_runs_says_which(workbench):
    client = workbench.client
    workbench.workbench.store.append("concept", {"name": "old", "text": "gone.limit(1)"}, who="x")
    said = ended(client, "old.limit(2)")
    assert said["state"] == "failed"
    assert "in the saved concept 'old'" in said["error"]
    assert "line" not in said


def test_two_at_once_are_both_answered(reading):
    names = [
        reading.client.post("/api/queries", {"text": f"faces.limit({n})"})["query"]
        for n in range(1, 13)
    ]
    totals = [reading.client.ended("queries", name)["result"]["total"] for name in names]
    assert totals == list(range(1, 13))
