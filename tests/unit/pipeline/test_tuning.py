"""Values that are left open: searched on labels that were hidden, in copies that leave no trace."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.errors import LockedError, PipelineError
from vquery.pipeline.state import State, locked
from vquery.pipeline.trials import Trials, copy, hide, labels_in, sweep
from vquery.pipeline.tuning import _Coded, space_print
from vquery.store.store import Store

OPEN = """
[labels]
name = "seeds.csv"
[tasks.name.propagate]
threshold = { choices = [1.0, 0.5], default = 1.0 }
k = { range = [4, 9] }
[search]
budget = 2
"""


@pytest.fixture
def ready(place):
    place.seeds(place.truth())
    place.write(OPEN)
    return place


def test_it_finds_what_is_better_and_run_takes_it(ready):
    made = vq.Pipeline.load(ready.file)
    assert made.tuned == {}
    made.run()
    before = ready.db._store.contents()
    found = made.tune()
    assert found.best.values["tasks.name.propagate.threshold"] == 0.5
    assert found.best.score > found.default.score
    assert found.best.holdout("accuracy") > found.default.holdout("accuracy")
    assert set(found.tuned_on).isdisjoint(found.held_out)
    assert found.best.judged.by_people == 0  # none of those it is judged by was shown
    assert "halving" in str(found)
    after = ready.db._store.contents()
    assert {name: rows.num_rows for name, rows in before.items()} == {
        name: rows.num_rows for name, rows in after.items()
    }
    assert sorted(one.name for one in (ready.folder / "world.vq" / "pipeline").iterdir()) == [
        "lock", "state.json"
    ]  # fmt: skip
    again = vq.Pipeline.load(ready.file)
    assert again.tuned == found.best.values
    report = again.run()
    assert report.ran == ["propagate name"]
    assert "threshold: 1.0 → 0.5" in report.due[1].why


def test_other_ranges_are_another_search(ready):
    made = vq.Pipeline.load(ready.file)
    state = State(made.path)
    state.tuned = {"space": space_print(made), "values": {"tasks.name.propagate.k": 5}}
    state.write()
    assert made.tuned == {"tasks.name.propagate.k": 5}
    assert made._steps()[1].settings == {"threshold": 1.0, "k": 5}
    ready.file.write_text(ready.file.read_text().replace("[4, 9]", "[4, 8]"))
    assert vq.Pipeline.load(ready.file).tuned == {}


def test_a_copy_lacks_just_the_labels_that_are_hidden(ready, tmp_path):
    vq.Pipeline.load(ready.file).run()
    span = {"video": ["a.mp4", "b.mp4"], "start": [0.0, 0.0], "end": [1.0, 1.0]}
    ready.db.label(pa.table(span), "name", "said")
    source = ready.folder / "world.vq"
    copy(source, tmp_path / "copy.vq")
    store = Store.open(tmp_path / "copy.vq")
    hide(store, "name", ["a.mp4"])
    left = labels_in(store, "name", None)
    assert {ready.video[one] for one in left.detections} == {"a.mp4"}
    assert left.spans["video"].to_pylist() == ["a.mp4"]
    whole = labels_in(Store.open(source), "name", None)
    assert len(whole.detections) == len(ready.who)
    with vq.open(tmp_path / "copy.vq") as other:
        assert other.faces.count() == ready.db.faces.count()


def test_nothing_that_was_made_of_hidden_labels_is_left_to_be_judged(ready):
    made = vq.Pipeline.load(ready.file)
    made.run()
    wrong = ready.first["a.mp4", "who0"]
    ready.db._store.reject([wrong], "name", ["ann"], who="me")
    trials = Trials(made, "name", "accuracy", lambda _: None)
    try:
        found = trials.hidden({}, [], ["a.mp4"])  # nobody is shown, so nothing can be known
        assert not found.given.any()
        (copied,) = trials._copies.values()
        left = Store.open(copied)
        assert left.rejected("name").num_rows == left.labels("name").num_rows == 0
    finally:
        trials.close()
    assert ready.db._store.rejected("name").num_rows == 1


def test_corrections_that_were_made_of_hidden_labels_are_not_seen(place):
    place.db.label([place.first[video, "ann"] for video in ("a.mp4", "b.mp4")], "name", "ann")

    def labelling(guess):
        task = {"functions": {"guess": guess}, "classes": ["ann", "bob"], "propagate": False}
        return vq.Pipeline("world.vq", folder=place.folder, tasks={"name": task})

    labelling(lambda row: "bob" if row.start_us < 6e6 else "ann").run()
    place.db.correct(place.db.check([vq.consistent("name", within="track")]))
    fixed = place.db.corrections()["item"].to_pylist()
    assert {place.video[one] for one in fixed} == {"a.mp4", "b.mp4"}
    made = labelling(lambda row: "bob" if row.start_us < 0 else None)
    made.run()
    assert labelled(place.db) > set(fixed)
    trials = Trials(made, "name", "accuracy", lambda _: None)
    try:
        trials.hidden({}, ["b.mp4"], ["a.mp4"])
        (copied,) = trials._copies.values()
        with vq.open(copied) as other:
            assert not other.corrections().num_rows
            assert {place.video[one] for one in labelled(other)} == {"b.mp4"}
    finally:
        trials.close()
    assert place.db.corrections().num_rows == len(fixed)


def labelled(db) -> set[int]:
    rows = db.fused("name").filter(row.label.not_null()).collect()
    return set(rows["detection_id"].to_pylist())


def test_spans_are_judged_by_the_time_that_is_right(place):
    def early(row):
        return "early" if row.start_us < 4e6 else "late"

    spans = pa.table(
        {"video": ["a.mp4", "b.mp4", "c.mp4", "d.mp4"], "start": [0.0] * 4, "end": [10.0] * 4}
    )
    place.db.label(spans, "part", "early")
    made = vq.Pipeline(
        "world.vq",
        folder=place.folder,
        tasks={"part": {"over": "words", "functions": {"early": early}}},
    )
    made.run()
    trials = Trials(made, "part", "accuracy", lambda _: None)
    try:
        found = trials.hidden({}, ["b.mp4"], ["a.mp4", "c.mp4"])
    finally:
        trials.close()
    words = place.db.words.filter(row.video == "a.mp4").collect()
    seconds = [
        (end - start) / 1e6
        for start, end in zip(
            *(words[one].to_pylist() for one in ("start_us", "end_us")), strict=True
        )
    ]
    assert found.items == 2  # labels, however time was cut
    assert found.by_people == 0
    assert found.value("accuracy") == pytest.approx(sum(seconds[:2]) / 10)
    assert found.to_dict()["coverage"] == pytest.approx(sum(seconds) / 10)


def test_copies_of_a_search_that_was_killed_are_removed(ready):
    vq.Pipeline.load(ready.file).run()
    old = ready.folder / "world.vq" / "pipeline" / "trial-xyz" / "0.vq"
    old.mkdir(parents=True)
    sweep(ready.folder / "world.vq")
    assert not old.parent.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tasks.name]\n", "nothing is left open to search"),
        (OPEN + "[tasks.other]\n", "search.task must say by which task values are judged"),
        (
            '[tasks.name]\nfunctions = ["words"]\nfuse.corrections.choices = [true, false]\n',
            r"tasks\.name\.fuse\.corrections cannot be searched",
        ),
        (
            '[tasks.name]\nfunctions = ["words"]\nfuse.choices = [{corrections = false}, {}]\n',
            r"tasks\.name\.fuse cannot be searched: corrections were found with all labels",
        ),
    ],
)
def test_what_cannot_be_searched(ready, text, told):
    with pytest.raises(PipelineError, match=told):
        vq.Pipeline.load(ready.write(text)).tune()


def test_one_video_alone_is_judged_with_another(ready):
    seen = []

    class Recorded:
        def score(self, values, videos):
            seen.append((values, videos))

    coded = _Coded(Recorded(), vq.Pipeline.load(ready.file).open, ["a.mp4", "b.mp4"])
    threshold = "tasks.name.propagate.threshold"
    coded.score({threshold: 1}, ["a.mp4"])
    coded.score({threshold: 0}, ["a.mp4", "b.mp4", "c.mp4"])
    assert seen == [
        ({threshold: 0.5}, ["a.mp4", "b.mp4"]),
        ({threshold: 1.0}, ["a.mp4", "b.mp4", "c.mp4"]),
    ]


def test_two_searches_do_not_sweep_each_other(ready):
    with (
        locked(ready.folder / "world.vq"),
        pytest.raises(LockedError, match="another `vquery run`"),
    ):
        vq.Pipeline.load(ready.file).tune()


def test_too_few_videos(place):
    place.seeds({place.first["a.mp4", "ann"]: "ann"})
    made = vq.Pipeline.load(place.write(OPEN))
    made.run()
    with pytest.raises(PipelineError, match="in 1 videos: label at least 3"):
        made.tune()
