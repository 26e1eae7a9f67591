"""What an analyst may set of a propagation: neighbours, leak, captions, edges, several concepts."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import vquery as vq
from vquery.errors import LabelError, SchemaError


def labels_of(table, ids):
    found = dict(zip(table["detection_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    return {found[item] for item in ids}


@pytest.fixture
def two(world):
    """Ann and Bob apart in two videos; nothing links the two people."""
    first = world.add("a.mp4", [("Ann", 0), ("Bob", 10), ("Ann", 20)])
    second = world.add("b.mp4", [("Bob", 0), ("Cleo", 10)])
    return world, first, second


def test_defaults_are_those_that_are_named(two):
    world, first, _ = two
    world.db.label(first["Ann"][:1], "name", "Ann")
    plain = world.db.propagate("name")
    named = world.db.propagate(
        "name", k=plain.report["k"], floor=plain.report["floor"], leak=0.05, exclusive=True
    )
    same = [name for name in plain.table.column_names if name != "run_id"]
    assert plain.table.select(same).equals(named.table.select(same))
    assert plain.report["mix"] == {"visual": 1.0}


def test_what_was_set_is_in_the_run(two):
    world, first, _ = two
    world.db.label(first["Ann"][:1], "name", "Ann")
    found = world.db.propagate("name", k=3, floor=0.2, leak=0.2)
    run = json.loads(world.db.runs["arguments"].to_pylist()[-1])
    assert (run["k"], run["floor"], run["leak"]) == (3, 0.2, 0.2)
    assert (found.report["k"], found.report["floor"]) == (3, 0.2)


def test_more_leak_leaves_more_unnamed(two):
    world, first, _ = two
    world.db.label(first["Ann"][:1], "name", "Ann")
    assert labels_of(world.db.propagate("name").table, first["Ann"]) == {"Ann"}
    assert labels_of(world.db.propagate("name", leak=50.0).table, first["Ann"]) == {"Ann", None}


def test_two_in_one_frame_may_have_one_label_where_it_is_no_name(world):
    world.add("a.mp4", [("Ann", 0)])
    both = world.add("b.mp4", [("Ann", 0), ("Ann", 0)])
    seed = world.add("c.mp4", [("Ann", 0)])["Ann"]
    world.db.label(seed[:1], "mood", "merry")
    found = world.db.propagate("mood", floor=0.2)
    assert labels_of(found.table, both["Ann"]) == {"merry", None}
    assert "1 tracks gave their label up" in " ".join(found.summary()["notes"])
    found = world.db.propagate("mood", floor=0.2, exclusive=False)
    assert labels_of(found.table, both["Ann"]) == {"merry"}


def test_several_concepts_share_a_graph_and_stand_alone(two, monkeypatch):
    from vquery.api.propagation import graphs

    world, first, second = two
    builds = []
    build = graphs.build
    monkeypatch.setattr(graphs, "build", lambda *a: builds.append(1) or build(*a))
    world.db.label(first["Ann"][:1], "name", "Ann")
    world.db.label(first["Ann"][:1], "host", "yes")
    world.db.label(second["Bob"][:1], "host", None)
    found = world.db.propagate_concepts(["name", "host"])
    assert list(found) == ["name", "host"]
    assert len(builds) == 1
    assert world.db.runs["command"].to_pylist()[-2:] == ["propagate", "propagate"]
    assert labels_of(found["host"].table, first["Ann"]) == {"yes"}
    assert labels_of(found["host"].table, first["Bob"]) == {None}
    assert world.db.propagation("host").run_id == found["host"].run_id
    with pytest.raises(LabelError, match="of 'mood'"):
        world.db.propagate_concepts(["name", "mood"])
    with pytest.raises(LabelError, match="different concepts"):
        world.db.propagate_concepts(["name", "name"])
    with pytest.raises(LabelError, match="one or more"):
        world.db.propagate_concepts([])
    with pytest.raises(LabelError, match="list of one or more"):
        world.db.propagate_concepts("name")
    with pytest.raises(LabelError, match="for several there is propagate_concepts"):
        world.db.propagate(["name", "host"])


JINGLE = "tonight exclusive weather storm coast warning sirens flood"


def test_captions_link_tracks_with_the_same_words(world):
    first = world.add("a.mp4", [("Ann", 0), ("Bob", 20)], {0.2: JINGLE, 20.2: "and now sports"})
    later = world.add("b.mp4", [("Cleo", 0), ("Dora", 20)], {0.2: JINGLE, 20.2: "thank you"})
    world.db.label(first["Ann"][:1], "topic", "storm")
    plain = world.db.propagate("topic")
    assert labels_of(plain.table, later["Cleo"]) == {None}
    found = world.db.propagate("topic", captions=1.0)
    assert labels_of(found.table, later["Cleo"]) == {"storm"}
    assert labels_of(found.table, later["Dora"]) == {None}
    assert found.report["mix"] == {"visual": 1.0, "text": 1.0}
    assert found.report["edges_by_kind"]["text"] >= 1
    (seed,) = found.why(later["Cleo"][0]).seeds
    assert seed.path[-1].kind == "text"


def test_the_same_words_at_the_same_moment_link_nobody(world):
    both = world.add("a.mp4", [("Ann", 0), ("Cleo", 0.5)], {0.6: JINGLE})
    world.add("b.mp4", [("Bob", 0)], {0.2: "thank you"})
    world.db.label(both["Ann"][:1], "topic", "storm")
    found = world.db.propagate("topic", captions=1.0)
    assert labels_of(found.table, both["Cleo"]) == {None}


def test_captions_that_are_not_there_are_an_error(world):
    seed = world.add("a.mp4", [("Ann", 0), ("Bob", 10)])["Ann"][0]
    world.db.label([seed], "name", "Ann")
    with pytest.raises(LabelError, match=r"captions=.*the collection has no captions"):
        world.db.propagate("name", captions=0.25)
    world.add("b.mp4", [("Bob", 0)], {8.0: JINGLE})
    with pytest.raises(LabelError, match="no words are said while these detections are seen"):
        world.db.propagate("name", captions=0.25)


def edges(rows, names=("source", "target", "weight")):
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=False)))


def test_edges_of_ones_own_carry_labels(two):
    world, first, second = two
    ann, cleo = first["Ann"][0], second["Cleo"][0]
    world.db.label([ann], "name", "Ann")
    table = edges([(ann, cleo, 3.0)])
    found = world.db.propagate("name", edges=table)
    assert labels_of(found.table, second["Cleo"]) == {"Ann"}
    assert found.report["mix"] == {"visual": 1.0, "given": 1.0}
    assert found.report["given_edges"]["used"] == 1
    assert json.loads(world.db.runs["arguments"].to_pylist()[-1])["edges"] is True
    assert found.why(cleo).seeds[0].path[-1].kind == "given"
    none = world.db.propagate("name", edges=table, edges_weight=0.0)
    assert labels_of(none.table, second["Cleo"]) == {None}


def test_edges_come_as_a_relation_a_table_or_a_data_frame(two):
    pandas = pytest.importorskip("pandas")
    world, first, second = two
    ann, cleo = first["Ann"][0], second["Cleo"][0]
    world.db.label([ann], "name", "Ann")
    ways = [
        pandas.DataFrame({"source": [ann], "target": [cleo], "weight": [1]}),
        pa.table({"detection_id": [cleo], "detection_id_right": [ann]}),
        pa.table({"target": [cleo], "source": [ann], "note": ["same suit"]}),
        vq.from_arrow(
            pa.table({"video": ["a"], "start": [0], "end": [1], "source": [ann], "target": [cleo]})
        ),
    ]
    for way in ways:
        found = world.db.propagate("name", edges=way)
        assert labels_of(found.table, second["Cleo"]) == {"Ann"}


def test_edges_that_link_nothing_are_counted(two):
    world, first, second = two
    ann = first["Ann"]
    world.db.label(ann[:1], "name", "Ann")
    table = edges([(ann[0], ann[1], 1.0), (ann[0], second["Cleo"][0], 1.0)])
    over = world.db.faces.filter(vq.face.video == "a.mp4")
    found = world.db.propagate("name", over=over, edges=table)
    told = found.report["given_edges"]
    assert (told["used"], told["outside"], told["inside_a_track"]) == (0, 1, 1)
    assert "1 of the edges given are inside one track, left out" in found.summary()["notes"]


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (edges([(1, 2)], ("from", "to")), SchemaError, "two columns of detection ids.*'from'"),
        (edges([("a", "b", 1.0)]), SchemaError, "'source' must hold detection ids, is string"),
        (edges([(None, 5, 1.0)]), SchemaError, "row 1: 'source' is empty|'source'"),
        (edges([(1_000_000_001, 17, 1.0)]), LabelError, "1 of 2 ids.*such as 17"),
        (edges([(1_000_000_001, 1_000_000_007, -1.0)]), SchemaError, "row 1: 'weight'"),
        (edges([(1_000_000_001, 1_000_000_007, "much")]), SchemaError, "'weight' must be a number"),
        ([(1, 2, 3)], SchemaError, "takes a relation, a table or a data frame, got list"),
    ],
    ids=["columns", "type", "null", "unknown", "negative", "text", "list"],
)
def test_edges_that_cannot_be_are_refused(two, given, error, told):
    world, first, _ = two
    world.db.label(first["Ann"][:1], "name", "Ann")
    with pytest.raises(error, match=told):
        world.db.propagate("name", edges=given)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"k": 0}, "k="),
        ({"k": 2.5}, "k="),
        ({"k": "many"}, "k="),
        ({"floor": 2}, "floor="),
        ({"leak": 0}, "leak="),
        ({"leak": float("nan")}, "leak="),
        ({"captions": -1}, "captions="),
        ({"edges_weight": "1"}, "edges_weight="),
        ({"threshold": None}, "threshold="),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused_before_anything_is_read(two, option, told):
    world, _, _ = two
    runs = world.db.runs.num_rows
    with pytest.raises(LabelError, match=told):
        world.db.propagate("name", **option)
    assert world.db.runs.num_rows == runs


def test_progress_says_what_is_being_done(two):
    world, first, _ = two
    world.db.label(first["Ann"][:1], "name", "Ann")
    said = []
    world.db.propagate("name", progress=said.append)
    assert said[0] == "reading vectors"
    assert "solving 'name'" in said
