"""Videos are given by parts, frames exactly, crops and boxes by detection; nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vquery.media.video import FrameReader

A = "/media/video/a.mp4"


def shown(jpeg: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


@pytest.fixture
def whole(sample: Path) -> bytes:
    return (sample / "a.mp4").read_bytes()


def test_a_video_is_given_whole_where_no_part_is_asked_for(shared: Any, whole: bytes):
    found = shared.client.ask("GET", A)
    assert (found.status, found.body) == (200, whole)
    assert found.headers["content-type"] == "video/mp4"
    assert found.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=500-", slice(500, None)),
        ("bytes=-77", slice(-77, None)),
        ("bytes=10-99999999999", slice(10, None)),
    ],
)
def test_parts_are_given(shared: Any, whole: bytes, header: str, part: slice):
    found = shared.client.ask("GET", A, headers={"Range": header})
    assert (found.status, found.body) == (206, whole[part])
    first, last, _ = part.indices(len(whole))
    assert found.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"


@pytest.mark.parametrize(
    "header",
    ["bytes=99999999-", "bytes=5-4", "bytes=-0", "bytes=0-1,5-6", "bytes=a-b", "lines=0-1", "x"],
)
def test_parts_that_there_are_not_are_refused(shared: Any, whole: bytes, header: str):
    found = shared.client.ask("GET", A, headers={"Range": header})
    assert found.status == 416
    assert found.headers["content-range"] == f"bytes */{len(whole)}"
    assert "no such bytes" in found.json["error"]


def test_a_part_of_an_older_file_is_not_mixed_with_this_one(shared: Any, whole: bytes):
    client = shared.client
    tag = client.ask("HEAD", A).headers["etag"]
    same = client.ask("GET", A, headers={"Range": "bytes=1-2", "If-Range": tag})
    other = client.ask("GET", A, headers={"Range": "bytes=1-2", "If-Range": '"old"'})
    assert (same.status, same.body) == (206, whole[1:3])
    assert (other.status, other.body) == (200, whole)
    assert client.ask("GET", A, headers={"If-None-Match": tag}).status == 304


def test_only_the_head_is_given_where_only_it_is_asked_for(shared: Any, whole: bytes):
    found = shared.client.ask("HEAD", A, headers={"Range": "bytes=0-9"})
    assert (found.status, found.body, found.headers["content-length"]) == (206, b"", "10")


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "a.csv",
        "a.mp4/../a.csv",
        "./a.mp4",
        "A.MP4",
        "a.mp4%00.jpg",
        "catalog.sqlite",
        "",
        "x" * 3000,
    ],
)
@pytest.mark.parametrize("kind", ["video", "frame", "strip"])
def test_only_videos_of_the_collection_are_given(shared: Any, kind: str, name: str):
    query = "?t_us=0&start_us=0&end_us=1"
    found = shared.client.ask("GET", f"/media/{kind}/{name}{query}")
    assert found.status == 404
    assert found.json["error"]


def test_a_file_that_is_gone_is_told(shared: Any, sample: Path, tmp_path: Path):
    held = tmp_path / "held.mp4"
    shutil.move(sample / "b.mp4", held)
    try:
        client = shared.client
        assert "put it back" in client.refused("/media/video/b.mp4", 404)
        assert "put it back" in client.refused("/media/frame/b.mp4", 404, t_us=0)
    finally:
        shutil.move(held, sample / "b.mp4")


@pytest.mark.parametrize("row", [23, 0, 11, 12])
def test_frames_are_those_of_their_time(shared: Any, sample: Path, row: int):
    with FrameReader(sample / "a.mp4") as reader:
        frames = [(frame.start_us, frame.image) for frame in reader]
    start = frames[row][0]
    path = f"/media/frame/a.mp4?height=120&t_us={start}"
    found = shared.client.ask("GET", path)
    assert (found.status, found.headers["content-type"]) == (200, "image/jpeg")
    assert found.headers["x-vquery-start-us"] == str(start)
    near = [np.abs(shown(found.body).astype(int) - one.astype(int)).mean() for _, one in frames]
    assert int(np.argmin(near)) == row
    assert near[row] < 6
    between = shared.client.ask("GET", f"/media/frame/a.mp4?height=120&t_us={start + 1}")
    assert between.body == found.body
    again = shared.client.ask("GET", path, headers={"If-None-Match": found.headers["etag"]})
    assert again.status == 304


def test_frames_are_shrunk(shared: Any):
    found = shared.client.ask("GET", "/media/frame/a.mp4?t_us=0&height=30")
    assert shown(found.body).shape == (30, 40, 3)


def test_strips_show_frames_side_by_side(shared: Any):
    path = "/media/strip/a.mp4?start_us=0&end_us=2000000&frames=4&height=60"
    image = shown(shared.client.ask("GET", path).body)
    assert image.shape == (60, 4 * 80 + 3 * 2, 3)
    dark, light = image[:10, :80].mean(), image[:10, -80:].mean()  # one frame of each shot
    assert light > dark + 100
    short = "/media/strip/a.mp4?start_us=0&end_us=10&frames=4&height=60"
    assert shown(shared.client.ask("GET", short).body).shape == (60, 80, 3)


@pytest.mark.parametrize(
    "query",
    ["", "?t_us=x", "?t_us=-1", "?t_us=1e6", "?t_us=0&height=100000", f"?t_us={10**30}"],
)
def test_bad_numbers_are_refused(shared: Any, query: str):
    found = shared.client.ask("GET", f"/media/frame/a.mp4{query}")
    assert found.status == 400
    assert found.json["error"]


def test_crops_are_given(shared: Any):
    faces = shared.workbench.db.faces.collect()
    number = faces["detection_id"][0].as_py()
    found = shared.client.ask("GET", f"/media/crop/{number}.jpg")
    assert found.body == shared.workbench.db.picture(number)
    assert found.headers["content-type"] == "image/jpeg"
    assert "private" in found.headers["cache-control"]


@pytest.mark.parametrize(
    "name", ["1", "0", "-1", "x", "9" * 30, "9" * 5000, "1000000999", "..%2f1"]
)
def test_crops_that_there_are_not_are_refused(shared: Any, name: str):
    assert shared.client.ask("GET", f"/media/crop/{name}.jpg").status == 404


def test_a_crop_that_was_not_stored_is_cut_from_its_frame(shared: Any):
    from vquery.api.looking import Looker
    from vquery.api.showing import Showing

    bench = shared.workbench
    looker = Looker(bench.store)
    showing = Showing(looker)
    number = bench.db.faces.collect()["detection_id"][3].as_py()
    cut, stored = shown(showing.crop(bench.moment(), number)), shown(bench.db.picture(number))
    showing.close()
    assert cut.shape == stored.shape
    assert np.abs(cut.astype(int) - stored.astype(int)).mean() < 8


def test_boxes_are_those_on_screen(workbench: Any):
    client, db = workbench.client, workbench.workbench.db
    faces = db.faces.collect().to_pylist()
    db.label([faces[0]["detection_id"]], "name", "Ann")
    found = client.get("/api/overlay", video="a.mp4", start_us=0, end_us=1, concept="name")
    first = [one for one in faces if one["video"] == "a.mp4" and one["start_us"] == 0]
    assert found["total"] == len(first) == 2
    by_id = {box["detection_id"]: box for box in found["boxes"]}
    assert set(by_id) == {one["detection_id"] for one in first}
    mine = by_id[faces[0]["detection_id"]]
    assert (mine["label"], mine["state"], mine["probability"]) == ("Ann", "confirmed", 1.0)
    assert mine["box"] == pytest.approx(
        [faces[0][side] for side in ("x1", "y1", "x2", "y2")], abs=1e-4
    )
    other = by_id[faces[1]["detection_id"]]
    assert (other["label"], other["state"]) == (None, None)
    late = client.get("/api/overlay", video="a.mp4", start_us=1_500_000, end_us=1_500_001)
    assert late["total"] == 1
    assert client.get("/api/overlay", video="a.mp4", start_us=2_500_000)["total"] == 0


def test_classes_are_counted_the_most_frequent_first(shared: Any):
    found = shared.client.get("/api/classes")
    counts = [each["count"] for each in found["classes"]]
    tables = shared.client.get("/api/collection")["tables"]
    detections = next(each["rows"] for each in tables if each["name"] == "detections")
    assert sum(counts) == detections
    assert counts == sorted(counts, reverse=True)
    assert found["total"] == len(counts) == len({each["class"] for each in found["classes"]})


def test_times_of_frames_are_those_of_the_file(shared: Any, sample: Path):
    with FrameReader(sample / "a.mp4") as reader:
        times = [frame.start_us for frame in reader]
    client = shared.client
    assert client.get("/api/frames", video="a.mp4")["start_us"] == times
    some = client.get("/api/frames", video="a.mp4", start_us=times[3] + 1, end_us=times[6])
    assert some == {"start_us": times[3:6], "total": 3}
    assert "no video" in client.refused("/api/frames", 404, video="../a.mp4")
    assert "before" in client.refused("/api/frames", 400, video="a.mp4", start_us=5, end_us=4)
