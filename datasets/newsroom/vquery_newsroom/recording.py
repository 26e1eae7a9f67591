"""Renders one video with the files beside it, and writes the tables of the truth."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom import script, truth
from vquery_newsroom.detections import EVERY, Detector
from vquery_newsroom.director import plan
from vquery_newsroom.film import film
from vquery_newsroom.picture import FPS
from vquery_newsroom.truth import Reel, SeenFace
from vquery_newsroom.webm import WebmWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vquery_newsroom.detections import Detection
    from vquery_newsroom.film import Face


def render_video(folder: Path, index: int, seed: int, seconds: float) -> Reel:
    """Write video ``index`` with its captions and detections into ``folder``."""
    programme = plan(index, seed=seed, seconds=seconds)
    video = f"{programme.name}.webm"
    detector = Detector(np.random.default_rng([seed, index, 1]))
    faces: list[SeenFace] = []
    rows: list[tuple[object, ...]] = []
    with WebmWriter(folder / video) as writer:
        for shown in film(programme):
            writer.write(shown.picture)
            found = detector.detect(shown.faces) if shown.index % EVERY == 0 else []
            rows += [(_time(shown.index), *_box(d.box), f"{d.score:.3f}", "face") for d in found]
            faces += [
                SeenFace(
                    video, shown.index, shown.shot, face.character, face.box, face.frontal,
                    not shown.blended and _is_hit(face, found),
                )
                for face in shown.faces
            ]  # fmt: skip
    (folder / f"{programme.name}.srt").write_text(script.subrip(programme.cues), encoding="utf-8")
    write_csv(
        folder / f"{programme.name}.detections.csv",
        ("time", "x1", "y1", "x2", "y2", "score", "class"),
        rows,
    )
    return Reel(video, programme, tuple(faces), len(rows), detector.n_missed, detector.n_false)


def _is_hit(face: Face, found: Sequence[Detection]) -> bool:
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return any(d.box[0] < x < d.box[2] and d.box[1] < y < d.box[3] for d in found)


def _time(frame: int) -> str:
    """Seconds; a frame lasts 40 ms exactly, which WebM's millisecond clock can tell."""
    return f"{frame / FPS:.3f}"


def _box(box: tuple[float, float, float, float]) -> tuple[str, ...]:
    return tuple(f"{side:.5f}" for side in box)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a header; lines end alike on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_truth(draft: Path, reels: list[Reel], chosen: list[SeenFace]) -> None:
    """Write the tables of the truth, and the seed labels, into the collection at ``draft``."""
    folder = draft / "truth"
    write_csv(
        folder / "faces.csv",
        ("video", "time", "x1", "y1", "x2", "y2", "person", "character"),
        (
            (f.video, _time(f.frame), *_box(f.box), f.person, f.character)
            for reel in reels
            for f in reel.faces
        ),
    )
    write_csv(
        folder / "shots.csv",
        ("video", "start", "end", "kind", "opens_with"),
        (
            (r.video, _time(s.first), _time(s.end), s.kind, s.opens_with)
            for r in reels
            for s in r.programme.shots
        ),
    )
    write_csv(
        folder / "concepts.csv",
        ("concept", "video", "start", "end"),
        (
            (name, video, f"{start:.3f}", f"{end:.3f}")
            for name, video, start, end in sorted(
                (name, r.video, start, end) for r in reels for name, start, end in truth.concepts(r)
            )
        ),
    )
    write_csv(
        draft / "seeds.csv",
        ("video", "time", "x", "y", "label"),
        (
            (f.video, _time(f.frame), f"{f.middle[0]:.5f}", f"{f.middle[1]:.5f}", f.person)
            for f in chosen
        ),
    )
