"""Words from cues, and cues from words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.ingest.result import CUE_ROWS, WORD_ROWS
from vquery.schema import conform

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

MAX_CUE_WORDS = 12
MAX_CUE_PAUSE_US = 1_000_000
_SPOKEN = r"[\p{L}\p{N}\p{M}&%+=]"  # what a word has at least one of
# full stops of Latin and East Asian script, then what may close a quotation
_SENTENCE_END = "[.?!\u2026\u3002\uff1f\uff01][\"'\u201d\u2019)\\]]*$"


def spread_words(cues: pa.Table, pieces: pa.Table | None = None) -> pa.Table:
    """Cut cues into words and give each a time inside its cue.

    The time of a cue goes to its words in proportion to their numbers of characters, without
    gaps: nothing better is known from captions. Tokens without a letter or digit ("--", "♪", the
    ">>" of a new speaker) are no words and get no time; punctuation stays attached.

    Parameters
    ----------
    cues
        Schema `CUE_ROWS`.
    pieces
        ``cue, start_us, end_us, text``, where parts of cues have times of their own; by default
        each cue is one piece.

    Returns
    -------
    pa.Table
        Schema `WORD_ROWS`, sorted by cue; ``score`` is null.

    >>> cue = {"video": "a", "start_us": 0, "end_us": 900, "text": ">> OH -- JAKE!"}
    >>> words = spread_words(pa.Table.from_pylist([cue]))
    >>> words["word"].to_pylist(), words["start_us"].to_pylist(), words["end_us"].to_pylist()
    (['OH', 'JAKE!'], [0, 257], [257, 900])
    """
    if pieces is None:
        pieces = cues.select(["start_us", "end_us", "text"])
        pieces = pieces.append_column("cue", pa.array(np.arange(len(cues)), pa.int64()))
    text = pieces["text"].combine_chunks()
    tokens = pc.utf8_split_whitespace(text)
    word = pc.replace_substring_regex(pc.list_flatten(tokens), r"^>+", "")
    kept = pc.match_substring_regex(word, _SPOKEN)
    piece = pc.list_parent_indices(tokens).filter(kept).to_numpy()
    word = word.filter(kept)
    start_us, end_us = _shares(pieces, piece, pc.utf8_length(word).to_numpy().astype(np.int64))
    cue = pieces["cue"].to_numpy()[piece]
    columns = {"cue": cue, "start_us": start_us, "end_us": end_us, "word": word}
    for name in ("video", "speaker", "source"):
        if name in cues.column_names:
            columns[name] = cues[name].combine_chunks().take(pa.array(cue))
    return conform(pa.table(columns), WORD_ROWS, what="words")


def _shares(pieces: pa.Table, piece: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Divide the time of each piece among its words, given each word's piece and length."""
    upto = np.cumsum(length)
    first = np.flatnonzero(np.diff(piece, prepend=-1))
    base = np.repeat((upto - length)[first], np.diff(first, append=len(piece)))
    total = np.bincount(piece, weights=length, minlength=len(pieces)).astype(np.int64)[piece]
    start = pieces["start_us"].to_numpy()[piece]
    whole, rest = np.divmod(pieces["end_us"].to_numpy()[piece] - start, np.maximum(total, 1))

    def at(before: Ints) -> Ints:  # in two steps, so that no product overflows
        time: Ints = start + whole * before + rest * before // np.maximum(total, 1)
        return time

    return at(upto - length - base), at(upto - base)


def cues_from_words(words: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Group timed words into cues.

    A new cue starts where the speaker changes, after the end of a sentence, after a pause of
    more than one second, and after 12 words.

    Parameters
    ----------
    words
        ``video, start_us, end_us, word`` and optional ``score, speaker, source`` in the order of
        speech.

    Returns
    -------
    tuple of pa.Table
        The cues (`CUE_ROWS`) and the words (`WORD_ROWS`).

    >>> words = pa.table({"video": ["a"] * 3, "start_us": [0, 2, 5], "end_us": [2, 4, 9],
    ...                   "word": ["Oh.", "Hello", "there"]})
    >>> cues, words = cues_from_words(words)
    >>> cues["text"].to_pylist(), cues["end_us"].to_pylist(), words["cue"].to_pylist()
    (['Oh.', 'Hello there'], [2, 9], [0, 1, 1])
    """
    if len(words) == 0:
        return CUE_ROWS.empty_table(), WORD_ROWS.empty_table()
    words = conform(words, WORD_ROWS, what="words")
    cue = _cue_numbers(words)
    words = words.set_column(0, "cue", pa.array(cue))
    cues = pa.TableGroupBy(words, "cue", use_threads=False).aggregate(
        [
            ("video", "first"),
            ("start_us", "min"),
            ("end_us", "max"),
            ("word", "list"),
            ("speaker", "first"),
            ("source", "first"),
        ]
    )
    columns = {
        "video": cues["video_first"],
        "start_us": cues["start_us_min"],
        "end_us": cues["end_us_max"],
        "text": pc.binary_join(cues["word_list"], " "),
        "speaker": cues["speaker_first"],
        "source": cues["source_first"],
    }
    return conform(pa.table(columns), CUE_ROWS, what="cues"), words


def _cue_numbers(words: pa.Table) -> Ints:
    """Give each word (there must be one) the number of its cue, from 0."""
    n = len(words)
    start, end = words["start_us"].to_numpy(), words["end_us"].to_numpy()
    speaker = pc.fill_null(words["speaker"], "").combine_chunks().dictionary_encode()
    ended = pc.match_substring_regex(words["word"], _SENTENCE_END).to_numpy()
    new = np.ones(n, bool)
    new[1:] = (start[1:] - end[:-1] > MAX_CUE_PAUSE_US) | ended[:-1]
    new[1:] |= np.diff(speaker.indices.to_numpy()) != 0
    first = np.flatnonzero(new)
    place = np.arange(n) - np.repeat(first, np.diff(first, append=n))
    new |= place % MAX_CUE_WORDS == 0
    return np.cumsum(new).astype(np.int64) - 1
