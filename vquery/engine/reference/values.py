"""Values of expressions and predicates for the oracle, one row or pair at a time.

Numbers from columns are numpy scalars, written numbers are Python's: a float32 meets a written
number in float32, as in the engine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.reference.bounds import INF, Row, overlap, placed, related
from vquery.engine.reference.functions import AGGREGATES, CALLS, NULL_AWARE, alike
from vquery.engine.reference.partition import PLACE, window
from vquery.errors import QueryError
from vquery.expr import (
    aggregates,
    boxes,
    expression,
    framing,
    partition,
    predicates,
    time,
    units,
)
from vquery.expr.placeholders import When
from vquery.schema import BOX, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping


class Values:
    """Evaluates expressions and predicates with the given parameters."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def seconds(self, value: expression.Expression, row: Row | None = None) -> int:
        """Microseconds of a length of time, which in frames depends on the video of a row."""
        at = {} if row is None else {None: row, "left": row}
        microseconds: int = round(self.value(value, at) * US_PER_S)
        return microseconds

    def value(self, node: Any, env: Mapping[Any, Any]) -> Any:
        """Value of an expression; ``env`` maps sides to rows, or None to the rows of a group."""
        if isinstance(node, expression.Param):
            return self.params.get(node.name, node.default)
        if isinstance(node, expression.Literal):
            return node.value
        if isinstance(node, units.Frames):
            assert node.rates is not None
            assert node.video is not None
            video = self.value(node.video, env)
            if video not in node.rates.videos:
                raise QueryError(f"nothing says how fast the frames of {video!r} are")
            at = node.rates.videos.index(video)
            length = self.value(node.count, env) * node.rates.frame_us[at]
            whole = math.copysign(math.floor(abs(length) + 0.5), length)
            return np.float64(whole / US_PER_S)
        if isinstance(node, framing.FrameNumber):
            assert node.clock is not None
            return frame_number(
                node.clock, self.value(node.video, env), self.value(node.start, env)
            )
        if isinstance(node, expression.Column):
            row = env[node.side]
            return column(row[0] if isinstance(row, list) else row, node.name)
        if isinstance(node, aggregates.Aggregate):
            rows = env[None]
            return self.aggregate(node, rows if isinstance(rows, list) else env[PLACE][0])
        if isinstance(node, partition.Window):
            return window(self, node, env)
        if isinstance(node, expression.IsIn):
            found = self.value(node.argument, env)
            same = [alike(found, each) for each in node.values if each is not None]
            return None if found is None else any(bool(a == b) for a, b in same)
        if isinstance(node, When):
            for condition, value in node.cases:
                if self.value(condition, env):
                    return self.value(value, env)
            return self.value(node.default, env)
        if isinstance(node, predicates.UdfResult):
            return self.udf(node, env)
        return self.call(node, [self.value(each, env) for each in node.arguments])

    def call(self, node: expression.Call, given: list[Any]) -> Any:
        """Value of an operation; null in, null out, except where nulls are what it is about."""
        if node.operation in NULL_AWARE:
            return NULL_AWARE[node.operation](*given)
        if any(each is None for each in given):
            return None
        return CALLS[node.operation](*(alike(*given) if len(given) == 2 else given))

    def aggregate(self, node: aggregates.Aggregate, rows: list[Row]) -> Any:
        """Value of an aggregate over rows in the usual order."""
        if node.argument is None:
            return len(rows)
        values = [self.value(node.argument, {None: row}) for row in rows]
        second: list[Any] = []
        if node.second is not None:
            second = [self.value(node.second, {None: row}) for row in rows]
        return AGGREGATES[node.function](values, second)

    def udf(self, node: predicates.UdfResult, env: Mapping[Any, Any]) -> Any:
        """Call a user's function on a single pair."""
        batches = [
            pa.RecordBatch.from_pydict({name: [env[side][name]] for name in node.udf.reads})
            for side in node.sides
        ]
        return pa.array(node.udf.function(*batches))[0].as_py()

    def holds(self, node: predicates.Predicate | None, a: Row, b: Row) -> bool | None:
        """Whether a predicate holds for two rows; None where that is unknown."""
        if node is None:
            return True
        if isinstance(node, predicates.Every | predicates.Some):
            call = expression.Call("and" if isinstance(node, predicates.Every) else "or", ())
            results = [self.holds(part, a, b) for part in node.parts]
            return self.call(call, results)  # type: ignore[no-any-return]
        if isinstance(node, predicates.Not):
            result = self.holds(node.part, a, b)
            return None if result is None else not result
        if isinstance(node, time.TimeRelation):
            return self.time_relation(node, a, b)
        if isinstance(node, boxes.BoxRelation):
            edges = [[row.get(name) for name in BOX] for row in (a, b)]
            if None in edges[0] or None in edges[1]:
                return None
            return placed(node.name, edges[0], edges[1], self.settings(node))
        return self.value(node.lower(), {"left": a, "right": b})  # type: ignore[no-any-return]

    def time_relation(self, node: time.TimeRelation, a: Row, b: Row) -> bool | None:
        """Whether a relation on time or an axis of boxes holds."""
        timed = node.axis == "time"
        if timed and node.name == "time_overlaps":
            return overlap(a, b)
        start, end = time.AXES[node.axis]
        spans = [(row.get(start), row.get(end)) for row in (a, b)]
        if None in (*spans[0], *spans[1]):
            return None
        given = dict.fromkeys(("min_gap", "max_gap", "tolerance"), INF) | {
            name: round(value * US_PER_S) if timed else np.float32(value)
            for name, value in self.settings(node, {"left": a, "right": b}).items()
        }
        return related(node.name, spans[0], spans[1], given)

    def settings(
        self, node: time.TimeRelation | boxes.BoxRelation, env: Mapping[Any, Any] | None = None
    ) -> dict[str, Any]:
        """Return the settings of a predicate that are given; frames ask for the video."""
        given = [(name, each) for name, each in node.values if each is not None]
        return {name: self.value(each, env or {}) for name, each in given}


def column(row: Row, name: str) -> Any:
    """Value of a stored or derived column."""
    if name in row:
        return row[name]
    if name in ("start", "end"):
        return np.float64(row[f"{name}_us"] / US_PER_S)
    if name == "duration":
        return np.float64((row["end_us"] - row["start_us"]) / US_PER_S)
    x1, y1, x2, y2 = (row[edge] for edge in BOX)
    if x1 is None:
        return None
    two = np.float32(2)
    if name == "aspect":
        return None if y1 == y2 else (x2 - x1) / (y2 - y1)
    derived = {"width": x2 - x1, "height": y2 - y1, "area": (x2 - x1) * (y2 - y1)}
    return (derived | {"center_x": (x1 + x2) / two, "center_y": (y1 + y2) / two})[name]


def typed(row: Row, schema: pa.Schema) -> Row:
    """Row with numbers as numpy scalars of their column's type."""
    kinds = {pa.float32(): np.float32, pa.float64(): np.float64, pa.int64(): np.int64}
    scalars = {name: kinds.get(schema.field(name).type, lambda value: value) for name in row}
    return {name: None if each is None else scalars[name](each) for name, each in row.items()}


def frame_number(clock: framing.Clock, video: Any, at: int) -> np.int64:
    """Find the number of the frame that is shown at a time."""
    if clock.frames is not None:
        frames = [each for each in clock.frames().to_pylist() if each["video"] == video]
        shown = [each for each in frames if each["start_us"] <= at] or frames[:1]
        return np.int64(max(shown, key=lambda each: each["start_us"])["frame"])
    (known,) = [each for each in clock.extents.to_pylist() if each["video"] == video]
    number = 0
    while known["start_us"] + (number + 1) * known["frame_us"] <= at + 0.5:
        number += 1
    return np.int64(number)
