"""Things that look alike over time, at places and in colours that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.learn.core.pictures import ALONE, Pictures

SIDE = 16


def things(count=6, each=8, seed=0, *, videos=2, alone=0):
    """Pictures of things with a pattern each, shifted and lit anew in every second."""
    rng = np.random.default_rng(seed)
    looks = rng.integers(0, 256, (count, 3, 4, 4)).repeat(3, 2).repeat(3, 3)
    pixels, track, video, start = [], [], [], []
    for thing in range(count):
        for moment in range(each):
            picture = np.full((3, SIDE, SIDE), 128.0)
            y, x = rng.integers(0, 5, 2)
            picture[:, y : y + 12, x : x + 12] = looks[thing]
            light = rng.uniform(0.6, 1.0) * picture + rng.normal(0, 8, picture.shape)
            pixels.append(light.clip(0, 255))
            track.append(thing)
            video.append(thing % videos)
            start.append((thing // videos * each * 2 + moment) * 1_000_000)
    n = len(pixels)
    track[n - alone :] = [ALONE] * alone
    return Pictures(
        np.array(pixels, np.uint8),
        np.arange(1, n + 1),
        np.array(video),
        np.array(track),
        np.array(start),
        tuple(f"{v}.mp4" for v in range(videos)),
    )


@pytest.fixture
def pictures():
    return things()
