"""What a pipeline file may hold: each mistake is told with its key and what was expected."""

from __future__ import annotations

import pytest

import vquery as vq
from vquery.errors import PipelineError
from vquery.pipeline.keys import SECTIONS
from vquery.pipeline.kinds import Open


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"task": {}}, "task is no key there; did you mean 'tasks'?"),
        (
            {"tasks": {"name": {"propagate": {"treshold": 0.5}}}},
            "tasks.name.propagate.treshold is no key there; did you mean 'threshold'?",
        ),
        (
            {"tasks": {"name": {"propagate": {"threshold": 1.5}}}},
            "tasks.name.propagate.threshold must be a number from 0 to 1, got 1.5",
        ),
        (
            {"tasks": {"name": {"propagate": {"k": 2.5}}}},
            "tasks.name.propagate.k must be a whole number of at least 1, got 2.5",
        ),
        ({"tasks": {"name": {"propagate": {"k": True}}}}, "k must be a whole number"),
        ({"tasks": {"a b": {}}}, "tasks.a b must be a name of letters"),
        ({"tasks": {"name": {"over": "shots"}}}, "tasks.name.over goes with functions"),
        ({"tasks": {"name": {"propagate": False}}}, "neither propagates, fuses nor trains"),
        (
            {"tasks": {"name": {}, "other": {"concept": "name"}}},
            "tasks.other.concept is 'name', as of tasks.name",
        ),
        (
            {"tasks": {"name": {"train": {"slices": ["dark"]}}}},
            "tasks.name.train.slices names 'dark', which is not in slices: none",
        ),
        (
            {"tasks": {"name": {"train": {"kind": "forest"}}}},
            "kind must be one of linear, mlp, network, got 'forest'",
        ),
        ({"sources": [{"every": 1}]}, "sources.0 lacks the key 'folder'"),
        ({"sources": "videos"}, "sources.0 must be a table of keys, got 'videos'"),
        ({"sources": [{"folder": "v", "size": [640]}]}, "sources.0.size must be a list of 2"),
        ({"relations": {"loud": {"query": "faces", "after": ["name"]}}}, "after names a task"),
        ({"exports": {"coco": {}}}, "exports.coco lacks the key 'labels'"),
        ({"search": {"task": "name"}}, "search.task names 'name', which is not in tasks: none"),
        (
            {"tasks": {"name": {"propagate": {"k": {"range": [9, 3]}}}}},
            "tasks.name.propagate.k needs a range [low, high] with low below high, got [9, 3]",
        ),
        (
            {"tasks": {"name": {"propagate": {"k": {"range": [1, 3], "defalt": 2}}}}},
            "k is left open by {range = [low, high]} or {choices = [...]}",
        ),
        (
            {"tasks": {"name": {"propagate": {"exclusive": {"range": [0, 1]}}}}},
            "exclusive is no number: leave it open by {choices = [...]}",
        ),
        (
            {"tasks": {"name": {"propagate": {"k": {"choices": [4, 5], "default": 6}}}}},
            "k has the default 6, which is none of its choices",
        ),
        ({"exports": {"x": {"labels": "a", "threshold": {"range": [0, 1]}}}}, "must be a number"),
        (
            {"tasks": {"name": {"propagate": {"choices": [True, {"k": {"range": [3, 5]}}]}}}},
            "tasks.name.propagate has a choice that is left open itself",
        ),
        ({"tasks": {"name": {"propagate": {"k": 10**400}}}}, "k must be a whole number"),
        ({"files": "a\0b.py"}, "files.0 must be a path"),
        ({"labels": {"name": ["x" * 999, 3]}}, "xxx..."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(tmp_path, sections, told):
    with pytest.raises(PipelineError) as caught:
        vq.Pipeline("x.vq", folder=tmp_path, **sections)
    assert str(caught.value).startswith("Pipeline(): ")
    assert told in str(caught.value)
    assert not (tmp_path / "x.vq").exists()


def test_the_file_is_named(tmp_path):
    file = tmp_path / "vquery.toml"
    with pytest.raises(PipelineError, match="there is no such file"):
        vq.Pipeline.load(file)
    file.write_text("collection = ")
    with pytest.raises(PipelineError, match=r"vquery\.toml: this is no TOML: Invalid value"):
        vq.Pipeline.load(file)
    file.write_bytes(b'collection = "\xff"')
    with pytest.raises(PipelineError, match="this is no TOML"):
        vq.Pipeline.load(file)
    for hostile in ("a = " + "[" * 9999, "a = " + "9" * 5000, "a = 1 # " + "x" * (1 << 20)):
        file.write_text(hostile)
        with pytest.raises(PipelineError, match="this is no"):
            vq.Pipeline.load(file)
    with pytest.raises(PipelineError, match="cannot be read: Not a directory"):
        vq.Pipeline.load(file / "inside" / "x.toml")
    file.write_text("[tasks.name]\n")
    with pytest.raises(PipelineError, match=r"vquery\.toml: lacks the key 'collection'"):
        vq.Pipeline.load(file)
    file.write_text('collection = "x.vq"\nsearch = 3\n')
    with pytest.raises(PipelineError, match=r"vquery\.toml: search must be a table of keys, got 3"):
        vq.Pipeline.load(file)
    file.write_text('collection = "x.vq"\n')
    assert vq.Pipeline.load(tmp_path).steps == []


def test_open_values_and_their_defaults(tmp_path):
    made = vq.Pipeline(
        "x.vq",
        folder=tmp_path,
        tasks={
            "name": {
                "propagate": {
                    "threshold": {"range": [0, 1]},
                    "k": {"range": [4, 9]},
                    "exclusive": {"choices": [True, False]},
                }
            }
        },
    )
    assert made.open == {
        "tasks.name.propagate.threshold": Open(0.5, 0, 1, whole=False),
        "tasks.name.propagate.k": Open(6, 4, 9, whole=True),
        "tasks.name.propagate.exclusive": Open(default=True, choices=(True, False)),
    }
    (step,) = made.steps
    assert step.settings == {"threshold": 0.5, "k": 6, "exclusive": True}
    chosen = made.chosen({"tasks.name.propagate.k": 9})
    assert chosen["tasks"]["name"]["propagate"]["k"] == 9


def test_every_section_is_a_keyword_of_the_class():
    documented = vq.Pipeline.__doc__
    assert documented is not None
    assert all(name in documented for name in SECTIONS)
