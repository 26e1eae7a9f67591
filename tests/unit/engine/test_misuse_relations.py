"""Misuse of joins, spans, groups, patterns and texts: what, where and what instead."""

from __future__ import annotations

import pyarrow as pa

import vquery as vq
from tests.unit.engine.misuse import CAPTIONS, FACES, NUMBERED, Misuse, cases, check
from vquery import SchemaError, UnknownColumnError, before, left_of, row, time_overlaps
from vquery.engine.parse import parse_query

OTHER = vq.from_arrow(pa.table({"video": ["a"], "start": [0.0], "end": [1.0]}), name="other")
PAIR = vq.pattern("a", "b")

JOINS = [
    Misuse(
        "a join without a predicate", lambda: FACES.join(FACES),
        "needs predicate=", r"join\(\)", "cross=True",
    ),
    Misuse(
        "a join with a condition on one row", lambda: FACES.join(FACES, row.score > 0.5),
        "about one row", r"row\.score > 0\.5", "lambda a, b",
    ),
    Misuse(
        "a predicate by its name", lambda: FACES.join(FACES, "overlaps"),
        "predicate", "'overlaps'", "time_overlaps",
    ),
    Misuse(
        "and between predicates", lambda: FACES.join(FACES, time_overlaps and left_of),
        "no truth value", "time_overlaps", "& instead of 'and'",
    ),
    Misuse(
        "boxes on the right that are not there", lambda: FACES.join(CAPTIONS, left_of),
        "no column 'x1'", r"right side \(captions\)", "Columns: video", UnknownColumnError,
    ),
    Misuse(
        "a column of the wrong side",
        lambda: FACES.join(CAPTIONS, lambda a, b: a.text == b.text),
        "no column 'text'", r"left side \(faces\)", "Columns: video", UnknownColumnError,
    ),
    Misuse(
        "a lambda of one row", lambda: FACES.join(FACES, lambda a: a.score > 0.5),
        "must take 2 rows", r"<lambda>.*takes \(a\)", "as lambda a, b",
    ),
    Misuse(
        "videos of two kinds", lambda: FACES.join(NUMBERED, time_overlaps),
        "no rows could meet", "video is string in faces and integer in numbered", "the same type",
    ),
    Misuse(
        "a table instead of a relation", lambda: FACES.join(pa.table({"a": [1]}), time_overlaps),
        "takes a relation", r"join\(\).*Table", "db.faces",
    ),
    Misuse(
        "an unknown merge operation", lambda: FACES.join(FACES, time_overlaps, merge_op="hull"),
        "must be span, intersection", "merge_op=.*'hull'", "from vquery import span",
    ),
    Misuse(
        "an unknown way to merge an axis", lambda: vq.merge(time="union"),
        "must be 'span', 'intersection'", r"merge\(\): time=", "got 'union'",
    ),
    Misuse(
        "an unknown rule for scores", lambda: FACES.join(FACES, time_overlaps, score="best"),
        "got 'best'", "score= must be 'min'", "or a function of two scores",
    ),
    Misuse(
        "a clash of names after two joins",
        lambda: FACES.join(FACES, time_overlaps).join(FACES, time_overlaps),
        "would be called", "'name_right'", "suffix=",
    ),
    Misuse(
        "an outer join", lambda: FACES.join(FACES, time_overlaps, how="outer"),
        "'inner'", r"how=.*'outer'", "'left'",
    ),
    Misuse(
        "a setting that is unknown", lambda: before(max_distance=3),
        "no setting 'max_distance'", "before", "min_gap, max_gap",
    ),
    Misuse(
        "a setting by position", lambda: before(10),
        "by position", "before.*got 10", "max_gap=10",
    ),
    Misuse(
        "a negative distance", lambda: before(max_gap=-1),
        "at least 0", "before: max_gap=", "got -1",
    ),
    Misuse(
        "distances in the wrong order", lambda: before(min_gap=5, max_gap=1),
        "greater than max_gap=1", "before: min_gap=5 ", "exchange them",
    ),
    Misuse(
        "an unknown axis", lambda: time_overlaps.on("z"),
        "'time', 'x' or 'y'", r"time_overlaps\.on\(\)", "got 'z'",
    ),
    Misuse(
        "an axis for boxes", lambda: left_of.on("x"),
        "no test on time", "left_of", r"on\('x'\)",
    ),
    Misuse(
        "iou without a number", lambda: FACES.join(FACES, vq.iou),
        "needs at_least=", "iou", r"iou\(at_least=0\.5\)",
    ),
    Misuse(
        "same of a text that is no column", lambda: FACES.join(FACES, vq.same("nam")),
        "no column 'nam'", "left side", "Did you mean 'name'", UnknownColumnError,
    ),
    Misuse(
        "a udf that reads one text", lambda: vq.udf(lambda *_: [True], reads="score"),
        "list of columns", r"udf\(\): reads=", r"reads=\['score'\]",
    ),
    Misuse(
        "a udf that returns too few values",
        lambda: FACES.join(FACES, vq.udf(lambda *_: [True], reads=["score"])).count(),
        "got 1 of type bool", r"udf\(<lambda>", r"must return one boolean for each of 5 pairs",
    ),
    Misuse(
        "a udf that raises",
        lambda: FACES.join(FACES, vq.udf(lambda *_: 1 / 0, reads=["score"])).count(),
        "failed: division by zero", r"udf\(<lambda>", r"reads=\['score'\]",
    ),
    Misuse(
        "a udf that is no function", lambda: vq.udf("score > 0.5", reads=["score"]),
        "got 'score > 0.5'", r"udf\(\)", "takes a function of two batches of rows",
    ),
    Misuse(
        "more than all of a box", lambda: vq.iou(at_least=50),
        "got 50", "iou: at_least=", "at most 1, where boxes are equal",
    ),
    Misuse(
        "a suffix that is no text", lambda: FACES.join(FACES, time_overlaps, suffix=3),
        "got 3", "suffix=", "a text such as '_right'",
    ),
    Misuse(
        "an unknown direction", lambda: FACES.nearest(CAPTIONS, direction="left"),
        "'either', 'before'", r"nearest\(\): direction=", "got 'left'",
    ),
    Misuse(
        "no nearest at all", lambda: FACES.nearest(CAPTIONS, k=0),
        "at least 1", r"nearest\(\): k=", "got 0",
    ),
    Misuse(
        "coverage outside a relation", lambda: row.score > vq.coverage(CAPTIONS) if False
        else FACES.sort(vq.coverage(CAPTIONS)),
        "rows of another relation", r"coverage\(captions\)", r"mutate\(\) or filter\(\)",
    ),
    Misuse(
        "minus on an unknown axis", lambda: FACES.minus(CAPTIONS, axis="z"),
        "'time', 'x' or 'y'", "minus|axis", "got 'z'",
    ),
    Misuse(
        "minus on x without boxes", lambda: FACES.minus(CAPTIONS, axis="x"),
        "needs boxes", r"minus\(\): axis='x'.*captions", "Columns: video",
    ),
]  # fmt: skip

SPANS = [
    Misuse(
        "a negative gap", lambda: FACES.coalesce(gap=-1),
        "at least 0", r"coalesce\(gap=\)", "got -1",
    ),
    Misuse(
        "a gap of text", lambda: FACES.coalesce(gap="1s"),
        "a number of seconds", r"coalesce\(gap=\)", "got '1s'",
    ),
    Misuse(
        "dilate a side that is none", lambda: FACES.dilate(1, side="left"),
        "'both', 'start' or 'end'", r"dilate\(\): side=", "got 'left'",
    ),
    Misuse(
        "dilate boxes that are not there", lambda: CAPTIONS.dilate(0.1, axis="x"),
        "captions has none", r"dilate\(\): axis='x'", "x1, y1, x2, y2",
    ),
    Misuse(
        "a complement of videos of unknown length", lambda: CAPTIONS.complement(),
        "nothing is known", r"complement\(\).*captions", r"extents=",
    ),
    Misuse(
        "clip at the ends of videos of unknown length", lambda: CAPTIONS.clip(),
        "nothing is known", r"clip\(\) without limits", "extents=",
    ),
    Misuse(
        "clip backwards", lambda: FACES.clip(5, 2),
        "has to come before", r"clip\(\): start=5", "end=2",
    ),
    Misuse(
        "split into nothing", lambda: FACES.split(0),
        "more than 0 seconds", r"split\(every=\)", "got 0",
    ),
    Misuse(
        "split and at", lambda: FACES.split(5, at=CAPTIONS),
        "one of the two", r"split\(\)", "seconds or at=relation",
    ),
    Misuse(
        "windows that never move", lambda: FACES.windows(5, step=0),
        "more than 0 seconds", r"windows\(step=\)", "got 0",
    ),
    Misuse(
        "a key that is no name", lambda: FACES.rekey(row.score),
        "text or a whole number", r"rekey\(\).*row\.score", "number",
    ),
    Misuse(
        "back without having gone", lambda: FACES.rekey_back(),
        "undoes rekey", "faces has no 'from_video'", "from_video and from_shift_us",
    ),
    Misuse(
        "two collections of one name", lambda: vq.concat(FACES, FACES),
        "two relations are called 'faces'", r"concat\(\)", "names=",
    ),
    Misuse(
        "start after end in the data",
        lambda: vq.from_arrow(pa.table({"video": ["a"], "start": [3], "end": [2]}), name="cuts"),
        "must not be after end", "cuts, row 1", "start", SchemaError,
    ),
    Misuse(
        "a table without end",
        lambda: vq.from_arrow(pa.table({"video": ["a"], "start": [3]}), name="cuts"),
        "needs either start and end", "cuts.*Columns: video, start", "start_us and end_us",
        SchemaError,
    ),
]  # fmt: skip

GROUPS = [
    Misuse(
        "a pattern that is none", lambda: FACES.per_frame().match("a left_of b"),
        "takes a pattern", r"match\(\)", r"vq\.pattern\('a', 'b'\)",
    ),
    Misuse(
        "a variable twice", lambda: vq.pattern("a", "a"),
        "occurs twice", r"pattern\(\)", r"\['a', 'a'\]",
    ),
    Misuse(
        "a variable that the pattern has not", lambda: PAIR.where(left_of("a", "c")),
        "speaks of c", "left_of", "only a, b",
    ),
    Misuse(
        "a predicate of the pattern in a join", lambda: FACES.join(FACES, left_of("a", "b")),
        "names variables", r"left_of\('a', 'b'\)", "here write left_of$",
    ),
    Misuse(
        "a unary predicate in a pattern", lambda: PAIR.where(left_of("a")),
        "at least two", "left_of", "variables",
    ),
    Misuse(
        "a condition without variables in a pattern", lambda: PAIR.where(row.score > 0.5),
        "where\\(\\) takes predicates on variables", r"row\.score > 0\.5", "lambda a",
    ),
    Misuse(
        "an unknown column in a pattern",
        lambda: FACES.per_frame().match(PAIR.where(lambda a, b: a.scor > b.score)),
        "no column 'scor'", "variable 'a'", "Did you mean 'score'", UnknownColumnError,
    ),
    Misuse(
        "a sequence that does not end",
        lambda: FACES.partition_by("track").sequence("Ann (Bob", by=row.name),
        "is not closed", r"sequence: the bracket at column 5", r"'Ann \(Bob'",
    ),
    Misuse(
        "a sequence of nothing", lambda: FACES.partition_by().sequence("", by=row.name),
        "missing", "sequence", "a symbol",
    ),
    Misuse(
        "a repetition of nothing",
        lambda: FACES.partition_by().sequence("+ Ann", by=row.name),
        "nothing to repeat", r"sequence.*at column 1", r"before '\+'",
    ),
    Misuse(
        "an unknown symbol",
        lambda: FACES.sequence("Ann bob", symbols={"Ann": row.name == "Ann"}),
        "unknown symbol 'bob'", "at column 5 of 'Ann bob'", "symbols= has 'Ann'",
    ),
    Misuse(
        "symbols by no column", lambda: FACES.sequence("a b"),
        "needs either by=", r"sequence\(\)", r"symbols=\{\"serve\": row\.event",
    ),
    Misuse(
        "a mode that is none", lambda: FACES.sequence("Ann Bob", by="name", mode="first"),
        "'greedy' or 'all'", r"sequence\(mode=\)", "got 'first'",
    ),
    Misuse(
        "gaps of a sequence in the wrong order",
        lambda: FACES.sequence("Ann Bob", by="name", min_gap=5, max_gap=1),
        "greater than", r"sequence\(\): min_gap=5", "max_gap=1",
    ),
    Misuse(
        "an empty phrase", lambda: CAPTIONS.phrase(""),
        "is missing", r"phrase\(\): .* at column 1", "a word",
    ),
    Misuse(
        "a phrase in faces", lambda: FACES.phrase("THANK YOU"),
        "neither a column 'text' nor 'word'", "faces", "say on= which column",
    ),
]  # fmt: skip

TEXTS = [
    Misuse(
        "a bracket too few in a text", lambda: read("faces.filter(name == 'Ann'"),
        "'\\(' was never closed", "line 1, column 13", "faces.filter",
    ),
    Misuse(
        "an unknown method in a text", lambda: read("faces\n.filtr(name == 'Ann')"),
        "no method 'filtr'", "line 1, column 1", "did you mean 'filter'",
    ),
    Misuse(
        "an unknown table in a text", lambda: read("face.filter(name == 'Ann')"),
        "cannot be called on this", "line 1, column 1.*face.filter", r"a table .* \(faces\)",
    ),
    Misuse(
        "an import in a text", lambda: read("__import__('os')"),
        "'__import__' is not known", "line 1, column 1", "Names: faces",
    ),
    Misuse(
        "a text that gives no relation", lambda: read("1"),
        "must give a relation", "'1'", r"faces\.filter",
    ),
    Misuse(
        "a power in a text", lambda: read("faces.filter(faces.score ** 2 > 1)"),
        "has no place in a query", "line 1, column 14", r"faces\.score \*\* 2",
    ),
]  # fmt: skip

TABLES = [JOINS, SPANS, GROUPS, TEXTS]


def read(text: str) -> vq.Intervals:
    return parse_query(text, {"faces": FACES})


@cases(*JOINS)
def test_joins(case):
    check(case)


@cases(*SPANS)
def test_spans(case):
    check(case)


@cases(*GROUPS)
def test_groups_and_patterns(case):
    check(case)


@cases(*TEXTS)
def test_texts(case):
    check(case)
