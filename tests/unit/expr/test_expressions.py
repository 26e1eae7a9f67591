"""Expressions: what operators build, what misuse raises and where."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from vquery.errors import QueryError, UnknownColumnError
from vquery.expr import aggregates as agg
from vquery.expr.expression import literal
from vquery.expr.placeholders import face, lit, param, row, when
from vquery.expr.types import Kind, one_row

FACES = pa.schema(
    [
        ("video", pa.string()),
        ("start_us", pa.int64()),
        ("end_us", pa.int64()),
        *[(edge, pa.float32()) for edge in ("x1", "y1", "x2", "y2")],
        ("score", pa.float32()),
        ("name", pa.string()),
        ("track", pa.int64()),
        ("class", pa.dictionary(pa.int32(), pa.string())),
        ("live", pa.bool_()),
    ]
)
SCOPE = one_row(FACES, "faces")


def kind(expression):
    return expression.type(SCOPE).kind


@pytest.mark.parametrize(
    ("expression", "dtype"),
    [
        (row.score, pa.float32()),
        (row.start, pa.float64()),
        (row.duration * 2, pa.float64()),
        (row.height, pa.float32()),
        (row.area + 0.5, pa.float32()),
        (row.center_x / 2, pa.float32()),
        (row.track / 2, pa.float64()),
        (row.track // 2, pa.int64()),
        (row.track + row.score, pa.float64()),
        (row.name + "!", pa.string()),
        (row["class"].lower(), pa.string()),
        (row.name.length(), pa.int64()),
        (row.score.fill_null(0), pa.float32()),
        (when(row.live, row.score).otherwise(0), pa.float32()),
        (when(row.live, "yes"), pa.string()),
        (row.name == "Bernie", pa.bool_()),
        (~row.live & row.name.is_null(), pa.bool_()),
        (row.name.isin(["a", None]), pa.bool_()),
        (param("p", 0.5) + 1, pa.float64()),
    ],
)
def test_types(expression, dtype):
    assert expression.type(SCOPE).dtype == dtype


@pytest.mark.parametrize(
    "make",
    [
        lambda: row.name == 3,
        lambda: row.score > "high",
        lambda: row.name.isin([1, 2]),
        lambda: row.name + 1,
        lambda: row.score // 2,
        lambda: row.live & row.name,
        lambda: ~row.score,
        lambda: row.score.lower(),
        lambda: row.name.contains(row.track),
        lambda: row.score.fill_null("none"),
        lambda: when(row.score, 1),
        lambda: when(row.live, 1).otherwise("many"),
        lambda: agg.count() == 1,
        lambda: -row.name,
    ],
)
def test_types_that_do_not_fit_are_refused(make):
    with pytest.raises(QueryError):
        make().type(SCOPE)


def test_an_unknown_column_names_the_nearest_spelling():
    with pytest.raises(UnknownColumnError, match=r"faces has no column 'nme'.*Did you mean 'name'"):
        (face.nme == "Bernie").type(SCOPE)
    with pytest.raises(UnknownColumnError, match="Did you mean 'duration'"):
        (row.duraton > 1).type(SCOPE)
    with pytest.raises(AttributeError):
        row.nothing.type(SCOPE)


def test_sizes_need_boxes():
    captions = pa.schema([FACES.field(name) for name in ("video", "start_us", "end_us", "name")])
    with pytest.raises(UnknownColumnError, match="captions has no boxes"):
        row.height.type(one_row(captions, "captions"))


def test_a_stored_column_comes_before_a_derived_one():
    schema = FACES.append(pa.field("height", pa.string()))
    assert row.height.type(one_row(schema, "t")).kind is Kind.STRING


@pytest.mark.parametrize(
    ("misuse", "cure"),
    [
        (lambda: row.name == "a" and row.score > 1, "use & instead of 'and'"),
        (lambda: row.name == "a" or row.score > 1, r"\| instead of 'or'"),
        (lambda: not row.live, "~ instead of 'not'"),
        (lambda: 1 if row.live else 2, r"vq.when\(...\) instead of 'if'"),
        (lambda: 0.1 < row.score < 0.5, r".between\(low, high\)"),
        (lambda: "Bern" in row.name, r"use .contains\('Bern'\)"),
        (lambda: row.name in ["a", "b"], r".isin\(\[...\]\)"),
        (lambda: list(row.name), "cannot be looped over"),
        (lambda: row.name == "a" & row.score > 1, "put each comparison in brackets"),
        (lambda: row.score > 0.5 | row.live, "put each comparison in brackets"),
        (lambda: row.name == None, r"use row.name.is_null\(\)"),  # noqa: E711
        (lambda: row.name != None, r"use row.name.not_null\(\)"),  # noqa: E711
        (lambda: row.name.isin("Bernie"), r"use .isin\(\['Bernie'\]\)"),
        (lambda: row.score > float("nan"), "is_null"),
        (lambda: row.score > [1], "expected a number"),
        (lambda: row.score > row, "expected a number"),
        (lambda: bool(row), "no truth value"),
        (lambda: "name" in row, "name a column"),
        (lambda: list(row), "cannot be looped over"),
        (lambda: row[3], "takes the name of a column"),
    ],
)
def test_misuse_raises_where_it_stands(misuse, cure):
    with pytest.raises(QueryError, match=cure):
        misuse()


def test_text_forms():
    assert (
        repr((row.score > 0.5) & ~row.name.is_null()) == "(row.score > 0.5) & ~row.name.is_null()"
    )
    assert repr(row["class"].lower()) == "row['class'].lower()"
    assert repr(face.score.between(0.1, 0.2)) == "(row.score >= 0.1) & (row.score <= 0.2)"
    assert repr(1 - row.score) == "1 - row.score"


def test_expressions_and_placeholders_can_be_pickled():
    condition = (face.name == "Bernie") & (face.height > param("h", 0.3, range=(0.1, 0.9)))
    assert repr(pickle.loads(pickle.dumps(condition))) == repr(condition)
    assert repr(pickle.loads(pickle.dumps(face))) == "face"


def test_placeholders_do_not_pretend_to_have_private_attributes():
    assert not hasattr(row, "_repr_html_")
    assert not hasattr(row, "__array__")


@pytest.mark.parametrize(
    "make",
    [
        lambda: param("", 1),
        lambda: param("gap", 1, range=(2, 3)),
        lambda: param("gap", "a", range=(2, 3)),
        lambda: param("gap", 1, range=(2,)),
        lambda: param("gap", 20).bound("far"),
        lambda: param("gap", 20).bound(None),
    ],
)
def test_params_are_checked(make):
    with pytest.raises(QueryError, match="param"):
        make()


def test_numpy_and_arrow_scalars_are_values():
    import numpy as np

    assert literal(np.float32(0.5)).value == 0.5
    assert literal(pa.scalar("a")).value == "a"
    assert repr(lit("host")) == "'host'"


def test_aggregates_need_groups_and_columns_need_aggregates():
    grouped = one_row(FACES, "faces", frozenset({"video", "name"}))
    assert (agg.sum(row.track) / agg.count()).type(grouped).dtype == pa.float64()
    assert agg.first(row["class"]).type(grouped).kind is Kind.STRING
    assert (row.name == "Bernie").type(grouped).kind is Kind.BOOLEAN
    with pytest.raises(QueryError, match="differs between the rows of a group"):
        row.score.type(grouped)
    with pytest.raises(QueryError, match="needs numbers"):
        agg.mean(row.name).type(grouped)
    with pytest.raises(QueryError, match="needs a condition"):
        agg.any(row.name).type(grouped)
