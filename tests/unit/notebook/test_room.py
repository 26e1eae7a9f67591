"""Messages of widgets: answered inside the process, whatever a page sends."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="widgets need the extra 'notebook'")

from vquery.api.opening import open as opened
from vquery.notebook.room import LONGEST_PATH, Room
from vquery.web.wire import LARGEST

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028"


class Page:
    """Sends messages as the page does and waits for the answers."""

    def __init__(self, room: Room) -> None:
        self.room, self.count = room, 0
        self.answers: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()

    def hear(self, message: Any, result: Any = None) -> None:
        self.room.hear(message, result, lambda said, content: self.answers.put((said, content)))

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        self.count += 1
        name = f"page:{self.count}"
        text = None if body is None else json.dumps(body)
        result = more.pop("result", None)
        told = {"kind": "ask", "id": name, "method": method, "path": path, "body": text} | more
        self.hear(told, result)
        said, content = self.answers.get(timeout=60)
        assert said["kind"] == "answer"
        assert said["id"] == name
        plain = said["type"] == "application/json"
        return said["status"], json.loads(content) if plain else content


@pytest.fixture
def page(path: Path) -> Iterator[Page]:
    room = Room(path, "tester")
    yield Page(room)
    room.close()
    room.close()  # again does nothing


def faces(page: Page, path: Path) -> Any:
    with opened(path) as db:
        return page.room.result(db.faces.collect(), "faces")


def test_pages_pictures_and_labels_come_without_a_server(page: Page, path: Path) -> None:
    result = faces(page, path)
    status, said = page.ask("GET", f"/api/results/{result.id}/rows?offset=0&limit=3")
    assert status == 200
    assert [row["row"] for row in said["rows"]] == [0, 1, 2]
    status, picture = page.ask("GET", f"/media/crop/{said['rows'][0]['detection_id']}.jpg")
    assert status == 200
    assert picture.startswith(b"\xff\xd8\xff")
    chosen = {"result": result.id, "ranges": [[0, 2]]}
    body = {"selection": chosen, "concept": "name", "value": HOSTILE}
    status, said = page.ask("POST", "/api/labels", body, action="once")
    assert (status, said["labelled"]) == (200, 2)
    again = page.ask("POST", "/api/labels", body, action="once")[1]
    assert again["event"] == said["event"]  # sent twice, done once
    with opened(path) as db:
        assert set(db.labels("name")["label"].to_pylist()) == {HOSTILE}
        assert set(db.labels("name")["by"].to_pylist()) == {"tester"}


def test_a_result_stays_as_long_as_its_widget_asks(page: Page, path: Path) -> None:
    result = faces(page, path)
    page.room.workbench.results._held.clear()
    address = f"/api/results/{result.id}/rows?limit=1"
    assert page.ask("GET", address)[0] == 404
    assert page.ask("GET", address, result=result)[0] == 200


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"kind": "ask", "path": "/"}, "'method' must be a text"),
        ({"kind": "ask", "method": "GET"}, "'path' must be a text"),
        ({"kind": "ask", "method": "GET", "path": "/" * (LONGEST_PATH + 1)}, "at most 16384"),
        ({"kind": "ask", "method": "GET", "path": "/", "body": {"a": 1}}, "'body' must be a text"),
        ({"kind": "ask", "method": "GET", "path": "/", "body": "a" * (LARGEST + 1)}, "'body'"),
        ({"kind": "ask", "method": "GET", "path": "/\ud800"}, "'path' must be a text"),
        ({"kind": "ask", "method": "GET", "path": "/", "action": "a" * 101}, "'action' must be"),
        ({"kind": "run", "method": "GET", "path": "/"}, "'kind' must be ask or cancel"),
        ({"kind": "ask", "method": "GET", "path": "/", HOSTILE: 1}, "a message has no field"),
        ({"kind": "ask", "method": "GET", "path": "https://elsewhere.org/"}, "starts with /"),
        ({"kind": "ask", "method": "GET", "path": "/api/é"}, "plain ASCII"),
        ({"kind": "ask", "method": "TRACE", "path": "/api/collection"}, "TRACE is not done here"),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(
    page: Page, message: dict[str, Any], said: str
) -> None:
    page.hear({"id": "x", **message})
    answered, content = page.answers.get(timeout=60)
    assert 400 <= answered["status"] < 500
    assert said in json.loads(content)["error"]


@pytest.mark.parametrize(
    "address",
    ["/", "/static/app.js", "/api/queries", "/media/video/a.avi", "/media/video/%2e%2e/x",
     "/media/frame/..%2f..%2fetc%2fpasswd?t_us=0", "/api/nonsense", "//"],
)  # fmt: skip
def test_what_is_not_for_widgets_is_not_there(page: Page, address: str) -> None:
    status, said = page.ask("GET", address)
    assert status == 404
    assert said["error"]


@pytest.mark.parametrize(
    "message", [None, 5, "ask", [], {}, {"id": 7}, {"id": ""}, {"id": "a" * 81}]
)
def test_messages_without_a_name_are_passed_over(
    page: Page, message: Any, caplog: pytest.LogCaptureFixture
) -> None:
    page.hear(message)
    assert page.ask("GET", "/api/collection")[0] == 200  # the room lives on
    assert page.answers.empty()
    assert "without a name" in caplog.text


def test_what_nobody_waits_for_is_given_up(page: Page) -> None:
    page.hear({"kind": "cancel", "id": "never asked"})
    wait = page.room.workbench.jobs.start("slow", lambda job: _until_cancelled(job))
    path = f"/api/jobs/{wait.id}?wait_s=10"
    page.hear({"kind": "ask", "id": "long", "method": "GET", "path": path})
    page.hear({"kind": "cancel", "id": "long"})
    assert page.ask("GET", "/api/collection")[0] == 200
    wait.cancel()
    assert page.answers.empty()
    _all_ended(page)


def _all_ended(page: Page) -> None:
    """Wait for every request: they run beside each other, in no order of their own."""
    for _ in range(3000):
        if not page.room._asked:  # an answer is told before its request counts as ended
            break
        time.sleep(0.01)
    assert page.room._asked == {}


def _until_cancelled(job: Any) -> dict[str, Any]:
    while True:
        job.check()
        time.sleep(0.01)


def test_an_answer_that_cannot_be_sent_ends_nothing(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: Any) -> None:
        raise RuntimeError("the notebook was closed")

    asked = {"kind": "ask", "id": "lost", "method": "GET", "path": "/api/collection"}
    page.room.hear(asked, None, gone)
    _all_ended(page)
    assert "could not be sent" in caplog.text
    assert page.ask("GET", "/api/collection")[0] == 200


def test_a_closed_room_answers_nothing_and_fails_nowhere(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    page.room.close()
    page.hear({"kind": "ask", "id": "late", "method": "GET", "path": "/api/collection"})
    assert page.answers.empty()
    assert "was closed" in caplog.text
