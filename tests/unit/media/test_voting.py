"""Boxes that vote, and a detector that looks several times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vquery.errors import MediaError
from vquery.media.ensemble import FLOOR, LOOKS, Ensemble
from vquery.media.faces import Faces, Haar, YuNet
from vquery.media.voting import overlap, vote_boxes


class Blobs:
    """Finds bright blobs of at least 10 pixels: its score is the blob's brightness.

    Its first landmark is the left edge of the blob, its second the right one.
    """

    name = "blobs"
    note = "blobs are found"

    def __init__(self, least: int = 10) -> None:
        self.least, self.asked = least, 0

    def detect(self, image: np.ndarray) -> Faces:
        self.asked += 1
        height, width = image.shape[:2]
        grey = image[:, :, 0]
        _, labels = cv2.connectedComponents((grey > 40).astype(np.uint8))
        boxes, scores, marks = [], [], []
        for label in range(1, labels.max() + 1):
            ys, xs = np.nonzero(labels == label)
            x1, y1, x2, y2 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            if min(x2 - x1, y2 - y1) < self.least:
                continue
            boxes.append([x1 / width, y1 / height, x2 / width, y2 / height])
            scores.append(np.median(grey[labels == label]) / 255)
            middle = (y1 + y2) / 2 / height
            ends = [[x1 / width, middle], [x2 / width, middle]]
            marks.append([*ends, [(x1 + x2) / 2 / width, middle], *ends])
        order = np.argsort(scores)[::-1]
        return Faces(
            np.array(boxes, np.float32).reshape(-1, 4)[order],
            np.array(scores, np.float32)[order],
            np.array(marks, np.float32).reshape(-1, 5, 2)[order],
        )


def picture(*blobs: tuple[int, int, int, int], light: int = 250) -> np.ndarray:
    found = np.zeros((120, 200, 3), np.uint8)
    for x, y, w, h in blobs:
        found[y : y + h, x : x + w] = light
    return found


class TestVotes:
    def test_a_box_moves_to_the_mean_by_score(self) -> None:
        found = vote_boxes([[0, 0, 10, 10], [2, 0, 12, 10]], [0.75, 0.25])
        np.testing.assert_allclose(found.boxes, [[0.5, 0, 10.5, 10]])
        assert found.scores.tolist() == [0.75]

    def test_boxes_between_the_two_bounds_vanish_without_a_vote(self) -> None:
        """Boxes a third of which are shared: neither kept nor counted."""
        boxes = [[0, 0, 10, 10], [4.5, 0, 14.5, 10]]
        assert 0.3 < overlap(boxes[0], [boxes[1]])[0] < 0.5
        found = vote_boxes(boxes, [0.9, 0.8])
        assert found.boxes.tolist() == [boxes[0]]
        assert found.views.tolist() == [1]
        assert len(vote_boxes(boxes, [0.9, 0.8], suppress=0.5)) == 2

    def test_agreement_counts_looks_not_boxes(self) -> None:
        boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [50, 0, 60, 10], [50, 0, 60, 10]]
        found = vote_boxes(boxes, [0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1], agree=2)
        np.testing.assert_allclose(found.boxes, [[50, 0, 60, 10]])
        assert found.kept.tolist() == [2]
        assert found.voters[0].tolist() == [2, 3]

    def test_a_box_that_is_left_out_takes_no_other_with_it(self) -> None:
        boxes = [[0, 0, 10, 10], [4.5, 0, 14.5, 10], [4.5, 0, 14.5, 10]]
        assert 0.3 < overlap(boxes[0], [boxes[1]])[0] < 0.5
        found = vote_boxes(boxes, [0.9, 0.8, 0.7], [0, 1, 2], agree=2)
        assert found.kept.tolist() == [1]
        assert found.voters[0].tolist() == [1, 2]

    def test_a_box_that_is_left_out_votes_for_one_between_it_and_others(self) -> None:
        """Only the middle one of three shares half of each; its score is that of the best."""
        boxes = [[0, 0, 10, 10], [50, 0, 60, 10], [2.5, 0, 12.5, 10], [5, 0, 15, 10]]
        boxes += [boxes[1]] * 2
        assert overlap(boxes[0], boxes)[[2, 3]].round(2).tolist() == [0.6, 0.33]
        views = [0, 0, 1, 2, 1, 2]
        found = vote_boxes(boxes, [0.9, 0.8, 0.7, 0.6, 0.5, 0.5], views, agree=3)
        assert found.kept.tolist() == [2, 1]
        assert found.scores.tolist() == [0.9, 0.8]
        assert [one.tolist() for one in found.voters] == [[0, 2, 3], [1, 4, 5]]

    def test_the_order_of_boxes_does_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        low = rng.random((30, 2)) * 20
        boxes = np.hstack([low, low + 5 + rng.random((30, 2))])
        scores, views = rng.random(30) * 0.9 + 0.1, rng.integers(3, size=30)
        order = rng.permutation(30)
        a = vote_boxes(boxes, scores, views, agree=2)
        b = vote_boxes(boxes[order], scores[order], views[order], agree=2)
        assert 1 < len(a) < 30
        np.testing.assert_allclose(a.boxes, b.boxes)
        assert a.kept.tolist() == order[b.kept].tolist()

    def test_empty_boxes_are_themselves_alone(self) -> None:
        assert overlap([1, 1, 1, 1], [[1, 1, 1, 1], [0, 0, 2, 2]]).tolist() == [1, 0]

    @pytest.mark.parametrize(
        ("boxes", "scores", "views", "options", "said"),
        [
            ([[0, 0, 1]], [1], None, {}, "shape"),
            ([[0, 0, 1, 1]], [1, 1], None, {}, "shape"),
            ([[0, 0, 1, np.nan]], [1], None, {}, "finite"),
            ([[0, 0, 1, 1]], [0], None, {}, "above 0"),
            ([[0, 0, 1, 1]], [1], [0, 1], {}, "views"),
            ([[0, 0, 1, 1]], [1], None, {"suppress": 0.6}, "rise"),
            ([[0, 0, 1, 1]], [1], None, {"agree": 0}, "agree"),
        ],
    )
    def test_what_cannot_be(self, boxes, scores, views, options, said) -> None:
        with pytest.raises(MediaError, match=said):
            vote_boxes(boxes, scores, views, **options)


class TestLooks:
    @pytest.mark.parametrize("look", LOOKS)
    @pytest.mark.parametrize("blob", [(20, 20, 24, 24), (150, 30, 30, 20), (20, 90, 24, 24)])
    def test_each_look_finds_it_in_its_place(self, look: str, blob) -> None:
        found = Ensemble(Blobs(), looks=[look], agree=1).detect(picture(blob))
        x, y, w, h = blob
        assert len(found) == 1
        size = np.array([200, 120, 200, 120])
        np.testing.assert_allclose(found.boxes[0] * size, [x, y, x + w, y + h], atol=2)
        ends = found.landmarks[0, :2, 0] * 200
        np.testing.assert_allclose(sorted(ends), [x, x + w], atol=2)

    def test_a_mirrored_face_keeps_its_right_eye(self) -> None:
        """In the mirror the person's right is the other side: names change with places."""
        blob = picture((20, 20, 30, 30))
        plain = Blobs().detect(blob).landmarks[0]
        assert plain[0, 0] < plain[1, 0]
        mirrored = Ensemble(Blobs(), looks=["mirrored"], agree=1).detect(blob)
        np.testing.assert_allclose(mirrored.landmarks[0], plain, atol=1e-6)

    def test_a_face_that_a_tile_cuts_is_not_half_a_face(self) -> None:
        wide = picture((60, 50, 80, 20))  # over the seam of all four tiles
        assert len(Ensemble(Blobs(), looks=["tiles"], agree=1).detect(wide)) == 0
        found = Ensemble(Blobs()).detect(wide)
        np.testing.assert_allclose(found.boxes * [200, 120, 200, 120], [[60, 50, 140, 70]], atol=1)

    def test_a_face_at_the_edge_of_the_picture_is_whole(self) -> None:
        found = Ensemble(Blobs(), looks=["tiles"], agree=1).detect(picture((0, 0, 20, 20)))
        assert len(found) == 1

    def test_what_one_look_alone_sees_is_left_out(self) -> None:
        class Once(Blobs):
            def detect(self, image: np.ndarray) -> Faces:
                found = super().detect(image)
                return found if self.asked == 1 else Faces(*(
                    one[:0] for one in (found.boxes, found.scores, found.landmarks)))  # fmt: skip

        assert len(Ensemble(Once()).detect(picture((20, 20, 30, 30)))) == 0
        assert len(Ensemble(Once(), agree=1).detect(picture((20, 20, 30, 30)))) == 1

    def test_the_best_look_must_be_sure(self) -> None:
        weak = picture((20, 20, 30, 30), light=round(255 * 0.6))
        assert len(Ensemble(Blobs()).detect(weak)) == 0
        found = Ensemble(Blobs(), score=0.55).detect(weak)
        assert found.scores.tolist() == pytest.approx([0.6], abs=0.01)

    def test_it_says_what_it_is(self) -> None:
        detector = Ensemble(Blobs())
        assert detector.name == "blobs x4"
        assert "2 looks agree" in detector.note

    def test_any_size_and_nothing(self) -> None:
        detector = Ensemble(Haar(score=FLOOR))
        for shape in ((1, 1), (1, 90), (90, 1), (60, 80)):
            found = detector.detect(np.zeros((*shape, 3), np.uint8))
            assert found.boxes.shape == (0, 4)
            assert found.landmarks.shape == (0, 5, 2)
        with pytest.raises(MediaError, match="BGR uint8"):
            detector.detect(np.zeros((9, 9), np.uint8))

    def test_what_cannot_be(self) -> None:
        with pytest.raises(MediaError, match=r"looks must be of whole, .*, got 'upside'"):
            Ensemble(Blobs(), looks=["whole", "upside"])
        with pytest.raises(MediaError, match="different ones, got whole, whole"):
            Ensemble(Blobs(), looks=["whole", "whole"])
        with pytest.raises(MediaError, match="agree must be from 1 to the 1 looks"):
            Ensemble(Blobs(), looks=["whole"])


@pytest.mark.data
def test_a_portrait_is_one_face_in_its_place(data: Path) -> None:
    weights = data / "models" / "yunet_n_640_640.onnx"
    image = cv2.imread(str(data / "faces" / "obama.jpg"))
    plain = YuNet(weights).detect(image)
    found = Ensemble(YuNet(weights, score=FLOOR)).detect(image)
    assert len(found) == 1
    assert overlap(plain.boxes[0], found.boxes)[0] > 0.8
    right_eye, left_eye = found.landmarks[0, :2]
    assert right_eye[0] < left_eye[0]
    assert np.abs(found.landmarks - plain.landmarks).max() < 0.02
