"""Phrases through the index and by comparing every place with every wording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_engine import assert_agree
from vquery.engine import phrases, wordindex
from vquery.engine.sources import from_arrow
from vquery.expr.placeholders import row

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

PIECES = st.sampled_from(
    ["a", "B", "a,", ">>", ">>A", "a'b", "B-a", "--", "&", "5%", "É", "e\u0301", "ab", "'a'", "\n",
     "a_b"]
)  # fmt: skip
TEXTS = st.none() | st.lists(PIECES, max_size=5).map(" ".join)
SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("start_us", pa.int64()),
        ("end_us", pa.int64()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("speaker", pa.string()),
    ]
)


@st.composite
def cues(draw: st.DrawFn) -> Intervals:
    rows = []
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, 6))
        rows.append(
            {
                "video": draw(st.sampled_from(["v", "w"])),
                "start_us": start,
                "end_us": start + draw(st.integers(0, 9)),
                "text": draw(TEXTS),
                "score": draw(st.sampled_from([None, 0.5, 0.75])),
                "speaker": draw(st.sampled_from([None, "X"])),
            }
        )
    return from_arrow(pa.Table.from_pylist(rows, schema=SCHEMA))


WORDINGS = st.sampled_from(
    ["a", "b", "a b", "b a", "a a", "a'b", "é", "a*", "a* b", "a | b a", "(a | b) a", "a | a | a b",
     "5 a", "zz", "a zz | b"]
)  # fmt: skip


@settings(max_examples=2 * settings.default.max_examples)
@given(
    cues(),
    WORDINGS,
    st.fixed_dictionaries(
        {},
        optional={
            "near": WORDINGS,
            "not_near": WORDINGS,
            "max_gap": st.sampled_from([0, 0.000001, 0.000003]),
        },
    ),
    st.sampled_from([{"words": 0}, {"words": 2}, {"within": 0}, {"within": 0.000002}]),
)
def test_phrases(rows, text, given_settings, limit):
    if "near" in given_settings or "not_near" in given_settings:
        given_settings = given_settings | limit
    found = rows.phrase(text, **given_settings)
    assert_agree(found)
    assert_agree(found.select("speaker"))
    assert_agree(found.filter(row.video == "v", row.speaker == "X"))
    words = rows.rename(word="text").phrase(text, **given_settings)
    assert_agree(words)


@given(cues(), WORDINGS, st.sampled_from([1, 7]))
def test_the_size_of_blocks_changes_nothing(rows, text, size):
    before = wordindex.CHARACTERS, phrases.BLOCK
    expected = rows.phrase(text, near=text, within=0.000002).collect()
    wordindex.CHARACTERS, phrases.BLOCK = size, size
    wordindex.forget()
    try:
        assert rows.phrase(text, near=text, within=0.000002).collect().equals(expected)
    finally:
        wordindex.CHARACTERS, phrases.BLOCK = before


@given(st.text(max_size=30))
def test_any_text_can_be_cut_into_words(text):
    given_rows: list[dict[str, Any]] = [
        {"video": "v", "start_us": 0, "end_us": 100, "text": text},
        {"video": "v", "start_us": 100, "end_us": 200, "text": "end"},
    ]
    assert_agree(from_arrow(pa.Table.from_pylist(given_rows)).phrase("end"))
