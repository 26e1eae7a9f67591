"""Asking functions without a collection: rows, tables, what fails, what is asked twice."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.concept import Concept
from vquery.supervise.votes.sameness import Sameness

TEXTS = pd.DataFrame({"text": ["buy now", "hello", "buy!"], "n": [1, 2, 3]})
SPANS = pa.table({"video": ["a", "a", "b"], "start": [0, 4, 0], "end": [4, 8, 4]})


class Counter:
    """Counts in a way that a fingerprint does not see."""

    calls = 0


def buys(x):
    return "spam" if "buy" in x.text else None


def shouts(x):
    return "spam" if x["text"].endswith("!") else vq.ABSTAIN


def short(table):
    return np.where(table["text"].str.len() < 6, "ham", None)


def fails(x):
    return x.txt


def test_rows_of_a_data_frame():
    found = vq.votes([buys, shouts, short], over=TEXTS, cache=False)
    assert found.classes == ("spam", "ham")
    assert found.votes.tolist() == [[0, -1, -1], [-1, -1, 1], [0, 0, 1]]
    assert found.items["item"].to_pylist() == [0, 1, 2]
    assert [source["kind"] for source in found.sources] == ["row", "row", "table"]


def test_functions_of_snorkel():
    made = vq.votes({"big": lambda x: 1 if x.n > 1 else -1}, over=TEXTS, classes=[0, 1], abstain=-1)
    assert made.dense().tolist() == [[-1], [1], [1]]


def test_a_function_that_fails_abstains_and_is_told(caplog):
    caplog.set_level(logging.WARNING)
    told = []
    made = vq.votes([fails, buys], over=TEXTS, progress=lambda *each: told.append(each))
    assert made.votes[:, 0].tolist() == [-1] * 3
    assert "row 0: UnknownColumnError: the row has no column 'txt'" in made.sources[0]["problem"]
    assert told == [("fails", 1, 2), ("buys", 2, 2)]
    assert caplog.text.count("1 of 2 label functions failed and abstain: fails: row 0") == 1
    assert "fails failed and abstains" in repr(made.summary())
    assert made.summary().table["problem"][0].as_py() == made.sources[0]["problem"]
    with pytest.raises(vq.LabelError, match="label function 'fails' failed: row 0"):
        vq.votes([fails, buys], over=TEXTS, strict=True)
    with pytest.raises(vq.LabelError, match=r"all 1 label functions failed\. fails: row 0"):
        vq.votes([fails], over=TEXTS)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (["x"], r"one answer a row \(3\), got 1 answers"),
        (None, r"one answer a row \(3\), got None"),
        ([float("nan")] * 3, "row 0: a vote is a class or None to abstain, got nan"),
        ([["x"]] * 3, "row 0: a vote is a class"),
        ([None] * 3, "vote 0 classes"),
    ],
)
def test_answers_that_are_no_votes(answer, told):
    def wrong(table):
        del table
        return answer

    with pytest.raises(vq.LabelError, match=told):
        vq.votes([wrong], over=TEXTS)


def test_a_class_that_is_not_wanted_is_the_functions_fault(caplog):
    made = vq.votes([buys, short], over=TEXTS, classes=["ham", "other"])
    assert "votes 'spam', which is none of ['ham', 'other']" in made.sources[0]["problem"]
    assert made.votes.T.tolist() == [[-1] * 3, [-1, 0, 0]]
    assert "buys" in caplog.text


def test_misuse():
    with pytest.raises(vq.LabelError, match="at least one label function"):
        vq.votes([], over=TEXTS)
    with pytest.raises(vq.LabelError, match="two label functions are called 'buys'"):
        vq.votes([buys, buys], over=TEXTS)
    with pytest.raises(vq.QueryError, match="takes a list of label functions"):
        vq.votes(buys, over=TEXTS)
    with pytest.raises(vq.SchemaError, match="a table or a data frame, got int"):
        vq.votes([buys], over=3)
    with pytest.raises(vq.QueryError, match="'segments', got 'tracks'"):
        vq.votes([buys], over="tracks")
    with pytest.raises(vq.QueryError, match="neither a concept nor a table"):
        vq.votes(["nothing"], over=TEXTS)


def test_what_was_said_is_not_asked_again_until_something_changes():
    cache, limit = vq.Cache(), [1]

    def above(x):
        Counter.calls += 1
        return "big" if x.n > limit[0] else None

    Counter.calls = 0
    first = vq.votes([above], over=TEXTS, cache=cache)
    again = vq.votes([above], over=TEXTS, cache=cache)
    assert Counter.calls == 3
    assert again.votes.tolist() == first.votes.tolist() == [[-1], [0], [0]]
    assert again.sources == first.sources
    limit[0] = 2
    assert vq.votes([above], over=TEXTS, cache=cache).votes.tolist() == [[-1], [-1], [0]]
    vq.votes([above], over=TEXTS.assign(n=[5, 5, 5]), cache=cache)
    assert Counter.calls == 9
    vq.votes([above], over=TEXTS, cache=False)
    assert Counter.calls == 12


def test_a_function_that_writes_down_its_calls_is_not_asked_again():
    cache, calls = vq.Cache(), []

    def noting(x):
        calls.append(x.n)
        return "seen"

    vq.votes([noting], over=TEXTS, cache=cache)
    vq.votes([noting], over=TEXTS, cache=cache)
    assert calls == [1, 2, 3]


LIMIT = 1


def helped(x):
    return _helper(x)


def _helper(x):
    return x.n > LIMIT


def test_fingerprints_see_what_a_function_reads(monkeypatch):
    def made(default, enclosed):
        def inner(x, limit=default):
            return [each for each in enclosed if each < limit]

        return inner

    same = Sameness().of
    assert same(made(1, {2, 3})) == same(made(1, {3, 2}))
    assert same(made(1, {2})) != same(made(2, {2}))
    assert same(made(1, [2])) != same(made(1, [3]))
    assert same(made(1, np.arange(3))) == same(made(1, np.arange(3)))
    assert same(made(1, np.arange(3))) != same(made(1, np.arange(3.0)))
    assert same(lambda x: x + 1) != same(lambda x: x + 2)
    assert same(lambda x: x.a) != same(lambda x: x.b)
    frame = TEXTS.copy()
    reader = made(1, frame)
    known = same(reader)
    frame.loc[0, "n"] = 9
    assert same(reader) != known
    concept = Concept(helped, "c", "c")
    assert same(concept) == same(Concept(helped, "c", "c")) != same(Concept(helped, "c", "d"))
    before = same(helped)
    monkeypatch.setitem(globals(), "LIMIT", 2)
    assert same(helped) != before


def test_intervals_without_a_collection():
    late = vq.from_arrow(SPANS, name="late").filter(row.start > 2)

    def first(spans):
        return spans.filter(row.end <= 4)

    tables = {"spans": vq.from_arrow(SPANS)}
    made = vq.votes({"late": late, "first": first}, over=SPANS, tables=tables)
    assert made.dense(["late", "first"], None).tolist() == [
        [None, "first"],
        ["late", None],
        [None, "first"],
    ]
    assert made.items["start_us"].to_pylist() == [0, 4_000_000, 0]
    assert made.seconds.tolist() == [4.0, 4.0, 4.0]
    said = SPANS.append_column("label", pa.array(["x", None, "y"]))
    assert vq.votes({"table": said}, over=SPANS).dense(["x", "y"], "").tolist() == [
        ["x"],
        [""],
        ["y"],
    ]


def test_segments_are_few_where_votes_are():
    one = pa.table({"video": ["a", "a"], "start": [0, 50], "end": [50, 100]})
    two = pa.table({"video": ["a"], "start": [30], "end": [200]})
    made = vq.votes({"one": one, "two": two}, over="segments")
    spans = zip(made.items["start_us"].to_pylist(), made.items["end_us"].to_pylist(), strict=True)
    # the border at 50 is one of a row and none of what is said
    assert [(a // 10**6, b // 10**6) for a, b in spans] == [(0, 30), (30, 100), (100, 200)]
    assert made.votes.tolist() == [[0, -1], [0, 1], [-1, 1]]
    with pytest.raises(vq.LabelError, match="needs functions that give intervals"):
        vq.votes([buys], over="segments")


def test_data_frames_with_a_time_keep_their_order():
    frame = pd.DataFrame(
        {"video": ["b", "a", "a"], "start": [0, 5, 1], "end": [1, 6, 2], "text": ["x!", "y", "z"]}
    )

    def loud(row):
        return "loud" if "!" in row.text else None

    for given in (frame, pa.Table.from_pandas(frame, preserve_index=False)):
        found = vq.votes([loud], given)
        assert found.votes.ravel().tolist() == [0, -1, -1]
        assert found.items["video"].to_pylist() == ["b", "a", "a"]


@pytest.mark.parametrize("missing", [pd.NA, pd.NaT, float("nan")])
def test_what_is_missing_is_no_class(missing):
    table = pa.table({"text": ["a"]})
    with pytest.raises(vq.LabelError, match="row 0: a vote is a class or None to abstain"):
        vq.votes([lambda row: missing if row.text else None], table)


@pytest.mark.parametrize(
    ("functions", "options", "kind", "said"),
    [
        (None, {}, vq.QueryError, "takes a list of label functions"),
        ({1: len}, {}, vq.QueryError, "must be texts, got 1"),
        ([str], {}, vq.LabelError, "does not tell its parameters"),
        ([len], {"cover": "half"}, vq.LabelError, "cover"),
        ([len], {"classes": ["a", "a"]}, vq.LabelError, "classes must be different"),
        ([len], {"classes": []}, vq.LabelError, "classes must be different"),
    ],
)
def test_what_cannot_be_asked_is_named(functions, options, kind, said):
    with pytest.raises(kind, match=said):
        vq.votes(functions, pa.table({"text": ["a"]}), **options)


def test_a_column_that_occurs_twice_is_named():
    frame = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(vq.SchemaError, match="column 'text' occurs twice"):
        vq.votes([lambda row: row.text], frame)
