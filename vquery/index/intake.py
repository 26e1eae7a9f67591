"""Decide which videos of a folder are new, known, copies of others, or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import StoreError
from vquery.store.register import NewVideo

if TYPE_CHECKING:
    from vquery.index.report import IndexReport
    from vquery.index.survey import Entry
    from vquery.store.snapshot import Snapshot
    from vquery.store.writer import Writer

CHANGED = (
    "the content (or the frame rate of a folder of pictures) has changed since it was indexed, "
    "and labels belong to the old content. Put the old file back, give the new one another name, "
    "or index into a new collection"
)
COPY_SIDES = "beside a copy of another video"
TWICE = "{} now belongs to {}, but was a video of its own before and stays so too"


class Intake:
    """Sorts out videos against what the collection has; the report tells of those left aside.

    A new video gets its id at once, in sorted order of the names, but its content only when it is
    stored (`store`): until then the file may be replaced by another.
    """

    def __init__(self, writer: Writer, snapshot: Snapshot, report: IndexReport) -> None:
        self._writer = writer
        self._report = report
        rows = snapshot.videos().select(["video", "sha256"]).to_pylist()
        self._known: dict[str, str | None] = {row["video"]: row["sha256"] for row in rows}
        self._owners = {sha: video for video, sha in self._known.items() if sha}
        self._aliases = snapshot.aliases()
        self._new: dict[str, Entry] = {}

    def take(self, entries: list[Entry]) -> list[Entry]:
        """Return the videos that have or may get rows, with their ids.

        Of new videos with the same content, the one with the most files beside it is taken.
        """
        by_sides = sorted(entries, key=lambda one: -len(one.captions) - len(one.detections))
        taken = [entry for entry in by_sides if self._take(entry)]
        ids = self._writer.register(self._content(entry) for entry in taken)
        for entry in taken:
            entry.video_id = ids[entry.video]
            for file in (*entry.captions, *entry.detections):
                if entry.has_media and file.name in self._known:
                    self._report.note(TWICE.format(file.name, entry.video))
        return taken

    def _content(self, entry: Entry) -> NewVideo:
        """Tell the content of a video that is stored already, which may have been moved."""
        if entry.has_media and self._known.get(entry.video) == entry.sha256:
            return entry.contents()[0]
        return NewVideo(entry.video, None, "none", str(entry.source.path.resolve()))

    def _take(self, entry: Entry) -> bool:
        video, sha = entry.video, entry.sha256
        if not entry.has_media:
            return True
        before = self._known.get(self._aliases.get(video, video))
        owner = self._owners.get(sha)
        if before not in (None, sha):
            self._report.failed[video] = f"{entry.source.path}: {CHANGED}"
        elif owner not in (None, video):
            self._alias(entry, owner)
        elif sha in self._new:
            self._new[sha].copies.append(entry.source)
            self._leave_sides(entry)
        else:
            self._new[sha] = entry
            return True
        return False

    def _alias(self, entry: Entry, owner: str) -> None:
        if entry.video in self._aliases or self._keep(entry.contents()[0]):
            self._report.aliases[entry.video] = owner
            self._leave_sides(entry)

    def _leave_sides(self, entry: Entry) -> None:
        for file in (*entry.captions, *entry.detections):
            self._report.skipped.setdefault(COPY_SIDES, []).append(file.name)

    def store(self, entry: Entry) -> bool:
        """Give a video that is about to be stored its content; False if that cannot be."""
        mine, *copies = entry.contents()
        if not self._keep(mine):
            return False
        self._report.aliases |= {copy.video: entry.video for copy in copies if self._keep(copy)}
        return True

    def _keep(self, content: NewVideo) -> bool:
        try:
            self._writer.register([content])
        except StoreError as error:
            self._report.failed[content.video] = str(error)
            return False
        return True
