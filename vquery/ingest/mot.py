"""MOTChallenge text files: detections, ground truth and the results of trackers.

Columns: ``frame, id, left, top, width, height, confidence`` and then, in ground truth since
MOT16, ``class, visibility``; elsewhere ``x, y, z`` = -1. Frames count from 1 and the top left
pixel is (1, 1), so for a picture of W x H pixels::

    frame = frame number + 1        x1 = (left - 1) / W     x2 = (left - 1 + width) / W

and back, as an export has to write it: ``left = x1 * W + 1``, ``width = (x2 - x1) * W``.

Source: Milan et al., MOT16: A Benchmark for Multi-Object Tracking, 2016, arXiv 1603.00831,
tables 2 and 3; class 13 from Dendorfer et al., MOT20, 2020, arXiv 2003.09003.
"""

from __future__ import annotations

import configparser
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA, corners, detection_table, has_area, normalised
from vquery.ingest.clock import FrameClock
from vquery.ingest.columns import Columns, csv_columns
from vquery.ingest.files import read_text
from vquery.ingest.result import Ingested, counts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Kind = Literal["detections", "ground truth", "result"]

NOT_CONSIDERED = "ground truth row that is not to be considered"
NAMES = ("frame", "id", "left", "top", "width", "height", "confidence", "x", "y", "z")
CLASSES = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
    "crowd",
)


def read_mot(
    path: Path,
    *,
    video: str,
    clock: FrameClock | None = None,
    kind: Kind | None = None,
    source: str | None = None,
) -> Ingested:
    """Read a MOTChallenge file of 6 to 10 columns into detections.

    Parameters
    ----------
    path
        The file.
    video
        The value of column ``video``.
    clock
        Times of the frames and size of the picture; by default from ``seqinfo.ini`` in the
        file's folder or the one above.
    kind
        What column 7 means. ``"detections"``: a score, and ids of -1 mean no track. ``"ground
        truth"``: 0 for rows that are not to be considered, which are skipped. ``"result"``: a
        score, -1 for none. By default: ground truth if there are nine columns, or ten with ids
        and only 0 and 1 in column 7; detections if there are no ids; else a result.
    source
        The value of column ``source``; by default the name of the file.

    Returns
    -------
    Ingested
        Table ``detections`` in the order of the file. The class is that of MOT16, "pedestrian"
        in files without classes. Visibility is not kept.

    Raises
    ------
    IngestError
        Naming the row of a number that cannot be, or if the clock is missing.
    """
    clock = clock or _clock_beside(path)
    text, notes = read_text(path)
    columns = _columns(path, text)
    if len(columns) == 0:
        return Ingested({"detections": detection_table(np.empty((0, 4)), np.empty(0, bool))})
    frames = columns.integers("frame") - 1
    columns.refuse(~clock.has(frames), f"no such frame: counted from 0, {clock.extent}", "frame")
    track = columns.integers("id")
    score = columns.floats("confidence") if "confidence" in columns else np.full(len(track), -1.0)
    kind = kind or _kind(columns, track, score)
    pixels = np.stack([columns.floats(name) for name in NAMES[2:6]], axis=1) - [1, 1, 0, 0]
    boxes = normalised(corners(pixels), clock.width, clock.height)
    considered = (score != 0) if kind == "ground truth" else np.ones(len(track), bool)
    area = has_area(boxes)
    unscored = score == -1 if kind == "result" else np.full(len(track), kind == "ground truth")
    table = detection_table(
        boxes,
        considered & area,
        video=video,
        start_us=clock.start_us(frames),
        end_us=clock.end_us(frames),
        class_=_classes(columns),
        score=pa.array(score, pa.float32(), mask=unscored),
        track=pa.array(track, mask=track < 0),
        frame=frames,
        source=source or path.name,
    )
    notes.append(f"read as MOTChallenge {kind}")
    skipped = {NOT_CONSIDERED: int((~considered).sum()), NO_AREA: int((considered & ~area).sum())}
    return Ingested({"detections": table}, counts(skipped), notes=notes)


def _columns(path: Path, text: str) -> Columns:
    width = text.lstrip("\n").partition("\n")[0].count(",") + 1
    if text.strip() and not 6 <= width <= len(NAMES):
        problem = f"expected 6 to 10 fields between commas (frame, id, left, top, ...), got {width}"
        raise IngestError.at(path, problem, row=1)
    names = ("class", "visibility") if width == 9 else ("x", "y", "z")
    header = [*NAMES[:7], *names][:width]
    if not text.strip():
        return Columns(path, pa.table({name: pa.array([], pa.string()) for name in header}))
    return csv_columns(path, text, header)


def _kind(columns: Columns, track: Ints, score: npt.NDArray[np.float64]) -> Kind:
    if "class" in columns:
        return "ground truth"
    if (track < 0).all():
        return "detections"
    flags = "z" in columns and bool(np.isin(score, (0, 1)).all())
    return "ground truth" if flags else "result"


def _classes(columns: Columns) -> list[str] | str:
    if "class" not in columns:
        return CLASSES[0]
    number = columns.integers("class")
    known = (number >= 1) & (number <= len(CLASSES))
    columns.refuse(~known, f"expected a class from 1 to {len(CLASSES)}", "class")
    return [CLASSES[at - 1] for at in number.tolist()]


def _clock_beside(path: Path) -> FrameClock:
    for folder in (path.parent, path.parent.parent):
        if (folder / "seqinfo.ini").is_file():
            return read_seqinfo(folder / "seqinfo.ini")
    raise IngestError.at(
        path,
        "no seqinfo.ini beside it: give the frame rate and the size of the picture (fps, size)",
    )


def read_seqinfo(path: Path) -> FrameClock:
    """Return the clock of a MOTChallenge sequence from its ``seqinfo.ini``.

    Raises
    ------
    IngestError
        Naming the entry that is missing or no number.
    """
    text, _ = read_text(path)
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are written
    try:
        parser.read_string(text)
        entries = parser["Sequence"]
        rate = Fraction(entries["frameRate"])
        return FrameClock.from_rate(
            rate.numerator,
            rate.denominator,
            width=int(entries["imWidth"]),
            height=int(entries["imHeight"]),
            n_frames=int(entries["seqLength"]),
        )
    except KeyError as error:
        problem = (
            f"no entry {error}; expected [Sequence] with frameRate, seqLength, imWidth, imHeight"
        )
        raise IngestError.at(path, problem) from error
    except (ValueError, ZeroDivisionError, configparser.Error) as error:
        raise IngestError.at(path, f"no valid sequence information: {error}") from error
