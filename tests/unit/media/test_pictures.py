"""Cutting out, resizing, and JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import MediaError
from vquery.media.pictures import crop, decode_jpeg, encode_jpeg, fit, open_picture

if TYPE_CHECKING:
    from pathlib import Path


def ramp(height: int = 60, width: int = 80) -> np.ndarray:
    """A picture in which every pixel tells its place: blue is x, green is y."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, x * 0], axis=-1).astype(np.uint8)


@given(st.integers(0, 79), st.integers(1, 80), st.integers(0, 59), st.integers(1, 60))
def test_crop_of_whole_pixels_gives_those_pixels(left: int, wide: int, top: int, high: int):
    right, bottom = min(left + wide, 80), min(top + high, 60)
    box = np.array([left / 80, top / 60, right / 80, bottom / 60], np.float32)
    part = crop(ramp(), box)
    np.testing.assert_array_equal(part, ramp()[top:bottom, left:right])


corner = st.floats(-2, 3)


@given(corner, corner, corner, corner)
def test_crop_is_clipped_and_holds_the_box(x1: float, y1: float, x2: float, y2: float):
    part = crop(ramp(), (x1, y1, x2, y2))
    if part is None:
        low = np.clip([x1, y1], 0, 1)
        assert (low >= np.clip([x2, y2], 0, 1)).any()
        return
    assert part.shape[0] >= 1
    assert part.shape[1] >= 1
    assert part[0, 0, 0] <= max(x1, 0) * 80
    assert part[-1, -1, 0] + 1 >= min(x2, 1) * 80 - 1e-2
    assert part[0, 0, 1] <= max(y1, 0) * 60
    assert part[-1, -1, 1] + 1 >= min(y2, 1) * 60 - 1e-2


@pytest.mark.parametrize("box", [(0.2, 0.2, 0.2, 0.9), (1.1, 0, 1.5, 1), (0.5, 0.9, 0.6, 0.1)])
def test_crop_of_nothing_is_none(box: tuple[float, ...]):
    assert crop(ramp(), box) is None


@pytest.mark.parametrize("box", [(0, 0, float("nan"), 1), (0, 0, 1), (0, 0, 1, float("inf"))])
def test_crop_needs_four_finite_numbers(box: tuple[float, ...]):
    with pytest.raises(MediaError, match="four finite numbers"):
        crop(ramp(), box)


def test_tiny_box_still_gives_a_pixel():
    part = crop(ramp(), (0.5, 0.5, 0.5 + 1e-9, 0.5 + 1e-9))
    assert part is not None
    assert part.shape == (1, 1, 3)


def test_fit_keeps_the_shape_and_never_enlarges():
    assert fit(ramp(600, 800), 200).shape == (150, 200, 3)
    assert fit(ramp(3, 800), 100).shape == (1, 100, 3)
    small = ramp()
    assert fit(small, 500) is small
    with pytest.raises(MediaError, match="at least 1 pixel"):
        fit(small, 0)


def test_jpeg_there_and_back():
    data = encode_jpeg(ramp(600, 800) // 3, longest=320)
    back = decode_jpeg(data)
    assert back.shape == (240, 320, 3)
    assert len(encode_jpeg(ramp(), quality=20)) < len(encode_jpeg(ramp(), quality=95))
    assert np.abs(decode_jpeg(encode_jpeg(ramp())).astype(int) - ramp()).mean() < 4


@pytest.mark.parametrize("image", [np.zeros((0, 5, 3)), np.zeros((5, 5)), np.zeros((5, 5, 4))])
def test_only_colour_pictures(image: np.ndarray):
    with pytest.raises(MediaError, match="must have the shape"):
        encode_jpeg(image.astype(np.uint8))


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0 no more"])
def test_what_is_no_picture(data: bytes):
    with pytest.raises(MediaError, match=f"picture of {len(data)} bytes"):
        decode_jpeg(data)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_open_picture(tmp_path: Path, suffix: str):
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(cv2.imencode(suffix, ramp())[1].tobytes())
    image = open_picture(path)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - ramp()).mean() < 4


def test_open_grey_and_transparent(tmp_path: Path):
    for name, channels in (("grey.png", 1), ("clear.png", 4)):
        path = tmp_path / name
        path.write_bytes(cv2.imencode(".png", np.full((4, 5, channels), 9, np.uint8))[1].tobytes())
        assert open_picture(path).shape == (4, 5, 3)


def test_open_picture_that_is_not_there(tmp_path: Path):
    with pytest.raises(MediaError, match=r"none\.jpg: cannot be read"):
        open_picture(tmp_path / "none.jpg")


def test_cut_off_jpeg(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "cut.jpg"
    path.write_bytes(encode_jpeg(noise)[:2000])
    with pytest.raises(MediaError, match=r"cut\.jpg: the JPEG is cut off"):
        open_picture(path)
