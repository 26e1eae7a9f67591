"""Runs a plan step by step."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine import (
    coalescing,
    covering,
    grouping,
    joins,
    matches,
    partition,
    partners,
    phrases,
    rekeying,
    rows,
    sequences,
    spans,
)
from vquery.engine.running.reading import Reader, Sources
from vquery.engine.running.session import Session
from vquery.expr.pairs import Join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from vquery.engine.running.memory import Memory
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    **rows.RUNNERS,
    **spans.RUNNERS,
    **rekeying.RUNNERS,
    **joins.RUNNERS,
    **covering.RUNNERS,
    **partners.RUNNERS,
    **grouping.RUNNERS,
    **coalescing.RUNNERS,
    **matches.RUNNERS,
    **sequences.RUNNERS,
    **phrases.RUNNERS,
    **partition.RUNNERS,
}
"""How each kind of node is run: ``runner(executor, step, *input tables)``."""


@dataclass(slots=True)
class Actual:
    """What a step did, all its runs together.

    Seconds are without its inputs; ``bytes`` is what the rows given back take in Arrow buffers, and
    ``peak`` all that Arrow held when a run of the step ended, at the most.
    """

    rows: int = 0
    seconds: float = 0.0
    dropped: Counter[str] = field(default_factory=Counter)
    rows_in: int = 0
    bytes: int = 0
    peak: int = 0
    runs: int = 0
    threads: set[int] = field(default_factory=set)
    cached: int = 0
    looked_up: int = 0

    def details(self) -> str:
        """Say what EXPLAIN shows beside rows and time."""
        parts = [f"{self.rows_in:,} rows in"] if self.rows_in else []
        parts.append(f"{_sized(self.bytes)} of {_sized(self.peak)} in Arrow buffers")
        if self.runs > 1:
            parts.append(f"{self.runs} batches on {len(self.threads)} threads")
        if self.looked_up:
            parts.append(f"from cache: {self.cached:,} of {self.looked_up:,} videos")
        return "".join(f", {part}" for part in parts)

    def add(self, other: Actual) -> None:
        """Count another run of the step."""
        for name in ("rows", "seconds", "rows_in", "bytes", "runs", "cached", "looked_up"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.peak = max(self.peak, other.peak)
        self.dropped.update(other.dropped)
        self.threads |= other.threads


def _sized(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


@dataclass(frozen=True, slots=True)
class Origin:
    """Row ``rows[i]`` of an input contributed to row ``outputs[i]`` of what a step gave."""

    rows: npt.NDArray[Any]
    outputs: npt.NDArray[Any]


class Executor:
    """Runs the steps of one plan, or of parts of it; a step that occurs twice runs once.

    With ``traced`` it also keeps from which rows of its inputs each step made its rows.

    Parameters
    ----------
    roots
        The last steps of what is run.
    sources
        What is read; several executors share it.
    videos
        Look only at rows of these videos.
    given
        What steps gave already, by ``id(step)``.
    memory
        Where results of expensive steps are looked up and kept.
    threads
        How many threads the database may use.
    """

    def __init__(
        self,
        *roots: Step,
        traced: bool = False,
        sources: Sources | None = None,
        videos: pa.Array | None = None,
        given: Mapping[int, pa.Table] | None = None,
        memory: Memory | None = None,
        threads: int | None = None,
    ) -> None:
        self.root = roots[0]
        self.traced = traced
        self.videos = videos
        self.origins: dict[tuple[int, int], Origin] = {}
        self.session = Session(threads)
        self.actual: dict[int, Actual] = {}
        self.sources = Sources(all_steps(*roots)) if sources is None else sources
        self._restored: dict[int, Counter[str]] = {}
        self._threads = threads
        self._memory = memory
        self._results: dict[int, pa.Table] = dict(given or {})
        self._roots = roots
        self._uses = Counter(id(each) for step in all_steps(*roots) for each in step.inputs)
        self._uses.update(map(id, roots))
        self._reader = Reader(self.sources, videos)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._results.clear()
        self.session.close()

    def run(self) -> pa.Table:
        """Run the plan; rows come in the order in which its operations give rows."""
        return self._table(self.root)

    def run_all(self) -> list[pa.Table]:
        """Run several parts of a plan; what they share runs once."""
        return [self._table(step) for step in self._roots]

    def inputs(self, step: Step) -> list[pa.Table]:
        """Run the inputs of a step."""
        return [self._table(each) for each in step.inputs]

    def apart(self, step: Step, videos: pa.Array) -> Executor:
        """Make an executor of a part of the plan, for some of the videos."""
        return Executor(
            step,
            sources=self.sources,
            videos=videos,
            memory=self._memory,
            threads=self._threads,
        )

    def count(self) -> int:
        """Count the rows of the result, for a join without making them."""
        node = self.root.node
        if isinstance(node, Join) and not joins.drops_pairs(node):
            inputs = self.inputs(self.root)
            return joins.count_pairs(self, self.root, *inputs)
        return int(self._table(self.root).num_rows)

    def read(self, step: Step) -> pa.Table:
        """Rows of a source, each source read once for all steps that need it."""
        return self._reader.read(step)

    def drop(self, step: Step, reason: str, number: int) -> None:
        """Count rows that a step left out because they could not exist."""
        if number:
            self.actual.setdefault(id(step), Actual()).dropped[reason] += number

    def restore(self, step: Step, dropped: Counter[str]) -> None:
        """Take over what a step left out when results were made that now come from a cache.

        Several such results may have come by one step, which was run again for none or for all of
        them: each counts all rows that the step leaves out.
        """
        self._restored[id(step)] = self._restored.get(id(step), Counter()) | dropped

    def settle(self) -> None:
        """Bring together what was left out just now and what is taken over."""
        for key, dropped in self._restored.items():
            actual = self.actual.setdefault(key, Actual())
            actual.dropped = actual.dropped | dropped
        self._restored.clear()

    def absorb(self, other: Executor) -> None:
        """Take down what an executor of a part did, but for the rows that it left out."""
        for key, actual in other.actual.items():
            own = self.actual.setdefault(key, Actual())
            own.add(replace(actual, dropped=Counter()))

    def trace(
        self,
        step: Step,
        place: int,
        rows: npt.NDArray[Any],
        outputs: npt.NDArray[Any] | None = None,
    ) -> None:
        """Tell which rows of the input number ``place`` contributed to which rows of the result.

        Row numbers count in the tables as the runner got and gave them; without ``outputs`` row
        ``rows[i]`` became row ``i``. A step that tells nothing gives its rows one for one.
        """
        if self.traced:
            made = np.arange(len(rows)) if outputs is None else outputs
            self.origins[id(step), place] = Origin(np.asarray(rows), np.asarray(made))

    def result(self, step: Step) -> pa.Table:
        """Give back what a step of a traced plan gave."""
        return self._results[id(step)]

    def dropped(self) -> dict[str, int]:
        """All rows left out, by reason."""
        total: Counter[str] = Counter()
        for actual in self.actual.values():
            total.update(actual.dropped)
        return dict(total)

    def _table(self, step: Step) -> pa.Table:
        if id(step) not in self._results:
            for each in inputs_first(step, stop=self._needs_nothing):
                if id(each) not in self._results:
                    self._results[id(each)] = self._found_or_made(each)
        self._uses[id(step)] -= 1
        last = self._uses[id(step)] <= 0 and not self.traced  # nobody else needs it: let it go
        return self._results.pop(id(step)) if last else self._results[id(step)]

    def _needs_nothing(self, step: Step) -> bool:
        """Whether a step's inputs do not have to be run before it."""
        kept = self._memory is not None and self._memory.keeps(step)
        return kept or id(step) in self._results

    def _found_or_made(self, step: Step) -> pa.Table:
        if self._memory is not None and self._memory.keeps(step):
            return self._memory.result(self, step)
        return self.made(step)

    def made(self, step: Step) -> pa.Table:
        """Run one step after its inputs."""
        return self.applied(step, self.inputs(step))

    def applied(self, step: Step, inputs: list[pa.Table]) -> pa.Table:
        """Run one step on tables and take down what it did."""
        started = time.perf_counter()
        result = RUNNERS[type(step.node)](self, step, *inputs)
        actual = self.actual.setdefault(id(step), Actual())
        actual.seconds += time.perf_counter() - started
        actual.rows += result.num_rows
        actual.rows_in += sum(table.num_rows for table in inputs)
        actual.bytes += result.nbytes
        actual.peak = max(actual.peak, pa.total_allocated_bytes())
        actual.runs += 1
        actual.threads.add(threading.get_ident())
        return result


def all_steps(*roots: Step) -> Iterator[Step]:
    """Every step of a plan, or of parts of it, once."""
    seen: set[int] = set()
    pending: list[Any] = list(roots)
    while pending:
        step = pending.pop()
        if id(step) not in seen:
            seen.add(id(step))
            yield step
            pending.extend(step.inputs)


def inputs_first(root: Step, stop: Callable[[Step], bool] = lambda _: False) -> list[Step]:
    """Every step of a plan once, after its inputs; what is below a step to ``stop`` at is not."""
    found: dict[int, Step] = {}
    pending = [(root, False)]
    while pending:  # a stack, as plans may be deep
        step, opened = pending.pop()
        if opened:
            found.setdefault(id(step), step)
        elif id(step) not in found:
            pending.append((step, True))
            if not stop(step):
                pending.extend((each, False) for each in reversed(step.inputs))
    return list(found.values())
