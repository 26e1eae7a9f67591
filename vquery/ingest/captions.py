"""Captions: SubRip and WebVTT read here, other subtitle formats through pysubs2.

pysubs2 reads SubRip and WebVTT as well, but loses what captions need: text in braces, a number
that is the last line of a cue, times over 99 hours; and in WebVTT it takes notes and cue names for
text, and a line with inner time stamps for a new cue (``tests/unit/ingest/test_captions.py``).

Formats: https://www.w3.org/TR/webvtt1/ ; X-TIMESTAMP-MAP: RFC 8216, section 3.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.errors import IngestError
from vquery.ingest import markup
from vquery.ingest.files import read_text
from vquery.ingest.result import CUE_ROWS, Ingested, counts
from vquery.ingest.words import spread_words
from vquery.schema import US_PER_S, conform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMPTY = "cue without text"
REVERSED = "cue that ends before it starts"
UNREADABLE = "cue with an unreadable time"
BEFORE = "cue before the start of the video"
STRAY = "block of text outside of cues"
NOISE = "cue with damaged characters"
ONLY = "only cue of its file"
CLIPPED = "cue cut at the start of the video"

_TIME = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t].*)?")
_LIKE_TIMING = re.compile(r"\s*(?:-->\s*)?-?\d{1,4}[:;]\d")  # of a line with "-->"
_NUMBER = re.compile(r"\s*\d+\s*")
_MAP_LOCAL = re.compile(rf"LOCAL:{_TIME}")
_MAP_MPEGTS = re.compile(r"MPEGTS:(\d{1,12})")
_MPEGTS_HZ = 90_000


@dataclass
class _Cues:
    """The cues of a file as they are read."""

    shift_us: int
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    speaker: list[str | None] = field(default_factory=list)
    timed: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    suspect: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def doubt(self, reason: str) -> None:
        self.suspect[reason] = self.suspect.get(reason, 0) + 1

    def add(self, start: int, end: int, raw: str, text: str, speaker: str | None = None) -> bool:
        """Take a cue; False if it is skipped."""
        start, end = start + self.shift_us, end + self.shift_us
        if end < start:
            self.skip(REVERSED)
        elif not text:
            self.skip(EMPTY)
        elif start < 0 and end <= 0:
            self.skip(BEFORE)
        else:
            if start < 0:
                self.doubt(CLIPPED)
            if "@@" in raw or "\ufffd" in raw or markup.CONTROL.search(raw):
                self.doubt(NOISE)
            self.start.append(max(start, 0))
            self.end.append(end)
            self.text.append(text)
            self.speaker.append(speaker)
            return True
        return False


def read_captions(
    path: Path, *, video: str, offset: float = 0.0, source: str | None = None
) -> Ingested:
    """Read a caption file into cues and words.

    SubRip and WebVTT are told apart by content; anything else is given to pysubs2 (SubStation,
    TTML, SAMI). Markup, cue settings, numbers, names and notes are removed, the lines of a cue
    joined by spaces. ``>>`` (a new speaker) stays in the text. The speaker is the voice of a
    WebVTT cue or the name of a SubStation line, else null. Cues may overlap, and last no time.

    Parameters
    ----------
    path
        The file, UTF-8 (with or without byte order mark), UTF-16 or Latin-1.
    video
        The value of column ``video``.
    offset
        Seconds added to all times. Live captions come 3 to 8 seconds late: a negative offset
        moves them back.
    source
        The value of column ``source``; by default the name of the file.

    Returns
    -------
    Ingested
        Tables ``cues`` and ``words``, in order of time. Every cue of the file is in ``cues`` or
        counted in ``skipped``; cues of damaged text stay and are counted in ``suspect``.

    Raises
    ------
    IngestError
        If the file is missing, too large, or holds no captions.

    Notes
    -----
    Words are timed by their length (`words.spread_words`), or exactly where WebVTT has time
    stamps inside a cue. ``X-TIMESTAMP-MAP`` is applied to the cues that follow it, and noted.
    """
    text, notes = read_text(path)
    cues = _Cues(round(offset * US_PER_S), notes=notes)
    if text.lstrip().startswith("WEBVTT"):
        _read_vtt(text, cues)
    elif at := _timing_lines(lines := text.split("\n")):
        _read_srt(lines, at, cues)
    elif text.strip():
        _read_other(path, text, cues)
    if not cues.start and not cues.skipped:
        cues.notes.append("holds no cues")
    if len(cues.start) == 1:
        cues.doubt(ONLY)
        cues.notes.append(
            f"holds a single cue ({cues.text[0][:40]!r}): hardly the captions of a video"
        )
    tables = _tables(cues, video, source or path.name)
    return Ingested(tables, counts(cues.skipped), counts(cues.suspect), cues.notes)


def _read_srt(lines: list[str], at: list[int], cues: _Cues) -> None:
    if any(line.strip() for line in lines[: at[0]] if not _NUMBER.fullmatch(line)):
        cues.skip(STRAY)
    for line, following in zip(at, [*at[1:], len(lines)], strict=True):
        times = _timing(lines[line])
        if times is None:
            cues.skip(UNREADABLE)
            continue
        numbered = following < len(lines) and _NUMBER.fullmatch(lines[following - 1])
        raw = "\n".join(lines[line + 1 : following - 1 if numbered else following])
        cues.add(*times, raw, markup.srt_text(raw))


def _read_vtt(text: str, cues: _Cues) -> None:
    offset = cues.shift_us
    for block in _blocks(text.split("\n")):
        at = next(iter(_timing_lines(block)), None)
        for line in block[:at]:
            if line.startswith("X-TIMESTAMP-MAP"):
                cues.shift_us = offset + _timestamp_map(line, cues)
        if at is None:
            if not block[0].startswith(("WEBVTT", "X-TIMESTAMP-MAP", "NOTE", "STYLE", "REGION")):
                cues.skip(STRAY)
            continue
        times = _timing(block[at])
        if times is None:
            cues.skip(UNREADABLE)
            continue
        raw = "\n".join(block[at + 1 :])
        added = cues.add(*times, raw, markup.vtt_text(raw), markup.vtt_speaker(raw))
        if added and "<" in raw:
            _time_pieces(raw, cues)


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield runs of lines that are not blank; a cue also ends where the next one's time stands."""
    block: list[str] = []
    timed = False
    for line in lines:
        timing = "-->" in line
        if block and (not line.strip() or (timing and timed)):
            yield block
            block, timed = [], False
        if line.strip():
            block.append(line)
            timed = timed or timing
    if block:
        yield block


def _timing_lines(lines: list[str]) -> list[int]:
    """Return the lines that hold the time of a cue, or what was meant to be one."""
    return [
        number
        for number, line in enumerate(lines)
        if "-->" in line and (_TIMING.fullmatch(line) or _LIKE_TIMING.match(line))
    ]


def _timing(line: str) -> tuple[int, int] | None:
    found = _TIMING.fullmatch(line)
    return (_us(*found.groups()[:4]), _us(*found.groups()[4:])) if found else None


def _us(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> int:
    """Return a time in microseconds; more than six decimals are cut."""
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * US_PER_S + int(f"{fraction or '':0<6}"[:6])


def _timestamp_map(line: str, cues: _Cues) -> int:
    """Return what X-TIMESTAMP-MAP adds to times, in microseconds."""
    local, mpegts = _MAP_LOCAL.search(line), _MAP_MPEGTS.search(line)
    if local is None or mpegts is None:
        cues.notes.append(f"cannot read {line!r}: times are taken as they stand")
        return 0
    shift = round(int(mpegts[1]) * US_PER_S / _MPEGTS_HZ) - _us(*local.groups())
    cues.notes.append(
        f"X-TIMESTAMP-MAP adds {shift / US_PER_S:.3f} s; "
        "if the video starts at its own zero, take that back with offset="
    )
    return shift


def _time_pieces(raw: str, cues: _Cues) -> None:
    """Keep the inner time stamps of the last cue, as far as they are in order and inside it."""
    pieces = markup.vtt_pieces(raw)
    row, last = len(cues.start) - 1, cues.end[-1]
    starts = [cues.start[-1]]
    for time, _ in pieces[1:]:
        found = _TIMING.fullmatch(f"{time} --> {time}")
        inner = _us(*found.groups()[:4]) + cues.shift_us if found else starts[-1]
        starts.append(min(max(inner, starts[-1]), last))
    if len(pieces) > 1:
        ends = [*starts[1:], last]
        texts = [text for _, text in pieces]
        cues.timed[row] = list(zip(starts, ends, texts, strict=True))


def _read_other(path: Path, text: str, cues: _Cues) -> None:
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text)
    except Exception as error:  # pysubs2 lets errors of any kind through
        problem = "no captions found: expected SubRip, WebVTT, SubStation, TTML or SAMI"
        raise IngestError.at(path, problem) from error
    cues.notes.append(f"read as {events.format} by pysubs2")
    for event in events:
        if not event.is_comment and not event.is_drawing:
            plain = " ".join(event.plaintext.split())
            cues.add(event.start * 1000, event.end * 1000, event.text, plain, event.name or None)


def _tables(cues: _Cues, video: str, source: str) -> dict[str, pa.Table]:
    n = len(cues.start)
    table = pa.table(
        {
            "start_us": pa.array(cues.start, pa.int64()),
            "end_us": pa.array(cues.end, pa.int64()),
            "text": pa.array(cues.text, pa.string()),
            "speaker": pa.array(cues.speaker, pa.string()),
            "video": pa.repeat(video, n),
            "source": pa.repeat(source, n),
            "read": pa.array(range(n), pa.int64()),
        }
    ).sort_by([("start_us", "ascending"), ("end_us", "ascending"), ("read", "ascending")])
    pieces = _pieces(table, cues.timed) if cues.timed else None
    table = conform(table, CUE_ROWS, what="cues")
    return {"cues": table, "words": spread_words(table, pieces)}


def _pieces(table: pa.Table, timed: dict[int, list[tuple[int, int, str]]]) -> pa.Table:
    rows = table.select(["read", "start_us", "end_us", "text"]).to_pylist()
    pieces = [
        (row, *piece)
        for row, cue in enumerate(rows)
        for piece in timed.get(cue["read"], [(cue["start_us"], cue["end_us"], cue["text"])])
    ]
    names = ("cue", "start_us", "end_us", "text")
    return pa.table(dict(zip(names, map(list, zip(*pieces, strict=True)), strict=True)))
