"""Reads the sources of a plan: each once, whole or for some videos alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.running.segments import Segments, video_type
from vquery.expr.relations import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery.expr.source import TableSource
    from vquery.plan.steps import Step


class Sources:
    """The sources that steps read, with the columns that all of them need together.

    Several executors, on several threads, read through one object.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        columns: dict[int, set[str]] = {}
        nodes: dict[int, Scan] = {}
        for step in steps:
            if isinstance(step.node, Scan):
                columns.setdefault(id(step.node.source), set()).update(step.columns)
                nodes.setdefault(id(step.node.source), step.node)
        self._opened = {key: _Opened(node, columns[key]) for key, node in nodes.items()}

    def videos(self) -> tuple[pa.Array, np.ndarray[Any, Any]]:
        """All videos, sorted, and the number of rows that each has in all sources together."""
        listed = [each.videos() for each in self._opened.values()]
        videos = pa.concat_arrays([names for names, _ in listed])
        rows = np.concatenate([rows for _, rows in listed])
        total = pa.table({"video": videos, "rows": rows})
        total = total.group_by("video", use_threads=False).aggregate([("rows", "sum")])
        total = total.sort_by("video")
        return total["video"].combine_chunks(), total["rows_sum"].to_numpy()

    def rows(self) -> int:
        """Rows of all sources together, as far as they tell without being read."""
        known = (getattr(each.source, "num_rows", 0) for each in self._opened.values())
        return sum(known)

    def read(self, source: TableSource, videos: pa.Array | None) -> pa.Table:
        """Rows of a source with the columns that any step needs."""
        return self._opened[id(source)].read(videos)


class _Opened:
    """One source; where it cannot read some videos alone, it is read once and cut."""

    def __init__(self, scan: Scan, columns: set[str]) -> None:
        self.source = scan.source
        self._columns = [name for name in scan.schema.names if name in columns]
        self._type = video_type(scan.schema.field("video").type)
        self._lock = threading.Lock()
        self._whole: tuple[pa.Table, Segments] | None = None

    def videos(self) -> tuple[pa.Array, np.ndarray[Any, Any]]:
        """Videos of the source, each once, and about how many rows each has."""
        listed = getattr(self.source, "videos", None)
        if listed is None:
            segments = self._cut()[1]
            return segments.videos, segments.sizes
        table = listed()
        return table["video"].cast(self._type).combine_chunks(), table["rows"].to_numpy()

    def read(self, videos: pa.Array | None) -> pa.Table:
        """Rows of some videos, or of all."""
        if videos is None:
            return self.source.read(self._columns)
        if getattr(self.source, "videos", None) is not None:
            return self.source.read_videos(self._columns, videos)  # type: ignore[attr-defined]
        table, segments = self._cut()
        return segments.pick(table.select(self._columns), videos)

    def _cut(self) -> tuple[pa.Table, Segments]:
        with self._lock:
            if self._whole is None:
                names = list(dict.fromkeys(["video", *self._columns]))
                table = self.source.read(names)
                self._whole = table, Segments(table["video"])
            return self._whole


class Reader:
    """Reads for one executor: every source once, for the videos that the executor looks at."""

    def __init__(self, sources: Sources, videos: pa.Array | None) -> None:
        self._sources = sources
        self._videos = videos
        self._tables: dict[int, pa.Table] = {}

    def read(self, step: Step) -> pa.Table:
        """Rows of the source of a scan."""
        assert isinstance(step.node, Scan)
        source = step.node.source
        if id(source) not in self._tables:
            table = self._sources.read(source, self._videos)
            self._tables[id(source)] = table.combine_chunks()
        return self._tables[id(source)].select(list(step.columns))
