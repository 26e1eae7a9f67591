"""Spread jobs over worker processes, one video at a time each."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vquery.errors import VQueryError
from vquery.index.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from vquery.index.jobs import Job

    Progress = Callable[[str, int, int | None], None]

END_S = 5.0
"""How long a worker that is told to end may take."""


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job], *, workers: int, progress: Progress | None = None
) -> Generator[Outcome]:
    """Yield an outcome for each job as it is done, in no particular order.

    A worker that dies (killed, out of memory) gives an outcome with an error for its job, and
    the next job gets a new one. With one worker the jobs run in this process. Closing the
    generator ends the workers.

    ``progress`` is called in the caller's thread with video, frames done and frames announced.

    Raises
    ------
    VQueryError
        If a worker process cannot be started.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from _here(jobs, progress)
        return
    pool = _Pool(jobs, min(workers, len(jobs)))
    try:
        yield from pool.outcomes(progress)
    finally:
        pool.end()


def _here(jobs: Sequence[Job], progress: Progress | None) -> Iterator[Outcome]:
    from vquery.index import work

    for job in jobs:
        report = None
        if progress is not None:

            def report(done: int, announced: int | None, video: str = job.video) -> None:
                progress(video, done, announced)

        yield work.do(job, report)


class _News(NamedTuple):
    """An outcome, an error, or how far a video is."""

    video: str
    what: Outcome | BaseException | dict[str, Any]


class _Pool:
    """Worker processes, each fed by a thread."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self._count = len(jobs)
        self._threads_each = max(1, cores() // workers)
        self._todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._todo.put(job)
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def outcomes(self, progress: Progress | None) -> Iterator[Outcome]:
        """Yield the outcomes of all jobs."""
        waiting = self._count
        while waiting:
            video, what = self._news.get()
            if isinstance(what, BaseException):
                raise what
            if isinstance(what, Outcome):
                waiting -= 1
                yield what
            elif progress is not None:
                progress(video, what["done"], what["announced"])

    def end(self) -> None:
        """End the workers, whatever they are doing, and wait for them."""
        self._ending.set()
        with self._lock:
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """Feed worker processes with jobs, one after the other, until there are none."""
        try:
            while not self._ending.is_set():
                job = self._todo.get_nowait()
                process = self._start()
                try:
                    while self._do(process, job):
                        job = self._todo.get_nowait()
                finally:
                    self._stop(process)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._news.put(_News("", error))

    def _start(self) -> subprocess.Popen[str]:
        # -P and an own path: a file "random.py" where the caller stands must not be imported.
        path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vquery.index.worker", str(self._threads_each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, path))},
        )
        with self._lock:
            self._processes.add(process)
            if self._ending.is_set():
                process.kill()
        assert process.stdout is not None
        ready = process.stdout.readline()
        status = 0 if ready else process.wait()
        if status > 0:  # not killed, so that the next one would fare no better
            self._stop(process)
            raise VQueryError(
                f"a worker process ended with status {status} before it could start; what it "
                "wrote is above. With workers=1 the work is done in this process"
            )
        return process

    def _stop(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._processes.discard(process)
        with suppress(OSError):  # the pipe of a dead process
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _do(self, process: subprocess.Popen[str], job: Job) -> bool:
        """Give a job to a worker and pass on what it says; False when it died."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # the pipe breaks when the worker dies: said below
            process.stdin.write(job.to_json() + "\n")
            process.stdin.flush()
            for line in process.stdout:
                if not line.endswith("\n"):
                    break  # it died while it spoke
                message = json.loads(line)
                if "outcome" in message:
                    self._news.put(_News(job.video, Outcome.from_json(message["outcome"])))
                    return True
                self._news.put(_News(job.video, message))
        self._news.put(_News(job.video, Outcome(job.video, error=_death(process.wait()))))
        return False


def _death(status: int) -> str:
    """Say how a worker ended.

    >>> _death(-9)
    'its worker process was killed by signal 9 (out of memory?). Index again, with fewer workers'
    """
    if status >= 0:
        return f"its worker process ended with status {status}. Index again"
    return (
        f"its worker process was killed by signal {-status} (out of memory?). "
        "Index again, with fewer workers"
    )
