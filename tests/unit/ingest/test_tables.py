"""Table files: every spelling of times and boxes, and errors that name row and column."""

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA
from vquery.ingest.clock import FrameClock
from vquery.ingest.result import DETECTION_ROWS
from vquery.ingest.tables import read_detection_table, read_interval_table

CLOCK = FrameClock.from_rate(10, width=100, height=200, n_frames=50)
BOX = ("x1", "y1", "x2", "y2")


@pytest.fixture
def read(tmp_path):
    def read_it(text, name="faces.csv", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_detection_table(path, **{"video": "a.mp4", **options})

    return read_it


def rows(result):
    return result.tables["detections"].to_pylist()


def test_a_full_row(read):
    header = "video,start,end,x1,y1,x2,y2,class,score,track,name,frame,more"
    result = read(f"{header}\nb.mp4,1.5,1.75,0.1,0.2,0.5,0.75,face,0.9,4,Ann,15,x\n")
    assert result.tables["detections"].schema == DETECTION_ROWS
    (row,) = rows(result)
    assert {name: row.pop(name) for name in BOX} == pytest.approx(
        {"x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 0.75}
    )
    assert row.pop("score") == pytest.approx(0.9)
    assert row == {
        "video": "b.mp4",
        "start_us": 1_500_000,
        "end_us": 1_750_000,
        "class": "face",
        "track": 4,
        "frame": 15,
        "source": "faces.csv",
        "name": "Ann",
    }
    assert (result.skipped, result.notes) == ({}, [])


@pytest.mark.parametrize(
    ("header", "fields", "options", "span"),
    [
        ("start_us,end_us", "7,9", {}, (7, 9)),
        ("start,end", "0.1,0.3", {}, (100_000, 300_000)),
        ("time", "2.000001", {}, (2_000_001, 2_000_001)),
        ("time", "2", {"every": 0.5}, (2_000_000, 2_500_000)),
        ("start,end", "1:02.5,01:00:00.007", {}, (62_500_000, 3_600_007_000)),
        ("frame", "49", {"clock": CLOCK}, (4_900_000, 5_000_000)),
        ("frame", "3", {"clock": {"a.mp4": CLOCK}}, (300_000, 400_000)),
        ("start,end,frame", "1,2,999", {}, (1_000_000, 2_000_000)),
    ],
)
def test_times(read, header, fields, options, span):
    (row,) = rows(read(f"{header},x1,y1,x2,y2\n{fields},0,0,1,1\n", **options))
    assert (row["start_us"], row["end_us"]) == span


@pytest.mark.parametrize(
    ("header", "fields", "options"),
    [
        ("x1,y1,x2,y2", "0.25,0.5,0.5,0.75", {}),
        ("x,y,w,h", "0.25,0.5,0.25,0.25", {}),
        ("x1,y1,x2,y2", "25,100,50,150", {"pixels": True, "clock": CLOCK}),
        ("x,y,w,h", "25,100,25,50", {"clock": {"a.mp4": CLOCK}}),
    ],
)
def test_boxes(read, header, fields, options):
    result = read(f"time,{header}\n0,{fields}\n", **options)
    (row,) = rows(result)
    assert [row[name] for name in BOX] == [0.25, 0.5, 0.5, 0.75]
    assert result.notes == (
        ["boxes are taken as pixels, because coordinates exceed 2"]
        if "clock" in options and "pixels" not in options
        else []
    )


def test_columns_have_other_names(read):
    text = "t;L;T;R;B;confidence;track_id;label;name\n0;0;0;1;1;;-1;Ann;1\n"
    columns = {"time": "t", "x1": "L", "y1": "T", "x2": "R", "y2": "B", "name": "label"}
    (row,) = rows(read(text, columns=columns))
    assert (row["x2"], row["score"], row["track"], row["name"]) == (1.0, None, None, "Ann")
    with pytest.raises(IngestError, match=r"faces\.csv, row 2, column 'L': .* got 'one'"):
        read(text.replace("0;0;0;1", "0;one;0;1"), columns=columns)


def test_integers_of_more_than_64_bits_are_refused(tmp_path):
    path = tmp_path / "faces.parquet"
    time = pa.array([2**64 - 1], pa.uint64())
    box = {name: [0.5] for name in BOX}
    pq.write_table(pa.table({"video": ["a"], "start_us": time, "end_us": time, **box}), path)
    with pytest.raises(IngestError, match="column 'start_us': expected integers of 64 bits"):
        read_detection_table(path)


def test_boxes_without_area_are_counted(read):
    result = read("time,x1,y1,x2,y2\n0,0,0,0,1\n0,0,0,1,1\n0,0.5,0.5,0.5,0.5\n")
    assert len(rows(result)) == 1
    assert result.skipped == {NO_AREA: 2}


def test_an_empty_table_is_no_error(read):
    assert read("time,x1,y1,x2,y2\n").tables["detections"].schema == DETECTION_ROWS


TABLE = pa.table(
    {
        "start_us": pa.array([5, 2**60], pa.int64()),
        "end_us": pa.array([6, 2**60 + 1], pa.int64()),
        "x1": pa.array([0.0, 0.1], pa.float32()),
        "y1": pa.array([0.0, 0.1], pa.float16()),
        "x2": pa.array([1, 1]),
        "y2": pa.array([1.0, 1.0]),
        "class": pa.array(["face", None]).dictionary_encode(),
        "track": pa.array([None, 3], pa.int32()),
        "name": pa.array([1, 2]),
    }
)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "ipc", "feather"])
def test_binary_tables(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(TABLE, path)
    elif suffix == "feather":
        feather.write_feather(TABLE, path)
    else:
        make = pa.ipc.new_stream if suffix == "ipc" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, make(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)
    first, second = rows(read_detection_table(path, video="v"))
    assert (first["class"], first["track"], first["name"]) == ("face", None, "1")
    assert (second["start_us"], second["end_us"], second["track"]) == (2**60, 2**60 + 1, 3)
    path.write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(IngestError, match=rf"a\.{suffix}: no valid {suffix} file"):
        read_detection_table(path, video="v")


def test_json_lines(read):
    lines = [
        {"time": 1, "x1": 0, "y1": 0, "x2": 1, "y2": 0.5},
        {"time": 2.5, "x1": 0, "y1": 0, "x2": 1, "y2": 1, "track": 7, "name": "Ann"},
    ]
    text = "\n\n".join(map(json.dumps, lines))
    first, second = rows(read(text, "a.jsonl"))
    assert (first["track"], second["track"], second["name"]) == (None, 7, "Ann")
    assert (first["start_us"], second["start_us"]) == (1_000_000, 2_500_000)
    with pytest.raises(IngestError, match=r"a\.jsonl, row 3, column 'x2': .* got 'wide'"):
        read(text.replace('"x2": 1, "y2": 1', '"x2": "wide", "y2": 1'), "a.jsonl")
    with pytest.raises(IngestError, match=r"a\.jsonl, row 2: expected a JSON object, got list"):
        read('{"time": 1}\n[1]\n', "a.jsonl")
    with pytest.raises(IngestError, match=r"a\.jsonl, row 1: no valid JSON"):
        read("{", "a.jsonl")


HEAD = "time,x1,y1,x2,y2"
GOOD = f"{HEAD}\n0,0,0,1,1"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "time,x1,y1,x_2,y2\n",
            {},
            r"csv: no column 'x2'\. Columns: time, x1, y1, x_2, y2\. Did you mean 'x_2'\?",
        ),
        ("x1,y1,x2,y2\n", {}, r"no column 'start'"),
        ("start,x1,y1,x2,y2\n", {}, r"no column 'end'"),
        (f"{GOOD}\n0,0,abc,1,1", {}, r"csv, row 3, column 'y1': expected a number, got 'abc'"),
        (f'{GOOD}\n\n0,0,"0,5",1,1', {}, r"row 4, column 'y1': expected a number, got '0,5'"),
        (f"{GOOD}\n0,0,,1,1\n0,0,,1,1", {}, r"row 3, column 'y1': is empty \(2 such rows\)"),
        (f"{GOOD}\n0,0,nan,1,1", {}, r"row 3, column 'y1': expected a finite number"),
        (f"{GOOD}\n0,0,0,inf,1", {}, r"row 3, column 'x2': expected a finite number"),
        (f"{GOOD}\n0,0.5,0,0.4,1", {}, r"row 3, column 'x2': must not be less than x1"),
        ("time,x,y,w,h\n0,0,0,1,-1", {}, r"row 2, column 'h': must not be negative"),
        (f"{GOOD}\n0,0,0", {}, r"row 3: expected 5 fields, got 3"),
        (f"{GOOD}\n-1,0,0,1,1", {}, r"row 3, column 'time': must not be before 0"),
        (f"{GOOD}\n1:75,0,0,1,1", {}, r"row 3, column 'time': expected seconds or .* got '1:75'"),
        (f"{GOOD}\n1e12,0,0,1,1", {}, r"row 3, column 'time': is no time of a video"),
        ("start,end,x1,y1,x2,y2\n2,1,0,0,1,1", {}, r"row 2: start must not be after end"),
        (f"{GOOD}\n0,0,0,640,1", {}, r"column 'x1': pixels need the size of the picture: give"),
        (f"{GOOD}\n0,0,0,640,1", {"pixels": False}, r"row 3, column 'x1': .* or pixels=True"),
        (f"{GOOD}\n0,0,0,9,1", {"clock": {"b": CLOCK}}, r"row 2, column 'x1': .* has none for 'a"),
        ("frame,x1,y1,x2,y2\n0,0,0,1,1", {}, r"column 'frame': frame numbers need the times"),
        (
            "frame,x1,y1,x2,y2\n50,0,0,1,1",
            {"clock": CLOCK},
            r"row 2, column 'frame': no such frame: .* 0 to 49",
        ),
        (
            "frame,x1,y1,x2,y2\n1.5,0,0,1,1",
            {"clock": CLOCK},
            r"row 2, column 'frame': expected an integer",
        ),
        ("track,time,x1,y1,x2,y2\na7,0,0,0,1,1", {}, r"row 2, column 'track': .* got 'a7'"),
        ("track,time,x1,y1,x2,y2\n.5,0,0,0,1,1", {}, r"row 2, column 'track': expected an integer"),
        (
            f"video,{HEAD}\na.mp4,0,0,0,1,1\na.mp,0,0,0,1,1",
            {"videos": ["a.mp4", "b.mp4"]},
            r"row 3, column 'video': no video 'a\.mp'; there are 2: .* Did you mean 'a\.mp4'\?",
        ),
        (GOOD, {"video": None}, r"no column 'video'"),
        (f"video,{HEAD}\n ,0,0,0,1,1", {"video": None}, r"row 2, column 'video': is empty"),
        (GOOD, {"columns": {"left": "x1"}}, r"columns= has no meaning for 'left'; known: video"),
        (GOOD, {"columns": {"x1": "left"}}, r"no column 'left'\. Columns: time"),
        ("x1,x1\n1,2", {}, r"faces\.csv, row 1: two columns are called 'x1'"),
        ("", {}, r"faces\.csv, row 1: no header with column names"),
    ],
)
def test_errors_name_row_and_column(read, text, options, message):
    with pytest.raises(IngestError, match=message):
        read(text, **options)


def test_rows_count_lines_also_after_line_breaks_in_quotes(read):
    text = f'note,{HEAD}\n"two\nlines",0,0,0,1,1\n\nx,0,bad,0,1,1\n'
    with pytest.raises(IngestError, match=r"faces\.csv, row 5, column 'x1'"):
        read(text)


def test_other_files_are_refused(read, tmp_path):
    with pytest.raises(IngestError, match=r"faces\.xlsx: not a table file: expected \.csv, "):
        read("", "faces.xlsx")
    with pytest.raises(IngestError, match=r"gone\.parquet: no such file"):
        read_detection_table(tmp_path / "gone.parquet", video="v")


def test_encoding_is_noted(read):
    result = read(f"name,{HEAD}\nJosé,0,0,0,1,1\n".encode("latin-1"))
    assert rows(result)[0]["name"] == "José"
    assert result.notes[0].endswith("read as Latin-1")


share = st.floats(-1.5, 1.5, width=32)
detection = st.tuples(
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    share,
    share,
    st.floats(0.001, 0.5),
    st.floats(0.001, 0.5),
    st.none() | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
)


@given(st.lists(detection, min_size=1), st.sampled_from(["csv", "arrow csv", "jsonl", "parquet"]))
def test_round_trip(tmp_path_factory, items, form):
    names = ("start_us", "end_us", "x1", "y1", "x2", "y2", "name")
    written = [
        dict(zip(names, (start, start + length, x, y, x + w, y + h, name), strict=True))
        for start, length, x, y, w, h, name in items
    ]
    path = tmp_path_factory.mktemp("t") / f"a.{form.split()[-1]}"
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        writer.writerows(written)
        path.write_text(out.getvalue(), encoding="utf-8", newline="")
    elif form == "jsonl":
        path.write_text("".join(json.dumps(item) + "\n" for item in written))
    else:
        table = pa.table({n: pa.array([item[n] for item in written]) for n in names})
        pq.write_table(table, path) if form == "parquet" else arrow_csv.write_csv(table, path)
    found = rows(read_detection_table(path, video="v"))
    for item, row in zip(written, found, strict=True):
        assert [row[name] for name in names[:2]] == [item[name] for name in names[:2]]
        boxes = [np.float32(item[name]) for name in BOX]
        assert [np.float32(row[name]) for name in BOX] == boxes
        assert row["name"] == item["name"]


def test_intervals_of_any_kind(tmp_path):
    path = tmp_path / "ads.csv"
    path.write_text("begin,end,kind,n,share,empty\n00:01,2.5,ad,3,0.5,\n3,4,news,,1,\n")
    result = read_interval_table(path, video="a.mp4", columns={"start": "begin"})
    first, second = result.tables["intervals"].to_pylist()
    others = {"kind": "ad", "n": 3, "share": 0.5, "empty": None}
    assert first == {"video": "a.mp4", "start_us": 1_000_000, "end_us": 2_500_000, **others}
    others = {"kind": "news", "n": None, "share": 1.0, "empty": None}
    assert second == {"video": "a.mp4", "start_us": 3_000_000, "end_us": 4_000_000, **others}


def test_intervals_with_boxes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frame,x,y,w,h,what\n2,10,20,0,20,logo\n")
    result = read_interval_table(path, video="a.mp4", clock=CLOCK)
    (row,) = result.tables["intervals"].to_pylist()
    assert [row.pop(name) for name in BOX] == pytest.approx([0.1, 0.1, 0.1, 0.2])
    assert row == {
        "video": "a.mp4",
        "start_us": 200_000,
        "end_us": 300_000,
        "frame": 2,
        "what": "logo",
    }


@pytest.mark.data
def test_real_intervals(data):
    path = data / "events" / "thumos14" / "val_Annotation.csv"
    thumos = read_interval_table(path).tables["intervals"]
    assert (len(thumos), len(thumos["video"].unique())) == (3096, 200)
    path = data / "tvnews_frames" / "ad_segments.csv"
    columns = {"video": "episode", "start": "start_time", "end": "end_time"}
    result = read_interval_table(path, columns=columns)
    ads = result.tables["intervals"]
    kinds = [sum(kind == name for kind in ads["type"].to_pylist()) for name in ("news", "ad")]
    assert (len(ads), len(ads["video"].unique()), kinds) == (236, 24, [128, 108])
    lasted = (ads["end_us"].to_numpy() - ads["start_us"].to_numpy()) / 1e6
    np.testing.assert_allclose(lasted, ads["duration"].to_numpy())
