"""Find what a folder holds: videos, and the captions and detections that belong to them.

A file belongs to the video of the same folder whose stem its name starts with (``talk.mp4``:
``talk.srt``, ``talk.en.vtt``, ``talk.detections.csv``, ``talk.json``); the longest stem wins.
A caption or detection file without a video becomes a video without pictures under its own path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vquery.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .m2ts .mts .wmv .flv .3gp .ogv .gif".split()
)
PICTURE_SUFFIXES = frozenset(".jpg .jpeg .png .bmp .webp .tif .tiff".split())
CAPTION_SUFFIXES = frozenset(".srt .vtt".split())
TABLE_SUFFIXES = frozenset(".csv .parquet .arrow .feather .jsonl".split())
JSON_SNIFF_BYTES = 1 << 16


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
    """What a folder holds; ``skipped`` counts the files left aside, by reason."""

    sources: list[Source] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: str) -> None:
        """Count a file that is not used."""
        self.skipped.setdefault(reason, []).append(path)


def discover(root: Path, *, images: bool = False) -> Found:
    """List the videos under ``root`` (or the one file ``root``) in sorted path order.

    With ``images`` a folder that holds pictures is one video; without, each picture is a video
    of one instant. Hidden files and collections (``*.vq``) are not entered.

    Raises
    ------
    IngestError
        If ``root`` does not exist.
    """
    if not root.exists():
        raise IngestError.at(root, "no such file or folder; give the folder that holds the videos")
    base = root if root.is_dir() else root.parent
    files = sorted(_walk(root)) if root.is_dir() else [root]
    found = Found()
    media = {path: _media_kind(path, images=images) for path in files}
    sources = {path: kind for path, kind in media.items() if kind in {"video", "image"}} | {
        path.parent: "images" for path, kind in media.items() if kind == "images"
    }
    sides: dict[Path, dict[str, list[Path]]] = {}
    for path in (path for path, kind in media.items() if kind is None):
        role = side_role(path)
        if role is None:
            found.skip("not a video, caption or detection file", _relative(path, base))
            continue
        owner = _owner(path, sources)
        sides.setdefault(owner or path, {}).setdefault(role, []).append(path)
    for path in sorted({*sources, *sides}):
        mine = sides.get(path, {})
        found.sources.append(
            Source(
                video=_relative(path, base),
                path=path,
                kind=sources.get(path, "none"),
                captions=tuple(mine.get("captions", ())),
                detections=tuple(mine.get("detections", ())),
            )
        )
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix == ".vq":
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _media_kind(path: Path, *, images: bool) -> str | None:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in PICTURE_SUFFIXES:
        return "images" if images else "image"
    return None


def _owner(path: Path, sources: dict[Path, str]) -> Path | None:
    """Return the video beside ``path`` with the longest stem that its name starts with."""
    beside = [
        media
        for media, kind in sources.items()
        if media.parent == path.parent and path.name.startswith(_stem(media, kind) + ".")
    ]
    return max(beside, key=lambda media: len(_stem(media, sources[media])), default=None)


def _stem(media: Path, kind: str) -> str:
    return media.name if kind == "images" else media.stem


def _relative(path: Path, base: Path) -> str:
    relative = path.relative_to(base).as_posix()
    return path.name if relative == "." else relative


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
    if suffix == ".json":
        return "detections" if is_coco(path) else "captions"
    return None


def is_coco(path: Path) -> bool:
    """Tell a COCO file (objects with images, annotations or boxes) from a transcript.

    Only the first 64 KiB are looked at.
    """
    with path.open("rb") as file:
        head = file.read(JSON_SNIFF_BYTES).decode("utf-8", "replace")
    if head.lstrip().startswith("["):
        return '"bbox"' in head
    keys = set(re.findall(r'"(\w+)"\s*:', head))
    return bool(keys & {"images", "annotations", "categories"}) and not keys & {"words", "results"}


def describe(source: Source) -> str:
    """One line about a source, for a log.

    >>> from pathlib import Path
    >>> describe(Source("a/b.mp4", Path("/x/a/b.mp4"), "video", captions=(Path("/x/a/b.srt"),)))
    'a/b.mp4 + b.srt'
    """
    return " + ".join([source.video, *(path.name for path in source.captions + source.detections)])
