"""What can be written, the names of pictures, and the account of an export."""

import json
import re

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vquery.errors import ExportError
from vquery.export.items import (
    LONGEST_NAME,
    NO_FRAME,
    NO_PICTURES,
    TOO_SMALL,
    by_frame,
    picture_folder,
    usable,
)
from vquery.export.report import Written
from vquery.export.write import write_export

paths = st.lists(
    st.text(st.sampled_from("a_b.- \\:é"), min_size=1).filter(lambda name: name not in {".", ".."}),
    min_size=1,
    max_size=4,
).map("/".join)


@given(st.lists(paths, unique=True, max_size=30))
@example(["a/_b", "a_/b", "a__b", "a___b", "a/b", "a:b", "a?b", "a_b", "x" * 300, "x" * 301])
def test_every_video_has_a_folder_of_its_own(videos):
    folders = [picture_folder(video) for video in videos]
    assert len(set(folders)) == len(videos)
    for folder in folders:
        assert len(folder.encode()) <= LONGEST_NAME + 9
        assert not re.search(r'[/\\<>:"|?*\x00-\x1f]', folder)
        assert not folder.startswith(".")
    assert len({folder.casefold() for folder in folders}) <= len(folders)


@pytest.mark.parametrize("name", ["a.jpg", "b/c.PNG", "d.e.gif"])
def test_a_folder_is_not_called_like_a_picture(name):
    folder = picture_folder(name)
    assert not re.search(r"\.(jpg|png|gif)$", folder, re.IGNORECASE)
    assert folder.startswith(name.rpartition(".")[0].replace("/", "__"))


def test_ordinary_names_stay_readable():
    assert picture_folder("monday.mp4") == "monday.mp4"
    assert picture_folder("2026/news/monday 9.mp4") == "2026__news__monday 9.mp4"


def test_what_has_no_place_in_a_picture_is_counted(make):
    items = [
        make.item(frame=1),
        make.item(frame=None),
        make.item(frame=-1),
        make.item(frame=2, box=(1.2, 0, 1.5, 1)),
        make.item(frame=3, box=(0.5, 0.5, 0.5, 0.9)),
        make.item(frame=4, box=(None, 0, 1, 1)),
        make.item(frame=5, box=(float("nan"), 0, 1, 1)),
        make.item("notes.csv", frame=1),
        make.item("notes.csv", frame=None),
    ]
    videos = {
        "a.avi": make.video("a.avi"),
        "notes.csv": make.video("notes.csv", kind="none", width=None, height=None),
    }
    written = Written()
    kept = usable(make.labelled(items, videos), written)
    assert kept["frame"].to_pylist() == [1]
    assert written.skipped == {NO_PICTURES: 2, NO_FRAME: 2, TOO_SMALL: 4}


def test_rows_come_by_frame_in_order(make, monkeypatch):
    monkeypatch.setattr("vquery.export.items.BATCH", 2)
    items = [
        make.item(video, frame, detection_id=i)
        for i, (video, frame) in enumerate([("b", 1), ("a", 2), ("a", 1), ("a", 2), ("a", 2)])
    ]
    labelled = make.labelled(items)
    groups = [
        (key, [row["detection_id"] for row in rows])
        for key, rows in by_frame(usable(labelled, Written()))
    ]
    assert groups == [(("a", 1), [2]), (("a", 2), [1, 3, 4]), (("b", 1), [0])]


@pytest.mark.parametrize("format_", ["coco", "yolo", "fiftyone"])
def test_nothing_to_write_is_an_error_that_says_why(make, tmp_path, format_):
    videos = {"a.avi": make.video("a.avi", kind="none", width=None, height=None)}
    with pytest.raises(ExportError, match="can be written: 1 box in a video that has no"):
        write_export(make.labelled([make.item()], videos), tmp_path / "out", format=format_)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_accounts_for_every_label(make, tmp_path):
    items = [
        make.item("a.avi", 0, "Ada", label_source="human"),
        make.item("a.avi", 0, "Zoë"),
        make.item("a.avi", 1, "Ada", detection_id=None, label_source="interpolated"),
        make.item("b.avi", 0, "Ada"),
        make.item("b.avi", None, "Ada"),
    ]
    unlabelled = pa.table(
        {"video": ["a.avi", "a.avi", "a.avi", "b.avi"], "frame": [0, 0, 7, None]},
        schema=pa.schema({"video": pa.string(), "frame": pa.int64()}),
    )
    labelled = make.labelled(items, unlabelled=unlabelled)
    labelled.provenance["human_labels"].append({"detection_id": 1, "label": "Ada"})
    written = write_export(
        labelled, tmp_path / "out", format="yolo", split=(0.7, 0.3, 0), pictures=False, seed=3
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert manifest == json.loads(json.dumps(written.manifest))
    assert manifest["splits"] == {
        "train": {
            "videos": ["a.avi"],
            "frames": 2,
            "labels": 3,
            "classes": {"Ada": 2, "Zoë": 1},
        },
        "val": {"videos": ["b.avi"], "frames": 1, "labels": 1, "classes": {"Ada": 1}},
    }
    assert manifest["label_sources"] == {"human": 1, "interpolated": 1, "propagated": 2}
    assert manifest["left_out"] == {NO_FRAME: 1}
    assert manifest["unlabelled_boxes_in_exported_frames"] == 2
    assert manifest["split"] == {"shares": [0.7, 0.3, 0], "seed": 3, "by": "video"}
    assert [video["picture_folder"] for video in manifest["videos"]] == ["a.avi", "b.avi"]
    assert all(len(video["sha256"]) == 64 for video in manifest["videos"])
    assert manifest["human_labels"] == [{"detection_id": 1, "label": "Ada"}]
    assert (manifest["format"], manifest["concept"]) == ("yolo", "name")
    written_labels = sum(split["labels"] for split in manifest["splits"].values())
    assert written_labels + sum(manifest["left_out"].values()) == len(items)


def test_two_exports_of_the_same_are_the_same(make, tmp_path):
    items = [make.item(f"{v}.avi", f, detection_id=f) for v in "abcd" for f in range(3)]
    for out in ("one", "two"):
        write_export(make.labelled(items), tmp_path / out, format="coco", pictures=False)
        items.reverse()
    one, two = (
        {
            path.relative_to(tmp_path / out): path.read_bytes()
            for path in (tmp_path / out).rglob("*.json")
        }
        for out in ("one", "two")
    )
    assert one == two
