"""Kill the workbench in the middle of a thousand bulk labels: what it acknowledged is there."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from vquery.store.store import Store

pytest.importorskip("starlette", reason="the workbench needs the extra 'serve'")
pytest.importorskip("uvicorn", reason="the workbench needs the extra 'serve'")

ACTIONS, CLIENTS, KILL_AFTER, AGAIN = 1000, 4, 120, 10


class Process:
    """``vquery serve`` in a process of its own, and what its page knows."""

    def __init__(self, path: Path) -> None:
        line = [sys.executable, "-m", "vquery.cli", "serve", str(path), "--no-open", "--by", "me"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.host = urlsplit(self.address).netloc
        self.token = parse_qs(urlsplit(self.address).query)["token"][0]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """Send a request as the page does; anything but 200 fails."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        given = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, given, headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, said
        return said

    def label(self, faces: list[int], value: str) -> dict[str, Any]:
        """Label some detections; the value is the name of the action as well."""
        headers = {"X-VQuery-Token": self.token, "X-VQuery-Action": value}
        headers |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        body = {"selection": {"detection_ids": faces}, "concept": "name", "value": value}
        return dict(json.loads(self.ask("POST", "/api/labels", body, **headers)))

    def end(self, how: signal.Signals) -> int:
        """End the process and wait for it."""
        self.process.send_signal(how)
        try:
            return self.process.wait(120)
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextmanager
def served(path: Path) -> Iterator[Process]:
    """Serve a collection; ^C ends it, without an error."""
    process = Process(path)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            assert process.end(signal.SIGINT) == 0


def label_until_killed(
    process: Process, chosen: Callable[[int], list[int]]
) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Label from several clients and kill the server; return what was acknowledged, and sent."""
    acknowledged: dict[str, dict[str, Any]] = {}
    sent: set[str] = set()
    numbers, enough = iter(range(ACTIONS)), threading.Event()
    turn = threading.Lock()

    def client() -> None:
        while True:
            with turn:
                number = next(numbers, None)
            if number is None:
                return
            value = f"v{number}"
            sent.add(value)
            try:
                acknowledged[value] = process.label(chosen(number), value)
            except (OSError, http.client.HTTPException):
                return
            if len(acknowledged) >= KILL_AFTER:
                enough.set()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    assert enough.wait(120)
    assert process.end(signal.SIGKILL) == -signal.SIGKILL
    for each in clients:
        each.join(60)
    return acknowledged, sent


@pytest.mark.slow
def test_acknowledged_labels_outlive_a_kill_and_none_is_there_twice(path: Path) -> None:
    with Store.open(path).snapshot() as snapshot:
        faces = snapshot.read("detections")["detection_id"].to_pylist()
    size = len(faces) // 2

    def chosen(number: int) -> list[int]:
        return list(
            itertools.islice(
                itertools.cycle(faces), number % len(faces), number % len(faces) + size
            )
        )

    process = Process(path)
    acknowledged, sent = label_until_killed(process, chosen)
    assert KILL_AFTER <= len(acknowledged) < ACTIONS, "it was not killed in the middle"

    store = Store.open(path)
    events = list(store.events())
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))
    values = Counter(event.rows["label"][0].as_py() for event in events if event.rows is not None)
    assert set(values.values()) == {1}
    assert set(acknowledged) <= set(values) <= sent
    by_id = {event.event_id: event for event in events}
    for value, said in acknowledged.items():
        rows = by_id[said["event"]].rows
        assert rows is not None
        assert sorted(rows["detection_id"].to_pylist()) == sorted(chosen(int(value[1:])))
        assert set(rows["label"].to_pylist()) == {value}

    # what was not answered, and some that was, is sent again: it is there once in all
    unanswered = sent - set(acknowledged)
    with served(path) as again:
        for value in [*unanswered, *list(acknowledged)[:AGAIN]]:
            said = again.label(chosen(int(value[1:])), value)
            assert said["event"] == acknowledged.get(value, said)["event"]
    after = list(Store.open(path).events())
    assert Counter(event.rows["label"][0].as_py() for event in after) == Counter(sent)
