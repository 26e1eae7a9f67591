"""Assertions on errors that are injected into real ground truth, and on real detections.

``python -m tests.bench.supervision.assertions DATA`` prints the tables of ``assertions.md``.

The recipe, drawn with ``numpy.random.default_rng(seed)`` for each sequence:

1. every true box gets a score from .6 to 1;
2. dropped frames: one gap for each 100 boxes, of 1 to 6 frames, inside one track, at least 3 frames
   from its ends and from other gaps of it;
3. false tracks: one for each 150 boxes, of 1 to 4 frames, the size of a box of that frame, anywhere
   in the picture, trembling by 2 % of its size;
4. doubled boxes: 3 % of the boxes once more, each edge off by a normal error of 5 % of the size,
   score .3 to .95; half of them with a track number of their own, half with none;
5. exchanged numbers: one for each 250 boxes, at least 2: a track and the one nearest to it then,
   both seen for at least 8 frames before and after, and 8 frames apart from other exchanges.

All rules are asked with their defaults. Boxes match at IoU .5, as many pairs as can be.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import linear_sum_assignment

import vquery as vq
from vquery.ingest.clock import FrameClock
from vquery.ingest.mot import read_mot
from vquery.media.tracks import track_boxes
from vquery.metrics.boxes import iou_matrix
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from vquery.supervise.assertions.findings import Assertion

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

CLOCKS = {
    "TUD-Campus": FrameClock.from_rate(25, width=640, height=480),
    "MOT16-11": FrameClock.from_rate(30, width=1920, height=1080),
}
SEEDS = range(10)
RULES = ("multibox", "switches", "flicker", "appear")
NEW = 100_000
"""Tracks from here on are injected."""


def read(data: Path, sequence: str, name: str) -> pa.Table:
    """Read a file of a sequence; in ground truth all that is to be considered."""
    path = data / "mot" / sequence / f"{name}.txt"
    return read_mot(path, video=sequence, clock=CLOCKS[sequence]).tables["detections"]


def rules(*, gap: float | None = None, short: float | None = None) -> list[Assertion]:
    """All rules with their defaults, or with other seconds."""
    flicker = vq.flicker() if gap is None else vq.flicker(max_gap=gap)
    appear = vq.appear() if short is None else vq.appear(min_duration=short)
    return [vq.multibox(), vq.switches(), flicker, appear]


def boxes(table: pa.Table) -> Floats:
    """Boxes, shape (n, 4)."""
    return np.stack([table[name].to_numpy(zero_copy_only=False) for name in BOX], axis=1)


def frames(table: pa.Table, sequence: str) -> Ints:
    """Number of the frame of each row, from its time."""
    clock = CLOCKS[sequence]
    assert clock.rate is not None
    return np.round(table["start_us"].to_numpy() * clock.rate[0] / clock.rate[1] / 1e6).astype(int)


def matched(found: pa.Table, truth: pa.Table, sequence: str) -> int:
    """Most pairs of boxes of one frame with an IoU of at least .5, each box once."""
    at, there = frames(found, sequence), frames(truth, sequence)
    mine, theirs = boxes(found), boxes(truth)
    total = 0
    for frame in np.intersect1d(at, there):
        near = iou_matrix(mine[at == frame], theirs[there == frame]) >= 0.5
        total += int(near[linear_sum_assignment(near, maximize=True)].sum())
    return total


def f1(found: pa.Table, truth: pa.Table, sequence: str) -> float:
    """F1 of boxes over all frames."""
    return 2 * matched(found, truth, sequence) / (found.num_rows + truth.num_rows)


@dataclass
class Injected:
    """Errors in a ground truth.

    ``owner`` is the true track of each row by its id, -1 for rows that are false; ``gaps`` are
    (track, first frame, frames), ``false`` and ``doubled`` ids of rows, ``swaps`` (frame, tracks).
    """

    table: pa.Table
    owner: dict[int, int]
    gaps: list[tuple[int, int, int]] = field(default_factory=list)
    false: list[list[int]] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    swaps: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Recipe:
    """The longest gap and false track in frames, and the error of doubled boxes in sizes."""

    gap: int = 6
    false: int = 4
    off: float = 0.05


HARDER = Recipe(gap=12, false=8, off=0.1)


class _Row(NamedTuple):
    frame: int
    box: Floats
    score: float
    track: int | None


def inject(truth: pa.Table, sequence: str, seed: int, recipe: Recipe = Recipe()) -> Injected:
    """Put errors into ground truth by the recipe."""
    rng = np.random.default_rng(seed)
    frame, box, track = frames(truth, sequence), boxes(truth), truth["track"].to_numpy()
    score = rng.uniform(0.6, 1.0, len(frame))
    gaps = _gaps(rng, frame, track, len(frame) // 100, recipe.gap)
    kept = np.ones(len(frame), bool)
    for own, first, many in gaps:
        kept[(track == own) & (frame >= first) & (frame < first + many)] = False
    shown, swaps = track.copy(), []
    for _ in range(max(2, len(frame) // 250)):
        _swap(rng, frame, box, track, shown, swaps)
    rows = [_Row(int(frame[i]), box[i], score[i], int(shown[i])) for i in np.flatnonzero(kept)]
    owner = dict(enumerate(track[kept].tolist()))
    made = Injected(truth, owner, gaps, swaps=swaps)
    _false_tracks(rng, rows, made, len(frame) // 150, frame, box, recipe.false)
    _doubles(rng, rows, made, int(kept.sum()), recipe.off)
    made.table = _table(rows, sequence)
    return made


def _gaps(
    rng: np.random.Generator, frame: Ints, track: Ints, many: int, longest: int
) -> list[tuple[int, int, int]]:
    gaps: list[tuple[int, int, int]] = []
    while len(gaps) < many:
        own, length = int(rng.choice(track)), int(rng.integers(1, longest + 1))
        seen = np.sort(frame[track == own])
        if seen[-1] - seen[0] < length + 6:
            continue
        first = int(rng.integers(seen[0] + 3, seen[-1] - length - 1))
        near = any(o == own and f - 3 < first + length and first < f + n + 3 for o, f, n in gaps)
        if not near:
            gaps.append((own, first, length))
    return gaps


def _swap(
    rng: np.random.Generator,
    frame: Ints,
    box: Floats,
    track: Ints,
    shown: Ints,
    swaps: list[tuple[int, int, int]],
) -> None:
    """Exchange the numbers of two near tracks from some frame on; up to 100 tries."""
    centre = (box[:, :2] + box[:, 2:]) / 2
    for _ in range(100):
        at = int(rng.integers(frame.min() + 8, frame.max() - 8))
        here = [
            i
            for i in np.flatnonzero(frame == at)
            if (track[frame < at] == track[i]).sum() >= 8
            and (track[frame > at] == track[i]).sum() >= 8
        ]
        if len(here) < 2 or any(abs(at - other) < 8 for other, _, _ in swaps):
            continue
        one = here[int(rng.integers(len(here)))]
        rest = [i for i in here if i != one]
        other = rest[int(np.argmin([np.linalg.norm(centre[i] - centre[one]) for i in rest]))]
        a, b = int(shown[one]), int(shown[other])
        later = frame >= at
        first, second = later & (shown == a), later & (shown == b)
        shown[first], shown[second] = b, a
        swaps.append((at, int(track[one]), int(track[other])))
        return


def _false_tracks(
    rng: np.random.Generator,
    rows: list[_Row],
    made: Injected,
    many: int,
    frame: Ints,
    box: Floats,
    longest: int,
) -> None:
    for number in range(many):
        length = int(rng.integers(1, longest + 1))
        first = int(rng.integers(frame.min(), frame.max() - length))
        like = rng.choice(np.flatnonzero(frame == first))
        size = box[like, 2:] - box[like, :2]
        corner = rng.uniform(0, 1, 2) * np.maximum(1 - size, 0)
        made.false.append(list(range(len(rows), len(rows) + length)))
        score = rng.uniform(0.3, 0.9)
        for step in range(length):
            low = corner + rng.normal(0, 0.02, 2) * size
            rows.append(_Row(first + step, np.r_[low, low + size], score, NEW + number))


def _doubles(
    rng: np.random.Generator, rows: list[_Row], made: Injected, true: int, error: float
) -> None:
    for number, like in enumerate(rng.choice(true, round(0.03 * true), replace=False)):
        size = rows[like].box[2:] - rows[like].box[:2]
        off = rows[like].box + rng.normal(0, error, 4) * np.tile(size, 2)
        low, high = np.minimum(off[:2], off[2:]), np.maximum(off[:2], off[2:])
        made.doubled.append(len(rows))
        own = None if number % 2 else 2 * NEW + number
        rows.append(_Row(rows[like].frame, np.r_[low, high], rng.uniform(0.3, 0.95), own))


def _table(rows: list[_Row], sequence: str) -> pa.Table:
    at = np.array([row.frame for row in rows])
    sides = np.array([row.box for row in rows])
    columns = {
        "video": [sequence] * len(rows),
        "start_us": CLOCKS[sequence].start_us(at),
        "end_us": CLOCKS[sequence].end_us(at),
        **{name: sides[:, side].astype(np.float32) for side, name in enumerate(BOX)},
        "class": ["pedestrian"] * len(rows),
        "score": [row.score for row in rows],
        "track": pa.array([row.track for row in rows], pa.int64()),
        "item": np.arange(len(rows)),
    }
    return pa.table(columns)


class Score(NamedTuple):
    """Right violations, violations, injected errors found, injected errors."""

    right: int
    found: int
    hit: int
    injected: int

    @property
    def precision(self) -> float:
        """Right violations of all."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Errors found of all."""
        return self.hit / self.injected if self.injected else 1.0


def judged(made: Injected, violations: pa.Table, sequence: str) -> dict[str, Score]:
    """Hold violations to what was injected."""
    by_rule = {
        rule: violations.filter(pc.equal(violations["rule"], rule)).to_pylist() for rule in RULES
    }
    false = {row for rows in made.false for row in rows}
    doubled = set(made.doubled)
    seen = {item for one in by_rule["multibox"] for item in one["items"]} & doubled
    right = sum(bool(doubled & set(one["items"])) for one in by_rule["multibox"])
    scores = {"multibox": Score(right, len(by_rule["multibox"]), len(seen), len(doubled))}
    wrong = [one["items"] for one in by_rule["appear"]]
    gone = {item for items in wrong for item in items}
    scores["appear"] = Score(
        sum(set(items) <= false | doubled for items in wrong),
        len(wrong),
        sum(set(rows) <= gone for rows in made.false),
        len(made.false),
    )
    scores["flicker"] = _flicker(made, by_rule["flicker"], sequence)
    switches = [_pair(made, one["items"]) for one in by_rule["switches"]]
    wanted = Counter(frozenset(pair) for _, *pair in made.swaps)
    right = sum(pair is not None for pair in switches)
    found = Counter(pair for pair in switches if pair is not None)
    hit = sum((found & wanted).values())
    scores["switches"] = Score(right, len(switches), hit, len(made.swaps))
    return scores


def _flicker(made: Injected, violations: list[dict], sequence: str) -> Score:
    clock = CLOCKS[sequence]
    assert clock.rate is not None
    rate = clock.rate[0] / clock.rate[1] / 1e6
    right, hit = 0, set()
    for one in violations:
        owners = {made.owner.get(item) for item in one["items"]}
        middle = (one["start_us"] + one["end_us"]) / 2 * rate
        gaps = [
            gap for gap in made.gaps if owners == {gap[0]} and gap[1] <= middle <= gap[1] + gap[2]
        ]
        right += bool(gaps)
        hit.update(gaps)
    return Score(right, len(violations), len(hit), len(made.gaps))


def _pair(made: Injected, items: list[int]) -> frozenset[int] | None:
    """The two tracks that an exchange mends, None where it mends nothing."""
    one, other, after_one, after_other = (made.owner.get(item, -1) for item in items)
    mended = one == after_other and other == after_one and one != other and -1 not in (one, other)
    return frozenset((one, other)) if mended else None


def injected(
    data: Path, sequence: str, seeds: Iterable[int], recipe: Recipe = Recipe()
) -> tuple[dict[str, Score], Floats, Floats]:
    """Inject, check and correct: sums of the scores of each rule, F1 before and after by seed."""
    truth = read(data, sequence, "gt")
    total = dict.fromkeys(RULES, Score(0, 0, 0, 0))
    before, after = [], []
    for seed in seeds:
        made = inject(truth, sequence, seed, recipe)
        checked = vq.check(made.table, rules())
        for rule, score in judged(made, checked.violations, sequence).items():
            total[rule] = Score(*(a + b for a, b in zip(total[rule], score, strict=True)))
        before.append(f1(made.table, truth, sequence))
        after.append(f1(vq.corrected(made.table, checked), truth, sequence))
    return total, np.array(before), np.array(after)


def injected_lines(data: Path, sequence: str, recipe: Recipe) -> list[str]:
    """Lines of a table: precision and recall over all seeds, F1 before and after."""
    total, before, after = injected(data, sequence, SEEDS, recipe)
    lines = [
        f"| {sequence} | {rule} | {score.injected} | {score.found} | {score.precision:.3f} | "
        f"{score.recall:.3f} |"
        for rule, score in total.items()
    ]
    lines.append(
        f"{sequence}: F1 before {before.mean():.4f} (at least {before.min():.4f}), after "
        f"{after.mean():.4f} (at least {after.min():.4f})"
    )
    return lines


def linked(found: pa.Table, sequence: str) -> pa.Table:
    """Give detections the tracks of vquery's own linker, with its defaults."""
    score = np.clip(found["score"].to_numpy(zero_copy_only=False), 0, 1)
    start = found["start_us"].to_numpy()
    track = track_boxes(frames(found, sequence), boxes(found), score, start_us=start)
    at = found.column_names.index("track")
    return found.set_column(at, "track", pa.array(track))


def campus(data: Path, **seconds: float) -> tuple[float, float]:
    """F1 of the detections of TUD-Campus, as they are and corrected."""
    truth, found = read(data, "TUD-Campus", "gt"), read(data, "TUD-Campus", "det")
    table = linked(found, "TUD-Campus")
    after = vq.corrected(table, vq.check(table, rules(**seconds)))
    return f1(found, truth, "TUD-Campus"), f1(after, truth, "TUD-Campus")


def tracker(data: Path, sequence: str) -> tuple[float, float, str]:
    """F1 of a tracker's result, as it is and corrected, and what was found."""
    truth, found = read(data, sequence, "gt"), read(data, sequence, "tracker_result")
    checked = vq.check(found, rules())
    after = vq.corrected(found, checked)
    return f1(found, truth, sequence), f1(after, truth, sequence), repr(checked)


def main(data: Path) -> None:
    """Print everything."""
    for recipe in (Recipe(), HARDER):
        print(recipe)
        print("| sequence | rule | injected | found | precision | recall |")
        print("|---|---|---|---|---|---|")
        for sequence in CLOCKS:
            print("\n".join(injected_lines(data, sequence, recipe)))
    for sequence in CLOCKS:
        print(sequence, "ground truth:", repr(vq.check(read(data, sequence, "gt"), rules())))
        print(sequence, "tracker:", tracker(data, sequence))
    print("TUD-Campus detections:", campus(data))
    for gap in (0.1, 0.2, 0.3, 0.5, 1.0):
        found = [campus(data, gap=gap, short=short)[1] for short in (0.1, 0.2, 0.3, 0.5)]
        print(f"  max_gap {gap}: ", " ".join(f"{one:.4f}" for one in found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
