"""Only what changed runs: each input of a step, changed alone, makes it due, and nothing else."""

from __future__ import annotations

import json
import os
import shutil

import pyarrow as pa
import pytest

import vquery as vq
from vquery.errors import IngestError, LockedError, PipelineError, QueryError
from vquery.pipeline.running import MAY_RUN, RUNS, WAITS
from vquery.pipeline.state import locked

FUNCTIONS = """
import re
import vquery as vq
from vquery import row

LEAST = 0.5
ANN = re.compile("ann")

@vq.concept(label="early", otherwise="late")
def early(faces):
    return faces.filter(row.start < LIMIT)

LIMIT = 6

def high(row):
    return "early" if row.start_us < 7e6 and ANN else None
"""
FILE = """
files = ["functions.py"]

[labels]
name = "seeds.csv"

[relations]
sure = "words.filter(row.word != 'x')"

[tasks.name.propagate]
threshold = 0.5

[tasks.part]
over = "sure"
functions = ["early", "high"]

[exports.training]
labels = "part"
format = "csv"
"""


def prepare(place):
    (place.folder / "functions.py").write_text(FUNCTIONS)
    place.seeds({place.first["a.mp4", name]: name for name in ("ann", "bob")})
    place.write(FILE)
    return place


@pytest.fixture
def ready(place):
    return prepare(place)


@pytest.fixture(scope="module")
def run_once(made, tmp_path_factory):
    """Run the file once; tests take a copy of what came out by `done`."""
    place = prepare(made.copied(tmp_path_factory.mktemp("run") / "place"))
    with place.db:
        assert vq.Pipeline.load(place.file).run().ran == STEPS
    return place


@pytest.fixture
def done(run_once, tmp_path):
    place = run_once.copied(tmp_path)
    with place.db:
        yield place


def statuses(file) -> dict[str, str]:
    return {one.step: one.status for one in vq.Pipeline.load(file).explain()}


def why(file, step) -> str:
    return next(one.why for one in vq.Pipeline.load(file).explain() if one.step == step)


def due(file) -> set[str]:
    return {step for step, status in statuses(file).items() if status == RUNS}


def files_of(folder):
    return {
        one.relative_to(folder): (one.stat().st_mtime_ns, one.stat().st_size)
        for one in folder.rglob("*")
        if one.is_file() and "leases" not in one.parts
    }


STEPS = [
    "label name",
    "relation sure",
    "propagate name",
    "fuse part",
    "export training",
]


def test_all_of_it_once_and_then_nothing(ready):
    assert due(ready.file) == set(STEPS)
    report = vq.Pipeline.load(ready.file).run()
    assert report.ran == STEPS
    assert ready.db["sure"].count() == 4 * 4
    named = ready.db.faces.collect()["name"].to_pylist()
    assert named.count("ann") == named.count("bob") == 48
    assert (ready.folder / "training" / "spans.csv").is_file()
    again = vq.Pipeline.load(ready.file).run()
    assert again.ran == []
    assert again.told == report.told
    assert "nothing was due" in str(again)


def test_explaining_writes_nothing(done):
    done.file.write_text(done.file.read_text().replace("0.5", "0.6"))
    before = files_of(done.folder)
    assert due(done.file)
    assert files_of(done.folder) == before


def test_a_collection_that_is_not_there_is_not_made_by_explaining(tmp_path):
    made = vq.Pipeline("new.vq", folder=tmp_path, tasks={"name": {}})
    assert [one.status for one in made.explain()] == [WAITS]
    assert not (tmp_path / "new.vq").exists()


def test_a_setting(done):
    done.file.write_text(done.file.read_text().replace("0.5", "0.6"))
    assert due(done.file) == {"propagate name"}
    assert why(done.file, "propagate name") == "threshold: 0.5 → 0.6"
    assert statuses(done.file)["fuse part"] == MAY_RUN  # a function reads faces, with names
    assert vq.Pipeline.load(done.file).run().ran == ["propagate name"]  # no name changed


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("LIMIT = 6", "LIMIT = 3", {"fuse part"}),
        ("row.start_us < 7e6", "row.start_us < 8e6", {"fuse part"}),
        ('re.compile("ann")', 're.compile("bob")', {"fuse part"}),
        ("LEAST = 0.5", "LEAST = 0.7", set()),  # nobody reads it
        ("import re\n", "import re\n# only words\n", set()),
    ],
)
def test_code(done, old, new, what):
    path = done.folder / "functions.py"
    path.write_text(path.read_text().replace(old, new))
    assert due(done.file) == what
    ran = vq.Pipeline.load(done.file).run().ran
    assert ran[:1] == sorted(what)
    assert set(ran) <= {"fuse part", "export training"}
    assert vq.Pipeline.load(done.file).run().ran == []


def test_what_people_say(done):
    done.db.label([done.first["b.mp4", "who1"]], "name", "cleo")
    assert due(done.file) == {"relation sure", "propagate name", "fuse part"}
    assert why(done.file, "propagate name") == "labels of 'name' changed"
    vq.Pipeline.load(done.file).run()
    span = pa.table({"video": ["b.mp4"], "start": [0.0], "end": [2.0]})
    done.db.label(span, "part", "late")
    assert due(done.file) == {"relation sure", "fuse part", "export training"}


def test_a_run_that_was_undone_or_replaced(done):
    state = json.loads((done.folder / "world.vq" / "pipeline" / "state.json").read_text())
    run = state["steps"]["propagate name"]["outcome"]["run"]
    done.db.propagate("name", threshold=0.9)
    assert f"took the place of run {run}" in why(done.file, "propagate name")
    done.db.undo_run()
    assert due(done.file) == set()
    done.db.undo_run(run)
    assert f"run {run} was undone" in why(done.file, "propagate name")
    assert "propagate name" in vq.Pipeline.load(done.file).run().ran
    assert done.db.propagation("name").run_id > run


def test_a_fusion_follows_its_propagation_though_that_gave_the_same(ready):
    file = ready.write(
        FILE + '\n[tasks.who]\nconcept = "who"\npropagate = true\nfunctions = ["early"]\n'
    )
    ready.db.label([ready.first["a.mp4", "ann"]], "who", "early")
    vq.Pipeline.load(file).run()
    ready.db.propagate("who")  # on top of the fusion
    report = vq.Pipeline.load(file).run()
    assert report.ran[:2] == ["propagate who", "fuse who"]
    assert set(ready.db.fused("who").collect()["source"].to_pylist()) == {"human", "fused"}


def test_a_file_of_labels_is_the_last_word_only_where_it_changes(done):
    ann, bob = (done.first["a.mp4", name] for name in ("ann", "bob"))
    done.db.label([ann], "name", "corrected")
    other = done.first["b.mp4", "bob"]
    done.seeds({ann: "ann", bob: "robert", other: "robert"})
    assert why(done.file, "label name") == "file seeds.csv changed"
    report = vq.Pipeline.load(done.file).run()
    assert report.told["label name"] == "2 of 3 labels were new"
    said = done.db.labels("name")
    found = dict(zip(said["detection_id"].to_pylist(), said["label"].to_pylist(), strict=True))
    assert found == {ann: "corrected", bob: "robert", other: "robert"}
    done.seeds({ann: "ann"})
    report = vq.Pipeline.load(done.file).run()
    assert "2 are no longer in the file" in report.told["label name"]


def test_a_file_that_is_touched_but_the_same_changes_nothing(done):
    os.utime(done.folder / "seeds.csv", (1, 1))
    assert due(done.file) == set()


def test_what_is_gone_is_made_again(done):
    shutil.rmtree(done.folder / "training")
    done.db._store.drop("sure")
    assert {"relation sure", "export training"} <= due(done.file)
    assert vq.Pipeline.load(done.file).run().ran == ["relation sure", "export training"]


def test_an_export_of_others_is_not_overwritten(ready):
    (ready.folder / "training").mkdir()
    (ready.folder / "training" / "mine.txt").write_text("precious")
    with pytest.raises(PipelineError, match="is not what this pipeline wrote") as caught:
        vq.Pipeline.load(ready.file).run()
    assert "in the step 'export training'" in caught.value.__notes__[0]
    assert (ready.folder / "training" / "mine.txt").read_text() == "precious"
    shutil.rmtree(ready.folder / "training")
    assert vq.Pipeline.load(ready.file).run().ran == ["export training"]  # all else was kept


def test_a_step_that_fails_is_done_again_and_those_before_it_are_not(ready):
    path = ready.folder / "functions.py"
    path.write_text(FUNCTIONS.replace("row.start < LIMIT", "row.strt < LIMIT").replace(
        "def high(row):", "def high(row):\n    raise RuntimeError('no')"))  # fmt: skip
    with pytest.raises((QueryError, vq.LabelError)):
        vq.Pipeline.load(ready.file).run()
    path.write_text(FUNCTIONS)
    assert vq.Pipeline.load(ready.file).run().ran == ["fuse part", "export training"]


def test_what_is_named_is_made_first_and_makes_due_what_names_it(place):
    place.seeds({place.first["a.mp4", "ann"]: "ann"})
    text = """
[labels]
name = "seeds.csv"
[relations]
late = "anns.filter(start >= 6)"
anns = "faces.filter(name == 'ann').limit(99)"
some = "faces.filter(score > 0)"
[tasks.name]
"""
    file = place.write(text)
    report = vq.Pipeline.load(file).run()
    assert report.ran == [
        "label name", "relation some", "propagate name", "relation anns", "relation late"
    ]  # fmt: skip
    assert place.db["anns"].count() == 48
    assert place.db["late"].count() == 24
    file.write_text(file.read_text().replace("limit(99)", "limit(1)"))
    report = vq.Pipeline.load(file).run()
    assert report.ran == ["relation anns", "relation late"]
    assert "table anns changed" in str(report)
    assert place.db["late"].count() == 0
    with pytest.raises(PipelineError, match="relations a, b name one another"):
        vq.Pipeline("x.vq", relations={"a": "b.limit(1)", "b": "a.limit(1)", "c": "faces"})


def test_a_slice_makes_due_the_model_that_it_is_told_of(place):
    def inputs(query):
        made = vq.Pipeline(
            "world.vq",
            folder=place.folder,
            slices={"dark": query},
            tasks={"name": {"train": {"slices": ["dark"]}}},
        )
        world = made.world()
        try:
            return next(one for one in made.steps if one.name == "train name").inputs(world)
        finally:
            world.close()

    first, other = inputs("sure"), inputs("sure.limit(3)")
    assert {name for name in first if first[name] != other[name]} == {"slice dark"}
    place.db.save("sure", place.db.faces.limit(5))
    assert inputs("sure")["slice dark"] != first["slice dark"]


def test_a_function_that_reads_everything_sees_kept_tables(place):
    def near(row, db):
        return "x"

    place.db.save("sure", place.db.faces.limit(5))
    made = vq.Pipeline("world.vq", folder=place.folder, tasks={"part": {"functions": [near]}})
    world = made.world()
    before = made.steps[0].inputs(world)
    place.db.save("sure", place.db.faces.limit(6))
    after = made.steps[0].inputs(world)
    world.close()
    assert {name for name in before if before[name] != after[name]} == {"table sure"}


def test_two_of_a_kind_have_places_of_their_own(tmp_path):
    with pytest.raises(PipelineError, match=r"exports\.b\.folder is 'a', as is exports\.a\.folder"):
        vq.Pipeline("x.vq", exports={"a": {"labels": "n"}, "b": {"labels": "n", "folder": "./a"}})
    tasks = {"n": {"train": True}, "m": {"train": {"name": "n"}}}
    with pytest.raises(PipelineError, match=r"tasks\.m\.train\.name is 'n'"):
        vq.Pipeline("x.vq", folder=tmp_path, tasks=tasks)


def test_files_that_contradict_each_other(ready):
    one = ready.first["a.mp4", "ann"]
    ready.seeds({one: "bob"}, "other.csv")
    made = vq.Pipeline("world.vq", folder=ready.folder, labels={"name": ["seeds.csv", "other.csv"]})
    with pytest.raises(PipelineError, match=f"other.csv: labels detection {one} 'bob', but an ear"):
        made.run()
    assert len(ready.db.labels()) == 0


def test_a_file_that_vanished_is_told(done):
    (done.folder / "seeds.csv").unlink()
    assert why(done.file, "label name") == "file seeds.csv is not there"
    with pytest.raises(IngestError, match=r"seeds\.csv: no such file") as caught:
        vq.Pipeline.load(done.file).run()
    assert "in the step 'label name'" in caught.value.__notes__[0]
    (done.folder / "functions.py").unlink()
    with pytest.raises(QueryError, match=r"functions\.py: cannot be run"):
        vq.Pipeline.load(done.file).explain()


def test_any_error_of_a_step_names_it(ready, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vquery.pipeline.steps.labels.Propagate.run", full)
    with pytest.raises(PipelineError, match="No space left on device") as caught:
        vq.Pipeline.load(ready.file).run()
    assert "in the step 'propagate name'" in caught.value.__notes__[0]


def test_without_labels_it_waits_and_goes_on_with_the_first(place):
    place.seeds(place.truth(("d.mp4",)), "test.csv")
    file = place.write('[tasks.name]\n[tests]\nname = "test.csv"\n')
    report = vq.Pipeline.load(file).run()
    assert [one.status for one in report.due] == [WAITS, WAITS]
    assert "nobody has labelled 'name' yet" in str(report)
    place.db.label([place.first["a.mp4", "ann"]], "name", "ann")
    assert vq.Pipeline.load(file).run().ran == ["propagate name", "test name"]


def test_a_relation_after_a_task_sees_its_names(place):
    place.seeds({place.first["a.mp4", "ann"]: "ann"})
    text = """
[labels]
name = "seeds.csv"
[relations]
anns = { query = "faces.filter(name == 'ann')", after = ["name"] }
[tasks.name]
"""
    file = place.write(text)
    report = vq.Pipeline.load(file).run()
    assert report.ran == ["label name", "propagate name", "relation anns"]
    assert place.db["anns"].count() == 48


def test_one_at_a_time(ready):
    with (
        locked(ready.folder / "world.vq"),
        pytest.raises(LockedError, match="another `vquery run`"),
    ):
        vq.Pipeline.load(ready.file).run()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"format": 1}', '{"format": 1, "steps": {"a": 1}, "tuned": {}, "files": {}}'],
)
def test_a_damaged_state_only_costs_time(done, text):
    (done.folder / "world.vq" / "pipeline" / "state.json").write_text(text)
    assert vq.Pipeline.load(done.file).run().ran == STEPS


def test_an_export_that_got_files_of_others_is_kept(done):
    (done.folder / "training" / "notes.txt").write_text("precious")
    done.file.write_text(done.file.read_text().replace('"csv"', '"vtt"'))
    with pytest.raises(PipelineError, match="or was changed since; move it away"):
        vq.Pipeline.load(done.file).run()
    assert (done.folder / "training" / "notes.txt").read_text() == "precious"
    (done.folder / "training" / "notes.txt").unlink()
    assert vq.Pipeline.load(done.file).run().ran == ["export training"]


def test_a_check_tells_what_is_missed_until_it_is_not(ready):
    file = ready.write(FILE + "\n[check]\nfiles = []\nmax_violations = { all = 0 }\n".replace(
        "files = []\n", ""))  # fmt: skip
    report = vq.Pipeline.load(file).run()
    again = vq.Pipeline.load(file).run()
    assert again.ran == []
    assert again.missed == report.missed


def test_labels_that_were_put_aside_judge(ready):
    ready.seeds(ready.truth(("c.mp4", "d.mp4")), "test.csv")
    file = ready.write(FILE + '\n[tests]\nname = "test.csv"\n')
    report = vq.Pipeline.load(file).run()
    told = report.outcomes["test name"]
    assert told["items"] == 60
    assert told["by_people"] == 0
    assert told["accuracy"] == 1.0
    assert told["coverage"] == pytest.approx(48 / 60)


def test_functions_in_python(place):
    def early(row):
        return "early" if row.start_us < 3e6 else "late"

    made = vq.Pipeline(
        "world.vq", folder=place.folder, tasks={"part": {"functions": {"early": early}}}
    )
    assert made.run().ran == ["fuse part"]
    assert made.run().ran == []
    found = place.db.fused("part").collect()
    assert set(found["label"].to_pylist()) <= {"early", "late", None}
