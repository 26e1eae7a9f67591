"""Creating, opening, committing, reading."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from vquery.errors import SchemaError, StoreError, UnknownColumnError
from vquery.store import NewVideo, PartWriter, Store
from vquery.store.names import BUILT_IN


class TestOpening:
    def test_an_empty_collection_has_the_tables_every_collection_has(self, store):
        with store.snapshot() as snapshot:
            assert snapshot.tables() == ["videos", "runs", *BUILT_IN]
            for name in snapshot.tables():
                assert snapshot.read(name).num_rows == snapshot.count(name) == 0
                assert snapshot.read(name).schema == snapshot.schema(name)
            assert (snapshot.generation, snapshot.last_event) == (0, 0)

    def test_missing(self, tmp_path):
        with pytest.raises(StoreError, match="no such collection"):
            Store.open(tmp_path / "none.vq")
        with pytest.raises(StoreError, match=r"not a collection: there is no catalog\.sqlite"):
            Store.open(tmp_path)

    def test_create_refuses_what_is_there(self, store, tmp_path):
        with pytest.raises(StoreError, match="there is a collection already"):
            Store.create(store.path)
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "thesis.tex").touch()
        with pytest.raises(StoreError, match="there is something else already"):
            Store.create(tmp_path / "other")
        with pytest.raises(StoreError, match="a file of that name"):
            Store.create(tmp_path / "other" / "thesis.tex")

    def test_create_goes_on_after_a_create_that_was_killed(self, tmp_path):
        root = tmp_path / "half.vq"
        (root / "parts").mkdir(parents=True)
        (root / "catalog.sqlite.new").write_bytes(b"half")
        assert Store.create(root).contents()["videos"].num_rows == 0

    def test_newer_format(self, store, change_catalog):
        change_catalog("PRAGMA user_version = 9")
        with pytest.raises(StoreError, match=r"has format 9; this vquery reads up to 1.*Update"):
            Store.open(store.path)

    def test_something_else(self, store, change_catalog):
        change_catalog("PRAGMA application_id = 1")
        with pytest.raises(StoreError, match="made by something else"):
            Store.open(store.path)
        (store.path / "catalog.sqlite").write_bytes(b"these are not the rows you look for" * 100)
        with pytest.raises(StoreError, match="damaged"):
            Store.open(store.path)


class TestReading:
    def test_sorted_by_video_and_time_whatever_the_order_of_writing(self, store, made):
        with store.writer("index") as writer:
            ids = writer.register(made.new_videos(3))
            tables = {v: made.video_rows(v, ids[v], 10) for v in reversed(list(ids))}
            for rows in tables.values():
                back = rows["detections"].take(list(range(9, -1, -1)))
                writer.commit([writer.write("detections", back)])
        rows = store.snapshot().read("detections")
        keys = [("video", "ascending"), ("start_us", "ascending"), ("end_us", "ascending")]
        assert rows.equals(rows.sort_by(keys))
        assert rows.num_rows == 30

    def test_columns_and_videos(self, filled):
        with filled.snapshot() as snapshot:
            rows = snapshot.read("detections", columns=["score", "x1"], videos=["v002.mp4"])
            assert rows.column_names == ["score", "x1"]
            assert rows.num_rows == 20
            whole = snapshot.read("detections")
            assert rows["x1"].equals(whole["x1"].slice(40))
            one = snapshot.read("embedding.face", columns=["item_id"], videos=["v001.mp4"])
            assert one["item_id"].to_pylist() == list(range(2_000_000_001, 2_000_000_021))
            assert snapshot.read("detections", columns=[]).num_columns == 0
            assert snapshot.read("detections", videos=[]).num_rows == 0
            assert snapshot.read("videos", videos=["v001.mp4"])["n_frames"].to_pylist() == [20]

    def test_what_is_not_there(self, filled):
        with filled.snapshot() as snapshot:
            with pytest.raises(
                StoreError, match=r"no table 'detectoins'.*videos, runs.*Did you mean 'detections'"
            ):
                snapshot.read("detectoins")
            with pytest.raises(
                UnknownColumnError, match=r"detections has no column 'scor'.*'score'"
            ):
                snapshot.read("detections", columns=["scor"])
            with pytest.raises(StoreError, match=r"no video 'v01\.mp4'.*Did you mean"):
                snapshot.read("detections", videos=["v01.mp4"])
            with pytest.raises(StoreError, match="holds no vectors"):
                snapshot.vectors("detections")
            with pytest.raises(StoreError, match=r"no table 'picture\.frame'"):
                snapshot.picture("picture.frame", 1)

    def test_vectors_are_not_copied_when_they_are_one_part(self, filled):
        ids, matrix = filled.snapshot().vectors("embedding.face")
        assert matrix.shape == (60, 8)
        assert (np.diff(ids) > 0).all()
        filled.compact()
        with filled.snapshot() as snapshot:
            before = pa.total_allocated_bytes()
            again, mapped = snapshot.vectors("embedding.face")
            assert pa.total_allocated_bytes() - before < mapped.nbytes
        np.testing.assert_array_equal(mapped, matrix)
        np.testing.assert_array_equal(again, ids)
        assert not mapped.flags.writeable
        assert mapped.base is not None

    def test_vectors_of_no_rows(self, store, made):
        with store.writer("index") as writer:
            writer.register(made.new_videos(1))
            nothing = made.video_rows("v000.mp4", 1, 20)["embedding.face"].slice(0, 0)
            writer.commit([writer.write("embedding.face", nothing)])
        ids, matrix = store.snapshot().vectors("embedding.face")
        assert (ids.shape, matrix.shape, matrix.dtype) == ((0,), (0, 8), np.float32)

    def test_pictures_by_item(self, filled, made):
        with filled.snapshot() as snapshot:
            wanted = made.video_rows("v001.mp4", 2, 20)["picture.face"]["jpeg"]
            assert snapshot.picture("picture.face", 2_000_000_007) == wanted[6].as_py()
            assert snapshot.picture("picture.face", 2_000_000_021) is None
            assert snapshot.picture("picture.face", 9_000_000_001) is None

    def test_a_snapshot_can_be_sent_to_another_process(self, filled):
        with filled.snapshot() as snapshot:
            sent = pickle.loads(pickle.dumps(snapshot))
            assert sent.read("detections").equals(snapshot.read("detections"))
            assert sent.generation == snapshot.generation
            sent.close()

    def test_threads_may_share_a_snapshot(self, filled):
        with filled.snapshot() as snapshot, ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(snapshot.read, ["detections", "words", "embedding.face"] * 4))
        assert [r.num_rows for r in rows] == [60, 0, 60] * 4

    def test_a_part_that_is_gone_is_named(self, filled):
        with filled.snapshot() as snapshot:
            file = snapshot.parts("detections")[1]
            file.unlink()
            with pytest.raises(
                StoreError, match=f"{file.name}.*is gone.*Open the collection again"
            ):
                snapshot.read("detections")

    def test_a_damaged_part_is_named(self, filled):
        with filled.snapshot() as snapshot:
            for name in ("detections", "embedding.face"):
                file = snapshot.parts(name)[0]
                file.write_bytes(b"x" * file.stat().st_size)
                with pytest.raises(StoreError, match="damaged"):
                    snapshot.read(name)


class TestCommitting:
    def test_all_tables_become_visible_at_once_and_old_snapshots_stay(self, store, made):
        with store.snapshot() as before:
            with store.writer("index", {"every": 2}) as writer:
                writer.register(made.new_videos(1))
                rows = made.video_rows("v000.mp4", 1, 5)
                parts = [writer.write(name, rows[name]) for name in rows]
                with store.snapshot() as during:
                    assert during.count("detections") == during.count("videos") == 0
                writer.commit(parts, videos=[{"video": "v000.mp4", "fps_num": 25, "fps_den": 1}])
            assert before.count("detections") == 0
            assert before.tables() == ["videos", "runs", *BUILT_IN]
        with store.snapshot() as after:
            assert after.count("detections") == after.count("embedding.face") == 5
            assert after.videos()["fps_num"].to_pylist() == [25]
            assert after.generation == 1

    def test_replaced_rows_vanish_even_from_parts_of_many_videos(self, filled, made):
        filled.compact()
        filled.unlabel([1_000_000_001], "name", who=None)
        old = filled.snapshot()
        with filled.writer("again") as writer:
            rows = made.video_rows("v001.mp4", 2, 4)
            parts = [writer.write(name, rows[name]) for name in rows]
            writer.commit(parts, replace={name: ["v001.mp4", "v000.mp4"] for name in rows})
        with filled.snapshot() as new:
            counts = new.read("detections")["video"].value_counts().to_pylist()
            assert counts == [
                {"values": "v001.mp4", "counts": 4},
                {"values": "v002.mp4", "counts": 20},
            ]
            assert new.read("picture.face", videos=["v000.mp4"]).num_rows == 0
            assert new.picture("picture.face", 1_000_000_001) is None
            files = sum(pa.parquet.read_metadata(f).num_rows for f in new.parts("detections"))
            assert files == 24, "the files hold exactly the rows"
        assert old.read("detections").num_rows == 60
        old.close()

    def test_replace_a_whole_table(self, filled, made):
        with filled.writer("again") as writer:
            rows = made.video_rows("v001.mp4", 2, 4)["embedding.face"]
            wide = pa.table(
                {
                    "item_id": rows["item_id"],
                    "video": rows["video"],
                    "vector": pa.FixedSizeListArray.from_arrays(np.zeros(64, np.float32), 16),
                }
            )
            with pytest.raises(SchemaError, match=r"embedding\.face: the new rows do not fit"):
                writer.commit([writer.write("embedding.face", wide)])
            writer.commit([writer.write("embedding.face", wide)], replace={"embedding.face": None})
        assert filled.snapshot().vectors("embedding.face")[1].shape == (4, 16)

    def test_labels_are_not_moved_to_other_boxes(self, filled, made):
        filled.label([1_000_000_003, 2_000_000_001], "name", "Bernie", who="ann")
        rows = made.video_rows("v001.mp4", 2, 20)["detections"]
        other = made.video_rows("v001.mp4", 7, 20)["detections"]
        other = other.set_column(0, "detection_id", rows["detection_id"])
        replace = {"detections": ["v001.mp4"]}
        with filled.writer("again") as writer:
            with pytest.raises(StoreError, match=r"v001\.mp4: 1 labelled detections would be"):
                writer.commit([writer.write("detections", other)], replace=replace)
            writer.commit([writer.write("detections", rows)], replace=replace)
            filled.unlabel([2_000_000_001], "name", who="ann")
            writer.commit([writer.write("detections", other)], replace=replace)
            with pytest.raises(StoreError, match=r"v000\.mp4, v002\.mp4: 3 labelled"):
                writer.commit([], replace={"detections": None})

    def test_units_are_done_once(self, filled, made):
        with filled.writer("again") as writer:
            assert writer.is_done("v001.mp4/index")
            assert not writer.is_done("v009.mp4/index")
            part = writer.write("detections", made.video_rows("v001.mp4", 2, 4)["detections"])
            with pytest.raises(StoreError, match="was done before"):
                writer.commit([part], units=["v001.mp4/index"])
            writer.commit(
                [part],
                units=["v001.mp4/other"],
                replace={"detections": ["v001.mp4"]},
                forget=["v001.mp4/"],
            )
            assert not writer.is_done("v001.mp4/index")
        assert filled.units("v001") == ["v001.mp4/other"]
        assert len(filled.units()) == 3

    def test_columns_are_aligned_by_name(self, store, made):
        rows = made.video_rows("v000.mp4", 1, 3)["detections"]
        more = made.video_rows("v001.mp4", 2, 2)["detections"]
        more = more.append_column("mood", pa.array(["glad", "sad"]).dictionary_encode())
        with store.writer("index") as writer:
            writer.register(made.new_videos(2))
            writer.commit([writer.write("detections", rows)])
            writer.commit([writer.write("detections", more)])
        with store.snapshot() as snapshot:
            assert snapshot.schema("detections").field("mood").type == pa.string()
            found = snapshot.read("detections", columns=["mood"])["mood"].to_pylist()
        assert found == [None, None, None, "glad", "sad"]
        store.compact()
        assert store.snapshot().read("detections")["mood"].to_pylist() == found

    def test_rows_that_break_the_rules_are_refused(self, store, made):
        rows = made.video_rows("v000.mp4", 1, 3)["detections"]
        with store.writer("index") as writer:
            writer.register([*made.new_videos(1), NewVideo("z.mp4", f"{0:064x}")])
            with pytest.raises(SchemaError, match="row 1: start must not be after end"):
                writer.write("detections", rows.set_column(3, "end_us", pa.array([-1, -1, -1])))
            with pytest.raises(SchemaError, match="'video' must be given for every row"):
                writer.write("detections", rows.set_column(1, "video", pa.nulls(3, pa.string())))
            part = writer.part("detections")
            with pytest.raises(SchemaError, match=r"columns \['mood'\] are not in the schema"):
                part.write(rows.append_column("mood", pa.array([1, 2, 3])))
            part.abort()
            with pytest.raises(SchemaError, match="fixed-size list"):
                writer.write("embedding.face", pa.table({"item_id": [1], "vector": [[1.0]]}))
            other = rows.set_column(1, "video", pa.array(["x.mp4"] * 3))
            with pytest.raises(StoreError, match=r"'x\.mp4', which is not registered"):
                writer.commit([writer.write("detections", other)])
            other = rows.set_column(1, "video", pa.array(["z.mp4"] * 3))
            with pytest.raises(StoreError, match=r"'z\.mp4', which is an alias of 'v000\.mp4'"):
                writer.commit([writer.write("detections", other)])
            with pytest.raises(StoreError, match="may have fps_num"):
                writer.commit([], videos=[{"video": "v000.mp4", "fps": 25}])
        assert store.snapshot().count("videos") == 0
        assert list((store.path / "parts").rglob("*.parquet")) == [], "nothing is left behind"

    def test_a_part_counts_once_and_must_be_there(self, store, made):
        with store.writer("index") as writer:
            writer.register(made.new_videos(1))
            part = writer.write("detections", made.video_rows("v000.mp4", 1, 3)["detections"])
            writer.commit([pickle.loads(pickle.dumps(part))])
            with pytest.raises(StoreError, match="committed before"):
                writer.commit([part])
            gone = writer.write("detections", made.video_rows("v000.mp4", 1, 3)["detections"])
            (store.path / gone.path).unlink()
            with pytest.raises(StoreError, match="not there as it was written"):
                writer.commit([gone])
        assert store.snapshot().read("detections").num_rows == 3

    def test_part_writer_gives_up_cleanly(self, store):
        part = PartWriter(store.path, "frames")
        assert part.file.exists()
        with pytest.raises(ZeroDivisionError), part:
            1 / 0  # noqa: B018
        assert not part.file.exists()

    def test_large_parts_are_read_back_whole(self, store, made):
        with store.writer("index") as writer:
            writer.register(made.new_videos(1))
            start = pa.array(np.arange(300_000))
            video = pa.repeat(pa.scalar("v000.mp4"), 300_000)
            rows = pa.table({"video": video, "start_us": start, "end_us": start})
            with writer.part("frames") as part:
                for batch in rows.to_batches(max_chunksize=50_000):
                    part.write(batch)
            assert part.close().rows == 300_000
            writer.commit([part.close()])
        found = store.snapshot().read("frames", columns=rows.column_names)
        assert found.equals(rows.cast(found.schema))
