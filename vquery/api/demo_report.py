"""The demo's page: the table, lanes of each video, contact sheets of each person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery.view.lanes import Lane, lanes_html
from vquery.view.page import heading, page, paragraph, table_html
from vquery.view.sheets import Card, sheet_html

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.api.collection import Collection
    from vquery.api.demo import DemoReport, Truth

CARDS = 48
"""Crops of each person on the page, spread over all videos; the wrong ones are all shown."""


def write_report(
    path: Path, db: Collection, named: pa.Table, truth: Truth, report: DemoReport
) -> None:
    """Write the page.

    Parameters
    ----------
    named
        Faces with ``name``, ``name_probability`` and the true ``person``.
    """
    stages = [[s.name, s.found, s.truth, s.quality, f"{s.seconds:.1f}"] for s in report.stages]
    content = page(
        "vquery demo: a synthetic newsroom",
        paragraph(
            "Everything here was drawn, written and spoilt by a program; nobody in it exists. "
            "Names were given to two faces a person and spread by likeness."
        ),
        table_html(["stage", "found", "truth", "quality", "seconds"], stages),
        heading("Timelines"),
        _lanes(db, named, truth),
        heading("Faces by name"),
        *(_sheet(db, named, name) for name in truth.names),
        heading("Left unnamed"),
        _sheet(db, named, None),
    )
    path.write_text(content, encoding="utf-8")


def _lanes(db: Collection, named: pa.Table, truth: Truth) -> str:
    lanes = [Lane("shots", db.shots.collect())]
    given = named.filter(pc.is_valid(named["name"]))
    lanes += [
        Lane(name, given.filter(pc.equal(given["name"], name)), colour_by="name")
        for name in truth.names
    ]
    for concept in ("bernie_and_jake", "panel", "commercial"):
        lanes.append(Lane(concept, db[concept].collect()))
        lanes.append(Lane(f"{concept}, truth", truth.of_concept(concept), faint=True))
    durations = dict(
        zip(db.videos["video"].to_pylist(), db.videos["duration_us"].to_pylist(), strict=True)
    )
    return lanes_html(lanes, durations_us=durations)


def _sheet(db: Collection, named: pa.Table, name: str | None) -> str:
    if name is None:
        mine = named.filter(pc.is_null(named["name"]))
        wrong = pc.is_in(mine["person"], value_set=pa.array(_names(named)))
    else:
        mine = named.filter(pc.equal(named["name"], name))
        wrong = pc.fill_null(pc.not_equal(mine["person"], name), fill_value=True)
    errors, good = mine.filter(wrong), mine.filter(pc.invert(wrong))
    step = max(1, good.num_rows // CARDS)
    spread = pa.array(list(range(0, good.num_rows, step))[:CARDS], pa.int64())  # may be none
    shown = pa.concat_tables([errors.slice(0, CARDS), good.take(spread)])
    cards = [
        _card(db, item, wrong=i < min(errors.num_rows, CARDS))
        for i, item in enumerate(shown.to_pylist())
    ]
    note = f"{mine.num_rows} faces, {errors.num_rows} wrong, {len(cards)} shown"
    return sheet_html(name or "nobody", cards, note=note)


def _names(named: pa.Table) -> list[str]:
    return sorted(pc.unique(named["name"].drop_null()).to_pylist())


def _card(db: Collection, item: dict[str, object], *, wrong: bool) -> Card:
    identity = int(str(item["detection_id"]))
    probability = item["name_probability"]
    caption = "–" if probability is None else f"{probability:.2f}"
    really = item["person"] or "no face of the newsroom's people"
    tip = f"{item['video']} at {int(str(item['start_us'])) / 1e6:.2f} s; in truth {really}"
    return Card(db.picture(identity), caption, wrong=wrong, tip=tip)
