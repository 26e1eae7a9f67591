"""Spread jobs over worker processes, one video at a time each."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery.index.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vquery.index.jobs import Job

    Progress = Callable[[str, int, int | None], None]

POLL_S = 0.2


def run_jobs(
    jobs: Sequence[Job], *, workers: int, progress: Progress | None = None
) -> Iterator[Outcome]:
    """Yield an outcome for each job as it is done, in no particular order.

    A worker that dies (killed, out of memory) gives an outcome with an error for its job, and
    the next job gets a new one. With one worker the jobs run in this process.

    ``progress`` is called in the caller's thread with video, frames done and frames announced.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from _here(jobs, progress)
        return
    todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        todo.put(job)
    news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_serve, args=(todo, news), daemon=True)
        for _ in range(min(workers, len(jobs)))
    ]
    for thread in threads:
        thread.start()
    yield from _collect(len(jobs), news, progress)


def _here(jobs: Sequence[Job], progress: Progress | None) -> Iterator[Outcome]:
    from vquery.index import work

    for job in jobs:
        report = None
        if progress is not None:

            def report(done: int, announced: int | None, video: str = job.video) -> None:
                progress(video, done, announced)

        yield work.do(job, report)


def _collect(
    count: int, news: queue.SimpleQueue[tuple[str, Any]], progress: Progress | None
) -> Iterator[Outcome]:
    while count:
        video, what = news.get()
        if isinstance(what, Outcome):
            count -= 1
            yield what
        elif progress is not None:
            progress(video, what["done"], what["announced"])


def _serve(todo: queue.SimpleQueue[Job], news: queue.SimpleQueue[tuple[str, Any]]) -> None:
    """Feed one worker process with jobs until there are none."""
    while True:
        try:
            with _worker() as process:
                while True:
                    job = todo.get_nowait()
                    if not _serve_one(process, job, news):
                        break
        except queue.Empty:
            return


def _serve_one(
    process: subprocess.Popen[str], job: Job, news: queue.SimpleQueue[tuple[str, Any]]
) -> bool:
    """Give a job to a worker and pass on what it says; False when it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(job.to_json() + "\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if "outcome" in message:
                news.put((job.video, Outcome.from_json(message["outcome"])))
                return True
            news.put((job.video, message))
    except OSError:
        pass  # the pipe broke because the worker died: said below
    code = process.wait()
    news.put((job.video, Outcome(job.video, error=f"its worker process ended with status {code}")))
    return False


@contextmanager
def _worker() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vquery.index.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
