"""Label functions and what they say: the label matrix of a collection, or of a data frame."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.label_functions import Making
from vquery.engine.bring import any_table
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError
from vquery.schema import KEYS
from vquery.supervise.votes.applying import Settings, Voter, apply, apply_on_segments
from vquery.supervise.votes.covering import VOTE, Ballot, Items, ballot
from vquery.supervise.votes.items import items_of, track_items
from vquery.supervise.votes.rowwise import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vquery.api.label_functions import Functions
    from vquery.api.moment import Newest
    from vquery.engine.running.cache import Cache
    from vquery.supervise.votes.matrix import LabelMatrix

    Progress: TypeAlias = Callable[[str, int, int], None]
    Ints: TypeAlias = NDArray[np.int64]

SEGMENTS, TRACKS = "segments", "tracks"
ANY = np.finfo(np.float64).tiny
"""Least share of a track that a human label covers: one detection speaks for its track."""
OF_TRACKS = ["video", "start_us", "end_us", "track", "class"]

logger = logging.getLogger("vquery")


class Voting:
    """What label functions say of a collection."""

    _newest: Newest
    _registered: dict[str, Intervals]

    if TYPE_CHECKING:

        @property
        def detections(self) -> Any:
            """Detections of every class."""

        @property
        def videos(self) -> pa.Table:
            """One row a video."""

        def labelled(self, concept: str) -> Intervals:
            """Human labels as intervals."""

        def _tables(self) -> dict[str, Intervals]: ...

    def votes(
        self,
        functions: Functions,
        over: Any,
        *,
        classes: Sequence[Hashable] | None = None,
        cover: float = 0.5,
        by: str = "auto",
        strict: bool = False,
        cache: bool | Cache = True,
        progress: Progress | None = None,
    ) -> LabelMatrix:
        """Ask label functions about items: the label matrix, where no row is an abstention.

        Parameters
        ----------
        functions
            Concepts, their names, names of tables, functions whose parameters are named like
            tables, relations and tables of intervals: a sequence, or a mapping from names. A
            concept votes its ``label`` on items that its rows cover for at least ``cover`` of their
            time, and ``otherwise`` on the others; a column ``vote`` in its result says what each
            interval votes. A function votes its name, and a relation or table its column ``vote``
            or ``label``, else its name. A function of ``row`` is asked about one item at a time,
            one of ``table`` about all, and answers with a class or with None.
        over
            The items: ``db.shots``, ``db.faces`` or any relation or table with a time; "tracks",
            each from its first detection to its last; "segments", time cut at every border of every
            vote, which is as fine as it has to be and no finer.
        classes
            All classes in the order of probabilities; by default those that functions may vote, in
            the order of the functions.
        cover
            For functions that are no concepts.
        by
            What rows and items are matched by. "auto": a row that has a ``detection_id``, or else a
            ``track``, speaks of the item with the same one, if items have that too; "time": of
            everything there at the time.
        strict
            Raise when a function fails. Otherwise it abstains everywhere, which the summary, a
            warning and ``sources`` tell with the reason.
        cache
            Take what a function said before, if neither it, nor a global it names, nor the tables
            it asks for have changed. Give False for one that looks at anything else, such as files.
        progress
            Called with the name of a function that is done, how many are, and how many there are.

        Raises
        ------
        LabelError
            If there are no functions, two have one name, all fail or vote no class, or, with
            ``strict``, one fails.
        QueryError
            If there is no such concept or table, or a function's parameters cannot be filled.
        """
        moment, tables = self._newest.get(), self._tables()
        told = f"generation {moment.snapshot.generation}, event {moment.last_event}"
        state = (moment.snapshot, moment.seeds, moment.last_event, self._registered)
        making = Making({"db": self, **tables}, cover, {"db": state}, told)
        voters = making.all(functions)
        settings = Settings(classes=classes, by=by, strict=strict, cache=cache, progress=progress)
        if isinstance(over, str) and over == SEGMENTS:
            return apply_on_segments(voters, settings, _extents(self.videos))
        if isinstance(over, str):
            over = self._named_items(over, tables)
        return _applied(voters, over, settings)

    def _named_items(self, name: str, tables: Mapping[str, Intervals]) -> Any:
        if name == TRACKS:
            return track_items(self.detections.collect(columns=OF_TRACKS))
        if name not in tables:
            raise QueryError(
                f"over={name!r} is none of {SEGMENTS!r}, {TRACKS!r} and the tables "
                f"{', '.join(sorted(tables))}"
            )
        return tables[name]

    def truth(self, votes: LabelMatrix, concept: str) -> Ints:
        """Find the human label of each item: its class in ``votes``, -1 where nobody has said one.

        The label of a detection speaks of that detection and of its track, where contradictions are
        settled by the time they cover; that of a span of all items that it covers for half of their
        time. What is labelled "none of them", or with what is no class of the votes, counts as not
        known.

        Returns
        -------
        (n,) int64, as `LabelMatrix.summary` takes it

        Raises
        ------
        LabelError
            If the items have no time.
        """
        items = votes.items
        if items is None or not set(KEYS) <= set(items.column_names):
            raise LabelError(
                "truth() finds labels by video and time, which these items do not have: give the "
                "classes as codes to summary(truth=)"
            )
        said = self.labelled(concept).collect(columns=[*KEYS, "label", "detection_id"])
        said = said.rename_columns([VOTE if c == "label" else c for c in said.column_names])
        of_spans = said.filter(said["detection_id"].is_null()).drop_columns("detection_id")
        coded = Items(items)
        found = self._codes(ballot(coded, of_spans, label=None, otherwise=None, cover=0.5), votes)
        if {"detection_id", "track"} & set(items.column_names):
            tracks = self.detections.collect(columns=["detection_id", "track"])
            of_objects = said.join(tracks, "detection_id", join_type="inner")
            made = ballot(coded, of_objects, label=None, otherwise=None, cover=ANY)
            own = self._codes(made, votes)
            found = np.where(own < 0, found, own)
        return found

    @staticmethod
    def _codes(made: Ballot, votes: LabelMatrix) -> Ints:
        codes = {str(value): code for code, value in enumerate(votes.classes)}
        other = [value for value in made.values if value not in codes and value is not None]
        if other:
            logger.warning(
                "labels that are no class of the votes count as not known: %s",
                ", ".join(map(str, other)),
            )
        number = np.array([*(codes.get(str(each), -1) for each in made.values), -1])
        found: Ints = number[made.codes]
        return found


def votes(
    functions: Functions,
    over: Any,
    *,
    tables: Mapping[str, Any] | None = None,
    classes: Sequence[Hashable] | None = None,
    abstain: Hashable | None = None,
    cover: float = 0.5,
    by: str = "auto",
    strict: bool = False,
    cache: bool | Cache = True,
    progress: Progress | None = None,
) -> LabelMatrix:
    """Ask label functions about the rows of a table or data frame, without a collection.

    Parameters
    ----------
    functions
        As for `vquery.Collection.votes`. A function with one parameter is asked about one row after
        the other, as in Snorkel: ``lambda x: "spam" if "buy" in x.text else None``; if that
        parameter is called ``table``, about the whole table as it was given, and answers with one
        class, or None, for each row.
    over
        A data frame or table; with ``video`` and times functions may also give intervals. With
        "segments" the time is cut at every border of every vote.
    tables
        Tables by name, for concepts and functions that ask for them.
    abstain
        What a function of rows may answer in place of None, such as -1.
    classes, cover, by, strict, cache, progress
        As for `vquery.Collection.votes`.

    Raises
    ------
    LabelError, QueryError
        As for `vquery.Collection.votes`.

    >>> def loud(x):
    ...     return "spam" if "!" in x.text else None
    >>> def is_long(table):
    ...     return ["ham" if len(text) > 5 else None for text in table["text"].to_pylist()]
    >>> found = votes([loud, is_long], over=pa.table({"text": ["buy!", "good morning"]}))
    >>> found.votes.tolist(), found.classes
    ([[0, -1], [-1, 1]], ('spam', 'ham'))
    """
    words = {name: any_table(table, name) for name, table in (tables or {}).items()}
    voters = Making(words, cover, {}, None, rows=True).all(functions)
    settings = Settings(
        classes=classes, abstain=abstain, by=by, strict=strict, cache=cache, progress=progress
    )
    if isinstance(over, str):
        if over != SEGMENTS:
            raise QueryError(f"over= takes a table, a data frame or {SEGMENTS!r}, got {over!r}")
        return apply_on_segments(voters, settings, None)
    return _applied(voters, over, settings)


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
    table = over if isinstance(over, pa.Table) else None
    if table is None:
        return items_of(any_table(over, "over").collect())
    given = table.append_column(place, pa.array(np.arange(table.num_rows)))
    rows = any_table(given, "over").collect().sort_by(place).drop_columns(place)
    return items_of(rows)


def _extents(videos: pa.Table) -> dict[str, tuple[int, int]]:
    known = videos.filter(pc.greater(videos["duration_us"], 0))
    lengths = zip(known["video"].to_pylist(), known["duration_us"].to_pylist(), strict=True)
    return {video: (0, length) for video, length in lengths}
