"""Labelled spans of time: where people overrule what was fused, and each format read back."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.errors import ExportError
from vquery.export import spans as exported
from vquery.export.spans import SPAN, LabelledSpans, left_by_people
from vquery.export.write import NO_BOXES, NO_TIMES, TOO_EARLY, write_export
from vquery.ingest.captions import read_captions
from vquery.supervise.fusion import covered

ODD = [
    'a "b", c',
    "x\n\ny",
    "1 --> 2",
    "<b>R&D</b> &amp;",
    "r\r\nn",
    "\ttab; 'q'",
    "Zoë 日本",
    "=1+1",
]
NAMES = [
    "Ünï çødé/日本.mp4",
    "../../etc/passwd",
    "a --> b\n.mov",
    "q\",'.mp4",
    "a/b.mp4",
    "a__b.mp4",
]


def span(video="a.mp4", start=0, end=1_500_000, label="yes", **more):
    """One row of SPAN."""
    row = {
        "video": video,
        "start_us": start,
        "end_us": end,
        "label": label,
        "probability": 0.9,
        "label_source": "fused",
        "calibrated": True,
        "by": None,
        "why": '[{"source": "votes"}]',
        "run_id": 3,
    }
    return row | more


def by_hand(**more):
    """One row of SPAN that a person said."""
    said = {"probability": 1.0, "label_source": "human", "calibrated": None, "why": None}
    return span(**said, run_id=None, by="Miriam", **more)


def labelled_spans(make, rows, **more):
    """What `write_export` is given; videos last 20 s."""
    names = {row["video"] for row in rows}
    return LabelledSpans(
        concept="commercial",
        rows=pa.Table.from_pylist(rows, schema=SPAN),
        videos={name: make.video(name) for name in names},
        ends=dict.fromkeys(names, 20_000_001),
        **more,
    )


@pytest.fixture
def write(make, tmp_path):
    """Write spans, and the boxes of no or some detections; gives the folder and the account."""

    def written(rows, format_, *, boxes=(), out="out", **options):
        items = make.labelled(list(boxes))
        spans = labelled_spans(make, rows)
        return tmp_path / out, write_export(
            items, tmp_path / out, format=format_, spans=spans, **options
        )

    return written


def odd_rows():
    """Every odd label in every odd video, and times at single microseconds."""
    return [
        span(name, 7_000_001 * at, 7_000_001 * at + 6_999_999, label)
        for name in NAMES
        for at, label in enumerate(ODD)
    ]


def key(row):
    return (row["video"], row["start_us"], row["end_us"], row["label"])


def microseconds(text):
    return round(float(text) * 1_000_000)


# --- people before fusion ---------------------------------------------------------------------


def brute(fused, human):
    """Moment by moment: who has it."""
    rows, dropped, cut = [], 0, 0
    for video, start, end in fused:
        end = max(end, start + 1)
        free = [
            t
            for t in range(start, end)
            if not any(name == video and low <= t < high for name, low, high in human)
        ]
        taken = end - start - len(free)
        if taken and 2 * taken >= end - start:
            dropped += 1
            continue
        cut += taken > 0
        rows += [(video, t) for t in free]
    return rows, dropped, cut


SIDES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-5, 30), st.integers(0, 12)), max_size=6
)


def table(spans):
    columns = zip(*spans, strict=True) if spans else ((), (), ())
    types = (pa.string(), pa.int64(), pa.int64())
    names = ("video", "start_us", "end_us")
    arrays = [pa.array(list(one), kind) for one, kind in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES)
def test_what_people_leave_is_what_moments_say(fused, words):
    fused = [(video, start, start + length) for video, start, length in fused]
    human, last = [], {}
    for video, start, length in sorted(words):
        low = max(start, last.get(video, -99))
        if low < start + length:
            human.append((video, low, start + length))
            last[video] = start + length
    rows, dropped, cut = left_by_people(table(fused), table(human))
    found = [
        (row["video"], t) for row in rows.to_pylist() for t in range(row["start_us"], row["end_us"])
    ]
    assert (found, dropped, cut) == brute(fused, human)


def test_exports_and_fusions_mean_the_same_by_most_of_a_span():
    assert exported.COVER == covered.COVER


def test_pieces_keep_the_columns_of_their_span():
    fused = table([("a", 0, 100)]).append_column("label", pa.array(["yes"]))
    rows, dropped, cut = left_by_people(fused, table([("a", 20, 30), ("a", 40, 41)]))
    assert rows.to_pylist() == [
        {"video": "a", "start_us": low, "end_us": high, "label": "yes"}
        for low, high in [(0, 20), (30, 40), (41, 100)]
    ]
    assert (dropped, cut) == (0, 1)


# --- each format, read back -------------------------------------------------------------------


def test_parquet_has_exact_times_and_provenance(write):
    rows = [*odd_rows(), by_hand(video="a/b.mp4", start=60_000_000, end=60_000_001)]
    out, written = write(rows, "parquet", split=(0.5, 0.25, 0.25))
    files = sorted(one.name for one in (out / "spans").iterdir())
    assert files == ["test.parquet", "train.parquet", "val.parquet"]
    assert not list(out.glob("*.parquet")), "crops of boxes, of which there are none"
    found = [
        row | {"file": file}
        for file in files
        for row in pq.read_table(out / "spans" / file).to_pylist()
    ]
    assert sorted(map(key, found)) == sorted(map(key, rows))
    assert written.total == len(rows)
    for row in found:
        assert (row["start_s"], row["end_s"]) == (row["start_us"] / 1e6, row["end_us"] / 1e6)
        assert row["file"] == f"{row['split']}.parquet"
    (said,) = (row for row in found if row["source"] == "human")
    assert (said["by"], said["probability"], said["calibrated"], said["run_id"]) == (
        "Miriam", 1.0, None, None
    )  # fmt: skip
    fused = next(row for row in found if row["source"] == "fused")
    assert fused["why"] == '[{"source": "votes"}]'
    assert (fused["calibrated"], fused["run_id"]) == (True, 3)


def test_activitynet_names_subsets_durations_and_segments(write):
    rows = odd_rows()
    out, written = write(rows, "activitynet", split=(0.5, 0.25, 0.25))
    found = json.loads((out / "activitynet.json").read_text(encoding="utf-8"))
    assert found.keys() == {"version", "taxonomy", "database"}
    names = {node["nodeId"]: node["nodeName"] for node in found["taxonomy"]}
    assert set(names.values()) == {"Root", *ODD}
    assert {node["parentId"] for node in found["taxonomy"]} == {None, 0}
    subset = {"train": "training", "val": "validation", "test": "testing"}
    back = []
    for video, about in found["database"].items():
        assert about["duration"] == 20.000001
        (side,) = (
            name for name, facts in written.manifest["splits"].items() if video in facts["videos"]
        )
        assert about["subset"] == subset[side]
        for one in about["annotations"]:
            start, end = one["segment"]
            back.append((video, round(start * 1e6), round(end * 1e6), one["label"]))
            assert (one["probability"], one["source"]) == (0.9, "fused")
    assert sorted(back) == sorted(map(key, rows))


def test_a_video_of_unknown_length_has_no_duration(make, tmp_path):
    spans = LabelledSpans(
        "ad", pa.Table.from_pylist([span()], schema=SPAN), {"a.mp4": make.video("a.mp4")}
    )
    write_export(make.labelled([]), tmp_path / "out", format="activitynet", spans=spans)
    found = json.loads((tmp_path / "out" / "activitynet.json").read_text())
    assert found["database"]["a.mp4"]["duration"] is None


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1)
TIME = st.integers(-(10**7), 10**12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TIME, st.integers(1, 10**7), TEXT), min_size=1, max_size=4))
def test_csv_gives_back_any_name_label_and_time(tmp_path_factory, make, rows):
    rows = [span(video, start, start + length, label) for video, start, length, label in rows]
    out = tmp_path_factory.mktemp("csv") / "out"
    spans = labelled_spans(make, rows)
    write_export(make.labelled([]), out, format="csv", spans=spans, split=(1, 0, 0))
    with (out / "spans.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    back = [
        (one["video"], microseconds(one["start"]), microseconds(one["end"]), one["label"])
        for one in found
    ]
    assert sorted(back) == sorted(map(key, rows))
    assert {(one["probability"], one["source"], one["split"]) for one in found} == {
        ("0.9", "fused", "train")
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT.filter(str.strip), min_size=1, max_size=6), TEXT)
def test_cues_say_the_labels_to_our_reader(tmp_path_factory, make, labels, video):
    rows = [span(video, 3_000_000 * i, 3_000_000 * (i + 1), one) for i, one in enumerate(labels)]
    out = tmp_path_factory.mktemp("vtt") / "out"
    spans = labelled_spans(make, rows)
    write_export(make.labelled([]), out, format="vtt", spans=spans, split=(1, 0, 0))
    (path,) = out.rglob("*.vtt")
    assert path.parent == out / "train"
    raw = path.read_bytes().decode()
    texts = re.findall(r"<c\.fused>(.*?)</c>", raw, flags=re.DOTALL)
    assert [raw.count(sign) for sign in ("-->", "\r")] == [len(labels), 0]
    assert [html.unescape(one) for one in texts] == labels
    cues = read_captions(path, video=video).tables["cues"].to_pylist()
    visible = [(i, one) for i, one in enumerate(labels) if re.fullmatch(r"[\w ,.\"'<>-]+", one)]
    by_start = {cue["start_us"]: cue for cue in cues}
    for i, one in visible:
        cue = by_start[3_000_000 * i]
        assert (cue["text"], cue["end_us"]) == (" ".join(one.split()), 3_000_000 * (i + 1))


def test_cues_of_odd_labels_and_names(write, tmp_path):
    rows = odd_rows()
    out, written = write(rows, "vtt", split=(0.5, 0.5, 0))
    files = {about["video"]: about["file"] for about in written.manifest["videos"]}
    assert set(files) == set(NAMES)
    assert len(set(files.values())) == len(NAMES)
    assert {one.name for one in out.rglob("*.vtt")} == set(files.values())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out"], "nothing beside it"
    for video, name in files.items():
        (path,) = out.rglob(name.replace("[", "[[]"))
        read = read_captions(path, video=video)
        assert not read.skipped
        cues = read.tables["cues"].to_pylist()
        assert [cue["text"] for cue in cues] == [" ".join(one.split()) for one in ODD]
        for at, cue in enumerate(cues):
            start = 7_000_001 * at
            assert abs(cue["start_us"] - start) <= 500
            assert abs(cue["end_us"] - start - 6_999_999) <= 500
        other = pysubs2.load(str(path))
        assert [(one.start * 1000, one.end * 1000) for one in other] == [
            (cue["start_us"], cue["end_us"]) for cue in cues
        ]


def test_a_cue_lasts_a_millisecond_and_spans_that_touch_still_do(write):
    rows = [
        span(start=1_000_400, end=1_000_401, label="flash"),
        span(start=5_000_000, end=6_000_500),
    ]
    rows.append(span(start=6_000_500, end=3_600_000_000 * 100))
    out, _ = write(rows, "vtt", split=(1, 0, 0))
    (path,) = out.rglob("*.vtt")
    times = [line for line in path.read_text().splitlines() if "-->" in line]
    assert times == [
        "00:00:01.000 --> 00:00:01.001",
        "00:00:05.000 --> 00:00:06.001",
        "00:00:06.001 --> 100:00:00.000",
    ]


# --- what all share ---------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["parquet", "activitynet", "csv", "vtt"])
def test_all_formats_agree_on_counts_and_are_the_same_twice(write, format_):
    rows = [*odd_rows(), by_hand(video="a/b.mp4", start=90_000_000, end=91_000_000)]
    told = []
    first, written = write(
        rows, format_, seed=4, progress=lambda done, total: told.append((done, total))
    )
    again, _ = write(rows[::-1], format_, seed=4, out="again")
    files = sorted(one.relative_to(first) for one in first.rglob("*") if one.is_file())
    assert files == sorted(one.relative_to(again) for one in again.rglob("*") if one.is_file())
    assert all((first / one).read_bytes() == (again / one).read_bytes() for one in files)
    assert told[-1] == (len(rows), len(rows))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    manifest = json.loads((first / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(written.manifest))
    assert manifest["label_sources"] == {"fused": len(rows) - 1, "human": 1}
    assert manifest["classes"] == manifest["span_classes"] == sorted({*ODD, "yes"})
    videos = [video for side in manifest["splits"].values() for video in side["videos"]]
    assert sorted(videos) == sorted(NAMES), "each in one split"
    assert sum(side["spans"] for side in manifest["splits"].values()) == len(rows)
    assert "frames" not in manifest["splits"]["train"]
    assert "unknown, not negative" in manifest["note"]


def test_parquet_holds_boxes_and_spans_apart_in_the_same_splits(make, tmp_path):
    boxes = [make.item(f"{i}.mp4", 1, detection_id=i, label=f"p{i % 2}") for i in range(8)]
    items = make.labelled(boxes, crops=dict.fromkeys(range(8), b"\xff\xd8 jpeg"))
    rows = [span(f"{i}.mp4", at, at + 10) for i in range(4, 12) for at in (0, 20)]
    spans, out = labelled_spans(make, rows), tmp_path / "out"
    written = write_export(items, out, format="parquet", spans=spans, split=(0.5, 0.5, 0))
    sides = {}
    for path in out.rglob("*.parquet"):
        for video in pq.read_table(path, columns=["video"])["video"].to_pylist():
            sides.setdefault(video, set()).add(path.stem)
    assert len(sides) == 12
    assert all(len(one) == 1 for one in sides.values())
    assert written.total == 8 + 16
    assert written.skipped == {}
    assert written.manifest["classes"] == ["p0", "p1"], "what numbers in the crops' files mean"
    assert written.manifest["span_classes"] == ["yes"]
    assert sum(side["spans"] for side in written.manifest["splits"].values()) == 16


def test_what_a_format_cannot_hold_is_counted(make, write):
    rows, boxes = [span(), span(start=-5, end=10)], [make.item()]
    _, written = write(rows, "coco", boxes=boxes, pictures=False, out="coco")
    assert (written.total, written.skipped) == (1, {NO_TIMES: 2})
    assert "span_classes" not in written.manifest
    _, written = write(rows, "csv", boxes=boxes, out="csv")
    assert (written.total, written.skipped) == (2, {NO_BOXES: 1})
    assert "human_labels" not in written.manifest
    _, written = write(rows, "vtt", boxes=boxes, out="vtt")
    assert (written.total, written.skipped) == (1, {NO_BOXES: 1, TOO_EARLY: 1})


def test_errors_name_what_there_is_and_leave_nothing(make, write, tmp_path):
    with pytest.raises(
        ExportError, match=r"all of spans of time \(1\): choose format parquet, act"
    ):
        write([span()], "coco")
    with pytest.raises(ExportError, match=r"all of detections \(1\): choose format coco"):
        write([], "vtt", boxes=[make.item()])
    with pytest.raises(ExportError, match=r"none of the labels .* 1 span that starts before"):
        write([span(start=-5, end=10)], "vtt")
    with pytest.raises(ExportError, match=r"nothing has a label .*\(3 spans: too unsure\)"):
        write_export(
            make.labelled([]),
            tmp_path / "out",
            format="csv",
            spans=labelled_spans(make, [], without_label={"too unsure": 3}),
        )
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_leaves_nothing(write, tmp_path, monkeypatch):
    done = []

    def full(path, data):
        done.append(Path(path))
        if len(done) == 3:
            raise OSError(28, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr("vquery.export.times.write_bytes", full)
    with pytest.raises(ExportError, match="Free some space"):
        write(odd_rows(), "vtt")
    assert not list(tmp_path.iterdir())
