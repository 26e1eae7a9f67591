"""What a fusion tells of itself: notes, and errors that say what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

import vquery as vq
from tests.unit.api.test_fusing import second, span_votes
from vquery import row
from vquery.api.console import info_text, runs_text
from vquery.errors import LabelError, QueryError


def test_notes_are_those_of_the_model_and_of_time(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        plain = db.fuse("ad", votes, keep=False).notes
        assert set(vq.LabelModel().fit(votes).notes_) <= set(plain)
        timed = db.fuse("ad", votes, decode={"min_duration": 2}, keep=False).notes
        assert any("classes last on average" in note for note in set(timed) - set(plain))


def test_silence_is_told(path):
    with vq.open(path) as db:
        votes = db.votes([lambda shots: shots.filter(row.duration > 1e6)], over=db.shots)
        assert "no function votes on any item" in db.fuse("ad", votes, keep=False).notes


def test_people_and_functions_that_have_no_class_in_common_are_told(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        db.label(second(db, 3), "ad", "advert")
        told = "people say 'advert' and functions 'no', 'yes', which count as different classes"
        assert any(note.startswith(told) for note in db.fuse("ad", votes, keep=False).notes)
        db.label(second(db, 4), "ad", "yes")
        assert not any("people say" in note for note in db.fuse("ad", votes, keep=False).notes)


def test_options_of_decoding_are_checked(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        for wrong in ({"cutz": db.shots}, 3):
            with pytest.raises(QueryError, match=r"decode=\) must be True or a mapping of dura"):
                db.fuse("ad", votes, decode=wrong)
        tracks = db.votes([lambda faces: faces], over="tracks")
        with pytest.raises(QueryError, match=r"take votes over db\.faces"):
            db.fuse("ad", tracks, decode=True)


def test_an_unknown_item_is_answered_with_a_known_one(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        found = db.fuse("ad", votes.take(range(7, 40)), keep=False)
        with pytest.raises(LabelError, match=r"fused over 33 spans, such as 7$"):
            found.why(0)


def test_rows_that_corrections_added_cannot_have_labels(path):
    with vq.open(path) as db:
        faces = db.faces.collect()
        added = faces.slice(0, 1).to_pylist()[0] | {"detection_id": -1}
        rows = faces.from_pylist([added, *faces.to_pylist()], schema=faces.schema)
        votes = db.votes([lambda faces: faces], over=vq.from_arrow(rows))
        with pytest.raises(LabelError, match="1 of 61 items were added by corrections"):
            db.fuse("ad", votes)


def test_fusions_and_corrections_are_listed_with_what_undoes_them(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        db.label(second(db, 3), "ad", "yes")
        fused = db.fuse("ad", votes).run_id
        assert db.info()["fused_spans"]["ad"]["up_to_date"]
        db.label(second(db, 4), "ad", "no")
        told = db.info()["fused_spans"]["ad"]
        assert (told["items"], told["how"], told["up_to_date"]) == (40, "fused", False)
        said = "fused spans of 'ad': 29 of 40 (human labels have changed since: fuse again)"
        assert said in info_text(db.info())
        assert "fused ad, spans" in db._repr_html_()
        checked = db.check([vq.never(lambda faces: faces.limit(1), remove=True)])
        kept = db.correct(checked)

        def listed():
            return [(r["run_id"], r["did"], r["concept"], r["state"]) for r in db.propagations()]

        both = [(fused, "fused", "ad"), (kept, "corrected", "faces")]
        assert listed() == [(*one, "in force") for one in both]
        assert db.undo_run().run_id == kept
        assert listed() == [(*both[0], "in force"), (*both[1], "undone")]
        assert (
            runs_text(db.propagations()).splitlines()[0]
            == f"run {fused}: fused 'ad', in force, 29 labelled"
        )


def test_long_queries_are_cut_off_in_text_and_whole_in_detail(path):
    with vq.open(path) as db:
        votes, _ = span_votes(db)
        votes = replace(votes, sources=({"query": "x" * 999}, *votes.sources[1:]))
        why = db.fuse("ad", votes, keep=False).why(1)
        assert max(map(len, repr(why).splitlines())) < 250
        assert "x" * 999 in [one.detail.get("query") for one in why.contributions]
