"""One query's view of a cache: which results are in it, and what has to be run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.running.contents import Contents, mixed, source_contents, table_contents
from vquery.engine.running.executor import Actual, all_steps, inputs_first
from vquery.engine.running.segments import Segments
from vquery.errors import VQueryError
from vquery.expr.relations import Dilate, Filter, Mutate, Project, Scan, Union
from vquery.plan.extents import extents_of
from vquery.plan.fingerprint import Fingerprints, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.engine.running.blocks import Dropped
    from vquery.engine.running.cache import Cache, Place
    from vquery.engine.running.executor import Executor
    from vquery.plan.steps import Step

    Piece = tuple[pa.Table, int, int]

CHEAP = (Scan, Filter, Mutate, Project, Union, Dilate)
"""Steps that are run again sooner than looked up."""

EXTENTS = ["video", "start_us", "end_us", "frame_us"]

NOTHING: Any = (pa.table({}), 0, 0)

RULES = 1
"""To be raised when an operation gives other results than before: those kept are then not used."""

MANY = 64
"""Chunks from which a table is copied into one."""


class Memory:
    """Looks up and keeps the results of one plan's expensive local steps."""

    def __init__(self, cache: Cache, root: Step) -> None:
        import duckdb

        self._cache = cache
        self._database = duckdb.__version__  # hashes and values are its
        self._prints = Fingerprints(lambda scan: list(scan.schema))  # nulls say no type
        self._steps: dict[bytes, Step] = {}
        self._keys: dict[int, bytes] = {}
        self._local: dict[int, bool] = {}
        self._extents: dict[int, Contents | None] = {}
        for step in inputs_first(root):
            self._steps[self._key(step)] = step

    def keeps(self, step: Step) -> bool:
        """Whether results of a step are kept: it is local and takes its time."""
        wanted = not isinstance(step.node, CHEAP) and "video" in step.columns
        return wanted and self._is_local(step)

    def _is_local(self, step: Step) -> bool:
        if id(step) not in self._local:
            below = all(self._is_local(each) for each in step.inputs)
            self._local[id(step)] = below and step.node.local
        return self._local[id(step)]

    def result(self, run: Executor, step: Step) -> pa.Table:
        """Rows of a step, video by video, from the cache where they are there."""
        videos = run.sources.videos()[0] if run.videos is None else run.videos
        try:
            keys = self._video_keys(step, videos)
        except (OSError, VQueryError, pa.ArrowException):
            return run.made(step)  # rows cannot be read: there it is raised, or they are left out
        places = self._cache.find(keys)
        missing = [number for number, place in enumerate(places) if place is None]
        pieces = _pieces(places)
        left_out = _left_out(places)
        made_rows = 0
        if missing:
            with run.apart(step, videos.take(pa.array(missing))) as apart:
                table, sizes = _by_video(apart.made(step), videos.take(pa.array(missing)))
                apart.settle()
                run.absorb(apart)
                own = {
                    self._key(each).hex(): dict(apart.actual[id(each)].dropped)
                    for each in all_steps(step)
                    if id(each) in apart.actual and apart.actual[id(each)].dropped
                }
            self._cache.keep([keys[number] for number in missing], sizes, table, own)
            made_rows = table.num_rows
            starts = np.cumsum(sizes) - sizes
            for number, start, size in zip(missing, starts.tolist(), sizes, strict=True):
                pieces[number] = table, start, size
            _add(left_out, own)
        for key, reasons in left_out.items():
            run.restore(self._steps[bytes.fromhex(key)], Counter(reasons))
        result = _joined(pieces)
        actual = run.actual.setdefault(id(step), Actual())
        actual.looked_up += len(keys)
        actual.cached += len(keys) - len(missing)
        actual.rows += result.num_rows - made_rows
        return result

    def _key(self, step: Step) -> bytes:
        """Fingerprint of a step with all below it, without the rows that are read."""
        if id(step) not in self._keys:
            own = self._prints.of((RULES, self._database, step.node, step.columns))
            self._keys[id(step)] = digest([own, *map(self._key, step.inputs)])
        return self._keys[id(step)]

    def _video_keys(self, step: Step, videos: pa.Array) -> list[bytes]:
        """One key a video: the step and the rows that it is made of."""
        names = pa.table({"video": videos})
        total = table_contents(names, videos)
        for each in all_steps(step):
            if isinstance(each.node, Scan):
                columns = list(each.columns)
                total = mixed(total + source_contents(each.node, columns, videos))
        known = self._extents_of(step)
        if known is not None:
            total = mixed(total + known.of(EXTENTS, videos))
        total = mixed(total + np.frombuffer(self._key(step), np.uint64))
        joined = total.tobytes()
        return [joined[at : at + 16] for at in range(0, len(joined), 16)]

    def _extents_of(self, step: Step) -> Contents | None:
        """Hashes of how long videos are, which some operations look at."""
        if id(step) not in self._extents:
            table = extents_of(step.node)
            found = Contents(table["video"]) if table.num_rows else None
            if found is not None:
                found.add(table.select(EXTENTS))
            self._extents[id(step)] = found
        return self._extents[id(step)]


def _by_video(table: pa.Table, videos: pa.Array) -> tuple[pa.Table, list[int]]:
    """Rows in the order of the videos, and how many each has."""
    segments = Segments(table["video"])
    return segments.pick(table, videos).combine_chunks(), segments.sizes_of(videos).tolist()


def _pieces(places: Sequence[Place | None]) -> list[Piece]:
    return [
        (place.block.table(), place.start, place.size) if place else NOTHING for place in places
    ]


def _joined(pieces: Sequence[Piece]) -> pa.Table:
    """Rows of all pieces; what lies side by side in a table stays one slice."""
    merged: list[list[Any]] = []
    for table, start, size in pieces:
        last = merged[-1] if merged else None
        if last is not None and last[0] is table and last[1] + last[2] == start:
            last[2] += size
        elif size or not merged:
            merged.append([table, start, size])
    parts = [table.slice(start, size) for table, start, size in merged]
    result = pa.concat_tables(parts)
    return result.combine_chunks() if len(parts) > MANY else result


def _left_out(places: Sequence[Place | None]) -> Dropped:
    """Rows that were left out when the results that are taken from the cache were made."""
    blocks = {place.block.name: place.block for place in places if place is not None}
    total: Dropped = {}
    for block in blocks.values():
        _add(total, block.dropped)
    return total


def _add(total: Dropped, more: Dropped) -> None:
    for step, reasons in more.items():
        known = total.setdefault(step, {})
        for reason, number in reasons.items():
            known[reason] = known.get(reason, 0) + number
