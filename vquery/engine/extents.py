"""How long videos are: what sources know of whole videos, and the relation of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import QueryError, SchemaError
from vquery.expr.node import walk
from vquery.expr.origin import collections_of
from vquery.expr.relations import Relation, Scan
from vquery.expr.types import Kind, kind_of
from vquery.plan.extents import TIMES, extents_of, sources_below, video_field
from vquery.schema import KEYS, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

CURE = (
    "vq.from_arrow(table, extents=...) takes them: a mapping from videos to seconds, or a table"
    " with video, start, end and maybe fps; tables of a collection have them"
)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ExtentsSource:
    """The known videos of a relation as rows: the time that each covers."""

    relation: Relation

    @property
    def name(self) -> str:
        """Name in plans."""
        return f"extents of {self.relation.name}"

    @property
    def schema(self) -> pa.Schema:
        """Columns video, start_us and end_us."""
        return pa.schema([video_field(self.relation), *TIMES])

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for the extents of the same sources."""
        found: list[Any] = []
        for node in walk(self.relation):
            if hasattr(node, "extents_below"):  # videos have other names: as the nodes say
                found.append(node)
            elif isinstance(node, Scan):
                found.append(getattr(node.source, "identity", None) or node.source)
        return ("extents", *found)

    @property
    def collection(self) -> str | None:
        """Collection that the videos are of."""
        return next(iter(collections_of(self.relation)), None)

    @property
    def extents(self) -> Callable[[], pa.Table]:
        """The extents of these rows are the rows themselves."""
        return self._extents

    def _extents(self) -> pa.Table:
        return extents_of(self.relation)

    def read(self, columns: list[str] | None) -> pa.Table:
        """Return one row a video, sorted by video."""
        rows = extents_of(self.relation).sort_by("video")
        return rows.select(self.schema.names if columns is None else columns)


def known_extents(relation: Relation, what: str) -> Scan:
    """Make the relation of the extents of the videos of ``relation``.

    Raises
    ------
    QueryError
        If no source below knows any; it says how to give them.
    """
    if not any(True for _ in sources_below(relation)):
        raise QueryError(
            f"{what} has to know how long videos are, and nothing is known of those of"
            f" {relation.name}: {CURE}"
        )
    return Scan(ExtentsSource(relation))


def extents_at(extents: pa.Table, videos: pa.ChunkedArray, what: str) -> npt.NDArray[np.int64]:
    """Row of ``extents`` for each of ``videos``.

    Raises
    ------
    QueryError
        If a video is not among them, naming the first.
    """
    known = extents["video"].combine_chunks()
    found = pc.index_in(videos.cast(known.type), value_set=known)
    if found.null_count:
        first = videos.filter(pc.is_null(found))[0].as_py()
        raise QueryError(
            f"{what} has to know how long the video {first!r} is, and nothing is known of it:"
            f" {CURE}"
        )
    return np.asarray(found.combine_chunks().to_numpy(zero_copy_only=False), dtype=np.int64)


def given_extents(given: Any, name: str, videos: pa.Schema) -> pa.Table | None:
    """Check extents that a user gives and bring them to the form of :func:`extents_of`.

    Parameters
    ----------
    given
        None, a mapping from videos to their length in seconds, or a table with ``video``,
        ``start`` and ``end`` (seconds) or ``start_us`` and ``end_us``, and maybe ``fps``.
    name
        What messages call it.
    videos
        Schema of the rows, whose ``video`` has to be of the same kind.

    Raises
    ------
    SchemaError
        If it is none of these, of the wrong types, or names a video twice.
    """
    if given is None:
        return None
    from vquery.engine.sources import from_arrow

    what = f"{name} (extents=)"
    if isinstance(given, Mapping):
        if not given:  # of no video is anything known: nothing tells the types
            return pa.table(
                [pa.array([], each) for each in (videos.field("video").type, *[pa.int64()] * 2)]
                + [pa.array([], pa.float64())],
                names=[*KEYS, "frame_us"],
            )
        zero = np.zeros(len(given))
        given = pa.table({"video": list(given), "start": zero, "end": list(given.values())})
    rows = from_arrow(given, name=what).node.source.read(None)  # type: ignore[attr-defined]
    kinds = [kind_of(schema.field("video").type) for schema in (rows.schema, videos)]
    if rows.num_rows and kinds[0] is not kinds[1]:
        raise SchemaError(f"{what}: video is {kinds[0]} here and {kinds[1]} in the rows")
    twice = pc.value_counts(rows["video"].combine_chunks())
    twice = twice.filter(pc.greater(twice.field("counts"), 1))
    if len(twice):
        raise SchemaError(f"{what}: video {twice.field('values')[0].as_py()!r} occurs twice")
    times = [rows[key] for key in KEYS]
    return pa.table([*times, _frame_us(rows, what)], names=[*KEYS, "frame_us"])


def _frame_us(rows: pa.Table, what: str) -> pa.ChunkedArray | pa.Array:
    if "fps" not in rows.column_names:
        return pa.nulls(rows.num_rows, pa.float64())
    if kind_of(rows["fps"].type) not in (Kind.INTEGER, Kind.FLOAT, Kind.NULL):
        raise SchemaError(f"{what}: fps must be a number, got {rows['fps'].type}")
    fps = rows["fps"].cast(pa.float64())
    if pc.any(pc.less_equal(fps, 0.0)).as_py():
        raise SchemaError(f"{what}: fps must be greater than 0")
    return pc.divide(pa.scalar(float(US_PER_S)), fps)
