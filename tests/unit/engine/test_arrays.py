"""Values as numbers, however the columns are cut into chunks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine import arrays
from vquery.engine.arrays import group_codes, join_codes, video_ranks


@pytest.fixture(params=["short", "long"])
def length(request, monkeypatch):
    """Texts that fit into one array, and texts that are taken for too long."""
    if request.param == "long":
        monkeypatch.setattr(arrays, "LONGEST_TEXT", 1)


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize(
    "dtype", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_chunks_do_not_matter(dtype):
    column = pa.chunked_array([["b", None], ["a", "b"], []], pa.string()).cast(dtype)
    assert group_codes([column]).tolist() == [0, 1, 2, 0]
    videos = pa.chunked_array([["b", "a"], ["c", "a"]], pa.string()).cast(dtype)
    assert video_ranks(videos).tolist() == [1, 0, 2, 0]
    left, right = join_codes([column], [videos])
    assert (left[:, None] == right).tolist() == [
        [True, False, False, False],
        [False, False, False, False],
        [False, True, False, True],
        [True, False, False, False],
    ]


@pytest.mark.parametrize("dtype", [pa.string(), pa.int64(), pa.bool_(), pa.float32(), pa.null()])
def test_nothing_is_one_value(dtype):
    chunks = [pa.nulls(1, dtype), pa.nulls(2, dtype)]
    assert group_codes([pa.chunked_array(chunks, dtype)]).tolist() == [0, 0, 0]
    assert group_codes([pa.chunked_array([], dtype)]).tolist() == []


def test_the_two_zeros_are_one_value():
    assert group_codes([pa.chunked_array([[0.0], [-0.0, 1.0]])]).tolist() == [0, 0, 1]
