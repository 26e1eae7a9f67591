"""Queries on the captions of 70 hours of real television, against loops over the same files."""

from __future__ import annotations

import re

import pytest

from tests.queries.oracle import merged, read_srt, shared, spans_of, uncovered

pytestmark = pytest.mark.data
SECOND = 1_000_000
LOWER = re.compile("[a-z]{3}")


@pytest.fixture(scope="module")
def cues(data):
    """Cues of each file by its name."""
    return {path.stem: read_srt(path) for path in (data / "captions_tvnews").glob("*.srt")}


@pytest.fixture(scope="module")
def blocks(cues):
    """Blocks of commercials of each file, by plain loops."""
    return {video: commercial_blocks(found) for video, found in cues.items()}


def commercial_blocks(cues):
    length = cues[-1].end if cues else 0
    lower = [(cue.start, cue.end) for cue in cues if LOWER.search(cue.text)]
    spoken = [span for span in merged(lower, 5 * SECOND) if span[1] - span[0] >= 15 * SECOND]
    silent = [
        span
        for span in uncovered([(cue.start, cue.end) for cue in cues], length)
        if 30 * SECOND <= span[1] - span[0] <= 270 * SECOND
    ]
    return merged([*spoken, *silent], 120 * SECOND, 300 * SECOND)


def test_the_cues_are_those_of_the_files(captions, cues):
    assert captions.count() == sum(map(len, cues.values())) > 111_000


def test_commercials(captions, blocks):
    from q05_commercials import commercials

    found = spans_of(commercials(captions))
    wanted = {video: spans for video, spans in blocks.items() if spans}
    assert found == wanted
    assert sum(map(len, wanted.values())) > 300


def words_of(cues):
    """Words of a programme in order: what, from when, to when, in which cue.

    The time of a cue goes to what stands between its blanks by length, the ``>>`` of a speaker and
    what has no letter left out; a hyphened word is two, the second from its own first letter on.
    """
    words = []
    for number, cue in enumerate(cues):
        pieces = [piece for piece in cue.text.split() if re.search(r"[^\W_]|[&%+=]", piece)]
        lengths = [len(piece.lstrip(">")) for piece in pieces]
        total, before = sum(lengths), 0
        for piece, length in zip(pieces, lengths, strict=True):
            spoken = piece.lstrip(">")
            found = list(re.finditer(r"[^\W_]+(?:['\u2019\u02bc][^\W_]+)*", spoken))
            starts = [before, *(before + match.start() for match in found[1:]), before + length]
            for match, *parts in zip(found, starts, starts[1:], strict=False):
                if match is found[-1]:
                    parts[1] = before + length
                at = [cue.start + (cue.end - cue.start) * part // total for part in parts]
                words.append((match.group().replace("\u2019", "'").lower(), *at, number))
            before += length
    return words


def occurrences(words, phrases, longest_pause=None):
    """Places where one of some phrases stands: start, end, first and last word."""
    found = set()
    said = [word for word, *_ in words]
    for phrase in (each.lower().split() for each in phrases.split("|")):
        for first in range(len(said) - len(phrase) + 1):
            last = first + len(phrase) - 1
            if said[first : last + 1] == phrase and (
                longest_pause is None
                or all(
                    words[at + 1][1] - words[at][2] <= longest_pause for at in range(first, last)
                )
            ):
                found.add((words[first][1], words[last][2], first, last))
    return sorted(found)


@pytest.fixture(scope="module")
def words(cues):
    return {video: words_of(found) for video, found in cues.items()}


@pytest.mark.parametrize("phrase", ["THANK YOU", "happy new year", "joining me | joining us"])
def test_phrases_go_on_from_cue_to_cue(captions, words, phrase):
    wanted = {}
    across = 0
    for video, said in words.items():
        found = occurrences(said, phrase)
        across += sum(said[first][3] != said[last][3] for _, _, first, last in found)
        if found:
            wanted[video] = sorted((start, end) for start, end, *_ in found)
    found = {video: sorted(spans) for video, spans in spans_of(captions.phrase(phrase)).items()}
    assert found == wanted
    assert across > 10


def test_guest_introductions(captions, cues, words, blocks):
    from q06_guest_introductions import COLLEAGUES, PHRASES, introductions

    wanted = {}
    inside = 0
    for video, all_cues in cues.items():
        said = [word for word in words[video] if not LOWER.search(all_cues[word[3]].text)]
        length = all_cues[-1].end if all_cues else 0
        colleagues = occurrences(said, COLLEAGUES, 2 * SECOND)
        for start, end, *_ in occurrences(said, PHRASES, 2 * SECOND):
            if any(
                max(start, other) - min(end, until) <= 30 * SECOND
                for other, until, *_ in colleagues
            ):
                continue
            span = max(0, start - 10 * SECOND), min(length, end + 10 * SECOND)
            wanted.setdefault(video, []).append(span)
            inside += shared([(start, end)], blocks[video]) > 0
    found = spans_of(introductions(captions))
    assert {video: sorted(spans) for video, spans in found.items()} == {
        video: sorted(spans) for video, spans in wanted.items()
    }
    count = sum(map(len, wanted.values()))
    assert count > 150
    assert inside <= 0.01 * count


def test_introductions_stay_out_of_commercials_without_looking_at_case(captions, blocks):
    from q06_guest_introductions import COLLEAGUES, PHRASES

    # the filter on live captions alone would be no proof: blocks are found by case as well
    said = spans_of(captions.phrase(PHRASES, not_near=COLLEAGUES, within=30, max_gap=2))
    inside = [shared([span], blocks[video]) > 0 for video, spans in said.items() for span in spans]
    assert sum(inside) <= 0.01 * len(inside)


@pytest.mark.parametrize(("gap", "reach", "least"), [(60, 30, 30), (120, 10, 60)])
def test_topics(captions, words, gap, reach, least):
    from q18_caption_topics import topic

    wanted = {}
    for video, said in words.items():
        key = [span[:2] for span in occurrences(said, "police | shooting | officers")]
        segments = merged(key, gap * SECOND)
        around = [
            span[:2]
            for span in occurrences(said, "court | family | mayor")
            if any(max(span[0], a) - min(span[1], b) <= reach * SECOND for a, b in segments)
        ]
        found = [
            span
            for span in merged([*segments, *around], reach * SECOND)
            if span[1] - span[0] >= least * SECOND
        ]
        if found:
            wanted[video] = found
    rows = topic(captions).collect(params={"gap": gap, "reach": reach, "least": least})
    found = {}
    for row in rows.to_pylist():
        found.setdefault(row["video"], []).append((row["start_us"], row["end_us"]))
    assert found == wanted
    assert len(rows) > 30


def test_how_a_topic_answers_to_its_parameters(captions):
    from q18_caption_topics import topic

    def seconds(**params):
        rows = topic(captions).collect(params=params)
        return sum(rows["end_us"].to_numpy() - rows["start_us"].to_numpy()) / SECOND

    by_gap = [seconds(gap=gap) for gap in (15, 60, 240)]
    assert by_gap == sorted(by_gap)
    assert by_gap[0] < by_gap[-1]
    by_least = [seconds(least=least) for least in (0, 60, 180)]
    assert by_least == sorted(by_least, reverse=True)
    assert by_least[-1] > 0
