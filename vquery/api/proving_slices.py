"""Slices of several tables at once: each is asked of those tables that have its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import UnknownColumnError
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from vquery.supervise.proof import Assessment
    from vquery.supervise.slices import Slice

    Members = NDArray[np.bool_]

ENDS = ("low", "high")


def fitting(
    slices: Sequence[Slice | str], tables: Mapping[str, pa.Table]
) -> tuple[dict[str, dict[str, Members]], list[str]]:
    """Find the rows of each slice in each table that has the columns it asks for.

    Returns
    -------
    members, notes
        By table: name of a slice → (n,) booleans; and which slices are not of which table.

    Raises
    ------
    UnknownColumnError
        If no table has the columns of a slice.
    LabelError
        As `vquery.supervise.slices.slices_of` does.

    >>> import pyarrow as pa
    >>> tables = {"faces": pa.table({"name": ["Ann"]}), "shots": pa.table({"kind": ["live"]})}
    >>> members, notes = fitting(["name"], tables)
    >>> {table: list(slices) for table, slices in members.items()}, notes
    ({'faces': ['name=Ann'], 'shots': []}, ["slice 'name' is not of shots, which lack its columns"])
    """
    members: dict[str, dict[str, Members]] = {}
    misfits: dict[int, dict[str, UnknownColumnError]] = {}
    for table, rows in tables.items():
        fits = []
        for number, one in enumerate(slices):
            try:
                slices_of([one], rows, rows.num_rows)
            except UnknownColumnError as error:
                misfits.setdefault(number, {})[table] = error
            else:
                fits.append(one)
        members[table] = slices_of(fits, rows, rows.num_rows)
    for failed in misfits.values():
        if len(failed) == len(tables):
            raise next(iter(failed.values()))
    notes = [
        f"slice {getattr(slices[number], 'name', slices[number])!r} is not of "
        f"{' and '.join(failed)}, which lack its columns"
        for number, failed in sorted(misfits.items())
    ]
    return members, notes


def with_ends(name: str, one: Assessment, metric: str) -> dict[str, float | None]:
    """Give a figure and the ends of its interval, as thresholds name them."""
    figure = one.metrics[metric]
    return {name: figure.value} | {f"{name}.{end}": getattr(figure, end) for end in ENDS}


def by_slice(name: str, one: Assessment, metric: str) -> dict[str, float | None]:
    """Give a figure in every slice, as ``NAME/SLICE``, with the ends of its interval."""
    found: dict[str, float | None] = {}
    for row in one.by_slice(metric).to_pylist():
        sliced = f"{name}/{row['slice']}"
        found |= {sliced: row["value"]} | {f"{sliced}.{end}": row[end] for end in ENDS}
    return found
