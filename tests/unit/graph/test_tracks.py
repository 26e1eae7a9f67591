from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import SchemaError
from vquery.graph import tracks
from vquery.graph.tracks import FACES_PER_TRACK, build_tracks, same_frame_pairs


def test_same_frame_pairs_are_all_pairs_of_different_tracks():
    rng = np.random.default_rng(0)
    node, video, time = rng.integers(0, 5, 40), rng.integers(0, 2, 40), rng.integers(0, 6, 40)
    left, right = same_frame_pairs(node, video, time)
    got = {frozenset(pair) for pair in zip(left.tolist(), right.tolist(), strict=True)}
    wanted = {
        frozenset((i, j))
        for i in range(40)
        for j in range(i)
        if video[i] == video[j] and time[i] == time[j] and node[i] != node[j]
    }
    assert got == wanted
    assert len(left) == len(wanted)


def crowd(rng, *, people=6, frames=30, noise=0.5):
    """One video in which everybody is in every frame, each with one track."""
    face = rng.normal(size=(people, 32))
    vectors = np.repeat(face, frames, 0) + noise * rng.normal(size=(people * frames, 32))
    track = np.repeat(np.arange(people), frames)
    time = np.tile(np.arange(frames) * 40_000, people)
    return vectors, np.zeros(len(track), int), time, track


def test_floor_is_learnt_from_people_in_one_frame():
    vectors, video, time, track = crowd(np.random.default_rng(0))
    built = build_tracks(vectors, video=video, start_us=time, track=track)
    left, right = same_frame_pairs(track, video, time)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = (unit[left] * unit[right]).sum(1)
    assert built.floor.source == "same frame"
    assert built.floor.track_pairs == 15
    assert built.floor.value == pytest.approx(np.quantile(cosine, 0.99), abs=1e-4)
    assert built.graph.weights.nnz == 0  # all of them cannot be linked
    assert built.cannot.nnz == 30


def test_with_one_face_a_frame_the_floor_is_a_prior_from_the_bulk():
    rng = np.random.default_rng(0)
    face = rng.normal(size=(12, 32))
    who = np.repeat(np.arange(12).repeat(2), 10)  # two tracks of ten faces each
    vectors = face[who] + 0.5 * rng.normal(size=(240, 32))
    track = np.repeat(np.arange(24), 10)
    built = build_tracks(
        vectors, video=track, start_us=np.tile(np.arange(10), 24), track=np.zeros(240, int)
    )
    assert built.floor.source == "prior"
    assert 0.1 < built.floor.value < 0.7
    pairs = {
        frozenset(p) for p in zip(*(i.tolist() for i in built.graph.weights.nonzero()), strict=True)
    }
    assert pairs == {frozenset((2 * i, 2 * i + 1)) for i in range(12)}


def test_weight_is_the_mean_of_the_shares_of_both_tracks():
    # three faces of A, two of which have their match in B; both faces of B match A fully
    vectors = [[1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]
    built = build_tracks(
        vectors,
        video=[0, 0, 0, 1, 1],
        start_us=[0, 1, 2, 0, 1],
        track=[0, 0, 0, 0, 0],
        floor=0.5,
        k=4,
    )
    assert built.floor.source == "given"
    # one more face is counted to each track
    assert built.graph.weights[0, 1] == pytest.approx(np.sqrt(2 / 4 * 2 / 3))


def test_a_track_number_counts_within_its_video():
    built = build_tracks(np.eye(4), video=[0, 0, 1, 1], start_us=[0, 1, 0, 1], track=[3, 3, 3, 3])
    assert built.node.tolist() == [0, 0, 1, 1]
    assert built.rows.tolist() == [0, 2]


def test_items_without_a_track_fold_only_copies_of_other_frames():
    a, b = [1.0, 0, 0], [0, 1.0, 0]
    built = build_tracks(
        [a, a, b, a, a],
        video=[0, 0, 0, 0, 1],
        start_us=[0, 1, 1, 1, 0],
        track=[-1, -1, -1, -1, -1],
    )
    node = built.node
    assert node[0] == node[1]  # the same thing one frame later
    assert len({node[0], node[2], node[3], node[4]}) == 4  # same frame, other look, other video
    assert built.graph.facts["folded"] == 1


def test_long_tracks_are_thinned_evenly(monkeypatch):
    seen = []
    search = tracks.neighbours

    def spy(points, k, **options):
        seen.append(len(points))
        return search(points, k, **options)

    monkeypatch.setattr(tracks, "neighbours", spy)
    rng = np.random.default_rng(0)
    track = np.repeat([0, 1], [1000, 7])
    vectors = rng.normal(size=(1007, 4))
    vectors[:1000, 0] += np.linspace(0, 9, 1000)
    build_tracks(vectors, video=np.zeros(1007, int), start_us=np.arange(1007), track=track)
    assert seen == [FACES_PER_TRACK + 7]
    chosen = tracks._spread_evenly(track, np.zeros(1007, int), np.arange(1007))
    assert np.diff(chosen[:FACES_PER_TRACK]).max() <= np.ceil(1000 / FACES_PER_TRACK) + 1


def test_spaces_count_alike_and_a_missing_vector_links_nothing():
    face, wide = np.eye(3)[[0, 0, 1]], 9 * np.eye(3)[[2, 2, 2]]
    both = build_tracks(
        {"face": face, "face_wide": wide}, video=[0, 1, 2], start_us=[0, 0, 0], floor=0.8
    )
    assert both.graph.weights.nnz == 2
    face[1] = wide[1] = 0
    none = build_tracks(
        {"face": face, "face_wide": wide}, video=[0, 1, 2], start_us=[0, 0, 0], floor=0.4
    )
    assert none.graph.weights[[1]].nnz == 0
    assert none.graph.facts["without_vector"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video": [0]}, "video must be 2 integers"),
        ({"start_us": [0.5, 1.0]}, "start_us must be 2 integers, one a vector; got float64"),
        ({"track": [[0], [1]]}, "track must be 2 integers"),
        ({"vectors": {"face": np.eye(2), "wide": np.eye(3)}}, "equally many rows"),
        ({"vectors": {"face": [[np.inf, 0], [0, 1]]}}, "vectors of 'face', row 0"),
    ],
)
def test_errors_name_the_argument(change, message):
    arguments = {"vectors": np.eye(2), "video": [0, 0], "start_us": [0, 1], **change}
    with pytest.raises(SchemaError, match=message):
        build_tracks(arguments.pop("vectors"), **arguments)


def test_an_empty_collection_has_a_graph():
    built = build_tracks(
        np.zeros((0, 3)), video=np.zeros(0, int), start_us=np.zeros(0, int), track=np.zeros(0, int)
    )
    assert built.graph.summary()["nodes"] == 0
