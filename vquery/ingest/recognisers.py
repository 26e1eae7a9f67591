"""The JSON of each speech recogniser, as tokens in seconds and turns of speakers.

One function for each form; `FORMS` pairs it with a test of the content, most particular first.
A function may fail with KeyError, TypeError, ValueError ... where a document breaks its form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Token(NamedTuple):
    """One word or punctuation mark; times in seconds."""

    word: str
    start: float | None = None
    end: float | None = None
    score: float | None = None
    speaker: str | None = None


class Turn(NamedTuple):
    """Someone speaks from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    speaker: str


Read = tuple["Iterable[Token]", list[Turn]]


def plain(document: Any) -> Read:
    """Read ``{"words": [{"word", "start", "end"}]}`` or the list alone.

    >>> list(plain([{"text": "Hello", "start": 1, "end": "1.5", "score": 0.9}])[0])
    [Token(word='Hello', start=1.0, end=1.5, score=0.9, speaker=None)]
    """
    words = document["words"] if isinstance(document, dict) else document
    return (_plain_token(word) for word in words), []


def _plain_token(word: dict[str, Any], speaker: Any = None) -> Token:
    text = word["word"] if "word" in word else word["text"]
    score = next((word[key] for key in ("confidence", "score", "probability") if key in word), None)
    return Token(
        text,
        _number(word.get("start")),
        _number(word.get("end")),
        _number(score),
        _name(word.get("speaker", speaker)),
    )


def whisper(document: Any) -> Read:
    """Read segments that hold words: Whisper, faster-whisper, WhisperX."""

    def tokens() -> Iterator[Token]:
        for number, segment in enumerate(document["segments"], 1):
            if "words" not in segment:
                raise ValueError(
                    f"segment {number} has no words; recognise again with word time stamps"
                )
            for word in segment["words"]:
                yield _plain_token(word, segment.get("speaker"))

    return tokens(), []


def bbc_kaldi(document: Any) -> Read:
    """Read BBC Kaldi, with speaker segments; ``punct`` is the word with case and punctuation."""
    result = document["retval"]
    tokens = (
        Token(
            word.get("punct") or word["word"],
            _number(word["start"]),
            _number(word["end"]),
            _number(word.get("confidence")),
        )
        for word in result["words"]
    )
    turns = [
        Turn(
            float(segment["start"]),
            float(segment["start"]) + float(segment["duration"]),
            segment["speaker"]["@id"],
        )
        for segment in (result.get("segmentation") or {}).get("segments", [])
    ]
    return tokens, turns


def digital_paper_edit(document: Any) -> Read:
    """Read BBC Digital Paper Edit: words, and paragraphs with speakers."""
    turns = [
        Turn(float(paragraph["start"]), float(paragraph["end"]), str(paragraph["speaker"]))
        for paragraph in document["paragraphs"]
        if paragraph.get("speaker") is not None
    ]
    return plain(document)[0], turns


def speechmatics(document: Any) -> Read:
    """Read Speechmatics, JSON format 1.0; full stops are tokens of their own."""
    tokens = (
        Token(
            word["name"],
            float(word["time"]),
            float(word["time"]) + float(word["duration"]),
            _number(word.get("confidence")),
        )
        for word in document["words"]
    )
    turns = [
        Turn(
            float(turn["time"]),
            float(turn["time"]) + float(turn["duration"]),
            str(turn["name"]),
        )
        for turn in document.get("speakers", [])
    ]
    return tokens, turns


def ibm_watson(document: Any) -> Read:
    """Read IBM Watson, alone or in the envelope of a batch; speakers join by the word's start."""
    parts = document["results"]
    if "speaker_labels" not in parts[0] and "results" not in parts[0]:
        parts = [document]
    speakers = {
        label["from"]: _name(label["speaker"])
        for part in parts
        for label in part.get("speaker_labels", [])
    }

    def tokens() -> Iterator[Token]:
        for part in parts:
            for result in part["results"]:
                if result.get("final") is False:
                    continue
                best = result["alternatives"][0]
                scores = [score for _, score in best.get("word_confidence", [])]
                for at, (word, start, end) in enumerate(best["timestamps"]):
                    score = _number(scores[at]) if scores else None
                    yield Token(word, float(start), float(end), score, speakers.get(start))

    return tokens(), []


def google(document: Any) -> Read:
    """Read Google Speech-to-Text.

    With diarization the last result repeats all words, with speakers but without a confidence:
    then these are taken, with the confidence of the result that had the word first.
    """
    heard = [result["alternatives"][0] for result in _google_results(document)]
    tagged = [word for best in heard for word in best.get("words", []) if "speakerTag" in word]
    scores = {
        (str(word.get("startTime")), word["word"]): best.get("confidence")
        for best in heard
        for word in best.get("words", [])
        if "speakerTag" not in word
    }

    def tokens() -> Iterator[Token]:
        for word in tagged or (word for best in heard for word in best.get("words", [])):
            score = word.get("confidence") or scores.get((str(word.get("startTime")), word["word"]))
            yield Token(
                word["word"],
                _google_time(word.get("startTime")),
                _google_time(word.get("endTime")),
                _number(score),
                _name(word.get("speakerTag")),
            )

    return tokens(), []


def _google_results(document: Any) -> list[Any]:
    results = document.get("results") or document["response"]["results"]
    return [result for result in results if result.get("alternatives")]


def _google_time(time: Any) -> float:
    """Return seconds from ``{"seconds": "12", "nanos": 900000000}`` or ``"12.900s"``.

    >>> _google_time({"nanos": 5}), _google_time("1.3s"), _google_time({})
    (5e-09, 1.3, 0.0)
    """
    if isinstance(time, dict):  # zeros are left out
        return int(time.get("seconds", 0)) + int(time.get("nanos", 0)) / 1e9
    return float(time.removesuffix("s"))


def amazon(document: Any) -> Read:
    """Read Amazon Transcribe; punctuation marks are items without a time."""
    results = document["results"]

    def tokens() -> Iterator[Token]:
        for item in results["items"]:
            best = item["alternatives"][0]
            yield Token(
                best["content"],
                _number(item.get("start_time")),
                _number(item.get("end_time")),
                _number(best.get("confidence")),
                _name(item.get("speaker_label")),
            )

    turns = [
        Turn(float(turn["start_time"]), float(turn["end_time"]), turn["speaker_label"])
        for turn in (results.get("speaker_labels") or {}).get("segments", [])
    ]
    return tokens(), turns


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _name(value: Any) -> str | None:
    return None if value is None else str(value)


def _is_ibm(document: Any) -> bool:
    first = document["results"][0]
    best = (first["results"][0] if "results" in first else first)["alternatives"][0]
    return "timestamps" in best


FORMS: tuple[tuple[str, Callable[[Any], bool], Callable[[Any], Read]], ...] = (
    ("BBC Kaldi", lambda document: "words" in document["retval"], bbc_kaldi),
    ("Amazon Transcribe", lambda document: "items" in document["results"], amazon),
    ("IBM Watson", _is_ibm, ibm_watson),
    (
        "Google Speech-to-Text",
        lambda document: any("words" in r["alternatives"][0] for r in _google_results(document)),
        google,
    ),
    (
        "Speechmatics",
        lambda document: {"name", "time", "duration"} <= set(document["words"][0]),
        speechmatics,
    ),
    (
        "Digital Paper Edit",
        lambda document: "paragraphs" in document and "words" in document,
        digital_paper_edit,
    ),
    ("plain words", lambda document: "words" in document, plain),
    ("Whisper", lambda document: "segments" in document, whisper),
    (
        "plain words",
        lambda document: isinstance(document, list) and {"start", "end"} <= set(document[0]),
        plain,
    ),
)
"""Name, test of the content and reader of each form; a test may fail as a reader may."""
