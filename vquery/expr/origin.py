"""Of which collection rows are: only inside one do equal names of videos mean one video.

Tables in memory belong to no collection and meet everything. What ``concat`` and ``rekey`` give
belongs to none either: there videos have other names (``renames_videos``).
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.node import children
from vquery.expr.relations import Relation, Scan

if TYPE_CHECKING:
    from collections.abc import Iterable


def collections_of(relation: Relation) -> dict[str, Relation]:
    """Find the collections whose videos the rows name, each with a scan of it."""
    found: dict[str, Relation] = {}
    seen: set[int] = set()
    pending: list[Any] = [relation]
    while pending:
        node = pending.pop()
        if id(node) in seen or getattr(node, "renames_videos", False):
            continue
        seen.add(id(node))
        if isinstance(node, Scan):
            collection = getattr(node.source, "collection", None)
            if collection is not None:
                found.setdefault(collection, node)
        below = getattr(node, "original", None)  # where videos have their own names again
        below = children(node) if below is None else below
        pending.extend(each for each in below if isinstance(each, Relation))
    return found


def require_one_collection(relations: Iterable[Relation], what: str) -> None:
    """Refuse to bring rows of two collections together by the names of their videos.

    Raises
    ------
    QueryError
        Naming both collections and the ways to bring them together.
    """
    found: dict[str, Relation] = {}
    for relation in relations:
        found |= collections_of(relation) | found
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise QueryError(
            f"{what}: {first.name} is of the collection {_short(one, other)} and {second.name} of"
            f" {_short(other, one)}, and videos of two collections are different ones even where"
            " their names are equal: put the relations one below the other with vq.concat(a, b),"
            " or bring both to a common clock with rekey()"
        )


def _short(path: str, other: str) -> str:
    """Last part of a path, or all of it where that would not tell the two apart."""
    name = PurePath(path).name
    return name if name != PurePath(other).name else path
