"""The words of the query language: what a text may use, and what the package exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine import lookups
from vquery.engine.methods import rekeying
from vquery.expr import (
    aggregates,
    boxes,
    merge,
    partition,
    pattern,
    placeholders,
    predicates,
    time,
    units,
)

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
