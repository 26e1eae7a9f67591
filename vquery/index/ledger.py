"""What is done already: units of work, and the content hashes of files that have not changed.

Units are texts that are committed with what they stand for::

    settings/JSON                      how the videos of the collection are looked at
    detector/NAME                      a face detector that was used
    sha256/STAMP/SHA                   the content hash of a file as it was then
    media/VIDEO_ID/SHA                 the pictures of a video; SHA is that of the file
    plain/VIDEO_ID/SHA                 ... without looking for faces, for detections were beside it
    captions/VIDEO_ID/DIGEST           all caption files of a video together
    detections/VIDEO_ID/NAME/SHA       one file of detections
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vquery.index.hashing import content_sha256, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vquery.store.store import Store


class Ledger:
    """The units of a collection, read once; tell it what is committed with `add`.

    Attributes
    ----------
    fresh
        Units of hashes taken since, which wait to be committed.
    stored
        Hashes of the media that were stored when the units were read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tails: dict[str, set[str]] = {}
        self.fresh: dict[str, None] = {}
        self.stored: frozenset[str] = frozenset()
        self.reload()

    def reload(self) -> None:
        """Read the units anew, for another process may have written."""
        self._tails = {}
        self.add(self._store.units())
        heads = [head for head in self._tails if head.startswith("media/")]
        self.stored = frozenset(sha for head in heads for sha in self._tails[head])

    def add(self, units: Iterable[str]) -> None:
        """Take note of units that have been committed."""
        for unit in units:
            head, tail = _split(unit)
            self._tails.setdefault(head, set()).add(tail)

    def drop(self, heads: Iterable[str]) -> None:
        """Take note of units that are no longer done."""
        for head in heads:
            self._tails.pop(head, None)

    def tails(self, head: str) -> set[str]:
        """Return what follows ``head/`` in the units that are done."""
        return self._tails.get(head, set())

    def is_done(self, unit: str) -> bool:
        """Whether a unit is done. O(1)."""
        head, tail = _split(unit)
        return tail in self.tails(head)

    def known_sha256(self, path: Path, *, fps: str | None = None) -> str | None:
        """Return the hash of a file or folder of pictures that was not touched since it was taken.

        Raises
        ------
        IngestError
            If it is gone.
        """
        return next(iter(self.tails(f"sha256/{stamp(path, fps=fps)}")), None)

    def sha256(self, path: Path, *, fps: str | None = None) -> str:
        """Hash a file or folder of pictures, or take the hash from before if it was not touched.

        Raises
        ------
        IngestError
            If it cannot be read.
        """
        mark = f"sha256/{stamp(path, fps=fps)}"
        known = next(iter(self.tails(mark)), None)
        if known is None:
            known = content_sha256(path, fps=fps)
            self.fresh[f"{mark}/{known}"] = None
        return known


def _split(unit: str) -> tuple[str, str]:
    """Cut a unit before its last part; settings, which may hold slashes, after the first."""
    if unit.startswith("settings/"):
        return "settings", unit.removeprefix("settings/")
    head, _, tail = unit.rpartition("/")
    return head, tail


def media(video_id: int, sha256: str) -> str:
    """Name the unit of a video's pictures."""
    return f"media/{video_id}/{sha256}"


def captions(video_id: int, files: Sequence[tuple[str, str]]) -> str:
    """Name the unit of a video's captions, given as names and hashes.

    >>> captions(7, [("a.srt", "00")]) == captions(7, [("a.srt", "01")])
    False
    """
    digest = hashlib.sha256(repr(sorted(files)).encode()).hexdigest()
    return f"captions/{video_id}/{digest}"


def detections(video_id: int, name: str, sha256: str) -> str:
    """Name the unit of one file of detections.

    >>> detections(7, "a.csv", "00")
    'detections/7/a.csv/00'
    """
    return f"detections/{video_id}/{name}/{sha256}"
