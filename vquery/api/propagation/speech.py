"""What is said while a track is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]


class Speech(NamedTuple):
    """The words said during each node (empty where nothing is), its video and its start."""

    texts: list[str]
    video: Ints
    start_us: Ints


def said_during(snapshot: Snapshot, rows: pa.Table, node: Ints) -> Speech:
    """Join the words said during each node, from the start of its first row to the end of its last.

    Parameters
    ----------
    rows
        ``video, start_us, end_us`` of detections.
    node
        Shape (n,): the node of each, all of one video.

    Returns
    -------
    Speech
        One entry a node. Time O(n + words + words said).

    Raises
    ------
    LabelError
        If no word is said during any node.
    """
    count = int(node.max()) + 1
    start, end = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    np.minimum.at(start, node, rows["start_us"].to_numpy())
    np.maximum.at(end, node, rows["end_us"].to_numpy())
    names = rows["video"].combine_chunks().dictionary_encode()
    video = np.zeros(count, np.int64)
    video[node] = names.indices.to_numpy()
    texts = [""] * count
    words = snapshot.read("words", columns=["video", "start_us", "end_us", "word"])
    for code, name in enumerate(names.dictionary.to_pylist()):
        mine = words.filter(pc.equal(words["video"], name))
        if mine.num_rows:
            _fill(texts, mine, np.flatnonzero(video == code), start, end)
    if not any(texts):
        there = "no words are said while these detections are seen"
        if not words.num_rows:
            there = "the collection has no captions"
        raise LabelError(
            f"propagate(captions=): {there}: index captions with the videos, or leave it out"
        )
    return Speech(texts, video, start)


def _fill(texts: list[str], words: pa.Table, nodes: Ints, start: Ints, end: Ints) -> None:
    """Write the words of one video, sorted by their start, that overlap each node."""
    text = words["word"].to_pylist()
    begins = words["start_us"].to_numpy()
    ends = np.maximum(words["end_us"].to_numpy(), begins + 1)
    # words may overlap, but the running maximum of their ends is sorted
    first = np.searchsorted(np.maximum.accumulate(ends), start[nodes], side="right")
    last = np.searchsorted(begins, end[nodes], side="left")
    for item, a, b in zip(nodes.tolist(), first.tolist(), last.tolist(), strict=True):
        heard = ends[a:b] > start[item]
        texts[item] = " ".join(word for word, yes in zip(text[a:b], heard, strict=True) if yes)
