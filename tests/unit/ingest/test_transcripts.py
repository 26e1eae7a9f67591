"""Word-timed transcripts: every recogniser's form, exact times, nothing lost silently."""

import json

import pytest

from vquery.errors import IngestError
from vquery.ingest.result import CUE_ROWS, WORD_ROWS
from vquery.ingest.transcripts import (
    BEFORE,
    CLIPPED,
    HESITATION,
    REVERSED,
    UNTIMED,
    read_transcript,
)


@pytest.fixture
def read(tmp_path):
    def read_it(document, **options):
        path = tmp_path / "talk.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return read_transcript(path, video="talk.mp4", **options)

    return read_it


def rows(result):
    return [
        (word["word"], word["start_us"], word["end_us"], word["score"], word["speaker"])
        for word in result.tables["words"].to_pylist()
    ]


PLAIN = [
    {"word": " Thank", "start": 1.1, "end": 1.5, "confidence": 0.5, "speaker": "Ann"},
    {"word": "you", "start": 1.5, "end": 1.75, "confidence": 1, "speaker": "Ann"},
    {"word": ".", "start": 1.75, "end": 1.75},
]
THANKS = [
    ("Thank", 1_100_000, 1_500_000, 0.5, "Ann"),
    ("you.", 1_500_000, 1_750_000, 1.0, "Ann"),
]
SAID = {"text": "Thank you.", "start": 1.1, "end": 1.75, "speaker": "Ann"}
FORMS = {
    "plain words": {"words": PLAIN},
    "plain words, a list": PLAIN,
    "plain words, other names": {
        "words": [
            {"text": "Thank", "start": "1.1", "end": "1.5", "score": 0.5, "speaker": "Ann"},
            {"text": "you.", "start": "1.5", "end": "1.75", "probability": 1.0, "speaker": "Ann"},
        ]
    },
    "Whisper": {"segments": [{**SAID, "words": [*PLAIN[:2], {"word": "."}]}], "language": "en"},
    "BBC Kaldi": {
        "retval": {
            "words": [
                {"word": "thank", "punct": "Thank", "start": 1.1, "end": 1.5, "confidence": 0.5},
                {"word": "you", "punct": "you.", "start": 1.5, "end": 1.75, "confidence": 1},
            ],
            "segmentation": {
                "segments": [{"start": 1, "duration": 0.8, "speaker": {"@id": "Ann"}}]
            },
        }
    },
    "Speechmatics": {
        "words": [
            {"name": "Thank", "time": "1.1", "duration": "0.4", "confidence": "0.500"},
            {"name": "you", "time": "1.5", "duration": "0.25", "confidence": "1.000"},
            {"name": ".", "time": "1.75", "duration": "0.46", "confidence": "0.900"},
        ],
        "speakers": [{"name": "Ann", "time": "1.0", "duration": "2.0"}],
    },
    "IBM Watson": {
        "results": [
            {
                "alternatives": [
                    {
                        "timestamps": [["Thank", 1.1, 1.5], ["you.", 1.5, 1.75]],
                        "word_confidence": [["Thank", 0.5], ["you.", 1.0]],
                    }
                ],
                "final": True,
            },
            {"alternatives": [{"timestamps": [["Than", 1.1, 1.5]]}], "final": False},
        ],
        "speaker_labels": [{"from": 1.1, "speaker": "Ann"}, {"from": 1.5, "speaker": "Ann"}],
    },
    "Google Speech-to-Text": {
        "results": [
            {
                "alternatives": [
                    {"words": [{"word": "Thank", "startTime": "1.100s"}], "confidence": 0.5}
                ]
            },
            {
                "alternatives": [
                    {"words": [{"word": "you.", "startTime": "1.500s"}], "confidence": 1.0}
                ]
            },
            {"alternatives": []},
            {
                "alternatives": [
                    {
                        "words": [
                            {
                                "word": "Thank",
                                "startTime": "1.100s",
                                "endTime": {"seconds": "1", "nanos": 500_000_000},
                                "speakerTag": "Ann",
                            },
                            {
                                "word": "you.",
                                "startTime": "1.500s",
                                "endTime": {"seconds": 1, "nanos": 750_000_000},
                                "speakerTag": "Ann",
                            },
                        ]
                    }
                ]
            },
        ]
    },
    "Amazon Transcribe": {
        "results": {
            "items": [
                {
                    "start_time": "1.1",
                    "end_time": "1.5",
                    "alternatives": [{"content": "Thank", "confidence": "0.5"}],
                },
                {
                    "start_time": "1.5",
                    "end_time": "1.75",
                    "alternatives": [{"content": "you", "confidence": "1.0"}],
                },
                {"alternatives": [{"content": ".", "confidence": None}], "type": "punctuation"},
            ],
            "speaker_labels": {
                "segments": [{"start_time": "1.0", "end_time": "2.0", "speaker_label": "Ann"}]
            },
        }
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_words(read, form):
    result = read(FORMS[form])
    assert rows(result) == THANKS
    assert result.notes[0].startswith(f"read as {form.split(',')[0]}: 2 words")
    assert result.skipped == result.suspect == {}
    assert result.tables["words"].schema == WORD_ROWS
    assert result.tables["words"]["cue"].to_pylist() == [0, 0]
    assert result.tables["cues"].schema == CUE_ROWS
    assert result.tables["cues"].to_pylist() == [
        {
            "video": "talk.mp4",
            "start_us": 1_100_000,
            "end_us": 1_750_000,
            "text": "Thank you.",
            "speaker": "Ann",
            "source": "talk.json",
        }
    ]


def test_digital_paper_edit_takes_speakers_from_paragraphs(read):
    words = [
        {"id": 0, "start": 1, "end": 2, "text": "One."},
        {"id": 1, "start": 2.5, "end": 3, "text": "two"},
        {"id": 2, "start": 3.5, "end": 4, "text": "three"},
    ]
    paragraphs = [{"start": 2.5, "end": 3, "speaker": "B"}, {"start": 1, "end": 2, "speaker": "A"}]
    result = read({"words": words, "paragraphs": paragraphs})
    assert [word[4] for word in rows(result)] == ["A", "B", None]
    assert result.tables["cues"]["text"].to_pylist() == ["One.", "two", "three"]


def test_words_that_cannot_be_kept_are_counted(read):
    words = [
        {"word": "late", "start": 9, "end": 9},
        {"word": "%HESITATION", "start": 1, "end": 2},
        {"word": "2020"},
        {"word": "back", "start": 2, "end": 1},
        {"word": "early", "start": 0, "end": 1},
        {"word": "cut", "start": 1, "end": 3},
    ]
    result = read({"words": words}, offset=-2.0)
    assert rows(result) == [
        ("cut", 0, 1_000_000, None, None),
        ("late", 7_000_000, 7_000_000, None, None),
    ]
    assert result.skipped == {HESITATION: 1, UNTIMED: 1, REVERSED: 1, BEFORE: 1}
    assert result.suspect == {CLIPPED: 1}


def test_no_words(read):
    result = read({"words": []})
    assert len(result.tables["words"]) == len(result.tables["cues"]) == 0
    assert result.notes == ["read as plain words: 0 words"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", r"talk\.json: no valid JSON: .* at line 1, column 2"),
        ("[" * 100_000, r"talk\.json: (JSON nested too deeply|no valid JSON)"),
        ({"lines": []}, r"talk\.json: not a transcript of a known form \(BBC Kaldi, .*write it as"),
        (
            {"words": [PLAIN[0], {"start": 1}]},
            r"talk\.json: .* plain words .* at word 2: no 'text'",
        ),
        (
            {"words": [{"word": "x", "start": "one", "end": 2}]},
            r"at word 1: could not convert .*'one'",
        ),
        ({"words": [{"word": "x", "start": float("nan"), "end": 2}]}, r"at word 1: cannot convert"),
        ({"segments": [{"text": "x"}]}, r"at word 1: segment 1 has no words; recognise again"),
        ({"retval": {"words": [{"word": "x"}]}}, r"as BBC Kaldi writes .* at word 1: no 'start'"),
    ],
)
def test_errors_name_file_form_and_word(read, document, message):
    with pytest.raises(IngestError, match=message):
        read(document)


TED = {
    "amazon": (1791, 1791, 0),
    "bbc_kaldi_with_speaker_segments": (1712, 1712, 1699),
    "digital_paper_edit": (1454, 0, 1454),
    "google_diarization": (1766, 1764, 1766),
    "ibm_watson": (1780, 1780, 1780),
    "speechmatics": (1896 - 105, 1791, 1791),
}


@pytest.mark.data
@pytest.mark.parametrize("name", TED)
def test_six_recognisers_of_one_talk(data, name):
    path = data / "transcripts" / "ted_kate_darling" / f"{name}.json"
    result = read_transcript(path, video="talk.mp4")
    words, cues = result.tables["words"], result.tables["cues"]
    n_scores, n_speakers = (
        len(words) - words[column].null_count for column in ("score", "speaker")
    )
    assert (len(words), n_scores, n_speakers) == TED[name]
    assert result.skipped == result.suspect == {}
    first = words.slice(0, 1).to_pylist()[0]
    assert first["word"].lower() == "there"
    assert 12_900_000 <= first["start_us"] <= 13_050_000
    assert words["start_us"].to_pylist() == sorted(words["start_us"].to_pylist())
    text = " ".join(cues["text"].to_pylist())
    assert text == " ".join(words["word"].to_pylist())
    assert "baby dinosaur robot upside down" in " ".join(text.split())


@pytest.mark.data
def test_recognisers_agree_on_times(data):
    """The same words at the same time: what the forms have in common was read alike."""
    heard = {}
    for name in TED:
        path = data / "transcripts" / "ted_kate_darling" / f"{name}.json"
        words = read_transcript(path, video="talk.mp4").tables["words"].to_pylist()
        heard[name] = {(w["word"].lower().strip(".,?"), round(w["start_us"], -6)) for w in words}
    reference = heard["amazon"]
    shares = {name: len(words & reference) / len(words) for name, words in heard.items()}
    assert min(shares.values()) > 0.6, shares
