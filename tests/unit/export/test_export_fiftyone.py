"""FiftyOne: a reader written after its importer finds the pictures, boxes and classes.

What the reader relies on, from ``FiftyOneImageDetectionDatasetImporter`` (importers.py) and
``FiftyOneImageDetectionSampleParser`` (parsers.py) of FiftyOne 1.22: ``labels.json`` holds
``classes`` and ``labels``; each key of ``labels`` is looked up among the files under ``data/``,
at any depth, by their paths relative to it without the ending; a label is a number into
``classes``; the box is ``[x, y, width, height]`` relative to the picture; ``confidence`` may be
missing, and ``attributes`` become keyword arguments of ``Detection``.
"""

import json
from pathlib import Path

import pytest

from vquery.export.write import write_export

OF_DETECTION = {"id", "tags", "label", "bounding_box", "mask", "mask_path", "confidence"}


def read_fiftyone(folder):
    content = json.loads((folder / "labels.json").read_text("utf-8"))
    data = folder / "data"
    images = {
        str(path.relative_to(data).with_suffix("")): path
        for path in data.rglob("*")
        if path.is_file()
    }
    return {
        images[key]: [parsed(detection, content["classes"]) for detection in detections]
        for key, detections in content["labels"].items()
    }


def parsed(detection, classes):
    attributes = detection.get("attributes", {})
    assert not set(attributes) & OF_DETECTION
    assert all(name.isidentifier() for name in attributes)
    x, y, width, height = detection["bounding_box"]
    assert min(x, y, width, height) >= 0
    assert max(x + width, y + height) <= 1 + 1e-9
    return {
        "label": classes[detection["label"]],
        "box": (x, y, width, height),
        "confidence": detection.get("confidence"),
        **attributes,
    }


@pytest.fixture
def exported(make, tmp_path):
    path = make.clip(tmp_path / "tv.avi", 4)
    items = [
        make.item("day/tv.avi", 2, "Zoë", (-0.5, 0.25, 0.5, 0.75)),
        make.item("day/tv.avi", 2, "Ada", detection_id=7, track=None, score=None),
        make.item("day/tv.avi", 3, "Ada", probability=None, detection_id=None),
    ]
    videos = {"day/tv.avi": make.video("day/tv.avi", path=path)}
    write_export(make.labelled(items, videos), tmp_path / "out", format="fiftyone", split=(1, 0, 0))
    return tmp_path / "out" / "train"


def test_every_key_finds_its_picture(exported, make):
    found = read_fiftyone(exported)
    assert {make.number_of(path.read_bytes()) for path in found} == {2, 3}
    assert {path.relative_to(exported) for path in found} == {
        Path("data/day__tv.avi/000002.jpg"),
        Path("data/day__tv.avi/000003.jpg"),
    }


def test_boxes_classes_and_attributes(exported):
    first, second = read_fiftyone(exported).values()
    assert first[0] == {
        "label": "Zoë",
        "box": (0, 0.25, 0.5, 0.5),
        "confidence": 0.8,
        "detection_id": 3,
        "track": 1,
        "score": 0.9,
        "label_source": "propagated",
        "detector": "yunet",
        "run_id": 2,
        "start_us": 200_000,
        "frame": 2,
    }
    assert first[1]["label"] == "Ada"
    assert {"track", "score"}.isdisjoint(first[1])
    assert second[0]["confidence"] is None
    assert "detection_id" not in second[0]


def test_names_with_dots_and_folders_stay_one_key(make, tmp_path):
    """The reader cuts off one ending: the rest of the name must survive."""
    videos = {
        name: make.video(name, path=make.clip(tmp_path / f"{i}.avi", 1))
        for i, name in enumerate(["a.b/c.d.mp4", "a__b.mp4", "a/b.mp4", ".x/y.mp4"])
    }
    items = [make.item(name, 0, name) for name in videos]
    write_export(make.labelled(items, videos), tmp_path / "out", format="fiftyone", split=(1, 0, 0))
    found = read_fiftyone(tmp_path / "out" / "train")
    assert sorted(row[0]["label"] for row in found.values()) == sorted(videos)
