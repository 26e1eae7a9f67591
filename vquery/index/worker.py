"""A worker process: one job a line comes in, progress and outcomes go out, as JSON lines.

Run as ``python -m vquery.index.worker``. A plain child process rather than a fork or a spawned
pool: it needs nothing from the caller's main module, works from scripts and notebooks alike, and
ends by itself when the parent dies.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

from vquery.index.jobs import Job

if TYPE_CHECKING:
    from typing import TextIO

REPORT_S = 0.1


def main() -> None:
    """Work until the input ends."""
    # Libraries print; only this protocol may use the pipe.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _one_thread()
    from vquery.index import work

    for line in sys.stdin:
        job = Job.from_json(line)
        outcome = work.do(job, _Reporter(out))
        out.write(json.dumps({"outcome": outcome.to_json()}) + "\n")


def _one_thread() -> None:
    """Several workers share the cores: threads inside each would only get in the way."""
    from vquery.media.threads import use_threads

    use_threads(int(os.environ.get("VQUERY_WORKER_THREADS", "1")))


class _Reporter:
    """Sends progress, not more often than a person can see; its failure ends the orphan."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = 0.0

    def __call__(self, done: int, announced: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_S:
            self._last = now
            self._out.write(json.dumps({"done": done, "announced": announced}) + "\n")


if __name__ == "__main__":
    main()
