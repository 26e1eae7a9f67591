"""Whole videos go to a split, the shares are met as closely as they can be."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import ExportError
from vquery.export.items import SPLITS
from vquery.export.splits import split_videos

counts_of = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 10_000), min_size=1
)
shares_of = (
    st.lists(st.integers(0, 10), min_size=3, max_size=3)
    .filter(any)
    .map(lambda parts: tuple(part / sum(parts) for part in parts))
)


@given(counts_of, shares_of, st.integers(0, 5))
def test_every_video_has_one_split_and_shares_are_met(counts, shares, seed):
    sides = split_videos(counts, shares, seed=seed)
    assert list(sides) == sorted(counts)
    wanted = {name for name, share in zip(SPLITS, shares, strict=True) if share}
    assert set(sides.values()) <= wanted
    if len(counts) >= len(wanted):
        assert set(sides.values()) == wanted, "no split stays empty"
    total, largest = sum(counts.values()), max(counts.values())
    for name, share in zip(SPLITS, shares, strict=True):
        got = sum(counts[video] for video, side in sides.items() if side == name)
        assert abs(got - share * total) < 2 * largest + 1e-6


@given(counts_of, shares_of, st.randoms(use_true_random=False))
def test_the_order_in_which_videos_come_does_not_matter(counts, shares, random):
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    assert split_videos(dict(shuffled), shares) == split_videos(counts, shares)


@given(st.lists(st.integers(1, 50), min_size=3, max_size=6), shares_of)
def test_no_other_assignment_is_much_better(sizes, shares):
    """Compare the worst deviation with that of the best assignment there is."""
    counts = {f"{i}": size for i, size in enumerate(sizes)}
    wanted = [name for name, share in zip(SPLITS, shares, strict=True) if share]

    def worst(sides):
        return max(
            abs(
                sum(size for size, side in zip(sizes, sides, strict=True) if side == name)
                - share * sum(sizes)
            )
            for name, share in zip(SPLITS, shares, strict=True)
        )

    best = min(
        worst(sides)
        for sides in itertools.product(wanted, repeat=len(sizes))
        if set(sides) == set(wanted)
    )
    assert worst(split_videos(counts, shares).values()) <= best + max(sizes)


def test_seeds_differ_where_videos_are_alike():
    counts = {f"{i}.mp4": 10 for i in range(12)}
    found = {tuple(split_videos(counts, (0.5, 0.25, 0.25), seed=seed).items()) for seed in range(5)}
    assert len(found) > 1


def test_one_video_goes_to_the_largest_share():
    assert split_videos({"a": 3}, (0.1, 0.2, 0.7)) == {"a": "test"}


def test_no_videos():
    assert split_videos({}, (0.8, 0.1, 0.1)) == {}


@pytest.mark.parametrize(
    "shares",
    [(0.8, 0.2), (0.8, 0.3, -0.1), (0.5, 0.1, 0.1), (float("nan"), 0.5, 0.5), (80, 10, 10)],
)
def test_shares_must_be_shares(shares):
    with pytest.raises(ExportError, match="three shares from 0 to 1 that add up to 1"):
        split_videos({"a": 1}, shares)


def test_many_videos_take_no_time():
    counts = {f"{i:06d}": 1 + i % 97 for i in range(100_000)}
    sides = split_videos(counts, (0.8, 0.1, 0.1))
    share = sum(counts[v] for v, side in sides.items() if side == "test") / sum(counts.values())
    assert share == pytest.approx(0.1, abs=1e-4)
