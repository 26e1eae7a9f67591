"""Plain Python that knows nothing of vquery: what the example queries have to agree with."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Span = tuple[int, int]
TIMES = re.compile(r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)")


@dataclass(frozen=True)
class Cue:
    """A caption in microseconds."""

    start: int
    end: int
    text: str


def read_srt(path: Path) -> list[Cue]:
    """Cues of a SubRip file, those without text left out."""
    cues = []
    lines = path.read_text("utf-8-sig").splitlines()
    at = [number for number, line in enumerate(lines) if TIMES.match(line.strip())]
    for number, following in zip(at, [*at[1:], len(lines) + 1], strict=True):
        found = TIMES.match(lines[number].strip())
        assert found
        hours = [int(each) for each in found.groups()]
        start, end = (
            ((h * 60 + m) * 60 + s) * 1_000_000 + ms * 1000
            for h, m, s, ms in (hours[:4], hours[4:])
        )
        text = " ".join(" ".join(lines[number + 1 : following - 1]).split())
        if text:
            cues.append(Cue(start, end, text))
    return sorted(cues, key=lambda cue: (cue.start, cue.end))


def merged(spans: Iterable[Span], gap: int = 0, longest: int | None = None) -> list[Span]:
    """Runs of spans at most ``gap`` apart and at most ``longest`` long, the last run first."""
    runs: list[list[int]] = []
    for start, end in sorted(spans):
        for run in reversed(runs):
            fits = longest is None or max(run[1], end) - run[0] <= longest
            if start <= run[1] + gap and fits:
                run[1] = max(run[1], end)
                break
        else:
            runs.append([start, end])
    return sorted((start, end) for start, end in runs)


def uncovered(spans: Iterable[Span], length: int) -> list[Span]:
    """What of ``[0, length)`` no span covers."""
    free, at = [], 0
    for start, end in merged(span for span in spans if span[0] < span[1]):
        if start > at:
            free.append((at, start))
        at = max(at, end)
    return [*free, (at, length)] if at < length else free


def covered(spans: Iterable[Span]) -> int:
    """How long spans are together, counted once."""
    return sum(end - start for start, end in merged(spans))


def shared(some: Iterable[Span], others: Iterable[Span]) -> int:
    """How long two sets of spans are on at the same time."""
    some, others = list(some), list(others)
    return covered(some) + covered(others) - covered([*some, *others])


def precision_recall(
    found: dict[str, list[Span]], true: dict[str, list[Span]]
) -> tuple[float, float]:
    """Share of the found time that is right, and of the true time that was found."""
    right = sum(shared(spans, true.get(video, [])) for video, spans in found.items())
    return (
        right / max(1, sum(covered(spans) for spans in found.values())),
        right / max(1, sum(covered(spans) for spans in true.values())),
    )


def spans_of(relation) -> dict[str, list[Span]]:
    """Spans of a result by video."""
    spans = defaultdict(list)
    table = relation.collect()
    for video, start, end in zip(
        *(table[key].to_pylist() for key in ("video", "start_us", "end_us")), strict=True
    ):
        spans[video].append((start, end))
    return dict(spans)


def short_shots(path: Path, longest: int) -> dict[str, list[Span]]:
    """Shots of at most so many frames in ClipShots, in frames, by video."""
    found = {}
    for video, clip in json.loads(path.read_text()).items():
        shots, at = [], 0
        for last, first in clip["transitions"]:
            shots.append((at, last + 1))
            at = first
        shots.append((at, int(clip["frame_num"])))
        found[video] = [(start, end) for start, end in shots if 0 < end - start <= longest]
    return found


def lines_of(path: Path) -> list[dict[str, str]]:
    """Lines of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
