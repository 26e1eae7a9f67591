"""Trust on the tables of a collection: rows are read by video, pictures and lengths stay known."""

from __future__ import annotations

import pytest

import vquery as vq
from vquery import row


@pytest.fixture
def db(path):
    with vq.open(path) as opened:
        yield opened


def test_lineage_reads_the_rows_with_all_columns(db):
    runs = db.faces.filter(row.score > 0.5).coalesce(gap=1, n=vq.count())
    table = runs.collect()
    assert table.num_rows
    for number in range(table.num_rows):
        found = runs.lineage(number)
        members = found.tables[db.faces.node.name]
        assert members.num_rows == table["n"][number].as_py()
        assert members.column_names == db.faces.columns
        assert set(members["video"].to_pylist()) == {table["video"][number].as_py()}


def test_why_not_of_a_collection(db):
    first = db.faces.collect().slice(0, 1).to_pylist()[0]
    nobody = db.faces.filter(row.score > 0.95)
    found = nobody.why_not(first)
    assert found.step == "filter"
    assert "needed > 0.95" in found.reason
    quiet = db.captions.complement()
    said = db.captions.collect().slice(0, 1)
    assert quiet.why_not(said).reason.startswith("covered by")


def test_evaluate_and_tune_a_collection(db):
    labels = db.faces.coalesce(gap=0.5)
    runs = db.faces.coalesce(gap=vq.param("gap", 0.0, range=(0.0, 1.0)))
    assert runs.evaluate(labels, params={"gap": 0.5}).items[0.7].f1 == 1
    found = runs.tune(labels, metric="f1@0.7", budget=6, holdout=0.5, method="coordinate")
    assert found.best.score == 1
    assert found.query.evaluate(labels, videos=found.tuned_on).items[0.7].f1 == 1
