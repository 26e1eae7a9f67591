"""Decoding: the same on segments as on frames, gaps, cuts, durations in seconds, edge cases."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import vquery as vq
from tests.unit.supervise.time.chains import chain, fitted, stated, timed, votes_on
from vquery.errors import LabelError, QueryError

TWO = np.array([[0.95, 0.05], [0.1, 0.9]])


@pytest.fixture(scope="module")
def drawn():
    """Votes on 400 frames of a twenty-fifth of a second, which stand still for a while."""
    rng = np.random.default_rng(0)
    truth = chain(rng, 400, TWO)
    votes = np.repeat(votes_on(rng, truth[::4], 2), 4, axis=0)
    return votes, fitted(votes)


def test_segments_are_the_same_as_frames(drawn):
    """A segment with constant votes is one node, and its mean that of its frames."""
    votes, model = drawn
    start = np.arange(400) / 25
    given = {"transitions": stated(TWO, step=1 / 25), "step": 1 / 25}
    frames = vq.decode(timed(votes, start, start + 1 / 25), model, **given)
    first = np.flatnonzero((np.diff(votes, axis=0, prepend=-9) != 0).any(axis=1))
    size = np.diff(first, append=400)
    assert len(first) < 100
    ends = (first + size) / 25
    segments = vq.decode(timed(votes[first], first / 25, ends), model, **given)
    mean = np.add.reduceat(frames.probability, first) / size[:, None]
    np.testing.assert_allclose(segments.probability, mean, atol=1e-9)
    # and where segments are cut further, at what is no border, nothing changes
    middle = np.sort(np.concatenate((first, first + size // 2)))
    size = np.diff(middle, append=400)
    more = vq.decode(timed(votes[middle], middle / 25, (middle + size) / 25), model, **given)
    mean = np.add.reduceat(frames.probability, middle) / size[:, None]
    np.testing.assert_allclose(more.probability, mean, atol=1e-9)


@pytest.mark.parametrize("shortest", [(0.0, 0.0), (3.0, 5.0)])
def test_a_gap_is_time_without_votes(drawn, shortest):
    votes, model = drawn
    silent = votes.copy()
    silent[100:130] = -1
    start = np.arange(400.0)
    given = {"transitions": stated(TWO, shortest)}
    filled = vq.decode(timed(silent, start, start + 1), model, **given)
    kept = np.r_[:100, 130:400]
    found = vq.decode(timed(votes[kept], start[kept], start[kept] + 1), model, **given)
    # with least durations classes change at the ends of a gap, and where nobody votes anywhere
    np.testing.assert_allclose(
        found.probability, filled.probability[kept], atol=0.05 if any(shortest) else 1e-9
    )
    ends = found.intervals["end_us"].to_numpy()
    assert 100_000_000 in ends  # nothing is said of the gap


def test_cuts_and_videos_begin_anew(drawn):
    votes, model = drawn
    start = np.arange(400.0)
    given = {"transitions": stated(TWO, (3.0, 5.0))}
    cut = vq.decode(timed(votes, start, start + 1), model, cuts=[150], **given)
    videos = ["a"] * 150 + ["b"] * 250
    apart = vq.decode(timed(votes, start, start + 1, videos), model, **given)
    one, other = (
        vq.decode(timed(votes[part], start[part], start[part] + 1), model, **given)
        for part in (slice(150), slice(150, 400))
    )
    alone = np.concatenate((one.probability, other.probability))
    np.testing.assert_allclose(cut.probability, alone)
    np.testing.assert_allclose(apart.probability, alone)
    assert cut.path.tolist() == apart.path.tolist() == [*one.path, *other.path]
    assert 150_000_000 in cut.intervals["start_us"].to_pylist()
    assert set(apart.intervals["video"].to_pylist()) == {"a", "b"}


def test_order_of_rows_does_not_matter(drawn):
    votes, model = drawn
    start = np.arange(400.0)
    mixed = np.random.default_rng(1).permutation(400)
    found = vq.decode(timed(votes, start, start + 1), model)
    other = vq.decode(timed(votes[mixed], start[mixed], start[mixed] + 1), model)
    np.testing.assert_allclose(other.probability, found.probability[mixed], atol=1e-9)
    rows = [each.intervals.drop_columns("probability") for each in (found, other)]
    assert rows[0].equals(rows[1])


def test_least_durations_are_seconds_of_real_time(drawn):
    """Frames of uneven length: what counts is how long a class lasts."""
    votes, model = drawn
    rng = np.random.default_rng(2)
    ends = np.cumsum(rng.choice([0.02, 0.04, 0.12], 400))
    start = np.concatenate(([0.0], ends[:-1]))
    found = vq.decode(timed(votes, start, ends), model, min_duration={1: 0.7}, temper=1.0)
    inner = found.intervals.slice(1, found.intervals.num_rows - 2).to_pylist()
    lasts = {label: [] for label in "01"}
    for each in inner:
        lasts[each["label"]].append((each["end_us"] - each["start_us"]) / 1e6)
    assert len(lasts["1"]) > 2
    assert min(lasts["1"]) >= 0.7 - 1e-5
    assert min(lasts["0"]) < 0.7


def test_intervals_say_what_path_and_probability_say(drawn):
    votes, model = drawn
    found = vq.decode(votes, model)
    rows = found.intervals.to_pylist()
    assert rows[0]["start_us"] == 0
    assert rows[-1]["end_us"] == 400_000_000
    for each, after in pairwise(rows):
        assert each["end_us"] == after["start_us"]
        assert each["label"] != after["label"]
    for each in rows:
        part = slice(each["start_us"] // 10**6, each["end_us"] // 10**6)
        code = int(each["label"])
        assert (found.path[part] == code).all()
        assert each["probability"] == pytest.approx(found.probability[part, code].mean())
    assert found.labels == found.path.tolist()
    assert repr(found).startswith("<Decoded: 400 items in ")


def test_learnt_elsewhere(drawn):
    votes, model = drawn
    rng = np.random.default_rng(3)
    more = votes_on(rng, chain(rng, 3000, TWO), 2)
    learnt = vq.decode(more, model).transitions
    found = vq.decode(votes, model, learn=more)
    assert found.transitions.to_dict() == learnt.to_dict()
    again = vq.decode(votes, model, transitions=learnt)
    np.testing.assert_array_equal(again.probability, found.probability)
    assert model.decode(more).path.tolist() == vq.decode(more, model).path.tolist()


@pytest.mark.parametrize(
    "votes",
    [
        np.empty((0, 3), int),
        np.array([[1, -1, 0]]),
        np.full((50, 3), -1),
        np.ones((300, 3), int),
        np.tile([0, 1, -1], (300, 1)),
        np.random.default_rng(0).integers(-1, 2, (300, 500)),
        np.random.default_rng(0).integers(-1, 2, (300, 1)),
    ],
    ids=["empty", "one item", "silent", "one class", "conflict", "500 functions", "one function"],
)
@pytest.mark.parametrize("options", [{}, {"min_duration": 5}])
def test_odd_votes(votes, options):
    known = votes if len(votes) else np.array([[0, 1, 1]])
    model = vq.LabelModel(classes=[0, 1]).fit(known)
    found = vq.decode(votes, model, **options)
    assert found.probability.shape == (len(votes), 2)
    assert np.isfinite(found.probability).all()
    np.testing.assert_allclose(found.probability.sum(axis=1), 1)
    assert found.intervals.num_rows <= max(len(votes), 1)
    assert np.isfinite(found.transitions.matrix).all()


def test_groups_and_counting():
    rng = np.random.default_rng(4)
    truth = chain(rng, 2000, TWO)
    votes = votes_on(rng, truth, 2)
    votes[1000:, 0] = np.where(votes[1000:, 0] < 0, -1, 1 - votes[1000:, 0])  # wrong way round
    groups = [0] * 1000 + [1] * 1000
    model = vq.LabelModel(classes=[0, 1]).fit(votes, groups=groups)
    given = {"transitions": stated(TWO)}
    right = [
        (vq.decode(votes, model, groups=each, **given).path == truth).mean()
        for each in (groups, None)
    ]
    assert right[0] > right[1]
    counted = vq.decode(votes, vq.LabelModel(classes=[0, 1], method="majority").fit(votes), **given)
    assert any("only counts votes" in note for note in counted.notes)


def test_one_class():
    model = vq.LabelModel(classes=["yes"]).fit([["yes"], ["yes"]])
    found = vq.decode([["yes"]] * 5, model)
    assert found.intervals.to_pylist() == [
        {"video": None, "start_us": 0, "end_us": 5_000_000, "label": "yes", "probability": 1.0}
    ]


def test_misuse(drawn):
    votes, model = drawn
    with pytest.raises(QueryError, match="needs a fitted label model"):
        vq.decode(votes, vq.LabelModel())
    with pytest.raises(LabelError, match="min_duration: 'rally' is no class"):
        vq.decode(votes, model, min_duration={"rally": 1})
    with pytest.raises(LabelError, match="must be seconds of at least 0, got -1"):
        vq.decode(votes, model, min_duration=-1)
    with pytest.raises(LabelError, match="a mean of 2 s is not above the least duration of 3 s"):
        vq.decode(votes, model, durations={1: (3, 2)})
    with pytest.raises(LabelError, match="stated twice"):
        vq.decode(votes, model, durations={1: (3, 9)}, min_duration={1: 2})
    with pytest.raises(QueryError, match="temper must be above 0 and at most 1"):
        vq.decode(votes, model, temper=2)
    with pytest.raises(QueryError, match="transitions must be those of an earlier result"):
        vq.decode(votes, model, transitions="fast")
    other = vq.LabelModel(classes=[1, 0]).fit(votes)
    with pytest.raises(QueryError, match=r"transitions are of the classes \[0, 1\]"):
        vq.decode(votes, other, transitions=stated(TWO))
