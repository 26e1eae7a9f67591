"""The example queries give the same rows on the engine and on the slow reference."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import vquery as vq
from tests.properties.test_engine import assert_rows
from vquery import row
from vquery.engine import reference


@pytest.fixture(scope="module")
def small_news():
    from newsroom import newsroom

    return newsroom(videos=4, seconds=20.0)


@pytest.fixture(scope="module")
def some_tv(tv):
    """Ten minutes of three channels, in which a speech is on all of them."""
    here = (row.video.isin(["Ada-0", "Ben-0", "Cleo-0"]), row.start > 1500, row.start < 2100)
    names = ("faces", "captions", "black", "commercials")
    cut = {name: part_of(getattr(tv, name), *here) for name in names}
    return SimpleNamespace(**cut, episodes=part_of(tv.episodes, row.video == "Ada-0"))


def part_of(relation, *conditions):
    """Some rows as a table of their own: the reference reads a table at each step anew."""
    rows = relation.filter(*conditions)
    length = dict.fromkeys(rows.collect()["video"].to_pylist(), 3600)
    return vq.from_arrow(rows.collect(), name="part", extents=length)


def of_newsroom(news):
    import q01_two_people_interview as q01
    import q04_panel as q04
    import q06_guest_introductions as q06
    import q10_phrase_said_alone as q10
    import q12_man_left_of_woman as q12
    import q14_two_identities_in_one_shot as q14
    import q19_others_on_screen as q19

    yield q01.interview(news.faces)
    yield q01.without(news.faces)
    yield q04.panel(news.faces, height=0.05, least=0)
    yield q06.introductions(news.captions)
    yield q10.says_alone(news.captions, news.faces, "you | news")
    yield q12.man_left_of_woman(news.faces, height=0.05)
    yield q14.shots_with_both(news.shots, news.faces)
    yield q19.others_with(news.faces)


def of_archive(tv):
    import q02_interview_with_person as q02
    import q03_interviews_of_an_archive as q03
    import q05_commercials as q05
    import q09_many_channels_at_once as q09
    import q18_caption_topics as q18
    import q20_isolated_intervals as q20
    import q24_screen_time as q24

    yield q02.interview_with(tv.faces, "June")
    found = q03.interviews(tv.faces, tv.commercials)
    yield found
    yield q03.parts(tv.faces, found)
    yield q05.commercials_between_black(tv.captions, tv.black)
    yield q09.on_three_channels(tv.faces)
    yield q18.topic(tv.captions, "election", "markets")
    yield q20.without_isolated(tv.faces)
    yield q24.by_channel(q24.screen_time(tv.faces, tv.captions, tv.episodes))


def of_scenes():
    import q07_short_shots_in_a_row as q07
    import q08_faces_in_a_row as q08
    import q11_host_beside_still_face as q11
    import q13_poses as q13
    import q15_missed_boxes as q15
    import q16_photographs_of_a_person as q16
    import q17_most_animated_host as q17
    import q21_cyclist as q21
    import q22_empty_parking_spaces as q22
    import q23_traffic_lights as q23
    import q25_film_idioms as q25
    import scenes

    early = row.start < 25
    people, shots = scenes.street(), scenes.films()
    yield q07.by_joins(scenes.poses().filter(row.track == 0, early), 3)
    yield q08.faces_in_a_row(scenes.crowds())
    yield q11.host_beside_others(scenes.split_screens().filter(early))
    yield q13.hands_above_head(scenes.poses())
    yield q15.missed(scenes.crowds().filter(early), scenes.crowds().filter(row.x1 < 0.5))
    yield q16.photographs(scenes.pictures())
    yield q17.most_animated(scenes.poses())
    yield q21.cyclists(people.filter(row.start < 8))
    yield q22.empty_spaces(scenes.parking()[0].filter(row.start < 500))
    lights = part_of(scenes.lights()[0], row.track == 0, row.start < 30)
    yield q23.changes(lights)
    yield q23.flicker(lights)
    described = q25.described(*(each.filter(row.start < 60) for each in shots))
    yield q25.conversations(described)
    yield q25.intensifications(described)


def agree(queries) -> int:
    """Compare all, and count the rows that were found."""
    found = 0
    for query in queries:
        rows = query.collect().to_pylist()
        assert_rows(rows, reference.run(query.node))
        found += len(rows)
    return found


def test_queries_on_the_newsroom(small_news):
    assert agree(of_newsroom(small_news)) > 20


def test_queries_on_the_archive(some_tv):
    assert agree(of_archive(some_tv)) > 20


def test_queries_on_scenes():
    assert agree(of_scenes()) > 100
