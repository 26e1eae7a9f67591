"""Neighbour lists in a folder: memory-mapped, extended when rows come and go, never trusted.

The folder holds ``lists.json``, which says what the lists are of and names the files of their
arrays (``.npy``). New arrays get new names, and ``lists.json`` is put in place last, by a rename:
whoever reads sees all of the old lists or all of the new. Lists are kept without a floor, so that
they serve every floor.
"""

from __future__ import annotations

import json
import os
import secrets
import time as clock
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery.graph.knn.extend import extended
from vquery.graph.knn.lists import Apart, Neighbours
from vquery.graph.knn.prints import digest, named, prints
from vquery.graph.knn.search import neighbours
from vquery.graph.knn.vectors import BLOCK_BYTES, cosines, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Prints = NDArray[np.uint64]

FACTS = "lists.json"
VERSION = 1
ARRAYS = {
    "ids": np.int64,
    "prints": np.uint64,
    "source": np.int64,
    "target": np.int64,
    "similarity": np.float32,
}
"""The arrays and their types; a file is called NAME.TOKEN.npy."""
CHECKED_PAIRS, TOLERANCE = 1_000, 1e-4
"""Pairs whose similarity is computed again before lists are used."""
ORPHAN_S = 24 * 3600.0
"""Arrays that nothing names and nobody has written to for so long are what a crash left."""


class Kept(NamedTuple):
    """Lists as they were written, with who their rows are and what these were."""

    lists: Neighbours
    ids: Ints
    prints: Prints
    wanted: float
    """The recall that was asked for."""


def cached_neighbours(
    folder: str | Path,
    ids: ArrayLike,
    vectors: ArrayLike,
    k: int,
    *,
    apart: Apart | None = None,
    floor: float = -1.0,
    recall: float = 0.99,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Find neighbours as `neighbours` does, searching only for rows that the folder does not know.

    Parameters
    ----------
    folder
        Made if it does not exist. One for each space of vectors.
    ids
        Shape (n,): who each row is, all different. A row whose vector changed, or its group, video
        or time, counts as new.

    Returns
    -------
    Neighbours
        The arrays are memory-mapped where nothing had to be changed. ``remarks`` says how many
        lists were kept from before, why kept lists were not used, and why new ones could not be
        written.

    Raises
    ------
    SchemaError
        If ids are not n different integers, or as in `neighbours`.

    Notes
    -----
    Lists that are damaged, of another version, or reached less recall than is wanted are made
    anew. A folder that cannot be written to is only read.
    """
    array, place = np.asarray(vectors, np.float32), Path(folder)
    apart = apart or Apart()
    names = named(ids, array, apart)
    marks = prints(array, names, apart)
    kept, at, remark = _usable(place, array, names, marks, recall)
    if kept is None:
        lists, changed = neighbours(array, k, apart=apart, recall=recall, progress=progress), True
    else:
        lists = kept.lists
        stay = len(at) == len(names) and bool((at == np.arange(len(at))).all())
        changed = not stay or _too_short(lists, k)
        if changed:
            wide = max(k, lists.k)
            lists = extended(lists, at, array, wide, apart=apart, recall=recall, progress=progress)
    problem = _written(place, Kept(lists, names, marks, recall)) if changed else ""
    remarks = (each for each in (remark, problem) if each)
    return _from(lists.head(k), floor).remarked(*remarks)


def _usable(
    folder: Path, vectors: NDArray[np.float32], ids: Ints, marks: Prints, recall: float
) -> tuple[Kept | None, Ints, str]:
    """Load lists; give them if they can be used, which row each of theirs is now, and a remark."""
    nothing = np.empty(0, np.int64)
    kept, reason = load(folder)
    if kept is None:
        return None, nothing, reason
    if max(kept.wanted, kept.lists.recall) < recall:
        reached = f"{kept.lists.recall:.4f}"
        return None, nothing, f"kept lists were not used: they reached a recall of {reached} only"
    at = _rows_of(kept, ids, marks)
    if not _agrees(kept.lists, at, vectors):
        return None, nothing, "kept lists were not used: their similarities are not of these rows"
    return kept, at, f"{int((at >= 0).sum())} of {len(ids)} lists were kept from before"


def _too_short(lists: Neighbours, k: int) -> bool:
    """Tell whether longer lists are wanted and some list may go on."""
    return lists.k < k and lists.k < lists.n - 1 and bool((lists.counts() >= lists.k).any())


def _from(lists: Neighbours, floor: float) -> Neighbours:
    keep = lists.similarity >= floor
    if keep.all():
        return lists
    cut = (lists.source[keep], lists.target[keep], lists.similarity[keep])
    return replace(lists, source=cut[0], target=cut[1], similarity=cut[2])


def _rows_of(kept: Kept, ids: Ints, marks: Prints) -> Ints:
    """Find which row each kept row is now, -1 for none."""
    order = np.argsort(ids, kind="stable")
    if not len(ids):
        return np.full(len(kept.ids), -1, np.int64)
    place = order[np.minimum(np.searchsorted(ids[order], kept.ids), len(ids) - 1)]
    same = (ids[place] == kept.ids) & (marks[place] == kept.prints)
    return np.where(same, place, -1)


def _agrees(lists: Neighbours, at: Ints, vectors: NDArray[np.float32]) -> bool:
    """Tell whether a sample of similarities is that of the vectors."""
    some = np.random.default_rng(0).integers(0, max(len(lists.source), 1), CHECKED_PAIRS)
    some = np.unique(some[some < len(lists.source)])
    a, b = at[lists.source[some]], at[lists.target[some]]
    there = (a >= 0) & (b >= 0)
    rows, place = np.unique(np.concatenate([a[there], b[there]]), return_inverse=True)
    left, right = np.split(place.ravel(), 2)
    cosine = cosines(unit(vectors[rows]), left, right)
    return bool((np.abs(cosine - lists.similarity[some[there]]) < TOLERANCE).all())


def load(folder: Path) -> tuple[Kept | None, str]:
    """Read lists from a folder; None and the reason where there are none that can be used."""
    found, reason = _read(folder)
    if found is None and "No such file" in reason:
        # another process put new lists in their place between two reads
        found, reason = _read(folder)
    return found, reason


def _read(folder: Path) -> tuple[Kept | None, str]:
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
    except FileNotFoundError:
        return None, "no kept lists"
    except (OSError, ValueError) as error:
        return None, f"kept lists were not used: {FACTS} cannot be read ({error})"
    try:
        return _checked(folder, facts), ""
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        return None, f"kept lists were not used: {error}"


def _checked(folder: Path, facts: Any) -> Kept:
    """Map the arrays that the facts name, and check everything that lists promise."""
    if not isinstance(facts, dict) or facts.get("version") != VERSION:
        raise ValueError(f"{FACTS} is not of version {VERSION}")
    token, n, k = (facts[name] for name in ("token", "n", "k"))
    recall, wanted = facts["recall"], facts["wanted"]
    if not (isinstance(token, str) and token.isalnum() and token.isascii()):
        raise ValueError(f"{FACTS} names no files")
    if not (isinstance(n, int) and isinstance(k, int) and n >= 0 and k >= 1):
        raise ValueError(f"{FACTS} says n = {n!r}, k = {k!r}")
    for each in (recall, wanted):
        if not (isinstance(each, float | int) and 0 <= each <= 1):
            raise ValueError(f"{FACTS} says a recall of {each!r}")
    ids, marks, source, target, near = (_mapped(folder, name, token) for name in ARRAYS)
    if not len(ids) == len(marks) == n or digest(ids) != facts["ids"]:
        raise ValueError("the rows are not those of the lists")
    if not len(source) == len(target) == len(near):
        raise ValueError("arrays have different lengths")
    lists = Neighbours(n, k, source, target, near, str(facts["method"]), float(recall))
    _validate(lists)
    return Kept(lists, ids, marks, float(wanted))


def _mapped(folder: Path, name: str, token: str) -> NDArray[Any]:
    path = folder / f"{name}.{token}.npy"
    # an empty file of an array cannot be mapped
    empty = path.stat().st_size < 256
    array = np.load(path, mmap_mode=None if empty else "r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != ARRAYS[name]:
        raise ValueError(f"{path.name} is not an array of {np.dtype(ARRAYS[name])}")
    return array


def _validate(lists: Neighbours) -> None:
    """Raise ValueError for a list that no search gives."""
    step = BLOCK_BYTES // 32
    n, m = lists.n, len(lists.source)
    for start in range(0, m, step):
        # one pair more, so that every two that follow each other are seen
        part = slice(start, min(start + step + 1, m))
        source, target, near = lists.source[part], lists.target[part], lists.similarity[part]
        if min(source.min(), target.min()) < 0 or max(source.max(), target.max()) >= n:
            raise ValueError("a row number is out of range")
        if not (np.abs(near) <= 1).all():
            raise ValueError("a similarity is not between -1 and 1")
        if (source == target).any():
            raise ValueError("a row is its own neighbour")
        ahead, same = np.diff(source), source[1:] == source[:-1]
        falls = (near[1:] < near[:-1]) | ((near[1:] == near[:-1]) & (target[1:] > target[:-1]))
        if (ahead < 0).any() or not falls[same].all():
            raise ValueError("the lists are not in order")
    if lists.counts().max(initial=0) > lists.k:
        raise ValueError(f"a list is longer than {lists.k}")


def _written(folder: Path, kept: Kept) -> str:
    """Write lists; give the reason where that is not possible, else nothing."""
    token = secrets.token_hex(8)
    lists = kept.lists
    arrays = {"ids": kept.ids, "prints": kept.prints}
    arrays |= {name: getattr(lists, name) for name in ("source", "target", "similarity")}
    facts = {
        "version": VERSION,
        "token": token,
        "n": lists.n,
        "k": lists.k,
        "recall": lists.recall,
        "wanted": kept.wanted,
        "method": lists.method,
        "ids": digest(kept.ids),
        "written_s": clock.time(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            with (folder / f"{name}.{token}.npy").open("wb") as file:
                np.save(file, np.asarray(array, ARRAYS[name]), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        fresh = folder / f"{FACTS}.{token}"
        fresh.write_text(json.dumps(facts), "utf-8")
        before = _token(folder)
        fresh.replace(folder / FACTS)
        _sweep(folder, token, before)
    except OSError as error:
        return f"lists were not kept: {error}"
    return ""


def _token(folder: Path) -> str:
    """Return what the arrays in force are called, as far as that can be read."""
    try:
        return str(json.loads((folder / FACTS).read_text("utf-8"))["token"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _sweep(folder: Path, token: str, before: str) -> None:
    """Remove the arrays that were in force, and what crashes left.

    Those of another writer at work are young, and left alone.
    """
    for path in [*folder.glob("*.*.npy"), *folder.glob(f"{FACTS}.*")]:
        named = path.name.split(".")[-2 if path.suffix == ".npy" else -1]
        # where an open file cannot be removed, the next writer does it
        with suppress(OSError):
            old = clock.time() - path.stat().st_mtime > ORPHAN_S
            if named == before or (old and named != token):
                path.unlink()
