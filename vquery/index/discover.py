"""Find what a folder holds: videos, and the captions and detections that belong to them.

A file belongs to the video of the same folder whose stem its name starts with (``talk.mp4``:
``talk.srt``, ``talk.en.vtt``, ``talk.detections.csv``, ``talk.json``); the longest stem wins.
A caption or detection file without a video becomes a video without pictures under its own path.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .m2ts .mts .wmv .flv .3gp .ogv .gif".split()
)
PICTURE_SUFFIXES = frozenset(".jpg .jpeg .png .bmp .webp .tif .tiff".split())
CAPTION_SUFFIXES = frozenset(".srt .vtt".split())
TABLE_SUFFIXES = frozenset(".csv .tsv .parquet .arrow .feather .ipc .jsonl .ndjson".split())
JSON_SNIFF_BYTES = 1 << 16
TRANSCRIPT_KEYS = frozenset("words results segments commaSegments".split())
COCO_KEYS = frozenset("bbox images annotations categories".split())

HIDDEN = "hidden"
COLLECTION = "a collection"
EXPORT = "an export"
AGAIN = "folder reached a second time through a link"
NO_FILE = "not a regular file"
CLOSED = "folder that cannot be read"
NOT_UNICODE = "name is not proper Unicode; rename it"
UNKNOWN = "not a video, caption or detection file"
NO_OWNER = "belongs to no video of its folder"


@dataclass(frozen=True)
class Source:
    """One video to index, with the files that belong to it.

    ``path`` is the media file, or for ``kind == "none"`` the first of the side files.
    """

    video: str
    path: Path
    kind: str
    captions: tuple[Path, ...] = ()
    detections: tuple[Path, ...] = ()


@dataclass
class Found:
    """What a folder holds; ``skipped`` names the files left aside, by reason."""

    base: Path
    sources: list[Source] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: Path) -> None:
        """Count a file that is not used."""
        self.skipped.setdefault(reason, []).append(self.name(path))

    def name(self, path: Path) -> str:
        """Return the path relative to the folder, with ``/``; of the folder itself its name."""
        relative = path.relative_to(self.base).as_posix()
        if relative == ".":
            relative = path.resolve().name
        return relative.encode("utf-8", "backslashreplace").decode()


def discover(root: Path, *, images: bool = False) -> Found:
    """List the videos under ``root`` (or the one file ``root``) in sorted order of their names.

    With ``images`` a folder that holds pictures is one video; without, each picture is a video
    of one instant. Hidden files, collections (``*.vq``) and exports are not entered. O(files).

    Raises
    ------
    IngestError
        If ``root`` does not exist.
    """
    if not root.exists():
        raise IngestError.at(root, "no such file or folder; give the folder that holds the videos")
    if root.is_dir():
        found = Found(root)
        files = sorted(_walk(found))
    else:
        found = Found(root.parent)
        files = [root, *_beside(root)]
        images = False
    return _pair(files, found, images=images)


def _pair(files: list[Path], found: Found, *, images: bool) -> Found:
    media = {path: _media_kind(path, images=images) for path in files}
    sources = {path: kind for path, kind in media.items() if kind in {"video", "image"}} | {
        path.parent: "images" for path, kind in media.items() if kind == "images"
    }
    stems = _Stems(sources)
    sides: dict[Path, dict[str, list[Path]]] = {}
    for path in (path for path, kind in media.items() if kind is None):
        role = side_role(path)
        if role is None:
            found.skip(UNKNOWN, path)
            continue
        owners = stems.owners(path) or ([path] if stands_alone(path) else [])
        if not owners:
            found.skip(NO_OWNER, path)
        for owner in owners:
            sides.setdefault(owner, {}).setdefault(role, []).append(path)
    for path in {*sources, *sides}:
        mine = sides.get(path, {})
        captions, detections = (tuple(mine.get(role, ())) for role in ("captions", "detections"))
        kind = sources.get(path, "none")
        found.sources.append(Source(found.name(path), path, kind, captions, detections))
    found.sources.sort(key=lambda source: source.video)
    return found


def _walk(found: Found) -> Iterator[Path]:
    def closed(error: OSError) -> None:
        found.skip(CLOSED, Path(str(error.filename)))

    seen: set[tuple[int, int]] = set()
    for folder, names, leaves in os.walk(found.base, followlinks=True, onerror=closed):
        here = Path(folder)
        names[:] = [name for name in sorted(names) if _enters(here / name, found, seen)]
        for path in (here / leaf for leaf in leaves):
            reason = _why_not(path)
            if reason is None:
                yield path
            else:
                found.skip(reason, path)


def _enters(folder: Path, found: Found, seen: set[tuple[int, int]]) -> bool:
    about = folder.stat()
    here = (about.st_dev, about.st_ino)
    if folder.name.startswith("."):
        found.skip(HIDDEN, folder)
    elif folder.suffix == ".vq":
        found.skip(COLLECTION, folder)
    elif _is_export(folder / "manifest.json"):
        found.skip(EXPORT, folder)
    elif here in seen or folder.resolve() == found.base.resolve():
        found.skip(AGAIN, folder)
    else:
        seen.add(here)
        return True
    return False


def _is_export(manifest: Path) -> bool:
    """Whether a manifest begins as those of exports do."""
    try:
        with manifest.open("rb") as file:
            begin = file.read(200)
    except OSError:
        return False
    return b'"format": ' in begin and b'"concept": ' in begin


def _why_not(path: Path) -> str | None:
    if path.name.startswith("."):
        return HIDDEN
    if not path.is_file():
        return NO_FILE
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return NOT_UNICODE
    return None


def _beside(root: Path) -> list[Path]:
    """Return the captions and detections that lie beside one media file and belong to it."""
    if _media_kind(root, images=False) is None:
        return []
    return sorted(
        path
        for path in root.parent.iterdir()
        if path.name.startswith(root.stem + ".") and path.is_file() and side_role(path) is not None
    )


def _media_kind(path: Path, *, images: bool) -> str | None:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in PICTURE_SUFFIXES:
        return "images" if images else "image"
    return None


class _Stems:
    """Finds the video that a file's name starts with."""

    def __init__(self, sources: dict[Path, str]) -> None:
        self._kinds = sources
        self._by_stem: dict[tuple[Path, str], list[Path]] = {}
        for path, kind in sources.items():
            stem = path.name if kind == "images" else path.stem
            self._by_stem.setdefault((path.parent, stem), []).append(path)
            if kind == "images":  # a file in the folder itself may bear the folder's name
                self._by_stem.setdefault((path, stem), []).append(path)

    def owners(self, path: Path) -> list[Path]:
        """Return the videos with the longest stem; several if they have the same one.

        A single picture beside a video of its name is the video's poster and owns nothing.
        """
        ends = [at for at, letter in enumerate(path.name) if letter == "."]
        for end in reversed(ends):
            found = self._by_stem.get((path.parent, path.name[:end]), [])
            moving = [media for media in found if self._kinds[media] != "image"]
            if found:
                return moving or found
        return []


def side_role(path: Path) -> str | None:
    """Tell captions from detections by suffix, JSON by its first keys; None is neither.

    >>> from pathlib import Path
    >>> [side_role(Path(name)) for name in ("talk.srt", "talk.detections.csv", "talk.pdf")]
    ['captions', 'detections', None]
    """
    suffix = path.suffix.lower()
    if suffix in CAPTION_SUFFIXES:
        return "captions"
    if suffix in TABLE_SUFFIXES:
        return "detections"
    if suffix == ".txt" and re.search(r"(^|[._-])(det|gt|mot)\.txt$", path.name.lower()):
        return "detections"
    return _json_role(path) if suffix == ".json" else None


def stands_alone(path: Path) -> bool:
    """Whether a side file is worth reading without a video: its name or keys leave no doubt.

    >>> from pathlib import Path
    >>> stands_alone(Path("show.srt")), stands_alone(Path("scores.csv"))
    (True, False)
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _json_role(path) == "captions"
    return suffix in CAPTION_SUFFIXES or suffix == ".txt" or ".detections." in path.name.lower()


def _json_role(path: Path) -> str | None:
    """Tell a transcript from COCO by the keys in the first 64 KiB; None is neither."""
    keys = _keys(path)
    if keys & TRANSCRIPT_KEYS:
        return "captions"
    return "detections" if keys & COCO_KEYS else None


def _keys(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            head = file.read(JSON_SNIFF_BYTES).decode("utf-8", "replace")
    except OSError:
        return set(TRANSCRIPT_KEYS)  # whoever reads it says what is wrong with it
    return set(re.findall(r'"(\w+)"\s*:', head))
