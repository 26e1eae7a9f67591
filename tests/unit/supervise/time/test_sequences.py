"""Items in the order of time: sequences, gaps, cuts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.supervise.time.chains import timed
from vquery.errors import LabelError, QueryError, SchemaError
from vquery.supervise.time.sequences import sequences_of
from vquery.supervise.votes.matrix import LabelMatrix


def matrix(start, end, video="a", votes=None, **columns):
    return timed(np.zeros((len(start), 1), int) if votes is None else votes, start, end, video,
                 **columns)  # fmt: skip


def test_videos_are_apart_and_sorted():
    found = sequences_of(matrix([1, 0, 0], [2, 1, 1], ["b", "b", "a"]))
    assert found.row.tolist() == [2, 1, 0]
    assert found.bounds.tolist() == [0, 1, 3]
    assert found.video == ["a", "b"]
    assert found.length.tolist() == [1.0] * 3
    assert not found.by_time


def test_gaps_are_nodes_that_say_nothing():
    found = sequences_of(matrix([0, 1, 5.3, 6.3], [1, 2, 6.3, 7.3]))
    assert found.row.tolist() == [0, 1, -1, 2, 3]
    np.testing.assert_allclose(found.length, [1, 1, 3.3, 1, 1])
    assert sequences_of(matrix([0, 1, 5], [1, 2, 6]), gap=3).bounds.tolist() == [0, 4]
    assert sequences_of(matrix([0, 1, 5], [1, 2, 6]), gap=2.9).bounds.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "cuts",
    [
        [2.0],
        {"a": [2.0]},
        pa.table({"video": ["a", "a", "z"], "start": [0.0, 2.0, 1.0], "end": [2.0, 4.0, 2.0]}),
    ],
)
def test_cuts_begin_anew(cuts):
    found = sequences_of(matrix([0, 1, 2, 3], [1, 2, 3, 4]), cuts=cuts)
    assert found.bounds.tolist() == [0, 2, 4]


def test_an_item_belongs_where_its_middle_is():
    rows = matrix([0, 1, 2], [1, 2, 3])
    assert sequences_of(rows, cuts=[1.4]).bounds.tolist() == [0, 1, 3]
    assert sequences_of(rows, cuts=[1.6]).bounds.tolist() == [0, 2, 3]
    assert sequences_of(rows, cuts=[0, 0.1, 3, 9]).bounds.tolist() == [0, 3]


def test_tracks_are_followed_one_by_one():
    rows = matrix([0, 0, 1, 1], [1, 1, 2, 2], track=[7, 8, 7, 8])
    found = sequences_of(rows)
    assert found.bounds.tolist() == [0, 2, 4]
    assert found.row.tolist() == [0, 2, 1, 3]
    whole = matrix([0, 1], [1, 2], track=[7, 8])  # an item a track: time goes on
    assert sequences_of(whole).bounds.tolist() == [0, 2]


def test_instants_last_until_the_next():
    found = sequences_of(matrix([0, 1, 2, 8], [0, 1, 2, 8]))
    assert found.row.tolist() == [0, 1, 2, -1, 3]
    np.testing.assert_allclose(found.length, [1, 1, 1, 5, 1])


def test_atomic_segments_weigh_by_time():
    borders = np.cumsum([0, 1, 8, 2, 20, 4, 4])
    differ = np.arange(6)[:, None] % 2
    found = sequences_of(matrix(borders[:-1], borders[1:], votes=differ))
    assert found.by_time
    np.testing.assert_allclose(found.looks, np.diff(borders) / 4)
    alike = sequences_of(matrix(borders[:-1], borders[1:]))  # such as shots
    assert not alike.by_time
    assert alike.looks.tolist() == [1.0] * 6
    assert sequences_of(matrix(borders[:-1], borders[1:]), step=2).looks[3] == 10


def test_rows_without_times_follow_each_other():
    found = sequences_of(LabelMatrix.from_dense([[0]] * 3, classes=[0]), cuts=[1])
    assert found.row.tolist() == [0, 1, 2]
    assert found.bounds.tolist() == [0, 1, 3]
    assert found.video == [None, None]


def test_nothing():
    found = sequences_of(matrix([], [], votes=np.empty((0, 1), int)))
    assert found.bounds.tolist() == [0]
    assert not found.row.size


def test_misuse():
    with pytest.raises(LabelError, match=r"items 0 and 1 overlap in time \(1 such pairs\)"):
        sequences_of(matrix([0, 0.2], [1, 1.2]))
    with pytest.raises(SchemaError, match=r"items, row 1: .* the end not before the start"):
        sequences_of(matrix([0, 2], [1, 1]))
    with pytest.raises(QueryError, match="gap must be a number of seconds above 0, got 0"):
        sequences_of(matrix([0], [1]), gap=0)
    with pytest.raises(LabelError, match="cuts name the video 'b'"):
        sequences_of(matrix([0], [1]), cuts={"b": [1]})
    with pytest.raises(QueryError, match="cuts must name their videos, as there are 2"):
        sequences_of(matrix([0, 0], [1, 1], ["a", "b"]), cuts=[1])
