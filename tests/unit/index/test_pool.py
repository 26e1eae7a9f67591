from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from vquery.errors import VQueryError
from vquery.index import pool
from vquery.index.jobs import Job, Outcome, Settings
from vquery.index.pool import run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport
    from vquery.store.store import Store

    Index = Callable[..., IndexReport]
    Film = Callable[..., Path]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Every worker process that the pool starts."""
    processes: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def recorded(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(pool.subprocess, "Popen", recorded)
    return processes


LONG = 8000
"""Frames that keep a worker busy for seconds: until a test that gets no turn has one again."""


class Killer:
    """Kills the worker of one video as soon as it tells of its progress."""

    def __init__(self, video: str, started: list[subprocess.Popen[str]]) -> None:
        self.video = video
        self.started = started
        self.killed = 0

    def planned(self, videos: int, frames: int | None) -> None:
        pass

    def advanced(self, video: str, done: int, announced: int | None) -> None:
        if video == self.video and not self.killed:
            self.killed = 1
            for process in self.started:
                process.kill()

    def finished(self, outcome: Outcome) -> None:
        pass


def test_a_worker_that_dies_fails_its_video_and_the_next_run_completes(
    index: Index,
    store: Store,
    videos: Path,
    make_film: Film,
    started: list[subprocess.Popen[str]],
) -> None:
    make_film(videos / "long.avi", frames=LONG)
    for number in range(3):
        make_film(videos / f"{number}.avi", seed=number)
    killer = Killer("long.avi", started)
    report = index(workers=2, progress=killer)
    assert killer.killed
    assert "killed by signal 9" in report.failed["long.avi"]
    assert len(report.failed) <= 2  # the other worker may have been at work, too
    assert report.indexed == 4 - len(report.failed)
    assert all(process.poll() is not None for process in started)
    again = index(workers=2)
    assert (again.failed, again.indexed) == ({}, len(report.failed))
    with store.snapshot() as snapshot:
        assert snapshot.read("frames").num_rows == LONG + 3 * 30


def job(store: Store, path: Path) -> Job:
    return Job(str(store.path), path.name, 1, str(path), "video", Settings(faces="none"))


def test_closing_ends_the_workers_at_once(
    store: Store, videos: Path, make_film: Film, started: list[subprocess.Popen[str]]
) -> None:
    frames = (30, LONG, LONG)
    jobs = [job(store, make_film(videos / f"{n}.avi", frames=frames[n])) for n in range(3)]
    with closing(run_jobs(jobs, workers=2)) as outcomes:
        assert next(outcomes).video == "0.avi"
    # at once: in the middle of their videos, which they would have ended at with 0
    assert [process.poll() for process in started] == [-signal.SIGKILL] * 2


def test_a_worker_that_cannot_start_is_one_error(
    store: Store, videos: Path, make_film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(store, make_film(videos / f"{n}.avi")) for n in range(2)]
    monkeypatch.setattr(pool.sys, "executable", "/bin/false")
    with pytest.raises(VQueryError, match="ended with status 1 before it could start"):
        list(run_jobs(jobs, workers=2))


def test_files_where_the_caller_stands_are_not_imported(
    index: Index, videos: Path, make_film: Film, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_film(videos / "a.avi")
    make_film(videos / "b.avi", seed=1)
    for name in ("queue.py", "json.py", "cv2.py", "vquery.py"):
        (tmp_path / name).write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert index(workers=2).indexed == 2


def test_the_worker_says_nothing_but_its_protocol_and_ends_with_its_input(
    store: Store, videos: Path, make_film: Film
) -> None:
    asked = job(store, make_film(videos / "a.avi")).to_json()
    worker = subprocess.Popen(
        [sys.executable, "-m", "vquery.index.worker", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    with worker:
        assert "ready" in worker.stdout.readline()
        worker.stdin.write(asked + "\n")
        worker.stdin.flush()
        assert any("outcome" in line for line in iter(worker.stdout.readline, ""))
        worker.stdin.close()
        assert worker.wait(60) == 0
        assert (worker.stdout.read(), worker.stderr.read()) == ("", "")


ORPHANED = """
import os, sys, threading
from pathlib import Path
from vquery.index import pool
from vquery.index.jobs import Job
jobs = [Job.from_json(line) for line in sys.stdin]
pids = []
popen = pool.subprocess.Popen
def recorded(*arguments, **options):
    process = popen(*arguments, **options)
    pids.append(process.pid)
    return process
pool.subprocess.Popen = recorded
def die(video, done, announced):
    print(*pids, flush=True)
    os.kill(os.getpid(), 9)
list(pool.run_jobs(jobs, workers=2, progress=die))
"""


def test_orphaned_workers_end_by_themselves(store: Store, videos: Path, make_film: Film) -> None:
    jobs = [job(store, make_film(videos / f"{n}.avi", frames=LONG, seed=n)) for n in range(2)]
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ORPHANED)],
        input="\n".join(one.to_json() for one in jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    pids = [int(pid) for pid in ended.stdout.split()]
    assert ended.returncode == -9
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ended.stderr == ""
    written = [path for path in (store.path / "parts").rglob("*") if path.is_file()]
    assert not [path for path in written if path.parent.name == "shots"], "they went on to the end"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
