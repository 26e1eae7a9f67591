# ruff: noqa: ARG005 - operations take what they need
"""Names and values that try to be SQL are taken for names and values by every operation.

Each operation runs on columns with hostile names and values, and has to give what the oracle gives,
which knows no SQL.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine import reference
from vquery.engine.parse import parse_query
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError

NAMES = [
    'a"b',
    "a'b",
    "a.b",
    "left.score",
    ".score",
    'x"; DROP TABLE input; --',
    "x'); ATTACH '/tmp/x'; --",
    "-- comment",
    "Name",
    "naïve Ü 名前 🎬",
    "select",
    "position",
    "group_number",
    "input",
    "udf 0",
    "0",
    "",
    "$1",
    "back\\slash",
    "two\nlines",
]
VALUES = [
    "'",
    '"',
    "'; DROP TABLE input; --",
    "' OR 1=1 --",
    "$1",
    "?",
    "%",
    "_",
    "\\",
    "/*",
    "a\x00b",
    "名前 🎬 Ü",
    "NULL",
    "",
    "{argument}",
]


def hostile(name: str) -> vq.Intervals:
    """Rows with a hostile column, of hostile values, beside a plain one of the same name's kind."""
    number = len(VALUES)
    return from_arrow(
        pa.table(
            {
                "video": ["a", "b", "a", "b", "a"] * (number // 5),
                "start_us": list(range(number)),
                "end_us": [each + 2 for each in range(number)],
                name: VALUES,
                "score": pa.array([(each * 7) % 5 / 4 for each in range(number)], pa.float32()),
                "list of": pa.array([[each, "x"] for each in VALUES], pa.list_(pa.string())),
            }
        ),
        name=f"table {name}",
    )


OPERATIONS = {
    "filter": lambda rows, c, v: rows.filter(c == v),
    "compare": lambda rows, c, v: rows.filter((c > v) | (c != v)),
    "isin": lambda rows, c, v: rows.filter(c.isin([v, "other", None])),
    "long isin": lambda rows, c, v: rows.filter(c.isin([v, *map(str, range(60))])),
    "contains": lambda rows, c, v: rows.filter(c.contains(v) | c.startswith(v) | c.endswith(v)),
    "fill": lambda rows, c, v: rows.mutate(x=c.fill_null(v) + v, y=vq.coalesce(c, v)),
    "replace": lambda rows, c, v: rows.mutate(x=c.replace(v or "-", "'")),
    "when": lambda rows, c, v: rows.mutate(x=vq.when(c == v, v).otherwise(c)),
    "param": lambda rows, c, v: rows.filter(c == vq.param('p"; --', v)),
    "list": lambda rows, c, v: rows.filter(row["list of"].contains(v)),
    "join_text": lambda rows, c, v: rows.mutate(x=row["list of"].join_text(v)),
    "mutate": lambda rows, c, v: rows.mutate(**{'new"; --': c, "x": c.length()}),
    "rename": lambda rows, c, v: rows.rename({c.name: 'new"name; --'}).filter(
        row['new"name; --'] == v
    ),
    "select": lambda rows, c, v: rows.select(c).filter(c == v),
    "sort": lambda rows, c, v: rows.sort(c.desc(), row.score),
    "distinct": lambda rows, c, v: rows.union(rows).distinct(c.name),
    "distinct rows": lambda rows, c, v: rows.select(c).union(rows.select(c)).distinct(),
    "group": lambda rows, c, v: rows.group_by(c.name).agg(
        **{'n"': vq.count(c == v), "m": vq.max(c), "l": vq.list(c), "k": vq.n_unique(c)}
    ),
    "group filter": lambda rows, c, v: rows.group_by(c.name).filter(
        (c == v) | (vq.first(c) == v) | vq.any(c == v)
    ),
    "arg_max": lambda rows, c, v: rows.group_by().agg(x=vq.arg_max(c, by=row.score)),
    "coalesce": lambda rows, c, v: rows.coalesce(by=c.name, x=vq.last(c)),
    "partition": lambda rows, c, v: rows.partition_by(c.name).mutate(x=vq.lag(c), y=vq.max(c)),
    "order": lambda rows, c, v: rows.partition_by(order=c.desc()).mutate(
        x=vq.lead(c), r=vq.rank(c), n=vq.row_number()
    ),
    "window filter": lambda rows, c, v: rows.partition_by().filter((vq.lag(c) == v) | (c == v)),
    "join": lambda rows, c, v: rows.join(
        rows, predicate=lambda a, b: (a[c.name] == b[c.name]) & (a.start <= b.start)
    ),
    "join rest": lambda rows, c, v: rows.join(
        rows, predicate=vq.time_overlaps & (lambda a, b: (a[c.name] > b[c.name]) | (b[c.name] == v))
    ),
    "same": lambda rows, c, v: rows.semi_join(rows.filter(c == v), vq.same(c)),
    "anti_join": lambda rows, c, v: rows.anti_join(rows, lambda a, b: a[c.name] + v == b[c.name]),
    "minus": lambda rows, c, v: rows.minus(rows.filter(c == v), vq.same(c.name)),
    "words": lambda rows, c, v: rows.mutate(x=c.words(), y=c.strip(), z=c.lower()),
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_names(operation, name):
    query = operation(hostile(name), row[name], VALUES[2])
    assert_same(query)


@pytest.mark.parametrize("value", VALUES, ids=ascii)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_values(operation, value):
    assert_same(operation(hostile("name"), row.name, value))


def assert_same(query: vq.Intervals) -> None:
    answer, expected = query.collect().to_pylist(), reference.run(query.node)
    assert len(answer) == len(expected)
    for one, other in zip(answer, expected, strict=True):
        assert list(one) == list(other)
        assert one == other
    assert query.count() == len(expected)


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_written_values_stand_in_no_statement(value):
    query = hostile("name").filter((row.name == value) | row.name.isin([value, "x"]))
    statement = "\n".join(line for line in query.sql().splitlines() if not line.startswith("--"))
    if len(value) > 3:
        assert value not in statement
    assert statement.count("$") == 3


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%", len(VALUES)),
        ("_", 6),
        ("'%", 3),
        ("%'; DROP TABLE%", 1),
        ("%\\%", 1),
        ("' OR 1=1 --", 1),
    ],
)
def test_like_patterns(pattern, expected):
    rows = hostile("name")
    assert rows.filter(row.name.like(pattern)).count() == expected
    assert_same(rows.filter(row.name.like(pattern) | row.name.ilike(pattern)))


@pytest.mark.parametrize("pattern", ["'", '"', "';.*--", r"\$1", r"\?", r"\\", "^$", "{argument}"])
def test_regular_expressions(pattern):
    rows = hostile("name")
    assert_same(rows.filter(row.name.matches(pattern)))
    assert_same(rows.mutate(x=row.name.extract(pattern)))
    assert rows.filter(row.name.matches(pattern)).count() >= 1


def test_names_that_differ_by_case_alone_are_different_columns():
    table = {"video": ["a"] * 2, "start": [0, 1], "end": [1, 2]}
    rows = from_arrow(pa.table({**table, "name": ["x", "y"], "Name": [1, 2], "NAME": [0.5, 0.25]}))
    made = rows.mutate(nAME=row.name + "!").filter((row.Name < 2) & (row.NAME > 0.3))
    assert made.collect().to_pylist()[0]["nAME"] == "x!"
    assert_same(rows.group_by("name").agg(a=vq.max(row.Name), b=vq.min(row.NAME)))
    assert_same(rows.partition_by("Name").mutate(a=vq.lag(row.name), b=vq.lag(row.NAME)))
    assert_same(rows.sort(row.NAME, row.Name.desc(), row.name))
    assert_same(rows.distinct("NAME").coalesce(by="Name"))


@pytest.mark.parametrize("name", ["name", *NAMES], ids=ascii)
def test_names_and_videos_of_tables(name):
    rows = hostile("name").node.source.read(None)
    rows = rows.set_column(0, "video", pa.array([f"{name}{n % 2}" for n in range(rows.num_rows)]))
    odd = from_arrow(rows, name=name)
    assert_same(odd.join(odd, predicate=vq.time_overlaps))
    assert_same(odd.filter(row.video == f"{name}1"))
    assert name in odd.explain() or not name.strip()
    with pytest.raises(UnknownColumnError):
        odd.filter(row.nothing == 1)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_params(name):
    if not name:
        with pytest.raises(QueryError, match="needs a name"):
            vq.param(name, "x")
        return
    rows = hostile("name")
    query = rows.filter(row.name == vq.param(name, "x"))
    assert query.count() == 0
    assert query.count(params={name: VALUES[2]}) == 1
    assert query.collect(params={name: "' OR 1=1 --"}).num_rows == 1


def test_text_queries_are_no_sql():
    rows = hostile('a"b')
    for value in VALUES:
        text = f"""t.filter(row['a"b'] == {value!r})"""
        assert parse_query(text, {"t": rows}).count() == 1
    with pytest.raises(QueryError):
        parse_query("t'; DROP TABLE input; --", {"t": rows})


def test_our_own_database_is_untouched():
    rows = hostile("name")
    before = rows.count()
    for value in VALUES:
        rows.filter(row.name == value).sort(row.name).distinct("name").collect()
    from vquery.engine.running.session import Session

    session = Session()
    try:
        tables = session._cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    finally:
        session.close()
    assert tables == []
    assert rows.count() == before


@pytest.mark.parametrize("name", [each for each in NAMES if each], ids=ascii)
def test_identifiers_in_duckdb_files(name, tmp_path):
    from vquery.api.sql import run_sql, write_duckdb
    from vquery.plan.sql import quoted

    table = hostile(name).collect()
    write_duckdb(tmp_path / "out.duckdb", {name: lambda: table}, overwrite=False)
    with duckdb.connect(str(tmp_path / "out.duckdb")) as made:
        chosen = f"SELECT {quoted(name)} FROM {quoted(name)} ORDER BY start_us"
        assert [value for (value,) in made.execute(chosen).fetchall()] == VALUES
        seconds = f'SELECT max("end") FROM {quoted(name + "_seconds")}'
        assert made.execute(seconds).fetchall() == [(16e-6,)]
    found = run_sql(f"SELECT count(*) AS n FROM {quoted(name)}", {name: lambda: table})
    assert found.to_arrow()["n"].to_pylist() == [len(VALUES)]


def test_columns_may_be_called_as_ours_are_or_differ_by_case_alone():
    table = pa.table(
        {
            "video": ["a", "a", "b"], "start": [0, 1, 0], "end": [1, 2, 1],
            "n": [1, 1, 3], "N": [10, 20, 30],
        }
    )  # fmt: skip
    given = from_arrow(table)
    made = given.mutate(position=row.n + row.N, p=row.n, P=row.N, keep=row.N * 2).collect()
    assert made["position"].to_pylist() == [11, 21, 33]
    assert (made["p"].to_pylist(), made["P"].to_pylist()) == ([1, 1, 3], [10, 20, 30])
    assert given.filter(row.n * 10 == row.N).count() == 2
    assert given.distinct("n", "N").count() == 3
    joined = given.join(given, predicate=lambda a, b: (a.n * 20 == b.N) & (a.N < b.N))
    assert joined.collect().select(["N", "N_right"]).to_pylist() == [{"N": 10, "N_right": 20}]
    groups = given.coalesce(group_number=vq.count(), total=vq.sum(row.n), Total=vq.sum(row.N))
    assert groups.collect().drop_columns(["video", "start_us", "end_us", "n", "N"]).to_pylist() == [
        {"group_number": 2, "total": 2, "Total": 30},
        {"group_number": 1, "total": 3, "Total": 30},
    ]
    pairs = given.group_by("video").match(
        vq.pattern("a", "A").where(lambda a, A: a.n * 20 == A.N)  # noqa: N803
    )
    assert pairs.collect().select(["a_N", "A_N"]).to_pylist() == [{"a_N": 10, "A_N": 20}]
