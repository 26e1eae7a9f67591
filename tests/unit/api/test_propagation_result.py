"""What a propagation tells of itself: how right it is, why each label is there, its graph."""

from __future__ import annotations

import json

import networkx as nx
import pytest

import vquery as vq
from vquery.errors import LabelError, SchemaError

ANN, BOB, OTHER_BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_001, 2_000_000_013
LATER_ANN = 1_000_000_025


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        db.label([ANN], "name", "Ann")
        db.label([BOB], "name", "Bob")
        yield db


@pytest.fixture
def people(world):
    """Ann in three videos and strangers between; two labelled."""
    found = {}
    for video in ("a.mp4", "b.mp4", "c.mp4"):
        tracks = [("Ann", 0), ("Bob", 10), (f"somebody in {video}", 20)]
        found[video] = world.add(video, tracks)
    world.db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    world.db.label(found["a.mp4"]["Bob"][:1], "name", "Bob")
    return world.db, found


def test_the_summary_tells_the_graph_the_solution_and_the_gaps(db):
    facts = db.propagate("name").summary()
    graph = facts["graph"]
    assert (graph["nodes"], graph["edges_by_kind"]) == (5, {"visual": 2})
    assert (graph["solver"], graph["converged"], graph["recall"]) == ("direct", True, 1.0)
    assert graph["unreached_components"] == 1
    (gap,) = graph["gaps"]
    assert (gap["tracks"], gap["items"]) == (1, 12)
    assert CLEO <= gap["label"] < CLEO + 12
    assert [one["threshold"] for one in facts["expected"]] == [0.5, 0.7, 0.9, 0.95]
    assert facts["expected"][0]["items"] == 24  # two tracks beside those with a human label
    assert facts["expected"][0]["precision"] == pytest.approx(0.9486, abs=1e-3)
    assert facts["expected"][3] == {"threshold": 0.95, "items": 0, "precision": None}
    assert json.loads(db.runs["report"].to_pylist()[-1]) == json.loads(json.dumps(facts))


def test_the_curve_compares_with_the_truth_track_by_track(people):
    db, found = people
    outcome = db.propagate("name")
    later = [item for video in ("b.mp4", "c.mp4") for item in found[video]["Ann"]]
    truth = dict.fromkeys(later[:6], "Ann") | dict.fromkeys(later[6:], "Bob")
    curve = outcome.curve(truth, thresholds=[0.0, 1.0]).to_pylist()
    assert [row["checked"] for row in curve] == [0, 12]
    assert curve[1]["precision"] == 0.5
    assert curve[1]["low"] < 0.05  # two tracks are two observations, not twelve
    table = db.faces.filter(vq.face.detection_id.isin(later)).mutate(name="Ann").collect()
    assert outcome.curve(table, thresholds=[0.5])["precision"].to_pylist() == [1.0]
    assert outcome.curve(thresholds=[0.5])["precision"].to_pylist() == [None]
    with pytest.raises(SchemaError, match="column 'label' or 'name'"):
        outcome.curve(table.select(["detection_id"]))


def test_nobody_is_right_where_the_truth_is_none_of_them(people):
    db, found = people
    outcome = db.propagate("name")
    truth = dict.fromkeys(found["b.mp4"]["Bob"])
    assert outcome.curve(truth, thresholds=[0.1])["precision"].to_pylist() == [0.0]


def test_why_names_the_seed_and_the_way(db):
    found = db.propagate("name")
    why = found.why(LATER_ANN)
    assert (why.label, why.source, why.concept) == ("Ann", "propagated", "name")
    (seed,) = why.seeds
    assert (seed.detection_id, seed.label) == (ANN, "Ann")
    assert [stop.detection_id for stop in seed.path] == [LATER_ANN, ANN]
    assert seed.path[-1].kind == "visual"
    assert seed.share + why.rest + why.unknown == pytest.approx(1.0)
    stored = {r["detection_id"]: r["why"] for r in found.table.to_pylist()}
    assert json.loads(stored[LATER_ANN])[0]["weight"] == pytest.approx(seed.share, abs=1e-3)
    text = repr(why).splitlines()
    assert text[0] == f"detection {LATER_ANN} (a.mp4 at 0:01): Ann, probability 0.95"
    assert text[1].startswith(f"  0.95 Ann: seed {ANN} (a.mp4 at 0:00), by visual 0.9")
    assert json.loads(json.dumps(why.to_dict()))["seeds"][0]["path"][0]["video"] == "a.mp4"


def test_why_goes_by_way_of_others(world):
    """Three looks, each half the next: the ends are linked only by what is between."""
    import numpy as np

    start, end = (np.random.default_rng(s).normal(size=24) * 2 for s in (1, 2))
    for step, name in enumerate(("first", "between", "last")):
        world._looks[name] = start * (1 - step / 2) + end * step / 2
    seed = world.add("a.mp4", [("first", 0)])["first"]
    between = world.add("b.mp4", [("between", 0)])["between"]
    last = world.add("c.mp4", [("last", 0)])["last"]
    world.add("d.mp4", [("another", 0)])
    world.db.label(seed[:1], "name", "Ann")
    why = world.db.propagate("name", floor=0.45).why(last[0])
    assert [stop.video for stop in why.seeds[0].path] == ["c.mp4", "b.mp4", "a.mp4"]
    assert why.seeds[0].path[1].detection_id in between
    assert "by way of" in repr(why)


def test_why_in_a_notebook_shows_crops(db):
    page = db.propagate("name").why(LATER_ANN)._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "Ann, probability 0.95" in page
    assert "visual 0.9" in page


def test_why_of_a_human_label_its_track_and_of_nobody(db):
    db.label([OTHER_BOB], "name", None)
    found = db.propagate("name")
    assert repr(found.why(ANN)).splitlines()[0].endswith("Ann, said by a human")
    assert found.why(ANN + 2).seeds[0].path[-1].kind == "track"
    lost = found.why(CLEO)
    assert (lost.label, lost.seeds, lost.beyond) == (None, (), 12)
    assert f"label detection {lost.add} to reach the 12 items" in repr(lost)
    assert lost._repr_html_().count("data:image/jpeg;base64,") == 2
    none = found.why(OTHER_BOB + 1)
    assert "none of them" in repr(none)


def test_why_says_what_kept_a_label_back(db):
    strict = db.propagate("name", threshold=0.99)
    assert "no name; Ann has probability 0.95, less than 0.99" in repr(strict.why(LATER_ANN))


def test_why_of_what_took_no_part_is_an_error(db):
    found = db.propagate("name", over=db.faces.filter(vq.face.video == "a.mp4"))
    with pytest.raises(LabelError, match=rf"{CLEO} did not take part in run \d+"):
        found.why(CLEO)
    with pytest.raises(LabelError, match=r"'Ann' did not take part in run \d+"):
        found.why("Ann")
    with pytest.raises(LabelError, match="at least 1"):
        found.why(ANN, top=0)


def test_the_graph_can_be_looked_at_elsewhere(db, tmp_path):
    found = db.propagate("name")
    assert found.graph.summary()["nodes"] == found.nodes.num_rows == 5
    graph = found.graph.to_networkx(found.nodes)
    assert {graph.nodes[node].get("label") for node in graph} == {"Ann", "Bob", None}
    assert sum(size for _, size in graph.nodes(data="items")) == 60
    file = found.graph.to_graphml(tmp_path / "graph.graphml", found.nodes)
    assert nx.read_graphml(file).number_of_edges() == 2


def test_what_was_propagated_last_can_be_read_again(db):
    db.label([CLEO], "mood", "merry")
    db.propagate("name")
    mood = db.propagate("mood")
    db.label([CLEO], "name", "Cleo")  # after the run: its reasons do not know it
    again = db.propagation("name")
    assert again.run_id == mood.run_id - 1
    assert again.summary()["labels"] == {"Ann": 24, "Bob": 24}
    assert again.report["nodes"] == 5
    assert again.why(LATER_ANN).seeds[0].detection_id == ANN
    assert again.why(CLEO).add is not None
    assert db.propagation("mood").table.equals(mood.table)
    with pytest.raises(LabelError, match=r"nothing is propagated of 'size'.*'mood', 'name'"):
        db.propagation("size")


def test_options_of_the_run_are_used_again(db):
    found = db.propagate("name", k=2, leak=0.3)
    again = db.propagation("name")
    assert again.graph.facts["k"] == 2
    assert again.why(LATER_ANN).seeds == found.why(LATER_ANN).seeds


def test_reasons_of_edges_that_were_given_need_the_edges(db):
    import pyarrow as pa

    edges = pa.table({"source": [ANN], "target": [CLEO]})
    found = db.propagate("name", edges=edges)
    assert found.why(CLEO).seeds[0].path[-1].kind == "given"
    with pytest.raises(LabelError, match=r"not kept.*edges="):
        db.propagation("name").why(CLEO)
    assert db.propagation("name").summary()["labelled"] == 60
