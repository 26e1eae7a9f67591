from __future__ import annotations

import re

import pyarrow as pa
import pytest

from vquery.engine import wordindex
from vquery.engine.parse import parse_query
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError
from vquery.expr.placeholders import param, row
from vquery.expr.units import frames
from vquery.ingest.captions import read_captions


def cues(*texts, video="a", seconds=1):
    """Make cues back to back."""
    number = len(texts)
    start = [place * seconds for place in range(number)]
    return from_arrow(
        pa.table(
            {
                "video": pa.array([video] * number, pa.string()),
                "start": pa.array(start, pa.int64()),
                "end": pa.array([each + seconds for each in start], pa.int64()),
                "text": pa.array(texts, pa.string()),
            }
        )
    )


def found(query):
    return query.collect()["text"].to_pylist()


@pytest.mark.parametrize(
    ("texts", "phrase", "expected"),
    [
        (["Thank you."], "thank you", ["Thank you"]),
        (["THANK", "YOU, thank", "you"], "Thank you", ["THANK YOU", "thank you"]),
        (["thank >> you"], "thank you", ["thank you"]),
        (["thank -- ♪ you"], "thank you", ["thank you"]),
        (["thanks you"], "thank you", []),
        (["don\u2019t"], "don't", ["don\u2019t"]),
        (["DON'T", "dont"], "don't", ["DON'T"]),
        (["self-esteem"], "self esteem", ["self esteem"]),
        (["self esteem"], "self-esteem", ["self esteem"]),
        (["straße STRASSE"], "strasse", ["straße", "STRASSE"]),
        (["e\u0301t\u00e9"], "\u00e9te\u0301", ["e\u0301t\u00e9"]),
        (["joins joined Joining rejoin"], "join*", ["joins", "joined", "Joining"]),
        (["joins me joins you"], "joins me | joins you | bring", ["joins me", "joins you"]),
        (["bring it in bring in"], "bring (it | them) in", ["bring it in"]),
        (["a a a"], "a a", ["a a", "a a"]),  # every place, also where they share words
        (["a b"], "a b | a* b | (a | a) b", ["a b"]),  # each place once
        (["a b"], "a | a b", ["a", "a b"]),
        ([None, "", "..."], "a", []),
        ([], "a", []),
    ],
)
def test_words(texts, phrase, expected):
    assert found(cues(*texts).phrase(phrase)) == expected


def test_spans_are_those_of_the_words():
    given = cues(">> OH -- JAKE!", "thanks", seconds=9)
    spans = [
        (each["start_us"], each["end_us"], each["n_words"], each["exact"])
        for text in ("oh", "jake", "oh jake", "jake thanks", "thanks")
        for each in given.phrase(text).collect().to_pylist()
    ]
    assert spans == [
        (0, 2_571_428, 1, False),  # 2 of 7 characters, the ">>" and "--" take no time
        (2_571_428, 9_000_000, 1, False),
        (0, 9_000_000, 2, True),
        (2_571_428, 18_000_000, 2, False),
        (9_000_000, 18_000_000, 1, True),
    ]


def test_rows_of_a_table_of_words_keep_their_times():
    table = pa.table({
        "video": ["a"] * 3, "start_us": [5, 90, 200], "end_us": [60, 100, 300],
        "word": ["Thank", "you,", "Jake"], "score": [0.9, 0.4, 0.1], "speaker": ["X", "Y", "Z"],
    })  # fmt: skip
    (one,) = from_arrow(table).phrase("thank you").collect().to_pylist()
    assert one == {
        "video": "a", "start_us": 5, "end_us": 100, "score": 0.4, "speaker": "X",
        "text": "Thank you", "n_words": 2, "exact": True,
    }  # fmt: skip
    assert from_arrow(table).phrase("you jake", max_gap=0.0001).count() == 1
    assert from_arrow(table).phrase("you jake", max_gap=0.00005).count() == 0


def test_a_phrase_stays_inside_a_video():
    given = cues("thank").union(cues("you", video="b"))
    assert given.phrase("thank you").count() == 0
    near = given.phrase("thank", near="you", words=5)
    assert near.count() == 0


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"near": "host", "words": 1}, 1),
        ({"near": "host", "words": 0}, 0),
        ({"near": "host | jake", "words": 0}, 1),
        ({"near": "welcome", "words": 0}, 1),  # before as well as behind
        ({"near": "host", "within": 1}, 1),
        ({"near": "host", "within": 0.5}, 0),
        ({"not_near": "host", "within": 1}, 0),
        ({"not_near": "host", "within": 0.5}, 1),
        ({"near": "welcome", "not_near": "host", "words": 1}, 0),
        ({"near": "thank you", "words": 9}, 0),  # the phrase is not near itself
    ],
)
def test_near_and_not_near(asked, expected):
    given = cues("welcome", "thank", "you", "jake", "host")
    assert given.phrase("thank you", **asked).count() == expected


def test_near_in_the_text():
    given = cues("welcome", "thank", "you", "jake", "host")
    for text, expected in [
        ("thank you & host // 1", 1),
        ("thank you & host // 0", 0),
        ("thank you \\ host :: 1", 0),
        ("thank you \\ host :: 0.5", 1),
        ("thank you & host :: 1 & welcome :: 0 \\ jane // 100", 1),
        ("thank you & (jane | welcome) :: 0", 1),
    ]:
        assert given.phrase(text).count() == expected, text


def test_params_texts_and_other_columns():
    given = cues("thank", "you", "jake", "host")
    query = given.phrase("thank you", near="host", within=param("w", 0.5, range=(0, 5)))
    assert query.count() == 0
    assert query.count(params={"w": 1}) == 1
    text = 'captions.phrase("thank you", near="host", words=1).filter(row.n_words == 2)'
    assert parse_query(text, {"captions": given}).count() == 1
    other = given.rename(said="text")
    assert found(other.phrase("thank", on=row.said)) == ["thank"]
    assert "said" not in other.phrase("thank", on="said").columns
    assert "phrase" in query.explain()


def test_lengths_of_time_may_be_frames():
    known = pa.table({"video": ["a", "b"], "start": [0.0] * 2, "end": [9.0] * 2, "fps": [1.0, 2.0]})
    table = pa.table({
        "video": ["a", "a", "b", "b"], "start": [0, 3, 0, 3], "end": [1, 4, 1, 4],
        "word": ["thank", "you"] * 2,
    })  # fmt: skip
    given = from_arrow(table, extents=known)  # a pause of 2 s: 2 frames in a, 4 in b
    for number, expected in ((1, []), (2, ["a"]), (4, ["a", "b"])):
        limit = frames(number)
        for query in (
            given.phrase("thank you", max_gap=limit),
            given.phrase("thank", near="you", within=limit),
        ):
            assert query.collect()["video"].to_pylist() == expected


def test_the_index_is_made_once_for_the_same_texts(monkeypatch):
    made = []
    original = wordindex._made
    monkeypatch.setattr(wordindex, "_made", lambda *given: made.append(1) or original(*given))
    wordindex.forget()
    given = cues("thank you", "Jake")
    for _ in range(2):
        assert given.phrase("thank you").count() == 1
        assert given.phrase("jake").count() == 1
    assert len(made) == 1
    assert given.mutate(start=row.start - 1).phrase("jake").collect()["start_us"].to_pylist() == [0]
    assert len(made) == 2


def test_the_index_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(wordindex, "MOST_WORDS", 3)
    wordindex.forget()
    for number in range(5):
        cues("thank you", str(number)).phrase("you").collect()
    assert len(wordindex._kept) == 1


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("", r"phrase\(\): a word is missing at column 1"),
        ("a |", "a word is missing at column 4"),
        ("a | | b", "a word is missing at column 5"),
        ("...", "a word is missing at column 4"),
        ("(a b", "a bracket is not closed at column 5"),
        ("a) b", r"'\)' is not expected at column 2"),
        ("*", r"\* stands at the end of the beginning of a word, as in join\* at column 1"),
        ("j*n", r"'j\*n': \* stands at the end"),
        ("[join] me", r"for the forms of a word write join\* or \(join"),
        ("a & b", "how near: ':: 5' .* at column 6"),
        ("a & b :: x", "a number of seconds is missing after '::' at column 10"),
        ("a & b // 1.5", "a number of words, a whole number, is missing after '//'"),
        ("a :: 5", "'::' is not expected at column 3"),
        ("(a|b|c|d)" * 7, "more than 10,000 ways"),
        (7, "takes a text such as 'thank you', got 7"),
    ],
)
def test_what_cannot_be_read(phrase, message):
    with pytest.raises(QueryError, match=message):
        cues("a").phrase(phrase)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"near": "b"}, r"needs either within= \(seconds\) or words="),
        ({"near": "b", "within": 1, "words": 1}, r"needs either within= \(seconds\) or words="),
        ({"within": 1}, "they need near= or not_near="),
        ({"near": "b", "within": -1}, r"phrase\(within=\) takes a number of seconds of at least 0"),
        ({"near": "b", "words": 1.5}, "takes a whole number of words of at least 0, got 1.5"),
        ({"near": "b & c :: 1", "words": 1}, "takes words and alternatives only"),
        ({"not_near": "(", "words": 1}, r"phrase\(not_near=\): a word is missing at column 2"),
        ({"max_gap": "x"}, r"phrase\(max_gap=\) takes a number of seconds"),
        ({"on": "start_us"}, "takes a column of texts, but 'start_us' is int64"),
        ({"on": "video"}, "takes a column of texts, not 'video'"),
        ({"on": 3}, "takes a column, such as row.text, got 3"),
    ],
)
def test_settings_that_make_no_sense(asked, message):
    with pytest.raises(QueryError, match=message):
        cues("a").phrase("a", **asked)


def test_columns_that_are_missing_or_in_the_way():
    with pytest.raises(UnknownColumnError, match="said"):
        cues("a").phrase("a", on="said")
    with pytest.raises(QueryError, match="neither a column 'text' nor 'word'"):
        cues("a").rename(said="text").phrase("a")
    with pytest.raises(QueryError, match="'exact'"):
        cues("a").mutate(exact=1).phrase("a")


def test_one_long_video_and_many_short_ones():
    number = 100_000
    table = pa.table({
        "video": ["a"] * number, "start_us": range(number), "end_us": range(1, number + 1),
        "text": ["thank", "you"] * (number // 2),
    })  # fmt: skip
    assert from_arrow(table).phrase("thank you").count() == number // 2
    apart = table.set_column(0, "video", pa.array(range(number)))
    assert from_arrow(apart).phrase("thank you").count() == 0
    assert from_arrow(apart).phrase("you").count() == number // 2


@pytest.mark.data
def test_introductions_in_tv_captions(data):
    files = sorted((data / "captions_tvnews").glob("*.srt"))
    tables = [read_captions(path, video=path.name).tables["cues"] for path in files]
    given = from_arrow(pa.concat_tables(tables))
    assert given.count() > 100_000
    wordings = ["joining us", "joins me", "bring in", "thank you"]
    across = 0
    for wording in wordings:
        said = wording.replace(" ", "[ ']+")
        pattern = re.compile(rf"(?<![^\W_])(?<![^\W_]'){said}(?!'?[^\W_])")
        expected = inside = 0
        for table in tables:
            texts = [
                re.sub(r"(?:[^\w']|_)+", " ", each.lower()) for each in table["text"].to_pylist()
            ]
            expected += len(pattern.findall(" ".join(texts)))
            inside += sum(len(pattern.findall(text)) for text in texts)
        across += expected - inside
        assert given.phrase(wording).count() == expected
    assert across > 20  # they would be missed cue by cue
    together = given.phrase(" | ".join(wordings)).count()
    assert together == sum(given.phrase(wording).count() for wording in wordings)
