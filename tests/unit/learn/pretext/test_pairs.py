"""Which pictures show the same, which surely do not, and which are left out."""

from __future__ import annotations

import numpy as np

from vquery.learn.core.pictures import ALONE, Pictures
from vquery.learn.pretext.pairs import Known


def known(track, video, seconds):
    n = len(track)
    start = (np.array(seconds) * 1e6).astype(np.int64)
    pixels = np.zeros((n, 3, 8, 8), np.uint8)
    return Known.of(Pictures(pixels, np.arange(n), np.array(video), np.array(track), start))


def test_negatives_are_never_of_one_track_nor_of_one_second_unless_of_one_frame():
    #      same track | fragment in the same second | in one frame with the first | another video
    one = known([1, 1, 2, 3, 4], [0, 0, 0, 0, 1], [0, 5, 0.5, 0, 0])
    rows = np.arange(5)
    found = one.different(rows, rows)
    assert found[0].tolist() == [False, False, False, True, True]
    assert (found == found.T).all()
    assert found[1].tolist() == [False, False, True, True, True]  # five seconds later


def test_pictures_without_a_track_are_things_of_their_own():
    one = known([ALONE, ALONE, 7, 7], [0] * 4, [0, 10, 20, 30])
    assert len(set(one.thing[:2].tolist())) == 2
    assert one.thing[2] == one.thing[3]
    assert one.different(np.array([0]), np.array([1])).all()


def test_partners_are_of_the_same_track_for_the_share_asked_for():
    one = known([1] * 50 + [2] * 50 + [ALONE], [0] * 101, range(101))
    rows, rng = np.arange(101), np.random.default_rng(0)
    never, always = one.partners(rows, rng, 0.0), one.partners(rows, rng, 1.0)
    half = one.partners(rows, rng, 0.5)
    assert (never == rows).all()
    assert (one.thing[always] == one.thing[rows]).all()
    assert always[100] == 100
    assert 0.9 < (always != rows)[:100].mean() <= 1
    assert 0.35 < (half != rows)[:100].mean() < 0.65


def test_an_epoch_shows_some_of_each_track_anew_and_frames_together():
    frames = list(range(100))
    one = known([1] * 100 + [2] * 100, [0] * 200, frames + frames)
    first, second = (one.shown(np.random.default_rng(n), most=40) for n in (0, 1))
    assert np.bincount(one.thing[first]).tolist() == [40, 40]
    assert len(set(first.tolist())) == 80 == one.count(40)
    assert set(first.tolist()) != set(second.tolist())
    assert (one.shown(np.random.default_rng(0), most=40) == first).all()
    every = one.shown(np.random.default_rng(0), most=100)
    assert (one.start_us[every].reshape(-1, 2).std(1) == 0).all()


def test_some_rows_keep_what_is_known_of_them():
    one = known([5, 6, 6, 9], [0, 0, 1, 1], [0, 1, 2, 3]).take(np.array([1, 2, 3]))
    assert one.thing.tolist() == [0, 0, 1]
    assert one.video.tolist() == [0, 1, 1]
