"""Ask label functions about items: whatever fails abstains and is told, nothing is asked twice."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.bring import any_table
from vquery.errors import LabelError, SchemaError
from vquery.plan.fingerprint import digest
from vquery.schema import KEYS
from vquery.supervise.votes.coding import ABSTAIN, MOST_CLASSES, check_classes
from vquery.supervise.votes.covering import IDENTITIES, TIME_ALONE, VOTE, Ballot, Items, ballot
from vquery.supervise.votes.items import runs, segments
from vquery.supervise.votes.keeping import Kept
from vquery.supervise.votes.matrix import LabelMatrix
from vquery.supervise.votes.rowwise import checked_class, columns_of, row_ballot, table_ballot
from vquery.supervise.votes.sameness import Sameness, content

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from vquery.engine.running.cache import Cache

    Progress = Callable[[str, int, int], None]

INTERVALS, ROW, TABLE = "intervals", "row", "table"
SAID_BY = (VOTE, "label")
"""Columns of a table that may say what its rows vote; of a concept's result the first one alone."""

logger = logging.getLogger("vquery")


@dataclass(frozen=True, eq=False)
class Voter:
    """A label function, ready to be asked.

    Attributes
    ----------
    name
        Its column in the label matrix.
    ask
        For `INTERVALS` gives a relation or table of intervals when it is called; else it is the
        function of one `ROW`, or of the whole `TABLE`.
    kind
        How it is asked.
    label, otherwise, cover
        What it votes on items that its intervals cover, and on the others; None abstains.
    said_by
        Columns that may say what a row votes, the first that there is.
    place
        Where it is written.
    itself
        What tells it from others, where that is not ``ask``.
    reads
        What it depends on beside itself, such as the tables it is given.
    remembered
        Whether its rows are kept: those of a relation are kept by the engine, step by step.
    version
        Of the data it reads, for people.
    """

    name: str
    ask: Callable[..., Any]
    kind: str = INTERVALS
    label: Hashable = None
    otherwise: Hashable | None = None
    cover: float = 0.5
    said_by: tuple[str, ...] = (VOTE,)
    place: str | None = None
    itself: Any = None
    reads: tuple[Any, ...] = ()
    remembered: bool = True
    version: str | None = None

    def key(self) -> bytes:
        """Fingerprint of the function and of all it is known to read."""
        itself = self.ask if self.itself is None else self.itself
        return Sameness().of((self.kind, self.said_by, itself, self.reads))


@dataclass
class Asked:
    """What came of asking one function."""

    voter: Voter
    ballot: Ballot | None = None
    rows: pa.Table | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    problem: BaseException | None = None

    def source(self) -> dict[str, Any]:
        """Plain values for `LabelMatrix.sources`."""
        voter = self.voter
        told: dict[str, Any] = {"kind": voter.kind, "place": voter.place}
        if voter.kind == INTERVALS:
            told |= {"label": voter.label, "otherwise": voter.otherwise, "cover": voter.cover}
        told |= {"version": voter.version, **self.facts}
        told |= self.ballot.facts if self.ballot else {}
        if self.problem is not None:
            told["problem"] = f"{type(self.problem).__name__}: {self.problem}"
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to ask: see `vquery.Collection.votes`."""

    classes: Sequence[Hashable] | None = None
    abstain: Hashable | None = None
    by: str = "auto"
    strict: bool = False
    cache: bool | Cache = True
    progress: Progress | None = None


def apply(
    voters: Sequence[Voter], items: pa.Table, settings: Settings, frame: Any = None
) -> LabelMatrix:
    """Ask each function about the items.

    Parameters
    ----------
    items
        ``item``, and for functions of intervals ``video, start_us, end_us``.
    frame
        What functions of rows and of the whole table are given; by default the items.

    Raises
    ------
    LabelError
        If there are no functions, two have one name, all fail, none votes any class, or, with
        ``strict``, one fails.
    """
    check_names(voters)
    kept = Kept(settings.cache)
    coded = Items(items) if set(KEYS) <= set(items.column_names) else None
    given = items if frame is None else frame
    columns: dict[str, list[Any]] = {}
    wanted = any(voter.kind != INTERVALS for voter in voters)
    mark = content(given) if wanted and settings.cache is not False else None
    asked = []
    for number, voter in enumerate(voters):
        one = Asked(voter)
        with _Told(one, settings, number, len(voters)):
            if voter.kind == INTERVALS:
                one.ballot = _of_intervals(one, coded, kept, settings)
            else:
                if voter.kind == ROW and not columns:
                    columns.update(columns_of(given))
                frame_of = columns if voter.kind == ROW else given
                one.ballot = _of_rows(voter, frame_of, items.num_rows, kept, settings, mark)
                one.facts = {} if mark is None else {"version": mark.hex()}
        one.rows = None
        asked.append(one)
    return _matrix(asked, items, settings)


def apply_on_segments(
    voters: Sequence[Voter], settings: Settings, extents: Mapping[str, tuple[int, int]] | None
) -> LabelMatrix:
    """Ask each function and cut time at every border of what they say; see `segments`.

    Neighbours on which all functions say the same are one item, so the number of items follows that
    of the borders, not the length of the videos.

    Raises
    ------
    LabelError
        As `apply` does, and if a function is one of rows, as there are none.
    """
    check_names(voters)
    kept = Kept(settings.cache)
    asked = []
    for number, voter in enumerate(voters):
        one = Asked(voter)
        with _Told(one, settings, number, len(voters)):
            if voter.kind != INTERVALS:
                raise LabelError('over="segments" needs functions that give intervals, not rows')
            one.rows = _rows(one, kept, settings)
        asked.append(one)
    cut = segments([one.rows for one in asked if one.rows is not None], extents)
    coded = Items(cut)
    for one in asked:
        if one.rows is not None:
            with _Told(one, settings, None, len(voters)):
                one.ballot = _said(one, coded, TIME_ALONE)
    return _merged(_matrix(asked, cut, settings))


def check_names(voters: Sequence[Voter]) -> None:
    """Refuse no functions at all, and two of one name.

    >>> check_names([])
    Traceback (most recent call last):
    vquery.errors.LabelError: votes need at least one label function, none was given
    """
    if not voters:
        raise LabelError("votes need at least one label function, none was given")
    names = [voter.name for voter in voters]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LabelError(
            f"two label functions are called {twice!r}: give a mapping of names to functions"
        )


class _Told:
    """Catches what a function raises, unless ``strict``, and tells how far things are."""

    def __init__(self, asked: Asked, settings: Settings, number: int | None, total: int) -> None:
        self._asked, self._settings = asked, settings
        self._number, self._total = number, total

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        name, progress = self._asked.voter.name, self._settings.progress
        if error is not None:
            if not isinstance(error, Exception):  # somebody ends the program
                return False
            if self._settings.strict:
                raise LabelError(f"label function {name!r} failed: {error}") from error
            self._asked.problem, self._asked.rows, self._asked.ballot = error, None, None
        if progress is not None and self._number is not None:
            progress(name, self._number + 1, self._total)
        return True


def _of_intervals(one: Asked, items: Items | None, kept: Kept, settings: Settings) -> Ballot:
    if items is None:
        raise SchemaError("it gives intervals, and the items have no video, start and end")
    one.rows = _rows(one, kept, settings)
    return _said(one, items, settings.by)


def _said(one: Asked, items: Items, by: str) -> Ballot:
    assert one.rows is not None
    voter = one.voter
    return ballot(
        items,
        one.rows,
        label=checked_class(voter.label),
        otherwise=voter.otherwise,
        cover=voter.cover,
        by=by,
    )


def _rows(one: Asked, kept: Kept, settings: Settings) -> pa.Table:
    """Rows of a function's result, with the columns that decide about votes."""
    remembered = one.voter.remembered
    known = kept.find(one.voter.key()) if remembered else None
    if known is not None:
        one.facts = known[1]
        return known[0]
    relation = any_table(one.voter.ask(), one.voter.name)
    said_by = next((name for name in one.voter.said_by if name in relation.columns), None)
    columns = [*KEYS, *(name for name in IDENTITIES if name in relation.columns)]
    if said_by is not None:
        columns.append(said_by)
    rows = relation.collect(ordered=False, columns=columns, cache=settings.cache)
    rows = rows.rename_columns([VOTE if name == said_by else name for name in columns])
    one.facts = {"query": str(relation.explain())}
    if remembered:
        # a function may change what it reads, such as a list of what it has seen: asked again, it
        # is the function that it is now
        kept.keep(one.voter.key(), rows, one.facts)
    return rows


def _of_rows(
    voter: Voter, given: Any, n: int, kept: Kept, settings: Settings, mark: bytes | None
) -> Ballot:
    def key() -> bytes:
        return digest([voter.key(), Sameness().of(settings.abstain), mark or b""])

    known = None if mark is None else kept.find(key())
    if known is not None:
        codes = known[0]["code"].to_numpy().astype(np.int16)
        return Ballot(codes, tuple(known[1]["values"]), known[1]["facts"])
    if voter.kind == ROW:
        made = row_ballot(voter.ask, given, n, abstain=settings.abstain)
    else:
        made = table_ballot(voter.ask, given, n, abstain=settings.abstain)
    if mark is not None:
        about = {"values": list(made.values), "facts": made.facts}
        kept.keep(key(), pa.table({"code": made.codes}), about)
    return made


def _matrix(asked: Sequence[Asked], items: pa.Table, settings: Settings) -> LabelMatrix:
    """Put the columns together, each in the numbers of all classes."""
    classes = _classes(asked, settings)
    codes = {value: code for code, value in enumerate(classes)}
    votes = np.full((items.num_rows, len(asked)), ABSTAIN, np.int16)
    for column, one in enumerate(asked):
        if one.ballot is not None:
            known = [codes.get(value, ABSTAIN) for value in one.ballot.values]
            votes[:, column] = np.array([*known, ABSTAIN], np.int16)[one.ballot.codes]
    _warn(asked)
    names = tuple(one.voter.name for one in asked)
    return LabelMatrix(votes, classes, names, items, sources=tuple(one.source() for one in asked))


def _classes(asked: Sequence[Asked], settings: Settings) -> tuple[Hashable, ...]:
    """All classes that may be voted, in the order in which functions name them."""
    given = settings.classes
    if given is not None:
        check_classes(tuple(given), settings.abstain)
        for one in asked:
            if one.ballot is not None:
                with _Told(one, settings, None, len(asked)):
                    _check_known(one.ballot, given)
    if all(one.problem is not None for one in asked):
        told = "; ".join(f"{one.voter.name}: {one.problem}" for one in asked[:3])
        raise LabelError(f"all {len(asked)} label functions failed. {told}") from asked[0].problem
    if given is not None:
        return tuple(given)
    values = (value for one in asked if one.ballot is not None for value in one.ballot.values)
    classes = tuple(dict.fromkeys(values))
    if not classes or len(classes) > MOST_CLASSES:
        raise LabelError(
            f"the label functions vote {len(classes)} classes, and 1 to {MOST_CLASSES} can be"
            " counted: give classes="
        )
    return classes


def _check_known(made: Ballot, classes: Sequence[Hashable]) -> None:
    for code, value in enumerate(made.values):
        # what could be voted and never is does no harm
        if value not in classes and (made.codes == code).any():
            raise LabelError(f"it votes {value!r}, which is none of {list(classes)}")


def _warn(asked: Sequence[Asked]) -> None:
    failed = [one for one in asked if one.problem is not None]
    if failed:
        told = "; ".join(f"{one.voter.name}: {one.problem}" for one in failed)
        logger.warning(
            "%d of %d label functions failed and abstain: %s", len(failed), len(asked), told
        )


def _merged(votes: LabelMatrix) -> LabelMatrix:
    """Make one item of neighbours on which all functions say the same."""
    assert votes.items is not None
    first = np.flatnonzero(np.diff(runs(votes.items, votes.votes), prepend=-1))
    last = np.append(first[1:], votes.n)[: first.size] - 1
    columns = {
        "item": np.arange(first.size),
        "video": votes.items["video"].take(pa.array(first)),
        "start_us": votes.items["start_us"].take(pa.array(first)),
        "end_us": votes.items["end_us"].take(pa.array(last)),
    }
    return LabelMatrix(
        votes.votes[first],
        votes.classes,
        votes.functions,
        pa.table(columns),
        sources=votes.sources,
    )
