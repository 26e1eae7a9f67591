"""Seed labels find the detection they are meant for, or say why not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import IngestError, LabelError
from vquery.ingest.seeds import SEED_ROWS, match_seeds, read_seeds


@pytest.fixture
def read(tmp_path):
    def read_it(text, name="seeds.csv"):
        path = tmp_path / name
        path.write_text(text)
        return read_seeds(path).tables["seeds"]

    return read_it


def detections(*rows):
    names = ("detection_id", "video", "start_us", "end_us", "x1", "y1", "x2", "y2")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


FACES = detections(
    (11, "a.mp4", 0, 40_000, 0.1, 0.1, 0.5, 0.5),
    (12, "a.mp4", 0, 40_000, 0.2, 0.2, 0.4, 0.4),
    (13, "a.mp4", 40_000, 80_000, 0.1, 0.1, 0.5, 0.5),
    (21, "b.jpg", 0, 0, 0.0, 0.0, 1.0, 1.0),
)


def test_points(read):
    seeds = read("video,time,x,y,label\na.mp4,0.01,0.3,0.3,Ann\n\nb.jpg,0:00,1,0,\n")
    assert seeds.schema == SEED_ROWS
    assert seeds["row"].to_pylist() == [2, 4]
    assert seeds["label"].to_pylist() == ["Ann", None]
    assert match_seeds(seeds, FACES).tolist() == [12, 21]


def test_ids(read):
    seeds = read("label,detection_id\nAnn,13\nBob,11\n Ann ,13\n")
    assert seeds["label"].to_pylist() == ["Ann", "Bob", "Ann"]
    assert match_seeds(seeds, FACES).tolist() == [13, 11, 13]


def test_no_seeds(read):
    assert match_seeds(read("detection_id,label\n"), FACES).tolist() == []


@pytest.mark.parametrize(
    ("time", "x", "found"),
    [(0, 0.3, 12), (0, 0.15, 11), (0.04, 0.3, 13), (0.039999, 0.5, 11)],
)
def test_the_smallest_box_wins_and_spans_are_half_open(read, time, x, found):
    seeds = read(f"video,time,x,y,label\na.mp4,{time},{x},0.3,Ann\n")
    assert match_seeds(seeds, FACES).tolist() == [found]


def test_equal_boxes_by_nearest_centre_then_id(read):
    seeds = read("video,time,x,y,label\na,0,0.375,0.5,Ann\n")
    twins = [(4, "a", 0, 9, 0.25, 0.0, 0.75, 1.0), (3, "a", 0, 9, 0.0, 0.0, 0.5, 1.0)]
    assert match_seeds(seeds, detections(*twins)).tolist() == [3]
    off = read("video,time,x,y,label\na,0,0.4,0.5,Ann\n")
    assert match_seeds(off, detections(*twins)).tolist() == [4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,time,x,y\n", r"seeds\.csv: no column 'label'"),
        ("video,time,x,label\n", r"seeds\.csv: no column 'y'"),
        ("video,time,x,y,label\na,0,0,0,A\na,0,320,0,A", r"row 3, column 'x': expected a share of"),
        ("video,time,x,y,label\n,0,0.5,0.5,Ann", r"seeds\.csv, row 2, column 'video': is empty"),
        ("video,time,x,y,label\na,soon,0,0,Ann", r"row 2, column 'time': .* got 'soon'"),
        ("detection_id,label\n0,Ann", r"row 2, column 'detection_id': expected the id of a"),
        ("detection_id,label\n1.5,Ann", r"row 2, column 'detection_id': expected an integer"),
    ],
)
def test_files_that_are_wrong(read, text, message):
    with pytest.raises(IngestError, match=message):
        read(text)


ANN = "a.mp4,0,.3,.3,Ann"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4,9,0.3,0.3,x", r"row 2: .* at 9\.000 s; the nearest is detection 13 .*: change the"),
        ("A.mp4,0,0.3,0.3,x", r"row 2: video 'A\.mp4' has no detections; .* Did you mean 'a\.mp4'"),
        (
            f"{ANN}\na.mp4,0,.31,.3,Bob",
            r"row 3: labels detection 12 'Bob', but row 2 .* 'Ann'; keep",
        ),
        (f"{ANN}\na.mp4,0,.31,.3,", r"row 3: labels detection 12 none of them, but row 2 labels"),
    ],
)
def test_seeds_that_hit_nothing_or_contradict(read, text, message):
    seeds = read(f"video,time,x,y,label\n{text}\n")
    with pytest.raises(LabelError, match=message):
        match_seeds(seeds, FACES, what="s.csv")


def test_a_miss_says_what_is_nearest(read):
    seeds = read("video,time,x,y,label\na.mp4,0.01,0.7,0.5,x\n")
    with pytest.raises(LabelError) as failure:
        match_seeds(seeds, FACES, what="s.csv")
    assert str(failure.value) == (
        "s.csv, row 2: no detection of 'a.mp4' has the point (0.700, 0.500) at 0.010 s; the "
        "nearest is detection 11 from 0.000 to 0.040 s with the box (0.100, 0.100, 0.500, 0.500): "
        "move the point into the box, or label it by detection_id"
    )


def test_an_unknown_id(read):
    with pytest.raises(LabelError, match=r"seeds, row 2: there is no detection 99; give the id"):
        match_seeds(read("detection_id,label\n99,Ann\n"), FACES)


corner = st.integers(0, 8).map(lambda eighth: eighth / 8)
item = st.tuples(
    st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3), corner, corner, corner, corner
)
point = st.tuples(st.sampled_from("ab"), st.integers(0, 8), corner, corner)


@given(st.lists(item, min_size=1, max_size=12), point)
def test_against_a_slow_search(items, seed):
    table = detections(
        *[
            (
                number,
                video,
                start,
                start + length,
                min(x1, x2),
                min(y1, y2),
                max(x1, x2),
                max(y1, y2),
            )
            for number, (video, start, length, x1, y1, x2, y2) in enumerate(items, 1)
        ]
    )
    video, time, x, y = seed
    row = {"row": 2, "video": video, "time_us": time, "x": x, "y": y, "label": "L"}
    seeds = pa.Table.from_pylist([row], schema=SEED_ROWS)
    hits = []
    for d in table.to_pylist():
        inside = d["x1"] <= x <= d["x2"] and d["y1"] <= y <= d["y2"]
        during = d["start_us"] <= time < max(d["end_us"], d["start_us"] + 1)
        if d["video"] == video and inside and during:
            area = (d["x2"] - d["x1"]) * (d["y2"] - d["y1"])
            centre = np.hypot((d["x1"] + d["x2"]) / 2 - x, (d["y1"] + d["y2"]) / 2 - y)
            hits.append((area, centre, d["detection_id"]))
    if hits:
        assert match_seeds(seeds, table).tolist() == [min(hits)[2]]
    else:
        with pytest.raises(LabelError):
            match_seeds(seeds, table)
