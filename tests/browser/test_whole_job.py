"""The whole job in the browser: query, label 200, undo, propagate, judge, export."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

SEEDS = "faces.filter((video == 'a.webm') | (video == 'b.webm')).filter(x1 {} 0.4)"


def labels(served: Served) -> Counter[Any]:
    """Count the human labels that the collection holds."""
    return Counter(served.workbench.db.labels("name")["label"].to_pylist())


def test_from_a_query_to_a_training_set(bench: Bench, served: Served) -> None:
    page = bench.page
    bench.shot("1-opened")

    bench.query(SEEDS.format("<"), 120)
    bench.shot("2-query")
    bench.presses = 0
    bench.press("Control+a", "+")
    bench.type("Ann")
    bench.press("Enter")
    bench.says("120")
    bench.query(SEEDS.format(">"), 120)
    bench.press("Control+a", "+")
    bench.type("Bob")
    bench.press("Enter")
    bench.wait("#cells .cell.is-confirmed .label:text('Bob')")
    assert bench.presses < 20
    assert labels(served) == {"Ann": 120, "Bob": 120}
    bench.wait("#timeline .lane-human text:text('Ann, Bob')")  # both at once, none over the other
    bench.shot("3-labelled")

    bench.press("z")
    bench.wait("#cells .cell:not(.is-confirmed)")
    bench.says("Bob")
    assert labels(served) == {"Ann": 120}
    bench.shot("4-undone")
    bench.press("Shift+z")
    bench.wait("#cells .cell.is-confirmed")
    assert labels(served) == {"Ann": 120, "Bob": 120}

    bench.tool("g")
    bench.wait("dialog .gain")
    bench.shot("5-preview")
    assert "+150" in page.inner_text("dialog .gain")
    assert "propagate" not in served.workbench.db.runs["command"].to_pylist()
    page.click("dialog button:has-text('Keep')")
    bench.says("Propagated")
    bench.query("faces.filter(video == 'c.webm')", 90)
    bench.wait("#cells .cell.is-proposed")
    bench.shot("6-propagated")

    bench.press("y")
    bench.wait("#cells .cell.is-confirmed")
    assert page.inner_text("#cell-1 .label") == "Ann"
    bench.press("n")
    bench.wait("#cell-1.is-rejected")
    bench.press("u")
    bench.wait("#cell-2 .mark:has-text('?')")
    bench.shot("7-judged")

    bench.tool("e")
    page.click("dialog .dialog-actions button:has-text('Export')")
    bench.wait("dialog p.done")
    bench.shot("8-exported")
    with page.expect_download() as download:
        page.click("dialog p.done a")
    held = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    found: Counter[str] = Counter()
    for name in held.namelist():
        if name.endswith(".json") and "annotations" in (said := json.loads(held.read(name))):
            known = {each["id"]: each["name"] for each in said["categories"]}
            found.update(known[each["category_id"]] for each in said["annotations"])
    # the truth of all four videos: Cleo has no label, one face of Ann was rejected
    assert found == {"Ann": 120 + 59, "Bob": 120 + 30 + 60}


def test_what_to_label_next_how_good_it_is_and_what_was_done(bench: Bench, served: Served) -> None:
    db, page = served.workbench.db, bench.page
    ann, bob = (db.query(SEEDS.format(side)).collect()["detection_id"] for side in "<>")
    db.label(ann, "name", "Ann", by="tester")
    db.label(bob, "name", "Bob", by="tester")
    db.propagate("name")

    bench.query("faces.filter(video == 'd.webm')", 90)
    bench.tool("s")
    bench.shot("1-suggest")
    page.click("dialog button:has-text('Suggest')")
    bench.says("Suggestions")
    bench.shown()
    bench.shot("2-suggestions")
    before = len(served.workbench.db.labels("name"))
    bench.press("+")
    bench.type("Cleo")
    bench.press("Enter")
    bench.says("Cleo")
    assert len(served.workbench.db.labels("name")) == before + 1

    bench.query("faces.filter(video == 'c.webm')", 90)
    bench.tool("m")
    page.click("dialog button:has-text('Judge')")
    bench.wait("dialog .sample img")
    bench.shot("3-precision")
    page.click("dialog button:has-text('Close')")

    bench.tool("h")
    bench.wait("dialog :text('Cleo')")
    bench.shot("4-history")
    page.keyboard.press("Escape")
    assert not page.query_selector("dialog[open]")
    bench.press("z")
    bench.says("undone")
    assert labels(served) == {"Ann": 120, "Bob": 120}
