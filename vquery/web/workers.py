"""The worker processes that queries run in: some wait ready, and any can be ended at once."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vquery.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READY = 2
MOST = 4
START_S = 60.0
PAUSE_S = 0.05
IDLE_S = 60.0
END_S = 3.0
WAIT_S = 30.0
MEMORY = 1 << 30
TRIES = 2
"""Processes that a query is given to, if one ends before it takes it."""


def memory_limit() -> int:
    """Bytes that one query may take: a quarter of the machine, at least 1 GiB."""
    with contextlib.suppress(OSError, ValueError):
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return max(MEMORY, whole // 4)
    return 4 * MEMORY


class EndedError(Exception):
    """The process was ended, or ended itself."""


class Child:
    """One worker process."""

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        command = [sys.executable, "-m", "vquery.web.worker", str(path), *map(str, files)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            process_group=0,  # ^C is for the server
        )
        self._rest = b""

    def ready(self, wanted: Callable[[], bool]) -> None:
        """Wait until it has started."""
        self.answer(wanted, START_S, memory_limit())

    def send(self, job: dict[str, Any]) -> None:
        """Give it something to do."""
        pipe = self._pipe(self._process.stdin)
        try:
            pipe.write(json.dumps(job).encode() + b"\n")
            pipe.flush()
        except OSError:
            raise EndedError("it ended") from None

    def answer(self, wanted: Callable[[], bool], seconds: float, memory: int) -> dict[str, Any]:
        """Wait for what it says.

        Raises
        ------
        EndedError
            If nobody wants it any more, or it takes too long or too much; it is ended then.
        """
        pipe, until = self._pipe(self._process.stdout), time.monotonic() + seconds
        while b"\n" not in self._rest:
            if select.select([pipe], [], [], PAUSE_S)[0]:
                data = os.read(pipe.fileno(), 1 << 16)
                if not data:
                    raise self._end("the process that ran it ended: it may have needed more memory")
                self._rest += data
            elif not wanted():
                raise self._end("cancelled")
            elif time.monotonic() > until:
                raise self._end(f"it took longer than {seconds:g} s: ask for less, or limit()")
            elif self._memory() > memory:
                raise self._end(f"it needed more than {memory >> 20:,} MiB: ask for less")
        line, self._rest = self._rest.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, from whatever thread; who waits for it is told."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of it; from the thread that drives it."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _end(self, why: str) -> EndedError:
        self.close()
        return EndedError(why)

    def _memory(self) -> int:
        """Memory of its own, without the files that it maps; 0 where that cannot be known."""
        try:
            numbers = Path(f"/proc/{self._process.pid}/statm").read_text().split()
        except OSError:
            return 0
        return (int(numbers[1]) - int(numbers[2])) * os.sysconf("SC_PAGE_SIZE")

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def _environment() -> dict[str, str]:
    """Let a child find the modules that this process has."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


class Task:
    """One text to run, or to explain; told what becomes of it."""

    def __init__(
        self,
        text: str,
        done: Callable[[dict[str, Any], Path | None], None],
        wanted: Callable[[], bool],
        out: Path | None,
        seconds: float,
    ) -> None:
        self.text = text
        self.done = done
        self.wanted = wanted
        self.out = out
        self.seconds = seconds


class Workers:
    """Threads that each drive one process; more are started while all are busy.

    Parameters
    ----------
    path
        The collection.
    files
        Python files that define concepts.
    folder
        Where results are written.
    """

    def __init__(self, path: Path, files: Sequence[Path], folder: Path) -> None:
        self._path, self._files, self._folder = path, files, folder
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = 0
        self._closed = False
        self._children: set[Child] = set()
        self._driving: set[threading.Thread] = set()

    def start(self) -> None:
        """Start those that wait ready."""
        with self._lock:
            missing = range(READY - len(self._driving))
        for _ in missing:
            self._more()

    def submit(
        self,
        text: str,
        done: Callable[[dict[str, Any], Path | None], None],
        wanted: Callable[[], bool],
        *,
        explain: bool = False,
        seconds: float,
    ) -> None:
        """Run a text; ``done`` is told the answer and, where there is one, the file of its rows."""
        out = None if explain else self._folder / f"{secrets.token_hex(8)}.arrow"
        with self._lock:
            self._busy += 1
            more = len(self._driving) < min(max(READY, self._busy + 1), MOST)
        self._tasks.put(Task(text, done, wanted, out, seconds))
        if more:
            self._more()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            children = list(self._children)
            threads = list(self._driving)
        for _ in threads:
            self._tasks.put(None)
        for child in children:
            child.kill()
        for thread in threads:
            thread.join(END_S)

    def _more(self) -> None:
        with self._lock:
            if self._closed or len(self._driving) >= MOST:
                return
            thread = threading.Thread(target=self._drive, name="vquery-query", daemon=True)
            self._driving.add(thread)
        thread.start()

    def _drive(self) -> None:
        """Take tasks one after the other; a process that ended is replaced at once."""
        child: Child | None = None
        while not self._closed:
            child, _ = self._begun(child)
            try:
                task = self._tasks.get(timeout=IDLE_S)
            except queue.Empty:
                if self._leaves():
                    break
                continue
            if task is None:
                break
            child, said = self._run(child, task)
            with self._lock:
                self._busy -= 1
            self._tell(task, said)
        self._drop(child)
        with self._lock:
            self._driving.discard(threading.current_thread())

    def _leaves(self) -> bool:
        """Whether one thread is too many while nothing is to be done."""
        with self._lock:
            too_many = len(self._driving) > READY
            if too_many:
                self._driving.discard(threading.current_thread())
        return too_many

    def _begun(self, child: Child | None) -> tuple[Child | None, str]:
        """Make sure that there is a process; say why where there cannot be."""
        if child is not None and child.alive:
            return child, ""
        self._drop(child)
        with self._lock:
            if self._closed:
                return None, "the server ends"
            try:
                child = Child(self._path, self._files)
            except OSError as problem:  # of memory or files: there may be some later
                return None, f"no query can be run, since no process can be started: {problem}"
            self._children.add(child)
        try:
            child.ready(lambda: not self._closed)
        except EndedError as ended:
            self._drop(child)
            return None, f"no query can be run, since its process did not start: {ended}"
        return child, ""

    def _run(self, child: Child | None, task: Task) -> tuple[Child | None, dict[str, Any]]:
        """Run a task in a process; return that which is there afterwards, and what it said."""
        if not task.wanted():
            return child, {"error": "cancelled"}
        child, problem = self._handed(child, task)
        if child is None:
            return None, {"error": problem}
        try:
            return child, child.answer(task.wanted, task.seconds, memory_limit())
        except EndedError as ended:
            self._drop(child)
            return None, {"error": f"the query was ended: {ended}"}

    def _handed(self, child: Child | None, task: Task) -> tuple[Child | None, str]:
        """Give a task to a process; one that ended while it waited for it is replaced."""
        problem = ""
        for _ in range(TRIES):
            child, problem = self._begun(child)
            if child is None:
                return None, problem
            try:
                child.send({"text": task.text, "out": None if task.out is None else str(task.out)})
                child.answer(task.wanted, task.seconds, memory_limit())  # that it was taken
            except EndedError as ended:
                self._drop(child)
                child, problem = None, f"the query was ended: {ended}"
            else:
                return child, ""
        return None, problem

    def _drop(self, child: Child | None) -> None:
        if child is not None:
            with self._lock:
                self._children.discard(child)
            child.close()

    @staticmethod
    def _tell(task: Task, said: dict[str, Any]) -> None:
        try:
            task.done(said, task.out)
        finally:
            if task.out is not None:
                task.out.unlink(missing_ok=True)  # who needs the rows has mapped them


def explained(workers: Workers, text: str, seconds: float) -> dict[str, Any]:
    """Ask for the plan of a text, which may take some seconds, and wait for it.

    Raises
    ------
    LockedError
        If no process answers in time.
    """
    found: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    over = time.monotonic() + WAIT_S
    workers.submit(
        text,
        lambda said, _: found.put(said),
        lambda: time.monotonic() < over,
        explain=True,
        seconds=seconds,
    )
    try:
        return found.get(timeout=WAIT_S)
    except queue.Empty:
        raise LockedError("all workers are busy: wait for a query to end, or cancel one") from None
