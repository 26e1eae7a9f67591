"""Merging parts changes nothing but the parts."""

from __future__ import annotations

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.store import Store, compact


def test_contents_stay_and_old_snapshots_too(store, made):
    made.add_videos(store, 5)
    before = store.contents()
    with store.snapshot() as old:
        assert len(old.parts("detections")) == 5
        assert store.compact() == 15
        with store.snapshot() as new:
            assert [len(new.parts(n)) for n in ("detections", "picture.face")] == [1, 1]
        assert old.read("detections").num_rows == 100
    after = store.contents()
    assert before.keys() == after.keys()
    assert all(after[name].equals(rows) for name, rows in before.items())
    assert store.compact() == 0


def test_merged_parts_keep_the_runs_their_rows_came_from(store, made):
    made.add_videos(store, 1)
    made.add_videos(store, 2)
    store.compact()
    with sqlite3.connect(store.path / "catalog.sqlite") as db:
        runs = db.execute(
            "SELECT run_id FROM part_runs JOIN parts USING (part_id) "
            "WHERE of_table = 'detections' AND dropped IS NULL ORDER BY run_id"
        ).fetchall()
    db.close()
    assert runs == [(1,), (2,)]


def test_many_small_parts_are_merged_by_themselves(store, made, monkeypatch):
    monkeypatch.setattr(compact, "SMALL_PARTS_IN_RUN", 5)
    monkeypatch.setattr(compact, "SMALL_PARTS", 2)
    with store.writer("index") as writer:
        ids = writer.register(made.new_videos(14))
        for video, video_id in ids.items():
            rows = made.video_rows(video, video_id, 3)["detections"]
            writer.commit([writer.write("detections", rows)])
            with store.snapshot() as snapshot:
                assert len(snapshot.parts("detections")) <= 6
        assert writer.notes == []
    with store.snapshot() as snapshot:
        assert len(snapshot.parts("detections")) <= 2
        assert snapshot.count("detections") == 42
        assert len(list((store.path / "parts" / "detections").iterdir())) <= 2


def test_merged_parts_have_a_bound(store, made, monkeypatch):
    made.add_videos(store, 6)
    with store.snapshot() as snapshot:
        size = snapshot.size("picture.face") // 6
    monkeypatch.setattr(compact, "TARGET_BYTES", int(size * 2.5))
    store.compact()
    with store.snapshot() as snapshot:
        assert len(snapshot.parts("picture.face")) == 3


@settings(max_examples=12)  # each makes a collection on disk
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 4), st.integers(0, 3)),
            st.tuples(st.just("replace"), st.sets(st.integers(0, 4)), st.integers(0, 3)),
            st.just(("compact",)),
        ),
        max_size=6,
    )
)
def test_any_order_of_steps_agrees_with_a_list_of_rows(steps, made, tmp_path_factory):
    """The naive model: a list of (video, id); adding appends, replacing filters."""
    store = Store.create(tmp_path_factory.mktemp("model") / "news.vq")
    model: list[tuple[str, int]] = []
    names = [video.video for video in made.new_videos(5)]
    with store.writer("steps") as writer:
        writer.register(made.new_videos(5))
        for step in steps:
            if step[0] == "compact":
                writer.compact()
                continue
            which = step[1] if step[0] == "replace" else {step[1]}
            videos = [names[number] for number in sorted(which)]
            rows = [made.video_rows(v, names.index(v) + 1, step[2])["detections"] for v in videos]
            if step[0] == "replace":
                model = [row for row in model if row[0] not in videos]
            model += [(v, i) for v, r in zip(videos, rows, strict=True) for i in ids(r)]
            parts = [writer.write("detections", one) for one in rows]
            replace = {"detections": videos} if step[0] == "replace" else None
            writer.commit(parts, replace=replace)
    with store.snapshot() as snapshot:
        found = snapshot.read("detections")
    assert list(zip(found["video"].to_pylist(), ids(found), strict=True)) == sorted(model)


def ids(rows):
    return rows["detection_id"].to_pylist()
