"""COCO: every dialect gives the same boxes, and an error names its annotation."""

import contextlib
import io
import json

import numpy as np
import pytest

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA
from vquery.ingest.clock import FrameClock
from vquery.ingest.coco import CROWD, NO_BOX, OTHER_VIDEO, read_coco
from vquery.ingest.mot import read_mot
from vquery.ingest.result import DETECTION_ROWS

CLOCK = FrameClock.from_rate(10, width=100, height=200, n_frames=50)
BOX = ("x1", "y1", "x2", "y2")


@pytest.fixture
def read(tmp_path):
    def read_it(document, **options):
        path = tmp_path / "coco.json"
        path.write_text(json.dumps(document))
        return read_coco(path, **options)

    return read_it


def rows(result):
    return result.tables["detections"].to_pylist()


def places(result):
    """Return what says when and where the detections are."""
    names = ("video", "frame", "start_us", "end_us")
    return [tuple(row[name] for name in names) for row in rows(result)]


CATEGORIES = [{"id": 0, "name": "face"}, {"id": 7, "name": "car"}]
A, B = ({"id": k, "file_name": f"day/{k}.jpg", "width": 100, "height": 200} for k in (3, 5))


def box(number, image, **more):
    return {"id": number, "image_id": image, "category_id": 7, "bbox": [25, 50, 50, 100], **more}


def pictures(*annotations, images=(A, B)):
    return {"images": list(images), "annotations": list(annotations), "categories": CATEGORIES}


def test_each_image_is_a_video_of_one_instant(read):
    result = read(pictures(box(1, 5, score=0.5), box(0, 3, category_id=0)))
    assert result.tables["detections"].schema == DETECTION_ROWS
    assert places(result) == [("day/5.jpg", None, 0, 0), ("day/3.jpg", None, 0, 0)]
    first, second = rows(result)
    assert [first[name] for name in BOX] == [0.25, 0.25, 0.75, 0.75]
    assert (first["class"], first["score"], first["track"]) == ("car", 0.5, None)
    assert (second["class"], second["score"], second["source"]) == ("face", None, "coco.json")


def test_images_are_frames_of_the_given_video(read):
    document = pictures(box(1, 3), box(2, 5))
    result = read(document, video="v.mp4", clock=CLOCK)
    assert places(result) == [("v.mp4", 3, 300_000, 500_000), ("v.mp4", 5, 500_000, 700_000)]
    numbered = [{**A, "frame_index": 40}, {**B, "frame_id": 49}]
    result = read(pictures(box(1, 3), box(2, 5), images=numbered), video="v.mp4", clock=CLOCK)
    assert places(result) == [
        ("v.mp4", 40, 4_000_000, 4_900_000),
        ("v.mp4", 49, 4_900_000, 5_000_000),
    ]


def test_the_image_that_is_the_video(read):
    result = read(pictures(box(1, 3), box(2, 5)), video="elsewhere/5.jpg", clock=CLOCK)
    assert places(result) == [("elsewhere/5.jpg", None, 0, 0)]
    assert result.skipped == {OTHER_VIDEO: 1}


def test_size_from_the_clock(read):
    images = [{"id": 3, "frame_index": 0}]
    (row,) = rows(read(pictures(box(1, 3), images=images), video="v", clock={"v": CLOCK}))
    assert [row[name] for name in BOX] == [0.25, 0.25, 0.75, 0.75]


def cocovid(number="frame_id", track="instance_id"):
    videos = [
        {"id": k, "name": name, "width": 100, "height": 200} for k, name in ((1, "a"), (2, "b"))
    ]
    images = [
        {"id": 10 * video + frame, "video_id": video, number: frame}
        for video, frame in ((1, 0), (1, 2), (1, 4), (1, 8), (2, 0))
    ]
    annotations = [box(at, image["id"], **{track: 7}) for at, image in enumerate(images, 1)]
    return {
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
    }


@pytest.mark.parametrize("track", ["instance_id", "track_id"])
@pytest.mark.parametrize("number", ["frame_id", "frame_index"])
def test_videos(read, number, track):
    result = read(cocovid(number, track), clock=CLOCK)
    assert places(result) == [
        ("a", 0, 0, 200_000),
        ("a", 2, 200_000, 400_000),
        ("a", 4, 400_000, 600_000),  # frame 6 was not annotated: nothing is known of it
        ("a", 8, 800_000, 1_000_000),
        ("b", 0, 0, 100_000),
    ]
    assert {row["track"] for row in rows(result)} == {7}


def test_one_video_of_several(read):
    result = read(cocovid(), video="folder/b.mp4", clock=CLOCK)
    assert places(result) == [("folder/b.mp4", 0, 0, 100_000)]
    assert result.skipped == {OTHER_VIDEO: 4}
    with pytest.raises(IngestError, match=r"has 0 videos called 'c\.mp4' among its 2: a, b"):
        read(cocovid(), video="c.mp4", clock=CLOCK)


def test_the_only_video_is_the_given_one(read):
    document = cocovid()
    document["videos"] = document["videos"][:1]
    document["images"], document["annotations"] = (
        document["images"][:4],
        document["annotations"][:4],
    )
    assert {place[0] for place in places(read(document, video="v.mp4", clock=CLOCK))} == {"v.mp4"}


def test_frame_rate_of_the_file(read):
    document = cocovid()
    for video in document["videos"]:
        video["fps"] = 29.97
    assert places(read(document))[1] == ("a", 2, 66_733, 133_467)
    with pytest.raises(IngestError, match=r"video a: the times of its frames are not known: give"):
        read(cocovid())
    with pytest.raises(IngestError, match=r"video b: the times of its frames are not known: give"):
        read(cocovid(), clock={"a": CLOCK})


def youtube_vis(**more):
    video = {"id": 1, "file_names": ["v/00000.jpg", "v/00005.jpg", "v/00010.jpg"], **more}
    video |= {"width": 100, "height": 200, "name": "v"}
    annotation = {
        "id": 4,
        "video_id": 1,
        "category_id": 7,
        "bboxes": [[25, 50, 50, 100], None, [0, 0, 9, 9]],
    }
    return {"videos": [video], "annotations": [annotation], "categories": CATEGORIES}


def test_a_list_of_boxes_for_each_track(read):
    result = read(youtube_vis(), clock=CLOCK)
    assert places(result) == [("v", 0, 0, 500_000), ("v", 10, 1_000_000, 1_500_000)]
    assert [row["track"] for row in rows(result)] == [4, 4]
    assert [rows(result)[0][name] for name in BOX] == [0.25, 0.25, 0.75, 0.75]
    plain = read(youtube_vis(file_names=None, length=3), clock=CLOCK)
    assert places(plain) == [("v", 0, 0, 100_000), ("v", 2, 200_000, 300_000)]
    with pytest.raises(IngestError, match=r"annotation 4: bboxes must be a list of 2"):
        read(youtube_vis(file_names=["0", "1"]), clock=CLOCK)


def test_results_need_the_annotation_file(read, tmp_path):
    results = [{"image_id": 5, "category_id": 7, "bbox": [25, 50, 50, 100], "score": 0.25}]
    with pytest.raises(IngestError, match=r"a list of results: give categories=, the annotation"):
        read(results)
    (row,) = rows(read(results, categories=pictures()))
    assert (row["video"], row["class"], row["score"]) == ("day/5.jpg", "car", 0.25)
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(pictures()))
    assert rows(read(results, categories=path)) == [row]
    with pytest.raises(IngestError, match=r"coco\.json: entry 2 of 'results': unknown image 99"):
        read([*results, {**results[0], "image_id": 99}], categories=path)


def test_what_is_skipped_is_counted(read):
    annotations = [
        box(1, 3),
        box(2, 3, iscrowd=1),
        box(3, 3, bbox=[1, 1, 0, 5]),
        box(4, 3, bbox=[1, 1, 5, -5]),
        box(5, 3, bbox=[]),
        {"id": 6, "image_id": 3, "category_id": 7, "segmentation": [[1, 2, 3, 4, 5, 6]]},
    ]
    result = read(pictures(*annotations))
    assert len(rows(result)) == 1
    assert result.skipped == {CROWD: 1, NO_AREA: 2, NO_BOX: 2}


def test_no_annotations(read):
    assert read(pictures()).tables["detections"].schema == DETECTION_ROWS


def without(key, entry):
    return {name: value for name, value in entry.items() if name != key}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (pictures(box(17, 4)), r"coco\.json: annotation 17: unknown image 4; known: 3, 5"),
        (pictures(box(17, 3, category_id=9)), r"annotation 17: unknown category 9; known: 0, 7"),
        (pictures(box(17, 3, category_id=[9])), r"annotation 17: unknown category \[9\]"),
        (pictures(without("category_id", box(1, 3))), r"annotation 1: unknown category None"),
        (pictures(box(17, 3, bbox=[1, 2, 3])), r"annotation 17: bbox must be four finite numbers"),
        (pictures(box(17, 3, bbox=[1, 2, 3, float("nan")])), r"annotation 17: bbox .*nan"),
        (pictures(box(17, 3, bbox=[1, 2, 3, "x"])), r"annotation 17: bbox must be"),
        (pictures(box(17, 3, score="high")), r"annotation 17: score must be .* got 'high'"),
        (pictures(box(17, 3, track_id="t")), r"annotation 17: track must be an integer, got 't'"),
        (pictures("x"), r"entry 1 of 'annotations' must be an object, got 'x'"),
        (pictures(images=[A, A]), r"image 3: must have an 'id' of its own"),
        (
            pictures(images=[{**A, "width": 0}]),
            r"image 3: must have a width and height .* \(0, 200\)",
        ),
        (pictures(box(1, 3), images=[{"id": 3}]), r"image 3: must have width and height, because"),
        ({**pictures(), "categories": [{"id": 1}]}, r"category 1: must have 'id' and 'name'"),
        ({**pictures(), "images": {}}, r"'images' must be a list"),
        ({**pictures(), "annotations": {}}, r"'annotations' must be a list"),
        ({"a": 1}, r"not COCO: expected an object with 'images' and 'categories'"),
        ("text", r"not COCO: expected an object"),
        ({**cocovid(), "videos": [{"id": 1}]}, r"image 20: unknown video 2; known: 1"),
        ({**cocovid(), "videos": [{"name": "a"}]}, r"entry 1 of 'videos': must have 'id'"),
        (
            {**cocovid(), "videos": [{"id": k, "fps": 5} for k in (1, 2)]},
            r"video 1: must have a width",
        ),
    ],
)
def test_errors_name_the_entry(read, document, message):
    with pytest.raises(IngestError, match=message):
        read(document)


def test_errors_about_frames(read):
    nameless = [{**A, "file_name": "cover.jpg"}]
    with pytest.raises(IngestError, match=r"image 3: needs the number of its frame, from 0, as"):
        read(pictures(images=nameless), video="v", clock=CLOCK)
    with pytest.raises(IngestError, match=r"image 5: there are two images of frame 3 of v"):
        read(pictures(images=[A, {**B, "file_name": "3.png"}]), video="v", clock=CLOCK)
    with pytest.raises(IngestError, match=r"video v: there is no frame 99: .* frames 0 to 49"):
        read(pictures(box(1, 3), images=[{**A, "frame_id": 99}]), video="v", clock=CLOCK)


def test_boxes_are_those_that_pycocotools_reads(read, tmp_path):
    from pycocotools.coco import COCO

    document = pictures(
        box(1, 3), box(2, 5, bbox=[-4.5, 0.25, 20, 300.5]), box(3, 5, category_id=0)
    )
    ours = rows(read(document))
    with contextlib.redirect_stdout(io.StringIO()):
        oracle = COCO(tmp_path / "coco.json")
    theirs = oracle.loadAnns(oracle.getAnnIds())
    for row, annotation in zip(ours, theirs, strict=True):
        image = oracle.loadImgs(annotation["image_id"])[0]
        x, y, w, h = annotation["bbox"]
        assert row["video"] == image["file_name"]
        assert row["class"] == oracle.loadCats(annotation["category_id"])[0]["name"]
        expected = [x / 100, y / 200, (x + w) / 100, (y + h) / 200]
        np.testing.assert_allclose([row[name] for name in BOX], expected, rtol=1e-6)


@pytest.mark.data
def test_the_same_people_as_mot_and_as_coco(read, data):
    path = data / "mot" / "MOT16-11" / "gt.txt"
    clock = FrameClock.from_rate(30, width=1920, height=1080, n_frames=900)
    expected = read_mot(path, video="v", clock=clock, source="coco.json")
    raw = np.loadtxt(path, delimiter=",")
    document = {
        "videos": [{"id": 1, "name": "MOT16-11", "width": 1920, "height": 1080}],
        "images": [{"id": k, "video_id": 1, "frame_id": k - 1} for k in range(1, 901)],
        "categories": [{"id": 1, "name": "pedestrian"}],
        "annotations": [
            {
                "id": at,
                "image_id": int(row[0]),
                "instance_id": int(row[1]),
                "category_id": 1,
                "bbox": [row[2] - 1, row[3] - 1, row[4], row[5]],
            }
            for at, row in enumerate(raw[raw[:, 6] == 1], 1)
        ],
    }
    found = read(document, video="v", clock=clock)
    assert found.tables["detections"].equals(expected.tables["detections"])
