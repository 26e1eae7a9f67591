"""MOTChallenge files: frames and pixels count from 1, rows not to be considered are skipped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA
from vquery.ingest.clock import FrameClock
from vquery.ingest.mot import NOT_CONSIDERED, read_mot, read_seqinfo
from vquery.ingest.result import DETECTION_ROWS

CLOCK = FrameClock.from_rate(10, width=100, height=200, n_frames=50)


@pytest.fixture
def read(tmp_path):
    def read_it(text, **options):
        path = tmp_path / "det.txt"
        path.write_text(text)
        return read_mot(path, video="v.mp4", **{"clock": CLOCK, **options})

    return read_it


def test_detections_of_ten_columns(read):
    result = read("1,-1,1,1,50,100,0.5,-1,-1,-1\n50, -1, -9, 101, 20.5, 10, 1e-1, -1, -1, -1\n")
    assert result.tables["detections"].schema == DETECTION_ROWS
    first, second = result.tables["detections"].to_pylist()
    assert first == {
        "video": "v.mp4",
        "start_us": 0,
        "end_us": 100_000,
        "x1": 0.0,
        "y1": 0.0,
        "x2": 0.5,
        "y2": 0.5,
        "class": "pedestrian",
        "score": 0.5,
        "track": None,
        "frame": 0,
        "source": "det.txt",
        "name": None,
    }
    assert (second["frame"], second["start_us"], second["end_us"]) == (49, 4_900_000, 5_000_000)
    box = [second[name] for name in ("x1", "y1", "x2", "y2")]
    assert box == pytest.approx([-0.1, 0.5, 0.105, 0.55])
    assert result.notes == ["read as MOTChallenge detections"]


def test_seven_columns_and_a_clock_that_samples(read):
    clock = FrameClock.from_rate(10, width=100, height=200, n_frames=50, every=5)
    row = read("46,-1,1,1,50,100,0.5", clock=clock).tables["detections"].to_pylist()[0]
    assert (row["start_us"], row["end_us"], row["score"]) == (4_500_000, 5_000_000, 0.5)


def test_ground_truth_of_nine_columns(read):
    result = read("1,7,1,1,50,100,1,3,0.5\n1,8,1,1,50,100,0,12,1\n2,7,1,1,0,100,1,1,1\n")
    row = result.tables["detections"].to_pylist()
    assert [(r["track"], r["class"], r["score"]) for r in row] == [(7, "car", None)]
    assert result.skipped == {NOT_CONSIDERED: 1, NO_AREA: 1}


def test_column_seven_of_ten_is_a_flag_or_a_score(read):
    flagged = "1,3,1,1,50,100,1,-1,-1,-1\n1,4,1,1,50,100,0,-1,-1,-1\n"
    assert read(flagged).skipped == {NOT_CONSIDERED: 1}
    scores = read(flagged, kind="result").tables["detections"]["score"]
    assert scores.to_pylist() == [1.0, 0.0]
    tracked = "1,3,1,1,50,100,-1,-1,-1,-1\n1,4,1,1,50,100,0.5,-1,-1,-1\n"
    assert read(tracked).tables["detections"]["score"].to_pylist() == [None, 0.5]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_has_no_detections(read, text):
    assert read(text).tables["detections"].schema == DETECTION_ROWS


ROW = "1,-1,1,1,50,100,0.5,-1,-1,-1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 -1 1 1", r"det\.txt, row 1: expected 6 to 10 fields .* got 1"),
        (f"{ROW}\n2,-1,1", r"det\.txt, row 3: expected 10 fields, got 3"),
        (f"{ROW}2,-1,1,abc,5,5,1,1,1,1", r"row 2, column 'top': expected a number, got 'abc'"),
        (f"{ROW}2,-1,1,nan,5,5,1,1,1,1", r"row 2, column 'top': expected a finite number"),
        (f"{ROW}2.5,-1,1,1,5,5,1,1,1,1", r"row 2, column 'frame': expected an integer"),
        (f"{ROW}0,-1,1,1,5,5,1,1,1,1", r"row 2, column 'frame': no such frame: .* 0 to 49"),
        (f"{ROW}51,-1,1,1,5,5,1,1,1,1", r"row 2, column 'frame': no such frame: .* 0 to 49"),
        ("1,1,1,1,5,5,1,99,1", r"row 1, column 'class': expected a class from 1 to 13"),
    ],
)
def test_errors_name_row_and_column(read, text, message):
    with pytest.raises(IngestError, match=message):
        read(text)


SEQINFO = """[Sequence]
name=X
frameRate=29.97
seqLength=3
imWidth=100
imHeight=200
"""


def test_seqinfo_beside_the_file_is_the_clock(tmp_path):
    path = tmp_path / "gt" / "gt.txt"
    path.parent.mkdir()
    path.write_text("3,1,1,1,50,100,1,1,1\n")
    with pytest.raises(
        IngestError, match=r"gt\.txt: no seqinfo\.ini beside it: give the frame rate"
    ):
        read_mot(path, video="v")
    (tmp_path / "seqinfo.ini").write_text(SEQINFO)
    row = read_mot(path, video="v").tables["detections"].to_pylist()[0]
    assert (row["start_us"], row["end_us"], row["x2"]) == (66733, 100_100, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("imWidth", "width", r"seqinfo\.ini: no entry 'imWidth'; expected \[Sequence\] with"),
        ("[Sequence]", "[Other]", r"no entry 'Sequence'"),
        ("29.97", "fast", r"no valid sequence information: .*'fast'"),
        ("[Sequence]", "", r"no valid sequence information"),
    ],
)
def test_seqinfo_errors(tmp_path, old, new, message):
    path = tmp_path / "seqinfo.ini"
    path.write_text(SEQINFO.replace(old, new))
    with pytest.raises(IngestError, match=message):
        read_seqinfo(path)


pixel = st.integers(-50, 2000)
row = st.tuples(st.integers(0, 49), st.integers(1, 9), pixel, pixel, *[st.integers(1, 500)] * 2)


@given(st.lists(row, min_size=1))
def test_written_back_as_documented(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("mot") / "gt.txt"
    lines = [f"{frame + 1},{track},{x},{y},{w},{h},1,1,1" for frame, track, x, y, w, h in rows]
    path.write_text("\n".join(lines))
    table = read_mot(path, video="v", clock=CLOCK).tables["detections"].to_pylist()
    written = [
        (
            found["frame"] + 1,
            found["track"],
            round(found["x1"] * 100 + 1),
            round(found["y1"] * 200 + 1),
            round((found["x2"] - found["x1"]) * 100),
            round((found["y2"] - found["y1"]) * 200),
        )
        for found in table
    ]
    assert [f"{','.join(map(str, fields))},1,1,1" for fields in written] == lines


REAL = {
    "ADL-Rundle-6/det.txt": (4325, 0),
    "ETH-Bahnhof/det.txt": (6209, 0),
    "ETH-Sunnyday/det.txt": (2176, 0),
    "KITTI-13/det.txt": (945, 0),
    "PETS09-S2L1/det.txt": (4359, 0),
    "TUD-Campus/det.txt": (321, 0),
    "Venice-2/det.txt": (5466, 0),
    "TUD-Campus/gt.txt": (359, 8),
    "MOT16-11/gt.txt": (10_076, 80),
    "TUD-Campus/tracker_result.txt": (222, 13),
    "MOT16-11/tracker_result.txt": (5705, 96),
}


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_files(data, name):
    path = data / "mot" / name
    clock = FrameClock.from_rate(25, width=1920, height=1080)
    result = read_mot(path, video="v", clock=clock)
    table = result.tables["detections"]
    raw = np.loadtxt(path, delimiter=",")
    n_rows, n_ids = REAL[name]
    assert (len(raw), len(table) + result.n_skipped) == (n_rows, n_rows)
    assert len(set(raw[:, 1]) - {-1}) == n_ids
    if name == "MOT16-11/gt.txt":
        assert result.skipped == {NOT_CONSIDERED: 902}
        raw = raw[raw[:, 6] == 1]
    assert set(table["class"].to_pylist()) == {"pedestrian"}
    np.testing.assert_array_equal(table["frame"].to_numpy(), raw[:, 0] - 1)
    np.testing.assert_array_equal(table["start_us"].to_numpy(), (raw[:, 0] - 1) * 40_000)
    np.testing.assert_allclose(table["x1"].to_numpy() * 1920 + 1, raw[:, 2], atol=2e-3)
    right = (raw[:, 2] - 1 + raw[:, 4]) / 1920
    np.testing.assert_allclose(table["x2"].to_numpy(), right, atol=1e-6)
    bottom = (raw[:, 3] - 1 + raw[:, 5]) / 1080
    np.testing.assert_allclose(table["y2"].to_numpy(), bottom, atol=1e-6)
    tracks = table["track"].to_pylist()
    assert tracks == [None if track < 0 else track for track in raw[:, 1]]
    if "det" in name:
        np.testing.assert_allclose(table["score"].to_numpy(), raw[:, 6], rtol=1e-6)
    else:
        assert table["score"].null_count == len(table)
