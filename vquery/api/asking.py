"""What `vquery.api.voting` does: items of a collection or table, functions asked, human truth."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.label_functions import Making
from vquery.api.labelling import NONE_OF_THEM
from vquery.engine.bring import any_table, in_own_order
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError
from vquery.schema import KEYS
from vquery.supervise.votes import ABSTAIN
from vquery.supervise.votes.applying import Settings, Voter, apply, apply_on_segments
from vquery.supervise.votes.covering import VOTE, Ballot, Items, ballot
from vquery.supervise.votes.items import items_of, track_items
from vquery.supervise.votes.rowwise import columns_of
from vquery.supervise.votes.summary import OTHER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vquery.api.label_functions import Functions
    from vquery.api.moment import Moment
    from vquery.supervise.votes.matrix import LabelMatrix

    Ints: TypeAlias = NDArray[np.int64]

SEGMENTS, TRACKS = "segments", "tracks"
ANY = np.finfo(np.float64).tiny
"""Least share of a track that a human label covers: one detection speaks for its track."""
OF_TRACKS = ["video", "start_us", "end_us", "track", "class"]

logger = logging.getLogger("vquery")


def over_collection(
    db: Any,
    moment: Moment,
    tables: Mapping[str, Intervals],
    functions: Functions,
    over: Any,
    *,
    cover: float,
    **settings: Any,
) -> LabelMatrix:
    """Ask functions over a collection; see `vquery.Collection.votes`.

    Parameters
    ----------
    moment, tables
        What the functions read: all of one moment, with the relations that are registered.
    """
    told = f"generation {moment.snapshot.generation}, event {moment.last_event}"
    state = (moment.snapshot, moment.seeds, moment.last_event, dict(tables))
    voters = Making({"db": db, **tables}, cover, {"db": state}, told).all(functions)
    if isinstance(over, str) and over == SEGMENTS:
        return apply_on_segments(voters, Settings(**settings), _extents(db.videos))
    if isinstance(over, str) and over == TRACKS:
        over = track_items(db.detections.collect(columns=OF_TRACKS))
    elif isinstance(over, str):
        if over not in tables:
            raise QueryError(
                f"over={over!r} is none of {SEGMENTS!r}, {TRACKS!r} and the tables "
                f"{', '.join(sorted(tables))}"
            )
        over = tables[over]
    return _applied(voters, over, Settings(**settings))


def over_table(
    functions: Functions, over: Any, tables: Mapping[str, Any], *, cover: float, **settings: Any
) -> LabelMatrix:
    """Ask functions over a table or data frame; see `vquery.votes`."""
    words = {name: any_table(table, name) for name, table in tables.items()}
    voters = Making(words, cover, {}, None, rows=True).all(functions)
    if isinstance(over, str):
        if over != SEGMENTS:
            raise QueryError(f"over= takes a table, a data frame or {SEGMENTS!r}, got {over!r}")
        return apply_on_segments(voters, Settings(**settings), None)
    return _applied(voters, over, Settings(**settings))


def truth(db: Any, votes: LabelMatrix, concept: str) -> Ints:
    """Find the human label of each item; see `vquery.Collection.truth`."""
    items = votes.items
    if items is None or not set(KEYS) <= set(items.column_names):
        raise LabelError(
            "truth() finds labels by video and time, which these items do not have: give the "
            "classes as codes to summary(truth=)"
        )
    said = db.labelled(concept).collect(columns=[*KEYS, "label", "detection_id"])
    nobody = pc.fill_null(said["label"], NONE_OF_THEM)
    said = said.set_column(said.column_names.index("label"), "label", nobody)
    said = said.rename_columns([VOTE if c == "label" else c for c in said.column_names])
    of_spans = said.filter(said["detection_id"].is_null()).drop_columns("detection_id")
    coded = Items(items)
    found = _codes(ballot(coded, of_spans, label=None, otherwise=None, cover=0.5), votes)
    if {"detection_id", "track"} & set(items.column_names):
        tracks = db.detections.collect(columns=["detection_id", "track"])
        of_objects = said.join(tracks, "detection_id", join_type="inner")
        made = ballot(coded, of_objects, label=None, otherwise=None, cover=ANY)
        own = _codes(made, votes)
        found = np.where(own == ABSTAIN, found, own)
    return found


def _codes(made: Ballot, votes: LabelMatrix) -> Ints:
    codes = {str(value): code for code, value in enumerate(votes.classes)}
    other = [str(value) for value in made.values if str(value) not in {*codes, NONE_OF_THEM}]
    if other:
        logger.warning(
            "labels that are no class of the votes, so that all votes there count as wrong: %s",
            ", ".join(other),
        )
    number = np.array([*(codes.get(str(each), OTHER) for each in made.values), ABSTAIN])
    found: Ints = number[made.codes]
    return found


def _applied(voters: list[Voter], over: Any, settings: Settings) -> LabelMatrix:
    """Make items of the rows and ask; functions of rows are given those of the items."""
    names = over.columns if hasattr(over, "columns") else ()
    if isinstance(over, Intervals):
        return apply(voters, items_of(over.collect()), settings)
    if isinstance(over, pa.Table):
        names = over.column_names
    if {"video", "start_us"} <= set(names) or {"video", "start"} <= set(names):
        return apply(voters, _timed(over), settings)
    columns = columns_of(over)
    n = len(next(iter(columns.values()), []))
    return apply(voters, pa.table({"item": np.arange(n)}), settings, frame=over)


def _timed(over: Any) -> pa.Table:
    """Rows with a time as items, in the order in which they are given."""
    place = "number of the row"
    table = in_own_order(over, "over")
    given = table.append_column(place, pa.array(np.arange(table.num_rows)))
    rows = any_table(given, "over").collect().sort_by(place).drop_columns(place)
    return items_of(rows)


def _extents(videos: pa.Table) -> dict[str, tuple[int, int]]:
    known = videos.filter(pc.greater(videos["duration_us"], 0))
    lengths = zip(known["video"].to_pylist(), known["duration_us"].to_pylist(), strict=True)
    return {video: (0, length) for video, length in lengths}
