"""The reader of a detection file is chosen by its name."""

import json

import pytest

from vquery.errors import IngestError
from vquery.ingest.clock import FrameClock
from vquery.ingest.detections import read_detections

CLOCK = FrameClock.from_rate(10, width=100, height=200, n_frames=50)
COCO = {
    "images": [{"id": 1, "file_name": "000003.jpg", "width": 100, "height": 200}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [25, 50, 50, 100]}],
    "categories": [{"id": 1, "name": "pedestrian"}],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "frame,x1,y1,x2,y2,class\n3,0.25,0.25,0.75,0.75,pedestrian\n"),
        ("a.txt", "4,-1,26,51,50,100,-1,-1,-1,-1\n"),
        ("a.json", json.dumps(COCO)),
        ("a.JSONL", '{"frame": 3, "x": 25, "y": 50, "w": 50, "h": 100, "class": "pedestrian"}'),
    ],
)
def test_each_form_gives_the_same_row(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    (row,) = read_detections(path, video="a.mp4", clock=CLOCK).tables["detections"].to_pylist()
    assert row | {"score": None} == {
        "video": "a.mp4",
        "start_us": 300_000,
        "end_us": 400_000,
        "x1": 0.25,
        "y1": 0.25,
        "x2": 0.75,
        "y2": 0.75,
        "class": "pedestrian",
        "score": None,
        "track": None,
        "frame": 3,
        "source": name,
        "name": None,
    }


def test_rows_of_another_video_are_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("video,time,x1,y1,x2,y2\nb.mp4,0,0,0,1,1\n")
    with pytest.raises(IngestError, match=r"row 2, column 'video': no video 'b\.mp4'; there are 1"):
        read_detections(path, video="a.mp4")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(IngestError, match=r"a\.xml: no detection file: expected \.csv"):
        read_detections(tmp_path / "a.xml", video="a.mp4")
