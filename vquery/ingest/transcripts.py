"""Transcripts with a time for each word, as speech recognisers write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.errors import IngestError
from vquery.ingest.files import read_json
from vquery.ingest.recognisers import FORMS, Token, Turn
from vquery.ingest.result import WORD_ROWS, Ingested, counts
from vquery.ingest.words import cues_from_words
from vquery.schema import US_PER_S, conform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt

UNTIMED = "word without a time"
REVERSED = "word that ends before it starts"
BEFORE = "word before the start of the video"
HESITATION = "hesitation mark"
CLIPPED = "word cut at the start of the video"

_SPOKEN = re.compile(r"[^\W_]|[&%+=]")
_WRONG = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


class _Word(NamedTuple):
    word: str
    start_us: int
    end_us: int
    score: float | None
    speaker: str | None


@dataclass
class _Words:
    """The words of a transcript as they are read."""

    words: list[_Word] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    n_tokens: int = 0
    n_marks: int = 0

    def add(self, token: Token) -> None:
        text = token.word.strip()
        if not _SPOKEN.search(text):
            self.n_marks += 1
            if self.words:  # a punctuation mark belongs to the word before it
                last = self.words[-1]
                self.words[-1] = last._replace(word=last.word + text)
        elif text == "%HESITATION":
            self.skip(HESITATION)
        elif token.start is None or token.end is None:
            self.skip(UNTIMED)
        else:
            start, end = round(token.start * US_PER_S), round(token.end * US_PER_S)
            if end < start:
                self.skip(REVERSED)
                return
            self.words.append(_Word(text, start, end, token.score, token.speaker))

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def read_transcript(
    path: Path, *, video: str, offset: float = 0.0, source: str | None = None
) -> Ingested:
    """Read a JSON transcript with timed words into words and cues.

    The form is found from the content: Amazon Transcribe, BBC Kaldi, Digital Paper Edit, Google
    Speech-to-Text (with or without diarization), IBM Watson, Speechmatics, Whisper with word time
    stamps, or plainly ``{"words": [{"word", "start", "end"}]}`` with ``text`` for ``word``, and
    optional ``confidence``, ``score`` or ``probability`` and ``speaker``; times in seconds.

    Parameters
    ----------
    path
        The file.
    video
        The value of column ``video``.
    offset
        Seconds added to all times.
    source
        The value of column ``source``; by default the name of the file.

    Returns
    -------
    Ingested
        Tables ``cues`` and ``words``. Word times are the file's, to the microsecond. Punctuation
        marks that come as tokens are attached to the word before. Cues are made from the words
        (`words.cues_from_words`).

    Raises
    ------
    IngestError
        If the file has none of these forms, or breaks its own: naming the form and the word.
    """
    document = read_json(path)
    name, read = _form(path, document)
    words = _Words()
    try:
        tokens, turns = read(document)
        for token in tokens:
            words.add(token)
            words.n_tokens += 1
    except _WRONG as error:
        detail = f"no {error}" if isinstance(error, KeyError) else str(error)
        problem = f"not as {name} writes transcripts, at word {words.n_tokens + 1}: {detail}"
        raise IngestError.at(path, problem) from error
    marks = f" and {words.n_marks:,} punctuation marks" if words.n_marks else ""
    notes = [f"read as {name}: {words.n_tokens - words.n_marks:,} words{marks}"]
    table = _table(words.words, turns)
    table, suspect = _shift(table, round(offset * US_PER_S), words)
    table = table.append_column("video", pa.repeat(video, len(table)))
    table = table.append_column("source", pa.repeat(source or path.name, len(table)))
    cues, timed = cues_from_words(conform(table, WORD_ROWS, what=path.name))
    return Ingested(
        {"cues": cues, "words": timed}, counts(words.skipped), counts({CLIPPED: suspect}), notes
    )


def _form(
    path: Path, document: Any
) -> tuple[str, Callable[[Any], tuple[Iterable[Token], list[Turn]]]]:
    for name, matches, read in FORMS:
        try:
            if matches(document):
                return name, read
        except _WRONG:
            continue
    known = ", ".join(name for name, *_ in FORMS)
    raise IngestError.at(
        path,
        f"not a transcript of a known form ({known}); write it as "
        '{"words": [{"word": "hello", "start": 1.5, "end": 1.9}]} with times in seconds',
    )


def _table(words: list[_Word], turns: list[Turn]) -> pa.Table:
    """Return the words in order of time; speakers come from turns where the words have none."""
    columns: list[Any] = list(zip(*words, strict=True)) or [()] * 5
    start = np.array(columns[1], np.int64)
    end = np.array(columns[2], np.int64)
    speakers = list(columns[4])
    if turns:
        found = _speakers((start + end) / 2 / US_PER_S, turns)
        speakers = [own or turn for own, turn in zip(speakers, found, strict=True)]
    table = pa.table(
        {
            "start_us": start,
            "end_us": end,
            "word": pa.array(columns[0], pa.string()),
            "score": pa.array(columns[3], pa.float32()),
            "speaker": pa.array(speakers, pa.string()),
        }
    )
    return table.take(pa.array(np.argsort(start, kind="stable")))


def _speakers(middle: npt.NDArray[np.float64], turns: list[Turn]) -> list[str | None]:
    """Return who speaks at each time; None between turns."""
    turns = sorted(turns)
    at = np.searchsorted([turn.start for turn in turns], middle, side="right") - 1
    return [
        turns[turn].speaker if turn >= 0 and time < turns[turn].end else None
        for turn, time in zip(at.tolist(), middle.tolist(), strict=True)
    ]


def _shift(table: pa.Table, shift_us: int, words: _Words) -> tuple[pa.Table, int]:
    """Move the words; drop those before zero, cut those over zero and return how many that are."""
    start = table["start_us"].to_numpy() + shift_us
    end = table["end_us"].to_numpy() + shift_us
    before = (start < 0) & (end <= 0)
    if before.any():
        words.skipped[BEFORE] = int(before.sum())
    clipped = int(((start < 0) & ~before).sum())
    table = table.set_column(0, "start_us", pa.array(np.maximum(start, 0)))
    table = table.set_column(1, "end_us", pa.array(end))
    return table.filter(pa.array(~before)), clipped
