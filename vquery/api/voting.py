"""Label functions and what they say: the label matrix of a collection, or of a data frame."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import concepts
from vquery.engine.bring import any_table
from vquery.engine.concept import ABSTAIN, REGISTRY, Concept
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError
from vquery.expr.relations import Scan
from vquery.schema import KEYS
from vquery.supervise.votes.applying import (
    INTERVALS,
    ROW,
    SAID_BY,
    TABLE,
    Settings,
    Voter,
    apply,
    apply_on_segments,
)
from vquery.supervise.votes.covering import VOTE, Items, ballot
from vquery.supervise.votes.items import items_of, track_items
from vquery.supervise.votes.rowwise import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vquery.api.moment import Newest
    from vquery.engine.running.cache import Cache
    from vquery.supervise.votes.matrix import LabelMatrix

    Function: TypeAlias = str | Concept | Intervals | Callable[..., Any] | Any
    Functions: TypeAlias = Iterable[Function] | Mapping[str, Function]
    Progress: TypeAlias = Callable[[str, int, int], None]
    Ints: TypeAlias = NDArray[np.int64]

SEGMENTS, TRACKS = "segments", "tracks"
WHOLE = "table"
"""Parameter of a function that wants the whole table at once."""
ONE_ROW = "row"
"""Parameter of a function that wants one row at a time, where tables have names."""
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

        def labels(self, concept: str | None = None) -> pa.Table:
            """Human labels in force."""

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
        making = _Making({"db": self, **tables}, cover, {"db": state}, told)
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

        A label speaks of its detection and of the track that the detection belongs to; labels of
        one track that contradict each other leave it to the one on most of its time. What is
        labelled "none of them", or with what is no class of the votes, counts as not known.

        Returns
        -------
        (n,) int64, as `LabelMatrix.summary` takes it

        Raises
        ------
        LabelError
            If the items are neither detections nor tracks.
        """
        items = votes.items
        if items is None or not {"detection_id", "track"} & set(items.column_names):
            raise LabelError(
                "truth() finds labels of detections and tracks; these items have no column "
                "detection_id or track: give the classes as codes to summary(truth=)"
            )
        known = self.labels(concept).select(["detection_id", "label"])
        rows = self.detections.collect(columns=["detection_id", *KEYS, "track"])
        rows = rows.join(known, "detection_id", join_type="inner").combine_chunks()
        rows = rows.rename_columns([VOTE if c == "label" else c for c in rows.column_names])
        made = ballot(Items(items), rows, label=concept, otherwise=None, cover=ANY)
        codes = {str(value): code for code, value in enumerate(votes.classes)}
        other = [value for value in made.values if value not in codes]
        if other:
            logger.warning(
                "labels of %r that are no class of the votes count as not known: %s",
                concept,
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
    voters = _Making(words, cover, {}, None, rows=True).all(functions)
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


class _Making:
    """Makes label functions of what a user may call one.

    Parameters
    ----------
    words
        What parameters are filled with, by name.
    cover
        For functions that do not say themselves.
    states
        What stands for a word in fingerprints, where that is not the word itself.
    version
        Of the data, for people.
    rows
        Whether a function of one parameter that is no word is one of rows.
    """

    def __init__(
        self,
        words: Mapping[str, Any],
        cover: float,
        states: Mapping[str, Any],
        version: str | None,
        *,
        rows: bool = False,
    ) -> None:
        if not 0 < cover <= 1:
            raise LabelError(f"votes(cover=) must be in (0, 1], got {cover!r}")
        self._words, self._cover, self._states = words, cover, states
        self._version, self._rows = version, rows

    def all(self, functions: Functions) -> list[Voter]:
        """Make all of them."""
        if isinstance(functions, Mapping):
            return [self._one(given, name, name) for name, given in functions.items()]
        if isinstance(functions, str | Concept | Intervals) or callable(functions):
            raise QueryError("votes() takes a list of label functions, or a mapping from names")
        return [self._one(given, None, f"lf{i}") for i, given in enumerate(functions)]

    def _one(self, given: Function, name: str | None, nameless: str) -> Voter:
        if isinstance(given, str):
            return self._by_name(given, name)
        if isinstance(given, Concept):
            return self._concept(given, name)
        if callable(given) and not isinstance(given, Intervals):
            return self._function(given, name or _name_of(given) or nameless)
        source = given.node if isinstance(given, Intervals) else None
        known = source.source.name if isinstance(source, Scan) else nameless
        return self._table(given, name or known)

    def _by_name(self, given: str, name: str | None) -> Voter:
        if given in REGISTRY:
            return self._concept(REGISTRY[given], name)
        if given in self._words and given not in self._states:
            return self._table(self._words[given], name or given)
        known = ", ".join(concept.name for concept in REGISTRY)
        tables = ", ".join(name for name in self._words if name not in self._states)
        raise QueryError(
            f"{given!r} is neither a concept nor a table. Concepts: {known or 'none'}. "
            f"Tables: {tables or 'none'}"
        )

    def _concept(self, concept: Concept, name: str | None) -> Voter:
        return Voter(
            name or concept.name,
            lambda: concepts.run(concept, self._words),
            label=concept.label,
            otherwise=None if concept.otherwise is ABSTAIN else concept.otherwise,
            cover=concept.cover,
            place=concept.place,
            itself=concept,
            reads=self._reads(concept.parameters),
            version=self._version,
        )

    def _reads(self, parameters: Iterable[str]) -> tuple[Any, ...]:
        states = {**self._words, **self._states}
        return tuple((name, states[name]) for name in parameters if name in states)

    def _table(self, given: Any, name: str) -> Voter:
        return Voter(
            name,
            lambda: given,
            label=name,
            cover=self._cover,
            said_by=SAID_BY,
            itself=given,
            version=self._version,
        )

    def _function(self, function: Callable[..., Any], name: str) -> Voter:
        kind = self._kind(function)
        if kind == INTERVALS:
            return self._concept(Concept(function, name, name, cover=self._cover), name)
        place = Concept(function, name, name).place
        return Voter(name, function, kind=kind, place=place, version=self._version)

    def _kind(self, function: Callable[..., Any]) -> str:
        """Tell by the names of its parameters what a function is to be given."""
        needed = [
            name
            for name, one in inspect.signature(function).parameters.items()
            if one.default is inspect.Parameter.empty
        ]
        if all(name in self._words for name in needed):
            return INTERVALS
        if needed == [WHOLE]:
            return TABLE
        if needed == [ONE_ROW] or (self._rows and len(needed) == 1):
            return ROW
        return INTERVALS


def _name_of(function: Any) -> str | None:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return None if name == "<lambda>" else name
