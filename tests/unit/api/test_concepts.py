"""Queries by text and by name, and files that define concepts."""

from __future__ import annotations

import textwrap

import pytest

import vquery as vq
from vquery import face
from vquery.engine.concept import REGISTRY
from vquery.errors import QueryError, StoreError, UnknownColumnError

ANN, BOB = 1_000_000_001, 1_000_000_002

FILE = """
import vquery as vq
from vquery import face, row, span, time_overlaps
from beside import LEAST

@vq.concept
def ann_and_bob(faces):
    ann = faces.filter(face.name == "Ann")
    bob = faces.filter(face.name == "Bob")
    return ann.join(bob, predicate=time_overlaps, merge_op=span)

@vq.concept(label="long", cover=0.9)
def long_shots(shots):
    return shots.filter(row.duration > LEAST)

def plain(db, captions):
    return captions.filter(captions_of(db))

def captions_of(db):
    return row.duration > 0.7

@vq.concept
def broken(faces):
    return faces.columns.no_such_method()

@vq.concept
def nothing():
    return 7

@vq.concept
def greedy(facs):
    return facs
"""


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


@pytest.fixture
def file(tmp_path):
    """A file of concepts with a module beside it; its concepts are forgotten afterwards."""
    before = {concept.name for concept in REGISTRY}
    (tmp_path / "beside.py").write_text("LEAST = 0.5\n")
    path = tmp_path / "my concepts.py"
    path.write_text(FILE)
    yield path
    for name in {concept.name for concept in REGISTRY} - before:
        REGISTRY.remove(name)


def test_an_expression_may_name_columns_bare_or_of_the_row(db):
    assert db.query("faces.filter(score > 0.5 and height > 0.3)").count() == 60
    assert db.query("faces.filter(face.score > 0.5)").count() == 60
    assert db.query("db.faces.filter(video == 'a.mp4')").count() == 36
    assert db.query("faces").count() == 60
    assert db.query(" captions.filter(text.contains('GOOD')) ").count() == 1


def test_all_tables_of_a_query_are_of_one_moment(db):
    db.label([ANN], "name", "Ann")
    found = db.query("faces.filter(name == 'Ann').join(shots, predicate=time_overlaps)")
    assert found.count() == 1


def test_concepts_of_a_file_run_by_name(db, file):
    db.label([ANN, BOB], "name", ["Ann", "Bob"])
    assert db.query("ann_and_bob", concepts=[file]).count() == 1
    assert db.query("long_shots", concepts=[str(file)]).count() == 4
    assert db.concept("long_shots").count() == 4
    assert db.query("plain", concepts=[file]).count() == 1


def test_an_expression_may_use_concepts(db, file):
    assert db.query("long_shots.coalesce(gap=1)", concepts=[file]).count() == 2
    # neither a text nor a saved table of that name runs the concept
    assert db.query("faces.filter(name == 'broken')", concepts=[file]).count() == 0
    db.save("broken", db.shots)
    assert db.query("broken.limit(1)", concepts=[file]).count() == 1


def test_a_function_is_run_with_its_parameters_filled(db):
    assert db.concept(lambda faces, shots: faces.semi_join(shots, vq.time_overlaps)).count() == 60
    assert db.concept(lambda db: db.faces.with_labels("who")).columns[-1] == "who_source"
    assert db.concept(lambda faces, least=2: faces.filter(face.score > least)).count() == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("broken", r"concept 'broken' failed: .*my concepts.py, line 24: AttributeError"),
        ("nothing", "must return a relation, got int"),
        ("greedy", "asks for 'facs'.*Did you mean 'faces'"),
        ("ann_and_bop", "no concept 'ann_and_bop'.*Did you mean 'ann_and_bob'"),
        ("face", "no concept 'face'.*Tables: captions.*Did you mean 'faces'"),
    ],
)
def test_a_concept_that_fails_says_where(db, file, name, told):
    with pytest.raises(QueryError, match=told):
        db.query(name, concepts=[file])


def test_a_query_that_is_misused_in_a_concept_says_where(db, tmp_path):
    file = tmp_path / "misused.py"
    file.write_text("def misused(faces):\n    wrong = faces.groupby('name')\n    return wrong\n")
    with pytest.raises(vq.UnknownMethodError, match="no 'groupby'") as caught:
        db.query("misused", concepts=[file])
    assert caught.value.__notes__ == [f"in {file}, line 2: wrong = faces.groupby('name')"]


def test_a_concept_that_ends_the_process_fails_instead(db, tmp_path):
    file = tmp_path / "ending.py"
    file.write_text("def ending(faces):\n    raise SystemExit(3)\n")
    with pytest.raises(QueryError, match=r"concept 'ending' failed: .*line 2: SystemExit: 3"):
        db.query("ending", concepts=[file])


def test_a_concept_that_is_not_there(db):
    with pytest.raises(QueryError, match=r"no concept 'panel'\. Concepts: "):
        db.concept("panel")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_there\n", "line 1: ModuleNotFoundError"),
        ("def f(:\n", "line 1: invalid syntax"),
        ("1 / 0\n", "line 1: ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("import vquery as vq\nvq.concept(cover=2)\n", "cover="),
    ],
)
def test_a_file_that_cannot_be_run_says_why(db, tmp_path, text, told):
    path = tmp_path / "bad.py"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(QueryError, match=told):
        db.query("faces", concepts=[path])


def test_a_file_that_is_no_python_is_refused(db, tmp_path):
    path = tmp_path / "concepts.txt"
    path.write_text("faces")
    with pytest.raises(QueryError, match=r"NAME\.py"):
        db.query("faces", concepts=[path])


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("faces.filter(scor > 0.5)", QueryError, "Did you mean 'score'"),
        ("shots.filter(score > 0.5)", UnknownColumnError, "no column 'score'"),
        ("faces.filter(score >", QueryError, "line 1"),
        ("__import__('os').system('true')", QueryError, "__import__"),
        ("faces.collect()", QueryError, "collect"),
        ("faces.node", QueryError, "node"),
        ("3", QueryError, "must give a relation"),
        ("", QueryError, ""),
        ("embedding.face", QueryError, "embedding"),
    ],
)
def test_what_is_no_query_is_refused(db, text, error, told):
    with pytest.raises(error) as raised:
        db.query(text)
    assert told in str(raised.value)
    assert not isinstance(raised.value, StoreError)
