"""Queries from text."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine.parse import parse_condition, parse_query
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError

COLUMNS = {
    "video": ["a", "a", "a"],
    "start": [0, 1, 5],
    "end": [2, 3, 6],
    **{edge: [0.1, 0.2, 0.3] for edge in ("x1", "y1", "x2", "y2")},
    "score": [0.9, 0.8, None],
    "name": ["Bernie", "Jake", "Bernie"],
    "class": ["face"] * 3,
}
FACES = from_arrow(pa.table(COLUMNS), name="faces")
TABLES = {"faces": FACES}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("faces", 3),
        ("db.faces", 3),
        ('db["faces"]', 3),
        ('faces.filter(face.name == "Bernie")', 2),
        ("faces.filter(row['class'] == 'face', row.score > 0.85)", 1),
        ('faces.filter(face.name == "Bernie" and not face.score.is_null())', 1),
        ('faces.filter(face.name in ["Jake", "Ann"] or face.score is None)', 2),
        ('faces.filter("ern" in face.name)', 2),
        ('faces.filter(face.name not in ("Jake",))', 2),
        ("faces.filter(0.5 < face.score < 0.85)", 1),
        ("faces.filter(~(face.score > 0.85) & (face.end / 2 + 1 > -1 * 3))", 1),
        ("faces.filter(('good' if face.score > 0.85 else 'bad') == 'good')", 1),
        ("faces.join(faces, predicate=time_overlaps, merge_op=span)", 5),
        ("faces.join(faces, predicate=time_overlaps | before(max_gap=10) and same(row.name))", 4),
        ("faces.join(faces, predicate=lambda a, b: a.score > b.score)", 1),
        ("faces.semi_join(faces, meets(tolerance=2).on('time') & left_of)", 2),
        ("faces\n  .coalesce(gap=vq.param('g', 2), n=vq.count())\n  .filter(row.n == 3)", 1),
        ("faces.per_frame().filter(count() == 1)", 3),
        ("faces.per_frame().match(pattern('a').where(lambda a: a.score > 0.5), exact=True)", 2),
        ("faces.rename({'name': 'who'}).filter(row.who == 'Jake')", 1),
        ("faces.sort(face.score.desc()).limit(2).minus(faces.filter(face.name == 'Jake'))", 1),
        ("faces.dilate(-0.5).union(faces).distinct('name')", 2),
        ("faces.mutate(far=when(face.score > 0.85, 1).otherwise(0)).filter(row.far == 1)", 1),
    ],
)
def test_queries(text, rows):
    assert parse_query(text, TABLES).count() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("faces.filter(", "line 1"),
        ("faces.filter(face.nam == 'x')", "Did you mean 'name'"),
        ("fces", "Did you mean 'faces'"),
        ("faces.fliter(face.score > 1)", "did you mean 'filter'"),
        ("faces.collect()", "no method 'collect'"),
        ("faces.show()", "no method 'show'"),
        ("faces.node", "not something that can be asked for"),
        ("faces._node", "underscore"),
        ("faces.__class__", "underscore"),
        ("face.__class__.__mro__", "underscore"),
        ("().__class__.__bases__", "underscore"),
        ("().__class__.__bases__[0].__subclasses__()", "underscore"),
        ("__import__('os').system('true')", "is not known"),
        ("open('file')", "is not known"),
        ("eval('1')", "is not known"),
        ("vq.open('news.vq')", "is not known"),
        ("vq.udf(len)", "is not known"),
        ("faces.filter(f'{face.name}' == 'x')", "JoinedStr has no place"),
        ("[face for face in faces]", "ListComp has no place"),
        ("(faces := 1)", "NamedExpr has no place"),
        ("faces.filter(face.score > 9 ** 9 ** 9)", "Pow has no place"),
        ("faces.filter('a' * 1000000000 == face.name)", "two numbers are needed"),
        ("faces.filter(face.score > 1 << 99)", "LShift has no place"),
        ("faces.filter(face.score > 1 / 0)", "division by zero"),
        ("faces.filter(*[1])", r"\* is not understood"),
        ("faces.filter(**{'a': 1})", r"\*\* is not understood"),
        ("faces.filter(lambda *a: 1)", "plain parameters"),
        ("faces.filter(1 and 2)", "a condition is needed"),
        ("faces.filter(1 == 1)", "needs a column"),
        ("faces.filter(face.name is 'x')", "asks only for None"),
        ("faces.filter(b'x' == face.name)", "a value of this kind"),
        ("faces[0]", "a name in quotes"),
        ("faces['name']", "only a row has columns"),
        ("row()", "cannot be called"),
        ("face.name()", "no method 'name'|cannot be called"),
        ("left()", "cannot be called"),
        ("faces.limit()", "missing 1 required"),
        ("face.score > 1", "must give a relation"),
        ("1", "must give a relation"),
        ("", "must give a relation"),
        ("(" * 5000, "cannot be read|line 1"),
        ("-" * 500 + "face.score", "nested deeper"),
        ("faces" + " " * 30_000, "20000 characters"),
    ],
)
def test_texts_that_are_refused(text, message):
    with pytest.raises(QueryError, match=message):
        parse_query(text, TABLES)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('score > 0.5 and name == "Bernie"', 1),
        ("name == 'Bernie'", 2),
        ("row.name == 'Bernie' and duration >= 1.5", 1),
        ("height >= 0 and not (score > 0.85)", 1),
        ("score is None", 1),
        ("score.between(0.1, 0.85) or name.like('B%')", 3),
        ("start < 1 or end > 5", 2),
    ],
)
def test_conditions(text, rows):
    assert FACES.filter(parse_condition(text, FACES.schema)).count() == rows


def test_conditions_name_unknown_columns():
    with pytest.raises(QueryError, match="Did you mean 'name'"):
        parse_condition("nam == 'x'", FACES.schema)
    with pytest.raises(UnknownColumnError, match="Did you mean 'name'"):
        FACES.filter(parse_condition("row.nam == 'x'", FACES.schema))


def test_a_column_may_be_called_like_a_word():
    schema = pa.schema([("count", pa.int64()), ("left", pa.string())])
    assert repr(parse_condition("count > 3 and left == 'x'", schema)) == (
        "(row.count > 3) & (row.left == 'x')"
    )
