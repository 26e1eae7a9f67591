"""Labels of spans of time as files: ActivityNet's JSON, CSV, Parquet, and WebVTT for players.

Times are those of the collection: from the zero of the file's own clock, exact to the microsecond
but in WebVTT, which counts milliseconds. A span that is no label is in none of the files.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vquery.export.coco import rounded
from vquery.export.folder import write_bytes, write_json
from vquery.export.items import picture_folder
from vquery.export.spans import SPAN
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vquery.export.spans import LabelledSpans

    Told = Callable[[int], None]

SUBSETS = {"train": "training", "val": "validation", "test": "testing"}
"""ActivityNet's words."""
VERSION = "VERSION 1.3"
"""The release of ActivityNet whose layout this is."""
US_PER_MS = 1000
ROW_GROUP = 65_536
"""Rows written at once."""
_SECONDS = [pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())]
_RENAMED = {"label_source": "source"}
PARQUET = pa.schema(
    [
        *SPAN.remove(SPAN.get_field_index("label_source")),
        *_SECONDS,
        pa.field("source", pa.string()),
        pa.field("split", pa.string()),
    ]
)
"""Columns of ``spans/SPLIT.parquet``."""
CSV = ("video", "start", "end", "label", "probability", "source", "split")


def write_span_parquet(spans: LabelledSpans, folder: Path, told: Told) -> None:
    """Write ``spans/SPLIT.parquet``, one row a span; apart from the crops of boxes."""
    (folder / "spans").mkdir(parents=True, exist_ok=True)
    for split, rows in spans.splits():
        path = folder / "spans" / f"{split}.parquet"
        with pq.ParquetWriter(path, PARQUET, compression="zstd") as file:
            for start in range(0, rows.num_rows, ROW_GROUP):
                some = rows.slice(start, ROW_GROUP)
                file.write_table(_with_seconds(some))
                told(some.num_rows)


def _with_seconds(rows: pa.Table) -> pa.Table:
    columns = {_RENAMED.get(name, name): rows[name] for name in rows.column_names}
    for name in ("start", "end"):
        columns[f"{name}_s"] = pc.divide(rows[f"{name}_us"].cast(pa.float64()), float(US_PER_S))
    return pa.table([columns[name] for name in PARQUET.names], schema=PARQUET)


def write_activitynet(spans: LabelledSpans, folder: Path, told: Told) -> None:
    """Write ``activitynet.json``: version, a taxonomy of one level, and the videos.

    ``duration`` is when the last frame ends, null where that is not known. Annotations carry
    ``probability`` and ``source`` besides ActivityNet's own fields, which readers pass over.
    """
    nodes = [_node(0, "Root")] + [
        _node(number, label, 0, "Root") for number, label in enumerate(spans.classes, start=1)
    ]
    write_json(
        folder / "activitynet.json",
        {"version": VERSION},
        lists={"taxonomy": nodes},
        objects={"database": _database(spans, told)},
    )


def _node(
    number: int, name: str, parent: int | None = None, parent_name: str | None = None
) -> dict[str, Any]:
    return {
        "nodeId": number, "nodeName": name, "parentId": parent, "parentName": parent_name
    }  # fmt: skip


def _database(spans: LabelledSpans, told: Told) -> Iterator[tuple[str, dict[str, Any]]]:
    for video, rows in spans.by_video():
        facts, end = spans.videos[video], spans.ends.get(video)
        about: dict[str, Any] = {"duration": None if end is None else end / US_PER_S}
        if facts["width"] and facts["height"]:
            about["resolution"] = f"{facts['width']}x{facts['height']}"
        yield (
            video,
            {
                **about,
                "subset": SUBSETS[rows[0]["split"]],
                "annotations": [
                    {
                        "segment": [row["start_us"] / US_PER_S, row["end_us"] / US_PER_S],
                        "label": row["label"],
                        "probability": rounded(row["probability"]),
                        "source": row["label_source"],
                    }
                    for row in rows
                ],
            },
        )
        told(len(rows))


def write_csv(spans: LabelledSpans, folder: Path, told: Told) -> None:
    """Write ``spans.csv`` with a header, in UTF-8; times in seconds with six decimals."""
    with (folder / "spans.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180; lone returns are quoted too
        writer.writerow(CSV)
        for video, rows in spans.by_video():
            for row in rows:
                times = seconds(row["start_us"]), seconds(row["end_us"])
                chance = rounded(row["probability"])
                writer.writerow(
                    [video, *times, row["label"], chance, row["label_source"], row["split"]]
                )
            told(len(rows))


def seconds(us: int) -> str:
    """Write microseconds as seconds, exactly.

    >>> seconds(1), seconds(-1_500_000), seconds(90_061_000_000)
    ('0.000001', '-1.500000', '90061.000000')
    """
    whole, rest = divmod(abs(us), US_PER_S)
    return f"{'-' if us < 0 else ''}{whole}.{rest:06d}"


def write_vtt(spans: LabelledSpans, folder: Path, told: Told) -> None:
    """Write ``SPLIT/VIDEO.vtt``, a cue a span: players show the labels as subtitles.

    The text of a cue is the label, in a class named human or fused; probabilities have no place.
    """
    for video, rows in spans.by_video():
        path = folder / rows[0]["split"] / vtt_name(video)
        write_bytes(path, _vtt(spans.concept, video, rows).encode())
        told(len(rows))


def vtt_name(video: str) -> str:
    """Name the file of a video: fit for any disk, and another for every video.

    >>> vtt_name("news/monday.mp4")
    'news__monday.mp4.vtt'
    """
    return f"{picture_folder(video)}.vtt"


def _vtt(concept: str, video: str, rows: Sequence[Mapping[str, Any]]) -> str:
    # an arrow would make a cue of the note; JSON can say it without one
    about = json.dumps({"concept": concept, "video": video}, ensure_ascii=False)
    blocks = ["WEBVTT", "NOTE " + about.replace(">", r"\u003e")]
    for row in rows:
        source, start, end = row["label_source"], _ms(row["start_us"]), _ms(row["end_us"])
        cue = f"{clock(start)} --> {clock(max(end, start + 1))}"  # a cue must last
        blocks.append(f"{cue}\n<c.{source}>{vtt_text(row['label'])}</c>")
    return "\n\n".join(blocks) + "\n"


def _ms(us: int) -> int:
    """Round to the nearest millisecond, so that spans that touch still do."""
    return (us + US_PER_MS // 2) // US_PER_MS


def clock(ms: int) -> str:
    """Write a time as WebVTT does.

    >>> clock(3_723_004), clock(360_000_000)
    ('01:02:03.004', '100:00:00.000')
    """
    whole, rest = divmod(ms, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{rest:03d}"


def vtt_text(label: str) -> str:
    r"""Escape a label for the text of a cue: no markup, and no line that could end the cue.

    >>> vtt_text("R&D <b>\n\n--> x")
    'R&amp;D &lt;b&gt;&#10;&#10;--&gt; x'
    """
    for character, written in (
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\n", "&#10;"), ("\r", "&#13;")
    ):  # fmt: skip
        label = label.replace(character, written)
    return label
