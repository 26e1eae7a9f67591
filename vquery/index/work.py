"""Do one job: look at a video, add what the files beside it hold, hand back parts and counts."""

from __future__ import annotations

import base64
import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.errors import StoreError, VQueryError
from vquery.index.attach import attach_detections
from vquery.index.captions import read_all
from vquery.index.jobs import Outcome
from vquery.index.parts import Parts, aborting
from vquery.index.video import Look, open_describer, open_detector
from vquery.media.video import FrameReader
from vquery.store.parts import Part
from vquery.store.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.index.crops import Describer
    from vquery.index.jobs import Job, Settings
    from vquery.index.video import Report
    from vquery.media.faces import FaceDetector


@lru_cache(maxsize=1)
def open_models(settings: Settings) -> tuple[FaceDetector | None, Describer]:
    """Open the detector and the descriptor of some settings, and keep them from video to video.

    Raises
    ------
    MediaError
        If one of them cannot be opened.
    """
    return open_detector(settings), open_describer(settings)


def do(job: Job, report: Report | None = None) -> Outcome:
    """Do a job; what cannot be read becomes ``error``, and nothing of it stays on disk.

    ``report`` is called with the frames done and the frames announced.
    """
    outcome = Outcome(job.video)
    parts: list[Part] = []
    try:
        _do(job, outcome, parts, report)
    except VQueryError as error:
        outcome.error = str(error)
        outcome.fatal = isinstance(error, StoreError)
    except Exception as error:  # noqa: BLE001 - one broken video must not stop the others
        outcome.error = f"{type(error).__name__}: {error}"
    if outcome.error is not None:
        for part in parts:
            (Path(job.root) / part.path).unlink(missing_ok=True)
        return outcome
    outcome.parts = [part_to_json(part) for part in parts]
    return outcome


def _do(job: Job, outcome: Outcome, parts: list[Part], report: Report | None) -> None:
    detector, describer = open_models(job.settings)
    frames = shots = None
    if job.look:
        look, frames, shots = _look(
            job, detector if job.detect else None, describer, outcome, parts, report
        )
        job = dataclasses.replace(
            job,
            first_detection=job.first_detection + look.rows.count,
            first_track=look.rows.next_track,
            size=(outcome.facts["width"], outcome.facts["height"]),
        )
    elif job.kind != "none":
        frames, shots = _known(job)
    if job.captions:
        parts += _captions(job, outcome)
    if job.detections:
        parts += attach_detections(job, frames, shots, describer, outcome, report)


def _look(
    job: Job,
    detector: FaceDetector | None,
    describer: Describer,
    outcome: Outcome,
    parts: list[Part],
    report: Report | None,
) -> tuple[Look, pa.Table, pa.Table]:
    with FrameReader(Path(job.path), images_fps=job.settings.images_fps) as reader:
        look = Look(job, detector, describer)
        with aborting(look.parts):
            look.run(reader, report)
            made, frames, shots = look.close(reader)
    parts += made
    info = reader.info
    outcome.facts = {
        "video": job.video,
        "fps_num": info.fps_num,
        "fps_den": info.fps_den,
        "n_frames": reader.n_frames,
        "width": info.width,
        "height": info.height,
        "duration_us": reader.end_us,
    }
    outcome.count("frames", reader.n_frames)
    outcome.count("shots", shots.num_rows)
    outcome.count("detections", look.rows.count)
    outcome.notes += reader.warnings
    outcome.detector = detector.name if detector else None
    return look, frames, shots


def _captions(job: Job, outcome: Outcome) -> list[Part]:
    parts = Parts(Path(job.root))
    with aborting(parts):
        tables = read_all(map(Path, job.captions), job.video, job.video_id, outcome)
        for name, rows in tables.items():
            parts.write(name, rows)
        return parts.close()


def _known(job: Job) -> tuple[pa.Table, pa.Table]:
    with Store.open(Path(job.root)).snapshot() as snapshot:
        return (
            snapshot.read("frames", videos=[job.video]),
            snapshot.read("shots", videos=[job.video]),
        )


def part_to_json(part: Part) -> dict[str, Any]:
    """Write a part as JSON values."""
    facts = dataclasses.asdict(part)
    facts["schema"] = base64.b64encode(part.schema).decode()
    return facts


def part_from_json(facts: dict[str, Any]) -> Part:
    """Read what `part_to_json` wrote."""
    return Part(
        **facts | {"schema": base64.b64decode(facts["schema"]), "videos": tuple(facts["videos"])}
    )
