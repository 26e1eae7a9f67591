"""Fingerprints of query nodes: equal for nodes that were built twice in the same way."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import weakref
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.expr.node import Node, children_first, transform
from vquery.expr.relations import Relation, Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLAIN = (str, bytes, int, float, bool, type(None), Decimal, date, time, timedelta)
"""Values that are what their text says."""

_tokens: dict[int, tuple[weakref.ref[Any], bytes]] = {}


def shared(relation: Relation) -> Relation:
    """Make equal parts of a query one node, so that each runs once.

    >>> from vquery.engine.sources import from_arrow
    >>> from vquery.expr.placeholders import row
    >>> table = pa.table({"video": ["a"], "start": [0], "end": [1]})
    >>> faces = from_arrow(table)
    >>> twice = faces.filter(row.start > 0).union(faces.filter(row.start > 0))
    >>> one, other = shared(twice.node).inputs
    >>> one is other
    True
    """
    known: dict[bytes, Relation] = {}
    prints = Fingerprints(source_identity)

    def change(node: Node) -> Node:
        if isinstance(node, Relation):
            return known.setdefault(prints.of(node), node)
        return node

    return transform(relation, change)


def source_identity(scan: Scan) -> Any:
    """Tell sources apart by what they say they are, else each is one of its own."""
    return getattr(scan.source, "identity", None) or scan.source


class Fingerprints:
    """Fingerprints of the nodes of one query.

    A function, like any object that is not plain data, is equal to itself alone: what it computes
    cannot be seen.

    Parameters
    ----------
    scan
        What stands for a scan in the fingerprint.
    """

    def __init__(self, scan: Callable[[Scan], Any]) -> None:
        self._scan = scan
        self._known: dict[int, tuple[Any, bytes]] = {}  # the object is held, so its id is its own

    def of(self, value: Any) -> bytes:
        """16 bytes that are the same for equal values."""
        if isinstance(value, PLAIN):
            return _digest(type(value).__name__, repr(value))
        if isinstance(value, (tuple, list)):
            return _digest("tuple", *map(self.of, value))
        if isinstance(value, (set, frozenset)):
            return _digest("set", *sorted(map(self.of, value)))
        if isinstance(value, Mapping):
            return _digest("map", *(self.of(item) for item in value.items()))
        if isinstance(value, (pa.DataType, pa.Field)):
            return _digest("arrow", str(value))
        if id(value) not in self._known:
            # what a node holds comes before it, as queries may be deep
            for each in children_first(value) if isinstance(value, Node) else [value]:
                if id(each) not in self._known:
                    self._known[id(each)] = each, self._of_object(each)
        return self._known[id(value)][1]

    def _of_object(self, value: Any) -> bytes:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        if isinstance(value, Scan):
            return _digest(kind, self.of(self._scan(value)))
        if isinstance(value, Node) or _is_data(value):
            fields = [each.name for each in dataclasses.fields(value) if each.init]
            return _digest(kind, *(self.of(getattr(value, name)) for name in fields))
        return _token(value)


def _is_data(value: Any) -> bool:
    """Whether an object is what its fields say: a frozen dataclass that is not a source."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    settings: Any = getattr(type(value), "__dataclass_params__", None)
    return bool(settings.frozen) and not hasattr(value, "read")


def _token(value: Any) -> bytes:
    """Name an object for as long as it lives; no other object, in any process, has its name."""
    key, made = id(value), secrets.token_bytes(16)
    known = _tokens.get(key)
    if known is not None and known[0]() is value:
        return known[1]
    try:
        _tokens[key] = weakref.ref(value, partial(_forget, _tokens, key)), made
    except TypeError:  # cannot be referred to weakly: it is never recognised again
        return made
    return made


def _forget(
    tokens: dict[int, tuple[weakref.ref[Any], bytes]], key: int, gone: weakref.ref[Any]
) -> None:
    # given its names: when Python ends, those of the module are gone before the last objects
    if tokens.get(key, (None,))[0] is gone:  # not an object that came to the same place
        del tokens[key]


def _digest(*parts: str | bytes) -> bytes:
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        made.update(len(data).to_bytes(8, "little"))
        made.update(data)
    return made.digest()


def digest(parts: Iterable[bytes]) -> bytes:
    """16 bytes for several fingerprints in this order."""
    return _digest(*parts)
