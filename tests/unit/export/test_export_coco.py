"""COCO: pycocotools loads and evaluates it, and reading it back gives the same boxes."""

import contextlib
import io
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vquery.export.write import write_export
from vquery.ingest.coco import read_coco

TRAIN = (1, 0, 0)


def annotations(folder, split="train"):
    return json.loads((folder / "annotations" / f"{split}.json").read_text())


@pytest.fixture
def exported(make, tmp_path):
    rows = [
        make.item("a.avi", 3, "Zoë"),
        make.item("a.avi", 3, "Ada", (0, 0, 0.1, 0.1), detection_id=9),
        make.item("b.avi", 0, "Ada", (-0.5, 0.5, 0.5, 1.5)),
    ]
    write_export(make.labelled(rows), tmp_path / "out", format="coco", split=TRAIN, pictures=False)
    return tmp_path / "out"


def test_the_fields_that_readers_need(exported, make):
    content = annotations(exported)
    assert [category["name"] for category in content["categories"]] == ["Ada", "Zoë"]
    assert [(one["id"], one["name"], one["fps"]) for one in content["videos"]] == [
        (1, "a.avi", 10.0),
        (2, "b.avi", 10.0),
    ]
    first = content["images"][0]
    assert first == {
        "id": 1,
        "file_name": "train/a.avi/000003.jpg",
        "width": make.width,
        "height": make.height,
        "video_id": 1,
        "frame_id": 3,
        "time_s": 0.3,
    }
    assert [one["image_id"] for one in content["annotations"]] == [1, 1, 2]
    for one in content["annotations"]:
        assert one["iscrowd"] == 0
        assert one["segmentation"] == []
        assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3], abs=1e-3)
        assert (one["label_source"], one["run_id"]) == ("propagated", 2)
        assert (one["score"], one["probability"]) == (0.9, 0.8)
    cut_off = content["annotations"][2]["bbox"]
    assert cut_off == [0, make.height / 2, make.width / 2, make.height / 2]


def test_ids_count_from_one_and_are_unique_over_the_file(exported):
    content = annotations(exported)
    for kind in ("videos", "images", "annotations", "categories"):
        ids = [one["id"] for one in content[kind]]
        assert ids == list(range(1, len(ids) + 1))


def test_pycocotools_evaluates_it(exported):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(exported / "annotations" / "train.json"))
        found = truth.loadRes(
            [
                {name: one[name] for name in ("image_id", "category_id", "bbox", "score")}
                for one in truth.dataset["annotations"]
            ]
        )
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_categories_have_the_same_number_in_every_split(make, tmp_path):
    rows = [make.item(f"{v}.avi", 0, label) for v, label in zip("abc", "zyx", strict=True)]
    write_export(
        make.labelled(rows),
        tmp_path / "out",
        format="coco",
        split=(0.4, 0.3, 0.3),
        pictures=False,
    )
    contents = [annotations(tmp_path / "out", split) for split in ("train", "val", "test")]
    assert all(content["categories"] == contents[0]["categories"] for content in contents)
    assert [len(content["annotations"]) for content in contents] == [1, 1, 1]


pixels = st.tuples(
    st.floats(-0.2, 0.9), st.floats(-0.2, 0.9), st.floats(0.05, 0.9), st.floats(0.05, 0.9)
)
boxes = st.lists(
    st.tuples(
        st.sampled_from(["a.avi", "news/b.mp4"]),
        st.integers(0, 20),
        st.sampled_from(["Ada", "Zoë", 'a"b', "x: y"]),
        pixels,
    ),
    min_size=1,
    max_size=30,
)


@given(boxes)
def test_reading_it_back_gives_the_same_boxes(make, rows):
    rows = [*rows, ("a.avi", 0, "Ada", (0.0, 0.0, 1.0, 1.0))]
    given = [
        make.item(video, frame, label, (x, y, x + w, y + h), detection_id=i, track=i)
        for i, (video, frame, label, (x, y, w, h)) in enumerate(rows, start=1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        written = write_export(
            make.labelled(given), out, format="coco", split=TRAIN, pictures=False
        )
        # the reader refuses nothing: what is too small was left out and counted
        read = read_coco(out / "annotations" / "train.json")
    table = read.tables["detections"]
    assert read.skipped == {}
    assert table.num_rows == written.total == len(given) - written.skipped.total()
    back = {row["track"]: row for row in table.to_pylist()}
    size = np.array([make.width, make.height] * 2)
    for row in given:
        if row["track"] not in back:
            continue
        one = back[row["track"]]
        assert (one["video"], one["frame"], one["class"]) == (
            row["video"],
            row["frame"],
            row["label"],
        )
        assert one["start_us"] == row["start_us"]
        corners = np.array([[r[name] for name in ("x1", "y1", "x2", "y2")] for r in (row, one)])
        expected, found = np.clip(corners[0], 0, 1) * size, corners[1] * size
        np.testing.assert_allclose(found, expected, rtol=0, atol=1.01e-3)
    assert Counter(row["class"] for row in back.values()) == sum(
        written.by_class.values(), Counter()
    )
