"""Query video with Python and turn a few labels into a training set.

Everything public is here, and loaded when it is first used: ``import vquery`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vquery.api.augmenting import augment as augment
    from vquery.api.collection import Collection
    from vquery.api.embedding import Backbone, Embedded
    from vquery.api.ends import EndModel
    from vquery.api.learnt.trained import Trained, compare_runs
    from vquery.api.opening import create
    from vquery.api.opening import open as open
    from vquery.api.voting import votes
    from vquery.engine.bring import from_duckdb, from_pandas, from_polars
    from vquery.engine.concept import ABSTAIN, concept
    from vquery.engine.intervals import Intervals
    from vquery.engine.lookups import count_overlaps, coverage
    from vquery.engine.methods.rekeying import concat
    from vquery.engine.running.cache import Cache
    from vquery.engine.sources import from_arrow
    from vquery.errors import (
        ExportError,
        IngestError,
        LabelError,
        LearnError,
        LockedError,
        MediaError,
        MissingDependencyError,
        PipelineError,
        QueryError,
        SchemaError,
        StoreError,
        UnknownColumnError,
        UnknownMethodError,
        VQueryError,
    )
    from vquery.expr.aggregates import all as all
    from vquery.expr.aggregates import any as any
    from vquery.expr.aggregates import (
        arg_max,
        arg_min,
        count,
        first,
        last,
        mean,
        median,
        n_unique,
        quantile,
        share,
        std,
    )
    from vquery.expr.aggregates import list as list
    from vquery.expr.aggregates import max as max
    from vquery.expr.aggregates import min as min
    from vquery.expr.aggregates import sum as sum
    from vquery.expr.boxes import (
        above,
        aligned,
        below,
        boxes_overlap,
        encloses,
        inside,
        iou,
        left_of,
        right_of,
    )
    from vquery.expr.merge import intersection, left, merge, right, span, time_intersection
    from vquery.expr.partition import (
        cumulative_sum,
        lag,
        lead,
        rank,
        rolling,
        rolling_mean,
        row_number,
    )
    from vquery.expr.pattern import pattern
    from vquery.expr.placeholders import (
        caption,
        coalesce,
        face,
        greatest,
        least,
        lit,
        param,
        row,
        shot,
        when,
    )
    from vquery.expr.predicates import same, udf
    from vquery.expr.time import (
        after,
        before,
        contains,
        during,
        equals,
        finished_by,
        finishes,
        meets,
        met_by,
        overlapped_by,
        overlaps,
        started_by,
        starts,
        time_overlaps,
    )
    from vquery.expr.units import frames, minutes, seconds
    from vquery.graph.choose import choose_graph
    from vquery.graph.extension import extend_votes
    from vquery.graph.items import knn_graph
    from vquery.graph.propagate import propagate, propagate_concepts
    from vquery.learn.ends.few_shot import FewShot
    from vquery.media.networks import OnnxClassifier
    from vquery.notebook.making import grid, timeline
    from vquery.pipeline.pipeline import Pipeline
    from vquery.supervise.assertions.appear import appear
    from vquery.supervise.assertions.checked import Checked, check, corrected
    from vquery.supervise.assertions.consistent import consistent
    from vquery.supervise.assertions.findings import Assertion
    from vquery.supervise.assertions.flicker import flicker
    from vquery.supervise.assertions.multibox import multibox
    from vquery.supervise.assertions.never import never
    from vquery.supervise.assertions.no_overlap import no_overlap
    from vquery.supervise.assertions.switches import switches
    from vquery.supervise.linear import fit_linear, leave_functions_out
    from vquery.supervise.models.label_model import LabelModel
    from vquery.supervise.proof import Assessment, assess, label_errors, out_of_fold
    from vquery.supervise.slices import slice as slice
    from vquery.supervise.spread import spread_labels
    from vquery.supervise.stays import stays
    from vquery.supervise.time import Decoded, Transitions, decode
    from vquery.supervise.votes.matrix import LabelMatrix

_HOMES = {
    "vquery.api.augmenting": "augment",
    "vquery.api.collection": "Collection",
    "vquery.api.embedding": "Backbone Embedded",
    "vquery.api.ends": "EndModel",
    "vquery.api.learnt.trained": "Trained compare_runs",
    "vquery.api.opening": "create open",
    "vquery.api.voting": "votes",
    "vquery.engine.running.cache": "Cache",
    "vquery.engine.concept": "ABSTAIN concept",
    "vquery.engine.intervals": "Intervals",
    "vquery.engine.lookups": "count_overlaps coverage",
    "vquery.engine.methods.rekeying": "concat",
    "vquery.engine.bring": "from_duckdb from_pandas from_polars",
    "vquery.engine.sources": "from_arrow",
    "vquery.errors": (
        "ExportError IngestError LabelError LearnError LockedError MediaError "
        "MissingDependencyError PipelineError QueryError SchemaError StoreError UnknownColumnError "
        "UnknownMethodError VQueryError"
    ),
    "vquery.expr.aggregates": (
        "all any arg_max arg_min count first last list max mean median min n_unique quantile "
        "share std sum"
    ),
    "vquery.expr.boxes": ("above aligned below boxes_overlap encloses inside iou left_of right_of"),
    "vquery.expr.merge": "intersection left merge right span time_intersection",
    "vquery.expr.partition": "cumulative_sum lag lead rank rolling rolling_mean row_number",
    "vquery.expr.pattern": "pattern",
    "vquery.expr.placeholders": "caption coalesce face greatest least lit param row shot when",
    "vquery.expr.predicates": "same udf",
    "vquery.expr.time": (
        "after before contains during equals finished_by finishes meets met_by overlapped_by "
        "overlaps started_by starts time_overlaps"
    ),
    "vquery.expr.units": "frames minutes seconds",
    "vquery.graph.choose": "choose_graph",
    "vquery.graph.extension": "extend_votes",
    "vquery.graph.items": "knn_graph",
    "vquery.graph.propagate": "propagate propagate_concepts",
    "vquery.notebook.making": "grid timeline",
    "vquery.learn.ends.few_shot": "FewShot",
    "vquery.media.networks": "OnnxClassifier",
    "vquery.pipeline.pipeline": "Pipeline",
    "vquery.supervise.linear": "fit_linear leave_functions_out",
    "vquery.supervise.spread": "spread_labels",
    "vquery.supervise.assertions.appear": "appear",
    "vquery.supervise.assertions.checked": "Checked check corrected",
    "vquery.supervise.assertions.consistent": "consistent",
    "vquery.supervise.assertions.findings": "Assertion",
    "vquery.supervise.assertions.flicker": "flicker",
    "vquery.supervise.assertions.multibox": "multibox",
    "vquery.supervise.assertions.never": "never",
    "vquery.supervise.assertions.no_overlap": "no_overlap",
    "vquery.supervise.assertions.switches": "switches",
    "vquery.supervise.models.label_model": "LabelModel",
    "vquery.supervise.stays": "stays",
    "vquery.supervise.time": "Decoded Transitions decode",
    "vquery.supervise.votes.matrix": "LabelMatrix",
    "vquery.supervise.proof": "Assessment assess label_errors out_of_fold",
    "vquery.supervise.slices": "slice",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

# What would hide a builtin is reached as vquery.open, vquery.sum …, never by a star import.
__all__ = [
    "ABSTAIN",
    "Assertion",
    "Assessment",
    "Backbone",
    "Cache",
    "Checked",
    "Collection",
    "Decoded",
    "Embedded",
    "EndModel",
    "ExportError",
    "FewShot",
    "IngestError",
    "Intervals",
    "LabelError",
    "LabelMatrix",
    "LabelModel",
    "LearnError",
    "LockedError",
    "MediaError",
    "MissingDependencyError",
    "OnnxClassifier",
    "Pipeline",
    "PipelineError",
    "QueryError",
    "SchemaError",
    "StoreError",
    "Trained",
    "Transitions",
    "UnknownColumnError",
    "UnknownMethodError",
    "VQueryError",
    "above",
    "after",
    "aligned",
    "appear",
    "arg_max",
    "arg_min",
    "assess",
    "augment",
    "before",
    "below",
    "boxes_overlap",
    "caption",
    "check",
    "choose_graph",
    "coalesce",
    "compare_runs",
    "concat",
    "concept",
    "consistent",
    "contains",
    "corrected",
    "count",
    "count_overlaps",
    "coverage",
    "create",
    "cumulative_sum",
    "decode",
    "during",
    "encloses",
    "equals",
    "extend_votes",
    "face",
    "finished_by",
    "finishes",
    "first",
    "fit_linear",
    "flicker",
    "frames",
    "from_arrow",
    "from_duckdb",
    "from_pandas",
    "from_polars",
    "greatest",
    "grid",
    "inside",
    "intersection",
    "iou",
    "knn_graph",
    "label_errors",
    "lag",
    "last",
    "lead",
    "least",
    "leave_functions_out",
    "left",
    "left_of",
    "lit",
    "mean",
    "median",
    "meets",
    "merge",
    "met_by",
    "minutes",
    "multibox",
    "n_unique",
    "never",
    "no_overlap",
    "out_of_fold",
    "overlapped_by",
    "overlaps",
    "param",
    "pattern",
    "propagate",
    "propagate_concepts",
    "quantile",
    "rank",
    "right",
    "right_of",
    "rolling",
    "rolling_mean",
    "row",
    "row_number",
    "same",
    "seconds",
    "share",
    "shot",
    "span",
    "spread_labels",
    "started_by",
    "starts",
    "stays",
    "std",
    "switches",
    "time_intersection",
    "time_overlaps",
    "timeline",
    "udf",
    "votes",
    "when",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vquery' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> Any:
    return sorted({*globals(), *_HOME})
