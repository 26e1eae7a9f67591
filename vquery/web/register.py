"""Work by name: what runs is never forgotten, and of what ended the last ones are remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from vquery.web.wire import Refused

if TYPE_CHECKING:
    from vquery.web.jobs import Job


class Register:
    """Pieces of work of one kind, by name.

    Parameters
    ----------
    what
        What they are called, such as "query" and "queries".
    running
        How many may run or wait at once.
    kept
        How many that ended are remembered.
    """

    def __init__(self, what: tuple[str, str], running: int, kept: int) -> None:
        self._one, self._many = what
        self._running, self._kept = running, kept
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Take up work that begins; of what ended the oldest is forgotten.

        Raises
        ------
        Refused
            With 409 if too much is running already.
        """
        with self._lock:
            ended = [name for name, one in self._jobs.items() if one.state != "running"]
            if len(self._jobs) - len(ended) >= self._running:
                raise Refused(
                    409,
                    f"{self._running} {self._many} are running already: cancel some of them, or "
                    "wait",
                )
            for name in ended[: max(0, len(ended) - self._kept)]:
                del self._jobs[name]
            self._jobs[job.id] = job

    def get(self, name: str) -> Job:
        """Find work.

        Raises
        ------
        Refused
            With 404 if there is none of that name, or it ended long ago.
        """
        with self._lock:
            found = self._jobs.get(name)
        if found is None:
            raise Refused(404, f"there is no such {self._one}, or it ended long ago: run it again")
        return found

    def all(self) -> list[Job]:
        """List what is known, oldest first."""
        with self._lock:
            return list(self._jobs.values())
