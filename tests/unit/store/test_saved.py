"""Runs, saved relations, and what must not be possible."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from vquery import schema
from vquery.errors import LockedError, SchemaError, StoreError
from vquery.store import NewVideo, PartWriter


class TestRuns:
    def test_every_writer_leaves_a_row(self, store, made):
        with store.writer("index", {"every": 0.5, "folder": "news"}) as writer:
            writer.register(made.new_videos(2))
            writer.finish({"videos": 2})
            with pytest.raises(StoreError, match="not open"):
                writer.commit([])
        with pytest.raises(ZeroDivisionError), store.writer("bad") as writer:
            1 / 0  # noqa: B018
        first, second = store.snapshot().runs().to_pylist()
        assert first["command"] == "index"
        assert first["arguments"] == '{"every": 0.5, "folder": "news"}'
        assert len(first["input_sha256"]) == 64
        assert first["version"]
        assert first["finished_us"] >= first["started_us"] > 1_700_000_000_000_000
        assert first["report"] == '{"videos": 2}'
        assert second["report"] == '{"error": "ZeroDivisionError: division by zero"}'

    def test_a_writer_is_used_in_a_block(self, store):
        with pytest.raises(StoreError, match="not open"):
            store.writer("index").register([])

    def test_one_writer_at_a_time_also_within_a_process(self, store):
        second = store.writer("second", wait_s=0)
        with store.writer("first"), pytest.raises(LockedError, match="`first`"), second:
            pass

    def test_a_thread_waits_for_another(self, store):
        order = []

        def second():
            with store.writer("second", wait_s=20):
                order.append("second")

        with store.writer("first"):
            thread = threading.Thread(target=second)
            thread.start()
            order.append("first")
        thread.join()
        assert order == ["first", "second"]


class TestSaved:
    def test_save_read_replace_drop(self, store):
        rows = pa.table({"video": ["b", "a"], "start_us": [0, 0], "end_us": [9, 5], "n": [1, 2]})
        store.save("both", rows, arguments={"query": "a & b"})
        with store.snapshot() as snapshot:
            assert snapshot.saved() == ["both"]
            assert snapshot.read("both")["n"].to_pylist() == [2, 1]
            assert snapshot.runs()["arguments"].to_pylist() == [
                '{"name": "both", "query": "a & b"}'
            ]
            store.save("both", pa.table({"word": ["x"]}))
            assert snapshot.read("both").num_rows == 2
        assert store.snapshot().schema("both").names == ["word"]
        store.drop("both")
        assert store.snapshot().saved() == []
        with pytest.raises(StoreError, match="no table 'both'"):
            store.drop("both")

    def test_no_rows_and_odd_columns(self, store):
        store.save(
            "none", pa.table({"video": pa.array([], pa.int64()), "x": pa.array([], pa.bool_())})
        )
        with store.snapshot() as snapshot:
            assert snapshot.read("none").schema.names == ["video", "x"]
            with pytest.raises(StoreError, match="no column 'video' of names"):
                snapshot.read("none", videos=["a"])
        rows = pa.table({"video": pa.array([3, 1], pa.int32()), "tags": [["a"], []]})
        store.save("numbered", rows)
        assert store.snapshot().read("numbered").equals(rows)

    @pytest.mark.parametrize(
        "name", ["faces", "Detections", "1st", "a b", "class", "", "a" * 64, "é"]
    )
    def test_names_that_cannot_be(self, store, name):
        with pytest.raises(StoreError, match="cannot name a saved relation"):
            store.save(name, pa.table({"x": [1]}))
        assert store.snapshot().runs().num_rows == 0

    def test_names_that_differ_by_case_are_one(self, store):
        store.save("Both", pa.table({"x": [1]}))
        with pytest.raises(StoreError, match="differ by case alone"):
            store.save("both", pa.table({"x": [1]}))

    def test_columns_that_cannot_be_stored(self, store):
        rows = pa.table({"x": pa.array([None], pa.month_day_nano_interval())})
        with pytest.raises(SchemaError, match="cannot be stored"):
            store.save("both", rows)
        assert list((store.path / "parts" / "both").iterdir()) == []


class TestSafety:
    @pytest.mark.parametrize(
        "path",
        ["/etc/passwd", "parts/../../secret/a-b.parquet", "parts/x/../a-b.arrow", "a.parquet"],
    )
    def test_the_catalog_cannot_lead_outside(self, filled, path, change_catalog):
        change_catalog(f"UPDATE parts SET path = '{path}' WHERE part_id = 1")
        with filled.snapshot() as snapshot, pytest.raises(StoreError, match="tampered"):
            snapshot.read("detections")

    def test_links_cannot_lead_outside(self, filled, tmp_path):
        folder = filled.path / "parts" / "detections"
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
        with filled.snapshot() as snapshot, pytest.raises(StoreError, match="outside"):
            snapshot.read("detections")

    @pytest.mark.parametrize("table", ["../x", "embedding./x", "picture.a/b", "embedding.A", "a.b"])
    def test_table_names_are_no_paths(self, store, table):
        with pytest.raises(StoreError, match="cannot name"):
            PartWriter(store.path, table, schema.PICTURE)

    def test_texts_are_bounded_and_proper(self, store):
        with store.writer("index") as writer:
            with pytest.raises(StoreError, match="at most 4096 bytes"):
                writer.register([NewVideo("a" * 5000, "00")])
            with pytest.raises(StoreError, match="not proper Unicode"):
                writer.register([NewVideo("caf\udce9.mp4", "00")])
            with pytest.raises(StoreError, match="at most 2000 bytes"):
                writer.commit([], units=["u" * 2001])
        with pytest.raises(StoreError, match="at most 200 bytes"):
            store.append("seen", {}, who="w" * 201)
        with pytest.raises(StoreError, match="cannot be written as JSON"):
            store.append("seen", {"x": float("nan")}, who=None)
