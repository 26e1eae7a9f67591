"""What is said of a step that dropped an interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.trust.failing import nearest_miss
from vquery.engine.trust.texts import row_text, rows_at
from vquery.plan.explain import described, title

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.engine.trust.failing import Failure
    from vquery.plan.steps import Step


@dataclass(frozen=True, slots=True)
class Drop:
    """A step that gave nothing at the interval.

    ``near`` tells that another threshold would have kept a row; ``rows`` are written out below the
    reason.
    """

    step: str
    details: str
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    near: bool = False


def drop(
    step: Step,
    text: str,
    values: dict[str, Any] | None = None,
    rows: tuple[str, ...] = (),
    *,
    near: bool = False,
) -> Drop:
    """Say why a step dropped an interval."""
    return Drop(title(step.node), described(step), text, values or {}, rows, near)


def missed(step: Step, failed: list[list[Failure]], there: pa.Table) -> Drop:
    """Say by which values the row failed that came nearest to being kept."""
    best = nearest_miss(failed)
    values = {name: value for each in failed[best] for name, value in each.values.items()}
    text = "; ".join(each.text for each in failed[best])
    near = all(each.near for each in failed[best])
    others = len(failed) - 1
    if others:
        text += f" (and {others:,} other row{'s' if others > 1 else ''} no nearer)"
    return drop(step, text, values, (row_text(rows_at(there, np.array([best]))[0]),), near=near)
