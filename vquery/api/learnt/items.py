"""Items that a model learns from or speaks of, and what it sees of each: vectors or pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.embedding import COMMAND as EMBED
from vquery.api.fusion import items as described
from vquery.api.relations import FACE
from vquery.api.tables import PUBLIC_DETECTION
from vquery.engine.bring import any_table
from vquery.errors import LearnError
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.fusion.items import Items
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints = npt.NDArray[np.int64]
    Members = npt.NDArray[np.bool_]

EMBEDDING = "embedding."
BUILT_IN = {described.DETECTIONS: ("face", "face_wide"), described.SPANS: ("frame",)}
MOST_FRAMES = 16
"""Frames of a span that its vector is the mean of, spread evenly over it."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model sees of items.

    Attributes
    ----------
    x
        float32 (m, d), or bytes (m, 3, side, side): of the items that are ``there``.
    there : (n,)
        Which items have a vector or picture.
    spaces
        Where vectors are from; none for pictures.
    """

    x: npt.NDArray[Any]
    there: Members
    spaces: tuple[str, ...] = ()


def detections(snapshot: Snapshot, ids: Ints) -> Items:
    """Take detections for items."""
    rows = snapshot.read("detections", columns=[*PUBLIC_DETECTION.names, "shot_id"])
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pa.array(ids, pa.int64())))
    rows = rows.sort_by("detection_id").combine_chunks()
    if rows.num_rows < len(np.unique(ids)):
        missing = np.setdiff1d(ids, rows["detection_id"].to_numpy())
        raise LearnError(
            f"{len(missing):,} of {len(ids):,} items are no detections of this collection, such as "
            f"{missing[0]}: take them from db.faces"
        )
    return described.read_items(rows, snapshot)


def ids_like(snapshot: Snapshot, classes: Sequence[str] | None = None) -> Ints:
    """List the detections of some classes; by default faces, or where there are none, all."""
    rows = snapshot.read("detections", columns=["detection_id", "class"])
    wanted = pa.array([FACE] if classes is None else classes, pa.string())
    mine = rows.filter(pc.is_in(rows["class"], value_set=wanted))
    ids: Ints = (mine if mine.num_rows or classes else rows)["detection_id"].to_numpy()
    return ids


def items_of(rows: Any, snapshot: Snapshot) -> Items:
    """Take a relation, table or ids for items: detections where rows name them, else spans.

    Raises
    ------
    LearnError
        If there are none, or they are not of this collection.
    """
    from vquery.api.labelling import collected, ids_of

    found = collected(rows)
    if hasattr(found, "__len__") and not len(found):
        raise LearnError("over= gives no items: take more, or index videos first")
    named = isinstance(found, pa.Table) and "detection_id" in found.column_names
    if isinstance(found, pa.Table) and not named:
        found = any_table(found, "over").collect()
        if "item" not in found.column_names:
            found = found.append_column("item", pa.array(np.arange(found.num_rows)))
        plain = [n for n in found.column_names if n not in ("track", "detection_id")]
        return described.read_items(found.select(plain), snapshot)
    return detections(snapshot, np.unique(ids_of(found)))


def seen(snapshot: Snapshot, items: Items, spaces: Sequence[str] | None, side: int | None) -> Seen:
    """Read what a model sees: pictures of ``side`` pixels, or the vectors of spaces in a row.

    Raises
    ------
    LearnError
        If a space is unknown, or no item has what is asked for.
    """
    found = _pictures(snapshot, items, side) if side is not None else _vectors(
        snapshot, items, spaces
    )  # fmt: skip
    if not found.there.any():
        what = "picture" if side is not None else f"vector in {', '.join(found.spaces)}"
        raise LearnError(f"none of {items.n:,} {items.kind} has a {what}: index their videos")
    return found


def made_by(store: Store, spaces: Sequence[str]) -> dict[str, str]:
    """Tell which model made the vectors of learned spaces, by a fingerprint; of others nothing."""
    found = {}
    for name in spaces:
        units = store.units(f"{EMBED}/{name}/")
        if units:
            found[name] = units[-1].rsplit("/", 1)[-1]
    return found


def _vectors(snapshot: Snapshot, items: Items, spaces: Sequence[str] | None) -> Seen:
    known = [
        name.removeprefix(EMBEDDING) for name in snapshot.tables() if name.startswith(EMBEDDING)
    ]
    usual = [name for name in BUILT_IN[items.kind] if name in known]
    if isinstance(spaces, str):
        raise LearnError(f"spaces= must be a list of names, got {spaces!r}: write [{spaces!r}]")
    chosen = tuple(usual if spaces is None else spaces)
    strange = [name for name in chosen if name not in known]
    if strange or not chosen:
        raise LearnError(
            (
                f"there is no embedding space {strange[0]!r}"
                if strange
                else "there are no embeddings"
            )
            + f"; there are: {', '.join(known) or 'none, index videos first'}"
        )
    parts, there = [], np.ones(items.n, bool)
    for name in chosen:
        ids, matrix = snapshot.vectors(EMBEDDING + name)
        vectors, found = (
            _by_id(ids, matrix, items.numbers)
            if items.kind == described.DETECTIONS
            else _over_time(snapshot, ids, matrix, items)
        )
        _refuse_infinite(vectors, items, name)
        parts.append(vectors)
        there &= found
    return Seen(np.concatenate(parts, axis=1)[there], there, chosen)


def _refuse_infinite(vectors: npt.NDArray[Any], items: Items, space: str) -> None:
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        one = items.kind.removesuffix("s")
        raise LearnError(
            f"the vector of {one} {items.numbers[bad[0]]} in {space!r} is not finite ({len(bad):,} "
            f"of {items.n:,} are not): embed or index its video again"
        )


def _by_id(ids: Ints, matrix: npt.NDArray[Any], wanted: Ints) -> tuple[npt.NDArray[Any], Members]:
    vectors = np.zeros((len(wanted), matrix.shape[1]), np.float32)
    place = np.minimum(np.searchsorted(ids, wanted), max(len(ids) - 1, 0))
    found = ids[place] == wanted if len(ids) else np.zeros(len(wanted), bool)
    vectors[found] = matrix[place[found]]
    return vectors, found


def _over_time(
    snapshot: Snapshot, ids: Ints, matrix: npt.NDArray[Any], items: Items
) -> tuple[npt.NDArray[Any], Members]:
    """Mean of the vectors of the frames of each span, brought to unit length again."""
    vectors = np.zeros((items.n, matrix.shape[1]), np.float32)
    found = np.zeros(items.n, bool)
    for item, rows in _frames_inside(snapshot, ids, items):
        mean = matrix[rows].mean(0)
        length = float(np.linalg.norm(mean))
        vectors[item], found[item] = mean / (length or 1.0), True
    return vectors, found


def _frames_inside(snapshot: Snapshot, ids: Ints, items: Items) -> list[tuple[int, Ints]]:
    """Find which of some frames, by ids, lie in each span: up to `MOST_FRAMES`, or the last before.

    Frames that were sampled may lie beside a short span: then the one shown when it begins counts.
    """
    videos = dict(
        zip(*snapshot.videos().select(["video", "video_id"]).to_pydict().values(), strict=True)
    )
    name = np.array(items.table["video"].to_pylist(), object)
    start, end = (items.table[key].to_numpy() for key in ("start_us", "end_us"))
    out: list[tuple[int, Ints]] = []
    for video in np.unique(name.astype(str)).tolist():
        base = videos[video] * IDS_PER_VIDEO + 1
        low, high = np.searchsorted(ids, [base, base - 1 + IDS_PER_VIDEO])
        if low == high:
            continue
        frames = snapshot.read("frames", columns=["frame", "start_us"], videos=[video])
        frames = frames.sort_by("frame")
        number, shown = frames["frame"].to_numpy(), frames["start_us"].to_numpy()
        at = np.minimum(np.searchsorted(number, ids[low:high] - base), len(number) - 1)
        time = shown[at]
        for item in np.flatnonzero(name == video).tolist():
            first, last = np.searchsorted(time, [start[item], max(end[item], start[item] + 1)])
            if first == last:
                first = max(first - 1, 0)
                last = first + 1
            rows = np.unique(np.linspace(first, last - 1, MOST_FRAMES).round().astype(np.int64))
            out.append((item, low + rows))
    return out


def _pictures(snapshot: Snapshot, items: Items, side: int) -> Seen:
    from vquery.api.learning import room

    load = room("core.pictures").load
    if items.kind == described.DETECTIONS:
        wanted = items.numbers
    else:
        table = snapshot.read("picture.frame", columns=["item_id"])["item_id"].to_numpy()
        ids = np.sort(table)
        wanted = np.full(items.n, -1, np.int64)
        for item, rows in _frames_inside(snapshot, ids, items):
            wanted[item] = ids[rows[len(rows) // 2]]
    kind = "detection" if items.kind == described.DETECTIONS else "frame"
    pictures = load(snapshot, kind, wanted[wanted >= 0], side=side)
    place = np.minimum(np.searchsorted(pictures.ids, wanted), len(pictures.ids) - 1)
    there = pictures.ids[place] == wanted
    return Seen(pictures.pixels[place[there]], there)
