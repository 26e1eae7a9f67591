"""A worker process: one job a line comes in, progress and outcomes go out, as JSON lines.

Run as ``python -m vquery.index.worker THREADS``. A plain child process rather than a fork or a
spawned pool: it needs nothing from the caller's main module, works from scripts and notebooks
alike, and ends by itself when the parent does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from vquery.index.jobs import Job

if TYPE_CHECKING:
    from typing import TextIO

REPORT_S = 0.1


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what ^C means
    # Libraries print; only this protocol may use the pipe.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    from vquery.index import work
    from vquery.media.threads import use_threads

    use_threads(int(sys.argv[1]))
    _say(out, {"ready": os.getpid()})
    while True:
        job = Job.from_json(jobs.get())
        outcome = work.do(job, _Reporter(out))
        _say(out, {"outcome": outcome.to_json()})


def _listen(jobs: queue.SimpleQueue[str]) -> None:
    """Pass jobs on; the input ends with the parent, and then nobody wants the work."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _say(out: TextIO, message: dict[str, Any]) -> None:
    try:
        out.write(json.dumps(message) + "\n")
    except OSError:  # the parent is gone
        os._exit(0)


class _Reporter:
    """Sends progress, not more often than a person can see."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = 0.0

    def __call__(self, done: int, announced: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_S:
            self._last = now
            _say(self._out, {"done": done, "announced": announced})


if __name__ == "__main__":
    main()
