"""Methods that read a small language: sequences of symbols, phrases of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent
from vquery.expr.expression import lift
from vquery.expr.phrases import phrases_of
from vquery.expr.sequences import Sequence, durations_of, symbols_of
from vquery.expr.symbols import read_sequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.intervals import Intervals
    from vquery.expr.expression import Param
    from vquery.expr.relations import Relation


class Text(Fluent):
    """Methods that read a small language."""

    __slots__ = ()

    def sequence(
        self,
        pattern: str,
        *,
        by: Any = None,
        symbols: Mapping[str, Any] | None = None,
        max_gap: float | Param | None = None,
        min_gap: float | Param = 0,
        within: float | Param | None = None,
        min_duration: float | Param | Mapping[str, float | Param] | None = None,
        mode: str = "greedy",
        overlap: str = "forbid",
        skip: bool = True,
    ) -> Intervals:
        """Find rows of a video that follow each other as a pattern of symbols says.

        ``partition_by("track").sequence(...)`` does the same inside each track.

        Parameters
        ----------
        pattern
            Symbols in order, such as ``"green yellow? red"``. ``a?`` maybe, ``a*`` any number,
            ``a+`` at least one, ``a{2,4}``, ``a{2,}``, ``a{3}``; ``a | b`` either; ``( )`` groups;
            ``.`` any row; ``'two words'`` quotes a symbol. ``a !c b``: nothing that carries ``c``
            starts after the start of ``a`` and before the start of ``b``; ``!(c | d)`` neither.
        by
            Column whose values are the symbols; a row without a value carries none.
        symbols
            Instead of ``by``: which rows carry a symbol, ``{"serve": row.event == "serve"}``. A
            row may carry several.
        max_gap, min_gap
            Seconds from the end of a part to the start of the next, both inclusive; none by
            default. A part that starts before the one before it ends has gap 0.
        within
            Longest time from the first start to the latest end.
        min_duration
            Rows shorter than that carry no symbol; for all symbols or by symbol.
        mode
            ``"greedy"``: from the left, the first choice at each place, then on behind its last
            row. First choice means alternatives as they stand, repetitions as long as possible,
            then the earliest row. ``"all"``: every set of parts, each once.
        overlap
            Whether a part may start before the one before it ends: ``"forbid"`` or ``"allow"``.
        skip
            Whether other rows may stand between two parts. With False the parts are neighbours in
            the order of rows (start, end, box).

        Returns
        -------
        Intervals
            One row a match: the columns of its first row with the hull of times and boxes and the
            lowest score of all parts, ``n_parts``, and ``parts``, a list of ``symbol, start_us,
            end_us``.

        Raises
        ------
        QueryError
            If the pattern cannot be read (it names the column), or a symbol is not known.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> lights = from_arrow(pa.table({"video": ["a"] * 4, "start": [0, 5, 6, 9],
        ...     "end": [5, 6, 9, 12], "colour": ["green", "yellow", "red", "green"]}))
        >>> changes = lights.sequence("green yellow? red", by="colour", max_gap=0.5)
        >>> changes.select("n_parts").collect().to_pylist()
        [{'video': 'a', 'start_us': 0, 'end_us': 9000000, 'n_parts': 3}]
        """
        settings = {
            "by": by,
            "symbols": symbols,
            "max_gap": max_gap,
            "min_gap": min_gap,
            "within": within,
            "min_duration": min_duration,
            "mode": mode,
            "overlap": overlap,
            "skip": skip,
        }
        return self._made(sequence_of(self._node, (), pattern, settings))

    def phrase(
        self,
        text: str,
        *,
        near: str | None = None,
        not_near: str | None = None,
        within: float | Param | None = None,
        words: int | Param | None = None,
        max_gap: float | Param | None = None,
        on: Any = None,
    ) -> Intervals:
        r"""Find words that follow each other in what is said in a video.

        The words of a video stand in one line, those of a cue behind those of the cue before it
        (by start, then end), so a phrase may begin in one cue and end in a later one. Words are
        runs of letters and digits with apostrophes inside; case, punctuation and the ``>>`` of a
        new speaker do not matter.

        Parameters
        ----------
        text
            Words in order, such as ``"thank you"``; ``join*`` any word that begins so; ``a b | c``
            either; ``(joins | joined) us`` brackets inside a phrase. ``a & b :: 5``: ``b`` at most
            5 seconds away, ``a & b // 10``: at most 10 words between them; ``a \ b :: 5`` and
            ``a \ b // 10``: no ``b`` so near. Several of these may follow each other.
        near, not_near
            The same by name: words and alternatives that have to be near, or must not be, on
            either side. They count only where they share no word with the phrase itself.
        within, words
            How near: seconds between the two, or words between them, inclusive.
        max_gap
            Longest pause in seconds between two words of a phrase. None is any pause.
        on
            Column with the texts or words: ``text``, else ``word``.

        Returns
        -------
        Intervals
            One row for each place, each once: the columns of the row in which it begins, with the
            time from its first word to its last, ``text`` as written (words only), ``n_words``, the
            lowest ``score``, and ``exact``, whether both ends are ends of rows. Inside a row the
            time of a word is its share of the row by characters, so in a table of words with times
            of their own all spans are exact.

        Raises
        ------
        QueryError
            If the text cannot be read (it names the column), or there is nothing to search in.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> cues = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 3], "end": [3, 5],
        ...                             "text": ["AND SHE JOINS", "ME, NOW. THANK YOU"]}))
        >>> cues.phrase("join* (us | me)").select("text").collect().to_pylist()
        [{'video': 'a', 'start_us': 1636363, 'end_us': 3400000, 'text': 'JOINS ME'}]
        >>> cues.phrase("thank you", near="joins me", within=1).count()
        1
        """
        node = phrases_of(
            self._node,
            text,
            near=near,
            not_near=not_near,
            within=within,
            words=words,
            max_gap=max_gap,
            on=on,
        )
        return self._made(node)


def sequence_of(
    node: Relation, partition: tuple[str, ...], pattern: str, settings: Mapping[str, Any]
) -> Sequence:
    """Build the node of a sequence from what was given to its method."""
    given = dict(settings)
    read = read_sequence(pattern)
    symbols = symbols_of(node, read, given.pop("by"), given.pop("symbols"))
    durations = durations_of(read, given.pop("min_duration"))
    limits = {
        name: None if given[name] is None else lift(given[name]) for name in ("max_gap", "within")
    }
    return Sequence(
        node,
        partition,
        read,
        symbols,
        lift(given["min_gap"]),
        limits["max_gap"],
        limits["within"],
        durations,
        given["mode"],
        given["overlap"],
        given["skip"],
    )
