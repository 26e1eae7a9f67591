"""The demo: render a synthetic newsroom and do the whole job on it, measured against the truth."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from vquery.api.collection import Collection
from vquery.api.demo_concepts import CONCEPTS
from vquery.api.demo_report import write_report
from vquery.metrics.boxes import true_values
from vquery.metrics.spans import time_score
from vquery.view.text import aligned

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_newsroom import Summary

MATCH_WITHIN_US = 30_000
OWN = """Now with your own videos:

  vquery index FOLDER --collection my.vq              # videos, captions and detections by stem
  vquery query my.vq "faces.filter(score > 0.9)"      # which faces are there?
  vquery label my.vq --concept name --value Bernie --where "detection_id == …"
  vquery propagate my.vq --concept name
  vquery query my.vq "faces.filter(name == 'Bernie')"
  vquery export my.vq training --format coco
  vquery serve my.vq                                  # the same in the browser"""


@dataclass
class Stage:
    """One line of the demo's table."""

    name: str
    found: str
    truth: str
    quality: str
    seconds: float


@dataclass
class DemoReport:
    """What the demo found at each stage, against the truth."""

    output: Path
    stages: list[Stage] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        stages = [vars(stage) for stage in self.stages]
        return {"output": str(self.output), "stages": stages, "figures": self.figures}

    def text(self) -> str:
        """Write the table and what to do next."""
        head = ("stage", "found", "truth", "quality", "s")
        rows = [(s.name, s.found, s.truth, s.quality, f"{s.seconds:.1f}") for s in self.stages]
        rules = ["-" * max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = aligned(head, [rules, *rows], numbers=False)
        note = "The newsroom is synthetic: drawn by a program, nobody in it exists."
        where = (
            f"report: {self.output / 'report.html'}\n"
            f"training set: {self.output / 'training'}\n"
            f"in the browser: vquery serve {self.output / 'newsroom.vq'}"
        )
        return "\n".join([note, "", *lines, "", where, "", OWN])


def run_demo(
    output: Path,
    *,
    seed: int = 0,
    videos: int = 10,
    seconds: float = 20.0,
    say: Callable[[str], None] = lambda _: None,
) -> DemoReport:
    """Render (or find) the newsroom in ``output`` and run index, label, propagate, query, export.

    Raises
    ------
    VQueryError
        If ``output`` holds something that the demo did not make.
    """
    from vquery_newsroom import render

    output = Path(output)
    report = DemoReport(output)
    clock = _Clock()
    say("rendering the synthetic newsroom …")
    newsroom = render(output / "newsroom", seed=seed, videos=videos, seconds=seconds)
    report.figures["render_seconds"] = clock.lap()
    _clear(output)
    say("indexing …")
    with Collection.create(output / "newsroom.vq") as db:
        indexed = db.index(newsroom.videos_dir)
        truth = Truth.read(newsroom)
        _index_stage(report, db, truth, indexed.seconds)
        clock.lap()
        say("naming people from two seeds each …")
        seeds = db.label_file(newsroom.seeds, "name")
        report.stages.append(
            Stage("label", f"{seeds} seeds", f"{len(newsroom.names)} people", "", clock.lap())
        )
        db.propagate("name")
        named = _name_stage(report, db, truth, clock.lap())
        say("running concepts …")
        for name, concept in CONCEPTS.items():
            found = db.save(name, db.concept(concept))
            _concept_stage(report, name, found.collect(), truth, clock.lap())
        say("exporting …")
        written = db.export(output / "training", format="coco", labels="name")
        splits = ", ".join(f"{split} {count}" for split, count in written.by_split.items())
        report.stages.append(Stage("export", f"{written.total} labels", "", splits, clock.lap()))
        write_report(output / "report.html", db, named, truth, report)
    return report


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        return passed


def _clear(output: Path) -> None:
    """Remove what an earlier demo made; nothing else."""
    for made in ("newsroom.vq", "training"):
        shutil.rmtree(output / made, ignore_errors=True)
    (output / "report.html").unlink(missing_ok=True)


@dataclass(frozen=True)
class Truth:
    """What is really in the newsroom."""

    faces: pa.Table
    shots: pa.Table
    concepts: pa.Table
    names: tuple[str, ...]

    @classmethod
    def read(cls, newsroom: Summary) -> Truth:
        """Read the tables of the truth, times in microseconds."""
        folder = newsroom.truth_dir
        faces = pacsv.read_csv(folder / "faces.csv")
        faces = faces.append_column("start_us", _us(faces["time"]))
        shots, concepts = (_spans(folder / f"{name}.csv") for name in ("shots", "concepts"))
        return cls(faces, shots, concepts, newsroom.names)

    def of_concept(self, name: str) -> pa.Table:
        """Return the true intervals of a concept."""
        return self.concepts.filter(pc.equal(self.concepts["concept"], name))


def _us(seconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.round(pc.multiply(seconds.cast(pa.float64()), 1e6)).cast(pa.int64())


def _spans(path: Path) -> pa.Table:
    table = pacsv.read_csv(path)
    for name in ("start", "end"):
        table = table.append_column(f"{name}_us", _us(table[name]))
    return table


def _index_stage(report: DemoReport, db: Collection, truth: Truth, seconds: float) -> None:
    shots = db.shots.collect()
    right, borders = shot_hits(shots, truth.shots)
    faces = db.faces.collect()
    who = true_values(faces, truth.faces, "person", at_least=0.4, within_us=MATCH_WITHIN_US)
    real = sum(person is not None for person in who)
    report.stages += [
        Stage(
            "shots",
            f"{shots.num_rows - len(shots['video'].unique())} borders",
            f"{borders}",
            f"{right} of them found",
            seconds,
        ),
        Stage("faces", f"{faces.num_rows}", f"{real} are of people", "given, noisy", 0.0),
    ]
    report.figures |= {"borders": borders, "borders_found": right, "faces": faces.num_rows}


def shot_hits(shots: pa.Table, truth: pa.Table, *, within_us: int = 500_000) -> tuple[int, int]:
    """Count the true borders between shots that have a found one near, and all of them."""
    found: dict[str, list[int]] = {}
    for video, start in zip(shots["video"].to_pylist(), shots["start_us"].to_pylist(), strict=True):
        found.setdefault(video, []).append(start)
    borders = [
        (video, start)
        for video, start in zip(
            truth["video"].to_pylist(), truth["start_us"].to_pylist(), strict=True
        )
        if start > 0
    ]
    hits = sum(
        any(abs(start - other) <= within_us for other in found.get(video, []))
        for video, start in borders
    )
    return hits, len(borders)


def _name_stage(report: DemoReport, db: Collection, truth: Truth, seconds: float) -> pa.Table:
    """Compare the names of all detections with who they really show."""
    faces = db.faces.with_labels("name").collect()
    person = true_values(faces, truth.faces, "person", at_least=0.4, within_us=MATCH_WITHIN_US)
    named = faces.append_column("person", pa.array(person, pa.string()))
    cast = pc.is_in(named["person"], value_set=pa.array(truth.names))
    right = _total(pc.and_(cast, pc.equal(named["name"], named["person"])))
    given = _total(pc.is_valid(named["name"]))
    known = _total(cast)
    report.stages.append(
        Stage(
            "propagate",
            f"{given} faces named",
            f"{known} faces of {len(truth.names)} people",
            f"{_share(right, given)} of names right, {_share(right, known)} found",
            seconds,
        )
    )
    report.figures |= {"named": given, "named_right": right, "faces_of_cast": known}
    return named


def _concept_stage(
    report: DemoReport, name: str, found: pa.Table, truth: Truth, seconds: float
) -> None:
    score = time_score(found, truth.of_concept(name))
    report.stages.append(
        Stage(
            name,
            f"{score.found_us / 1e6:.1f} s",
            f"{score.true_us / 1e6:.1f} s",
            f"precision {_percent(score.precision)}, recall {_percent(score.recall)}",
            seconds,
        )
    )
    report.figures[name] = {"precision": score.precision, "recall": score.recall}


def _total(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _share(part: int, whole: int) -> str:
    return _percent(part / whole if whole else None)


def _percent(value: float | None) -> str:
    """Write a share, rounded down: only what is without a flaw is 100 %.

    >>> _percent(1084 / 1086), _percent(1.0), _percent(None)
    ('99.8 %', '100 %', '–')
    """
    return "–" if value is None else f"{math.floor(1000 * value + 1e-9) / 10:g} %"
