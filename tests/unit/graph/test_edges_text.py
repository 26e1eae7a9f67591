from __future__ import annotations

import re

import numpy as np
import pytest

from vquery.engine import wordindex
from vquery.errors import SchemaError
from vquery.graph.edges import Graph, text_edges
from vquery.graph.edges import text as module
from vquery.graph.edges import wordings as words_module
from vquery.graph.knn import Apart
from vquery.ingest.captions import read_captions

AD = "tell your doctor about every medicine you take before you try this new one"
NEWS = [
    "the president spoke to reporters in the garden this morning",
    "a storm is moving north along the coast with heavy rain",
    "shares fell again after the bank raised its rates",
    "the home team won in extra time last night",
]


def test_an_advertisement_is_linked_with_itself_and_with_nothing_else():
    texts = [NEWS[0], AD, NEWS[1], NEWS[2], AD.upper() + "!", NEWS[3]]
    edges = text_edges(texts)
    assert sorted(zip(*(i.tolist() for i in edges.nonzero()), strict=True)) == [(1, 4), (4, 1)]


def test_the_same_long_text_weighs_nearly_one_and_the_same_few_words_little():
    rest = [f"{a} {b}" for a in NEWS for b in NEWS if a != b]
    edges = text_edges([AD * 3, AD * 3, "a storm", "A storm.", *rest])
    assert edges[0, 1] > 0.8
    assert 0 < edges[2, 3] < 0.25 * edges[0, 1]


def test_what_has_no_word_gets_no_edge():
    nothing = text_edges([None, "", " ♪ ♪ ", float("nan"), "--", None])
    assert (nothing.shape, nothing.nnz) == ((6, 6), 0)
    assert text_edges([]).shape == (0, 0)
    assert text_edges([None, AD, None, AD]).nonzero()[0].tolist() == [1, 3]


def test_many_items_with_one_text_share_their_neighbours_out(monkeypatch):
    monkeypatch.setattr(module, "COMMON", 1.0)
    n = 10_000
    edges = text_edges([AD] * n, k=4)
    assert np.diff(edges.indptr).max() == 4  # no hub
    assert Graph(n, {"text": edges}).components()[0] == 1


def test_what_is_said_everywhere_links_nothing():
    own = [f"{a} {b} {c}" for a in "abcdef" for b in "ghijkl" for c in "mn"]
    linked = {
        count: np.diff(text_edges(["[Music]"] * count + own * 2, least=0.9).indptr) > 0
        for count in (21, 40)
    }
    assert text_edges(["[Music]"] * 20 + own[:5], least=0.9).nnz > 0  # few
    assert linked[21].all()  # a share of .13
    assert linked[40].tolist() == [False] * 40 + [True] * 144
    # one caption that lasts is said once, however many frames show it
    time = np.r_[np.arange(400.0), 1000.0, 1001 + np.arange(40.0)]
    texts = [AD] * 401 + [f"word{i}" for i in range(40)]
    apart = Apart(video=np.zeros(441, int), time=time, seconds=2.0)
    assert text_edges(texts, apart=apart).nnz > 0


def test_captions_that_last_link_what_is_as_far_along_not_what_follows():
    # twice the same advertisement, ten items each, an hour apart
    texts, video = [AD] * 20, np.zeros(20, int)
    time = np.r_[np.arange(10.0), 3600 + np.arange(10.0)]
    edges = text_edges(texts, apart=Apart(video=video, time=time, seconds=30.0))
    row, col = edges.nonzero()
    assert (np.abs(row - col) == 10).all()
    assert len(row) == 20


def test_overlapping_windows_of_the_same_words_do_not_restate_time():
    words = " ".join(NEWS).split()
    texts = [" ".join(words[i : i + 12]) for i in range(24)]
    time, video = np.arange(24.0), np.zeros(24, int)
    assert text_edges(texts).nnz > 0
    assert text_edges(texts, apart=Apart(video=video, time=time, seconds=12.0)).nnz == 0
    assert text_edges(texts, apart=Apart(np.zeros(24, int))).nnz == 0


def test_small_blocks_give_the_same_edges(monkeypatch):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(" ".join(NEWS).split(), 8)) for _ in range(60)] * 2
    whole = text_edges(texts, least=0.3)
    monkeypatch.setattr(words_module, "MATCHES", 50)
    monkeypatch.setattr(module, "CANDIDATES", 20)
    assert whole.nnz > 100
    assert (text_edges(texts, least=0.3) != whole).nnz == 0


def test_words_are_those_of_phrases():
    # the kind of apostrophe and the case do not matter, letters of any script make words
    edges = text_edges(["DON\u2019T मेरी café", "don't मेरी CAFE\u0301", "dont मर cafe", *NEWS])
    assert edges.nonzero()[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("texts", "named", "message"),
    [
        ([1, 2], {}, "texts must be texts or None"),
        (["a", 2], {}, "texts must be texts or None"),
        (["a"], {"k": 0}, "k >= 1"),
        (["a"], {"least": 0.0}, "0 < least <= 1"),
    ],
)
def test_what_is_no_text_is_refused(texts, named, message):
    with pytest.raises(SchemaError, match=message):
        text_edges(texts, **named)


@pytest.mark.data
def test_repeated_advertisements_of_real_captions_meet_and_news_do_not(data):
    texts, video, time = [], [], []
    files = sorted((data / "captions_tvnews").glob("FOXNEWSW_20160101*.srt"))
    for number, path in enumerate(files):
        cues = read_captions(path, video=path.stem).tables["cues"]
        start = cues["start_us"].to_numpy() / 1e6
        said = cues["text"].to_pylist()
        for second in np.arange(0, start[-1], 10.0):
            first, last = np.searchsorted(start, [second, second + 10])
            texts.append(" ".join(said[first:last]) or None)
            video.append(number)
            time.append(second)
    video, time = np.array(video), np.array(time)
    edges = text_edges(texts, apart=Apart(video=video, time=time, seconds=60.0))
    wordindex.forget()  # the memory of a million words
    row, col = edges.nonzero()
    assert ((video[row] != video[col]) | (np.abs(time[row] - time[col]) > 60)).all()

    def runs_of_words(text, n=4):
        words = re.findall(r"[\w']+", (text or "").lower())
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    # four words in a row are said twice by chance in fewer than one of a thousand pairs
    grams = [runs_of_words(text) for text in texts]
    same = np.array([bool(grams[a] & grams[b]) for a, b in zip(row, col, strict=True)])
    assert len(row) > 1000
    assert edges.data[same].sum() > 0.95 * edges.data.sum()
    # advertisements are in lower case
    lower = np.array([sum(map(str.islower, text or "")) > 0.6 * len(text or "-") for text in texts])
    linked = np.diff(edges.indptr) > 0
    assert linked[lower].mean() > 0.6
    assert linked[~lower].mean() < 0.2
    named = np.array(["humira" in (text or "").lower() for text in texts])
    assert named.sum() > 10
    assert linked[named].all()
