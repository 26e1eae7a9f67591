from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vquery.errors import MediaError
from vquery.media import faces, models
from vquery.media.faces import Faces, Haar, YuNet, open_face_detector
from vquery.media.tracks import track_boxes

if TYPE_CHECKING:
    from pathlib import Path

GREY = np.full((90, 160, 3), 127, np.uint8)


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(models.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def weights(data: Path) -> Path:
    return data / "models" / "yunet_n_640_640.onnx"


@pytest.fixture(scope="module")
def portrait(data: Path) -> np.ndarray:
    return cv2.imread(str(data / "faces" / "obama.jpg"))


def check(found: Faces) -> None:
    n = len(found)
    assert found.boxes.shape == (n, 4)
    assert found.scores.shape == (n,)
    assert found.landmarks.shape == (n, 5, 2)
    assert {a.dtype for a in (found.boxes, found.scores, found.landmarks)} == {np.dtype("f4")}
    assert (found.boxes[:, :2] < found.boxes[:, 2:]).all()
    assert (found.scores > 0).all()
    assert (found.scores <= 1).all()
    assert (np.diff(found.scores) <= 0).all()


class TestChoice:
    def test_without_weights_the_built_in_detector_says_what_it_misses(self) -> None:
        detector = open_face_detector()
        assert detector.name == "haar:frontalface"
        assert "profile" in detector.note
        assert "hit nothing" in detector.note
        assert "vquery models get yunet" in detector.note

    def test_weights_that_do_not_load_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "yunet_n_1.onnx").write_text("version https://git-lfs.github.com/spec/v1")
        detector = open_face_detector(tmp_path)
        assert detector.name == "haar:frontalface"
        assert "yunet_n_1.onnx: does not load in OpenCV" in detector.note

    def test_no_detector_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(cv2, "CascadeClassifier")
        (tmp_path / "yunet_n_1.onnx").write_text("nothing")
        with pytest.raises(MediaError, match=r"models get yunet.*yunet_n_1\.onnx.*no cascade"):
            open_face_detector(tmp_path)

    def test_build_without_the_cascade_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(faces, "CASCADE", "none.xml")
        with pytest.raises(MediaError, match=r"lacks .*none\.xml"):
            open_face_detector()

    @pytest.mark.parametrize("score", [0, 1, -1, 70])
    def test_score_is_checked(self, score: float) -> None:
        with pytest.raises(MediaError, match="between 0 and 1"):
            open_face_detector(score=score)

    @pytest.mark.data
    def test_best_weights_that_load(self, data: Path, weights: Path, tmp_path: Path) -> None:
        detector = open_face_detector(data / "models")
        assert detector.name == "yunet:yunet_n_640_640.onnx"
        (tmp_path / "a_yunet_n_640.onnx").write_text("broken")
        shutil.copy(weights, tmp_path / "yunet_s_640.onnx")
        detector = open_face_detector(tmp_path)
        assert detector.name == "yunet:yunet_s_640.onnx"

    @pytest.mark.data
    def test_free_input_falls_through_where_opencv_cannot(
        self, data: Path, tmp_path: Path, portrait: np.ndarray
    ) -> None:
        shutil.copy(data / "models" / "yunet_n_dynamic.onnx", tmp_path)
        detector = open_face_detector(tmp_path)
        if detector.name.startswith("haar"):
            assert "yunet_n_dynamic.onnx" in detector.note
        assert len(detector.detect(portrait)) >= 1


class TestHaar:
    def test_nothing_on_grey(self) -> None:
        found = Haar().detect(GREY)
        check(found)
        assert len(found) == 0

    def test_any_size(self) -> None:
        for shape in ((1, 1), (1, 500), (500, 1), (30, 2000)):
            check(Haar().detect(np.zeros((*shape, 3), np.uint8)))

    @pytest.mark.data
    def test_portrait(self, weights: Path, portrait: np.ndarray) -> None:
        found = Haar().detect(portrait)
        check(found)
        assert len(found) == 1
        assert np.isnan(found.landmarks).all()
        assert overlap(found.boxes[0], YuNet(weights).detect(portrait).boxes[0]) > 0.4

    @pytest.mark.data
    def test_score_keeps_the_better_ones(self, data: Path) -> None:
        image = cv2.imread(str(data / "faces" / "obama_and_biden.jpg"))
        counts = [len(Haar(score=score).detect(image)) for score in (0.05, 0.7, 0.999)]
        assert counts == sorted(counts, reverse=True)
        assert counts[1] >= 2

    def test_suppression_keeps_the_best_of_nested_boxes(self) -> None:
        boxes = np.array([[0, 0, 100, 100], [20, 20, 40, 40], [200, 0, 50, 50]], np.int32)
        assert faces._suppress(boxes, np.array([0.8, 0.9, 0.7], np.float32)) == [1, 2]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


@pytest.mark.parametrize(
    "picture",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(MediaError, match="BGR uint8"):
        Haar().detect(picture)


@pytest.mark.data
class TestYuNet:
    def test_portrait(self, weights: Path, portrait: np.ndarray) -> None:
        found = YuNet(weights).detect(portrait)
        check(found)
        assert len(found) == 1
        box, (right_eye, left_eye, nose, right_mouth, left_mouth) = (
            found.boxes[0],
            found.landmarks[0],
        )
        assert (found.landmarks[0] > box[:2]).all()
        assert (found.landmarks[0] < box[2:]).all()
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert right_eye[1] < nose[1] < right_mouth[1]

    def test_nothing(self, weights: Path) -> None:
        for shape in ((1, 1), (1, 500), (500, 1), (20, 500), (60, 500), (90, 160)):
            for _ in range(3):
                found = YuNet(weights, score=0.3).detect(np.zeros((*shape, 3), np.uint8))
                check(found)
                assert len(found) == 0

    def test_the_same_place_at_any_shape_and_size(
        self, weights: Path, portrait: np.ndarray
    ) -> None:
        """Pad and scale the picture: the box in pixels must follow."""
        detector = YuNet(weights)
        height, width = portrait.shape[:2]
        truth = detector.detect(portrait).boxes[0] * [width, height, width, height]
        for right, below, scale in ((width, 0, 1.0), (0, height, 1.0), (50, 70, 0.6)):
            wide = cv2.copyMakeBorder(portrait, 0, below, 0, right, cv2.BORDER_CONSTANT)
            wide = cv2.resize(wide, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found = detector.detect(wide)
            size = np.tile([wide.shape[1], wide.shape[0]], 2) / scale
            assert overlap(found.boxes[0] * size, truth) > 0.85

    def test_leaving_out_the_padding_changes_nothing(
        self, weights: Path, portrait: np.ndarray
    ) -> None:
        short, full = YuNet(weights), YuNet(weights)
        assert short._crop_input
        full._crop_input = False
        strip = np.hstack([cv2.resize(portrait[50:500, 300:700], (80, 90))] * 10)
        for picture in (portrait[:500], portrait[:, :700], portrait, strip):
            a, b = short.detect(picture), full.detect(picture)
            assert len(a) == len(b) == (10 if picture is strip else 1)
            by_place = [np.argsort(one.boxes[:, 0]) for one in (a, b)]
            for i, j in zip(*by_place, strict=True):
                assert overlap(a.boxes[i], b.boxes[j]) > 0.95

    def test_the_picture_before_leaves_no_trace(self, weights: Path, portrait: np.ndarray) -> None:
        detector = YuNet(weights)
        first = detector.detect(portrait)
        assert len(detector.detect(portrait[:, :300][:, ::-1])) <= 1
        again = detector.detect(portrait)
        assert np.array_equal(first.boxes, again.boxes)
        assert len(detector.detect(np.zeros_like(portrait))) == 0

    def test_the_picture_is_not_changed_and_may_be_a_view(
        self, weights: Path, portrait: np.ndarray
    ) -> None:
        view = portrait[:, ::-1]
        before = view.copy()
        assert len(YuNet(weights).detect(view)) == 1
        assert np.array_equal(view, before)

    def test_lower_score_finds_no_less(self, data: Path, weights: Path) -> None:
        image = cv2.imread(str(data / "faces" / "obama_and_biden.jpg"))
        counts = [len(YuNet(weights, score=score).detect(image)) for score in (0.3, 0.7, 0.92)]
        assert counts == sorted(counts, reverse=True)
        assert counts[1] == 3


@pytest.fixture(scope="module")
def hamilton(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frame, box and score of every face in the clip."""
    detector = open_face_detector(data / "models")
    capture = cv2.VideoCapture(str(data / "videos" / "short_hamilton_clip.mp4"))
    frames, boxes, scores = [], [], []
    number = 0
    while True:
        read, image = capture.read()
        if not read:
            break
        found = detector.detect(image)
        frames += [number] * len(found)
        boxes.append(found.boxes)
        scores.append(found.scores)
        number += 1
    assert number == 275
    return np.array(frames), np.concatenate(boxes), np.concatenate(scores)


@pytest.mark.data
class TestRealClip:
    def test_frames_with_a_face(self, hamilton: tuple[np.ndarray, ...]) -> None:
        assert len(set(hamilton[0].tolist())) >= 235

    def test_tracks(self, data: Path, hamilton: tuple[np.ndarray, ...]) -> None:
        frames, boxes, scores = hamilton
        truth = json.loads((data / "videos" / "shots_ground_truth.json").read_text())
        cuts = truth["videos"]["short_hamilton_clip.mp4"]["cuts"]
        shot = np.searchsorted(cuts, frames, side="right")
        lengths = []
        for one in range(len(cuts) + 1):
            mine = shot == one
            track = track_boxes(frames[mine], boxes[mine], scores[mine], fps=29.97)
            lengths.append(sorted(np.bincount(track).tolist(), reverse=True))
        # Miranda and Lacamoire together, Lacamoire's profile, Miranda alone, the audience
        assert lengths[0] == [20, 20]
        assert lengths[1][0] >= 20
        assert lengths[2] == [129]
        assert lengths[3][:4] == [64, 64, 64, 64]
        assert sum(lengths[3][4:]) <= 4

    def test_tracks_of_every_third_frame(self, hamilton: tuple[np.ndarray, ...]) -> None:
        frames, boxes, scores = hamilton
        mine = (frames >= 211) & (frames % 3 == 1)
        track = track_boxes(frames[mine], boxes[mine], scores[mine], fps=29.97)
        assert sorted(np.bincount(track).tolist(), reverse=True)[:4] == [22, 22, 22, 22]
