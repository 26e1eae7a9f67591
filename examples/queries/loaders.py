"""Rows of public data sets for the example queries: files in, relations of intervals out.

Every loader takes the folder that holds the data sets. Nothing is copied or changed. `run` is what
each example calls when it is started as a script.
"""

from __future__ import annotations

import csv
import inspect
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import vquery as vq
from vquery.ingest.captions import read_captions
from vquery.ingest.clock import FrameClock
from vquery.ingest.mot import read_mot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ADVERTS = "tvnews_frames/ad_segments.csv"
PICTURES = {  # of MOTChallenge sequences: frames a second, width, height
    "TUD-Campus": (25, 640, 480),
    "MOT16-11": (30, 1920, 1080),
    "PETS09-S2L1": (7, 768, 576),
    "ETH-Bahnhof": (14, 640, 480),
}
PICTURE = re.compile(r"(?P<episode>.+?)-(?P<first>\d+)(-(?P<last>\d+))?\.jpg")
CLIP_FPS = 25  # ClipShots counts frames only; its clips run at 24 to 30


def run(query: Callable[..., vq.Intervals], *loaders: Callable[..., vq.Intervals]) -> None:
    """Print what a query finds in the rows of the loaders, which are its arguments in order.

    A loader that takes an argument gets the folder of the data sets; the others make their rows.
    """
    needed = [_asks(loader) for loader in loaders]
    if len(sys.argv) != 1 + any(needed):
        usage = f"python {sys.argv[0]}{' DATA' if any(needed) else ''}"
        sys.exit(f"{inspect.getdoc(query)}\n\nusage: {usage}")
    folder = [Path(each) for each in sys.argv[1:]]
    rows = [load(*folder) if reads else load() for load, reads in zip(loaders, needed, strict=True)]
    found = query(*rows)
    found.show()
    print(f"{found.count()} rows")


def _asks(loader: Callable[..., Any]) -> bool:
    """Whether a loader has to be given something."""
    given = inspect.signature(loader).parameters.values()
    return any(each.default is inspect.Parameter.empty for each in given)


@cache
def captions(folder: Path) -> vq.Intervals:
    """Closed captions of 70 hours of American news, one row a cue: ``text``."""
    files = sorted((folder / "captions_tvnews").glob("*.srt"))
    cues = [read_captions(path, video=path.stem).tables["cues"] for path in files]
    lengths = [cue["end_us"][-1].as_py() / 1e6 if len(cue) else 0.0 for cue in cues]
    extents = _extents([path.stem for path in files], lengths)
    table = pa.concat_tables(cues).select(["video", "start_us", "end_us", "text"])
    return vq.from_arrow(table, name="captions", extents=extents)


def tennis(folder: Path, split: str = "val") -> vq.Intervals:
    """Serves, bounces and swings of both players, instants: ``side`` near or far, ``event``."""
    rows = []
    clips = json.loads((folder / f"events/tennis/{split}.json").read_text())
    for clip in clips:
        for event in clip["events"]:
            side, _, what = event["label"].split("_")
            rows.append((clip["video"], event["frame"] / clip["fps"], side, what))
    video, at, side, event = zip(*rows, strict=True)
    table = pa.table({"video": video, "start": at, "end": at, "side": side, "event": event})
    lengths = [clip["num_frames"] / clip["fps"] for clip in clips]
    extents = _extents([clip["video"] for clip in clips], lengths, [c["fps"] for c in clips])
    return vq.from_arrow(table, name="tennis", extents=extents)


def shots(folder: Path) -> vq.Intervals:
    """Shots of the ClipShots videos, from the frame after a transition to that before the next."""
    clips = json.loads((folder / "shots/clipshots_train.json").read_text())
    video: list[str] = []
    start: list[int] = []
    end: list[int] = []
    for name, clip in clips.items():
        # [a, b]: a is the last frame of one shot and b the first of the next
        starts = [0, *(after for _, after in clip["transitions"])]
        ends = [*(before + 1 for before, _ in clip["transitions"]), int(clip["frame_num"])]
        kept = [(s, e) for s, e in zip(starts, ends, strict=True) if s < e]
        video += [name] * len(kept)
        start += [s for s, _ in kept]
        end += [e for _, e in kept]
    us = 1_000_000 // CLIP_FPS
    table = pa.table(
        {
            "video": video,
            "start_us": pa.array([frame * us for frame in start], pa.int64()),
            "end_us": pa.array([frame * us for frame in end], pa.int64()),
        }
    )
    return vq.from_arrow(table, name="shots")


def pedestrians(folder: Path, sequence: str, file: str) -> vq.Intervals:
    """Boxes of a MOTChallenge sequence: ``det``, ``gt`` or ``tracker_result``; ``track, score``."""
    fps, width, height = PICTURES[sequence]
    clock = FrameClock.from_rate(fps, 1, width=width, height=height)
    path = folder / "mot" / sequence / f"{file}.txt"
    kind = {"det": "detections", "gt": "ground truth"}.get(file, "result")
    table = read_mot(path, video=sequence, clock=clock, kind=kind).tables["detections"]  # type: ignore[arg-type]
    return vq.from_arrow(table.drop_columns(["source", "name"]), name=file)


def advertisements(folder: Path) -> vq.Intervals:
    """Stretches of television that people marked: ``type`` is ad or news."""
    lines = _lines(folder / ADVERTS)
    return vq.from_arrow(
        pa.table(
            {
                "video": [line["episode"] for line in lines],
                "start": [_seconds(line["start_time"]) for line in lines],
                "end": [_seconds(line["end_time"]) for line in lines],
                "type": [line["type"] for line in lines],
            }
        ),
        name="segments",
    )


def logos(folder: Path, labels: str = "gold") -> vq.Intervals:
    """Seconds of television with a social-media logo: ``platform``.

    ``labels`` are those of people (``gold``, chosen pictures) or of a vision model that saw whole
    episodes (``gpt4o_run1``, ``gpt4o_run2``, ``gpt4o_run5``).
    """
    rows = []
    for path in sorted((folder / "tvnews_frames").glob(f"{labels}_*.csv")):
        for line in _lines(path):
            # EPISODE-SECOND.jpg, or EPISODE-FIRST-LAST.jpg
            found = PICTURE.fullmatch(line["filename"].removeprefix("/"))
            if found and line["Social Media Logo"].strip() == "Yes":
                first, last = int(found["first"]), int(found["last"] or found["first"])
                platform = line["Social Media Logo Type"].strip()
                rows.append((found["episode"], first, last + 1, platform))
    video, start, end, platforms = zip(*rows, strict=True)
    table = pa.table({"video": video, "start": start, "end": end, "platform": platforms})
    return vq.from_arrow(table, name="logos")


def actions(folder: Path) -> vq.Intervals:
    """Actions that people marked in the videos of THUMOS14: ``action``."""
    lines = _lines(folder / "events/thumos14/val_Annotation.csv")
    return vq.from_arrow(
        pa.table(
            {
                "video": [line["video"] for line in lines],
                "start": [float(line["start"]) for line in lines],
                "end": [float(line["end"]) for line in lines],
                "action": [line["type"] for line in lines],
            }
        ),
        name="actions",
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _extents(
    videos: Iterable[str], lengths: list[float], fps: list[float] | None = None
) -> pa.Table:
    """From where to where each video goes: what lies outside is not silence but unknown."""
    columns = {"video": list(videos), "start": [0.0] * len(lengths), "end": lengths}
    return pa.table(columns if fps is None else {**columns, "fps": fps})
