"""The processes of queries, where not even one can be started."""

from __future__ import annotations

import errno
import os

import pytest

from vquery.web import workers
from vquery.web.workers import MOST, Workers, explained


@pytest.fixture(scope="module", autouse=True)
def processes():
    """As many as there may be for people."""


class Child:
    """Stands for a process, which there is memory for or not."""

    room = False
    alive = True

    def __init__(self, *_):
        if not self.room:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def ready(self, wanted):
        assert wanted()

    def send(self, job):
        self.text = job["text"]

    def answer(self, *_):
        return {"plan": self.text}

    def kill(self):
        self.alive = False

    close = kill


def test_processes_that_cannot_be_started_fail_their_queries_and_no_later_ones(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(workers, "Child", Child)
    monkeypatch.setattr(workers, "WAIT_S", 10.0)
    own = Workers(tmp_path, [], tmp_path)
    for _ in range(MOST + 1):
        said = explained(own, "faces", 5)
        assert said == {
            "error": "no query can be run, since no process can be started: "
            f"[Errno {errno.ENOMEM}] {os.strerror(errno.ENOMEM)}"
        }
    monkeypatch.setattr(Child, "room", True)
    assert explained(own, "faces", 5) == {"plan": "faces"}
    own.close()
