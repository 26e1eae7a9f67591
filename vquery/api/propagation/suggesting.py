"""What to label next: detections that stand for tracks, best first, as a relation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import ids_of
from vquery.api.propagation import graphs
from vquery.api.propagation.options import Options
from vquery.api.propagation.solving import given_rows, solve_rows
from vquery.api.propagation.votes import votes_of
from vquery.api.tables import PUBLIC_DETECTION, OfCollection, crop
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError
from vquery.expr.relations import Scan
from vquery.graph.knowing import STRATEGIES
from vquery.graph.knowing import suggest as chosen_nodes
from vquery.ingest.seeds import OPEN
from vquery.schema import US_PER_S
from vquery.store.verdicts import rejected, unsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.labelling import Rows
    from vquery.api.propagation.graphs import Built, Say
    from vquery.api.propagation.solving import Solved
    from vquery.graph.knowing import Suggestions
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints = npt.NDArray[np.int64]

APART_S = 2.0
"""No two suggestions lie this near each other that may be fragments of one track: one shows while
the other does not, in the same shot."""
BOX = ("x1", "y1", "x2", "y2")
"""Which of the faces at that moment is meant."""
TO_FILL_IN = (
    *("detection_id", "video", "start", *BOX),
    *("best", "best_probability", "reason", "items"),
)
DISAGREEMENT = "disagreement"


@dataclass(frozen=True, eq=False)
class SuggestedTable(OfCollection):
    """Suggestions in memory, with the pictures of the collection."""

    snapshot: Snapshot
    rows: pa.Table
    name: str = "suggestions"

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return self.rows.schema

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return int(self.rows.num_rows)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted."""
        return self.rows if columns is None else self.rows.select(columns)

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection, None where there is none."""
        return crop(self.snapshot, detection_id)


def suggest(
    store: Store,
    n: int,
    strategy: str,
    concept: str,
    over: Rows,
    say: Say,
    spaces: Sequence[str] | None = None,
) -> Intervals:
    """Choose what to label next; see `Collection.suggest`."""
    _check(n, strategy)
    ids = np.unique(ids_of(over, none="there are no detections to choose from"))
    snapshot = store.snapshot()  # held by the relation, for its pictures
    seeds = store.labels(concept, snapshot)
    options = Options(spaces=spaces)
    built = graphs.build(snapshot, ids, options, say)
    say("choosing")
    given, outside = given_rows(built, seeds)
    events = store.events(snapshot)
    solved = solve_rows(built, given, rejected(events, concept), outside, options)
    asked = _tracks_of(built, unsure(events, concept))
    found = _nodes(solved, n + len(asked), strategy, concept, snapshot)
    found = _without(found, asked, n)
    return Intervals(Scan(SuggestedTable(snapshot, _table(solved, found, snapshot)))).sort("rank")


def _tracks_of(built: Built, ids: Ints) -> Ints:
    """Return the nodes of those detections that take part."""
    inside = np.isin(built.ids, ids)
    return np.unique(built.tracks.node[inside])


def _without(found: Suggestions, nodes: Ints, n: int) -> Suggestions:
    """Leave out nodes of which a person could not tell; keep the first n."""
    keep = np.flatnonzero(~np.isin(found.nodes, nodes))[:n]
    reason = tuple(found.reason[one] for one in keep.tolist())
    arrays = {name: getattr(found, name)[keep] for name in ("nodes", "score", "margin", "items")}
    return dataclasses.replace(found, reason=reason, asked=n, **arrays)


def _check(n: Any, strategy: str) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise LabelError(f"suggest() chooses at least 1 detection, got n={n!r}")
    if strategy not in STRATEGIES:
        raise LabelError(
            f"suggest(strategy=) must be one of {', '.join(STRATEGIES)}, got {strategy!r}"
        )


def _nodes(solved: Solved, n: int, strategy: Any, concept: str, snapshot: Snapshot) -> Suggestions:
    built, names = solved.built, solved.names
    scores, votes = names.scores, None
    if strategy == DISAGREEMENT:
        votes, scores = votes_of(solved, concept, snapshot)
    elif strategy == "mixed":  # to be far from all names is not to be sure: two halves do not lead
        scores = np.c_[scores[:, :-1], scores[:, -1:] / 2, scores[:, -1:] / 2]
    rows = np.searchsorted(built.ids, built.faces())
    when = built.rows["start_us"].to_numpy()[rows] / US_PER_S
    return chosen_nodes(
        built.tracks.graph.weights,
        scores,
        np.zeros(0, np.int64) if names.solver is None else names.solver.seeds,
        int(n),
        strategy,
        item_count=built.sizes,
        video=_lanes(built),
        time=when,
        votes=votes,
        apart_s=APART_S,
    )


def _lanes(built: Built) -> Ints:
    """Give nodes of one shot the same number, unless they are seen together.

    Tracks that overlap in time show different things, however near they are.
    """
    node = built.tracks.node
    count = built.tracks.graph.n
    start, end = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    np.minimum.at(start, node, built.rows["start_us"].to_numpy())
    np.maximum.at(end, node, built.rows["end_us"].to_numpy())
    video = built.rows["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    shot = pc.fill_null(built.rows["shot_id"], -1).to_numpy()
    place = np.zeros((count, 2), np.int64)
    place[node] = np.c_[video, shot]
    lanes = np.zeros(count, np.int64)
    busy: dict[tuple[int, int], list[tuple[int, int]]] = {}  # end and number of each lane
    made = 0
    for one in np.lexsort((start, place[:, 1], place[:, 0])).tolist():
        here = busy.setdefault((int(place[one, 0]), int(place[one, 1])), [])
        free = next((i for i, (until, _) in enumerate(here) if until <= start[one]), None)
        if free is None:
            here.append((int(end[one]), made))
            lanes[one], made = made, made + 1
        else:
            lanes[one] = here[free][1]
            here[free] = (int(end[one]), here[free][1])
    return lanes


def _table(solved: Solved, found: Suggestions, snapshot: Snapshot) -> pa.Table:
    """Write the chosen nodes as rows of detections, sorted as the rows of a table are."""
    built, names = solved.built, solved.names
    ids = built.faces()[found.nodes]
    row = np.searchsorted(built.ids, ids)
    best = names.best[row].tolist()
    likely = zip(best, names.probability[row].tolist(), strict=True)
    extra = pa.table(
        {
            "detection_id": ids,
            "rank": np.arange(1, len(ids) + 1),
            "suggestion": found.score,
            "reason": pa.array(found.reason, pa.string()),
            "items": found.items,
            "best": pa.array(best, pa.string()),
            "best_probability": pa.array(
                [None if name is None else chance for name, chance in likely], pa.float32()
            ),
        }
    )
    videos = pc.unique(built.rows["video"].take(pa.array(row))).to_pylist()
    stored = snapshot.read("detections", columns=PUBLIC_DETECTION.names, videos=videos)
    stored = stored.filter(pc.is_in(stored["detection_id"], value_set=pa.array(ids)))
    at = pc.index_in(stored["detection_id"], extra["detection_id"].combine_chunks())
    extra = extra.drop_columns(["detection_id"]).take(at)
    return pa.table(
        [*stored.columns, *extra.columns], names=[*stored.column_names, *extra.column_names]
    )


def to_fill_in(rows: pa.Table) -> pa.Table:
    """Make of suggestions a table for a person to fill in and `Collection.label_file` to read.

    >>> one = {"detection_id": 7, "video": "a", "start_us": 1_500_000, "x1": 0.1, "y1": 0.2,
    ...     "x2": 0.3, "y2": 0.4, "best": "Ann", "best_probability": 0.4, "reason": "uncertain",
    ...     "items": 12}
    >>> to_fill_in(pa.Table.from_pylist([one]))["label"].to_pylist()
    ['?']
    """
    start = pc.divide(rows["start_us"].cast(pa.float64()), float(US_PER_S))
    rows = rows.append_column("start", start).select(list(TO_FILL_IN))
    return rows.add_column(1, "label", pa.array([OPEN] * rows.num_rows, pa.string()))
