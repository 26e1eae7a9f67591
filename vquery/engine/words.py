"""The words of the query language: what a text may use, and what the package exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine import lookups
from vquery.engine.grouped import Grouped
from vquery.engine.intervals import Intervals
from vquery.engine.methods import rekeying
from vquery.engine.partitioned import Partitioned
from vquery.expr import (
    aggregates,
    boxes,
    habits,
    merge,
    partition,
    pattern,
    placeholders,
    predicates,
    time,
    units,
)
from vquery.expr.expression import Expression
from vquery.expr.pattern import Pattern
from vquery.expr.placeholders import When
from vquery.expr.predicates import Predicate

if TYPE_CHECKING:
    from types import ModuleType

MODULES: dict[ModuleType, tuple[str, ...]] = {
    placeholders: (
        *("row", "face", "caption", "shot", "when", "param", "lit"),
        *("greatest", "least", "coalesce"),
    ),
    time: (
        "time_overlaps",
        *("before", "meets", "overlaps", "starts", "during", "finishes", "equals"),
        *("after", "met_by", "overlapped_by", "started_by", "contains", "finished_by"),
    ),
    boxes: (
        *("left_of", "right_of", "above", "below", "inside", "encloses"),
        *("boxes_overlap", "iou", "aligned"),
    ),
    predicates: ("same",),
    merge: ("span", "intersection", "time_intersection", "left", "right", "merge"),
    rekeying: ("concat",),
    lookups: ("coverage", "count_overlaps"),
    pattern: ("pattern",),
    units: ("seconds", "minutes", "frames"),
    partition: (
        *("lag", "lead", "rank", "row_number", "rolling", "rolling_mean", "cumulative_sum"),
    ),
    aggregates: (
        *("count", "n_unique", "sum", "mean", "median", "std", "quantile", "min", "max"),
        *("first", "last", "any", "all", "share", "list", "arg_min", "arg_max"),
    ),
}

WORDS: dict[str, Any] = {
    name: getattr(module, name) for module, names in MODULES.items() for name in names
}
"""Every word by name. A function of the user (``udf``) is none: a text cannot name one."""

OF_VALUES = frozenset(
    "isin between is_null not_null fill_null cast abs round floor ceil sqrt log exp clip"
    " lower upper strip replace startswith endswith like ilike matches extract words"
    " length contains contains_any get first last join_text"
    " year month day hour weekday asc desc".split()
)
METHODS: dict[type, frozenset[str]] = {
    Intervals: frozenset(
        "filter mutate select drop rename sort limit distinct union join semi_join anti_join minus"
        " intersect nearest count_overlaps coverage collect_by"
        " coalesce dilate shift clip split windows complement extents sample rekey rekey_back"
        " per_frame group_by partition_by sequence phrase".split()
    ),
    Grouped: frozenset(("agg", "filter", "match")),
    Partitioned: frozenset(("mutate", "filter", "coalesce", "sequence")),
    When: OF_VALUES | {"when", "otherwise"},
    Pattern: frozenset(("where",)),
    Predicate: frozenset(("on",)),
    Expression: OF_VALUES,
}
"""What may be called on what."""


RUNNING = (
    *("collect", "count", "show", "explain", "batches", "to_arrow", "to_pandas", "to_polars"),
    *("to_duckdb", "to_reader", "sql", "lineage", "why_not", "evaluate", "tune"),
)
"""Methods of a relation that run it: they are for who gives the text, not for the text."""

HABITS = {Intervals: habits.RELATION, Grouped: habits.GROUPS, Expression: habits.VALUE}


def instead_of(name: str, kind: type) -> str:
    """Say what a text may write instead of a method that it cannot call, if anything.

    >>> instead_of("groupby", Intervals), instead_of("colect", Intervals)
    (": use .group_by('name')", '')
    """
    if kind is Intervals and name in RUNNING:
        return ": a text says which rows, and what becomes of them is said by who runs it"
    cure = HABITS.get(kind, {}).get(name)
    return "" if cure is None else f": use {cure}"
