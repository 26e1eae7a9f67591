"""The words of a table of texts in order, their times, and where each word occurs.

Made once for the same texts and times: later queries over them take it from memory.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import group_codes, ints
from vquery.expr.wording import APOSTROPHES, folded, is_letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.expr.wording import Word

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

OTHER, SPACE, LETTER, APOSTROPHE, ANGLE, SIGN = range(6)
TIMED = "&%+="
"""What takes up time beside words, as in the table of words of a collection."""
CHARACTERS = 1 << 22
"""Characters that are cut into words at a time."""
MOST_WORDS = 5_000_000
"""Words that are kept for later queries; about 60 bytes each."""


@dataclass(frozen=True, slots=True)
class WordIndex:
    """Words of all rows, video by video, in the order of rows and inside each row.

    ``row`` counts rows in the table that was given, ``code`` numbers folded words and ``raw`` words
    as written. ``opens`` and ``closes`` tell whether a word begins and ends with its row. The
    places of the folded word ``c`` are ``places[bounds[c] : bounds[c + 1]]``.
    """

    row: Ints
    video: Ints
    start: Ints
    end: Ints
    opens: Mask
    closes: Mask
    code: Ints
    raw: Ints
    known: dict[str, int]
    written: pa.Array
    places: Ints
    bounds: Ints

    def codes_of(self, word: Word) -> list[int]:
        """Folded words that a word of a phrase stands for."""
        if word.prefix:
            return [code for each, code in self.known.items() if each.startswith(word.text)]
        return [self.known[word.text]] if word.text in self.known else []

    def places_of(self, code: int) -> Ints:
        """Where a folded word occurs, ascending."""
        return self.places[self.bounds[code] : self.bounds[code + 1]]


_kept: OrderedDict[bytes, WordIndex] = OrderedDict()
_lock = threading.Lock()


def word_index(table: pa.Table, on: str) -> WordIndex:
    """Words of column ``on`` of a table in the usual order."""
    key = _fingerprint(table.select(["video", "start_us", "end_us", on]))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    index = _made(table, on)
    with _lock:
        _kept[key] = index
        while len(_kept) > 1 and sum(each.row.size for each in _kept.values()) > MOST_WORDS:
            _kept.popitem(last=False)
    return index


def _fingerprint(table: pa.Table) -> bytes:
    """Hash of the content of a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
        writer.write_table(table.replace_schema_metadata(None).combine_chunks())
    return hashlib.blake2b(sink.getvalue()).digest()


def _made(table: pa.Table, on: str) -> WordIndex:
    column = table[on].cast(pa.large_string()).fill_null("")
    start, end = ints(table["start_us"]), ints(table["end_us"])
    parts = [_words(column.slice(first, last - first).to_pylist(), start[first:last],
                    end[first:last], first)
             for first, last in _slices(pc.utf8_length(column))]  # fmt: skip
    texts = [text for part in parts for text in part.texts]
    encoded = pc.dictionary_encode(pa.array(texts, pa.large_string()))
    raw = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    known: dict[str, int] = {}
    fold = [known.setdefault(folded(each), len(known)) for each in encoded.dictionary.to_pylist()]
    code = np.array(fold, np.int64)[raw] if fold else raw
    row = _joined([part.row for part in parts])
    places = np.argsort(code, kind="stable")
    counts = np.bincount(code, minlength=len(known))
    return WordIndex(
        row,
        group_codes([table["video"]])[row] if row.size else row,
        _joined([part.start for part in parts]),
        _joined([part.end for part in parts]),
        _joined([part.opens for part in parts]).astype(np.bool_),
        _joined([part.closes for part in parts]).astype(np.bool_),
        code,
        raw,
        known,
        encoded.dictionary.cast(pa.string()),
        places,
        np.concatenate(([0], np.cumsum(counts))),
    )


def _joined(parts: list[npt.NDArray[np.generic]]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _slices(lengths: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Cut rows into runs with about so many characters."""
    total = np.cumsum(lengths.to_numpy().astype(np.int64) + 1)
    first = 0
    while first < total.size:
        done = total[first - 1] if first else 0
        last = max(int(np.searchsorted(total, done + CHARACTERS, side="right")), first + 1)
        yield first, last
        first = last


@dataclass(frozen=True, slots=True)
class _Part:
    """Words of some rows."""

    texts: list[str]
    row: Ints
    start: Ints
    end: Ints
    opens: Mask
    closes: Mask


def _words(texts: list[str], start: Ints, end: Ints, first_row: int) -> _Part:
    """Cut texts into words; the time of a text goes to its words by characters, without gaps."""
    whole = "\n".join(texts) + "\n"
    kind = _kinds(whole)
    letter = kind == LETTER
    inner = np.flatnonzero(kind == APOSTROPHE)
    inner = inner[(inner > 0) & letter[inner - 1] & letter[np.minimum(inner + 1, letter.size - 1)]]
    letter[inner] = True
    begin, stop = _runs(letter)
    piece_begin, piece_stop = _runs(kind != SPACE)
    weight = _weights(kind, letter, piece_begin, piece_stop)
    upto = np.concatenate(([0], np.cumsum(weight)))

    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    text_begin = np.cumsum(lengths) - lengths
    row = np.searchsorted(text_begin, begin, side="right") - 1
    base, total = upto[text_begin], upto[text_begin + lengths] - upto[text_begin]

    # a word begins where its piece does, if it is the first in it, and lasts until the next one
    piece = np.searchsorted(piece_begin, begin, side="right") - 1
    opens_piece = np.diff(piece, prepend=-1) != 0
    from_character = np.where(opens_piece, piece_begin[piece], begin)
    closes_piece = np.append(opens_piece[1:], np.ones(min(begin.size, 1), np.bool_))
    following = np.append(from_character[1:], len(whole))
    to_character = np.where(closes_piece, piece_stop[piece], following[: begin.size])

    before = upto[from_character] - base[row]
    after = upto[to_character] - base[row]
    span, shares = (end - start)[row], np.maximum(total[row], 1)
    each, rest = np.divmod(span, shares)
    cut = [whole[a:b] for a, b in zip(begin.tolist(), stop.tolist(), strict=True)]
    return _Part(
        cut,
        row + first_row,
        start[row] + each * before + rest * before // shares,
        start[row] + each * after + rest * after // shares,
        before == 0,
        after == total[row],
    )


def _kinds(text: str) -> npt.NDArray[np.uint8]:
    """Kind of each character."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = np.zeros(int(points.max()) + 1, np.uint8)
    for point in np.flatnonzero(np.bincount(points)).tolist():
        kinds[point] = _kind(chr(point))
    return kinds[points]


def _kind(character: str) -> int:
    if is_letter(character):
        return LETTER
    if character.isspace():
        return SPACE
    if character in APOSTROPHES:
        return APOSTROPHE
    if character in TIMED:
        return SIGN
    return ANGLE if character == ">" else OTHER


def _runs(marked: Mask) -> tuple[Ints, Ints]:
    """Where runs of marked characters begin and end."""
    edges = np.diff(marked.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _weights(
    kind: npt.NDArray[np.uint8], letter: Mask, piece_begin: Ints, piece_stop: Ints
) -> npt.NDArray[np.int64]:
    """One for each character that takes up time: those of pieces with a word, not their ``>>``."""
    timed = letter | (kind == SIGN)
    upto = np.concatenate(([0], np.cumsum(timed)))
    spoken = upto[piece_stop] > upto[piece_begin]
    change = np.zeros(kind.size + 1, np.int64)
    change[piece_begin[spoken]] = 1
    change[piece_stop[spoken]] = -1
    weight = np.cumsum(change[:-1])
    angles = np.flatnonzero(kind == ANGLE)
    own = np.searchsorted(piece_begin, angles, side="right") - 1
    number = np.arange(angles.size)
    first_angle = np.searchsorted(angles, piece_begin[own]) if angles.size else number
    weight[angles[number - first_angle == angles - piece_begin[own]]] = 0
    return weight


def forget() -> None:
    """Give back the memory of all indexes."""
    with _lock:
        _kept.clear()
