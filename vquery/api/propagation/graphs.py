"""The graph of the tracks of some detections, built from what the collection holds."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.embedding import over_of
from vquery.api.propagation.cached import searcher
from vquery.api.propagation.options import Options, pairs_of
from vquery.api.propagation.speech import said_during
from vquery.errors import LabelError
from vquery.graph.edges import given_edges, mixed, text_edges
from vquery.graph.knn import Apart
from vquery.graph.tracks import build_tracks, without_strangers
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from scipy import sparse

    from vquery.graph.tracks import Search, TrackGraph
    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float32]
    Say = Callable[[str], None]

CAPTION_APART_S = 10.0
"""Tracks of one video that begin this near each other are not linked by what is said: they hear the
same words because they are seen at the same time."""
SPACES = "embedding.face"
"""How the tables of embeddings of detections begin, one for each space; frames have their own."""
EMBEDDING = "embedding."
COLUMNS = ["detection_id", "video", "start_us", "end_us", "track", "shot_id"]


@dataclass(frozen=True)
class Built:
    """Tracks as nodes, and the detections they are made of.

    Attributes
    ----------
    rows
        `COLUMNS` of the detections, in order of ``detection_id``.
    """

    tracks: TrackGraph
    rows: pa.Table

    @property
    def ids(self) -> Ints:
        """Detection of each row, ascending."""
        return np.asarray(self.rows["detection_id"].to_numpy())

    @property
    def sizes(self) -> Ints:
        """Rows of each node."""
        return np.bincount(self.tracks.node, minlength=self.tracks.graph.n)

    def faces(self) -> Ints:
        """Choose the detection that stands for each node: the middle one of its rows."""
        order = np.argsort(self.tracks.node, kind="stable")
        first = np.cumsum(self.sizes) - self.sizes
        return np.asarray(self.ids[order[first + self.sizes // 2]])


def read_rows(snapshot: Snapshot, ids: Ints) -> pa.Table:
    """Read what the graph needs of detections.

    Raises
    ------
    LabelError
        If an id is no detection of the collection.
    """
    rows = snapshot.read("detections", columns=COLUMNS)
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pa.array(ids)))
    rows = rows.sort_by("detection_id")
    own = rows["detection_id"].to_numpy()
    if len(own) < len(ids):
        missing = np.setdiff1d(ids, own)
        raise LabelError(
            f"{len(missing)} of {len(ids)} ids are not detections of this collection, "
            f"such as {missing[0]}: take them from db.faces"
        )
    return rows


def build(
    snapshot: Snapshot, ids: Ints, options: Options, say: Say, *, search: Search | None = None
) -> Built:
    """Build the graph of the tracks of these detections.

    Parameters
    ----------
    ids
        Detections, ascending, each once.
    search
        Finds the neighbours; by default among the lists that the collection keeps.

    Raises
    ------
    LabelError, SchemaError
        If an id is unknown, there are no embeddings or none of a name that is asked for, nothing
        is said where captions are asked for, or the edges given are not as they should be.
    """
    rows = read_rows(snapshot, ids)
    spaces = spaces_of(snapshot, options.spaces)
    say("reading vectors")
    own = rows["detection_id"].to_numpy()
    vectors = {space: _vectors(snapshot, space, own) for space in spaces}
    video = rows["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    say("searching neighbours")
    tracks = build_tracks(
        vectors,
        video=video,
        start_us=rows["start_us"].to_numpy(),
        track=pc.fill_null(rows["track"], -1).to_numpy(),
        k=options.k,
        floor=options.floor,
        search=search or searcher(snapshot, own, say, options.spaces),
    )
    return Built(_with_more_edges(tracks, rows, options, snapshot, say), rows)


def spaces_of(snapshot: Snapshot, asked: Sequence[str] | None) -> list[str]:
    """Return the tables of the embeddings that count: those asked for, else those of indexing.

    Raises
    ------
    LabelError
        If there is none, or one of another name or of frames is asked for.
    """
    tables = [name for name in snapshot.tables() if name.startswith(EMBEDDING)]
    if asked is not None:
        for one in asked:
            _check_space(snapshot, one, tables)
        return sorted(EMBEDDING + one for one in asked)
    spaces = [name for name in tables if name.startswith(SPACES)]
    if not spaces:
        raise LabelError(
            "the detections have no embeddings: index them with their videos, "
            "because labels spread by what the pictures show"
        )
    return spaces


def _check_space(snapshot: Snapshot, name: str, tables: Sequence[str]) -> None:
    known = [one.removeprefix(EMBEDDING) for one in tables]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise LabelError(
            f"spaces=: the collection has no embedding {name!r}, only "
            f"{', '.join(known) or 'none'}; db.embed(name={name!r}) learns one.{hint}"
        )
    if name.startswith("frame") or over_of(snapshot, name) == "frames":
        raise LabelError(f"spaces=: {name!r} holds vectors of frames, and detections are labelled")


def _vectors(snapshot: Snapshot, space: str, own: Ints) -> Floats:
    """Line vectors up with items; an item without one gets zeros, which are like nothing."""
    ids, matrix = snapshot.vectors(space)
    vectors = np.zeros((len(own), matrix.shape[1]), np.float32)
    if len(ids):
        place = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
        found = ids[place] == own
        vectors[found] = matrix[place[found]]
    return vectors


def _with_more_edges(
    tracks: TrackGraph, rows: pa.Table, options: Options, snapshot: Snapshot, say: Say
) -> TrackGraph:
    """Add the edges by what is said and those that a person gives, where they are asked for."""
    n, facts = tracks.graph.n, dict(tracks.graph.facts)
    kinds: dict[str, sparse.csr_array] = {}
    mix = {"visual": 1.0}
    if options.captions:
        say("comparing captions")
        kinds["text"], facts["captions"] = _by_speech(tracks, rows, snapshot)
        mix["text"] = options.captions
    if options.edges is not None:
        kinds["given"], facts["given_edges"] = _by_hand(tracks, rows, options, snapshot)
        mix["given"] = options.edges_weight
    if kinds:
        graph = mixed(n, {**tracks.graph.kinds, **kinds}, mix, facts)
    else:
        graph = dataclasses.replace(tracks.graph, facts={**facts, "mix": mix})
    return dataclasses.replace(tracks, graph=graph)


def _by_speech(
    tracks: TrackGraph, rows: pa.Table, snapshot: Snapshot
) -> tuple[sparse.csr_array, dict[str, Any]]:
    said = said_during(snapshot, rows, tracks.node)
    apart = Apart(video=said.video, time=said.start_us / US_PER_S, seconds=CAPTION_APART_S)
    edges, strangers = without_strangers(text_edges(said.texts, apart=apart), tracks)
    silent = sum(not text for text in said.texts)
    return edges, {"silent_tracks": silent, "in_one_frame": strangers}


def _by_hand(
    tracks: TrackGraph, rows: pa.Table, options: Options, snapshot: Snapshot
) -> tuple[sparse.csr_array, dict[str, Any]]:
    pairs = pairs_of(options.edges, rows["detection_id"].to_numpy(), snapshot)
    source, target = tracks.node[pairs.source], tracks.node[pairs.target]
    across = source != target
    links = given_edges(tracks.graph.n, source[across], target[across], pairs.weight[across])
    edges, strangers = without_strangers(links, tracks)
    told = {
        "used": int(edges.nnz // 2),
        "outside": pairs.outside,
        "inside_a_track": int((~across).sum()),
        "in_one_frame": strangers,
    }
    return edges, told
