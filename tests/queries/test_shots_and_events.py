"""Queries on real shots, events, segments and actions, against loops over the same files."""

from __future__ import annotations

import json
import re

import pytest

from tests.queries.oracle import lines_of, merged, short_shots, spans_of

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def clipshots(data):
    import loaders

    return loaders.shots(data)


@pytest.fixture(scope="module")
def short(data):
    return short_shots(data / "shots/clipshots_train.json", longest=12)


def test_the_shots_are_those_of_all_videos(clipshots, short):
    assert len(short) == 3657
    # one video is all transition
    assert clipshots.distinct("video").count() == 3656
    assert clipshots.count() > 148_928


@pytest.mark.parametrize("n", range(2, 21))
def test_runs_of_short_shots(clipshots, short, n):
    from q07_short_shots_in_a_row import runs

    wanted = 0
    for shots in short.values():
        lengths, last = [], None
        for start, end in shots:
            if last is not None and start - last <= 1:
                lengths[-1] += 1
            else:
                lengths.append(1)
            last = end
        wanted += sum(length >= n for length in lengths)
    found = runs(clipshots, n)
    assert found.count() == wanted
    assert wanted > 0


@pytest.mark.parametrize("n", range(2, 21))
def test_short_shots_in_a_row(clipshots, short, data, n):
    from q07_short_shots_in_a_row import in_a_row

    wanted = 0
    for shots in short.values():
        length, last = 0, None
        for start, end in shots:
            length = length + 1 if last is not None and 0 <= start - last <= 1 else 1
            wanted += length >= n
            last = end
    assert in_a_row(clipshots, n).count() == wanted > 0


@pytest.mark.parametrize("n", [2, 3, 6])
def test_short_shots_in_a_row_by_joins(clipshots, short, n):
    from q07_short_shots_in_a_row import by_joins

    wanted = 0
    for shots in short.values():
        ways = [1] * len(shots)  # how many chains end with this shot
        for _ in range(n - 1):
            ways = [
                sum(
                    ways[before]
                    for before in range(max(0, at - 3), at)
                    if 0 <= start - shots[before][1] <= 1
                )
                for at, (start, _) in enumerate(shots)
            ]
        wanted += sum(ways)
    assert by_joins(clipshots, n).count() == wanted
    assert wanted > 100


@pytest.mark.parametrize(("split", "clips"), [("train", 1368), ("val", 455)])
def test_returned_serves(data, split, clips):
    import loaders
    from more_serves import returned_serves

    games = json.loads((data / f"events/tennis/{split}.json").read_text())
    wanted = []
    for game in games:
        events = [(each["frame"], each["label"].split("_")[2]) for each in game["events"]]
        for first, second, third in zip(events, events[1:], events[2:], strict=False):
            kinds = (first[1], second[1], third[1])
            seconds = (third[0] - first[0]) / game["fps"]
            if kinds == ("serve", "bounce", "swing") and seconds <= 3:
                wanted.append((game["video"], round(first[0] / game["fps"] * 1e6)))
    found = returned_serves(loaders.tennis(data, split)).collect()
    assert len(games) == clips
    assert len(wanted) > 100
    got = zip(found["video"].to_pylist(), found["start_us"].to_pylist(), strict=True)
    assert sorted(got) == sorted(wanted)


@pytest.mark.parametrize(
    ("labels", "column"), [("gold", "Social Media Logo"), ("gpt4o_run5", "Social Media Logo")]
)
@pytest.mark.parametrize("kind", ["ad", "news"])
def test_logos_in_advertisements(data, labels, column, kind):
    import loaders
    from more_logos import logos_in

    segments = [
        (line["episode"], *(seconds(line[each]) for each in ("start_time", "end_time")))
        for line in lines_of(data / "tvnews_frames/ad_segments.csv")
        if line["type"] == kind
    ]
    wanted = 0
    for path in (data / "tvnews_frames").glob(f"{labels}_*.csv"):
        for line in lines_of(path):
            episode, *numbers = re.split(r"-(?=\d{6}(?:-|\.))", line["filename"].strip("/"))
            first, last = int(numbers[0][:6]), int(numbers[-1][:6])
            if line[column].strip() == "Yes":
                wanted += sum(
                    video == episode and start < last + 1 and first < end
                    for video, start, end in segments
                )
    found = logos_in(loaders.logos(data, labels), loaders.advertisements(data), kind)
    assert found.count() == wanted
    # people labelled news only; the model saw whole episodes
    assert wanted > 0 or (labels, kind) == ("gold", "ad")


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_isolated_intervals_are_dropped(data):
    import loaders
    from q20_isolated_intervals import without_isolated

    actions = spans_of(loaders.actions(data))
    wanted = {}
    for video, spans in actions.items():
        all_spans = merged(spans)
        kept = [
            span
            for at, span in enumerate(all_spans)
            if span[1] - span[0] > 10_000_000
            or any(
                0 <= max(span[0], other[0]) - min(span[1], other[1]) <= 60_000_000
                for place, other in enumerate(all_spans)
                if place != at
            )
        ]
        if kept:
            wanted[video] = kept
    assert spans_of(without_isolated(loaders.actions(data))) == wanted
    assert sum(map(len, wanted.values())) < sum(len(merged(each)) for each in actions.values())
