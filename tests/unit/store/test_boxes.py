"""Drawn boxes: events are the truth, and rows follow them whatever happens in between."""

from __future__ import annotations

import random
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery.errors import LabelError, StoreError
from vquery.schema import BOX, DRAWN_FROM, IDS_PER_VIDEO
from vquery.store import Store, compact
from vquery.store.drawn import is_drawn, numbered

FIRST = IDS_PER_VIDEO + DRAWN_FROM
"""The id of the first box that is drawn, if it is in the first video."""


def rows_of(store, table, column="detection_id"):
    with store.snapshot() as snapshot:
        return snapshot.read(table, columns=[column])[column].to_pylist()


def drawn_of(store):
    """The drawn boxes among the detections, with their boxes, as those who query see them."""
    with store.snapshot() as snapshot:
        rows = snapshot.read("detections", columns=["detection_id", *BOX])
    mine = rows.filter(pa.array(is_drawn(rows["detection_id"].to_numpy())))
    return mine.sort_by("detection_id").to_pylist()


def in_step(store):
    """Whether both stored tables are what the events say."""
    want = store.standing()
    with store.snapshot() as snapshot:
        have = snapshot.read("drawn").sort_by("detection_id")
    columns = ["detection_id", *BOX, "event", "by", "track", "points"]
    assert have.select(columns).to_pylist() == want.select(columns).to_pylist()
    return drawn_of(store) == want.select(["detection_id", *BOX]).to_pylist()


def between(made, start_us, track):
    """A box at a time that continues the first one, and the box of the frame between them."""
    sides = {"left": track, "right": 0, "track": track}
    last = made.box_rows(start_us, x=0.5, track=track)
    middle = made.box_rows(start_us // 2, x=0.2, source="interpolated", **sides)
    return pa.concat_tables([last, middle])


class TestStored:
    def test_a_box_is_a_row_of_both_tables_until_it_is_undone(self, filled, made):
        before = rows_of(filled, "detections")
        event = filled.draw(made.box_rows(0), 1, who="ann")
        assert rows_of(filled, "drawn") == [FIRST]
        assert set(rows_of(filled, "detections")) == {*before, FIRST}
        assert in_step(filled)
        with filled.snapshot() as snapshot:
            assert snapshot.read("drawn")["event"].to_pylist() == [event]
            assert snapshot.read("drawn")["interpolated"].to_pylist() == [False]
        filled.undo()
        assert (rows_of(filled, "drawn"), rows_of(filled, "detections")) == ([], before)
        filled.redo()
        assert drawn_of(filled)[0]["detection_id"] == FIRST

    def test_a_key_sent_again_draws_once(self, filled, made):
        events = [filled.draw(made.box_rows(0), 1, who="ann", key="one") for _ in range(2)]
        assert events[0] == events[1]
        assert rows_of(filled, "drawn") == [FIRST]

    def test_many_boxes_leave_few_files(self, filled, made, monkeypatch):
        monkeypatch.setattr(compact, "SMALL_PARTS", 4)
        before = len(list((filled.path / "parts").rglob("*.*")))
        for at in range(12):
            filled.draw(made.box_rows(at * 100_000), 1, who="ann")
        assert len(list((filled.path / "parts").rglob("*.*"))) <= before + 2 * 5
        assert in_step(filled)

    def test_runs_are_those_of_commands_alone(self, filled, made):
        with filled.snapshot() as snapshot:
            before = snapshot.runs().num_rows
        filled.draw(made.box_rows(0), 1, who="ann")
        with filled.snapshot() as snapshot:
            assert snapshot.runs().num_rows == before

    def test_pictures_and_vectors_come_and_go_with_it(self, filled, made):
        vector = np.arange(made.DIMENSIONS, dtype=np.float32)
        rows = made.box_rows(0)
        rows = rows.append_column("jpeg", pa.array([b"picture"]))
        for space in ("face", "fresh"):
            values = pa.array([vector.tolist()], pa.list_(pa.float32()))
            rows = rows.append_column(f"vector.{space}", values)
        filled.draw(rows, 1, who="ann")
        with filled.snapshot() as snapshot:
            ids, matrix = snapshot.vectors("embedding.face")
            assert matrix[ids.tolist().index(FIRST)].tolist() == vector.tolist()
            assert snapshot.picture("picture.drawn", FIRST) == b"picture"
            assert snapshot.vectors("embedding.fresh")[0].tolist() == [FIRST]
        filled.remove_boxes([FIRST], who="ann")
        with filled.snapshot() as snapshot:
            assert FIRST not in snapshot.vectors("embedding.face")[0]
            assert "picture.drawn" not in snapshot.tables()
        filled.undo()
        with filled.snapshot() as snapshot:
            assert snapshot.picture("picture.drawn", FIRST) == b"picture"
        assert "jpeg" not in filled.events()[-3].rows.column_names, "lists of events stay small"

    def test_a_vector_of_another_length_is_left_out(self, filled, made):
        rows = made.box_rows(0)
        column = pa.array([[1.0, 2.0]], pa.list_(pa.float32()))
        filled.draw(rows.append_column("vector.face", column), 1, who="ann")
        with filled.snapshot() as snapshot:
            assert FIRST not in snapshot.vectors("embedding.face")[0]
        assert in_step(filled)

    def test_what_cannot_be_is_refused_before_it_is_kept(self, filled, made):
        last = filled.events()[-1].event_id
        with pytest.raises(LabelError, match="no boxes were given"):
            filled.draw(made.box_rows(0).slice(0, 0), 1, who="ann")
        with pytest.raises(LabelError, match="or neither"):
            filled.draw(made.box_rows(0), 1, who="ann", concept="name")
        with pytest.raises(LabelError, match="was not drawn by hand"):
            filled.remove_boxes([IDS_PER_VIDEO + 1], who="ann")
        with pytest.raises(StoreError, match="which checks the rows"):
            filled.append("draw boxes", {}, who="ann")
        with pytest.raises(StoreError, match="room for no more"):
            numbered(made.box_rows(0), 1, IDS_PER_VIDEO)
        assert filled.events()[-1].event_id == last


class TestDerive:
    def test_two_who_continue_one_track_at_once_leave_one_box_a_frame(self, filled, made):
        filled.draw(made.box_rows(0), 1, who="ann")
        filled.draw(between(made, 80_000, FIRST), 1, who="ann")
        filled.draw(between(made, 80_000, FIRST), 1, who="bob")
        found = filled.standing()
        assert found["start_us"].to_pylist() == [0, 80_000, 40_000]
        assert found["by"].to_pylist() == ["ann", "bob", "bob"]
        filled.undo("bob")
        assert filled.standing()["by"].to_pylist() == ["ann"] * 3
        assert in_step(filled)

    def test_what_is_gone_is_not_moved_back(self, filled, made):
        filled.draw(made.box_rows(0), 1, who="ann")
        ids = pa.array([FIRST])
        moved = made.box_rows(0, x=0.6).set_column(0, "detection_id", ids)
        filled.move_boxes(moved, who="bob")
        assert drawn_of(filled)[0]["x1"] == pytest.approx(0.6)
        filled.undo("ann")
        assert drawn_of(filled) == []
        filled.redo("ann")
        assert drawn_of(filled)[0]["x1"] == pytest.approx(0.6)
        assert in_step(filled)

    def test_a_box_between_needs_both_sides(self, filled, made):
        filled.draw(made.box_rows(0), 1, who="ann")
        filled.draw(between(made, 80_000, FIRST), 1, who="bob")
        assert len(drawn_of(filled)) == 3
        filled.undo("ann")
        assert [row["detection_id"] for row in drawn_of(filled)] == [FIRST + 1]

    def test_any_history_leaves_rows_that_follow_from_it(self, filled, made):
        """Against a plain account of what stands, over many random actions of two people."""
        chance = random.Random(11)
        for _ in range(60):
            who = chance.choice(["ann", "bob"])
            there = filled.standing()["detection_id"].to_pylist()
            word = chance.choice(["draw", "draw", "move", "remove", "undo", "redo", "label"])
            if word == "draw":
                filled.draw(made.box_rows(chance.randrange(9) * 40_000), 1, who=who)
            elif word in ("undo", "redo"):
                getattr(filled, word)(who)
            elif there:
                self.change(filled, made, word, chance.choice(there), chance.random() / 2, who)
            assert in_step(filled)
            expected = self.account(filled.events())
            assert filled.standing()["detection_id"].to_pylist() == sorted(expected)
        acts = [event for event in filled.events() if event.action == "draw boxes"]
        ever = [item for event in acts for item in event.rows["detection_id"].to_pylist()]
        assert len(ever) == len(set(ever)) > 10
        filled.compact()
        assert in_step(filled)

    def change(self, store, made, word, item, x, who):
        if word == "move":
            rows = made.box_rows(0, x=x).set_column(0, "detection_id", pa.array([item]))
            old = store.standing().filter(pc.equal(store.standing()["detection_id"], item))
            for name in ("track", "start_us", "end_us"):
                rows = rows.set_column(rows.column_names.index(name), name, old[name])
            store.move_boxes(rows, who=who)
        elif word == "remove":
            store.remove_boxes([item], who=who)
        else:
            store.label([item], "name", "Ann", who=who)

    def account(self, events):
        undone = set()
        for event in events:
            if event.action == "undo":
                undone.add(event.payload["event"])
            elif event.action == "redo":
                undone.discard(event.payload["event"])
        there = set()
        for event in events:
            if event.event_id in undone or event.rows is None:
                continue
            ids = set(event.rows["detection_id"].to_pylist())
            if event.action == "draw boxes":
                there |= ids
            elif event.action == "remove boxes":
                there -= ids
        return there


class TestRewriting:
    def test_replacing_a_video_takes_no_drawn_box_along(self, filled, made):
        vector = pa.array([[1.0] * made.DIMENSIONS], pa.list_(pa.float32()))
        filled.draw(made.box_rows(0).append_column("vector.face", vector), 1, who="ann")
        filled.label([FIRST], "name", "Ann", who="ann")
        filled.compact()
        tables = made.video_rows("v000.mp4", 1, 30)
        with filled.writer("index again") as writer:
            parts = [writer.write(name, rows) for name, rows in tables.items()]
            writer.commit(parts, replace={name: ["v000.mp4"] for name in tables})
        assert len(rows_of(filled, "detections")) == 20 * 2 + 30 + 1
        assert in_step(filled)
        with filled.snapshot() as snapshot:
            assert FIRST in snapshot.vectors("embedding.face")[0]
        with filled.writer("index again") as writer:
            everything = [
                writer.write("detections", made.video_rows(name, number, 20)["detections"])
                for number, name in enumerate(("v000.mp4", "v001.mp4", "v002.mp4"), start=1)
            ]
            writer.commit(everything, replace={"detections": None})
        assert len(rows_of(filled, "detections")) == 61
        assert in_step(filled)

    def test_merging_loses_and_doubles_nothing(self, filled, made):
        for number in range(40):
            filled.draw(made.box_rows(number * 40_000), 1, who="ann")
            if number % 10 == 9:
                filled.compact()
        filled.remove_boxes([FIRST + 3, FIRST + 20], who="ann")
        assert len(drawn_of(filled)) == 38
        assert in_step(filled)
        with filled.snapshot() as snapshot:
            assert len(snapshot.parts("detections")) < 40

    def test_readers_keep_what_they_had(self, filled, made):
        filled.draw(made.box_rows(0), 1, who="ann")
        with filled.snapshot() as snapshot:
            filled.undo()
            assert FIRST in snapshot.read("detections")["detection_id"].to_pylist()
        assert drawn_of(filled) == []


class TestTrouble:
    def test_an_event_without_its_rows_is_brought_up_by_the_next_writer(self, filled, made):
        """As a process leaves it that is killed in between."""
        kept = made.box_rows(0)
        filled._events.append_drawn(lambda first: ({}, numbered(kept, 1, first)), who="ann")
        assert drawn_of(filled) == []
        with Store.open(filled.path).writer("anything"):
            assert in_step(filled)

    def test_a_writer_that_works_for_long_is_waited_for(self, filled, made, jobs, wait_for):
        ready, release = filled.path / "ready", filled.path / "release"
        job = jobs.start("hold", root=filled.path, ready=ready, release=release)
        wait_for(ready)
        filled.draw(made.box_rows(0), 1, who="ann")
        assert "index news" in filled.waiting
        assert drawn_of(filled) == []
        filled.draw(made.box_rows(40_000), 1, who="ann")
        release.touch()
        job.result()
        assert len(drawn_of(filled)) == 2, "the end of the writer brought them"
        assert in_step(filled)

    def test_kill_9_while_drawing_keeps_what_was_answered_for(self, filled, jobs, tmp_path):
        chance = random.Random(3)
        answered = set()
        for number in range(8):
            ready = tmp_path / f"told{number}"
            job = jobs.start("draw", root=filled.path, video_id=2, count=500, ready=str(ready))
            until = time.monotonic() + 60
            while not (ready.exists() and ready.stat().st_size) and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            job.kill()
            answered |= {int(line) for line in ready.read_text().splitlines()}
        with Store.open(filled.path).writer("next"):
            pass
        assert in_step(filled)
        there = {event.event_id for event in filled.events() if event.action == "draw boxes"}
        assert answered <= there
        assert len(answered) >= 8
        assert len(drawn_of(filled)) == len(there)

    def test_two_who_draw_at_once_get_numbers_of_their_own(self, filled, jobs, tmp_path):
        work = [
            jobs.start("draw", root=filled.path, video_id=n, count=12, ready=str(tmp_path / f"{n}"))
            for n in (1, 2)
        ]
        assert [job.result() for job in work] == ["done", "done"]
        with filled.writer("next"):
            pass
        numbers = [row["detection_id"] % IDS_PER_VIDEO for row in drawn_of(filled)]
        assert sorted(numbers) == list(range(DRAWN_FROM, DRAWN_FROM + 24))
        assert in_step(filled)
