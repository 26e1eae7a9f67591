"""Pictures of a collection as tensors, with what is known of each item."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vquery as vq
from vquery.errors import LearnError
from vquery.learn.core.pictures import ALONE, Pictures, load, pictured
from vquery.media.pictures import decode_jpeg
from vquery.store import Store


@pytest.fixture
def snapshot(indexed):
    with Store.open(indexed).snapshot() as snapshot:
        yield snapshot


def test_crops_of_detections_know_their_track_video_and_time(snapshot):
    found = load(snapshot, "detection", side=32)
    rows = snapshot.read("detections").sort_by("detection_id").to_pydict()
    assert found.ids.tolist() == rows["detection_id"]
    assert found.track.tolist() == [ALONE if t is None else t for t in rows["track"]]
    assert found.start_us.tolist() == rows["start_us"]
    assert [found.videos[v] for v in found.video] == rows["video"]
    assert (found.pixels.shape[1:], found.side, found.without) == ((3, 32, 32), 32, 0)


def test_the_pictures_are_those_that_were_kept_as_red_green_blue(snapshot):
    found = load(snapshot, "detection", side=48)
    for row in (0, len(found) - 1):
        kept = decode_jpeg(snapshot.picture("picture.detection", int(found.ids[row])))
        colour = kept.reshape(-1, 3).mean(0)[::-1]
        assert np.abs(found.pixels[row].mean((1, 2)) - colour).max() < 12
    tensor = found.tensor([0, 1])
    assert (tensor.dtype, tensor.shape) == (torch.float32, (2, 3, 48, 48))
    assert 0 <= float(tensor.min()) < float(tensor.max()) <= 1


def test_frames_know_their_shot_as_their_track(snapshot):
    found = load(snapshot, "frame", side=32)
    shots = snapshot.read("shots").to_pylist()
    for row in range(0, len(found), 7):
        mine = [one for one in shots if one["shot_id"] == found.track[row]]
        assert mine[0]["video"] == found.videos[found.video[row]]
        assert mine[0]["start_us"] <= found.start_us[row] < mine[0]["end_us"]


def test_some_items_alone_and_those_without_a_picture_are_counted(snapshot):
    every = load(snapshot, "detection", side=16)
    some = load(snapshot, "detection", [int(every.ids[3]), 5, int(every.ids[1])], side=16)
    assert some.ids.tolist() == [every.ids[1], every.ids[3]]
    assert some.without == 1
    assert (some.pixels == every.take([1, 3]).pixels).all()
    with pytest.raises(LearnError, match="none of 1 detections has a picture"):
        load(snapshot, "detection", [5])
    none = load(snapshot, "detection", [5], side=16, empty=True)
    assert (none.pixels.shape, none.without) == ((0, 3, 16, 16), 1)


def test_large_collections_of_pictures_are_mapped(snapshot, monkeypatch):
    plain = load(snapshot, "detection", side=16)
    monkeypatch.setattr("vquery.learn.core.pictures.IN_MEMORY", 100)
    mapped = load(snapshot, "detection", side=16)
    assert isinstance(mapped.pixels, np.memmap)
    assert (mapped.pixels == plain.pixels).all()


def test_a_disk_without_room_for_pictures_is_told(snapshot, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vquery.learn.core.pictures.IN_MEMORY", 100)
    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(LearnError, match=r"0\.0 GB of pictures cannot be put there: No space left"):
        load(snapshot, "detection", side=16)


def test_boxes_drawn_by_hand_are_among_the_others_in_order(path):
    with vq.open(path) as db:
        before = load(Store.open(path).snapshot(), "detection", side=16)
        drawn = db.draw("a.mp4", 0.5, (0.1, 0.1, 0.4, 0.5))
        with Store.open(path).snapshot() as snapshot:
            found = load(snapshot, "detection", side=16)
            assert pictured(snapshot, "detection").tolist() == found.ids.tolist()
    assert found.ids.tolist() == sorted([*before.ids.tolist(), drawn.detection_id])
    (row,) = np.flatnonzero(found.ids == drawn.detection_id)
    assert (found.videos[found.video[row]], found.track[row]) == ("a.mp4", drawn.track)
    kept = np.delete(np.arange(len(found)), row)
    assert (found.pixels[kept] == before.pixels).all()


def test_a_collection_without_pictures_says_so(tmp_path):
    vq.create(tmp_path / "empty.vq").close()
    with (
        Store.open(tmp_path / "empty.vq").snapshot() as snapshot,
        pytest.raises(LearnError, match="no pictures of detections: index videos"),
    ):
        load(snapshot, "detection")


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(LearnError, match="2 pictures but 3 values of track"):
        Pictures(np.zeros((2, 3, 8, 8), np.uint8), *(np.zeros(n, int) for n in (2, 2, 3, 2)))
