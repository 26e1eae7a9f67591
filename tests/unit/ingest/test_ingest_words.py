"""Words from cues and cues from words, against slow and obvious versions."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vquery.ingest.result import CUE_ROWS, WORD_ROWS
from vquery.ingest.words import cues_from_words, spread_words

tokens = st.sampled_from(["a", "Bob,", "--", ">>", ">>>HE", "&", "♪", "naïve", "10%", "don't", "."])
cue = st.tuples(
    st.integers(0, 10**13), st.integers(0, 4 * 10**13), st.lists(tokens, max_size=6).map(" ".join)
)


def spoken(text):
    words = [token.lstrip(">") for token in text.split()]
    return [word for word in words if any(sign.isalnum() or sign in "&%+=" for sign in word)]


@given(st.lists(cue, max_size=8))
def test_spread_words(rows):
    cues = [
        {"video": "v", "start_us": start, "end_us": start + length, "text": text, "speaker": "S"}
        for start, length, text in rows
    ]
    found = spread_words(pa.Table.from_pylist(cues, schema=CUE_ROWS))
    expected = []
    for row, (start, length, text) in enumerate(rows):
        words = spoken(text)
        total = sum(map(len, words))
        before = 0
        for word in words:
            first = start + length * before // total
            before += len(word)
            expected.append((row, first, start + length * before // total, word))
    columns = [found[name].to_pylist() for name in ("cue", "start_us", "end_us", "word")]
    assert list(zip(*columns, strict=True)) == expected
    assert found.schema == WORD_ROWS


word = st.tuples(
    st.integers(0, 1_500_000),
    st.integers(0, 400_000),
    st.sampled_from(["yes", "no.", "Why?", 'end."', "and,"]),
    st.sampled_from(["A", "B", None]),
)


@given(st.lists(word, max_size=60))
def test_cues_from_words(rows):
    words, now = [], 0
    for pause, length, text, speaker in rows:
        start = now + pause
        now = start + length
        words.append(
            {"video": "v", "start_us": start, "end_us": now, "word": text, "speaker": speaker}
        )
    cues, numbered = cues_from_words(pa.Table.from_pylist(words, schema=WORD_ROWS))
    groups: list[list[dict]] = []
    for item in words:
        last = groups[-1][-1] if groups else None
        if (
            last is None
            or item["speaker"] != last["speaker"]
            or item["start_us"] - last["end_us"] > 1_000_000
            or last["word"] in ("no.", "Why?", 'end."')
            or len(groups[-1]) == 12
        ):
            groups.append([])
        groups[-1].append(item)
    assert cues["text"].to_pylist() == [" ".join(w["word"] for w in group) for group in groups]
    assert cues["start_us"].to_pylist() == [group[0]["start_us"] for group in groups]
    assert cues["end_us"].to_pylist() == [group[-1]["end_us"] for group in groups]
    assert cues["speaker"].to_pylist() == [group[0]["speaker"] for group in groups]
    belongs = [number for number, group in enumerate(groups) for _ in group]
    assert numbered["cue"].to_pylist() == belongs
    assert cues.schema == CUE_ROWS
