"""Find model weights on this machine, and fetch them when the user asks for it.

Weights are found, not assumed: ``$VQUERY_MODELS`` first, then the user's cache. Nothing is
downloaded unless `get` is called, and what is downloaded must match its published checksum.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import secrets
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import MediaError
from vquery.media import onnx

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = "VQUERY_MODELS"
PATTERNS = {"yunet": "*yunet*.onnx"}
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Model:
    """Weights that are published: what they are for, where they are, and how to know them."""

    name: str
    kind: str
    address: str
    sha256: str
    size: int
    licence: str
    about: str

    @property
    def file(self) -> str:
        """Name of the file in a folder of models."""
        return self.address.rsplit("/", 1)[-1]


_YUNET_TRAIN = (
    "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
    "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/"
)
_ZOO = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
    "82b38c8f98e7b52aa171400f3e4c722352d0669f/models/"
)

KNOWN: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="yunet_n_640",
            kind="yunet",
            address=_YUNET_TRAIN + "yunet_n_640_640.onnx",
            sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
            size=317_466,
            licence="Apache-2.0",
            about="faces with five landmarks, 640 pixels: the best of the family",
        ),
        Model(
            name="yunet_n_320",
            kind="yunet",
            address=_YUNET_TRAIN + "yunet_n_320_320.onnx",
            sha256="81dbde155e982455488235acb8ec2dec5d647edf7cf7080d33e4abb69b93a0d2",
            size=317_434,
            licence="Apache-2.0",
            about="faces with five landmarks, 320 pixels: faster, misses small faces",
        ),
        Model(
            name="yunet_2023mar",
            kind="yunet",
            address=_ZOO + "face_detection_yunet/face_detection_yunet_2023mar.onnx",
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            size=232_589,
            licence="MIT",
            about="faces with five landmarks, 640 pixels, the small variant (yunet_s_640)",
        ),
    )
}
"""Published weights by name, the best of each kind first."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of ``vquery models``: a known or found model and where it is."""

    name: str
    kind: str
    path: Path | None
    how: str


def cache_dir() -> Path:
    """Folder of downloaded models in the user's cache (the platform's usual place)."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "vquery" / "models"


def search_path() -> list[Path]:
    """Folders that are searched, first to last: those of ``$VQUERY_MODELS``, then the cache.

    ``$VQUERY_MODELS`` may name several folders, separated as in ``$PATH``; one that names no
    folder is an error when models are looked for, for it is surely a misspelling.
    """
    named = [Path(one) for one in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if one]
    for folder in named:
        if not folder.is_dir():
            raise MediaError(
                f"${ENVIRONMENT} names {folder}, which is not a folder. "
                "Make it, or correct the variable"
            )
    return [*named, cache_dir()]


def candidates(kind: str = "yunet", models_dir: Path | None = None) -> list[Path]:
    """Files of this kind, best first: folder by folder, ``_n_`` before ``_s_``, then large inputs.

    Whether a file really loads is for its user to try; one whose input has no fixed size comes
    last in its folder. ``models_dir`` replaces the search path.
    """
    if kind not in PATTERNS:
        raise MediaError(f"kind must be one of {', '.join(sorted(PATTERNS))}, got {kind!r}")
    if models_dir is not None and not models_dir.is_dir():
        raise MediaError(f"{models_dir}: is not a folder of models")
    folders = [models_dir] if models_dir is not None else search_path()
    found = []
    for folder in folders:
        found += sorted((p for p in folder.glob(PATTERNS[kind]) if p.is_file()), key=_rank)
    return found


def find(kind: str = "yunet", models_dir: Path | None = None) -> Path | None:
    """Return the best file of this kind that is on this machine, or None."""
    return next(iter(candidates(kind, models_dir)), None)


def fixed_input(path: Path) -> int | None:
    """Longest fixed side of the model's input in pixels; None if free, or not an ONNX model."""
    try:
        sides = onnx.input_shape(path)[-2:]
    except MediaError:
        return None
    known = [side for side in sides if side is not None]
    return max(known) if len(known) == 2 else None


def _rank(path: Path) -> tuple[int, int, int, str]:
    size = fixed_input(path)
    variant = 0 if re.search(r"(^|_)n(_|\.)", path.name) else 1
    return (size is None, variant, -(size or 0), path.name)


def listing() -> list[Listed]:
    """Every known model and every file that serves, with where it is or how to get it."""
    rows = []
    seen: set[Path] = set()
    for model in KNOWN.values():
        path = next((f / model.file for f in search_path() if (f / model.file).is_file()), None)
        if path is None:
            how = f"vquery models get {model.name}  ({model.size // 1024} kB, {model.licence})"
        else:
            how = "found"
            seen.add(path)
        rows.append(Listed(model.name, model.kind, path, how))
    for kind in PATTERNS:
        rows += [Listed(p.stem, kind, p, "found") for p in candidates(kind) if p not in seen]
    return rows


def get(name: str, to: Path | None = None, *, known: Mapping[str, Model] = KNOWN) -> Path:
    """Download a known model, verify its checksum and return its path; keep one that is there.

    Parameters
    ----------
    name : str
        A key of ``known``, or a kind, such as "yunet", for the best of its kind.
    to : Path, optional
        Folder for the file; the user's cache by default.
    known : mapping, optional
        The registry to look in, for mirrors and private models.

    Raises
    ------
    MediaError
        If the name is unknown, the address cannot be reached, or the bytes are not the
        published ones. The folder then holds what it held before.
    """
    best = {one.kind: one for one in reversed(list(known.values()))}
    model = known.get(name) or best.get(name)
    if model is None:
        raise MediaError(f"there is no known model {name!r}. Known: {', '.join(known)}")
    folder = to if to is not None else cache_dir()
    target = folder / model.file
    if target.is_file() and _sha256(target) == model.sha256:
        return target
    content = _download(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(target, content)
    except OSError as error:
        raise MediaError(f"{target}: cannot be written: {error.strerror}") from error
    return target


def _download(model: Model) -> bytes:
    """Fetch at most the published number of bytes and compare their checksum."""
    by_hand = f"put the file into a folder that ${ENVIRONMENT} names, or try again when online"
    try:
        with urllib.request.urlopen(model.address, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(model.size + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise MediaError(f"{model.address}: cannot be fetched ({error}); {by_hand}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise MediaError(f"{model.address}: cannot be fetched ({reason}); {by_hand}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        amount = f"more than {model.size}" if len(content) > model.size else f"{len(content)}"
        raise MediaError(
            f"{model.address}: expected {model.size} bytes with SHA-256 {model.sha256}, got "
            f"{amount} bytes with {found}; the file was not kept"
        )
    return content


def _write_whole(target: Path, content: bytes) -> None:
    """Write beside the target and rename, so that nobody ever sees half a file."""
    # not by tempfile, whose files nobody else may read: folders of models are shared
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as out:
            out.write(content)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
