"""Values that are left open: searched on labels that were hidden, in copies that leave no trace."""

from __future__ import annotations

import pytest

import vquery as vq
from vquery.errors import PipelineError
from vquery.pipeline.trials import copy, hide, labels_in, sweep
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
    place.file = place.write(OPEN)
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
    made.run()
    made.tune()
    ready.file.write_text(ready.file.read_text().replace("[4, 9]", "[4, 8]"))
    assert vq.Pipeline.load(ready.file).tuned == {}


def test_a_copy_lacks_just_the_labels_that_are_hidden(ready, tmp_path):
    vq.Pipeline.load(ready.file).run()
    span = {"video": ["a.mp4", "b.mp4"], "start": [0.0, 0.0], "end": [1.0, 1.0]}
    import pyarrow as pa

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
    ],
)
def test_what_cannot_be_searched(ready, text, told):
    with pytest.raises(PipelineError, match=told):
        vq.Pipeline.load(ready.write(text)).tune()


def test_too_few_videos(place):
    place.seeds({place.first["a.mp4", "ann"]: "ann"})
    made = vq.Pipeline.load(place.write(OPEN))
    made.run()
    with pytest.raises(PipelineError, match="in 1 videos: label at least 3"):
        made.tune()
