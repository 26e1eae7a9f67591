"""Collections to test with, and processes to kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import util
from pathlib import Path

import pytest

from vquery.store import Store

SCRIPT = Path(__file__).with_name("store_processes.py")


@pytest.fixture(scope="session")
def made():
    """The module that makes rows and videos."""
    spec = util.spec_from_file_location("store_processes", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "news.vq")


@pytest.fixture
def filled(store, made):
    """A collection with three videos."""
    made.add_videos(store, 3)
    return store


@pytest.fixture
def change_catalog(store):
    """Runs a statement on the catalog behind the collection's back."""

    def change(statement):
        with closing(sqlite3.connect(store.path / "catalog.sqlite")) as db, db:
            db.execute(statement)

    return change


class Job:
    """One process doing one job."""

    def __init__(self, jobs, pid, out):
        self.jobs, self.pid, self.out = jobs, pid, out

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        return self.jobs.ask({"wait": self.pid})

    def result(self):
        code = self.jobs.ask({"wait": self.pid})
        assert code == 0, f"the process ended with {code}"
        return self.out.read_text()


class Jobs:
    """Start jobs in processes of their own."""

    def __init__(self, server, folder):
        self.server, self.folder, self.count = server, folder, 0

    def ask(self, order):
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def start(self, job, **arguments):
        self.count += 1
        out = self.folder / f"{self.count}.out"
        given = {k: str(v) if isinstance(v, Path) else v for k, v in arguments.items()}
        return Job(self, self.ask({"job": job, "arguments": given, "out": str(out)}), out)

    def run(self, job, **arguments):
        return self.start(job, **arguments).result()


@pytest.fixture(scope="session")
def jobs(tmp_path_factory):
    server = subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Jobs(server, tmp_path_factory.mktemp("jobs"))
    server.stdin.close()
    server.stdout.close()
    server.wait(60)


@pytest.fixture
def wait_for():
    def wait(path, limit_s=60):
        end = time.monotonic() + limit_s
        while not path.exists():
            assert time.monotonic() < end, f"{path} never came"
            time.sleep(0.005)

    return wait
