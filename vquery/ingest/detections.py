"""Detections from any file that a reader exists for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import IngestError
from vquery.ingest.coco import read_coco
from vquery.ingest.columns import SUFFIXES
from vquery.ingest.mot import read_mot
from vquery.ingest.tables import read_detection_table

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.ingest.clock import FrameClock
    from vquery.ingest.result import Ingested


def read_detections(path: Path, *, video: str, clock: FrameClock | None = None) -> Ingested:
    """Read the detections of one video: a table file, MOTChallenge (``.txt``) or COCO (``.json``).

    Parameters
    ----------
    path
        The file.
    video
        The video it belongs to; rows of another one are an error.
    clock
        Times of the video's frames and size of its pictures.

    Raises
    ------
    IngestError
        See `read_detection_table`, `read_mot` and `read_coco`.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return read_detection_table(path, video=video, clock=clock, videos=[video])
    if suffix == ".txt":
        return read_mot(path, video=video, clock=clock)
    if suffix == ".json":
        return read_coco(path, video=video, clock=clock)
    raise IngestError.at(path, f"no detection file: expected {', '.join(SUFFIXES)}, .txt or .json")
