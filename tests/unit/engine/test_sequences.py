from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pytest

from vquery.engine.parse import parse_query
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError
from vquery.expr.placeholders import param, row
from vquery.expr.symbols import read_sequence


def timeline(text, *, video="a", **columns):
    """Make one row a letter, one second each, ``_`` for nothing."""
    rows = [
        {"video": video, "start": place, "end": place + 1, "what": letter}
        for place, letter in enumerate(text)
        if letter != "_"
    ]
    table = pa.Table.from_pylist(rows, schema=pa.schema(
        [("video", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("what", pa.string())]
    ))  # fmt: skip
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return from_arrow(table)


def spans(found):
    return [(each["start_us"] // 10**6, each["end_us"] // 10**6) for each in found.to_pylist()]


def words(found):
    return ["".join(part["symbol"] for part in each["parts"]) for each in found.to_pylist()]


@pytest.mark.parametrize(
    ("text", "pattern", "settings", "expected"),
    [
        ("abc", "a b c", {}, ["abc"]),
        ("axbxc", "a b c", {}, ["abc"]),  # others may stand between
        ("axbxc", "a b c", {"skip": False}, []),
        ("abcabc", "a b c", {"skip": False}, ["abc", "abc"]),
        ("ac", "a b? c", {}, ["ac"]),
        ("abc", "a b? c", {}, ["abc"]),  # taken where it can be
        ("abbbc", "a b+ c", {}, ["abbbc"]),  # as often as possible
        ("abbbc", "a b{2} c", {}, ["abbc"]),
        ("abbbc", "a b{4,} c", {}, []),
        ("abbbc", "a b{,2} c", {}, ["abbc"]),
        ("abc", "a (c | b)", {}, ["ac"]),  # alternatives as they stand
        ("abc", "a (b | c)", {}, ["ab"]),
        ("axb", "a !x b", {}, []),
        ("axbab", "a !x b", {}, ["ab"]),
        ("axbab", "a !(x | b) b", {}, ["ab"]),
        ("ab", "a !b b", {}, ["ab"]),  # the neighbours themselves are not between
        ("axb", "a . b", {}, ["a.b"]),
        ("axxb", "a !. b", {}, []),
        ("abab", "(a b)+", {}, ["abab"]),
        ("abab", "(a b){2}", {}, ["abab"]),
        ("aba", "a b a", {}, ["aba"]),
        ("ababa", "a b a", {}, ["aba"]),  # a row belongs to one match
        ("a_b", "a b", {"max_gap": 0.5}, []),
        ("a_b", "a b", {"max_gap": 1}, ["ab"]),  # inclusive
        ("a_b", "a b", {"min_gap": 1}, ["ab"]),
        ("ab_b", "a b", {"min_gap": 1}, ["ab"]),
        ("a__b", "a b", {"within": 3}, []),
        ("a__b", "a b", {"within": 4}, ["ab"]),
        ("a__bab", "a b", {"within": 3}, ["ab"]),
        ("aab", "a b", {"within": 2}, ["ab"]),  # the first start from which it is in time
        ("abc", "a b", {"min_duration": 2}, []),
        ("abc", "a b", {"min_duration": {"a": 1}}, ["ab"]),
        ("aab", "a b", {"mode": "all"}, ["ab", "ab"]),
        ("aabb", "a b", {"mode": "all"}, ["ab"] * 4),
        ("aab", "(a | a b | a) b?", {"mode": "all"}, ["a", "ab", "a", "ab"]),  # each once
        ("", "a b", {}, []),
    ],
)
def test_one_video(text, pattern, settings, expected):
    found = timeline(text).sequence(pattern, by="what", **settings).collect()
    assert sorted(words(found)) == sorted(expected)


def test_a_match_keeps_its_first_row_and_tells_its_parts():
    given = timeline("axb", score=[0.9, 0.1, 0.5], who=["Ann", "Bob", "Ci"])
    (found,) = given.sequence("a b", by=row.what).collect().to_pylist()
    assert found == {
        "video": "a",
        "start_us": 0,
        "end_us": 3_000_000,
        "what": "a",
        "score": 0.5,
        "who": "Ann",
        "n_parts": 2,
        "parts": [
            {"symbol": "a", "start_us": 0, "end_us": 1_000_000},
            {"symbol": "b", "start_us": 2_000_000, "end_us": 3_000_000},
        ],
    }


def test_videos_and_tracks_are_apart():
    given = timeline("ab", video="a", track=[1, 2]).union(timeline("ab", video="b", track=[1, 1]))
    assert given.sequence("a b", by="what").count() == 2
    assert given.partition_by("track").sequence("a b", by="what").collect()[
        "video"
    ].to_pylist() == ["b"]


def test_parts_may_overlap_when_that_is_allowed():
    given = from_arrow(
        pa.table({"video": ["a"] * 3, "start": [0, 2, 2], "end": [3, 5, 9], "what": list("abb")})
    )
    assert given.sequence("a b", by="what").count() == 0
    one = given.sequence("a b", by="what", overlap="allow").collect()
    assert spans(one) == [(0, 5)]
    assert given.sequence("a b", by="what", overlap="allow", mode="all").count() == 2
    assert given.sequence("a b", by="what", overlap="allow", min_gap=0.1).count() == 0


def test_the_span_reaches_to_the_latest_end():
    given = from_arrow(
        pa.table({"video": ["a"] * 2, "start": [0, 2], "end": [9, 5], "what": list("ab")})
    )
    assert spans(given.sequence("a b", by="what", overlap="allow").collect()) == [(0, 9)]
    assert given.sequence("a b", by="what", overlap="allow", within=8).count() == 0


def test_instants_follow_each_other():
    given = from_arrow(
        pa.table({"video": ["a"] * 3, "start": [1, 1, 2], "end": [1, 1, 2], "what": list("abb")})
    )
    found = given.sequence("a b b", by="what", max_gap=1).collect()
    assert spans(found) == [(1, 2)]


def test_rows_may_carry_several_symbols_and_conditions_are_traced():
    given = timeline("aab", loud=[1, 9, 9])
    symbols = {"quiet": row.loud < 5, "loud": row.loud > 5, "b": row.what == "b"}
    found = given.sequence("quiet loud b", symbols=symbols).collect()
    assert found["n_parts"].to_pylist() == [3]
    assert given.sequence("loud b", symbols=symbols, mode="all").count() == 1


def test_other_kinds_of_values():
    given = timeline("ab", state=[1, 2], on=[True, False])
    assert given.sequence("1 2", by="state").count() == 1
    assert given.sequence("true false", by="on").count() == 1
    spaced = given.mutate(what="far court")
    assert spaced.sequence("'far court' \"far court\"", by="what").count() == 1


def test_params_text_and_plan():
    given = timeline("a_b")
    query = given.sequence("a b", by="what", max_gap=param("gap", 0.5, range=(0, 2)))
    assert query.count() == 0
    assert query.count(params={"gap": 1}) == 1
    text = 'rows.partition_by("what").sequence("a a", by="what", max_gap=2)'
    assert parse_query(text, {"rows": timeline("a_a")}).count() == 1
    text = (
        'rows.sequence("x y", symbols={"x": row.what == "a", "y": row.end > 1}).filter(n_parts > 1)'
    )
    assert (
        parse_query(text.replace("n_parts", "row.n_parts"), {"rows": timeline("aa")}).count() == 1
    )
    assert "sequence" in query.explain()
    assert "'a b'" in query.explain()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "sequence: a symbol is missing at column 1"),
        ("a ( b", "the bracket at column 3 is not closed"),
        ("a b)", r"'\)' is not expected at column 4"),
        ("a |", "a symbol is missing at column 4"),
        ("* a", r"nothing to repeat before '\*' at column 1"),
        ("a{}", r"\{\} needs a number, such as \{2,5\} at column 2"),
        ("a{3,2}", r"\{3,2\} is never met at column 2"),
        ("a{0}", r"\{0\} is never met at column 2"),
        ("a #", "'#' is not understood at column 3"),
        ("a 'b", '"\'" is not closed at column 3'),
        ("a ''", "a symbol is empty at column 3"),
        ("!a b", "!a must stand between two symbols"),
        ("a !b", "!b must stand between two symbols"),
        ("a !(b c) d", "'!' takes a symbol, or several"),
        ("a !b* c", "what must not come between cannot be repeated at column 5"),
        ("a !", "a symbol is missing after '!' at column 3"),
        ("(a{40}){40}", "more than 1000 symbols"),
        (3, "takes a text such as 'green yellow"),
    ],
)
def test_what_cannot_be_read(pattern, message):
    with pytest.raises(QueryError, match=message):
        timeline("a").sequence(pattern, by="what")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either by=.*or symbols="),
        ({"by": "what", "symbols": {}}, "either by=.*or symbols="),
        ({"by": row.start > 1}, "takes a column, such as row.colour"),
        ({"by": "start_us"}, "'gren' at column 1 of 'gren red' must be a whole number"),
        ({"symbols": {"green": row.what == "g", "red": row.what == "r"}},
         "unknown symbol 'gren' at column 1 of 'gren red'; symbols= has 'green', 'red'"),
        ({"symbols": {"gren": row.start, "red": row.what == "r"}}, "a condition is needed"),
        ({"symbols": ["gren"]}, "takes conditions by name"),
        ({"by": "what", "max_gap": -1}, r"sequence\(max_gap=\) takes a number of seconds of at"),
        ({"by": "what", "within": "long"}, r"sequence\(within=\) takes a number of seconds"),
        ({"by": "what", "min_gap": 2, "max_gap": 1}, "min_gap=2 is greater than max_gap=1"),
        ({"by": "what", "min_duration": {"blue": 1}}, "'blue' is no symbol of 'gren red'"),
        ({"by": "what", "min_duration": -1}, "min_duration=.* of 'gren' takes a number"),
        ({"by": "what", "mode": "lazy"}, "mode=.* must be 'greedy' or 'all'"),
        ({"by": "what", "overlap": True}, "overlap=.* must be 'forbid' or 'allow'"),
        ({"by": "what", "skip": 1}, "skip=.* must be True or False"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(QueryError, match=message):
        timeline("a").sequence("gren red", **settings)


def test_columns_that_are_missing_or_in_the_way():
    with pytest.raises(UnknownColumnError, match="colour"):
        timeline("a").sequence("a b", by="colour")
    with pytest.raises(QueryError, match=r"'parts'.*rename"):
        timeline("a").mutate(parts=1).sequence("a b", by="what")
    with pytest.raises(QueryError, match="no setting 'gap'"):
        timeline("a").partition_by("what").sequence("a b", by="what", gap=1)
    with pytest.raises(QueryError, match="goes by time"):
        timeline("a").partition_by("what", order=row.what).sequence("a b", by="what")


def test_symbols_of_a_pattern_in_the_order_of_the_text():
    pattern = read_sequence("b !(d | a) (c | b)*  .")
    assert pattern.symbols == ("b", "d", "a", "c", ".")
    assert pattern.states == ("b", "c", "b", ".")


def test_long_videos_and_many_short_ones():
    number = 100_000
    one = from_arrow(pa.table({
        "video": ["a"] * number, "start_us": range(number), "end_us": range(1, number + 1),
        "what": ["a", "b", "c", "x"] * (number // 4),
    }))  # fmt: skip
    assert one.sequence("a b? c", by="what").count() == number // 4
    table = one.collect()
    many = from_arrow(table.set_column(0, "video", pa.array(range(number))))
    assert many.sequence("a{1,3}", by="what").count() == number // 4


@pytest.mark.data
def test_serve_bounce_swing_in_tennis(data):
    rallies = json.loads((data / "events" / "tennis" / "train.json").read_text())
    rows = [
        {"video": rally["video"], "start": each["frame"] / rally["fps"],
         "end": each["frame"] / rally["fps"], "what": each["label"].split("_")[2]}
        for rally in rallies for each in rally["events"]
    ]  # fmt: skip
    found = from_arrow(pa.Table.from_pylist(rows)).sequence(
        "serve bounce swing", by="what", skip=False
    )
    expected: Counter[str] = Counter()
    for rally in rallies:
        labels = [each["label"].split("_")[2] for each in rally["events"]]
        triples = zip(labels, labels[1:], labels[2:], strict=False)
        expected[rally["video"]] += sum(each == ("serve", "bounce", "swing") for each in triples)
    counted = Counter(found.collect()["video"].to_pylist())
    assert counted == +expected
    assert sum(counted.values()) > 500
