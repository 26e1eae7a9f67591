"""What an analyst may set of a propagation, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import check_known
from vquery.engine.intervals import Intervals
from vquery.errors import IngestError, LabelError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]
    Weights = npt.NDArray[np.float64]

ENDS = (("detection_id", "detection_id_right"), ("source", "target"))
"""Names that the two columns of ids may have; the first are those that a join gives."""
GIVEN_WEIGHT = 1.0
"""Mixing weight of edges that a person gives, relative to what looks alike."""


class Choices(TypedDict, total=False):
    """What may be chosen of `Options`."""

    threshold: float
    k: int | None
    floor: float | None
    leak: float | None
    exclusive: bool
    captions: float
    edges: Any
    edges_weight: float
    spaces: Sequence[str] | None


@dataclass(frozen=True)
class Options:
    """Settings of the graph and of the solution; see `Collection.propagate`.

    Attributes
    ----------
    captions, edges_weight
        Mixing weights of edges by what is said, and of those in ``edges``.
    edges
        A table of pairs of detections, as it was given.
    spaces
        Names of the embeddings that count, alike; None takes those of indexing.
    """

    threshold: float = 0.5
    k: int | None = None
    floor: float | None = None
    leak: float | None = None
    exclusive: bool = True
    captions: float = 0.0
    edges: Any = None
    edges_weight: float = GIVEN_WEIGHT
    spaces: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _check_spaces(self.spaces)
        _within("threshold", self.threshold, 0, 1)
        whole = isinstance(self.k, int | np.integer) and not isinstance(self.k, bool)
        if self.k is not None and not (whole and self.k >= 1):
            raise LabelError(f"propagate(k=) counts neighbours and must be at least 1: {self.k!r}")
        if self.floor is not None:
            _within("floor", self.floor, -1, 1)
        if self.leak is not None and not (_is_number(self.leak) and self.leak > 0):
            raise LabelError(f"propagate(leak=) must be above 0, got {self.leak!r}")
        for name in ("captions", "edges_weight"):
            value = getattr(self, name)
            if not (_is_number(value) and value >= 0):
                raise LabelError(f"propagate({name}=) is a weight of at least 0, got {value!r}")

    def told(self) -> dict[str, Any]:
        """Return what differs from the defaults, for the RUN row."""
        usual = Options()
        names = ("k", "floor", "leak", "exclusive", "captions")
        said = {n: getattr(self, n) for n in names if getattr(self, n) != getattr(usual, n)}
        if self.edges is not None:
            said |= {"edges": True, "edges_weight": self.edges_weight}
        if self.spaces is not None:
            said["spaces"] = list(self.spaces)
        return said


def _check_spaces(spaces: object) -> None:
    if spaces is None:
        return
    names = spaces if isinstance(spaces, list | tuple) else ()
    if not names or not all(isinstance(one, str) for one in names) or len({*names}) < len(names):
        raise LabelError(
            "propagate(spaces=) takes a list of different names of embeddings, such as "
            f"['face', 'learned'], got {spaces!r}"
        )


def _is_number(value: object) -> bool:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return numeric and math.isfinite(value)  # type: ignore[arg-type]


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (_is_number(value) and low <= value <= high):
        raise LabelError(f"propagate({name}=) must be from {low} to {high}, got {value!r}")


@dataclass(frozen=True)
class Pairs:
    """Edges that a person gives: rows of items, weights, and how many lie outside the items."""

    source: Ints
    target: Ints
    weight: Weights
    outside: int


def pairs_of(edges: Any, own: Ints, snapshot: Snapshot) -> Pairs:
    """Bring a table of edges to rows of the items ``own`` (ids, ascending).

    Parameters
    ----------
    edges
        A relation, table or data frame with two columns of ids (`ENDS`) and ``weight``, which may
        be left out: all edges then weigh the same.

    Raises
    ------
    SchemaError
        If a column is missing or has a value that cannot be; it names the row.
    LabelError
        If an id is no detection of the collection.
    """
    table = _as_table(edges)
    ends = next((pair for pair in ENDS if set(pair) <= set(table.column_names)), None)
    if ends is None:
        raise SchemaError(
            "propagate(edges=) needs two columns of detection ids, "
            f"{' or '.join(f'{a!r} and {b!r}' for a, b in ENDS)}; got "
            f"{', '.join(map(repr, table.column_names)) or 'no columns'}"
        )
    ids = [_ids(table, name) for name in ends]
    weight = _weights(table)
    if len(weight):
        check_known(np.concatenate(ids), snapshot)
    inside = np.isin(ids[0], own) & np.isin(ids[1], own)
    source, target = (np.searchsorted(own, each[inside]) for each in ids)
    return Pairs(source, target, weight[inside], int((~inside).sum()))


def _as_table(edges: Any) -> pa.Table:
    found = edges.collect() if isinstance(edges, Intervals) else edges
    if hasattr(found, "to_arrow") and not isinstance(found, pa.Table):
        found = found.to_arrow()
    if not isinstance(found, pa.Table) and not hasattr(found, "__arrow_c_stream__"):
        raise SchemaError(
            "propagate(edges=) takes a relation, a table or a data frame, "
            f"got {type(edges).__name__}"
        )
    return pa.table(found)


def _ids(table: pa.Table, name: str) -> Ints:
    column = table[name]
    if not (pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        raise SchemaError(f"propagate(edges=): {name!r} must hold detection ids, is {column.type}")
    _refuse(pc.is_null(column), name, "is empty")
    return np.asarray(column.cast(pa.int64()).to_numpy())


def _weights(table: pa.Table) -> Weights:
    if "weight" not in table.column_names:
        return np.ones(table.num_rows)
    column = table["weight"]
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise SchemaError(f"propagate(edges=): 'weight' must be a number, is {kind}")
    column = column.cast(pa.float64())
    right = pc.and_(pc.is_finite(column), pc.greater(column, 0))
    _refuse(pc.invert(pc.fill_null(right, fill_value=False)), "weight", "must be a number above 0")
    return np.asarray(column.to_numpy())


def read_edges(path: Path) -> pa.Table:
    """Read a table of edges from a CSV or Parquet file, for `pairs_of` to check.

    Raises
    ------
    IngestError
        If it cannot be read as such a table.
    """
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_table(path)
        return pyarrow.csv.read_csv(path)
    except pa.ArrowInvalid as error:
        raise IngestError.at(path, f"is no CSV or Parquet table: {error}") from error


def _refuse(bad: pa.ChunkedArray, name: str, rule: str) -> None:
    if pc.any(bad).as_py():
        first = pc.index(bad, value=True).as_py() + 1
        raise SchemaError(f"propagate(edges=), row {first}: {name!r} {rule}")
