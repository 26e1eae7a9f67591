"""Say what is to be done for each video: a look at its pictures, or only what came later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.index import ledger as units
from vquery.index.jobs import Job

if TYPE_CHECKING:
    from vquery.index.jobs import Settings
    from vquery.index.ledger import Ledger
    from vquery.index.report import IndexReport
    from vquery.index.survey import Entry, File
    from vquery.store.snapshot import Snapshot
    from vquery.store.writer import Writer

CHANGED = (
    "changed since it was indexed, and labels may refer to its detections. Put the old file back, "
    "give the new one another name, or make a new collection"
)
LOOKED_AT = ("frames", "shots", "transitions", "cues", "words")


@dataclass
class Task:
    """A job, and the video it is for.

    ``again`` says that the video is stored, but was not searched for faces because detections
    lay beside it, which are gone: then its rows are replaced.
    """

    entry: Entry
    job: Job
    again: bool = False


class Planner:
    """Makes the tasks of one run."""

    def __init__(
        self,
        writer: Writer,
        ledger: Ledger,
        snapshot: Snapshot,
        settings: Settings,
        report: IndexReport,
        rate: tuple[int, int] | None,
        size: tuple[int, int] | None,
    ) -> None:
        self._root = writer.root
        self._ledger = ledger
        self._snapshot = snapshot
        self._settings = settings
        self._report = report
        self._rate = rate
        self._size = size
        rows = snapshot.videos().select(["video", "width", "height"]).to_pylist()
        self._sizes = {row["video"]: (row["width"], row["height"]) for row in rows}

    def task(self, entry: Entry) -> Task | None:
        """Return what is to be done besides captions that came later; None if nothing is."""
        stored = self._ledger.is_done(units.media(entry.video_id, entry.sha256))
        again = stored and self._lacks_faces(entry)
        look = entry.has_media and (again or not stored)
        new = [file for file in entry.detections if self._is_new(entry, file)]
        if not look and not new:
            return None
        first, first_track = (1, 1) if look else self._next_numbers(entry.video)
        width, height = self._sizes.get(entry.video, (None, None))
        job = Job(
            root=str(self._root),
            video=entry.video,
            video_id=entry.video_id,
            path=str(entry.source.path),
            kind=entry.source.kind,
            settings=self._settings,
            captions=tuple(str(file.path) for file in entry.captions) if look else (),
            detections=tuple(str(file.path) for file in new),
            look=look,
            detect=self._settings.faces != "auto" or not entry.detections,
            first_detection=first,
            first_track=first_track,
            rate=self._rate,
            size=(width, height) if width and height else self._size,
        )
        return Task(entry, job, again)

    def _lacks_faces(self, entry: Entry) -> bool:
        """Whether faces were left to files of detections of which none was ever there to read."""
        return (
            self._settings.faces == "auto"
            and not entry.detections
            and bool(self._ledger.tails(f"plain/{entry.video_id}"))
            and not self._found(entry.video).num_rows
        )

    def _found(self, video: str) -> pa.Table:
        """Read the ids and tracks of the detections of a video that nobody drew."""
        rows = self._snapshot.read("detections", columns=["detection_id", "track"], videos=[video])
        numbers = rows["detection_id"].to_numpy() % schema.IDS_PER_VIDEO
        return rows.filter(pa.array(numbers < schema.DRAWN_FROM))

    def _is_new(self, entry: Entry, file: File) -> bool:
        head = f"detections/{entry.video_id}/{file.path.name}"
        before = self._ledger.tails(head)
        if before and file.sha256 not in before:
            self._report.failed[file.name] = f"{file.path}: {CHANGED}"
        return not before

    def _next_numbers(self, video: str) -> tuple[int, int]:
        """Find the first free numbers of detections and tracks in a video."""
        if video not in self._sizes:
            return 1, 1
        rows = self._found(video)
        last = [pc.max(rows[name]).as_py() or 0 for name in ("detection_id", "track")]
        return last[0] % schema.IDS_PER_VIDEO + 1, last[1] % schema.IDS_PER_VIDEO + 1
