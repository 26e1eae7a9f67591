"""Transformations of batches: what each does to known pictures, seeds, chances, errors."""

import numpy as np
import pytest
import torch

from vquery.errors import LearnError
from vquery.learn import augment as au
from vquery.learn.augment.policies import operations
from vquery.learn.augment.shape import warp
from vquery.learn.augment.tone import grey
from vquery.learn.core.pictures import ALONE, Pictures

EVERY = [
    au.Crop(),
    au.Flip(),
    au.Rotate(),
    au.Shear(),
    au.Shift(),
    au.Colour(),
    au.Grey(),
    au.Solarize(),
    au.Posterize(),
    au.Autocontrast(),
    au.Equalize(),
    au.Blur(),
    au.Sharpen(),
    au.Noise(),
    au.Cutout(),
    au.RandAugment(),
    au.views(hide=True),
    au.hand(),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some(n=12, high=20, wide=16, seed=5):
    return torch.rand(n, 3, high, wide, generator=seeded(seed))


@pytest.mark.parametrize("tf", EVERY, ids=lambda tf: tf.name)
def test_each_is_seeded_stays_in_range_and_leaves_its_input(tf):
    x = some()
    kept = x.clone()
    first = tf(x, seeded(1))
    assert torch.equal(x, kept)
    assert torch.equal(first, tf(x, seeded(1)))
    assert not torch.equal(first, x)
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("tf", EVERY, ids=lambda tf: tf.name)
def test_each_keeps_the_type_of_numbers(tf):
    x = some()
    exact, plain = tf(x.double(), seeded(1)), tf(x, seeded(1))
    assert exact.dtype == torch.float64
    if tf.name not in {"Noise", "RandAugment"} and "Noise" not in tf.name:
        # noise is drawn in the type of the pictures
        assert (exact - plain).abs().flatten(1).median(1).values.max() < 1e-3


def test_a_network_in_fewer_digits_does_not_coarsen_colours():
    x = some()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = au.views()(x, seeded(1))
    assert torch.equal(out, au.views()(x, seeded(1)))


@pytest.mark.parametrize(
    "tf",
    [one for one in EVERY if one.name not in {"Autocontrast", "Equalize", "Grey", "Flip"}],
    ids=lambda tf: tf.name,
)
def test_each_item_has_its_own_parameters(tf):
    x = some(1).repeat(24, 1, 1, 1)
    out = tf(x, seeded(2)).flatten(1)
    assert len(torch.unique(out, dim=0)) > 3


def test_a_chance_is_of_each_item():
    x = some(400, 4, 4)
    out = au.Grey(p=0.25)(x, seeded(3))
    changed = (out != x).flatten(1).any(1)
    assert 70 <= int(changed.sum()) <= 130  # 100 ± 3.5 standard deviations
    assert torch.equal(out[changed], grey(x)[changed].expand(-1, 3, 4, 4))


def test_a_full_crop_and_no_rotation_change_nothing():
    x = some()
    exact = [au.Crop((1, 1), (1, 1)), au.Rotate(0.0), au.Shear(0.0), au.Shift(0.0)]
    for tf in exact:
        torch.testing.assert_close(tf(x, seeded()), x, atol=1e-5, rtol=0)


def test_a_crop_of_a_quarter_shows_a_quarter_twice_as_large():
    down, right = torch.arange(16.0)[:, None], torch.arange(16.0)[None]
    x = torch.stack([down.expand(16, 16), right.expand(16, 16), 0 * down + 0 * right])[None] / 15
    out = au.Crop((0.25, 0.25), (1, 1))(x, seeded(4)) * 15
    inner = out[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(inner[0].diff(dim=0), torch.full((11, 12), 0.5))
    torch.testing.assert_close(inner[1].diff(dim=1), torch.full((12, 11), 0.5))


def test_a_right_angle_turns_the_pixels():
    x = some(1, 6, 6)
    out = au.Rotate((90, 90))(x, seeded(0))
    turned = [torch.rot90(x, k, (2, 3)) for k in (1, 3)]
    assert any(torch.allclose(out, one, atol=1e-5) for one in turned)


def test_a_rotation_of_a_picture_that_is_not_square_does_not_stretch():
    x = torch.zeros(1, 3, 9, 21)
    x[:, :, 4, 8:13] = 1  # five pixels across
    angle = torch.tensor(torch.pi / 2)
    linear = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(1, 2, 2)
    out = warp(x, linear, torch.zeros(1, 2))
    assert out[0, 0, 2:7, 10].min() > 0.99
    assert out[..., 7:14].sum() == pytest.approx(15, abs=1e-3)  # beyond that it is mirrored


def test_hue_and_saturation_keep_brightness():
    x = 0.4 + 0.2 * some()  # far from where colours are cut
    out = au.Colour(0, 0, 0.5, 0.5)(x, seeded(6))
    torch.testing.assert_close(grey(out), grey(x), atol=2e-3, rtol=0)
    assert (out - x).abs().max() > 0.05


def test_contrast_keeps_the_mean_and_stretches():
    x = 0.4 + 0.2 * some()
    out = au.Colour(0, (0.5, 0.5), 0, 0)(x, seeded(6))
    torch.testing.assert_close(grey(out).mean((1, 2, 3)), grey(x).mean((1, 2, 3)))
    spread = (out - grey(x).mean((1, 2, 3), keepdim=True)) / (
        x - grey(x).mean((1, 2, 3), keepdim=True)
    )
    assert set(spread.flatten(1).median(1).values.round(decimals=3).tolist()) == {0.5, 1.5}


def test_a_blur_is_the_gaussian_filter():
    from scipy.ndimage import gaussian_filter

    x = some(2)
    out = au.Blur((1.5, 1.5))(x, seeded())
    for item, blurred in zip(x.numpy(), out.numpy(), strict=True):
        for own, got in zip(item, blurred, strict=True):
            wanted = gaussian_filter(own.astype(float), 1.5, mode="nearest", radius=5)
            np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_cutout_hides_a_square_by_the_mean():
    x = some(30)
    out = au.Cutout((0.5, 0.5))(x, seeded(7))
    hidden = (out != x).any(1)
    for item, mask, shown in zip(x, hidden, out, strict=True):
        down, right = mask.any(1), mask.any(0)
        assert torch.equal(mask, down[:, None] & right[None])
        assert down.sum() <= 8
        assert right.sum() <= 8
        torch.testing.assert_close(
            shown[:, mask], item.mean((1, 2))[:, None].expand(-1, mask.sum())
        )


def test_noise_has_its_strength():
    out = au.Noise((0.1, 0.1))(torch.full((4, 3, 64, 64), 0.5), seeded(8))
    assert float(out.std()) == pytest.approx(0.1, rel=0.03)


def test_tones_are_those_of_their_definitions():
    ramp = (torch.arange(256.0) / 255).expand(1, 3, 1, 256)
    assert torch.equal(au.Solarize((0, 0))(ramp, seeded()), 1 - ramp)
    assert torch.equal(au.Solarize((1, 1))(ramp, seeded()), ramp)
    assert torch.equal(au.Solarize(0.0)(ramp, seeded()), 1 - ramp)  # one number: from 0 up to it
    posterized = au.Posterize((4, 4))(ramp, seeded()) * 255
    assert torch.equal(posterized.round()[0, 0, 0], torch.arange(256) // 16 * 16.0)
    half = 0.25 + 0.5 * ramp
    torch.testing.assert_close(au.Autocontrast()(half, seeded()), ramp)
    flat = torch.full((1, 3, 4, 4), 0.7)
    for tf in (au.Equalize(), au.Autocontrast()):
        assert torch.equal(tf(flat, seeded()), flat)


def test_equalizing_is_that_of_opencv():
    import cv2

    x = (some(3) ** 2 * 255).round() / 255
    out = au.Equalize()(x, seeded())
    for item, equal in zip(x.flatten(0, 1).numpy(), out.flatten(0, 1).numpy(), strict=True):
        wanted = cv2.equalizeHist((item * 255).round().astype(np.uint8))
        np.testing.assert_allclose(equal * 255, wanted, atol=0.51)


def test_mixup_mixes_labels_as_pictures():
    y = torch.eye(3).repeat(8, 1)
    x = y[:, :, None, None].expand(-1, 3, 4, 4).contiguous()  # a picture shows its own label
    mixed, soft = au.Mixup(alpha=1.0).with_labels(x, y, seeded(9))
    torch.testing.assert_close(mixed[:, :, 0, 0], soft)
    assert (soft != y).any()
    assert torch.equal(soft.argmax(1), y.argmax(1))


def test_mixup_in_a_composition_and_by_chance():
    y = torch.eye(3).repeat(40, 1)
    x = y[:, :, None, None].expand(-1, 3, 4, 4).contiguous()
    tf = au.Compose([au.Flip(), au.OneOf([au.Mixup(1.0), au.Nothing()])])
    mixed, soft = tf.with_labels(x, y, seeded(9))
    torch.testing.assert_close(mixed[:, :, 0, 0], soft)
    assert 0.3 < float((soft == y).all(1).float().mean()) < 0.95


@pytest.mark.parametrize("of_labels", [torch.float16, torch.float32, torch.float64])
def test_mixed_labels_keep_their_type_whatever_that_of_the_pictures_is(of_labels):
    for tf in (au.Mixup(1.0, p=0.5), au.OneOf([au.Mixup(1.0), au.Nothing()])):
        mixed, soft = tf.with_labels(some(6).double(), torch.eye(6, dtype=of_labels), seeded())
        assert (mixed.dtype, soft.dtype) == (torch.float64, of_labels)


def items(video, track, seconds, side=4):
    n = len(track)
    pixels = np.random.default_rng(0).integers(0, 255, (n, 3, side, side)).astype(np.uint8)
    start = (np.array(seconds) * 1e6).astype(np.int64)
    return Pictures(pixels, np.arange(n), np.array(video), np.array(track), start)


def test_time_jitter_shows_its_own_track_near_in_time():
    rng = np.random.default_rng(1)
    n = 200
    video, track = rng.integers(0, 2, n), rng.integers(-1, 6, n)
    seconds = rng.random(n) * 20
    shown = items(video, track, seconds)
    jitter = au.TimeJitter(shown, seconds=1.5)
    rows = np.arange(n)
    chosen = np.stack([jitter.other(rows, rng.random(n)) for _ in range(300)])
    for row in rows:
        near = (video == video[row]) & (track == track[row]) & (abs(seconds - seconds[row]) <= 1.5)
        wanted = set(np.flatnonzero(near)) - {row} if track[row] != ALONE else set()
        assert set(chosen[:, row]) == (wanted or {row})


def test_time_jitters_of_other_pictures_are_others():
    one, two = (au.TimeJitter(items([0], [0], [0])) for _ in range(2))
    assert one != two
    assert repr(one) == "TimeJitter(p=1.0, seconds=2.0)"


def test_time_jitter_goes_on_with_the_rows_that_it_chose():
    shown = items([0] * 4, [1, 1, 2, 2], [0, 1, 0, 1])
    tf = au.Compose([au.TimeJitter(shown, 2.0), au.Flip(p=1)])
    rows = torch.arange(4)
    out = tf(shown.tensor(rows), seeded(), rows=rows)
    assert torch.equal(out, shown.tensor([1, 0, 3, 2]).flip(3))


def test_one_of_gives_each_item_one_of_its_parts():
    x = some(60)
    out = au.OneOf([au.Flip(p=1), au.Grey(p=1), au.Nothing()])(x, seeded(10))
    is_ = [(out == one).flatten(1).all(1) for one in (x.flip(3), grey(x).expand_as(x), x)]
    assert torch.stack(is_).sum(0).eq(1).all()
    assert all(8 <= int(one.sum()) <= 32 for one in is_)


def test_randaugment_grows_with_its_magnitude():
    x = some(64, 16, 16)
    moved = [float((au.RandAugment(1, m)(x, seeded(11)) - x).abs().mean()) for m in (2, 5, 10)]
    assert moved == sorted(moved)
    assert torch.equal(au.RandAugment(0)(x, seeded()), x)
    assert len(operations(1.0)) == 14


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: au.Flip(p=1.5), "Flip: p is a chance from 0 to 1, got 1.5"),
        (lambda: au.Flip(p="often"), "Flip: p is a chance from 0 to 1"),
        (lambda: au.RandAugment(1.5), "n must be a whole number"),
        (lambda: au.Flip()(np.zeros((2, 3, 4, 4)), seeded()), "must be a tensor, got ndarray"),
        (lambda: au.Crop((0.0, 1.0)), "area must begin above 0"),
        (lambda: au.Rotate((20, 10)), "degrees is a number or two"),
        (lambda: au.Posterize((0, 8)), "bits must begin at 1"),
        (lambda: au.Mixup(0), "alpha must be above 0"),
        (lambda: au.Noise(float("nan")), "sigma is a number or two"),
        (lambda: au.RandAugment(-1), "n must be at least 0"),
        (lambda: au.OneOf([]), "at least one"),
        (lambda: au.Flip()(torch.zeros(2, 1, 4, 4), seeded()), r"float \(n, 3, height, width\)"),
        (lambda: au.Flip()(torch.zeros(2, 3, 4, 4).byte(), seeded()), "torch.uint8"),
        (lambda: au.Mixup()(torch.zeros(2, 3, 4, 4), seeded()), "call with_labels"),
        (
            lambda: au.Flip().with_labels(torch.zeros(2, 3, 4, 4), torch.zeros(2).long(), seeded()),
            "soft labels, float",
        ),
        (
            lambda: au.TimeJitter(items([0], [0], [0]))(torch.zeros(1, 3, 4, 4), seeded()),
            "give rows=",
        ),
        (
            lambda: au.TimeJitter(items([0], [0], [0]))(
                torch.zeros(1, 3, 8, 8), seeded(), rows=torch.tensor([0])
            ),
            "pictures of 4 pixels",
        ),
        (
            lambda: au.Compose([au.Flip(), au.TimeJitter(items([0], [0], [0]))]),
            "put it first",
        ),
    ],
)
def test_what_cannot_be_is_said(call, says):
    with pytest.raises(LearnError, match=says):
        call()


def test_an_empty_batch_stays_empty():
    for tf in [*EVERY, au.TimeJitter(items([0], [0], [0]), p=1.0)]:
        assert tf(torch.zeros(0, 3, 8, 8), seeded()).shape == (0, 3, 8, 8)
