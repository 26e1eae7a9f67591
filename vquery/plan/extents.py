"""What the sources below a relation know of whole videos: from when to when, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.expr.node import children
from vquery.expr.relations import Relation, Scan
from vquery.expr.types import Kind, kind_of
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMES = [pa.field(name, pa.int64(), nullable=False) for name in KEYS[1:]]
"""Fields of the times of a video."""


def extents_of(relation: Relation) -> pa.Table:
    """Return what the sources below a relation know of whole videos.

    Where two sources know the same video, its extent is the hull of what they say, and the time of
    a frame that of the first that knows one.

    Returns
    -------
    pyarrow.Table
        ``video`` (text or int64), ``start_us``, ``end_us`` (int64), ``frame_us`` (float64, the mean
        time of a frame, maybe null); one row a video, in the order in which sources name them. It
        has no rows where nothing is known.
    """
    schema = pa.schema([video_field(relation), *TIMES, ("frame_us", pa.float64())])
    parts: list[pa.Table] = []
    for known in sources_below(relation):
        part = known()
        if not any(part is other for other in parts):  # tables of one collection share theirs
            parts.append(part)
    parts = [part.select(schema.names).cast(schema) for part in parts]
    if not parts:
        return schema.empty_table()
    return parts[0] if len(parts) == 1 else _merged(pa.concat_tables(parts)).cast(schema)


def video_field(relation: Relation) -> pa.Field:
    """Field of the videos of a relation, as plain text or int64."""
    kind = kind_of(relation.schema.field("video").type)
    return pa.field("video", pa.string() if kind is Kind.STRING else pa.int64(), nullable=False)


def sources_below(relation: Relation) -> Iterator[Callable[[], pa.Table]]:
    """Functions that give the extents of the sources below."""
    seen: set[int] = set()
    pending: list[Any] = [relation]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scan):
            known = getattr(node.source, "extents", None)
            if known is not None:
                yield known
        elif hasattr(node, "extents_below"):  # videos have other names below
            yield from node.extents_below(sources_below)
        else:
            below = [each for each in children(node) if isinstance(each, Relation)]
            pending.extend(reversed(below))


def _merged(parts: pa.Table) -> pa.Table:
    ways = [("start_us", "min"), ("end_us", "max"), ("frame_us", "first")]
    grouped = parts.group_by("video", use_threads=False).aggregate(ways)
    return grouped.select(["video", "start_us_min", "end_us_max", "frame_us_first"]).rename_columns(
        ["video", *KEYS[1:], "frame_us"]
    )
