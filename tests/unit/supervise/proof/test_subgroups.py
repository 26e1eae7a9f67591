"""Tables by slice: injected differences are found, chance ones are not, small ones are guarded."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from vquery.errors import LabelError
from vquery.supervise.proof import assess
from vquery.supervise.proof.subgroups import SCHEMA
from vquery.supervise.slices import slice as named


def world(bad, seed=0, videos=60, each=20):
    """Labels that are right 9 times of 10, and 6 of 10 where ``bad`` says so."""
    rng = np.random.default_rng(seed)
    n = videos * each
    items = pa.table(
        {
            "video": np.repeat(np.arange(videos), each).astype(str),
            "start_us": np.tile(np.arange(each), videos) * 1_000_000,
            "end_us": np.tile(np.arange(1, each + 1), videos) * 1_000_000,
            "channel": np.repeat(np.array(["CNN", "Fox", "BBC"])[np.arange(videos) % 3], each),
            "night": np.tile(np.arange(each) % 2 == 0, videos),
            "score": rng.random(n),
        }
    )
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.where(bad(items), 0.4, 0.1)
    return items, truth, np.where(wrong, 1 - truth, truth)


def channel(items, name="Fox"):
    return np.array(items["channel"].to_pylist()) == name


def fox_at_night(items):
    return channel(items) & items["night"].to_numpy(zero_copy_only=False)


def test_a_bad_slice_is_worse_and_the_others_are_not():
    items, truth, label = world(channel)
    table = assess(None, truth, labels=label, items=items, slices=["channel", "night"]).slices
    found = {one["slice"]: one for one in table.to_pylist()}
    assert {name: one["worse"] for name, one in found.items()} == {
        "channel=BBC": False, "channel=CNN": False, "channel=Fox": True, "night": False,
    }  # fmt: skip
    fox = found["channel=Fox"]
    assert (fox["items"], fox["groups"]) == (400, 20)
    assert fox["positives"] == truth[channel(items)].sum()
    assert fox["low"] < fox["value"] < fox["high"] < 0.8
    assert fox["difference_high"] < -0.15


def test_the_worst_pair_is_found_by_itself():
    items, truth, label = world(fox_at_night)
    worst = assess(None, truth, labels=label, items=items).worst(3, metric="accuracy")
    first = worst.to_pylist()[0]
    assert set(first["slice"].split(" & ")) == {"channel=Fox", "night"}
    assert first["worse"]
    assert first["value"] == pytest.approx(0.6, abs=0.1)
    alone = assess(None, truth, labels=label, items=items).worst(metric="accuracy", pairs=False)
    assert not any("&" in name for name in alone["slice"].to_pylist())


def test_without_a_difference_slices_are_rarely_worse():
    wrong = 0
    for seed in range(20):
        items, truth, label = world(lambda items: np.zeros(items.num_rows, bool), seed, videos=24)
        found = assess(None, truth, labels=label, items=items, draws=200)
        wrong += any(found.worst(metric="accuracy")["worse"].to_pylist())
    assert wrong <= 3


def test_small_slices_are_not_compared():
    items, truth, label = world(channel, videos=9)
    few = np.arange(items.num_rows) < 8
    one = np.arange(items.num_rows) < 20
    found = assess(None, truth, labels=label, items=items, slices={"few": few, "one": one})
    for line in found.slices.to_pylist():
        assert line["value"] is not None
        assert line["difference"] is line["p"] is line["worse"] is line["low"] is None
    assert not {"few", "one"} & set(found.worst()["slice"].to_pylist())
    assert "too few to tell" in str(found)


def test_where_less_is_better_more_is_worse():
    items, truth, label = world(channel)
    chance = np.where(label == 1, 0.9, 0.1)
    found = assess(chance, truth, items=items, slices="channel")
    table = {one["slice"]: one for one in found.by_slice("log_loss").to_pylist()}
    assert table["channel=Fox"]["worse"]
    assert table["channel=Fox"]["difference"] > 0
    assert not table["channel=CNN"]["worse"]
    assert found.worst(1, metric="log_loss", pairs=False)["slice"][0].as_py() == "channel=Fox"


@pytest.mark.parametrize("videos", [60, 2400])
def test_segments_need_slices_of_whole_videos(videos):
    """Very many videos are drawn in bundles, which mix the videos of slices."""
    items, truth, label = world(channel, videos=videos, each=10)
    truth, label = np.repeat(truth[::5], 5), np.repeat(label[::5], 5)
    found = assess(None, truth, labels=label, items=items, slices=["channel", "night"])
    table = {one["slice"]: one for one in found.by_slice("segment_f1@0.5").to_pylist()}
    fox = channel(items)
    alone = assess(None, truth[fox], labels=label[fox], items=items.filter(pa.array(fox)))
    assert table["channel=Fox"]["value"] == pytest.approx(alone.metric("segment_f1@0.5"))
    assert table["night"]["value"] is None


def test_numbers_are_cut_at_quartiles_and_ids_are_passed_over():
    items, truth, label = world(lambda items: items["score"].to_numpy() > 0.75)
    items = items.append_column("shot_id", pa.array(np.arange(items.num_rows) // 10))
    found = assess(None, truth, labels=label, items=items)
    worst = found.worst(1, metric="accuracy")["slice"][0].as_py()
    assert worst.startswith("score 0.7")
    named_columns = found.worst(99, columns=["night"])["slice"].to_pylist()
    assert named_columns == ["night"]
    with pytest.raises(LabelError, match="'video' has more than 20 values"):
        found.worst(columns=["video"])
    with pytest.raises(LabelError, match="needs items="):
        assess(None, [1, 0], labels=[1, 1]).worst(columns=["night"])


def test_a_slice_of_everything_or_nothing():
    items, truth, label = world(channel, videos=9)
    found = assess(
        None, truth, labels=label, items=items,
        slices=[named("all", np.ones(180, bool)), named("none", np.zeros(180, bool))],
    )  # fmt: skip
    everything, nothing = found.slices.to_pylist()
    assert everything["value"] == pytest.approx(found.metric("f1"))
    assert everything["worse"] is None
    assert nothing["items"] == 0
    assert nothing["value"] is None


def test_without_slices_none_is_worst():
    found = assess([0.9, 0.2, 0.6], [1, 0, 0]).worst()
    assert found.num_rows == 0
    assert found.schema.equals(SCHEMA)
