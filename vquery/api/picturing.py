"""The crop and the vectors of a drawn box, made as indexing makes them, where that can be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pyarrow as pa

from vquery.errors import MediaError
from vquery.schema import BOX
from vquery.store.settle import EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

OF_FRAMES = "embedding.frame"


def pictures(
    store: Store, snapshot: Snapshot, film: dict[str, Any], row: dict[str, Any], count: int
) -> tuple[dict[str, pa.Array], str]:
    """Make the columns of pictures of an action whose first row of ``count`` is a drawn box.

    Boxes in between have none, as in exports: they follow the drawn ones when those are moved.

    Parameters
    ----------
    film, row
        The video (schema VIDEO), and the box.

    Returns
    -------
    ``jpeg`` and ``vector.SPACE`` columns, and what to say where some of them cannot be made.
    """
    from vquery.index.crops import crops
    from vquery.media.descriptors import FaceDescriptor

    try:
        image = _picture(film, row)
    except MediaError as problem:
        return {}, f"; without a crop and a vector, so no label spreads to it: {problem}"
    box = np.array([[row[name] for name in BOX]], np.float32)
    found = {"jpeg": _column(crops(image, box)[0], count, pa.binary())}
    if _own_network(store):
        return found, "; without a vector, since the collection has those of a network of its own"
    describer = FaceDescriptor()
    spaces = _spaces(snapshot, describer.spaces)
    vectors = describer.describe(image, box, None) if spaces else {}
    for space in spaces:
        vector = vectors[space][0].astype(np.float32).tolist()
        found[f"vector.{space}"] = _column(vector, count, pa.list_(pa.float32()))
    return found, "" if spaces else "; without a vector, since those there are were made otherwise"


def _spaces(snapshot: Snapshot, own: Iterable[str]) -> list[str]:
    """Choose the spaces that detections have vectors in; all, where none has any."""
    tables = {name for name in snapshot.tables() if name.startswith(EMBEDDING)} - {OF_FRAMES}
    return [space for space in own if not tables or f"{EMBEDDING}{space}" in tables]


def _picture(film: dict[str, Any], row: dict[str, Any]) -> Any:
    from vquery.media.seeking import Seeker

    if film["kind"] == "none" or not film["uri"]:
        raise MediaError(f"{film['video']!r} was indexed without its file")
    fps = f"{film['fps_num']}/{film['fps_den']}" if film["fps_num"] and film["fps_den"] else None
    kind = cast("Literal['video', 'images', 'image']", film["kind"])
    with Seeker(Path(film["uri"]), kind, fps) as seeker:
        return seeker.at(row["start_us"], row["frame"])


def _own_network(store: Store) -> bool:
    """Whether the vectors of the collection come from a file of the user."""
    settings = [json.loads(one.removeprefix("settings/")) for one in store.units("settings/")]
    return any(one.get("embedding") for one in settings)


def _column(value: Any, count: int, kind: pa.DataType) -> pa.Array:
    return pa.array([value] + [None] * (count - 1), kind)
