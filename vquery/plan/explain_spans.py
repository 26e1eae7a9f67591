"""What EXPLAIN says of steps on spans and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.expr.rekeying import Concat, Rekey, RekeyBack
from vquery.expr.relations import Dilate, Relation, Sample
from vquery.expr.spans import Clip, Complement, Shift, SlidingWindows, Split, SplitAt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.groups import Coalesce
    from vquery.plan.steps import Step

ARRAYS = "arrays"


def coalesced(node: Coalesce) -> str:
    """Strategy and settings of a coalesce, without its aggregates."""
    grown = node.where is not None or node.max_length is not None
    how = "run by run" if grown else "sweep"
    unit = " s" if node.axis == "time" else ""
    by = f", by {', '.join(node.by)}" if node.by else ""
    where = f", where {node.where!r}" if node.where is not None else ""
    most = f", at most {node.max_length!r}{unit}" if node.max_length is not None else ""
    return f"{how} kernel on {node.axis}, gap {node.gap!r}{unit}{by}{where}{most}"


def _dilate(step: Step) -> str:
    node: Dilate = step.node  # type: ignore[assignment]
    side = "" if len(node.sides) == 2 else f" at the {node.sides[0]}"
    clip = ", clipped" if node.clip else ""
    return f"{ARRAYS}, {_amount(node.seconds, node.axis)}{side}{clip}"


def _clip(step: Step) -> str:
    node: Clip = step.node  # type: ignore[assignment]
    if node.extents is not None:
        return f"{ARRAYS}, to the extent of the video"
    ends = [
        f"{name} {_amount(bound, node.axis)}"
        for name, bound in (("from", node.start), ("to", node.end))
        if bound is not None
    ]
    return f"{ARRAYS}, {' '.join(ends)}"


def _windows(step: Step) -> str:
    node: SlidingWindows = step.node  # type: ignore[assignment]
    whole = "" if node.partial else ", whole ones only"
    return f"{ARRAYS}, {node.length!r} s every {node.step!r} s{whole}"


def _sample(step: Step) -> str:
    node: Sample = step.node  # type: ignore[assignment]
    size = f"{node.count!r} rows" if node.count is not None else f"{node.fraction!r} of the rows"
    by = f", by {', '.join(node.by)}" if node.by else ""
    return f"{ARRAYS}, {size}{by}, seed {node.seed}"


def _amount(value: object, axis: str) -> str:
    return f"{value!r} s" if axis == "time" else f"{value!r} on {axis}"


SPAN_TITLES: Mapping[type[Relation], str] = {
    SplitAt: "split",
    SlidingWindows: "windows",
}
SPAN_DETAILS: Mapping[type[Relation], Callable[[Step], str]] = {
    Dilate: _dilate,
    Shift: lambda step: f"{ARRAYS}, {_amount(step.node.amount, step.node.axis)}",  # type: ignore[attr-defined]
    Clip: _clip,
    Split: lambda step: f"{ARRAYS}, {step.node.every!r} s from the {step.node.anchor}",  # type: ignore[attr-defined]
    SplitAt: lambda _: f"{ARRAYS}, where the rows on the right start",
    SlidingWindows: _windows,
    Complement: lambda _: "sweep kernel on time (subtract from the first input)",
    Sample: _sample,
    Concat: lambda step: f"{ARRAYS}, {', '.join(step.node.names)}",  # type: ignore[attr-defined]
    Rekey: lambda step: f"DuckDB SQL, {step.node.key!r}, later by {step.node.shift!r} s",  # type: ignore[attr-defined]
    RekeyBack: lambda _: ARRAYS,
}
