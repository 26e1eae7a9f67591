from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import MediaError
from vquery.media import tracks
from vquery.media.tracks import track_boxes

if TYPE_CHECKING:
    from pathlib import Path


def square(x: float, y: float, side: float = 0.1) -> list[float]:
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def numbers(frames: list[int], boxes: list[list[float]], **options: object) -> list[int]:
    return track_boxes(frames, boxes, [0.9] * len(frames), **options).tolist()


class TestOneObject:
    def test_still(self) -> None:
        assert numbers([0, 1, 2], [square(0.5, 0.5)] * 3) == [0, 0, 0]

    def test_jump_across_the_picture_is_another(self) -> None:
        assert numbers([0, 1], [square(0.2, 0.5), square(0.8, 0.5)]) == [0, 1]

    def test_size_that_leaps_is_another(self) -> None:
        assert numbers([0, 1], [square(0.5, 0.5), square(0.5, 0.5, 0.4)]) == [0, 1]

    def test_walks_at_a_box_in_a_third_of_a_second(self) -> None:
        frames = list(range(0, 50, 3))
        assert set(numbers(frames, [square(0.1 + 0.01 * f, 0.5) for f in frames])) == {0}

    def test_unseen_for_less_than_the_gap(self) -> None:
        assert numbers([0, 12], [square(0.5, 0.5)] * 2, fps=25, every_s=0.04) == [0, 0]
        assert numbers([0, 13], [square(0.5, 0.5)] * 2, fps=25, every_s=0.04) == [0, 1]
        assert numbers([0, 13], [square(0.5, 0.5)] * 2, fps=25, max_gap_s=0.6) == [0, 0]

    def test_time_comes_from_the_timestamps(self) -> None:
        boxes = [square(0.5, 0.5)] * 3
        assert numbers([0, 1, 2], boxes, start_us=[0, 40_000, 80_000]) == [0, 0, 0]
        assert numbers([0, 1, 2], boxes, start_us=[0, 40_000, 980_000]) == [0, 0, 1]

    def test_equal_timestamps_do_no_harm(self) -> None:
        assert numbers([0, 1, 2], [square(0.5, 0.5)] * 3, start_us=[0, 0, 0]) == [0, 0, 0]

    def test_sampled_every_second(self) -> None:
        frames = [0, 30, 60, 90]
        boxes = [square(0.3, 0.5), square(0.4, 0.52), square(0.45, 0.5), square(0.38, 0.5)]
        assert numbers(frames, boxes, fps=30) == [0, 0, 0, 0]

    def test_a_missed_sample_is_bridged(self) -> None:
        assert numbers([0, 30, 90], [square(0.3, 0.5)] * 3, fps=30) == [0, 0, 0]

    def test_two_faces_far_apart_in_a_long_shot(self) -> None:
        assert numbers([0, 900], [square(0.3, 0.5)] * 2, fps=30) == [0, 1]
        assert numbers([0, 900], [square(0.3, 0.5)] * 2, fps=30, every_s=30) == [0, 0]


class TestSeveral:
    def test_neighbours_that_both_move_by_half_a_box(self) -> None:
        first = [square(x, 0.5) for x in (0.2, 0.32, 0.44)]
        second = [square(x + 0.05, 0.5) for x in (0.44, 0.2, 0.32)]
        assert numbers([0] * 3 + [1] * 3, first + second) == [0, 1, 2, 2, 0, 1]

    def test_people_who_pass_each_other(self) -> None:
        frames, boxes = [], []
        for f in range(40):
            frames += [f, f]
            boxes += [square(0.2 + 0.015 * f, 0.5), square(0.8 - 0.015 * f, 0.52)]
        assert numbers(frames, boxes) == [0, 1] * 40

    def test_newcomer_beside_a_known_face(self) -> None:
        boxes = [square(0.5, 0.5), square(0.56, 0.5), square(0.51, 0.5)]
        assert numbers([0, 1, 1], boxes) == [0, 1, 0]

    def test_of_two_equal_fits_the_better_score_goes_on(self) -> None:
        boxes = [square(0.5, 0.5), square(0.48, 0.5), square(0.52, 0.5)]
        assert track_boxes([0, 1, 1], boxes, [0.9, 0.4, 0.9]).tolist() == [0, 1, 0]
        assert track_boxes([0, 1, 1], boxes, [0.9, 0.9, 0.4]).tolist() == [0, 0, 1]

    def test_the_unit_of_the_boxes_does_not_matter(self) -> None:
        rng = np.random.default_rng(5)
        frames, boxes = random_shot(rng, 4, 30)
        pixels = boxes * [1280, 720, 1280, 720]
        ones = np.ones(len(frames))
        assert (track_boxes(frames, boxes, ones) == track_boxes(frames, pixels, ones)).all()


class TestEdges:
    def test_nothing(self) -> None:
        got = track_boxes([], np.empty((0, 4)), [])
        assert got.shape == (0,)
        assert got.dtype == np.int64

    def test_box_of_no_size(self) -> None:
        assert numbers([0, 1], [[0.5, 0.5, 0.5, 0.5]] * 2) == [0, 0]
        assert numbers([0, 1], [[0, 0, 0, 0]] * 2) == [0, 0]

    def test_lengths_that_differ(self) -> None:
        with pytest.raises(MediaError, match="one entry a box, got 2, 1, 1 and 2"):
            track_boxes([0, 1], [square(0.5, 0.5)], [1])

    def test_box_that_is_no_number(self) -> None:
        with pytest.raises(MediaError, match="row 1 is"):
            track_boxes([0, 1], [square(0.5, 0.5), [0, 0, np.nan, 1]], [1, 1])


def random_shot(
    rng: np.random.Generator, people: int, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that wander, some of them missed."""
    place = rng.uniform(0.1, 0.9, (people, 2))
    when, boxes = [], []
    for frame in range(frames):
        place += rng.normal(0, 0.02, place.shape)
        for x, y in place:
            if rng.random() < 0.8:
                when.append(frame)
                boxes.append(square(x, y, rng.uniform(0.08, 0.12)))
    return np.array(when, np.int64), np.array(boxes).reshape(-1, 4)


@given(seed=st.integers(0, 10_000), people=st.integers(1, 5), stride=st.integers(1, 4))
def test_properties(seed: int, people: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    frames, boxes = random_shot(rng, people, 12)
    frames *= stride
    scores = rng.uniform(0.5, 1, len(frames))
    got = track_boxes(frames, boxes, scores)
    assert np.array_equal(got, track_boxes(frames, boxes, scores))
    # numbered without holes, in order of appearance
    first = [int(np.flatnonzero(got == t)[0]) for t in range(got.max(initial=-1) + 1)]
    assert sorted(set(got.tolist())) == list(range(len(first)))
    assert sorted(first, key=lambda i: frames[i]) == first
    for track in range(len(first)):
        mine = frames[got == track]
        assert len(set(mine.tolist())) == len(mine), "two boxes of one frame in a track"
    # the order of the rows is of no consequence but for the numbers' names
    shuffle = rng.permutation(len(frames))
    other = track_boxes(frames[shuffle], boxes[shuffle], scores[shuffle])
    assert partition(shuffle, other) == partition(np.arange(len(frames)), got)


def partition(rows: np.ndarray, track: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(rows[track == t].tolist()) for t in set(track.tolist())}


@given(seed=st.integers(0, 10_000), old=st.integers(0, 4), new=st.integers(0, 4))
def test_assignment_is_the_best_of_all(seed: int, old: int, new: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.array([square(*p) for p in rng.uniform(0.3, 0.6, (old, 2))]).reshape(-1, 4)
    b = np.array([square(*p) for p in rng.uniform(0.3, 0.6, (new, 2))]).reshape(-1, 4)
    elapsed, score = np.full(old, 0.04), rng.uniform(0, 1, new)
    left, right = tracks._assign(a, b, elapsed, score)
    if not old or not new:
        assert len(left) == len(right) == 0
        return
    likeness, possible = tracks._likeness(a, b, elapsed)
    value = np.where(possible, likeness + tracks.SCORE_WEIGHT * score, 0)

    def worth(pairs: list[tuple[int, int]]) -> float:
        return sum(value[i, j] for i, j in pairs)

    best = max(
        worth(list(zip(chosen, order, strict=True)))
        for size in range(min(old, new) + 1)
        for chosen in itertools.combinations(range(old), size)
        for order in itertools.permutations(range(new), size)
    )
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    assert all(possible[i, j] for i, j in pairs)
    assert len(set(left.tolist())) == len(set(right.tolist())) == len(pairs)
    assert worth(pairs) == pytest.approx(best)


def test_linear_in_frames() -> None:
    frames = np.repeat(np.arange(20_000), 2)
    boxes = np.tile([square(0.3, 0.5), square(0.7, 0.5)], (20_000, 1))
    got = track_boxes(frames, boxes, np.ones(len(frames)))
    assert (got == np.tile([0, 1], 20_000)).all()


@pytest.mark.data
@pytest.mark.parametrize(("stride", "switches", "purity"), [(1, 0, 1.0), (3, 0, 1.0), (10, 6, 0.9)])
def test_walking_people(data: Path, stride: int, switches: int, purity: float) -> None:
    truth = np.loadtxt(data / "mot" / "TUD-Campus" / "gt.txt", delimiter=",")
    truth = truth[np.lexsort((truth[:, 1], truth[:, 0]))]
    truth = truth[(truth[:, 0] - 1) % stride == 0]
    boxes = np.c_[truth[:, 2:4], truth[:, 2:4] + truth[:, 4:6]]
    got = track_boxes(truth[:, 0].astype(int), boxes, np.ones(len(truth)), fps=25)
    who = truth[:, 1].astype(int)
    changes = sum(int((np.diff(got[who == one]) != 0).sum()) for one in set(who))
    assert changes <= switches
    right = sum(int(np.bincount(who[got == track]).max()) for track in set(got.tolist()))
    assert right / len(who) >= purity
