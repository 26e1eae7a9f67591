"""Concepts: registered under their names, filled by parameter names."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from vquery.engine import concept as module
from vquery.engine.concept import ABSTAIN, Concept, Registry, concept
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr.placeholders import row

FACES = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 5], "end": [1, 6]}), name="faces")


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    fresh = Registry()
    monkeypatch.setattr(module, "REGISTRY", fresh)
    return fresh


def test_bare_and_called(registry):
    @concept
    def early(faces):
        return faces.filter(row.start < 1)

    @concept(label="late", otherwise="early", cover=0.8, name="after_five")
    def anything(faces, captions=None):
        del captions
        return faces.filter(row.start >= 5)

    assert isinstance(early, Concept)
    assert (early.label, early.otherwise, early.cover) == ("early", ABSTAIN, 0.5)
    late = registry["after_five"]
    assert (late.label, late.otherwise, late.cover) == ("late", "early", 0.8)
    assert late.parameters == ("faces", "captions")
    assert early(FACES).count() == early.run({"faces": FACES, "words": FACES}).count() == 1
    assert late.run({"faces": FACES}).count() == 1
    assert [each.name for each in registry] == ["early", "after_five"]
    assert "early" in registry
    assert len(registry) == 2


def test_names_are_filled_or_refused(registry):
    @concept
    def wrong(face):
        return face

    with pytest.raises(QueryError, match=r"asks for 'face'.*Tables: faces.*Did you mean 'faces'"):
        wrong.run({"faces": FACES})
    with pytest.raises(QueryError, match=r"there is no concept 'wron'. Concepts: wrong"):
        registry["wron"]


def test_a_concept_returns_a_relation():
    @concept
    def nothing(faces):
        del faces

    with pytest.raises(QueryError, match="must return a relation, got NoneType"):
        nothing(FACES)


def test_a_name_is_taken_once(registry):
    @concept
    def same_name(faces):
        return faces

    def other(faces):
        return faces.limit(1)

    other.__name__ = "same_name"
    with pytest.raises(QueryError, match="defined twice"):
        concept(other)
    assert registry["same_name"] is same_name


def test_the_same_source_may_run_again(registry):
    source = "@concept\ndef again(faces):\n    return faces.limit({})\n"
    for limit in (1, 2):
        code = compile(source.format(limit), "queries.py", "exec")
        exec(code, {"concept": concept})
    assert registry["again"](FACES).count() == 2
    registry.remove("again")
    for number in (1, 2):
        cell = compile("\n" * number + source.format(number), f"<ipython-input-{number}>", "exec")
        exec(cell, {"concept": concept})
    assert registry["again"](FACES).count() == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: concept(cover=0), r"cover=\) must be in"),
        (lambda: concept(cover=1.5), r"cover=\) must be in"),
        (lambda: concept("host"), "give label= by name"),
        (lambda: concept(lambda *tables: tables), "cannot be filled by name"),
    ],
)
def test_misuse(make, message):
    with pytest.raises(QueryError, match=message):
        make()


def test_abstain_is_one_value():
    assert pickle.loads(pickle.dumps(ABSTAIN)) is ABSTAIN
    assert repr(ABSTAIN) == "ABSTAIN"
