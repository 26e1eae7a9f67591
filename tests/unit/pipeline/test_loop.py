"""The loop: rounds are kept, taken up where they were, and never learn what they are judged by."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

import vquery as vq
from vquery.cli import main
from vquery.errors import LabelError, LearnError, LockedError, PipelineError
from vquery.pipeline import todo
from vquery.pipeline.loop import Loop
from vquery.pipeline.rounds import Rounds
from vquery.pipeline.state import locked

TEXT = """
[tasks.name]
[loop]
labels = "oracle.csv"
test = "test.csv"
batch = 3
rounds = 3
"""


def prepare(place):
    place.seeds(place.truth(("a.mp4", "b.mp4")), "oracle.csv")
    place.seeds(place.truth(("c.mp4", "d.mp4")), "test.csv")
    place.write(TEXT)
    return place


@pytest.fixture
def ready(place):
    return prepare(place)


@pytest.fixture(scope="module")
def straight(made, tmp_path_factory):
    """Tell what a loop gives that nothing interrupts."""
    place = prepare(made.copied(tmp_path_factory.mktemp("straight") / "place"))
    with place.db:
        return outcome(place, loop(place).run())


def outcome(place, done):
    rounds = [(one.labels, one.answered, one.agreed, one.accuracy) for one in done.rounds]
    return rounds, labelled(place), len(place.db._store.events())


def loop(ready, **options) -> Loop:
    return Loop(vq.Pipeline.load(ready.file), **options)


def labelled(ready) -> dict[int, str | None]:
    said = ready.db.labels("name")
    return dict(zip(said["detection_id"].to_pylist(), said["label"].to_pylist(), strict=True))


@pytest.mark.parametrize("strategy", ["mixed", "margin", "random"])
def test_quality_grows_with_labels(ready, strategy):
    done = loop(ready, strategy=strategy, batch=3).run()
    assert [one.round for one in done.rounds] == [0, 1, 2, 3]
    assert done.rounds[0].labels == 0
    assert done.rounds[0].accuracy == pytest.approx(12 / 60)  # strangers are nobody
    assert done.rounds[-1].accuracy > 0.9
    labels = [one.labels for one in done.rounds]
    assert labels == sorted(labels)
    assert done.rounds[-1].labels == len(labelled(ready))


def test_what_is_judged_by_is_never_asked_nor_learnt(ready):
    loop(ready).run()
    videos = {ready.video[one] for one in labelled(ready)}
    assert videos <= {"a.mp4", "b.mp4"}


def test_rounds_are_told_as_csv_curve_and_table(ready):
    done = loop(ready).run()
    folder = ready.folder / "world.vq" / "loops" / "name"
    with (folder / "rounds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["labels"] for row in rows] == [str(one.labels) for one in done.rounds]
    drawn = (folder / "curve.svg").read_text()
    assert drawn.startswith("<svg ")
    assert drawn.count("<circle") == 4
    assert done.table.num_rows == 4
    assert "round 3: " in str(done)


class Stop(Exception):  # noqa: N818
    """As if the machine went off."""


@pytest.mark.parametrize("where", ["_from_file", "_follow", "_round"])
def test_interrupted_anywhere_it_ends_as_if_it_was_not(ready, straight, monkeypatch, where):
    calls, at = 0, 2
    real = getattr(Loop, where)

    def failing(self, *rest):
        nonlocal calls
        calls += 1
        if calls == at + (where == "_round"):
            raise Stop
        return real(self, *rest)

    monkeypatch.setattr(Loop, where, failing)
    with pytest.raises(Stop):
        loop(ready).run()
    monkeypatch.setattr(Loop, where, real)
    done = loop(ready).run()
    assert outcome(ready, done) == straight


def test_it_goes_on_with_more_rounds_and_not_in_another_way(ready):
    loop(ready, rounds=1).run()
    assert len(loop(ready, rounds=2).run().rounds) == 3
    with pytest.raises(PipelineError, match="asked with another strategy: go on as before"):
        loop(ready, strategy="margin").run()
    fresh = loop(ready, strategy="margin", rounds=1).run(fresh=True)
    assert fresh.attempt == 1
    assert [one.round for one in fresh.rounds] == [0, 1]
    assert fresh.rounds[0].labels > 0  # people's labels stay


def test_who_answers_must_be_clear(ready):
    with pytest.raises(PipelineError, match="asks either a file"):
        Loop(vq.Pipeline.load(ready.file), ask=lambda *_: None)
    file = ready.write("[tasks.a]\n[tasks.b]\n")
    with pytest.raises(PipelineError, match=r"loop\.concept must say what is asked about: a, b"):
        Loop(vq.Pipeline.load(file), labels="x.csv")


def test_a_person_fills_in_the_file_or_labels_elsewhere(ready):
    file = ready.write("[tasks.name]\n")
    seen = []

    def ask(rows, path):
        seen.append(path)
        lines = list(csv.DictReader(path.read_text().splitlines()))
        assert {line["label"] for line in lines} == {"?"}
        ids = [int(line["detection_id"]) for line in lines]
        assert ids == rows["detection_id"].to_pylist()
        ready.db.label(ids[:1], "name", "elsewhere")
        text = path.read_text().splitlines()
        text[2] = text[2].replace(",?,", ",ann,")
        path.write_text("\n".join(text))

    done = Loop(vq.Pipeline.load(file), ask=ask, batch=3, rounds=1).run()
    assert len(seen) == 1
    assert (done.rounds[1].asked, done.rounds[1].answered) == (3, 2)
    assert sorted(labelled(ready).values()) == ["ann", "elsewhere"]
    nobody = Loop(vq.Pipeline.load(file), ask=lambda *_: None, batch=3, rounds=9).run()
    assert len(nobody.rounds) == 3  # nobody answered, so it ends


def test_what_was_not_asked_is_not_answered(ready):
    file = ready.write("[tasks.name]\n")
    with pytest.raises(LabelError, match="was not asked about"):
        Loop(vq.Pipeline.load(file), ask=lambda _, path: _typo(path), rounds=1).run()
    assert labelled(ready) == {}


def _typo(path):
    text = path.read_text().splitlines()
    path.write_text("\n".join([text[0], "1" + text[1].replace(",?,", ",ann,")]))


def test_concepts_of_spans_and_missing_files_are_refused(ready):
    ready.file.write_text(ready.file.read_text().replace(
        "[tasks.name]", '[tasks.name]\nover = "words"\nfunctions = ["captions"]'))  # fmt: skip
    with pytest.raises(PipelineError, match="asks about faces, but 'name' is a concept of words"):
        loop(ready).run()
    (ready.folder / "oracle.csv").unlink()
    with pytest.raises(PipelineError, match=r"loop\.labels: there is no file .*oracle\.csv"):
        loop(ready).run()


def test_one_loop_at_a_time(ready):
    with (
        locked(ready.folder / "world.vq", "loops/name"),
        pytest.raises(LockedError, match="another"),
    ):
        loop(ready, rounds=1).run()


def test_rounds_go_on_in_another_place_and_damaged_ones_are_told(ready):
    loop(ready, rounds=1).run()
    ready.db.close()
    moved = ready.folder.with_name("moved")
    ready.folder.rename(moved)
    done = Loop(vq.Pipeline.load(moved / "vquery.toml"), rounds=2).run()
    assert [one.round for one in done.rounds] == [0, 1, 2]
    kept = moved / "world.vq" / "loops" / "name" / "rounds.json"
    kept.write_text('{"rounds": [{"rund": 1}]}')
    with pytest.raises(PipelineError, match=r"rounds\.json: these are no rounds of a loop"):
        Loop(vq.Pipeline.load(moved / "vquery.toml")).run()


def test_a_model_that_cannot_be_trained_yet_is_noted(ready, monkeypatch):
    def cannot(*_, **__):
        raise LearnError("one class only")

    monkeypatch.setattr("vquery.pipeline.steps.labels.Propagate.run", cannot)
    ready.db.label([ready.first["a.mp4", "ann"]], "name", "ann")
    done = loop(ready, rounds=1).run()
    assert [one.note for one in done.rounds] == ["one class only"] * 2


def test_a_file_that_lost_its_columns(tmp_path):
    path = tmp_path / "todo.csv"
    path.write_text("detection_id,label\n1,ann\nx,bob\n")
    with pytest.raises(LabelError, match=r"todo\.csv, row 3: needs detection_id and label"):
        todo.filled(path)
    path.write_bytes("detection_id,label\n1,Zoë\n".encode("latin-1"))
    with pytest.raises(
        LabelError, match=r"todo\.csv: cannot be read: .* It is a table of commas in"
    ):
        todo.filled(path)
    with pytest.raises(LabelError, match="cannot be read"):
        todo.filled(tmp_path / "gone.csv")
    path.write_text("detection_id;label\n1;ann\n")
    with pytest.raises(LabelError, match=r"row 2: needs detection_id and label"):
        todo.filled(path)


def test_on_the_command_line(ready):
    said = CliRunner().invoke(main, ["loop", str(ready.file), "--rounds", "1", "--json"])
    assert said.exit_code == 0, said.output
    rows = json.loads(said.stdout)
    assert [row["round"] for row in rows] == [0, 1]
    kept = Rounds.read(ready.folder / "world.vq" / "loops" / "name")
    assert kept is not None
    assert len(kept.rounds) == 2
    said = CliRunner().invoke(main, ["run", str(ready.file), "--explain"])
    assert said.exit_code == 0, said.output
    assert "0 of 1 steps are due" in said.stdout
