from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import MediaError
from vquery.media import chips, descriptors
from vquery.media.descriptors import FaceDescriptor, FrameDescriptor, OnnxDescriptor
from vquery.media.faces import open_face_detector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    WriteOnnx = Callable[..., Path]

SIDE = descriptors.CHIP_PX


def texture(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def boxes(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def check(vectors: np.ndarray, count: int, dimensions: int) -> None:
    assert vectors.shape == (count, dimensions)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(count), abs=1e-5)


class TestFaceDescriptor:
    def test_unit_vectors_of_the_stated_dimensions(self) -> None:
        describer = FaceDescriptor()
        got = describer.describe(texture(0), boxes([0.1, 0.1, 0.3, 0.5], [0.5, 0.2, 0.8, 0.9]))
        assert list(got) == ["face", "face_wide"] == list(describer.spaces)
        for space, dimensions in describer.spaces.items():
            check(got[space], 2, dimensions)
        assert describer.version

    def test_no_box(self) -> None:
        for space, vectors in FaceDescriptor().describe(texture(0), boxes()).items():
            check(vectors, 0, FaceDescriptor.spaces[space])

    @pytest.mark.parametrize(
        "box",
        [
            [-0.5, -0.5, -0.2, -0.1],  # off the picture
            [0.9, 0.9, 1.4, 1.4],
            [0.5, 0.5, 0.503, 0.9],  # one pixel wide
            [0.5, 0.5, 0.5, 0.5],  # of no size
            [1e9, 1e9, 2e9, 2e9],
            [-30, -30, 30, 30],
        ],
    )
    def test_any_box(self, box: list[float]) -> None:
        for picture in (texture(1), np.zeros((8, 8, 3), np.uint8), texture(2, 1, 1)):
            for space, vectors in FaceDescriptor().describe(picture, boxes(box)).items():
                check(vectors, 1, FaceDescriptor.spaces[space])

    @given(
        box=st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4),
        marks=st.lists(st.floats(-3, 3, width=32) | st.just(math.nan), min_size=10, max_size=10),
    )
    def test_any_landmarks(self, box: list[float], marks: list[float]) -> None:
        landmarks = np.array(marks, np.float32).reshape(1, 5, 2)
        for space, vectors in FaceDescriptor().describe(texture(1), boxes(box), landmarks).items():
            check(vectors, 1, FaceDescriptor.spaces[space])

    def test_each_face_for_itself(self) -> None:
        rng = np.random.default_rng(3)
        corner = rng.uniform(0, 0.7, (6, 2))
        many = np.hstack([corner, corner + rng.uniform(0.1, 0.3, (6, 2))]).astype(np.float32)
        marks = many[:, None, :2] + chips.FRONTAL * (many[:, None, 2:] - many[:, None, :2])
        marks[::2] = np.nan
        together = FaceDescriptor().describe(texture(4), many, marks)
        for i in range(6):
            alone = FaceDescriptor().describe(texture(4), many[i : i + 1], marks[i : i + 1])
            for space in alone:
                np.testing.assert_allclose(together[space][i], alone[space][0], atol=1e-6)

    def test_landmarks_of_a_frontal_face_and_its_box_agree(self) -> None:
        box = boxes([0.3, 0.2, 0.525, 0.6])  # square in pixels
        marks = box[:, None, :2] + chips.FRONTAL * (box[:, None, 2:] - box[:, None, :2])
        bare = FaceDescriptor().describe(texture(5), box)["face"]
        aligned = FaceDescriptor().describe(texture(5), box, marks)["face"]
        assert float((bare * aligned).sum()) > 0.999

    def test_tilted_face_is_set_upright(self) -> None:
        picture, centre, side = texture(6, 400, 400), np.array([200.0, 200.0]), 100.0
        box = boxes([0.375, 0.375, 0.625, 0.625])
        marks = (centre + (chips.FRONTAL - 0.5) * side) / 400
        upright = FaceDescriptor().describe(picture, box, marks[None])["face"][0]
        turn = cv2.getRotationMatrix2D((199.5, 199.5), 25, 1.0)
        tilted = cv2.warpAffine(picture, turn, (400, 400), borderMode=cv2.BORDER_REFLECT)
        moved = (marks * 400 - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
        aligned = FaceDescriptor().describe(tilted, box, moved[None] / 400)["face"][0]
        unaligned = FaceDescriptor().describe(tilted, box)["face"][0]
        assert upright @ aligned > 0.97
        assert upright @ aligned > upright @ unaligned + 0.1

    def test_landmarks_of_a_profile_leave_it_to_the_box(self) -> None:
        box = boxes([0.3, 0.2, 0.5, 0.6])
        profile = chips.FRONTAL.copy()
        profile[:, 0] = [0.1, 0.3, 0.02, 0.1, 0.2]
        marks = box[:, None, :2] + profile * (box[:, None, 2:] - box[:, None, :2])
        bare = FaceDescriptor().describe(texture(5), box)["face"]
        assert np.array_equal(FaceDescriptor().describe(texture(5), box, marks)["face"], bare)

    def test_light_and_noise_matter_little(self) -> None:
        picture, box = texture(7), boxes([0.3, 0.2, 0.5, 0.6])
        rng = np.random.default_rng(0)
        base = FaceDescriptor().describe(picture, box)["face"][0]
        darker = np.clip(picture * 0.8, 0, 255).astype(np.uint8)
        noisy = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
        for other in (darker, noisy):
            assert base @ FaceDescriptor().describe(other, box)["face"][0] > 0.95
        assert base @ FaceDescriptor().describe(texture(8), box)["face"][0] < 0.7

    def test_wrong_shapes_are_told(self) -> None:
        with pytest.raises(MediaError, match=r"boxes must have shape \(n, 4\), got \(4,\)"):
            FaceDescriptor().describe(texture(0), np.zeros(4, np.float32))
        with pytest.raises(MediaError, match=r"landmarks must have shape \(1, 5, 2\)"):
            FaceDescriptor().describe(texture(0), boxes([0, 0, 1, 1]), np.zeros((2, 5, 2)))
        with pytest.raises(MediaError, match="row 1 is"):
            FaceDescriptor().describe(texture(0), boxes([0, 0, 1, 1], [0, math.nan, 1, 1]))
        with pytest.raises(MediaError, match="BGR uint8"):
            FaceDescriptor().describe(texture(0)[..., 0], boxes([0, 0, 1, 1]))


def draw(person: int, size: int, shift: tuple[float, float], seed: int) -> np.ndarray:
    """A cartoon head, another for each person, on a noisy background."""
    rng = np.random.default_rng(person)
    skin = (int(rng.integers(60, 150)), int(rng.integers(100, 180)), int(rng.integers(150, 250)))
    hair, shirt = rng.integers(0, 255, (2, 3)).tolist()
    eyes, mouth = rng.uniform(0.16, 0.26), rng.uniform(0.1, 0.3)
    picture = cv2.GaussianBlur(texture(1000 + seed, 360, 640), (0, 0), 9) // 3 + 60
    x, y = 320 + shift[0] * size, 180 + shift[1] * size

    def at(u: float, v: float) -> tuple[int, int]:
        return round(x + u * size), round(y + v * size)

    cv2.ellipse(picture, at(0, 1.0), (round(size * 0.8), round(size * 0.5)), 0, 0, 360, shirt, -1)
    cv2.ellipse(picture, at(0, -0.1), (round(size * 0.5), round(size * 0.6)), 0, 0, 360, hair, -1)
    cv2.ellipse(picture, at(0, 0.05), (round(size * 0.4), round(size * 0.5)), 0, 0, 360, skin, -1)
    for side in (-eyes, eyes):
        cv2.circle(picture, at(side, -0.05), max(size // 14, 1), (20, 20, 20), -1)
    corners = (round(size * mouth), round(size * 0.07))
    cv2.ellipse(picture, at(0, 0.3), corners, 0, 0, 180, (40, 40, 120), -1)
    return picture


def test_drawn_people_are_told_apart_without_landmarks() -> None:
    rng = np.random.default_rng(11)
    people = np.repeat(np.arange(8), 4)
    vectors: dict[str, list[np.ndarray]] = {"face": [], "face_wide": []}
    for i, person in enumerate(people):
        size = int(rng.integers(50, 140))
        shift = rng.uniform(-0.4, 0.4, 2)
        picture = draw(int(person), size, (shift[0], shift[1]), i)
        centre = np.array([320, 180]) + shift * size
        half = size * np.array([0.5, 0.6])
        corners = np.concatenate([centre - half, centre + half])
        trembling = corners + size * rng.normal(0, 0.03, 4)
        got = FaceDescriptor().describe(picture, boxes(trembling / [640, 360, 640, 360]))
        for space in vectors:
            vectors[space].append(got[space][0])
    for space in vectors:
        x = np.array(vectors[space])
        cosine = x @ x.T - 2 * np.eye(len(x))
        assert (people[cosine.argmax(1)] == people).mean() >= 0.9, space


class TestChips:
    def test_box_of_the_chips_size_is_copied(self) -> None:
        picture = texture(0)
        where = chips.box_map(np.array([[40, 30], [104, 94]], np.float32), SIDE)
        assert np.array_equal(chips.cut(picture, where, SIDE), picture[30:94, 40:104])

    @pytest.mark.parametrize("times", [2, 3, 5])
    def test_shrunk_box_is_averaged(self, times: int) -> None:
        picture = texture(0, 400, 400)
        end = 20 + SIDE * times
        where = chips.box_map(np.array([[20, 20], [end, end]], np.float32), SIDE)
        truth = cv2.resize(picture[20:end, 20:end], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        got = chips.cut(picture, where, SIDE).astype(int)
        assert np.abs(got - truth).max() <= 6
        assert np.abs(got - truth).mean() < 1

    def test_margin(self) -> None:
        corners = np.array([[100, 100], [132, 132]], np.float32)
        wide = np.array([[84, 84], [148, 148]], np.float32)
        np.testing.assert_allclose(
            chips.box_map(corners, SIDE, 0.5), chips.box_map(wide, SIDE), atol=1e-9
        )

    def test_beyond_the_picture_its_border_is_repeated(self) -> None:
        picture = np.zeros((100, 100, 3), np.uint8)
        picture[:, 99] = 200
        where = chips.box_map(np.array([[200, 20], [264, 84]], np.float32), SIDE)
        assert (chips.cut(picture, where, SIDE) == 200).all()

    @given(
        turn=st.floats(-3.1, 3.1),
        scale=st.floats(0.1, 10),
        x=st.floats(-500, 500),
        y=st.floats(-500, 500),
    )
    def test_landmarks_give_back_the_similarity(
        self, turn: float, scale: float, x: float, y: float
    ) -> None:
        matrix = scale * np.array(
            [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        )
        marks = ((chips.FRONTAL * SIDE) @ matrix.T + [x, y]).astype(np.float32)
        fit = chips.landmark_map(marks, chips.FRONTAL, SIDE)
        assert fit is not None
        back = (marks - 0.5) @ fit[0][:, :2].T + fit[0][:, 2] + 0.5
        np.testing.assert_allclose(back, chips.FRONTAL * SIDE, atol=0.05)
        assert fit[1] < 1e-3

    @given(seed=st.integers(0, 10_000))
    def test_no_other_similarity_is_nearer(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        marks = rng.uniform(0, 100, (5, 2)).astype(np.float32)
        fit = chips.landmark_map(marks, chips.ARCFACE, 112)
        assert fit is not None
        # least squares over a, b, c, d of x' = ax - by + c, y' = bx + ay + d
        x, y = marks.T.astype(float)
        one, none = np.ones(5), np.zeros(5)
        system = np.vstack([np.c_[x, -y, one, none], np.c_[y, x, none, one]])
        target = (chips.ARCFACE * 112).T.reshape(-1)
        solution, *_ = np.linalg.lstsq(system, target, rcond=None)
        misfit = math.sqrt(((system @ solution - target) ** 2).sum() / 5) / 112
        assert fit[1] == pytest.approx(misfit, abs=1e-6)
        np.testing.assert_allclose(fit[0][:, :2], [solution[[0, 1]] * [1, -1], solution[[1, 0]]])

    def test_landmarks_that_are_one_point_or_unknown(self) -> None:
        assert chips.landmark_map(np.full((5, 2), 7, np.float32), chips.FRONTAL, SIDE) is None
        assert chips.landmark_map(np.full((5, 2), np.nan, np.float32), chips.FRONTAL, SIDE) is None


def slow_hog(grey: np.ndarray) -> np.ndarray:
    """The histogram of oriented gradients of one chip, pixel by pixel."""
    bins, cell, cells = descriptors.BINS, descriptors.CELL_PX, descriptors.CELLS
    votes = np.zeros((cells, cells, bins))
    at = lambda i, j: float(grey[min(max(i, 0), SIDE - 1), min(max(j, 0), SIDE - 1)])  # noqa: E731
    for i in range(SIDE):
        for j in range(SIDE):
            dx, dy = at(i, j + 1) - at(i, j - 1), at(i + 1, j) - at(i - 1, j)
            place = math.atan2(dy, dx) % math.pi / math.pi * bins
            low = int(place)
            size = math.hypot(dx, dy)
            votes[i // cell, j // cell, low % bins] += size * (1 - (place - low))
            votes[i // cell, j // cell, (low + 1) % bins] += size * (place - low)
    energy = (votes**2).sum(-1)
    out = np.empty_like(votes)
    for i in range(cells):
        for j in range(cells):
            near = [
                energy[min(max(i + a, 0), cells - 1), min(max(j + b, 0), cells - 1)]
                for a in (-1, 0, 1)
                for b in (-1, 0, 1)
            ]
            out[i, j] = np.minimum(votes[i, j] / math.sqrt(sum(near) + descriptors.NOISE), 0.2)
    return out.reshape(-1)


@pytest.mark.parametrize("seed", range(3))
def test_histogram_against_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(rng.uniform(0, 255, (2, SIDE, SIDE)).astype(np.float32), (0, 0), 1)
    if seed == 2:
        grey = np.round(grey / 64) * 64  # many gradients along the axes
    got = descriptors._hog(np.ascontiguousarray(grey))
    for one, vector in zip(grey, got, strict=True):
        np.testing.assert_allclose(vector, slow_hog(one), atol=2e-3)


class TestFrameDescriptor:
    def test_unit_vector(self) -> None:
        for picture in (texture(0), texture(0, 1, 1), np.zeros((720, 1280, 3), np.uint8)):
            vector = FrameDescriptor().describe(picture)
            check(vector[None], 1, FrameDescriptor.spaces["frame"])

    def test_small_motion_is_near_and_another_scene_is_far(self) -> None:
        picture = texture(0, 360, 640)
        base = FrameDescriptor().describe(picture)
        assert base @ FrameDescriptor().describe(np.roll(picture, 3, 1)) > 0.9
        assert base @ FrameDescriptor().describe(texture(1, 360, 640)) < 0.7

    def test_size_does_not_matter(self) -> None:
        picture = cv2.GaussianBlur(texture(0, 720, 1280), (0, 0), 6)
        small = cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA)
        assert FrameDescriptor().describe(picture) @ FrameDescriptor().describe(small) > 0.99

    def test_no_picture(self) -> None:
        with pytest.raises(MediaError, match="BGR uint8"):
            FrameDescriptor().describe(np.zeros((0, 5, 3), np.uint8))


class TestOnnxDescriptor:
    """On a network that averages each channel, so the right answer is known."""

    def mean_colour(
        self, path: Path, picture: np.ndarray, box: list[float], **options: Any
    ) -> np.ndarray:
        describer = OnnxDescriptor(path, **options)
        ((space, dimensions),) = describer.spaces.items()
        got = describer.describe(picture, boxes(box))[space]
        check(got, 1, dimensions)
        return got[0]

    def test_channels_in_order(self, write_onnx: WriteOnnx) -> None:
        picture = np.full((100, 100, 3), (30, 60, 120), np.uint8)
        path = write_onnx("net.onnx")
        box = [0.2, 0.2, 0.8, 0.8]
        length = math.sqrt(30**2 + 60**2 + 120**2)
        rgb = np.array([120, 60, 30]) / length
        np.testing.assert_allclose(self.mean_colour(path, picture, box), rgb, atol=1e-5)
        np.testing.assert_allclose(
            self.mean_colour(path, picture, box, swap_rb=False), rgb[::-1], atol=1e-5
        )

    def test_mean_and_scale(self, write_onnx: WriteOnnx) -> None:
        picture = np.full((100, 100, 3), (30, 60, 120), np.uint8)
        got = self.mean_colour(
            write_onnx("net.onnx"), picture, [0, 0, 1, 1], mean=(20, 60, 30), scale=1 / 128
        )
        np.testing.assert_allclose(got, [1, 0, 0], atol=1e-5)  # 120 - 20, 60 - 60, 30 - 30

    def test_what_the_box_holds(self, write_onnx: WriteOnnx) -> None:
        picture = np.zeros((100, 200, 3), np.uint8)
        picture[:, 100:] = (0, 0, 255)
        picture[:, :100] = (255, 0, 0)
        path = write_onnx("net.onnx", (1, 3, 24, 48))
        options: dict[str, Any] = {"align": "box", "space": "colour"}
        left = self.mean_colour(path, picture, [0.05, 0.1, 0.45, 0.9], **options)
        right = self.mean_colour(path, picture, [0.55, 0.1, 0.95, 0.9], **options)
        np.testing.assert_allclose(left, [0, 0, 1], atol=1e-5)
        np.testing.assert_allclose(right, [1, 0, 0], atol=1e-5)
        with_margin = self.mean_colour(path, picture, [0.3, 0.1, 0.5, 0.5], margin=0.5, **options)
        assert with_margin[0] > 0.1

    def test_known_and_estimated_landmarks_agree(self, write_onnx: WriteOnnx) -> None:
        describer = OnnxDescriptor(write_onnx("net.onnx", (1, 3, 112, 112)))
        box = boxes([0.3, 0.2, 0.5, 0.6])
        marks = box[:, None, :2] + chips.FRONTAL * (box[:, None, 2:] - box[:, None, :2])
        known = describer.describe(texture(0), box, marks.astype(np.float32))["face_onnx"]
        np.testing.assert_allclose(
            known, describer.describe(texture(0), box)["face_onnx"], atol=1e-4
        )

    def test_free_size_must_be_given(self, write_onnx: WriteOnnx) -> None:
        path = write_onnx("free.onnx", (1, 3, "h", "w"))
        with pytest.raises(MediaError, match=r"size is free; say size=\(width, height\)"):
            OnnxDescriptor(path)
        fixed = write_onnx("fixed.onnx", (1, 3, 20, 40))
        assert OnnxDescriptor(fixed, size=(40, 20)).spaces == {"face_onnx": 3}
        with pytest.raises(MediaError, match=r"40 x 20 pixels; size says \(20, 40\)"):
            OnnxDescriptor(fixed, size=(20, 40))

    def test_version_follows_file_and_options(self, write_onnx: WriteOnnx) -> None:
        path = write_onnx("net.onnx")
        versions = {
            OnnxDescriptor(path).version,
            OnnxDescriptor(path, scale=0.5).version,
            OnnxDescriptor(write_onnx("net.onnx", (1, 3, 40, 40))).version,
        }
        assert len(versions) == 3
        same = write_onnx("elsewhere/same.onnx", (1, 3, 40, 40))
        assert OnnxDescriptor(same).version in versions

    def test_black_is_still_a_unit_vector(self, write_onnx: WriteOnnx) -> None:
        picture = np.zeros((50, 50, 3), np.uint8)
        self.mean_colour(write_onnx("net.onnx"), picture, [0, 0, 1, 1])

    def test_no_box(self, write_onnx: WriteOnnx) -> None:
        got = OnnxDescriptor(write_onnx("net.onnx")).describe(texture(0), boxes())
        assert got["face_onnx"].shape == (0, 3)

    def test_refusals(self, write_onnx: WriteOnnx, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match="cannot be read"):
            OnnxDescriptor(tmp_path / "none.onnx")
        (tmp_path / "text.onnx").write_text("hello")
        with pytest.raises(MediaError, match="not an ONNX model"):
            OnnxDescriptor(tmp_path / "text.onnx")
        with pytest.raises(MediaError, match=r"expected an input of shape \(1, 3, height, width\)"):
            OnnxDescriptor(write_onnx("batch.onnx", (8, 3, 32, 32)))
        with pytest.raises(MediaError, match="align must be"):
            OnnxDescriptor(write_onnx("net.onnx"), align="eyes")  # type: ignore[arg-type]
        with pytest.raises(MediaError, match=r"net\.onnx: OpenCV .* cannot run it"):
            OnnxDescriptor(write_onnx("net.onnx"), output="embedding")

    @pytest.mark.data
    def test_real_network(self, data: Path) -> None:
        path = data / "models" / "ultraface_version-RFB-320_simplified.onnx"
        options: dict[str, Any] = {"mean": (127, 127, 127), "scale": 1 / 128, "align": "box"}
        describer = OnnxDescriptor(path, output="scores", **options)
        picture = cv2.imread(str(data / "faces" / "obama.jpg"))
        got = describer.describe(picture, boxes([0, 0, 1, 1]))["face_onnx"]
        check(got, 1, 4420 * 2)


@pytest.mark.data
class TestRealFaces:
    @pytest.fixture(scope="class")
    @staticmethod
    def clip(data: Path) -> dict[str, np.ndarray]:
        """Every fifth frame of the Hamilton clip: vectors by space, frame, centre."""
        detector, describer = open_face_detector(data / "models"), FaceDescriptor()
        capture = cv2.VideoCapture(str(data / "videos" / "short_hamilton_clip.mp4"))
        rows: dict[str, list[np.ndarray]] = {"face": [], "face_wide": [], "frame": [], "x": []}
        for number in range(275):
            _, image = capture.read()
            if number % 5:
                continue
            found = detector.detect(image)
            for space, vectors in describer.describe(image, found.boxes, found.landmarks).items():
                rows[space].append(vectors)
            rows["frame"].append(np.full(len(found), number))
            rows["x"].append(found.boxes[:, ::2].mean(1))
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    @pytest.mark.parametrize("space", ["face", "face_wide"])
    def test_a_person_is_found_again_in_another_shot(
        self, clip: dict[str, np.ndarray], space: str
    ) -> None:
        vectors, frame, x = clip[space], clip["frame"], clip["x"]
        first = (frame < 20) & (x > 0.5)
        again = (frame >= 82) & (frame < 211)
        others = ~first & ~again
        mine = (vectors[first] @ vectors[again].T).max(1)
        strangers = (vectors[first] @ vectors[others].T).max(1)
        assert len(mine) == 4
        assert (mine > strangers + 0.03).all()

    @pytest.mark.parametrize("space", ["face", "face_wide"])
    def test_a_face_is_nearest_to_its_own_track(
        self, clip: dict[str, np.ndarray], space: str
    ) -> None:
        audience = clip["frame"] >= 215
        vectors, seat = clip[space][audience], np.round(clip["x"][audience] * 8)
        cosine = vectors @ vectors.T - 2 * np.eye(len(vectors))
        assert (seat[cosine.argmax(1)] == seat).mean() > 0.97
