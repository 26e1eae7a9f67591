"""Open and hash what a folder holds, before anything is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from vquery.errors import VQueryError
from vquery.media.video import probe
from vquery.store.register import NewVideo, input_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vquery.index.discover import Found, Source
    from vquery.index.ledger import Ledger


@dataclass(frozen=True)
class File:
    """A caption or detection file."""

    path: Path
    name: str
    """Relative to the folder."""
    sha256: str


@dataclass
class Entry:
    """A video that is in the collection or may come in.

    Attributes
    ----------
    source
        Where it is.
    sha256
        Of its media; "" without media.
    captions, detections
        Files beside it that can be read.
    frames
        How many frames its container announces; None if it does not say.
    video_id
        Given by the store; 0 until then.
    copies
        Second paths of the same content, which become aliases once this one is stored.
    """

    source: Source
    sha256: str = ""
    captions: list[File] = field(default_factory=list)
    detections: list[File] = field(default_factory=list)
    frames: int | None = None
    video_id: int = 0
    copies: list[Source] = field(default_factory=list)

    @property
    def video(self) -> str:
        """Its name."""
        return self.source.video

    @property
    def has_media(self) -> bool:
        """Whether there are pictures to look at."""
        return self.source.kind != "none"

    def contents(self) -> list[NewVideo]:
        """Say what the store is to keep as content of the video and its copies."""
        if not self.has_media:
            return []
        return [_content(one, self.sha256) for one in (self.source, *self.copies)]


@dataclass
class Survey:
    """What a folder holds that can be opened, in order of the names, and why the rest cannot."""

    entries: list[Entry] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def input_sha256(self) -> str:
        """Hash everything that goes into a run."""
        files = [file for one in self.entries for file in (*one.captions, *one.detections)]
        return input_sha256(
            [NewVideo(one.video, one.sha256 or None) for one in self.entries]
            + [NewVideo(file.name, file.sha256) for file in files]
        )


def survey(found: Found, ledger: Ledger, *, images_fps: str | None, threads: int) -> Survey:
    """Hash every file, and open the media that was not hashed before.

    Reads each file once, unless the ledger knows its hash; ``threads`` at a time.
    """
    done = Survey()
    hashing = partial(_hashed, found, ledger)
    opening = partial(_opened, ledger, images_fps)
    with ThreadPoolExecutor(threads) as pool:
        media = pool.map(opening, found.sources)
        sides = {path for one in found.sources for path in (*one.captions, *one.detections)}
        files = dict(zip(sides, pool.map(hashing, sides), strict=True))
        for source, entry in zip(found.sources, media, strict=True):
            if isinstance(entry, VQueryError):
                done.failed[source.video] = str(entry)
                continue
            entry.captions = _readable(source.captions, files, found, done)
            entry.detections = _readable(source.detections, files, found, done)
            if entry.has_media or entry.captions or entry.detections:
                done.entries.append(entry)
    return done


def _opened(ledger: Ledger, images_fps: str | None, source: Source) -> Entry | VQueryError:
    if source.kind == "none":
        return Entry(source)
    fps = images_fps if source.kind == "images" else None
    try:
        known = ledger.known_sha256(source.path, fps=fps)
        if known in ledger.stored:
            return Entry(source, known)
        frames = probe(source.path, images_fps=images_fps).frames_hint
        return Entry(source, ledger.sha256(source.path, fps=fps), frames=frames)
    except VQueryError as error:
        return error


def _hashed(found: Found, ledger: Ledger, path: Path) -> File | VQueryError:
    try:
        return File(path, found.name(path), ledger.sha256(path))
    except VQueryError as error:
        return error


def _readable(
    paths: Iterable[Path], files: dict[Path, File | VQueryError], found: Found, done: Survey
) -> list[File]:
    there = []
    for path in paths:
        file = files[path]
        if isinstance(file, File):
            there.append(file)
        else:
            done.failed[found.name(path)] = str(file)
    return there


def _content(source: Source, sha256: str) -> NewVideo:
    return NewVideo(source.video, sha256, source.kind, str(source.path.resolve()))


def largest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Order by size on disk, so that no worker is left with the longest video at the end."""

    def size(entry: Entry) -> int:
        try:
            return -entry.source.path.stat().st_size
        except OSError:
            return 0  # it is gone: the job will say so

    return sorted(entries, key=size)
