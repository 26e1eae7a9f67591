"""Labelled boxes to export, and clips whose frames carry their number in their picture."""

from __future__ import annotations

import cv2
import numpy as np
import pyarrow as pa
import pytest

from vquery.export.items import ITEM, Labelled
from vquery.index.hashing import content_sha256
from vquery.media.pictures import decode_jpeg, encode_jpeg

BITS = 8
HEIGHT, WIDTH = 48, 128
NO_BOXES = pa.table({"video": pa.array([], pa.string()), "frame": pa.array([], pa.int64())})


def picture(number, *, width=WIDTH, height=HEIGHT):
    """Draw a number as eight bars, black for 0 and white for 1."""
    bars = [255 * (number >> bit & 1) for bit in range(BITS)]
    row = np.repeat(np.array(bars, np.uint8), width // BITS)
    return np.repeat(np.tile(row, (height, 1))[:, :, None], 3, axis=2)


def number_of(jpeg):
    """Read the number back."""
    image = decode_jpeg(jpeg)
    step = image.shape[1] // BITS
    middle = image[image.shape[0] // 2, step // 2 :: step, 0]
    return sum(int(value > 127) << bit for bit, value in enumerate(middle))


def clip(path, frames):
    """Write a video of numbered frames."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDTH, HEIGHT), isColor=True
    )
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path


def pictures(folder, numbers, **size):
    """Write numbered pictures to a folder."""
    folder.mkdir()
    for number in numbers:
        (folder / f"{number:04d}.jpg").write_bytes(encode_jpeg(picture(number, **size)))
    return folder


def item(video="a.avi", frame=0, label="Ada", box=(0.25, 0.25, 0.75, 0.75), **more):
    """One row of ITEM; a frame lasts a tenth of a second."""
    start = 0 if frame is None else frame * 100_000
    row = {
        "detection_id": 1 + (frame or 0),
        "video": video,
        "start_us": start,
        "end_us": start + 100_000,
        **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)),
        "class": "face",
        "score": 0.9,
        "track": 1,
        "frame": frame,
        "shot_id": 1,
        "detector": "yunet",
        "label": label,
        "probability": 0.8,
        "label_source": "propagated",
        "run_id": 2,
    }
    return row | more


def video(name, *, path=None, kind="video", width=WIDTH, height=HEIGHT, fps=10):
    """One row of VIDEO."""
    return {
        "video": name,
        "video_id": 1,
        "uri": str(path) if path else f"/gone/{name}",
        "kind": kind,
        "sha256": content_sha256(path) if path else "0" * 64,
        "fps_num": fps,
        "fps_den": 1,
        "n_frames": 100,
        "width": width,
        "height": height,
        "duration_us": 10_000_000,
    }


def labelled(items, videos=None, *, crops=None, unlabelled=NO_BOXES):
    """What `write_export` is given."""
    names = {row["video"] for row in items}
    return Labelled(
        concept="name",
        items=pa.Table.from_pylist(items, schema=ITEM),
        videos=videos or {name: video(name) for name in names},
        unlabelled=unlabelled,
        crop=lambda number: (crops or {}).get(number),
        provenance={"human_labels": [], "runs": []},
    )


class Make:
    """The functions above, for tests, which cannot import from here."""

    clip, item, labelled, number_of, picture = map(
        staticmethod, (clip, item, labelled, number_of, picture)
    )
    pictures, video = map(staticmethod, (pictures, video))
    width, height = WIDTH, HEIGHT


@pytest.fixture(scope="session")
def make():
    return Make
