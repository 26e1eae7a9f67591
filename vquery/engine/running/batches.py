"""Runs the local part of a plan over batches of videos, on threads; what fails can be left out."""

from __future__ import annotations

import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import in_usual_order
from vquery.engine.running.executor import Actual, Executor, all_steps, inputs_first
from vquery.engine.running.reading import Sources
from vquery.engine.running.segments import video_type
from vquery.expr.relations import Scan
from vquery_kernels import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from vquery.engine.running.memory import Memory
    from vquery.plan.steps import Step

T = TypeVar("T")
U = TypeVar("U")

BATCH = 1 << 18
"""Input rows of a batch: enough to forget what a batch costs, few enough to stay in caches."""

LARGE = 4 * BATCH
"""Input rows from which a plan is run in batches without being asked to."""


@dataclass(slots=True)
class Running:
    """How a plan is run, and what became of it.

    ``memory`` keeps results of expensive steps; ``advance`` is told of rows done and of all rows.
    ``failed`` holds videos that were left out and why.
    """

    workers: int = 1
    skip: bool = False
    memory: Memory | None = None
    advance: Callable[[int, int], None] | None = None
    actual: dict[int, Actual] = field(default_factory=dict)
    failed: list[tuple[Any, Exception]] = field(default_factory=list)
    batches: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, executor: Executor) -> None:
        """Add what an executor did."""
        executor.settle()
        with self._lock:
            for key, actual in executor.actual.items():
                self.actual.setdefault(key, Actual()).add(actual)

    def dropped(self) -> dict[str, int]:
        """All rows left out, by reason."""
        total: Counter[str] = Counter()
        for actual in self.actual.values():
            total.update(actual.dropped)
        return dict(total)


def run_plan(root: Step, running: Running, *, sort: bool = False) -> pa.Table:
    """Run a plan: its local parts video by video where that is of use, then the rest.

    With ``sort`` rows come in the usual order.
    """
    parts = local_parts(root)
    by_video = running.skip or running.memory is not None or running.workers > 1
    given: dict[int, pa.Table] = {}
    if by_video:
        for alike in _by_type(parts):
            # batches follow each other in the order of videos: sorted each, they are all sorted
            sorted_here = sort and root in alike
            tables = _run_parts(alike, Sources(all_steps(*alike)), running, sort=sorted_here)
            given |= {id(step): table for step, table in zip(alike, tables, strict=True)}
        if root in parts:
            return given[id(root)]
    with Executor(root, given=given) as executor:
        result = executor.run()
        running.note(executor)
    return in_usual_order(result) if sort else result


def local_parts(root: Step) -> list[Step]:
    """Return the largest parts of a plan whose rows in a video depend on that video alone."""
    local: dict[int, bool] = {}
    ordered = inputs_first(root)
    for step in ordered:
        local[id(step)] = step.node.local and all(local[id(each)] for each in step.inputs)
    if local[id(root)]:
        return [root]
    found: dict[int, Step] = {}
    for step in ordered:
        if not local[id(step)]:
            found.update({id(each): each for each in step.inputs if local[id(each)]})
    return [step for step in found.values() if not isinstance(step.node, Scan)]


def _by_type(parts: list[Step]) -> Iterable[list[Step]]:
    """Group parts by the type of their videos: a query may rename those of one part."""
    found: dict[pa.DataType, list[Step]] = {}
    for step in parts:
        found.setdefault(video_type(step.node.schema.field("video").type), []).append(step)
    return found.values()


def _run_parts(
    parts: list[Step], sources: Sources, running: Running, *, sort: bool
) -> list[pa.Table]:
    videos, rows = sources.videos()
    total, done = int(rows.sum()), 0
    batches = cut(videos, rows, max(BATCH, total // (64 * running.workers)))

    def task(batch: Batch) -> list[pa.Table]:
        with threads.limited(None if running.workers == 1 else 1):
            tables = _of_videos(parts, sources, batch.videos, running)
            return [in_usual_order(table) for table in tables] if sort else tables

    results = [[empty(step)] for step in parts]
    for batch, tables in zip(batches, in_parallel(task, batches, running.workers), strict=True):
        for result, table in zip(results, tables, strict=True):
            result.append(table)
        done += batch.rows
        if running.advance is not None:
            running.advance(done, total)
    running.batches += len(batches)
    return [pa.concat_tables(result) for result in results]


def in_parallel(task: Callable[[T], U], items: Sequence[T], workers: int) -> Iterator[U]:
    """Give what a task makes of each item, in order; few results wait to be taken.

    >>> list(in_parallel(abs, [3, -1, -2], workers=2))
    [3, 1, 2]
    """
    if workers == 1:
        yield from map(task, items)
        return
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="vquery") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(task, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _of_videos(
    parts: list[Step], sources: Sources, videos: pa.Array, running: Running
) -> list[pa.Table]:
    """Run steps for some videos; where that fails, halve them until the guilty stand alone."""
    try:
        return _run_once(parts, sources, videos, running)
    except Exception as error:
        if not running.skip:
            raise
        if len(videos) == 1:
            running.failed.append((videos[0].as_py(), error))
            return [empty(step) for step in parts]
    half = len(videos) // 2
    first = _of_videos(parts, sources, videos[:half], running)
    second = _of_videos(parts, sources, videos[half:], running)
    return [pa.concat_tables(pair) for pair in zip(first, second, strict=True)]


def _run_once(
    parts: list[Step], sources: Sources, videos: pa.Array, running: Running
) -> list[pa.Table]:
    limit = None if running.workers == 1 else 1
    with Executor(
        *parts, sources=sources, videos=videos, memory=running.memory, threads=limit
    ) as executor:
        tables = executor.run_all()
        running.note(executor)
    return tables


def empty(step: Step) -> pa.Table:
    """Return what a step gives where it gives no rows."""
    schema = pa.schema([step.node.schema.field(name) for name in step.columns])
    return schema.empty_table()


class Batch(NamedTuple):
    """Some videos and about how many input rows they have."""

    videos: pa.Array
    rows: int


def cut(videos: pa.Array, rows: np.ndarray[Any, Any], most: int) -> list[Batch]:
    """Cut videos into batches of about ``most`` rows; a video is never cut.

    >>> found = cut(pa.array(["a", "b", "c"]), np.array([2, 2, 9]), 4)
    >>> [(batch.videos.to_pylist(), batch.rows) for batch in found]
    [(['a', 'b'], 4), (['c'], 9)]
    """
    before = np.cumsum(rows) - rows
    starts = np.flatnonzero(np.diff(before // max(most, 1), prepend=-1))
    ends = [*starts[1:].tolist(), len(videos)][: starts.size]
    return [
        Batch(videos[low:high], int(rows[low:high].sum()))
        for low, high in zip(starts.tolist(), ends, strict=True)
    ]
