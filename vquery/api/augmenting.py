"""The transformations of pictures, and whether one of them keeps the labels of a collection."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.learning import room
from vquery.api.tables import Wanted, labels_of
from vquery.errors import LabelError
from vquery.learn.core.values import whole
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

    from vquery.learn import augment as augment
    from vquery.learn.augment import Preserving
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints = npt.NDArray[np.int64]
    Labels = npt.NDArray[np.object_]


class Later(ModuleType):
    """Stands for a part of the room of learning, which is entered when something of it is used.

    >>> Later("augment", "").Flip().name
    'Flip'
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(room(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(room(self.__name__))


if not TYPE_CHECKING:
    augment = Later("augment", "Transformations of pictures: see `vquery.learn.augment`.")


def is_label_preserving(
    store: Store,
    tf: Callable[[Any, Any], Any],
    concept: str,
    *,
    labels: Literal["human", "found"] = "human",
    side: int = 64,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Preserving:
    """Measure a transformation on labelled items; see `Collection.is_label_preserving`."""
    if labels not in ("human", "found"):
        raise LabelError(f"labels= must be 'human' or 'found', got {labels!r}")
    made, pictures = room("augment"), room("core.pictures")
    with store.snapshot() as snapshot:
        ids, said = _detections(store, snapshot, concept, found=labels == "found")
        count = len(ids)
        if not count:
            shown, said = _frames(store, snapshot, concept, pictures, side, progress)
        else:
            most = room("augment.asked").MOST
            if count > most:  # no more are looked at, so that no more need be read
                rng = np.random.default_rng(whole("seed", options.get("seed", 0), 0))
                some = np.sort(rng.choice(count, most, replace=False))
                ids, said = ids[some], said[some]
            shown = pictures.load(snapshot, "detection", ids, side=side, progress=progress)
            said = said[np.searchsorted(ids, shown.ids)]
    kept: Preserving = made.is_label_preserving(tf, shown, said, **options)
    return replace(kept, left_out=kept.left_out + max(count - len(shown), 0))


def _detections(
    store: Store, snapshot: Snapshot, concept: str, *, found: bool
) -> tuple[Ints, Labels]:
    """Return the labelled detections, in ascending order, and their labels."""
    seeds = store.labels(concept, snapshot)
    if not found:
        return _sorted(seeds["detection_id"], seeds["label"])
    ids = np.sort(snapshot.read("detections", columns=["detection_id"])["detection_id"].to_numpy())
    rejected = store.rejected(concept, snapshot)
    rows = labels_of(snapshot, seeds, rejected, ids, Wanted(concept, detail=True))
    label, source = rows.column(0), rows.column(2)
    told = pc.or_(pc.is_valid(label), pc.equal(source, "human")).fill_null(False).to_numpy()  # noqa: FBT003
    return ids[told], _named(label.filter(told))


def _sorted(ids: pa.ChunkedArray, labels: pa.ChunkedArray) -> tuple[Ints, Labels]:
    order = np.argsort(ids.to_numpy())
    return ids.to_numpy()[order], _named(labels)[order]


def _named(labels: pa.ChunkedArray) -> Labels:
    return np.array(pc.fill_null(labels, NONE_OF_THEM).to_pylist(), object)


def _frames(
    store: Store,
    snapshot: Snapshot,
    concept: str,
    pictures: Any,
    side: int,
    progress: Callable[[str], None] | None,
) -> tuple[Any, Labels]:
    """Return the pictures of frames inside labelled spans, and their labels."""
    spans = store.span_labels(concept, snapshot)
    if not spans.num_rows:
        raise LabelError(
            f"nothing of the concept {concept!r} is labelled: whether a transformation keeps "
            "labels is measured on some"
        )
    shown = pictures.load(
        snapshot, "frame", _near(snapshot, spans, pictures), side=side, progress=progress
    )
    said = np.full(len(shown), None, object)
    names = _named(spans["label"])
    begins, ends = spans["start_us"].to_numpy(), spans["end_us"].to_numpy()
    for number, video in enumerate(shown.videos):
        mine = np.flatnonzero(pc.equal(spans["video"], video).to_numpy())
        mine = mine[np.argsort(begins[mine])]
        own = np.flatnonzero(shown.video == number)
        if not (len(mine) and len(own)):
            continue
        at = np.searchsorted(begins[mine], shown.start_us[own], side="right") - 1
        inside = (at >= 0) & (shown.start_us[own] < ends[mine[at.clip(0)]])
        said[own[inside]] = names[mine[at[inside]]]
    return shown, said


def _near(snapshot: Snapshot, spans: pa.Table, pictures: Any) -> Ints:
    """Return the frames of the videos in which something is labelled."""
    videos = snapshot.videos()
    labelled = videos.filter(pc.is_in(videos["video"], value_set=pc.unique(spans["video"])))
    ids: Ints = pictures.pictured(snapshot, "frame")
    return ids[np.isin(ids // IDS_PER_VIDEO, labelled["video_id"].to_numpy())]
