"""Bring a collection up to date with a folder: only what is new is done, and what is done stays.

A unit of work is one video's pictures, its captions, or one file of detections. Each is committed
as a whole, so an interrupted run loses at most the units in work, and the same command completes
the rest.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import IngestError, StoreError, VQueryError
from vquery.index import captions
from vquery.index.discover import Found, Source, discover
from vquery.index.hashing import content_sha256, stamp
from vquery.index.jobs import Job, Outcome, Settings
from vquery.index.pool import run_jobs
from vquery.index.work import part_from_json
from vquery.media.video import probe
from vquery.store.register import NewVideo

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

CAPTION_BATCH_ROWS = 200_000


class Progress(Protocol):
    """What a run tells while it works."""

    def planned(self, videos: int, frames: int | None) -> None:
        """Say how much there is to do; frames are None where the containers do not tell."""

    def advanced(self, video: str, done: int, announced: int | None) -> None:
        """Say how many frames of a video are done."""

    def finished(self, outcome: Outcome) -> None:
        """Say that one video is done, or why it is not."""


@dataclass
class IndexReport:
    """What a run found and did; every file that was left aside is in ``skipped`` or ``failed``."""

    videos: int = 0
    indexed: int = 0
    unchanged: int = 0
    aliases: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    rows_skipped: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    detectors: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        facts = dict(vars(self))
        return {k: dict(v) if isinstance(v, Counter) else v for k, v in facts.items()}


def index_folder(
    store: Store,
    root: Path,
    settings: Settings,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    rate: tuple[int, int] | None = None,
    size: tuple[int, int] = (1, 1),
    wait_s: float = 10.0,
) -> IndexReport:
    """Index what is new under ``root``; see the module.

    Parameters
    ----------
    workers
        Processes; by default one a core.
    rate, size
        Frame rate and picture size of detection files that have no video.

    Raises
    ------
    IngestError
        If ``root`` does not exist or holds nothing to index.
    StoreError
        If another process is writing, a video's content has changed, or the collection was
        indexed with other settings.
    """
    began = time.monotonic()
    found = discover(root, images=settings.images_fps is not None)
    if not found.sources:
        raise IngestError.at(root, "holds no video, caption or detection file")
    arguments = {"folder": str(root), "settings": dataclasses.asdict(settings)}
    with store.writer("index", arguments, wait_s=wait_s) as writer:
        run = _Run(store, writer, settings, found, rate, size)
        run.check_settings()
        run.register()
        run.captions()
        run.media(workers or os.cpu_count() or 1, progress)
        run.report.seconds = time.monotonic() - began
        writer.finish(run.report.to_dict())
    return run.report


class _Run:
    """One run of `index_folder`."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        settings: Settings,
        found: Found,
        rate: tuple[int, int] | None,
        size: tuple[int, int],
    ) -> None:
        self.store = store
        self.writer = writer
        self.settings = settings
        self.found = found
        self.rate = rate
        self.size = size
        self.report = IndexReport(videos=len(found.sources), skipped=dict(found.skipped))
        self.sources: dict[str, Source] = {}
        self.hashes: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        self.frames: dict[str, int | None] = {}

    def check_settings(self) -> None:
        """Refuse to mix settings: detections of one collection must be comparable."""
        facts = json.dumps(dataclasses.asdict(self.settings) | {"models": None}, sort_keys=True)
        unit = f"settings/{facts}"
        others = [one for one in self.store.units("settings/") if one != unit]
        if others and any(source.kind != "none" for source in self.found.sources):
            before = json.loads(others[0].removeprefix("settings/"))
            now = json.loads(facts)
            differs = ", ".join(
                f"{name} was {before.get(name)!r} and is {value!r}"
                for name, value in now.items()
                if before.get(name) != value
            )
            raise StoreError(
                f"{self.writer.root}: indexed with other settings ({differs}). "
                "Give the same ones, or make another collection"
            )
        if not self.writer.is_done(unit) and any(s.kind != "none" for s in self.found.sources):
            self.writer.commit([], units=[unit])

    def register(self) -> None:
        """Probe and hash what is there and give it ids; what cannot be opened gets none."""
        known = dict(
            unit.removeprefix("hash/").rsplit("/", 1) for unit in self.store.units("hash/")
        )
        fresh: list[str] = []
        for source in self.found.sources:
            try:
                sha = self._hash(source, known, fresh)
            except VQueryError as error:
                self.report.failed[source.video] = str(error)
                continue
            self.sources[source.video] = source
            self.hashes[source.video] = sha
        registered = self.writer.register(
            NewVideo(
                video,
                sha256=None if source.kind == "none" else self.hashes[video],
                kind=source.kind,
                uri=str(source.path.resolve()),
            )
            for video, source in self.sources.items()
        )
        self.ids = dict(registered)
        self.report.aliases = dict(registered.aliases)
        if fresh:
            self.writer.commit([], units=fresh)

    def _hash(self, source: Source, known: dict[str, str], fresh: list[str]) -> str:
        """Take the hash from an earlier run where size and time of the file are as they were."""
        mark = f"{source.video}/{stamp(source.path)}"
        if mark in known:
            return known[mark]
        if source.kind != "none":
            info = probe(source.path, images_fps=self.settings.images_fps)
            self.frames[source.video] = info.frames_hint
        sha = content_sha256(source.path)
        fresh.append(f"hash/{mark}/{sha}")
        return sha

    def captions(self) -> None:
        """Read the captions that are new or have changed, many files to a commit."""
        tables: dict[str, list[pa.Table]] = {"cues": [], "words": []}
        units: list[str] = []
        replaced: list[str] = []
        for video, source in self.sources.items():
            if not source.captions or video not in self.ids:
                continue
            hashes = [content_sha256(path) for path in source.captions]
            unit = f"captions/{video}/{'-'.join(hashes)}"
            if self.writer.is_done(unit):
                self.report.unchanged += source.kind == "none"
                continue
            if not self._read_captions(video, source, tables):
                continue
            units.append(unit)
            if self.store.units(f"captions/{video}/"):
                replaced.append(video)
            if sum(table.num_rows for table in tables["words"]) >= CAPTION_BATCH_ROWS:
                self._commit_captions(tables, units, replaced)
        self._commit_captions(tables, units, replaced)

    def _read_captions(self, video: str, source: Source, tables: dict[str, list[pa.Table]]) -> bool:
        outcome = Outcome(video)
        try:
            read = captions.read_all(source.captions, video, self.ids[video], outcome)
        except VQueryError as error:
            self.report.failed[", ".join(path.name for path in source.captions)] = str(error)
            return False
        for name, table in read.items():
            tables[name].append(table)
        self.report.indexed += source.kind == "none" and not source.detections
        self._count(outcome)
        return True

    def _commit_captions(
        self, tables: dict[str, list[pa.Table]], units: list[str], replaced: list[str]
    ) -> None:
        if not units:
            return
        parts = []
        for name, waiting in tables.items():
            rows = pa.concat_tables(waiting)
            if rows.num_rows:
                parts.append(self.writer.write(name, rows))
            waiting.clear()
        forget = [f"captions/{video}/" for video in replaced]
        replace = {name: list(replaced) for name in tables} if replaced else {}
        self.writer.commit(parts, units=units, replace=replace, forget=forget)
        units.clear()
        replaced.clear()

    def media(self, workers: int, progress: Progress | None) -> None:
        """Look at the videos that are new, and add detections that are new."""
        units: dict[str, list[str]] = {}
        with self.store.snapshot() as snapshot:
            jobs = [
                job
                for video in self.sources
                if video in self.ids and (job := self._job(video, units, snapshot)) is not None
            ]
        if progress is not None:
            hints = [self.frames.get(job.video) for job in jobs]
            known = [hint for hint in hints if hint is not None]
            progress.planned(len(jobs), sum(known) if len(known) == len(hints) else None)
        told = progress.advanced if progress is not None else None
        for outcome in run_jobs(jobs, workers=workers, progress=told):
            self._commit(outcome, units[outcome.video])
            if progress is not None:
                progress.finished(outcome)

    def _job(self, video: str, units: dict[str, list[str]], snapshot: Snapshot) -> Job | None:
        source = self.sources[video]
        look = source.kind != "none" and not self.writer.is_done(f"media/{video}")
        files = [path for path in source.detections if self._is_new(video, path, units)]
        if look:
            units.setdefault(video, []).append(f"media/{video}")
        if not look and not files:
            self.report.unchanged += source.kind != "none" or bool(source.detections)
            return None
        first, first_track = (1, 1) if look else _next_numbers(snapshot, video)
        size = self.size if look else _size(snapshot, video, self.size)
        return Job(
            root=str(self.writer.root),
            video=video,
            video_id=self.ids[video],
            path=str(source.path),
            kind=source.kind,
            sha256=self.hashes[video],
            settings=self.settings,
            detections=tuple(str(path) for path in files),
            look=look,
            first_detection=first,
            first_track=first_track,
            rate=self.rate,
            size=size,
        )

    def _is_new(self, video: str, path: Path, units: dict[str, list[str]]) -> bool:
        unit = f"detections/{video}/{path.name}/{content_sha256(path)}"
        if self.writer.is_done(unit):
            return False
        if self.store.units(f"detections/{video}/{path.name}/"):
            self.report.failed[path.name] = (
                f"{path}: changed since it was indexed, and labels may refer to its detections. "
                "Put the old file back, give the new one another name, or make a new collection"
            )
            return False
        units.setdefault(video, []).append(unit)
        return True

    def _commit(self, outcome: Outcome, units: list[str]) -> None:
        if outcome.error is not None:
            self.report.failed[outcome.video] = outcome.error
            return
        parts = [part_from_json(part) for part in outcome.parts]
        videos = [outcome.facts] if outcome.facts else []
        self.writer.commit(parts, units=units, videos=videos)
        self.report.indexed += 1
        if outcome.detector:
            self.report.detectors[outcome.detector] += 1
        if outcome.detector_note and outcome.detector_note not in self.report.notes:
            self.report.notes.append(outcome.detector_note)
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        self.report.counts.update(outcome.counts)
        self.report.rows_skipped.update(outcome.skipped)
        self.report.notes += [f"{outcome.video}: {note}" for note in outcome.notes]


def _next_numbers(snapshot: Snapshot, video: str) -> tuple[int, int]:
    """Find the first free numbers of detections and tracks in a video."""
    rows = snapshot.read("detections", columns=["detection_id", "track"], videos=[video])
    last = [pc.max(rows[name]).as_py() or 0 for name in ("detection_id", "track")]
    return last[0] % schema.IDS_PER_VIDEO + 1, last[1] % schema.IDS_PER_VIDEO + 1


def _size(snapshot: Snapshot, video: str, given: tuple[int, int]) -> tuple[int, int]:
    rows = snapshot.videos()
    one = rows.filter(pc.equal(rows["video"], video)).to_pylist()
    if one and one[0]["width"]:
        return one[0]["width"], one[0]["height"]
    return given
