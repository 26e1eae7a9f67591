"""Logos of social media on television, from a vision model alone: voters, rules, label models.

``python -m tests.bench.supervision.tvnews DATA`` prints the tables of ``tvnews.md``. Voters are
three runs of a vision model over 24 whole episodes, an item is a second. No label made by people
chooses anything but in the part that says so, which leaves out the episode that it scores.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

import vquery as vq
from vquery import row
from vquery.metrics.bootstrap import interval_of_sums
from vquery.metrics.calibration import ece, log_loss
from vquery.metrics.segments import runs_of, segment_score
from vquery.supervise.votes.matrix import LabelMatrix

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "queries"))
from loaders import PICTURE, advertisements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RUNS = ("gpt4o_run1", "gpt4o_run2", "gpt4o_run5")
CHANNELS = ("CNN", "FOXNEWS", "MSNBC")
NO, YES, UNKNOWN = 0, 1, -1
CLASSES = ("No", "Yes")
COLUMNS = {
    "logo": ("Social Media Logo", "Social Media Logo"),
    "screenshot": ("Social Media Post Screenshot", "Social Media Screenshot"),
}
"""Of a question: its column in the answers of a run, and in those of people."""
SECOND = 1_000_000
HALF = 0.5
ADVERTS, SURE = "adverts", 0.999
"""Name of a voter, and its precision as one might state it: people list no logo there."""
SHORTEST = (1, 2, 3, 4, 5)
"""Seconds that a logo has to stay, of which leaving one episode out chooses."""
AGREE = (2, 3)
"""Runs that have to say yes, of which leaving one episode out chooses."""
DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Television:
    """Seconds of all episodes, in order, and what is known of them.

    ``items`` has ``item, video, start_us, end_us``; ``truth`` says where people saw a logo, and
    every second that they did not list has none; ``saw`` and ``answered`` are, by run, the spans
    where it says yes and where it says anything.
    """

    items: pa.Table
    episode: np.ndarray
    channel: np.ndarray
    truth: np.ndarray
    saw: Mapping[str, vq.Intervals]
    answered: Mapping[str, vq.Intervals]
    adverts: vq.Intervals

    @property
    def seconds(self) -> vq.Intervals:
        return vq.from_arrow(self.items.drop_columns("item"), name="seconds")

    def covered(self, spans: vq.Intervals) -> np.ndarray:
        """Which seconds are covered for half or more."""
        return self.seconds.coverage(spans).collect()["coverage"].to_numpy() >= HALF


def answers(folder: Path, name: str, column: str) -> Iterator[tuple[str, int, int, str]]:
    """Episode, first second, the one after the last, and the answer, of all files of a name.

    A file names pictures ``EPISODE-SECOND.jpg``, or ``EPISODE-FIRST-LAST.jpg`` for those that do
    not change.
    """
    for path in sorted((folder / "tvnews_frames").glob(f"{name}_*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                found = PICTURE.fullmatch(line["filename"].removeprefix("/"))
                if found is None:
                    raise ValueError(f"{path.name}: no picture is named {line['filename']!r}")
                first, last = int(found["first"]), int(found["last"] or found["first"])
                yield found["episode"], first, last + 1, line[column].strip()


def spans(rows: Sequence[tuple[str, int, int, str]], name: str) -> vq.Intervals:
    video, start, end, _ = zip(*rows, strict=True)
    return vq.from_arrow(pa.table({"video": video, "start": start, "end": end}), name=name)


@cache
def television(folder: Path, question: str = "logo") -> Television:
    of_run, of_people = COLUMNS[question]
    said = {run: list(answers(folder, run, of_run)) for run in RUNS}
    length: dict[str, int] = {}
    for video, _, end, _ in (each for rows in said.values() for each in rows):
        length[video] = max(length.get(video, 0), end)
    names = sorted(length)
    start = np.concatenate([np.arange(length[name]) for name in names]) * SECOND
    episode = np.repeat(np.arange(len(names)), [length[name] for name in names])
    items = pa.table(
        {
            "item": np.arange(len(start)),
            "video": pa.array(np.array(names)[episode]),
            "start_us": start,
            "end_us": start + SECOND,
        }
    )
    known = {name: np.zeros(length[name], bool) for name in names}
    for video, first, end, answer in answers(folder, "gold", of_people):
        known[video][first:end] = answer == "Yes"
    channel = np.array([next(each for each in CHANNELS if name.startswith(each)) for name in names])
    return Television(
        items,
        episode,
        channel[episode],
        np.concatenate([known[name] for name in names]),
        {run: spans([row for row in rows if row[3] == "Yes"], run) for run, rows in said.items()},
        {run: spans(rows, run) for run, rows in said.items()},
        advertisements(folder).filter(row.type == "ad"),
    )


def seen(tv: Television, run: str, shortest: float = 0, adverts: bool = False) -> vq.Intervals:
    """What a run saw, as a label function: outside advertisements, for long enough."""
    hits = tv.saw[run].minus(tv.adverts) if adverts else tv.saw[run]
    return hits.coalesce().filter(row.duration >= shortest)


def lasting(tv: Television) -> dict[str, float]:
    """How long a logo has to stay, for each run from the lengths of its own runs."""
    return {run: vq.stays(tv.saw[run].coalesce().collect(), step=1).shortest for run in RUNS}


def votes(tv: Television, shortest: Mapping[str, float], adverts: bool) -> LabelMatrix:
    """Ask each run about each second: yes where its rule holds, else no; no answer is no vote."""
    functions = {}
    for run in RUNS:
        hits = seen(tv, run, shortest.get(run, 0), adverts)
        rest = tv.answered[run].minus(hits)
        said = [
            part.mutate(vote=vq.lit(vote)).select("vote")
            for part, vote in ((hits, "Yes"), (rest, "No"))
        ]
        functions[run] = said[0].union(said[1])
    return vq.votes(functions, over=tv.items, classes=CLASSES)


def agreement(matrix: LabelMatrix, least: int) -> np.ndarray:
    return (matrix.votes == YES).sum(1) >= least


def sums(tv: Television, found: np.ndarray) -> np.ndarray:
    """Of each episode: seconds right, found, true; segments hit, found, true."""
    out = []
    for number in range(tv.episode[-1] + 1):
        mine = tv.episode == number
        one, true = found[mine], tv.truth[mine]
        score = segment_score(runs_of(one), runs_of(true))
        row = ((one & true).sum(), one.sum(), true.sum(), score.found_hits, score.found, score.true)
        out.append(row)
    return np.array(out, float)


def frame_f1(total: np.ndarray) -> np.ndarray:
    both = total[:, 1] + total[:, 2]
    return np.divide(2 * total[:, 0], both, out=np.full(len(total), np.nan), where=both > 0)


def segment_f1(total: np.ndarray) -> np.ndarray:
    return frame_f1(total[:, 3:])


def by_channel(tv: Television, parts: np.ndarray) -> dict[str, tuple[float, float]]:
    """Frame F1 and segment F1 of each channel and of all."""
    channel = tv.channel[np.searchsorted(tv.episode, np.arange(len(parts)))]
    out = {}
    for name in (*CHANNELS, "all"):
        total = parts[(channel == name) | (name == "all")].sum(0, keepdims=True)
        out[name] = (float(frame_f1(total)[0]), float(segment_f1(total)[0]))
    return out


@cache
def every_rule(tv: Television, adverts: bool) -> np.ndarray:
    """Sums of all rules of which one is chosen: how many runs agree, how long a logo stays."""
    return np.stack(
        [
            sums(tv, agreement(matrix, least))
            for shortest in SHORTEST
            for matrix in [votes(tv, dict.fromkeys(RUNS, shortest), adverts)]
            for least in AGREE
        ]
    )


def left_out(tv: Television, within_channel: bool = False) -> dict[bool, np.ndarray]:
    """Sums of a rule chosen on all other episodes, with and without the advertisement rule.

    Rules are how many runs agree and how long a logo stays; the best pooled frame F1 is taken, then
    the best segment F1, then the first. ``within_channel`` looks at other episodes of the channel
    only.
    """
    out = {}
    channel = tv.channel[np.searchsorted(tv.episode, np.arange(tv.episode[-1] + 1))]
    for adverts in (False, True):
        tried = every_rule(tv, adverts)
        chosen = np.zeros_like(tried[0])
        for number in range(len(chosen)):
            others = np.arange(len(chosen)) != number
            if within_channel:
                others &= channel == channel[number]
            total = tried[:, others].sum(1)
            best = max(range(len(tried)), key=lambda i, t=total: (frame_f1(t)[i], segment_f1(t)[i]))
            chosen[number] = tried[best, number]
        out[adverts] = chosen
    return out


def causes(tv: Television, run: str, shortest: float) -> dict[str, int]:
    """Seconds that a run gets wrong, by what could tell it without labels."""
    wrong = tv.covered(tv.saw[run]) & ~tv.truth
    flash = ~tv.covered(seen(tv, run, shortest))
    advert = tv.covered(tv.adverts)
    missed = tv.truth & ~tv.covered(tv.saw[run])
    return {
        "flashes": int((wrong & flash & ~advert).sum()),
        "in adverts": int((wrong & ~flash & advert).sum()),
        "both": int((wrong & flash & advert).sum()),
        "long, in the programme": int((wrong & ~flash & ~advert).sum()),
        "missed": int(missed.sum()),
    }


def soft(matrix: LabelMatrix, groups: np.ndarray | None = None, **settings: object) -> np.ndarray:
    """Chance of a logo in each second by a label model; one for each group."""
    model = vq.LabelModel(**settings).fit(matrix, groups=groups)
    return model.predict_proba(matrix, groups=groups)[:, YES]


def decoded(matrix: LabelMatrix, **options: object) -> np.ndarray:
    """Seconds with a logo on the likeliest path of a label model's chain."""
    return vq.LabelModel().fit(matrix).decode(matrix, **options).path == YES


def with_adverts(tv: Television, matrix: LabelMatrix) -> LabelMatrix:
    """The same matrix and one more function, which votes no during advertisements."""
    no = np.where(tv.covered(tv.adverts), NO, UNKNOWN).astype(np.int16)
    return LabelMatrix(np.c_[matrix.votes, no], CLASSES, (*RUNS, ADVERTS), tv.items)


def label_free(tv: Television) -> Iterator[tuple[str, np.ndarray]]:
    """Every way that no human label had a part in, with what it finds."""
    stay = lasting(tv)
    plain = votes(tv, {}, adverts=False)
    for column, run in enumerate(RUNS):
        yield run, plain.votes[:, column] == YES
    for name, shortest, adverts in rules(stay):
        matrix = votes(tv, shortest, adverts)
        yield f"{name}: majority vote", agreement(matrix, 2)
        yield f"{name}: Dawid-Skene", soft(matrix, method="dawid-skene") > HALF
        yield f"{name}: label model", soft(matrix) > HALF
        yield f"{name}: label model, decoded", decoded(matrix)
        yield f"{name}: label model, decoded, temper=1", decoded(matrix, temper=1.0)
        if not shortest:
            least = {"Yes": min(stay.values())}
            told = decoded(matrix, min_duration=least)
            yield f"{name}: label model, decoded, told the least stay", told
    yield "stays, adverts: label model per channel", soft(matrix, tv.channel) > HALF
    more = with_adverts(tv, votes(tv, stay, adverts=False))
    yield "stays: adverts as a voter", soft(more) > HALF
    sure = {ADVERTS: (SURE, len(tv.truth))}
    yield "stays: adverts as a voter of stated precision", soft(more, precision=sure) > HALF


def rules(stay: Mapping[str, float]) -> Iterator[tuple[str, Mapping[str, float], bool]]:
    """Name, least stays and whether adverts are cut out, of each way to make label functions."""
    yield "no rule", {}, False
    yield "adverts", {}, True
    yield "stays", stay, False
    yield "stays, adverts", stay, True


def calibration(tv: Television, matrix: LabelMatrix) -> list[str]:
    """Log-loss and calibration error of a label model beside the smoothed share of votes."""
    model = vq.LabelModel().fit(matrix)
    counted = vq.LabelModel(method="majority", balance=model.balance_).fit(matrix)
    chances = {
        f"label model ({model.method_})": model.predict_proba(matrix),
        "share of votes, smoothed": counted.predict_proba(matrix),
        "label model, decoded": model.decode(matrix).probability,
    }
    out = []
    for name, each in chances.items():
        loss, error = (of(each[:, YES], tv.truth) for of in (log_loss, ece))
        out.append(f"- {name}: log-loss {loss:.4f}, ECE {error:.4f}")
    return [*out, *(f"- {note}" for note in model.notes_)]


def line(tv: Television, name: str, parts: np.ndarray) -> str:
    """One row of a table: frame and segment F1 with intervals over episodes, then channels."""
    figures = by_channel(tv, parts)
    cells = []
    for place, statistic in enumerate((frame_f1, segment_f1)):
        found = interval_of_sums(statistic, parts, draws=DRAWS)
        cells.append(f"{figures['all'][place]:.3f} [{found.low:.3f}, {found.high:.3f}]")
    cells += [f"{figures[each][0]:.3f} / {figures[each][1]:.3f}" for each in CHANNELS]
    return f"| {name} | " + " | ".join(cells) + " |"


def lead(tv: Television, found: np.ndarray, other: np.ndarray) -> str:
    """By how much one way beats another one, on the same draws of episodes."""
    parts = np.concatenate((sums(tv, found), sums(tv, other)), axis=1)
    cells = []
    for statistic in (frame_f1, segment_f1):
        each = interval_of_sums(
            lambda total, of=statistic: of(total[:, :6]) - of(total[:, 6:]), parts, draws=DRAWS
        )
        cells.append(f"{each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]")
    return f"frame F1 {cells[0]}, segment F1 {cells[1]}"


HEAD = """| | frame F1 | segment F1 at IoU .5 | CNN | Fox | MSNBC |
|---|---|---|---|---|---|"""


def main(folder: Path) -> None:
    tv = television(folder)
    shortest = lasting(tv)
    print(
        f"{tv.episode[-1] + 1} episodes, {len(tv.episode)} seconds, {tv.truth.sum()} with a logo\n"
    )
    print(
        "| seconds wrong | " + " | ".join(causes(tv, RUNS[0], 1)) + " |\n|---|---|---|---|---|---|"
    )
    for run in RUNS:
        print(f"| {run} | " + " | ".join(map(str, causes(tv, run, shortest[run]).values())) + " |")
    print()
    for run in RUNS:
        print(f"- {run}: {vq.stays(tv.saw[run].coalesce().collect(), step=1).note}")
    print(f"\n{HEAD}")
    for name, found in label_free(tv):
        print(line(tv, name, sums(tv, found)), flush=True)
    ruled = votes(tv, shortest, adverts=True)
    ours, plain = soft(ruled) > HALF, votes(tv, {}, adverts=False)
    print("\nLabel model on what stays outside advertisements, less others:\n")
    for name, other in (
        (RUNS[1], plain.votes[:, 1] == YES),
        ("majority vote", agreement(plain, 2)),
        ("majority vote, advertisements", agreement(votes(tv, {}, adverts=True), 2)),
    ):
        print(f"- {name}: {lead(tv, ours, other)}")
    print("\nChances:\n\n" + "\n".join(calibration(tv, ruled)))
    print(f"\nScreenshots, with the same rules:\n\n{HEAD}")
    other = television(folder, "screenshot")
    for name, found in label_free(other):
        print(line(other, name, sums(other, found)), flush=True)
    print(f"\nChosen on the other episodes:\n\n{HEAD}")
    for within, where in ((False, "all channels"), (True, "of the channel")):
        for adverts, parts in left_out(tv, within).items():
            print(line(tv, f"{where}{', advertisements' if adverts else ''}", parts), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.bench.supervision.tvnews DATA")
    main(Path(sys.argv[1]))
