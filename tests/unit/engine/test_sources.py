"""Tables that become relations: types kept, rules checked, the first bad row named."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from vquery.engine.intervals import Intervals
from vquery.engine.sources import from_arrow
from vquery.errors import SchemaError
from vquery.expr.relations import Scan
from vquery.expr.source import TableSource

UNSIGNED = pa.array([2**64 - 1], pa.uint64())
BOX = {"x1": [0.1], "y1": [0.1], "x2": [0.4], "y2": [0.5]}


def table(**columns):
    return pa.table({"video": ["a"], "start": [1.0], "end": [2.0], **columns})


def test_seconds_become_microseconds_rounded_to_nearest():
    given = pa.table({"video": ["a", "a"], "start": [-1.5, 0.1 + 0.2], "end": [7, 1 / 3]})
    assert from_arrow(given).collect(ordered=False).to_pydict() == {
        "video": ["a", "a"],
        "start_us": [-1_500_000, 300_000],
        "end_us": [7_000_000, 333_333],
    }


@pytest.mark.parametrize(
    "dtype", [pa.string(), pa.large_string(), pa.int8(), pa.int64(), pa.uint16()]
)
def test_video_comes_back_with_its_type(dtype):
    values = ["b", "a"] if pa.types.is_string(dtype) or dtype == pa.large_string() else [2, 1]
    given = from_arrow(
        pa.table({"video": pa.array(values, dtype), "start_us": [5, 0], "end_us": [5, 1]})
    )
    joined = given.join(given, cross=True)
    for each in (given, joined, given.coalesce(), given.group_by().agg()):
        result = each.collect()
        assert result.schema.field("video").type == dtype
        assert result["video"].to_pylist() == sorted(values)


def test_videos_in_a_dictionary():
    names = pa.array(["b", "a", "b"]).dictionary_encode()
    given = from_arrow(pa.table({"video": names, "start": [0, 0, 1], "end": [1, 1, 2]}))
    assert given.collect()["video"].to_pylist() == ["a", "b", "b"]
    assert given.coalesce().collect()["end_us"].to_pylist() == [1_000_000, 2_000_000]


def test_boxes_become_float32_and_may_be_missing_or_stick_out():
    result = from_arrow(table(x1=[-0.5], y1=[0], x2=[1.5], y2=[1])).collect()
    assert result.schema.field("x1").type == pa.float32()
    missing = {edge: pa.nulls(1, pa.float64()) for edge in BOX}
    assert from_arrow(table(**missing)).collect()["x1"].to_pylist() == [None]


def test_other_columns_keep_their_place_and_type_and_nan_is_missing():
    given = pa.table(
        {
            "id": [7],
            "video": ["a"],
            "score": pa.array([float("nan")], pa.float32()),
            "end": [2],
            "start": [1],
            "tags": [["x", "y"]],
        }
    )
    result = from_arrow(given).collect()
    assert result.column_names == ["id", "video", "score", "end_us", "start_us", "tags"]
    assert result["score"].to_pylist() == [None]
    assert result.schema.field("score").type == pa.float32()


def test_what_exports_arrow_is_taken():
    batch = table().to_batches()[0]
    assert from_arrow(batch).count() == 1

    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            return table().__arrow_c_stream__(requested_schema)

    assert from_arrow(Frame()).count() == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"start": [1], "end": [2]}, "has no column video"),
        ({"video": [1.5], "start": [1], "end": [2]}, "video must be text or integer, got double"),
        ({"video": ["a", None], "start": [1, 1], "end": [2, 2]}, "row 2: video must be given"),
        ({"video": ["a"], "start": [1]}, "either start and end"),
        ({"video": ["a"], "start": [1], "end_us": [2]}, "either start and end"),
        ({"video": ["a"], "start": [1], "end": [2], "start_us": [1], "end_us": [2]}, "not both"),
        ({"video": ["a"], "start": ["1"], "end": [2]}, "start must be a number of seconds"),
        ({"video": ["a", "a"], "start": [1, None], "end": [2, 2]}, "row 2: start must be a number"),
        ({"video": ["a"], "start": [1], "end": [float("inf")]}, "row 1: end must be a number"),
        ({"video": ["a"], "start": [float("nan")], "end": [1]}, "row 1: start must be a number"),
        ({"video": ["a"], "start": [1e16], "end": [2e16]}, "start must be a number of seconds"),
        ({"video": ["a"], "start_us": [1.0], "end_us": [2.0]}, "for seconds call the column start"),
        ({"video": ["a"], "start_us": [2**62], "end_us": [2**62]}, "in microseconds"),
        (dict.fromkeys(["start_us", "end_us"], UNSIGNED) | {"video": ["a"]}, "in microseconds"),
        ({"video": ["a"] * 3, "start": [1, 3, 3], "end": [1, 2, 1]},
         r"row 2: start must not be after end \(2 such rows\)"),
        ({"video": ["a"], "start": [1], "end": [2], "x1": [0.1]}, "missing: y1, x2, y2"),
        ({"video": ["a"], "start": [1], "end": [2], **BOX, "x1": ["l"]}, "x1 must be a number"),
        ({"video": ["a"], "start": [1], "end": [2], **BOX, "x1": [0.5]}, "x1 must not be greater"),
        ({"video": ["a"], "start": [1], "end": [2], **BOX, "y2": [float("nan")]}, "finite"),
        ({"video": ["a"], "start": [1], "end": [2], **BOX, "y2": pa.nulls(1)}, "all four edges"),
        ({"video": ["a"], "start": [1], "end": [2], "score": ["high"]}, "score must be a number"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(columns, message):
    with pytest.raises(SchemaError, match=message):
        from_arrow(pa.table(columns), name="faces.csv")


def test_other_things_are_refused():
    with pytest.raises(SchemaError, match="got list"):
        from_arrow([{"video": "a"}])
    twice = pa.Table.from_arrays([pa.array(["a"])] * 2, names=["video", "video"])
    with pytest.raises(SchemaError, match="'video' occurs twice"):
        from_arrow(twice)


def test_sources_are_checked_and_picklable():
    query = from_arrow(table(score=[0.5])).filter(lambda r: r.score > 0.1)
    source = query.node.input.source
    assert isinstance(source, TableSource)
    assert Intervals(pickle.loads(pickle.dumps(query.node))).count() == 1

    class Bad:
        name = "bad"
        schema = pa.schema(
            [("video", pa.string()), ("start_us", pa.int32()), ("end_us", pa.int64())]
        )

        def read(self, columns):
            raise AssertionError

    with pytest.raises(SchemaError, match="bad: start_us must be int64, got int32"):
        Scan(Bad())
    Bad.schema = pa.schema([("video", pa.string())])
    with pytest.raises(SchemaError, match="bad has no column start_us, end_us"):
        Scan(Bad())


def test_no_rows():
    empty = from_arrow(
        pa.table(
            {
                "video": pa.array([], pa.string()),
                "start": pa.array([], pa.int64()),
                "end": pa.array([], pa.int64()),
                "name": pa.array([], pa.string()),
            }
        )
    )
    assert empty.count() == 0
    for each in (empty.coalesce(), empty.minus(empty), empty.union(empty), empty.per_frame().agg(),
                 empty.distinct(), empty.sort("name"), empty.limit(3),
                 empty.join(empty, cross=True)):  # fmt: skip
        assert each.collect().num_rows == 0


def test_texts_of_polars_are_plain_ones():
    views = pa.table(
        {
            "video": pa.array(["b", "a"], pa.string_view()),
            "start": [0, 1],
            "end": [1, 2],
            "name": pa.array(["x", None], pa.string_view()),
        }
    )
    found = from_arrow(views).collect()
    assert found["video"].to_pylist() == ["a", "b"]
    assert found["name"].to_pylist() == [None, "x"]
