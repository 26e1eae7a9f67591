"""Queries that random testing found to be answered wrongly, or not at all."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery import row
from vquery.engine import joins
from vquery.errors import QueryError, SchemaError


def rows(number: int = 3, kind: pa.DataType | None = None, **columns: list[object]) -> vq.Intervals:
    table = pa.table(
        {
            "video": pa.array(["a"] * number, kind or pa.string()),
            "start": list(range(number)),
            "end": list(range(1, number + 1)),
            "name": pa.array([f"n{each}" for each in range(number)], kind or pa.string()),
            **columns,
        }
    )
    return vq.from_arrow(table)


def test_runs_of_no_rows_by_a_test_of_texts():
    nothing = rows().filter(row.start > 9)
    test = nothing.coalesce(where=lambda run, new: run.name.lower() == new.name.lower())
    assert test.collect().num_rows == 0


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_of_all_kinds_come_together(kind):
    both = rows().union(rows(kind=kind))
    assert both.collect()["name"].to_pylist() == ["n0", "n0", "n1", "n1", "n2", "n2"]
    assert {str(both.schema.field(name).type) for name in ("video", "name")} == {"string"}
    assert rows(kind=kind).union(rows()).collect().equals(both.collect())
    assert vq.concat(rows(kind=kind), rows(), names=["x", "y"]).count() == 6


def test_whole_numbers_of_all_kinds_are_videos():
    small = pa.table({"video": pa.array([1], pa.int32()), "start": [0], "end": [1]})
    large = pa.table({"video": pa.array([2], pa.int64()), "start": [0], "end": [1]})
    both = vq.from_arrow(small).union(vq.from_arrow(large))
    assert both.collect()["video"].to_pylist() == [1, 2]
    wrong = vq.from_arrow(small.append_column("n", pa.array([1], pa.int8())))
    with pytest.raises(QueryError, match="column 'n' is int8 on one side and int64"):
        wrong.union(vq.from_arrow(large.append_column("n", pa.array([1]))))


def test_columns_that_one_side_lacks_may_be_null(tmp_path):
    counted = rows().count_overlaps(rows(), name="n")
    both = counted.union(rows(1))
    assert both.schema.field("n").nullable
    pq.write_table(both.collect(), tmp_path / "both.parquet")
    assert pq.read_table(tmp_path / "both.parquet")["n"].to_pylist() == [1, None, 1, 1]
    assert not counted.union(counted).schema.field("n").nullable


def test_a_rekeyed_relation_is_what_its_schema_says():
    live = rows().rekey(vq.lit("all"))
    assert live.collect().schema.equals(live.schema)
    assert live.to_reader().read_all().equals(live.collect(ordered=False))


def test_no_batch_is_empty():
    nothing = rows().filter(row.start > 9)
    assert [each.num_rows for each in nothing.union(rows(2)).batches(rows=5)] == [2]


def test_one_partner_is_enough_however_many_there_are():
    far, near = rows(20), rows(20).shift(0.5)
    for test in (~vq.time_overlaps, vq.during | vq.contains | vq.before(min_gap=15)):
        query = far.semi_join(near, test)
        expected = query.collect()
        with mock.patch.object(joins, "BLOCK", 10):
            assert query.collect().equals(expected)
            assert query.count() + far.anti_join(near, test).count() == 20
    assert far.semi_join(near, ~vq.time_overlaps).count() == 20


def test_of_many_rows_most_pairs_are_never_made():
    number = 100_000
    start = np.arange(number) * 10
    given = pa.table({"video": ["a"] * number, "start_us": start, "end_us": start + 5})
    tested = mock.Mock(wraps=joins.Candidates.blocks)
    with mock.patch.object(joins.Candidates, "blocks", lambda self: tested(self)):
        found = vq.from_arrow(given).semi_join(vq.from_arrow(given), ~vq.time_overlaps)
        assert found.count() == number
    assert tested.call_count == 1  # 16 rows of the right are partners enough


LARGE = pa.array([0, 5, 2**64 - 1], pa.uint64())


def test_whole_numbers_without_a_sign_are_never_taken_for_negative_ones():
    large, small = rows(k=LARGE), rows(k=pa.array([3, 7, 1], pa.uint64()))
    assert large.join(large, vq.same("k")).count() == 3
    assert large.filter(row.start < 2).join(small, lambda a, b: a.k > b.k).count() == 2
    for query in (
        large.join(large, lambda a, b: a.k > b.k),
        large.join(large, lambda a, b: (a.k - b.k) < 2),
        large.semi_join(rows(k=[-1, 0, 1]), vq.same("k")),
        large.coalesce(5, where=lambda run, new: run.k < new.k),
        large.rekey("k"),
    ):
        with pytest.raises(QueryError, match="18446744073709551615"):
            query.collect()


def test_videos_have_a_sign():
    table = pa.table({"video": pa.array([1, 2**63], pa.uint64()), "start": [0, 0], "end": [1, 1]})
    with pytest.raises(SchemaError, match=r"row 2: video must be less than 2\*\*63"):
        vq.from_arrow(table)
    assert vq.from_arrow(table.slice(0, 1)).coalesce().count() == 1


@pytest.mark.parametrize("kinds", [(pa.int64(), pa.string()), (pa.int64(), pa.float64())])
def test_kept_results_have_the_types_of_their_table(kinds):
    stored = vq.Cache()
    for kind in kinds:
        table = rows(n=pa.nulls(3, kind))
        query = table.join(table, vq.time_overlaps)
        assert query.collect(cache=stored).equals(query.collect())
