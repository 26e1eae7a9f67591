"""How right the rows of a result are, by buckets of their score, from the few that were judged.

A person looks at a sample of a bucket and says which are wrong. The share that is right, with its
interval, tells from which score on rows can be taken as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import HUMAN, propagated
from vquery.errors import LabelError
from vquery.metrics.calibration import wilson
from vquery.schema import KEYS
from vquery.store.verdicts import JUDGED, judged

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    from vquery.store.store import Store

    Ints: TypeAlias = npt.NDArray[np.int64]
    Floats: TypeAlias = npt.NDArray[np.float64]

WAYS = ("score", "probability")
BUCKETS = 8
WANTED = 0.9


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows of a result that can be judged.

    Attributes
    ----------
    rows
        Their places in the result.
    about
        ``detection_id, video, start_us, end_us, label`` of each: what a verdict is about.
    value
        By which they are put into buckets.
    right
        1 where a row was judged right, 0 where wrong, NaN where nobody said.
    unit
        A number for each track: rows of one track are right and wrong together, so that they
        count as one observation.
    bucket, edges
        The bucket of each row, and the b + 1 borders of the buckets.
    """

    rows: Ints
    about: pa.Table
    value: Floats
    right: Floats
    unit: Ints
    bucket: Ints
    edges: Floats


def scored(
    store: Store, table: pa.Table, concept: str, by: str, query: str | None, buckets: int = BUCKETS
) -> Scored:
    """Put the rows of a result into buckets, with what was judged of them.

    Parameters
    ----------
    by
        "score": whether the hits of this query are right; without a column ``score`` all are one
        bucket. "probability": whether the labels found of a concept are right, of detections that
        nobody had labelled when they were found; what people said of them since counts as well,
        in any query.
    buckets
        How many at most; each has about as many rows, and equal values share one.

    Raises
    ------
    LabelError
        If rows have no detections where labels are judged, or nothing is found of the concept.
    """
    needed = {"detection_id", *KEYS, "track", "score"}
    table = table.select([name for name in table.column_names if name in needed])
    if by == "score":
        rows, about, value = _hits(table)
    else:
        rows, about, value = _labels(store, table, concept)
    said = judged(store.events(), concept, by, query)
    right = _verdicts(about, said)
    if by == "probability":
        right = _with_words(store, about, concept, right)
    edges = _edges(value, buckets)
    bucket = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, max(len(edges) - 2, 0))
    return Scored(rows, about, value, right, _units(table.take(pa.array(rows))), bucket, edges)


def _hits(table: pa.Table) -> tuple[Ints, pa.Table, Floats]:
    value = np.ones(table.num_rows)
    if "score" in table.column_names and _numeric(table["score"].type):
        score = table["score"].cast(pa.float64()).to_numpy()
        value = np.where(np.isfinite(score), score, np.nan)
    rows = np.flatnonzero(np.isfinite(value))
    return rows, _about(table.take(pa.array(rows)), None), value[rows]


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _labels(store: Store, table: pa.Table, concept: str) -> tuple[Ints, pa.Table, Floats]:
    if "detection_id" not in table.column_names:
        raise LabelError(
            "labels of detections are judged by their probability, and these rows are none: "
            "judge them by score"
        )
    with store.snapshot() as snapshot:
        soft = propagated(snapshot, concept)
    soft = soft.filter(
        pc.and_(pc.is_valid(soft["best"]), pc.not_equal(soft["source"], pa.scalar(HUMAN)))
    )
    if not soft.num_rows:
        raise LabelError(f"nothing is propagated of {concept!r}: propagate first, or judge scores")
    at = pc.index_in(table["detection_id"], value_set=soft["detection_id"].combine_chunks())
    rows = np.flatnonzero(pc.is_valid(at).to_numpy())
    at = at.take(pa.array(rows))
    about = _about(table.take(pa.array(rows)), soft["best"].take(at))
    return rows, about, soft["probability"].take(at).to_numpy().astype(np.float64)


def _about(rows: pa.Table, label: pa.ChunkedArray | None) -> pa.Table:
    none = pa.nulls(rows.num_rows)
    ids = rows["detection_id"] if "detection_id" in rows.column_names else none
    columns = [ids, *(rows[name] for name in KEYS), none if label is None else label]
    names = ["detection_id", *KEYS, "label"]
    return pa.table(columns, names=names).cast(pa.schema([JUDGED.field(name) for name in names]))


def _verdicts(about: pa.Table, said: pa.Table) -> Floats:
    """Find the verdict on each row: 1, 0 or NaN."""
    right = np.full(about.num_rows, np.nan)
    if not said.num_rows:
        return right
    names = about.column_names
    known = {tuple(row[name] for name in names): float(row["right"]) for row in said.to_pylist()}
    videos = pc.is_in(about["start_us"], value_set=said["start_us"].combine_chunks())
    maybe = np.flatnonzero(videos.to_numpy())
    for at, row in zip(maybe.tolist(), about.take(pa.array(maybe)).to_pylist(), strict=True):
        right[at] = known.get(tuple(row[name] for name in names), np.nan)
    return right


def _with_words(store: Store, about: pa.Table, concept: str, right: Floats) -> Floats:
    """Count labels and rejections since the labels were found as verdicts on them."""
    ids, labels = about["detection_id"].to_numpy(), about["label"]
    seeds, wrong = store.labels(concept), store.rejected(concept)
    at = pc.index_in(about["detection_id"], value_set=seeds["detection_id"].combine_chunks())
    told = seeds["label"].take(at)
    agree = pc.fill_null(pc.equal(told, labels), fill_value=False).to_numpy()
    right = np.where(pc.is_valid(at).to_numpy(), agree.astype(np.float64), right)
    refused = set(zip(wrong["detection_id"].to_pylist(), wrong["label"].to_pylist(), strict=True))
    maybe = np.flatnonzero(np.isin(ids, wrong["detection_id"].to_numpy()))
    for place, name in zip(maybe.tolist(), labels.take(pa.array(maybe)).to_pylist(), strict=True):
        if (int(ids[place]), name) in refused:
            right[place] = 0.0
    return right


def _edges(value: Floats, buckets: int) -> Floats:
    """Cut values where about as many lie in each bucket; equal ones are not parted."""
    if not len(value):
        return np.zeros(0)
    cuts = np.quantile(value, np.linspace(0, 1, buckets + 1), method="lower")
    edges = np.unique(cuts)
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _units(rows: pa.Table) -> Ints:
    """Give each track a number; a row without one is its own."""
    n = rows.num_rows
    own = np.arange(n)
    if "track" not in rows.column_names or not n:
        return own
    track = pc.fill_null(rows["track"].cast(pa.int64()), -1).to_numpy()
    video = rows["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    key = np.where(track < 0, -1 - own, track)
    own_tracks, code = np.unique(key, return_inverse=True)  # twice in one dimension is fast
    return np.asarray(
        np.unique(video.astype(np.int64) * len(own_tracks) + code, return_inverse=True)[1]
    )


def table_of(found: Scored, wanted: float = WANTED) -> dict[str, Any]:
    """Say for each bucket how many rows are right, and from which score on enough are.

    The threshold is the lowest border of a bucket above which the share of right rows, each bucket
    counted by all its rows, has a lower end of its 95 % interval of at least ``wanted``; buckets
    above it are all judged. Intervals (E. Wilson) count the tracks that were judged.
    """
    buckets = [_bucket(found, number) for number in range(max(len(found.edges) - 1, 0))]
    return {"buckets": buckets, "threshold": _threshold(found, buckets, wanted)}


def _bucket(found: Scored, number: int) -> dict[str, Any]:
    inside = found.bucket == number
    right = found.right[inside]
    known = np.isfinite(right)
    count, units = int(known.sum()), _judged_units(found, inside)
    share = float(right[known].mean()) if count else None
    return {
        "low": float(found.edges[number]),
        "high": float(found.edges[number + 1]),
        "rows": int(inside.sum()),
        "judged": count,
        "wrong": int((right[known] == 0).sum()),
        "precision": share,
        "interval": _interval(share, units),
    }


def _judged_units(found: Scored, inside: npt.NDArray[np.bool_]) -> int:
    return len(np.unique(found.unit[inside & np.isfinite(found.right)]))


def _interval(share: float | None, count: float) -> list[float] | None:
    if share is None:
        return None
    low, high = wilson(share, count)
    return [float(low), float(high)]


def _threshold(
    found: Scored, buckets: list[dict[str, Any]], wanted: float
) -> dict[str, Any] | None:
    best = None
    weight, shares, units = [], [], []
    for number in range(len(buckets) - 1, -1, -1):
        one = buckets[number]
        if one["precision"] is None:
            if one["rows"]:
                break
            continue
        weight.append(one["rows"])
        shares.append(one["precision"])
        units.append(_judged_units(found, found.bucket == number))
        rows = np.array(weight, np.float64)
        share = float(rows @ np.array(shares) / rows.sum())
        # the number of observations that would say as much without strata
        effective = float(rows.sum() ** 2 / (rows**2 / np.array(units)).sum())
        interval = _interval(share, effective)
        if interval is not None and interval[0] >= wanted:
            best = {
                "value": one["low"],
                "precision": share,
                "interval": interval,
                "rows": int(rows.sum()),
            }
    return best


def sample(found: Scored, bucket: int, n: int, seed: int) -> Ints:
    """Choose rows of a bucket that nobody judged, at random, one of each track first.

    Returns
    -------
    ndarray
        Places in ``found``, at most n; the same for the same seed until some are judged.
    """
    free = np.flatnonzero((found.bucket == bucket) & ~np.isfinite(found.right))
    order = np.random.default_rng(seed).permutation(len(found.rows))
    free = free[np.argsort(order[free])]
    _, first = np.unique(found.unit[free], return_index=True)
    rest = np.ones(len(free), bool)
    rest[first] = False
    return np.asarray(free[np.r_[np.sort(first), np.flatnonzero(rest)][:n]])


def verdicts(found: Scored, right: list[int], wrong: list[int]) -> pa.Table:
    """Return the rows of a judgement (schema JUDGED), of rows of the result.

    Raises
    ------
    LabelError
        If a row is both, or none that can be judged.
    """
    both = set(right) & set(wrong)
    if both:
        raise LabelError(f"row {min(both)} is given as right and as wrong")
    place = {row: at for at, row in enumerate(found.rows.tolist())}
    rows = [*right, *wrong]
    unknown = [row for row in rows if row not in place]
    if unknown:
        raise LabelError(f"row {unknown[0]} is none that can be judged here")
    about = found.about.take(pa.array([place[row] for row in rows], pa.int64()))
    said = pa.array([True] * len(right) + [False] * len(wrong))
    return about.append_column("right", said)
