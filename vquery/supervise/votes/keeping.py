"""What functions have said before, in the engine's cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.engine.running.cache import cache_of
from vquery.plan.fingerprint import digest

if TYPE_CHECKING:
    from vquery.engine.running.cache import Cache

ABOUT = b"about"


class Kept:
    """Tables by key, each with a few plain values.

    Parameters
    ----------
    cache
        True for the cache of this process, a `vquery.Cache`, or False to keep nothing.

    >>> from vquery.engine.running.cache import Cache
    >>> kept = Kept(Cache())
    >>> kept.keep(b"0" * 16, pa.table({"a": [1]}), {"rows": 1})
    >>> kept.find(b"0" * 16)[1], kept.find(b"1" * 16)
    ({'rows': 1}, None)
    """

    def __init__(self, cache: bool | Cache) -> None:  # noqa: FBT001 - as collect(cache=) has it
        self._cache = None if cache is False else cache_of(cache)

    def find(self, key: bytes) -> tuple[pa.Table, dict[str, Any]] | None:
        """Return what was kept under a key, None where it is gone or never was."""
        if self._cache is None:
            return None
        table, about = self._cache.find([key, digest([key, ABOUT])])
        if table is None or about is None:
            return None
        rows = table.block.table().slice(table.start, table.size)
        told = about.block.table().slice(about.start, about.size)
        values: dict[str, Any] = json.loads(told["about"][0].as_py())
        return rows, values

    def keep(self, key: bytes, table: pa.Table, about: dict[str, Any]) -> None:
        """Keep a table; what JSON cannot tell exactly is not kept."""
        text = _exactly(about)
        if self._cache is None or text is None:
            return
        self._cache.keep([key], [table.num_rows], table, {})
        self._cache.keep([digest([key, ABOUT])], [1], pa.table({"about": [text]}), {})


def _exactly(values: dict[str, Any]) -> str | None:
    """Write values as JSON; None where they would come back as others.

    >>> _exactly({"a": [1, "b"]}), _exactly({"a": (1,)}), _exactly({"a": {1}})
    ('{"a": [1, "b"]}', None, None)
    """
    try:
        text = json.dumps(values)
    except (TypeError, ValueError):
        return None
    return text if _written(json.loads(text)) == _written(values) else None


def _written(value: Any) -> Any:
    """Value with its types: True is not 1 here."""
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    return type(value), value
