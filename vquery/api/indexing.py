"""Index a folder into a collection, from a notebook or the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import IngestError
from vquery.index.jobs import Settings
from vquery.index.pipeline import IndexReport, index_folder

if TYPE_CHECKING:
    from typing import Literal

    from vquery.index.pipeline import Progress
    from vquery.store.store import Store

FACES = ("auto", "yunet", "haar", "none")


def index(
    store: Store,
    folder: Path | str,
    *,
    every: float = 0.0,
    faces: Literal["auto", "yunet", "haar", "none"] = "auto",
    models: Path | str | None = None,
    ensemble: bool = False,
    embedding: Path | str | None = None,
    images: float | str | None = None,
    frames_per_second: float = 5.0,
    workers: int | None = None,
    fps: str | float | None = None,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring the collection up to date with a folder (or one file); see `Collection.index`."""
    if faces not in FACES:
        raise IngestError(f"faces must be one of {', '.join(FACES)}, got {faces!r}")
    if every < 0 or frames_per_second <= 0:
        raise IngestError("every must be at least 0 seconds and frames_per_second above 0")
    settings = Settings(
        every_s=float(every),
        frames_per_second=float(frames_per_second),
        faces=faces,
        ensemble=bool(ensemble) and faces != "none",
        models=None if models is None else str(Path(models).resolve()),
        embedding=None if embedding is None else str(_file(embedding)),
        images_fps=None if images is None else "{}/{}".format(*rate_of(images)),
    )
    return index_folder(
        store,
        Path(folder),
        settings,
        workers=workers,
        progress=progress,
        rate=None if fps is None else rate_of(fps),
        size=size,
    )


def require(folder: Path | str) -> None:
    """Refuse a folder that is not there, before a collection is made for it.

    >>> require("no/such/folder")
    Traceback (most recent call last):
    vquery.errors.IngestError: no/such/folder: no such file or folder; give ... the videos
    """
    if not Path(folder).exists():
        raise IngestError.at(folder, "no such file or folder; give the one that holds the videos")


def _file(path: Path | str) -> Path:
    found = Path(path).resolve()
    if not found.is_file():
        raise IngestError.at(path, "no such ONNX file")
    return found


def rate_of(fps: str | float) -> tuple[int, int]:
    """Turn a frame rate into numerator and denominator.

    >>> rate_of("30000/1001"), rate_of(25)
    ((30000, 1001), (25, 1))
    """
    from vquery.media.frames import frame_rate

    rate = frame_rate(fps, what="fps")
    return rate.numerator, rate.denominator
