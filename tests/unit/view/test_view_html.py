"""Pages say what they show, and hostile names stay text."""

import base64
import re
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from vquery.view.lanes import COLOURS, Lane, lanes_html
from vquery.view.page import (
    SHOWN_CARDS,
    SHOWN_ROWS,
    SHOWN_VIDEOS,
    fragment,
    heading,
    page,
    paragraph,
    relation_html,
    table_html,
)
from vquery.view.sheets import Card, sheet_html

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></svg></title><b>",
    "&lt;i&gt; &amp; {}",
)
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and insists on tags that close."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, tag, name):
        return [v for t, n, v in self.attributes if (t, n) == (tag, name)]


def intervals(rows, **more):
    columns = {
        "video": [row[0] for row in rows],
        "start_us": pa.array([row[1] for row in rows], pa.int64()),
        "end_us": pa.array([row[2] for row in rows], pa.int64()),
    }
    return pa.table(columns | more)


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_names_stay_text(evil):
    rows = intervals(
        [(evil, 0, 5_000_000), (evil, 0, 9)],
        name=[evil, None],
        detection_id=[1, 2],
        note=[evil, evil],
    )
    lanes = [Lane(evil, rows, colour_by="name"), Lane(evil, rows, faint=True)]
    read = Reader(
        page(
            evil,
            heading(evil),
            paragraph(evil),
            table_html([evil], [[evil]]),
            lanes_html(lanes),
            sheet_html(evil, [Card(b"x", evil, wrong=True, tip=evil)], note=evil),
            relation_html(rows, name=evil, picture=lambda _: b"jpeg"),
        )
    )
    assert "script" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    sources = read.values("img", "src")
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "".join(read.text).count(evil) >= 12, "everywhere, as it is written"
    assert evil in read.values("figure", "title")
    assert f"timeline of {evil}" in read.values("svg", "aria-label")


def test_a_page_stands_alone():
    text = page("Title", paragraph("text"))
    read = Reader(text)
    assert text.startswith("<!doctype html>")
    assert read.tags.count("style") == 1
    assert not re.search(r"https?:|<link|<script|@import|url\(", text)


def test_instants_are_seen():
    text = lanes_html([Lane("words", intervals([("a", 1_000_000, 1_000_000)]))])
    bars = re.findall(r'<rect x="[^"]*" y="[^"]*" width="([^"]*)" [^>]*fill=', text)
    assert [float(width) for width in bars] == [2.0]
    assert "<title>0:01</title>" in text


def test_bars_lie_at_their_time():
    text = lanes_html(
        [Lane("shots", intervals([("a", 0, 50_000_000), ("a", 50_000_000, 100_000_000)]))]
    )
    bars = re.findall(r'<rect x="([^"]*)" y="[^"]*" width="([^"]*)" [^>]*fill=', text)
    (x0, w0), (x1, w1) = [(float(x), float(w)) for x, w in bars]
    assert (x0, x1) == (150, 560)
    assert w0 == w1 == 409, "a hair apart"
    labels = re.findall(r'class="vq-time">([^<]*)<', text)
    assert labels == [
        "0:00",
        *(f"0:{s}" for s in range(10, 60, 10)),
        "1:00",
        "1:10",
        "1:20",
        "1:30",
        "1:40",
    ]


def test_overlapping_people_are_both_seen():
    rows = intervals([("a", 0, 9_000_000), ("a", 1_000_000, 5_000_000)], name=["Ada", "Zoë"])
    text = lanes_html([Lane("faces", rows, colour_by="name")])
    bars = re.findall(r'y="([^"]*)" width="[^"]*" height="[^"]*" rx="2" fill="([^"]*)"', text)
    assert len({y for y, _ in bars}) == 2
    assert len({colour for _, colour in bars}) == 2


def test_each_video_has_its_picture_and_lanes_stay_aligned():
    lanes = [
        Lane("one", intervals([("b", 0, 9), ("a", 0, 9)])),
        Lane("two", intervals([("b", 5, 9)])),
    ]
    read = Reader(lanes_html(lanes, durations_us={"a": 60_000_000}))
    assert read.values("svg", "aria-label") == ["timeline of a", "timeline of b"]
    assert read.text.count("two") == 4, "as name and as tip of the name, in both"
    assert "1:00" in read.text


def test_videos_may_be_numbers():
    rows = pa.table({"video": [7, 7], "start_us": [0, 5], "end_us": [2, 9]})
    assert "timeline of 7" in lanes_html([Lane("x", rows)])


def test_colours_follow_the_order_asked_for():
    rows = pa.table(
        {"video": ["v"] * 3, "start_us": [0, 1, 2], "end_us": [1, 2, 3], "vote": ["b", "b", "a"]}
    )
    lanes = [Lane("votes", rows, colour_by="vote")]
    for values, first in ((None, "b"), (["a", "b"], "a"), (["c", "b"], "c")):
        legend = lanes_html(lanes, values=values)
        assert legend.index(COLOURS[0]) < legend.index(f"</i>{first}<") < legend.index(COLOURS[1])


def test_values_without_a_name_are_said_in_the_legend():
    rows = intervals([("a", 0, 9), ("a", 0, 9)], name=pa.array([None, "Ada"], pa.string()))
    read = Reader(lanes_html([Lane("faces", rows, colour_by="name")]))
    assert read.text.index("Ada") < read.text.index("no name")


def test_wrong_cards_are_marked_for_every_reader():
    read = Reader(sheet_html("Ada", [Card(b"j", "0.9"), Card(b"j", "0.4", wrong=True)]))
    assert read.values("figure", "class") == ["vq-card", "vq-card vq-wrong"]
    assert read.text.count("✗") == 1
    assert read.values("img", "alt") == ["0.9", "0.4"]


def test_cards_carry_their_picture():
    (source,) = Reader(sheet_html("Ada", [Card(b"jpeg bytes", "")])).values("img", "src")
    assert base64.b64decode(source.partition(",")[2]) == b"jpeg bytes"


def test_numbers_are_aligned_and_nothing_is_a_dash():
    text = table_html(["name", "n"], [["a", 1.23456], [None, None]])
    assert '<th class="vq-number">n</th>' in text
    assert '<td class="vq-number">1.235</td>' in text
    assert text.count("–") == 2
    assert "vq-number" not in table_html(["a"], [])
    assert "…" in table_html(["a"], [["x" * 1000]])


def test_a_relation_says_what_it_does_not_show():
    videos = SHOWN_VIDEOS + 3
    rows = [(f"{i % videos:02}.mp4", i * 10, i * 10 + 5) for i in range(500)]
    table = intervals(sorted(rows), detection_id=list(range(500)))
    asked = []
    read = Reader(relation_html(table, name="faces", picture=lambda one: asked.append(one) or b"j"))
    said = " ".join(read.text)
    assert f"500 faces in {videos} videos" in said
    assert f"the first {SHOWN_VIDEOS} of {videos} videos" in said
    assert f"the first {SHOWN_ROWS} of 500 rows" in said
    assert f"{SHOWN_CARDS} of 500" in said
    assert read.tags.count("svg") == SHOWN_VIDEOS
    assert read.tags.count("tr") == SHOWN_ROWS + 1
    assert len(asked) == SHOWN_CARDS
    assert (asked[0], asked[-1]) == (0, 499), "spread over all rows"


def test_times_are_for_people():
    table = intervals([("a", 3_723_500_000, 3_723_512_000)])
    read = Reader(relation_html(table))
    assert {"start", "end", "1:02:03.500", "1:02:03.512"} <= set(read.text)


def test_crops_are_captioned_with_name_and_confidence():
    table = intervals(
        [("a", 0, 9), ("a", 2_000_000, 3_000_000)],
        detection_id=pa.array([1, 2]),
        name=pa.array(["Ada", None], pa.string()),
        name_probability=[0.875, None],
    )
    read = Reader(relation_html(table, picture=lambda _: b"j"))
    assert read.values("img", "alt") == ["Ada 0.88", "0:02"]


def test_without_pictures_there_is_no_sheet():
    table = intervals([("a", 0, 9)], detection_id=[1])
    assert "vq-sheet" not in relation_html(table, picture=lambda _: None).split("</style>")[1]
    assert "vq-sheet" not in relation_html(table).split("</style>")[1]


def test_an_empty_relation():
    read = Reader(relation_html(intervals([]), name="faces"))
    assert "0 faces" in read.text
    assert "svg" not in read.tags


def test_the_style_reaches_only_its_own_part():
    style = fragment().partition("</style>")[0].removeprefix("<style>")
    selectors = [one.strip() for rule in style.split("}") for one in rule.split("{")[0].split(",")]
    assert all(one.startswith(".vq") for one in selectors if one)
