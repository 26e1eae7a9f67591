"""Pictures are those of the frames asked for, whatever the video is made of."""

import json

import cv2
import numpy as np
import pytest

import vquery.export.frames as module
from vquery.errors import ExportError
from vquery.export.write import write_export
from vquery.media.pictures import decode_jpeg
from vquery.media.video import FrameReader

ALL = (1, 0, 0)


def export(make, target, items, videos, **options):
    return write_export(make.labelled(items, videos), target, format="coco", split=ALL, **options)


def numbers_in(make, folder):
    return {int(path.stem): make.number_of(path.read_bytes()) for path in folder.rglob("*.jpg")}


def test_each_frame_is_the_one_with_its_number(make, tmp_path):
    path = make.clip(tmp_path / "a.avi", 200)
    wanted = [0, 1, 7, 64, 127, 128, 198]
    items = [make.item(frame=number, detection_id=number + 1) for number in wanted]
    told = []
    written = export(
        make,
        tmp_path / "out",
        items,
        {"a.avi": make.video("a.avi", path=path)},
        progress=lambda done, total: told.append((done, total)),
    )
    assert numbers_in(make, tmp_path / "out") == {number: number for number in wanted}
    assert written.pictures == len(wanted)
    assert told == [(i, len(wanted)) for i in range(1, len(wanted) + 1)]


def test_a_video_is_read_once_and_no_further_than_needed(make, tmp_path, monkeypatch):
    opened, decoded = [], []

    class Counting(FrameReader):
        def __init__(self, path, **options):
            opened.append(path)
            super().__init__(path, **options)

        def __iter__(self):
            for frame in super().__iter__():
                decoded.append((frame.index, frame.image is not None))
                yield frame

    monkeypatch.setattr(module, "FrameReader", Counting)
    path = make.clip(tmp_path / "a.avi", 100)
    items = [
        make.item(frame=number, box=(x, 0, x + 0.5, 1), detection_id=10 * number + i)
        for number in (20, 3, 9)
        for i, x in enumerate((0, 0.5))
    ]
    export(make, tmp_path / "out", items, {"a.avi": make.video("a.avi", path=path)})
    assert len(opened) == 1
    assert [number for number, _ in decoded] == list(range(21)), "in order, up to the last"
    assert [number for number, whole in decoded if whole] == [3, 9, 20]


def test_a_folder_of_pictures_keeps_its_numbers(make, tmp_path):
    folder = make.pictures(tmp_path / "talk", [2, 5, 90])
    items = [make.item("talk", frame, detection_id=frame) for frame in (2, 90)]
    videos = {"talk": make.video("talk", path=folder, kind="images", fps=1)}
    export(make, tmp_path / "out", items, videos)
    assert numbers_in(make, tmp_path / "out") == {2: 2, 90: 90}


def test_a_single_picture(make, tmp_path):
    folder = make.pictures(tmp_path / "one", [77])
    video = make.video("one/0077.jpg", path=folder / "0077.jpg", kind="image", fps=0)
    export(make, tmp_path / "out", [make.item("one/0077.jpg", 0)], {"one/0077.jpg": video})
    assert numbers_in(make, tmp_path / "out") == {0: 77}
    content = json.loads((tmp_path / "out" / "annotations" / "train.json").read_text())
    (image,) = content["images"]
    assert (tmp_path / "out" / "images" / image["file_name"]).exists()
    assert "fps" not in content["videos"][0]


def test_pictures_of_several_sizes_need_relative_boxes(make, tmp_path):
    folder = make.pictures(tmp_path / "talk", [1])
    for path in make.pictures(tmp_path / "large", [2], width=256).iterdir():
        path.rename(folder / path.name)
    items = [make.item("talk", frame, detection_id=frame) for frame in (1, 2)]
    labelled = make.labelled(items, {"talk": make.video("talk", path=folder, kind="images", fps=1)})
    with pytest.raises(ExportError, match=r"frame 2 has 256x48 pixels.* yolo, fiftyone or parquet"):
        write_export(labelled, tmp_path / "out", format="coco", split=ALL)
    assert write_export(labelled, tmp_path / "yolo", format="yolo", split=ALL).pictures == 2


def test_a_video_that_moved_is_said_before_anything_is_decoded(make, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FrameReader", None)
    here = make.video("a.avi", path=make.clip(tmp_path / "a.avi", 3))
    videos = {"a.avi": here, "b.avi": make.video("b.avi")}
    with pytest.raises(ExportError, match=r"b\.avi: no longer at /gone/b\.avi\. .*--no-images"):
        export(make, tmp_path / "out", [make.item("a.avi"), make.item("b.avi")], videos)
    assert not (tmp_path / "out").exists()


def test_without_pictures_the_videos_are_not_needed(make, tmp_path):
    written = export(make, tmp_path / "out", [make.item()], None, pictures=False)
    assert written.pictures == 0
    assert not (tmp_path / "out" / "images").exists()
    assert (tmp_path / "out" / "annotations" / "train.json").exists()


def test_a_video_that_changed_is_not_what_was_labelled(make, tmp_path):
    path = make.clip(tmp_path / "a.avi", 3)
    video = make.video("a.avi", path=path)
    make.clip(path, 4)
    with pytest.raises(ExportError, match=r"has changed since it was indexed.*--no-images"):
        export(make, tmp_path / "out", [make.item()], {"a.avi": video})
    assert not (tmp_path / "out").exists()


def test_frames_that_are_not_there(make, tmp_path):
    path = make.clip(tmp_path / "a.avi", 3)
    items = [make.item(frame=frame, detection_id=frame) for frame in (1, 5, 9)]
    with pytest.raises(ExportError, match="2 of 3 frames can no longer be read, the first is 5"):
        export(make, tmp_path / "out", items, {"a.avi": make.video("a.avi", path=path)})


def test_a_file_that_is_no_video_any_more(make, tmp_path):
    path = tmp_path / "a.avi"
    path.write_text("not a video")
    with pytest.raises(ExportError, match=r"not a video that can be decoded.*--no-images"):
        export(make, tmp_path / "out", [make.item()], {"a.avi": make.video("a.avi", path=path)})


@pytest.mark.data
def test_frames_of_a_real_clip_are_exact(make, tmp_path, data):
    """Frames across the hard cuts at 20, 82 and 211: one too many or few would show."""
    path = data / "videos" / "short_hamilton_clip.mp4"
    wanted = [0, 19, 20, 81, 82, 210, 211, 274]
    video = make.video("clip.mp4", path=path, width=640, height=360)
    items = [make.item("clip.mp4", number, detection_id=number + 1) for number in wanted]
    export(make, tmp_path / "out", items, {"clip.mp4": video})
    capture = cv2.VideoCapture(str(path))
    truth = [capture.read()[1] for _ in range(275)]
    capture.release()
    for number in wanted:
        (file,) = (tmp_path / "out").rglob(f"{number:06d}.jpg")
        picture = decode_jpeg(file.read_bytes()).astype(int)
        assert np.abs(picture - truth[number]).mean() < 3
