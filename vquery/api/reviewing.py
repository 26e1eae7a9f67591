"""Violations for people to look at: what is labelled is left out, what teaches most comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import correcting
from vquery.api.tables import propagated
from vquery.schema import IDS_PER_VIDEO, US_PER_S
from vquery.supervise.selection import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.store.snapshot import Snapshot
    from vquery.supervise.assertions.checked import Checked


def review(
    snapshot: Snapshot,
    seeds: pa.Table,
    checked: Checked,
    n: int,
    *,
    previous: Checked | None,
    concept: str,
) -> pa.Table:
    """Choose violations; see `Collection.review`."""
    rows = checked.violations
    items = rows["items"].to_pylist()
    shown = [_shown(some) for some in items]
    labelled = set(seeds["detection_id"].to_pylist())
    counts = correcting.fired(snapshot, checked) if previous is None else previous.counts
    if counts is not None:  # rules that are not asked any more did not fall
        counts = {rule: count for rule, count in counts.items() if rule in checked.rules}
    chosen = choose(
        rows["rule"].to_pylist(),
        rows["severity"].to_numpy(),
        n,
        previous=counts,
        video=np.array(rows["video"].to_pylist(), str),
        time_s=rows["start_us"].to_numpy() / US_PER_S,
        uncertainty=_uncertainty(snapshot, concept, shown),
        barred=np.array([bool(labelled & set(some)) for some in items], bool),
    )
    at = pa.array(chosen.row)
    extra = {
        "rank": pa.array(np.arange(1, len(at) + 1)),
        "reason": pa.array(chosen.reason, pa.string()),
        "detection_id": pa.array([shown[one] for one in chosen.row.tolist()], pa.int64()),
    }
    table = rows.take(at)
    for name, column in extra.items():
        table = table.append_column(name, column)
    return table


def _shown(items: list[int]) -> int | None:
    """Take the middle one of the detections: what is wrong, not what it stands beside.

    Ids of added rows lie below 0, numbers of rows without ids below those of the first video.

    >>> _shown([1_000_000_005, 1_000_000_007]), _shown([-1]), _shown([3])
    (1000000007, None, None)
    """
    stored = [item for item in items if item > IDS_PER_VIDEO]
    return stored[len(stored) // 2] if stored else None


def _uncertainty(snapshot: Snapshot, concept: str, shown: list[int | None]) -> NDArray[np.float64]:
    """How far the most probable label of each row is from certain; NaN where it has none."""
    soft = propagated(snapshot, concept)
    at = pc.index_in(pa.array(shown, pa.int64()), value_set=soft["detection_id"].combine_chunks())
    found = soft["probability"].combine_chunks().take(at).cast(pa.float64())
    return 1.0 - np.asarray(pc.fill_null(found, np.nan).to_numpy(zero_copy_only=False))
