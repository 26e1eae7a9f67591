"""`examples/vquery.toml` shows all that a pipeline file may hold, and goes with a collection."""

from __future__ import annotations

import inspect
import re
import shutil
import tomllib
from pathlib import Path

import pytest

import vquery as vq
from vquery.pipeline import keys
from vquery.pipeline.kinds import Either, Named, Several, Table, Text, read
from vquery.pipeline.running import RUNS

EXAMPLES = Path(__file__).parents[3] / "examples"
TOLD = re.compile(r"(?:# )?\w+ = .+? +# [\"\w].*")


def settings():
    """List what is set under each heading, comments too, as a document each with its line."""
    heading = ""
    for line in (EXAMPLES / "vquery.toml").read_text().splitlines():
        if line.startswith("["):
            heading = line
        elif re.match(r"(# )?[\w.]+ += ", line):
            yield line, tomllib.loads(f"{heading}\n{line.removeprefix('# ')}")


def tables(kind, value):
    """List the tables in a value, each with what it may be; check values that are none."""
    if isinstance(kind, Either):
        inner = [one for one in kind.kinds if isinstance(one, Table | Named)]
        kind = inner[0] if inner and isinstance(value, dict) else kind
    if isinstance(kind, Table) and isinstance(value, dict):
        yield kind, value
        for name, one in value.items():
            yield from tables(kind.keys[name], one)
    elif isinstance(kind, Named):
        for one in value.values():
            yield from tables(kind.each, one)
    elif isinstance(kind, Several) and isinstance(kind.each, Table):
        for one in value:
            yield from tables(kind.each, one)


def every(kind):
    """List all kinds of tables that there are."""
    if isinstance(kind, Table):
        yield kind
        inner = kind.keys.values()
    else:
        each = getattr(kind, "each", None)
        inner = getattr(kind, "kinds", ()) if each is None else (each,)
    for one in inner:
        yield from every(one)


def test_it_names_every_key_and_every_word_that_there_is():
    shown = {}
    for line, document in settings():
        for kind, value in tables(keys.PIPELINE, document):
            shown.setdefault(id(kind), set()).update(value)
            plain = Table(kind.keys, (), kind.search)
            given = {name: one for name, one in value.items() if not isinstance(one, dict | list)}
            assert read(plain, given, line) is not None
    text = (EXAMPLES / "vquery.toml").read_text()
    for kind in every(keys.PIPELINE):
        assert shown[id(kind)] == set(kind.keys)
        for one in kind.keys.values():
            words = one.choices if isinstance(one, Text) else ()
            assert [word for word in words if not re.search(rf"\b{word}\b", text)] == []


def test_every_key_is_told_in_a_sentence():
    assert [line for line, _ in settings() if not TOLD.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("kind", "call", "besides"),
    [
        (keys.SOURCE, vq.Collection.index, {"progress"}),
        (keys.EMBEDDING, vq.Collection.embed, {"name", "augment", "fresh", "progress"}),
        (keys.PROPAGATE, vq.Collection.propagate, {"concept", "over", "keep", "progress"}),
        (keys.MODEL, vq.LabelModel, {"classes", "abstain"}),
        (keys.FUSE, vq.Collection.fuse, {"concept", "votes", "model", "keep"}),
        (keys.PREDICT, vq.Collection.predict, {"name", "over", "concept", "keep"}),
        (keys.EXPORT, vq.Collection.export, {"progress"}),
    ],
)
def test_a_table_has_the_options_of_what_it_calls(kind, call, besides):
    options = set(inspect.signature(call).parameters) - {"self"}
    assert besides <= options
    assert set(kind.keys) == options - besides


def test_it_goes_with_a_collection(path, sample):
    folder = path.parent
    for name in ("vquery.toml", "label_functions.py"):
        shutil.copy(EXAMPLES / name, folder)
    path.rename(folder / "newsroom.vq")
    (folder / "newsroom").mkdir()
    (folder / "newsroom" / "videos").symlink_to(sample)
    made = vq.Pipeline.load(folder)
    assert made.open.keys() == {"tasks.name.propagate.threshold"}
    explained = {one.step: one.status for one in made.explain()}
    assert set(explained.values()) == {RUNS}
    assert {step.split()[0] for step in explained} == {
        *("index", "label", "embed", "relation", "propagate", "train", "predict", "fuse"),
        *("check", "export"),
    }
