"""A graph whose nodes are tracks, for names in open collections, built without any label.

Frames of one track look alike, so the label of one is the label of all: a track is one node, and
since a track never crosses a shot, nothing is left for edges in time to do. What links two tracks
is how many of their faces look like the other track *more than two different people do*, and that
is learnt from the collection itself: two tracks in the same frame are two people. Their cosines
give the floor (99 % quantile) and its spread; the pairs themselves are never linked.

The weight of tracks A and B is ``sqrt(share_AB * share_BA)``. ``share_AB`` is the mean over the
faces of A of how far the best match in B, among the face's ``k`` neighbours outside A, rises above
the floor: 0 at the floor, 1 from one standard deviation of the strangers above it. One more face,
which looks like nobody, is counted to every track, so that a single lucky face proves little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import sparse

from vquery.errors import SchemaError
from vquery.graph.edges import Graph
from vquery.graph.knn import (
    QUANTILE_IN_SD,
    SAMPLED_PAIRS,
    Apart,
    bulk_floor,
    cosines,
    neighbours,
    unit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn import Neighbours

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

FLOOR_QUANTILE = 0.99
FEWEST_TRACK_PAIRS = 10
"""With fewer pairs of tracks in one frame the floor is not left to them alone."""
FACES_PER_TRACK = 64
"""Evenly spaced faces that stand for a longer track; more change nothing and cost time."""
SHORTEST_LIST, LONGEST_LIST = 4, 20
FOLD_SIMILARITY, FOLD_ROWS = 0.98, 8
"""Items without a track become one node when they are this alike and this near in the video."""


class Search(Protocol):
    """What finds neighbours: anew, or among lists that were kept."""

    def __call__(
        self, points: Floats, k: int, *, rows: Ints, apart: Apart, floor: float, recall: float
    ) -> Neighbours:
        """Search among ``points``, which are the rows ``rows`` of the collection."""


def anew(
    points: Floats,
    k: int,
    *,
    rows: Ints,  # noqa: ARG001 - only what keeps lists must know which rows they are for
    apart: Apart,
    floor: float,
    recall: float,
) -> Neighbours:
    """Search without any lists from before, see `neighbours`."""
    return neighbours(points, k, apart=apart, floor=floor, recall=recall)


@dataclass(frozen=True, slots=True)
class Floor:
    """The cosine above which two faces are more alike than different people are.

    ``source`` is "same frame" (learnt from ``track_pairs`` pairs of tracks), "prior" (too few of
    those: the larger of what they say and of the median plus 2.33 standard deviations of the lower
    half of all cosines between tracks) or "given".
    """

    value: float
    spread: float
    source: str
    track_pairs: int


@dataclass(frozen=True, slots=True)
class TrackGraph:
    """Tracks, their affinities and what was learnt on the way. Built once, solved for any seeds.

    Attributes
    ----------
    graph
        Affinities over the ``n_nodes`` tracks; its ``facts`` say how they came about.
    node
        Shape (n,): the track (node number) of each row.
    rows
        Shape (n_nodes,): the first row of each node.
    cannot
        Shape (n_nodes, n_nodes), bool: tracks in one frame.
    """

    graph: Graph
    node: Ints
    rows: Ints
    cannot: sparse.csr_array
    floor: Floor
    k: int


def build_tracks(
    vectors: Mapping[str, ArrayLike] | ArrayLike,
    *,
    video: ArrayLike,
    start_us: ArrayLike,
    track: ArrayLike | None = None,
    k: int | None = None,
    floor: float | None = None,
    recall: float = 0.99,
    search: Search = anew,
) -> TrackGraph:
    """Build the graph of tracks from the vectors of their detections.

    Parameters
    ----------
    vectors
        Shape (n, d), or several spaces by name, which count alike.
    video
        Shape (n,): an integer for each video.
    start_us
        Shape (n,), int64 microseconds; equal times in one video are one frame.
    track
        Shape (n,), int64; negative: no track. A number counts within its video. Rows without a
        track are nodes of their own, but near-duplicates close together in one video are folded.
    k
        Neighbours of each face. By default half the faces of a typical track, 4 to 20: a list that
        is longer than another track of the same person runs over to other people.
    floor
        By default learnt from the frames.
    search
        Finds the neighbours, by default anew; one that keeps lists spares the search.

    Returns
    -------
    TrackGraph
        Memory O(n d + n k); time that of the neighbour search over at most ``FACES_PER_TRACK``
        rows of each track.

    Raises
    ------
    SchemaError
        If lengths differ or vectors are not finite.

    >>> two = build_tracks([[1, 0], [1, 0], [0, 1]], video=[0, 1, 1], start_us=[0, 0, 0])
    >>> two.graph.weights.nnz, bool(two.cannot[1, 2])    # rows 1 and 2 share a frame
    (2, True)
    """
    points = joined(vectors)
    n = len(points)
    videos = _column(video, n, "video")
    times = _column(start_us, n, "start_us")
    tracks = np.full(n, -1) if track is None else _column(track, n, "track")
    node, folded = _nodes(points, videos, times, tracks)
    size = np.bincount(node)
    first = np.full(len(size), n)
    np.minimum.at(first, node, np.arange(n))
    left, right = same_frame_pairs(node, videos, times)
    cannot = _pairs_matrix(node[left], node[right], len(size))
    limit = _learn_floor(points, node, left, right, cannot.nnz // 2, floor)
    chosen = _spread_evenly(node, videos, times)
    k = k or list_length(np.bincount(node[chosen]))
    weights, found = _affinities(points, node, chosen, cannot, limit, k, recall, search)
    facts = {
        "items": n,
        "folded": folded,
        "without_vector": int((~points.any(1)).sum()),
        "floor": limit.value,
        "floor_source": limit.source,
        "cannot_link": int(cannot.nnz // 2),
        "k": k,
        "search": found.method,
        "recall": found.recall,
        "remarks": list(found.remarks),
    }
    graph = Graph(len(size), {"visual": weights}, facts)
    return TrackGraph(graph, node, first, cannot, limit, k)


def without_strangers(edges: sparse.csr_array, tracks: TrackGraph) -> tuple[sparse.csr_array, int]:
    """Leave out edges between tracks of one frame, who are two people; return how many there were.

    >>> two = build_tracks([[1, 0], [0, 1]], video=[0, 0], start_us=[0, 0])
    >>> left, strangers = without_strangers(sparse.csr_array(1.0 - np.eye(2)), two)
    >>> left.nnz, strangers
    (0, 1)
    """
    kept = sparse.csr_array(edges - edges.multiply(tracks.cannot))
    kept.eliminate_zeros()
    return kept, int((edges.nnz - kept.nnz) // 2)


def joined(vectors: Mapping[str, ArrayLike] | ArrayLike) -> Floats:
    """Put the spaces of a mapping side by side, so that the cosine is their mean; unit length.

    >>> joined({"face": [[2.0, 0.0]], "wide": [[0.0, 3.0]]}).round(3).tolist()
    [[0.7070000171661377, 0.0, 0.0, 0.7070000171661377]]
    """
    if not hasattr(vectors, "items"):
        return unit(vectors)
    parts = [unit(array, what=f"vectors of {name!r}") for name, array in vectors.items()]
    if not parts or len({len(part) for part in parts}) > 1:
        sizes = {name: np.shape(array) for name, array in vectors.items()}
        raise SchemaError(f"vectors must be one or more arrays with equally many rows, got {sizes}")
    return unit(np.hstack(parts))


def list_length(sizes: Ints) -> int:
    """Half the faces of the track that the median face lies in, within 4 to 20.

    >>> list_length(np.array([1, 1, 1, 30])), list_length(np.array([1, 1, 1]))
    (15, 4)
    """
    ordered = np.sort(sizes)
    total = np.cumsum(ordered)
    typical = ordered[np.searchsorted(total, total[-1] / 2)] if len(sizes) else 0
    return int(np.clip(round(typical / 2), SHORTEST_LIST, LONGEST_LIST))


def same_frame_pairs(node: Ints, video: Ints, start_us: Ints) -> tuple[Ints, Ints]:
    """Find all pairs of rows that lie in one frame and in different tracks."""
    order = np.lexsort((start_us, video))
    left, right = [node[:0]], [node[:0]]
    for step in range(1, len(order)):
        a, b = order[:-step], order[step:]
        together = (video[a] == video[b]) & (start_us[a] == start_us[b])
        if not together.any():
            break
        apart = together & (node[a] != node[b])
        left.append(a[apart])
        right.append(b[apart])
    return np.concatenate(left), np.concatenate(right)


def _column(values: ArrayLike, n: int, name: str) -> Ints:
    column = np.asarray(values)
    if column.shape != (n,) or not np.issubdtype(column.dtype, np.integer):
        raise SchemaError(
            f"{name} must be {n} integers, one a vector; got {column.dtype} of shape {column.shape}"
        )
    return column.astype(np.int64)


def _nodes(points: Floats, video: Ints, start_us: Ints, track: Ints) -> tuple[Ints, int]:
    """Give tracks numbers and fold near-duplicates among rows without one; count the folded."""
    alone = np.flatnonzero(track < 0)
    root = np.arange(len(track))
    alone = alone[np.lexsort((start_us[alone], video[alone]))]
    frames = {int(row): {int(start_us[row])} for row in alone}
    for step in range(1, FOLD_ROWS + 1):
        a, b = alone[:-step], alone[step:]
        near = (video[a] == video[b]) & (start_us[a] != start_us[b])
        near[near] = cosines(points, a[near], b[near]) >= FOLD_SIMILARITY
        for one, other in zip(a[near].tolist(), b[near].tolist(), strict=True):
            _fold(root, frames, one, other)
    key = track.copy()
    key[alone] = [-1 - _find(root, row) for row in alone.tolist()]
    code = np.unique(np.c_[video, key], axis=0, return_inverse=True)[1].ravel()
    lone = len(np.unique(code[alone])) if len(alone) else 0
    return code.astype(np.int64), len(alone) - lone


def _find(root: Ints, row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]
        row = int(root[row])
    return row


def _fold(root: Ints, frames: dict[int, set[int]], one: int, other: int) -> None:
    """Unite two rows unless that put two items of one frame into one node."""
    a, b = _find(root, one), _find(root, other)
    if a != b and frames[a].isdisjoint(frames[b]):
        root[b] = a
        frames[a] |= frames.pop(b)


def _pairs_matrix(left: Ints, right: Ints, n: int) -> sparse.csr_array:
    half = sparse.coo_array((np.ones(len(left), np.int64), (left, right)), shape=(n, n))
    return sparse.csr_array(half + half.T).astype(bool)


def _learn_floor(
    points: Floats, node: Ints, left: Ints, right: Ints, pairs: int, given: float | None
) -> Floor:
    step = max(1, len(left) // SAMPLED_PAIRS)
    strangers = cosines(points, left[::step], right[::step])
    value, spread = -1.0, 0.0
    if len(strangers):
        value = float(np.quantile(strangers, FLOOR_QUANTILE))
        spread = (value - float(np.median(strangers))) / QUANTILE_IN_SD
    source = "same frame"
    if pairs < FEWEST_TRACK_PAIRS:
        bulk, width = bulk_floor(points, node)
        source = "prior"
        if bulk > value:
            value, spread = bulk, width
    if given is not None:
        value, source = float(given), "given"
    # a perfect match must be able to count fully
    return Floor(value, min(max(spread, 1e-3), max((1 - value) / 2, 1e-3)), source, int(pairs))


def _spread_evenly(node: Ints, video: Ints, start_us: Ints) -> Ints:
    """Choose at most ``FACES_PER_TRACK`` rows of each node, evenly in time; sorted."""
    order = np.lexsort((start_us, video, node))
    size = np.bincount(node)
    place = np.arange(len(node)) - np.repeat(np.cumsum(size) - size, size)
    count = np.repeat(size, size)
    slot = place * FACES_PER_TRACK // np.maximum(count, 1)
    before = (place - 1) * FACES_PER_TRACK // np.maximum(count, 1)
    keep = (count <= FACES_PER_TRACK) | (place == 0) | (slot != before)
    return np.sort(order[keep])


def _affinities(
    points: Floats,
    node: Ints,
    chosen: Ints,
    cannot: sparse.csr_array,
    floor: Floor,
    k: int,
    recall: float,
    search: Search,
) -> tuple[sparse.csr_array, Neighbours]:
    """Weigh pairs of tracks by the shares of their faces that match (see the module)."""
    owner = node[chosen]
    apart = Apart(owner)
    found = search(points[chosen], k, rows=chosen, apart=apart, floor=floor.value, recall=recall)
    n = cannot.shape[0]
    source, target = found.source, owner[found.target]
    # the lists are sorted by falling similarity: the first of each (face, track) is the best match
    _, first = np.unique(source * n + target, return_index=True)
    rise = np.minimum((found.similarity[first] - floor.value) / floor.spread, 1.0)
    pairs = (rise.astype(np.float64), (owner[source[first]], target[first]))
    total = sparse.csr_array(sparse.coo_array(pairs, shape=(n, n)))
    size = np.bincount(owner, minlength=n).astype(np.float64)
    share = sparse.csr_array(sparse.diags_array(1 / (size + 1)) @ total)
    product = sparse.csr_array(share.multiply(share.T))
    product = sparse.csr_array(product - product.multiply(cannot))
    product.eliminate_zeros()
    product.data = np.sqrt(product.data)
    return sparse.csr_array((product + product.T) / 2), found
