"""Phrases for the oracle: every place in every video is compared with every wording."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from vquery.engine.reference.bounds import Row, usual
from vquery.expr.phrases import Phrases
from vquery.expr.wording import folded, is_letter, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.reference.oracle import Reference
    from vquery.expr.relations import Relation
    from vquery.expr.wording import Wording

Token = dict[str, Any]
Place = tuple[int, int]


def phrases(run: Reference, node: Phrases) -> list[Row]:
    """Find the occurrences in each video."""
    videos: dict[Any, list[Row]] = {}
    for row in sorted(run.rows(node.input), key=usual):
        videos.setdefault(row["video"], []).append(row)
    gap = None if node.max_gap is None else run.seconds(node.max_gap)
    result = []
    for rows in videos.values():
        tokens = [token for row in rows for token in tokens_of(row, row[node.on] or "")]
        found = places(tokens, node.phrase.wordings, gap)
        for each in node.nearness:
            others = places(tokens, each.wordings, gap)
            seconds = each.unit == "seconds"
            limit = run.seconds(each.limit) if seconds else run.value(each.limit, {})
            found = [
                one
                for one in found
                if any(
                    distance(tokens, one, other, seconds=seconds) <= limit
                    for other in others
                    if other[0] > one[1] or other[1] < one[0]
                )
                != each.negated
            ]
        result += [made(node, tokens[first : last + 1]) for first, last in found]
    return result


def tokens_of(row: Row, text: str) -> list[Token]:
    """Words of a row with their times: its time is shared out by characters."""
    pieces = [piece for piece in text.split() if any(is_letter(c) or c in "&%+=" for c in piece)]
    lengths = [len(piece.lstrip(">")) for piece in pieces]
    total = sum(lengths)
    duration = row["end_us"] - row["start_us"]

    def at(before: int) -> int:
        return int(row["start_us"] + duration * before // total)

    tokens = []
    for number, piece in enumerate(pieces):
        before = sum(lengths[:number]) - (len(piece) - lengths[number])
        starts, place = [], 0
        words = words_of(piece)
        for word in words:
            place = piece.index(word, place)
            starts.append(before + place)
            place += len(word)
        if not words:  # a "&" takes time all the same
            continue
        starts[0] = sum(lengths[:number])
        ends = [*starts[1:], sum(lengths[: number + 1])]
        for word, start, end in zip(words, starts, ends, strict=True):
            whole = start == 0, end == total
            token = {"row": row, "raw": word, "word": folded(word), "whole": whole}
            tokens.append(token | {"start": at(start), "end": at(end)})
    return tokens


def places(tokens: list[Token], wordings: tuple[Wording, ...], gap: int | None) -> list[Place]:
    """First and last word of each occurrence, each once."""
    found = set()
    for wording in wordings:
        for first in range(len(tokens) - len(wording) + 1):
            part = tokens[first : first + len(wording)]
            fits = all(
                token["word"].startswith(word.text) if word.prefix else token["word"] == word.text
                for token, word in zip(part, wording, strict=True)
            )
            near = gap is None or all(
                after["start"] - before["end"] <= gap for before, after in itertools.pairwise(part)
            )
            if fits and near:
                found.add((first, first + len(wording) - 1))
    return sorted(found)


def bounds(tokens: list[Token], place: Place) -> tuple[int, int]:
    """Start and end of an occurrence."""
    part = tokens[place[0] : place[1] + 1]
    return min(each["start"] for each in part), max(each["end"] for each in part)


def distance(tokens: list[Token], one: Place, other: Place, *, seconds: bool) -> int:
    """Microseconds or words between two occurrences that share no word."""
    if not seconds:
        return max(other[0] - one[1], one[0] - other[1]) - 1
    (a1, a2), (b1, b2) = bounds(tokens, one), bounds(tokens, other)
    return max(b1 - a2, a1 - b2, 0)


def made(node: Phrases, part: list[Token]) -> Row:
    """Row of an occurrence."""
    row = dict(part[0]["row"])
    row["start_us"], row["end_us"] = bounds(part, (0, len(part) - 1))
    row["n_words"] = len(part)
    row["exact"] = part[0]["whole"][0] and part[-1]["whole"][1]
    row["text"] = " ".join(each["raw"] for each in part)
    if "score" in row:
        scores = [each["row"]["score"] for each in part if each["row"]["score"] is not None]
        row["score"] = min(scores, default=None)
    return {name: row[name] for name in node.schema.names}


STEPS: dict[type[Relation], Callable[[Reference, Any], list[Row]]] = {Phrases: phrases}
