"""Captions: every cue is in the table or counted, times are exact, markup is gone."""

import re
import string
from pathlib import Path

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import IngestError
from vquery.ingest import files
from vquery.ingest.captions import (
    BEFORE,
    CLIPPED,
    EMPTY,
    NOISE,
    ONLY,
    REVERSED,
    STRAY,
    UNREADABLE,
    read_captions,
)
from vquery.ingest.result import CUE_ROWS, WORD_ROWS


@pytest.fixture
def read(tmp_path):
    def read_it(content, name="a.srt", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_captions(path, video="v.mp4", **options)

    return read_it


def spans(result):
    cues = result.tables["cues"].to_pylist()
    return [(cue["start_us"], cue["end_us"], cue["text"]) for cue in cues]


def words(result):
    return [
        (word["word"], word["start_us"], word["end_us"])
        for word in result.tables["words"].to_pylist()
    ]


def srt(*cues):
    return "".join(f"{n}\n{times}\n{text}\n\n" for n, (times, text) in enumerate(cues, 1))


# --- SubRip ------------------------------------------------------------------------------------


def test_srt_cues_and_words(read):
    result = read(
        srt(
            ("00:00:01,000 --> 00:00:03,500", ">> HELLO\nTHERE."),
            ("00:01:00,007 --> 01:00:00,000", "I"),
        )
    )
    assert spans(result) == [
        (1_000_000, 3_500_000, ">> HELLO THERE."),
        (60_007_000, 3_600_000_000, "I"),
    ]
    assert words(result) == [
        ("HELLO", 1_000_000, 2_136_363),
        ("THERE.", 2_136_363, 3_500_000),
        ("I", 60_007_000, 3_600_000_000),
    ]
    assert result.tables["cues"].schema == CUE_ROWS
    assert result.tables["words"].schema == WORD_ROWS
    assert result.tables["words"]["cue"].to_pylist() == [0, 0, 1]
    assert set(result.tables["words"]["source"].to_pylist()) == {"a.srt"}
    assert (result.skipped, result.suspect, result.notes) == ({}, {}, [])


def test_cues_may_overlap_and_come_out_in_order_of_time(read):
    result = read(
        srt(("00:00:05,000 --> 00:00:09,000", "b c"), ("00:00:01,000 --> 00:00:07,000", "a"))
    )
    assert [text for *_, text in spans(result)] == ["a", "b c"]
    assert [(word["word"], word["cue"]) for word in result.tables["words"].to_pylist()] == [
        ("a", 0),
        ("b", 1),
        ("c", 1),
    ]


def test_what_cannot_be_kept_is_counted(read):
    result = read(
        srt(
            ("00:00:01,000 --> 00:00:02,000", ""),
            ("00:00:01,000 --> 00:00:02,000", "<i> </i>"),
            ("00:00:05,000 --> 00:00:04,000", "back"),
            ("00:00:0x,000 --> 00:00:04,000", "broken"),
            ("00:00:75,000 --> 00:01:16,000", "seventy-five seconds"),
            ("00:00:06,000 --> 00:00:06,000", "instant"),
        )
    )
    assert result.skipped == {EMPTY: 2, REVERSED: 1, UNREADABLE: 2}
    assert spans(result) == [(6_000_000, 6_000_000, "instant")]
    assert words(result) == [("instant", 6_000_000, 6_000_000)]


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("00:00:01.000 --> 00:00:02.250", 1_000_000, 2_250_000),
        ("0:00:01,5 --> 0:00:02,25", 1_500_000, 2_250_000),
        ("00:00:01 --> 00:00:02", 1_000_000, 2_000_000),
        ("100:00:00,000 --> 9999:59:59,999", 360_000_000_000, 35_999_999_999_000),
        ("00:00:01,000-->00:00:02,000  X1:40 X2:600 Y1:20 Y2:50", 1_000_000, 2_000_000),
        ("00:00:01,123456 --> 00:00:02,0000009", 1_123_456, 2_000_000),
    ],
)
def test_spellings_of_time(read, times, start, end):
    assert spans(read(srt((times, "x")))) == [(start, end, "x")]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("2016", "2016"),
        ("THE YEAR\n2016", "THE YEAR 2016"),
        ("one\n\ntwo", "one two"),
        ("{OFF-LINE}", "{OFF-LINE}"),
        ('{\\an8}<font color="#fff">A</font> <B>b</b>', "A b"),
        ("AT&amp;T &lt;3 &#233; &gt;&gt; AT&T", "AT&T <3 é >> AT&T"),
        ("A --> B", "A --> B"),
        ("5 < 6 <LAUGHS>", "5 < 6 <LAUGHS>"),
    ],
)
def test_text_of_a_cue(read, raw, text):
    """The text is the same for the last cue of a file and any other."""
    result = read(
        srt(("00:00:01,000 --> 00:00:02,000", raw), ("00:00:03,000 --> 00:00:04,000", raw))
    )
    assert [found for *_, found in spans(result)] == [text, text]


def test_text_before_the_first_cue_is_counted(read):
    result = read("Subtitles by X\n\n" + srt(("00:00:01,000 --> 00:00:02,000", "x")))
    assert result.skipped == {STRAY: 1}
    assert [text for *_, text in spans(result)] == ["x"]


def test_offset_moves_cuts_and_drops(read):
    cues = [(f"00:00:0{k},000 --> 00:00:0{k + 2},000", str(k)) for k in (1, 3, 6)]
    result = read(srt(*cues), offset=-4.0)
    assert spans(result) == [(0, 1_000_000, "3"), (2_000_000, 4_000_000, "6")]
    assert (result.skipped, result.suspect) == ({BEFORE: 1}, {CLIPPED: 1})


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_line_ends(read, encoding, newline):
    text = srt(("00:00:01,000 --> 00:00:02,000", "niño\ncafé")).replace("\n", newline)
    result = read(text.encode(encoding))
    assert spans(result)[0][2] == "niño café"
    read_as = [note for note in result.notes if note.endswith("read as Latin-1")]
    assert len(read_as) == (encoding == "latin-1")
    assert all(note.startswith("not utf-8 (byte ") for note in read_as)


def test_damaged_cues_stay_and_are_counted(read):
    times = "00:00:01,000 --> 00:00:02,000"
    result = read(srt((times, "nnel@@"), (times, "\x7fHIGH"), (times, "fine@home.com")))
    assert [text for *_, text in spans(result)] == ["nnel@@", "HIGH", "fine@home.com"]
    assert result.suspect == {NOISE: 2}
    single = read(srt((times, "A@@@")))
    assert single.suspect == {NOISE: 1, ONLY: 1}
    assert "'A@@@'" in single.notes[0]


# --- WebVTT ------------------------------------------------------------------------------------

VTT = """WEBVTT - a title

STYLE
::cue { color: lime }

NOTE 12:00 nothing
to see

intro
01:02.003 --> 01:04.000 align:start position:0%
<v.loud Ann Lee>We &amp; <c.x>you</c>
2017

NOTE last

2
00:02:00.000 --> 00:02:01.000
no voice
"""


def test_vtt(read):
    result = read(VTT, "a.vtt")
    assert spans(result) == [
        (62_003_000, 64_000_000, "We & you 2017"),
        (120_000_000, 121_000_000, "no voice"),
    ]
    assert result.tables["cues"]["speaker"].to_pylist() == ["Ann Lee", None]
    assert result.tables["words"]["speaker"].to_pylist() == ["Ann Lee"] * 4 + [None] * 2
    assert (result.skipped, result.notes) == ({}, [])


def test_vtt_counts_what_it_leaves_out(read):
    broken, empty = "00:01.000 --> oops\nx", "00:04.000 --> 00:05.000"
    reverse = "00:03.000 --> 00:02.000\nx"
    blocks = ["WEBVTT", "lost words", broken, reverse, empty]
    assert read("\n\n".join(blocks), "a.vtt").skipped == {
        STRAY: 1,
        UNREADABLE: 1,
        REVERSED: 1,
        EMPTY: 1,
    }


def test_vtt_inner_time_stamps_time_the_words(read):
    text = "WEBVTT\n\n00:10.000 --> 00:14.000\nso<00:11.000><c> we</c><00:12.500><c> go on</c>\n"
    assert words(read(text, "a.vtt")) == [
        ("so", 10_000_000, 11_000_000),
        ("we", 11_000_000, 12_500_000),
        ("go", 12_500_000, 13_250_000),
        ("on", 13_250_000, 14_000_000),
    ]
    wild = "00:10.000 --> 00:14.000\nso<00:01.000> we<09:12.500> go\n\n00:20.000 --> 00:21.000\nx\n"
    assert words(read(f"WEBVTT\n\n{wild}", "a.vtt")) == [
        ("so", 10_000_000, 10_000_000),
        ("we", 10_000_000, 14_000_000),
        ("go", 14_000_000, 14_000_000),
        ("x", 20_000_000, 21_000_000),
    ]


def test_timestamp_map_shifts_the_cues_after_it(read):
    text = "WEBVTT\n{}\n\n00:01.000 --> 00:02.000\na\n\nWEBVTT\n{}\n\n00:01.000 --> 00:02.000\nb\n"
    result = read(
        text.format(
            "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000",
            "X-TIMESTAMP-MAP=MPEGTS:1800000,LOCAL:00:00:01.500",
        ),
        "a.vtt",
        offset=-10.0,
    )
    assert spans(result) == [(1_000_000, 2_000_000, "a"), (9_500_000, 10_500_000, "b")]
    assert [note.split(";")[0] for note in result.notes] == [
        "X-TIMESTAMP-MAP adds 10.000 s",
        "X-TIMESTAMP-MAP adds 18.500 s",
    ]


def test_unreadable_timestamp_map_is_noted(read):
    result = read("WEBVTT\nX-TIMESTAMP-MAP=nothing\n\n00:01.000 --> 00:02.000\na b\n", "a.vtt")
    assert spans(result) == [(1_000_000, 2_000_000, "a b")]
    assert result.notes[0] == "cannot read 'X-TIMESTAMP-MAP=nothing': times are taken as they stand"


# --- other formats, errors ---------------------------------------------------------------------

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,a remark
Dialogue: 0,0:00:01.00,0:00:02.50,Default,Ann,0,0,0,,{\\i1}Hello,\\NBob
"""


def test_other_formats_go_through_pysubs2(read):
    result = read(ASS, "a.ass")
    assert spans(result) == [(1_000_000, 2_500_000, "Hello, Bob")]
    assert result.tables["cues"]["speaker"].to_pylist() == ["Ann"]
    assert result.notes[0] == "read as ass by pysubs2"


@pytest.mark.parametrize("content", ["", "\n", "WEBVTT\n"])
def test_no_cues_is_no_error(read, content):
    result = read(content)
    assert len(result.tables["cues"]) == len(result.tables["words"]) == 0
    assert result.tables["words"].schema == WORD_ROWS
    assert result.notes == ["holds no cues"]


def test_errors_name_the_file(read, tmp_path, monkeypatch):
    with pytest.raises(IngestError, match=r"a\.srt: no captions found: expected SubRip, WebVTT"):
        read("just a letter")
    with pytest.raises(IngestError, match=r"missing\.srt: no such file"):
        read_captions(tmp_path / "missing.srt", video="v")
    monkeypatch.setattr(files, "MAX_TEXT_BYTES", 10)
    with pytest.raises(IngestError, match=r"a\.srt: is 0 MiB; the limit is 0 MiB: split it"):
        read("12345678901")


# --- pysubs2 as the oracle, and what it loses ----------------------------------------------------


@pytest.mark.parametrize(
    ("content", "ours", "theirs"),
    [
        (srt(("00:00:01,000 --> 00:00:02,000", "{OFF-LINE}")), ["{OFF-LINE}"], [""]),
        (srt(("00:00:01,000 --> 00:00:02,000", "THE YEAR\n2017")), ["THE YEAR 2017"], ["THE YEAR"]),
        (
            "WEBVTT\n\n00:01.000 --> 00:02.000\na\n\nNOTE x\n\nid\n00:03.000 --> 00:04.000\nb",
            ["a", "b"],
            ["a\n\nNOTE x\n\nid", "b"],
        ),
        (
            "WEBVTT\n\n00:01.000 --> 00:04.000\na<00:02.000><c> b</c><00:03.000><c> c</c>",
            ["a b c"],
            ["", ""],
        ),
    ],
)
def test_why_pysubs2_is_not_used_for_srt_and_vtt(read, content, ours, theirs):
    assert [text for *_, text in spans(read(content))] == ours
    assert [event.plaintext for event in pysubs2.SSAFile.from_string(content)] == theirs


cue_text = st.text(string.ascii_letters + " .,!?'>♪é", min_size=1, max_size=20).filter(str.strip)


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**5), cue_text), min_size=1),
    st.sampled_from(["srt", "vtt"]),
)
def test_reads_what_pysubs2_writes(tmp_path_factory, cues, form):
    subtitles = pysubs2.SSAFile()
    for start, length, text in cues:
        subtitles.append(pysubs2.SSAEvent(start=start, end=start + length, text=text))
    path = tmp_path_factory.mktemp("written") / f"x.{form}"
    escaped = subtitles.to_string(form)
    path.write_text(escaped.replace(">>", "&gt;&gt;") if form == "vtt" else escaped)
    expected = sorted(
        (start * 1000, (start + length) * 1000, " ".join(text.split()))
        for start, length, text in cues
    )
    assert sorted(spans(read_captions(path, video="v"))) == expected


# --- whatever stands in a file --------------------------------------------------------------------

stamps = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(
    lambda seconds: "00:00:0{}.000 --> 00:00:0{}.000".format(*seconds)
)
line = st.one_of(
    stamps,
    st.sampled_from(["", "1", "text", "<i>", "NOTE x", "STYLE", "a --> b", "00:0x:00.000 --> 1"]),
    st.sampled_from(
        ["&amp;", "{\\an8}", "<v A>b", "<00:03.000>c", "X-TIMESTAMP-MAP=LOCAL:00:00.000"]
    ),
)


@given(st.lists(line, max_size=30), st.booleans(), st.integers(-9, 9))
def test_no_cue_is_lost(tmp_path_factory, lines, vtt, offset):
    path = tmp_path_factory.mktemp("any") / "a.txt"
    path.write_text("\n".join(["WEBVTT", "", *lines] if vtt else lines))
    n_timed = sum("-->" in line and line != "a --> b" for line in lines)
    if not n_timed and not vtt and any(lines):
        with pytest.raises(IngestError):
            read_captions(path, video="v", offset=offset)
        return
    result = read_captions(path, video="v", offset=offset)
    skipped = result.n_skipped - result.skipped.get(STRAY, 0)
    assert len(result.tables["cues"]) + skipped == n_timed
    words = result.tables["words"].to_pylist()
    cues = result.tables["cues"].to_pylist()
    for word in words:
        cue = cues[word["cue"]]
        assert cue["start_us"] <= word["start_us"] <= word["end_us"] <= cue["end_us"]
        assert word["word"] in cue["text"]


# --- real captions -------------------------------------------------------------------------------


@pytest.mark.data
def test_seventy_files_of_tv_news(data):
    stamp = r"(\d\d):(\d\d):(\d\d),(\d\d\d)"
    timing = re.compile(f"^{stamp} --> {stamp}$", re.MULTILINE)
    seen = kept = n_words = changes = 0
    suspect: dict[str, int] = {}
    paths = sorted(Path(data / "captions_tvnews").glob("*.srt"))
    for path in paths:
        text = path.read_text("utf-8-sig")
        times = []
        for h1, m1, s1, ms1, h2, m2, s2, ms2 in timing.findall(text):
            start = ((int(h1) * 60 + int(m1)) * 60 + int(s1)) * 1000 + int(ms1)
            end = ((int(h2) * 60 + int(m2)) * 60 + int(s2)) * 1000 + int(ms2)
            times.append((start * 1000, end * 1000))
        result = read_captions(path, video=path.name)
        found = [(start, end) for start, end, _ in spans(result)]
        assert found == sorted(times)
        seen += len(times)
        kept += len(found) + result.n_skipped
        n_words += len(result.tables["words"])
        changes += sum(cue.count(">>") for *_, cue in spans(result))
        for reason, count in result.suspect.items():
            suspect[reason] = suspect.get(reason, 0) + count
        table = result.tables["words"]
        assert not len(table) or (table["start_us"].to_numpy() <= table["end_us"].to_numpy()).all()
    assert (len(paths), seen, kept) == (70, 111_508, 111_508)
    assert suspect == {ONLY: 7, NOISE: 9}
    assert n_words == 553_110
    assert changes >= 14_629
