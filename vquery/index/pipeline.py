"""Bring a collection up to date with a folder: only what is new is done, and what is done stays.

A unit of work is one video with everything beside it, or the captions or one file of detections
that came later. Each is committed as a whole, so an interrupted run loses at most the units in
work, and the same command completes the rest.
"""

from __future__ import annotations

import dataclasses
import json
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.errors import IngestError, StoreError
from vquery.index import ledger as units
from vquery.index.captions import LateCaptions
from vquery.index.discover import discover
from vquery.index.hashing import content_sha256
from vquery.index.intake import Intake
from vquery.index.ledger import Ledger
from vquery.index.planning import LOOKED_AT, Planner, Task
from vquery.index.pool import cores, run_jobs
from vquery.index.report import IndexReport, Progress
from vquery.index.survey import Survey, largest_first, survey
from vquery.index.work import open_models, part_from_json
from vquery.media.frames import frame_rate

if TYPE_CHECKING:
    from vquery.index.jobs import Outcome, Settings
    from vquery.store.store import Store
    from vquery.store.writer import Writer

__all__ = ["IndexReport", "Progress", "index_folder"]


def index_folder(
    store: Store,
    root: Path,
    settings: Settings,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    rate: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    wait_s: float = 10.0,
) -> IndexReport:
    """Index what is new under ``root``; see the module.

    Parameters
    ----------
    workers
        Processes; by default one a core.
    rate, size
        Frame rate and picture size of detection files that have no video.
    wait_s
        Seconds to wait for another process that writes.

    Raises
    ------
    IngestError
        If ``root`` does not exist or holds nothing to index.
    MediaError
        If the face detector or the user's network cannot be opened, or the frame rate of pictures
        is none.
    StoreError
        If another process is writing, the disk is full, or the collection was indexed with other
        settings. What was finished before is kept.
    """
    began = time.monotonic()
    if settings.images_fps is not None:  # "1.0" is "1"
        fps = str(frame_rate(settings.images_fps, what="the frame rate of pictures"))
        settings = dataclasses.replace(settings, images_fps=fps)
    found = discover(root, images=settings.images_fps is not None)
    if not found.sources:
        raise IngestError.at(root, "holds no video, caption or detection file")
    workers = workers or cores()
    ledger = Ledger(store)
    seen = survey(found, ledger, images_fps=settings.images_fps, threads=workers)
    arguments = {"folder": str(root), "settings": dataclasses.asdict(settings)}
    with store.writer(
        "index", arguments, wait_s=wait_s, input_sha256=seen.input_sha256()
    ) as writer:
        ledger.reload()
        report = IndexReport(
            videos=len(found.sources), failed=dict(seen.failed), skipped=dict(found.skipped)
        )
        run = _Run(store, writer, ledger, settings, report)
        run.run(seen, workers, progress, rate, size)
        report.seconds = time.monotonic() - began
        writer.finish(report.to_dict())
    return report


class _Run:
    """One run of `index_folder`."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        ledger: Ledger,
        settings: Settings,
        report: IndexReport,
    ) -> None:
        self.store = store
        self.writer = writer
        self.ledger = ledger
        self.settings = settings
        self.report = report

    def run(
        self,
        seen: Survey,
        workers: int,
        progress: Progress | None,
        rate: tuple[int, int] | None,
        size: tuple[int, int] | None,
    ) -> None:
        """Do what is not done."""
        fresh = list(self.ledger.fresh)
        if any(entry.has_media for entry in seen.entries):
            fresh += self._settings_unit()
        if fresh:
            self._commit([], fresh)
        with self.store.snapshot() as snapshot:
            intake = Intake(self.writer, snapshot, self.report)
            entries = intake.take(seen.entries)
            planner = Planner(
                self.writer, self.ledger, snapshot, self.settings, self.report, rate, size
            )
            planned = [planner.task(entry) for entry in largest_first(entries)]
        tasks = {task.entry.video: task for task in planned if task is not None}
        looking = {video for video, task in tasks.items() if task.job.look}
        late = LateCaptions(self.writer, self.ledger, self.report)
        touched = late.read(entry for entry in entries if entry.video not in looking)
        touched |= self._work(tasks, intake, workers, progress)
        mine = {entry.video for entry in entries}
        self.report.indexed = len(touched)
        self.report.unchanged = len(mine - touched - set(self.report.failed))

    def _settings_unit(self) -> list[str]:
        """Refuse to mix settings: detections of one collection must be comparable.

        The place of weights and the rate of picture folders may differ; of the user's network
        only the content counts.
        """
        facts: dict[str, Any] = dataclasses.asdict(self.settings)
        del facts["models"], facts["images_fps"]
        if not facts["ensemble"]:
            del facts["ensemble"]  # as in collections that knew of none
        if self.settings.embedding is not None:
            facts["embedding"] = content_sha256(Path(self.settings.embedding))
        now = json.dumps(facts, sort_keys=True)
        others = self.ledger.tails("settings") - {now}
        if others:
            before = json.loads(min(others))
            differs = ", ".join(
                f"{name} was {before.get(name, False)!r} and is {facts.get(name, False)!r}"
                for name in {**facts, **before}
                if before.get(name, False) != facts.get(name, False)
            )
            raise StoreError(
                f"{self.writer.root}: indexed with other settings ({differs}). "
                "Give the same ones, or make another collection"
            )
        return [] if self.ledger.is_done(f"settings/{now}") else [f"settings/{now}"]

    def _work(
        self, tasks: dict[str, Task], intake: Intake, workers: int, progress: Progress | None
    ) -> set[str]:
        """Do all tasks; return the videos of which something was stored."""
        looks = [task for task in tasks.values() if task.job.look]
        if looks:
            open_models(self.settings)  # what is wrong with them is wrong for every video
        if progress is not None:
            hints = [task.entry.frames for task in looks]
            known = [hint for hint in hints if hint is not None]
            progress.planned(len(tasks), sum(known) if len(known) == len(hints) else None)
        told = progress.advanced if progress is not None else None
        jobs = [task.job for task in tasks.values()]
        touched = set()
        with closing(run_jobs(jobs, workers=workers, progress=told)) as outcomes:
            for outcome in outcomes:
                if self._store(tasks[outcome.video], outcome, intake):
                    touched.add(outcome.video)
                if progress is not None:
                    progress.finished(outcome)
        self._note_detectors()
        self._note_given(looks)
        return touched

    def _store(self, task: Task, outcome: Outcome, intake: Intake) -> bool:
        """Commit what a job gave; tell what it could not read."""
        entry, failed = task.entry, self.report.failed
        if outcome.fatal:
            raise StoreError(outcome.error)
        if outcome.error is not None:
            failed[entry.video] = outcome.error
            failed |= {copy.video: f"same content as {entry.video}" for copy in entry.copies}
            return False
        names = {str(file.path): file.name for file in (*entry.captions, *entry.detections)}
        failed |= {names[path]: reason for path, reason in outcome.unread.items()}
        if task.job.look and not intake.store(entry):
            return False
        done = self._units(task, outcome)
        if not done:
            return False
        parts = [part_from_json(part) for part in outcome.parts]
        video = entry.video
        again = {table: [video] for table in (*LOOKED_AT, *(part.table for part in parts))}
        forget = [f"{head}/{entry.video_id}/" for head in ("media", "plain", "captions")]
        self.writer.commit(
            parts,
            units=done,
            videos=[outcome.facts] if outcome.facts else [],
            replace=again if task.again else {},
            forget=forget if task.again else (),
        )
        self.ledger.add(done)
        self.report.add(outcome)
        if outcome.detector is not None:
            self.report.detectors[outcome.detector] += 1
        return True

    def _units(self, task: Task, outcome: Outcome) -> list[str]:
        """Name what is done with an outcome."""
        entry, job = task.entry, task.job
        done = []
        if job.look:
            done.append(units.media(entry.video_id, entry.sha256))
            if not job.detect:
                done.append(f"plain/{entry.video_id}/{entry.sha256}")
            captions = [file for file in entry.captions if str(file.path) in outcome.read]
            if captions:
                files = [(file.path.name, file.sha256) for file in captions]
                done.append(units.captions(entry.video_id, files))
        done += [
            units.detections(entry.video_id, file.path.name, file.sha256)
            for file in entry.detections
            if str(file.path) in outcome.read
        ]
        detector = f"detector/{outcome.detector}"
        if outcome.detector is not None and not self.ledger.is_done(detector):
            done.append(detector)
        return done

    def _commit(self, parts: list[Any], done: list[str]) -> None:
        self.writer.commit(parts, units=done)
        self.ledger.add(done)

    def _note_given(self, looks: list[Task]) -> None:
        """Say in how many videos no faces were looked for because detections came with them."""
        given = sum(not task.job.detect for task in looks)
        if given and self.settings.faces == "auto":
            videos = "1 video" if given == 1 else f"{given:,} videos"
            self.report.note(f"{videos} came with detections: no faces were looked for in them")

    def _note_detectors(self) -> None:
        """Say which detector was used and what it misses, and whether others were used before."""
        used = self.report.detectors
        if not used:
            return
        detector, _ = open_models(self.settings)
        if detector is not None:
            self.report.note(detector.note)
        before = sorted(self.ledger.tails("detector") - set(used))
        if before:
            self.report.note(f"faces of videos indexed before were found by {', '.join(before)}")
