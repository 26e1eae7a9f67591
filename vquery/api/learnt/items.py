"""Items that a model learns from or speaks of, and what it sees of each: vectors or pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.embedding import COMMAND as EMBED
from vquery.api.fusion import items as described
from vquery.api.relations import FACE
from vquery.api.tables import PUBLIC_DETECTION
from vquery.api.vectors import Vectors
from vquery.engine.bring import any_table
from vquery.errors import LearnError
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
BLOCK = 20_480
"""Items that are in memory at once where a model speaks of many."""
PICTURE_BYTES = 1 << 27
"""Bytes of their pictures, at most."""


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
    found = _looking(snapshot, items.kind, spaces, side)(items)
    if not found.there.any():
        raise _nothing(items, found.spaces, side)
    return found


def in_blocks(
    snapshot: Snapshot, items: Items, spaces: Sequence[str] | None, side: int | None
) -> Iterator[tuple[slice, Seen]]:
    """Read what `seen` does a block after the other, so that many items take little memory.

    Yields
    ------
    (slice, Seen)
        Which items, and what is seen of them; of some blocks maybe nothing.

    Raises
    ------
    LearnError
        As `seen`, after the last block.
    """
    look = _looking(snapshot, items.kind, spaces, side)
    size = BLOCK if side is None else min(max(PICTURE_BYTES // (3 * side * side), 1), BLOCK)
    some, none = False, np.empty(0, np.int64)
    for start in range(0, items.n, size):
        part = described.Items(items.kind, items.table.slice(start, size), none, none)
        found = look(part)
        some = some or bool(found.there.any())
        yield slice(start, start + size), found
    if not some:
        raise _nothing(items, found.spaces if items.n else (), side)


def _nothing(items: Items, spaces: Sequence[str], side: int | None) -> LearnError:
    where = f" in {', '.join(spaces)}" if spaces else ""
    what = "picture" if side is not None else f"vector{where}"
    return LearnError(f"none of {items.n:,} {items.kind} has a {what}: index their videos")


def made_by(store: Store, spaces: Sequence[str]) -> dict[str, str]:
    """Tell which model made the vectors of learned spaces, by a fingerprint; of others nothing."""
    found = {}
    for name in spaces:
        units = store.units(f"{EMBED}/{name}/")
        if units:
            found[name] = units[-1].rsplit("/", 1)[-1]
    return found


def _looking(
    snapshot: Snapshot, kind: str, spaces: Sequence[str] | None, side: int | None
) -> Callable[[Items], Seen]:
    """Open what is to be read, which takes little; what comes back reads it for some items."""
    if side is not None:
        return partial(_pictures, snapshot, side=side)
    chosen = _chosen(snapshot, kind, spaces)
    tables = [EMBEDDING + name for name in chosen]
    if kind == described.DETECTIONS:
        return partial(_by_id, Vectors(snapshot, tables), chosen)
    opened = [
        (snapshot.read(name, columns=["item_id"])["item_id"].to_numpy(), Vectors(snapshot, [name]))
        for name in tables
    ]
    return partial(_over_time, snapshot, opened, chosen)


def _chosen(snapshot: Snapshot, kind: str, spaces: Sequence[str] | None) -> tuple[str, ...]:
    known = [
        name.removeprefix(EMBEDDING) for name in snapshot.tables() if name.startswith(EMBEDDING)
    ]
    usual = [name for name in BUILT_IN[kind] if name in known]
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
    return chosen


def _by_id(vectors: Vectors, spaces: tuple[str, ...], items: Items) -> Seen:
    x, at = vectors.of(items.numbers)
    there = np.zeros(items.n, bool)
    there[at] = True
    return _finite(Seen(x, there, spaces), items)


def _over_time(
    snapshot: Snapshot,
    opened: Sequence[tuple[Ints, Vectors]],
    spaces: tuple[str, ...],
    items: Items,
) -> Seen:
    """Mean of the vectors of the frames of each span, brought to unit length again."""
    parts, there = [], np.ones(items.n, bool)
    for ids, vectors in opened:
        means = np.zeros((items.n, vectors.dimensions), np.float32)
        found = np.zeros(items.n, bool)
        for item, rows in _frames_inside(snapshot, ids, items):
            mean = vectors.of(ids[rows])[0].mean(0)
            means[item], found[item] = mean / (float(np.linalg.norm(mean)) or 1.0), True
        parts.append(means)
        there &= found
    return _finite(Seen(np.concatenate(parts, axis=1)[there], there, spaces), items)


def _finite(found: Seen, items: Items) -> Seen:
    bad = np.flatnonzero(~np.isfinite(found.x).all(1))
    if len(bad):
        one, spaces = items.kind.removesuffix("s"), ", ".join(map(repr, found.spaces))
        raise LearnError(
            f"the vector of {one} {items.numbers[found.there][bad[0]]} in {spaces} is not finite: "
            "embed or index its video again"
        )
    return found


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


def _pictures(snapshot: Snapshot, items: Items, *, side: int) -> Seen:
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
    pictures = load(snapshot, kind, wanted[wanted >= 0], side=side, empty=True)
    there = np.isin(wanted, pictures.ids)
    return Seen(pictures.pixels[np.searchsorted(pictures.ids, wanted[there])], there)
