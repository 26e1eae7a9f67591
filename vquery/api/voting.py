"""Label functions and what they say: the label matrix of a collection, or of a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from typing import TypeAlias

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from vquery.api.label_functions import Functions
    from vquery.api.moment import Newest
    from vquery.engine.intervals import Intervals
    from vquery.engine.running.cache import Cache
    from vquery.supervise.votes.matrix import LabelMatrix

    Progress: TypeAlias = Callable[[str, int, int], None]
    Ints: TypeAlias = NDArray[np.int64]


class Voting:
    """What label functions say of a collection."""

    _newest: Newest

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
            Raise when a function fails, or asks for a table that there is not. Otherwise it
            abstains everywhere, which the summary, a warning and ``sources`` tell with the reason.
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
            If there is no such concept or table.
        """
        from vquery.api.asking import over_collection

        return over_collection(
            self,
            self._newest.get(),
            self._tables(),
            functions,
            over,
            cover=cover,
            classes=classes,
            by=by,
            strict=strict,
            cache=cache,
            progress=progress,
        )

    def truth(self, votes: LabelMatrix, concept: str) -> Ints:
        """Find the human label of each item: its class in ``votes``, -1 where nobody said anything.

        The label of a detection speaks of that detection and of its track, where contradictions are
        settled by the time they cover; that of a span of all items that it covers for half of their
        time. What is labelled None ("none of them"), or with what is no class of the votes, is -2:
        whatever is voted there is wrong.

        Returns
        -------
        (n,) int64, as `LabelMatrix.summary` takes it

        Raises
        ------
        LabelError
            If the items have no time.
        """
        from vquery.api.asking import truth

        return truth(self, votes, concept)


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

    >>> import pyarrow as pa
    >>> def loud(x):
    ...     return "spam" if "!" in x.text else None
    >>> def is_long(table):
    ...     return ["ham" if len(text) > 5 else None for text in table["text"].to_pylist()]
    >>> found = votes([loud, is_long], over=pa.table({"text": ["buy!", "good morning"]}))
    >>> found.votes.tolist(), found.classes
    ([[0, -1], [-1, 1]], ('spam', 'ham'))
    """
    from vquery.api.asking import over_table

    return over_table(
        functions,
        over,
        tables or {},
        cover=cover,
        classes=classes,
        abstain=abstain,
        by=by,
        strict=strict,
        cache=cache,
        progress=progress,
    )
