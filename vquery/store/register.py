"""Which files are which videos: names, ids, aliases, changed content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vquery.errors import StoreError
from vquery.store.catalog import LIMITS, LONG, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

KINDS = ("video", "images", "image", "none")
PROBED = ("fps_num", "fps_den", "n_frames", "width", "height", "duration_us")
"""What a commit may fill in about a video."""


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video to register.

    Attributes
    ----------
    video : str
        Path relative to the indexed folder, with ``/``.
    sha256 : str or None
        Of the file's content; None when there is no media (``kind`` "none").
    kind : str
        "video", "images", "image" or "none".
    uri : str or None
        Where the file is now.
    """

    video: str
    sha256: str | None
    kind: str = "video"
    uri: str | None = None


@dataclass(frozen=True, eq=False)
class Registered(Mapping[str, int]):
    """The outcome: a mapping of each distinct video to its id, in sorted order.

    Attributes
    ----------
    ids : dict
        video → video_id.
    aliases : dict
        Path given → the video whose content it has; these paths are not in the mapping.
    new : tuple of str
        The videos that the collection did not have before.
    """

    ids: dict[str, int]
    aliases: dict[str, str] = field(default_factory=dict)
    new: tuple[str, ...] = ()

    def __getitem__(self, video: str) -> int:
        return self.ids[video]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def register(db: sqlite3.Connection, run_id: int, given: Iterable[NewVideo]) -> Registered:
    """Register videos inside a transaction; ids go on from the last one in sorted path order.

    Raises
    ------
    StoreError
        If a path was registered with other content, or is given twice with different content.
    """
    videos = sorted(given, key=lambda one: one.video)
    known = _known(db)
    by_content = {sha: video for video, (_, sha) in known.items() if sha}
    by_content |= dict(
        db.execute("SELECT a.sha256, v.video FROM aliases a JOIN videos v USING (video_id)")
    )
    alias_content = dict(db.execute("SELECT alias, sha256 FROM aliases"))
    ids: dict[str, int] = {}
    aliases: dict[str, str] = {}
    new: list[str] = []
    for one in videos:
        _check(one)
        _refuse_changed(one, known.get(one.video, (0, None))[1] or alias_content.get(one.video))
        owner = by_content.get(one.sha256) if one.sha256 else None
        if one.video in known:
            _give_content(db, one, known, owner)
            ids[one.video] = known[one.video][0]
        elif owner is not None:
            aliases[one.video] = owner
            ids[owner] = known[owner][0]
            db.execute(
                "INSERT OR IGNORE INTO aliases VALUES (?, ?, ?, ?)",
                (one.video, known[owner][0], one.sha256, one.uri),
            )
            alias_content[one.video] = one.sha256
            continue
        else:
            ids[one.video] = _insert(db, one, run_id)
            new.append(one.video)
            known[one.video] = (ids[one.video], one.sha256)
        if one.sha256:
            by_content[one.sha256] = one.video
            known[one.video] = (ids[one.video], one.sha256)
    return Registered(dict(sorted(ids.items())), aliases, tuple(new))


def _known(db: sqlite3.Connection) -> dict[str, tuple[int, str | None]]:
    rows = db.execute("SELECT video, video_id, sha256 FROM videos")
    return {video: (video_id, sha256) for video, video_id, sha256 in rows}


def _check(one: NewVideo) -> None:
    text(one.video, LIMITS["video"], "the name of a video")
    if not one.video:
        raise StoreError("the name of a video must not be empty")
    if one.kind not in KINDS:
        raise StoreError(f"{one.video}: kind must be one of {', '.join(KINDS)}; got {one.kind!r}")
    if one.sha256 is None and one.kind != "none":
        raise StoreError(f"{one.video}: the sha256 of the file must be given")
    if one.uri is not None:
        text(one.uri, LONG, f"the place of {one.video}")


def _refuse_changed(one: NewVideo, before: str | None) -> None:
    if before is None or one.sha256 is None or before == one.sha256:
        return
    raise StoreError(
        f"{one.video}: the file has changed since it was registered (sha256 {before[:12]}… then, "
        f"{one.sha256[:12]}… now), and labels belong to the old content. Put the old file back, "
        "give the new one another name, or index into a new collection"
    )


def _give_content(
    db: sqlite3.Connection,
    one: NewVideo,
    known: dict[str, tuple[int, str | None]],
    owner: str | None,
) -> None:
    """Give a video that was registered without media its file, and one that was moved its place."""
    video_id, before = known[one.video]
    if one.sha256 is None:
        return
    if before is not None:
        if one.uri is not None:
            db.execute("UPDATE videos SET uri = ? WHERE video_id = ?", (one.uri, video_id))
        return
    if owner is not None:
        raise StoreError(
            f"{one.video}: registered without media, and its file has the content of {owner!r}, "
            "which is a video of its own. Give the captions or boxes under that name instead"
        )
    db.execute(
        "UPDATE videos SET sha256 = ?, kind = ?, uri = ? WHERE video_id = ?",
        (one.sha256, one.kind, one.uri, video_id),
    )


def _insert(db: sqlite3.Connection, one: NewVideo, run_id: int) -> int:
    video_id: int = db.execute(
        "INSERT INTO videos (video_id, video, uri, kind, sha256, run_id) "
        "VALUES ((SELECT coalesce(max(video_id), 0) + 1 FROM videos), ?, ?, ?, ?, ?) "
        "RETURNING video_id",
        (one.video, one.uri, one.kind, one.sha256, run_id),
    ).fetchone()[0]
    return video_id


def fill(db: sqlite3.Connection, facts: Mapping[str, Any]) -> str:
    """Write what a probe or a full decode found out about one video; returns its name.

    Raises
    ------
    StoreError
        If the video is not registered or a fact is none of the VIDEO table's.
    """
    video = facts.get("video")
    given = {name: value for name, value in facts.items() if name in PROBED}
    fixed = ("video", "video_id", "sha256", "kind", "uri")
    unknown = [name for name in facts if name not in PROBED and name not in fixed]
    if not isinstance(video, str) or unknown:
        raise StoreError(
            f"facts about a video need 'video' and may have {', '.join(PROBED)}; got {dict(facts)}"
        )
    sets = ", ".join(f"{name} = ?" for name in given) or "video = video"
    done = db.execute(f"UPDATE videos SET {sets} WHERE video = ?", (*given.values(), video))
    if done.rowcount == 0:
        raise StoreError(f"{video}: not registered. Register a video before committing it")
    return video


def input_sha256(videos: Iterable[NewVideo]) -> str:
    """Return one hash for a set of inputs, whatever their order.

    >>> a, b = NewVideo("a", "00"), NewVideo("b", "ff")
    >>> input_sha256([a, b]) == input_sha256([b, a])
    True
    """
    lines = sorted(f"{one.sha256 or '-'}  {one.video}\n" for one in videos)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
