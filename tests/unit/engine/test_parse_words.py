"""The text language knows what Python knows: every method and word, and the few left out."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery.engine.parse import parse_condition, parse_query
from vquery.engine.sources import from_arrow
from vquery.engine.words import METHODS, WORDS
from vquery.errors import QueryError

RUN = frozenset(
    "batches collect columns count evaluate explain lineage node parameters schema show sql"
    " to_arrow to_duckdb to_pandas to_polars to_reader tune why_not".split()
)
"""What runs a query or looks at it: a text only builds one."""
PYTHON_ONLY = frozenset(
    "ABSTAIN Assertion Assessment Backbone Cache Checked Decoded Embedded EndModel FewShot"
    " LabelMatrix LabelModel OnnxClassifier Pipeline Trained compare_runs"
    " Transitions appear assess augment check choose_graph concept consistent corrected create"
    " decode extend_votes"
    " fit_linear flicker from_arrow from_duckdb from_pandas from_polars grid knn_graph label_errors"
    " leave_functions_out multibox never no_overlap open out_of_fold propagate"
    " propagate_concepts slice spread_labels stays switches timeline udf votes".split()
)
"""Names that read, write or take Python functions."""
INSIDE = frozenset(("lower", "settings", "type", "unit"))
"""Attributes of expressions and predicates that are for the engine."""

TABLE = {
    "video": ["a", "a", "b"],
    "start": [0, 1, 5],
    "end": [2, 3, 6],
    "text": ["ONE two", "it's 3", None],
    "tags": [["x"], [], ["x", "y"]],
    "track": [1, 1, 2],
    "score": [0.5, 0.75, None],
    "list": [1, 2, 3],
}
LENGTHS = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [9, 9], "fps": [10, 2]})
ROWS = from_arrow(pa.table(TABLE), name="cues", extents=LENGTHS)


def test_every_method_is_known():
    for kind, methods in METHODS.items():
        public = {name for name in dir(kind) if not name.startswith("_")}
        inside = RUN if kind is vq.Intervals else INSIDE
        slots = set(getattr(kind, "__slots__", ()))
        assert public - inside - slots <= methods, kind
        assert methods <= public, kind


def test_every_word_is_known():
    errors = {name for name in vq.__all__ if name.endswith("Error")}
    classes = {"Collection", "Intervals"}
    assert {*vq._HOME} - errors - classes - PYTHON_ONLY == set(WORDS)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cues.filter(row.text.matches('[a-z]+$'))", 1),
        ("cues.filter(row.text.ilike('%ONE%') or row.text.extract('[0-9]').cast('int') == 3)", 2),
        ("cues.filter(row.text.words()[0] == 'ONE')", 1),
        ("cues.filter(row.text.words()[-1].lower().startswith('t'))", 1),
        ("cues.filter(row.tags.contains('y') or row.tags.length() == 0)", 2),
        ("cues.filter(row.tags.contains_any(['x', 'z']))", 2),
        ("cues.filter('x' in row.tags)", 2),
        ("cues.filter('t' in row.text)", 2),
        ("cues.filter(row.tags.first() == row.tags.last())", 1),
        ("cues.filter(coalesce(row.text.strip(), 'none').replace('none', '') == '')", 1),
        ("cues.filter(row.score.round(1).fill_null(0).clip(0.1, 0.6) < 0.2)", 1),
        ("cues.filter(row.duration >= frames(20))", 2),
        ("cues.filter(row.duration >= vq.seconds(2) and row.start < minutes(1))", 2),
        ("cues.join(cues, predicate=before(max_gap=frames(20)))", 0),
        ("cues.coalesce(gap=-frames(0), n=count(row.score > 0.6), s=share(row.score > 0.6))", 2),
        ("cues.dilate(-seconds(0.5))", 3),
        ("cues.partition_by('track').mutate(p=lag(row.start), n=row_number())", 3),
        ("cues.partition_by(row.track, order=row.start.desc()).filter(rank(row.start) == 1)", 2),
        ("cues.partition_by('track').mutate(m=rolling_mean(row.score, rows=2))", 3),
        ("cues.partition_by('track').mutate(m=rolling(max(row.score), seconds=2))", 3),
        ("cues.partition_by('track').filter(cumulative_sum(row.track) > 1)", 2),
        ("cues.partition_by('track').coalesce(gap=1)", 2),
        ("cues.group_by('track').agg(m=median(row.score), q=quantile(row.score, 0.9))", 2),
        ("cues.group_by('track').agg(a=arg_max(row.text, by=row.score), l=list(row.text))", 2),
        ("cues.group_by('track').filter(std(row.start) > 0)", 2),
        ("cues.filter(row.list == 1)", 1),
        ("cues.filter(when(row.list == 1, 'Ab').otherwise('c').lower() == 'ab')", 1),
        ("cues.partition_by('track').sequence('long', symbols={'long': row.duration > 1})", 2),
    ],
)
def test_queries(text, rows):
    assert parse_query(text, {"cues": ROWS}).count() == rows


def test_conditions_over_bare_columns():
    condition = parse_condition("duration >= frames(20) and tags[0] == 'x'", ROWS.schema)
    assert ROWS.filter(condition).count() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cues.filter(row.text.matches('('))", "missing [)]"),
        ("cues.filter(row.start_us > seconds(1))", "mixes"),
        ("cues.mutate(p=lag(row.start))", "belongs into partition_by"),
        ("cues.partition_by('track').agg(n=count())", "no method 'agg'"),
        ("cues.to_duckdb()", "no method 'to_duckdb'"),
        ("cues.to_polars()", "no method 'to_polars'"),
        ("cues.count()", "no method 'count': a text says which rows"),
        ("cues.groupby('track')", r"no method 'groupby': use \.group_by\('name'\)"),
        ("cues.filter(row.text.str == 'a')", "'str'"),
        ("cues.group_by('track').size()", r"no method 'size': use \.agg\(n=vq.count\(\)\)"),
        ("cus", r"'cus' is not known\. Did you mean 'cues'\?: cus$"),
        ("nothing_like_it", r"is not known\. Names: cues\.: nothing_like_it$"),
        ("vq.from_duckdb('x')", "is not known"),
        ("cues.filter(row.tags[0:1] == 'x')", "Slice has no place"),
        ("cues[0]", "in quotes"),
        ("row.text.unit", "asked for"),
        ("cues.filter(row.text.type())", "no method 'type'"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(QueryError, match=message):
        parse_query(text, {"cues": ROWS})
