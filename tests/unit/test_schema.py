"""Tables brought to their named schemas, and the errors where that is impossible."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery import schema
from vquery.errors import SchemaError
from vquery.schema import CUE, IDS_PER_VIDEO, conform, item_ids, sort_intervals


def cues(**columns):
    return pa.table({"video": ["a"], "start_us": [0], "end_us": [1], **columns})


def test_other_columns_go_and_missing_ones_become_null():
    found = conform(cues(text=["hi"], mood=["good"]), CUE, what="cues")
    assert found.schema == CUE
    assert found.to_pylist()[0]["text"] == "hi"
    assert found["speaker"].null_count == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": [{"a": 1}]}, "column 'text' must be string, got struct<a: int64>"),
        ({"cue_id": [1.5]}, "column 'cue_id' must be int64, got double"),
        ({"video": pa.array([None], pa.string())}, "'video' must be given .* 1 of 1 rows"),
    ],
)
def test_what_does_not_fit_is_named(columns, message):
    with pytest.raises(SchemaError, match=message):
        conform(cues(**columns), CUE, what="cues")


def test_ids_end_where_the_next_video_begins():
    assert item_ids(2, IDS_PER_VIDEO - 1, 1).to_pylist() == [3 * IDS_PER_VIDEO - 1]
    assert item_ids(2, 1, 0).type == pa.int64()
    for first, count in ((IDS_PER_VIDEO - 1, 2), (0, 1)):
        with pytest.raises(SchemaError, match="room for ids 1 to 999999999"):
            item_ids(2, first, count)


def test_sorting_keeps_ties_in_order():
    rows = pa.table(
        {"video": ["b", "a", "a"], "start_us": [0, 5, 5], "end_us": [1, 6, 6], "n": [1, 2, 3]}
    )
    assert sort_intervals(rows)["n"].to_pylist() == [2, 3, 1]


def test_every_interval_schema_starts_with_its_keys_in_order():
    timeless = {"HUMAN_LABEL", "VOTE"}  # what has no time of its own may be labelled and voted on
    named = [getattr(schema, name) for name in {*dir(schema)} - timeless if name.isupper()]
    tables = [one for one in named if isinstance(one, pa.Schema) and "start_us" in one.names]
    assert len(tables) >= 6
    for one in tables:
        keys = [name for name in one.names if name in schema.KEYS]
        assert tuple(keys) == schema.KEYS
        assert not any(one.field(name).nullable for name in keys)
