"""Which pane has the keys, what the help says, what happens when the server forgets or is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Bench, Served

MANY = 1_000_000
QUERY = "faces.filter(video == 'a.webm')"
HIDDEN = """selector => {
  const pane = document.getElementById("timeline").getBoundingClientRect();
  return [...document.querySelectorAll(selector)]
    .filter(one => one.getBoundingClientRect().bottom > pane.bottom).map(one => one.textContent);
}"""


def keys(bench: Bench) -> str:
    """Return what the status line says about the keys."""
    return str(bench.page.inner_text("#status .status-keys"))


def labelled(served: Served) -> list[Any]:
    """Return the labels that people gave, in the order of the detections."""
    table = served.workbench.db.labels("name").sort_by("detection_id")
    return list(table["label"].to_pylist())


def test_the_pane_with_the_keys_is_named_and_marked(bench: Bench) -> None:
    page = bench.page
    edge = "id => getComputedStyle(document.getElementById(id)).borderTopColor"
    page.focus("#cells")
    assert "results" in keys(bench)
    assert page.inner_text("#labels .judge button:nth-child(2) kbd") == "N"
    found = []
    for pane in ("inspector", "timeline", "query", "grid"):
        bench.press("F6")
        bench.wait(f"#{pane}:focus-within")
        found.append(keys(bench).split("·")[0].strip())
        assert page.inner_text("#labels .judge button:nth-child(2) kbd") == (
            "N" if pane == "grid" else "⇧N"
        )
        others = {"grid", "inspector", "timeline"} - {pane}
        if pane != "query":
            assert page.evaluate(edge, pane) not in {page.evaluate(edge, one) for one in others}
    assert found == ["Keys: video", "Keys: timeline", "Keys: query", "Keys: results"]
    bench.press("Shift+F6")
    bench.wait("#query:focus-within")
    bench.press("Escape")
    bench.wait("#grid:focus-within")
    bench.shot("1-results")
    page.evaluate("document.activeElement.blur()")
    bench.press("ArrowRight")  # what has no focus is for the results
    bench.wait("#cell-1.focus")


def test_n_rejects_in_the_results_and_goes_on_elsewhere(bench: Bench, served: Served) -> None:
    db, page = served.workbench.db, bench.page
    seeds = db.query("faces.filter((video == 'b.webm') & (x1 < 0.4))").collect()["detection_id"]
    db.label(seeds, "name", "Ann", by="tester")
    db.propagate("name")
    bench.query(f"{QUERY}.filter(x1 < 0.4)", 60)
    bench.wait("#cell-0.is-proposed")
    bench.press("F6", "n")
    bench.wait(".timeline-said:has-text('hit')")
    assert page.query_selector("#cells .is-rejected") is None
    bench.press("Escape", "Home", "n")
    bench.wait("#cell-0.is-rejected")
    bench.press("F6", "Shift+n")
    bench.wait("#cell-1.is-rejected")


def test_the_help_says_what_the_mouse_does_and_can_be_read_by_keys(bench: Bench) -> None:
    page = bench.page
    bench.tool("?")
    said = page.inner_text("dialog")
    for words in (
        "Mouse on the results",
        "lasso",
        "Mouse on the timeline",
        "wheel",
        "drag an edge",
    ):
        assert words in said
    before = page.evaluate("document.activeElement.scrollTop")
    bench.press("PageDown")
    until(bench, f"document.activeElement.scrollTop > {before}")
    bench.press("Escape")
    assert page.evaluate("document.activeElement.id") == "cells"


def test_a_cell_shows_its_picture_over_its_words(bench: Bench) -> None:
    boxes = bench.page.evaluate("""() => ["", " img", " .caption", " .label"].map(part => {
      const box = document.querySelector("#cell-0" + part).getBoundingClientRect();
      return [box.left, box.top, box.right, box.bottom];
    })""")
    cell, picture, caption, label = boxes
    assert picture[2] - picture[0] > 50
    assert picture[3] - picture[1] > 50
    assert cell[1] <= picture[1] < picture[3] <= caption[1] + 1 < caption[3] <= cell[3] + 1
    assert cell[0] <= picture[0] < picture[2] <= cell[2]
    assert label[2] > label[0]


def test_six_lanes_are_in_view_at_first(bench: Bench, served: Served) -> None:
    db = served.workbench.db
    seeds = db.query("faces.filter((video == 'b.webm') & (x1 < 0.4))").collect()["detection_id"]
    db.label(seeds, "name", "Ann", by="tester")
    db.propagate("name")
    found = db.query(QUERY).collect()["detection_id"][:2]
    db.label(found, "name", "Ann", by="tester")
    bench.query(QUERY, 120)
    bench.wait(".lane-name:has-text('propagated')")
    lanes = bench.page.locator(".lane-name span").all_inner_texts()
    assert lanes == ["shots", "captions", "faces", "query", "propagated", "human"]
    assert bench.page.evaluate(HIDDEN, ".lane-name") == []
    bench.shot("2-lanes")


def test_completions_are_plain_words(bench: Bench) -> None:
    bench.press("/")
    for text, option in (("faces.", "anti_join"), ("faces.filter(io", "iou")):
        bench.page.fill("#text", "")
        bench.type(text)
        bench.wait(f".completion li:has-text('{option}')")
        assert "`" not in bench.page.inner_text(".completion")


def test_a_key_takes_labels_off_again(bench: Bench, served: Served) -> None:
    bench.query(f"{QUERY}.limit(4)", 4)
    bench.press("Control+a", "+")
    bench.type("Ann")
    bench.press("Enter")
    bench.wait("#cell-3.is-confirmed")
    bench.press("Home", "Delete")
    bench.wait("#cell-0:not(.is-confirmed)")
    bench.press("Shift+ArrowRight", "Backspace")
    bench.wait("#cell-2:not(.is-confirmed)")
    assert labelled(served) == ["Ann"]
    bench.press("z")
    bench.wait("#cell-2.is-confirmed")
    assert labelled(served) == ["Ann", "Ann", "Ann"]


def test_enter_suggests_and_keys_then_label_what_was_suggested_for(
    bench: Bench, served: Served
) -> None:
    db, page = served.workbench.db, bench.page
    ids = db.query(QUERY).collect()["detection_id"]
    db.label(ids[:2], "name", "Ann", by="tester")
    db.label(ids[2:4], "role", "guest", by="tester")
    until(bench, "document.querySelector('#labels option[value=role]') !== null")
    assert page.input_value("#labels select") == "name"
    bench.tool("s")
    page.select_option("dialog select", "role")
    page.focus("dialog input")
    bench.press("Enter")
    bench.says("Suggestions")
    bench.shown()
    assert page.input_value("#labels select") == "role"
    bench.press("1")
    bench.wait("#labels .chip:has-text('guest') small:text-is('3')")
    assert len(db.labels("name")) == 2


def test_a_result_that_the_server_let_go_is_asked_for_again(bench: Bench, served: Served) -> None:
    page = bench.page
    bench.query(QUERY, 120)
    page.select_option("#gridbar select", "time")
    bench.wait("#cells .cell .label:not(:empty)")
    bench.press("ArrowRight", "ArrowRight")
    bench.press("+")
    forget(served)
    bench.type("Ann")
    with page.expect_response(lambda said: said.ok and "/rows?" in said.url):  # of the new result
        bench.press("Enter")
        bench.says("run again")
    assert labelled(served) == []  # what was not done is not done behind one's back
    bench.shown()
    assert page.input_value("#gridbar select") == "time"
    bench.press("1")
    bench.wait("#cells .is-confirmed")
    assert labelled(served) == ["Ann"]
    bench.problems[:] = [one for one in bench.problems if "404" not in one]


def test_a_server_that_is_gone_is_told_and_so_is_its_return(bench: Bench) -> None:
    page = bench.page
    page.route("**/api/**", lambda route: route.abort())
    bench.press("ArrowRight", "+")
    bench.type("Ann")
    bench.press("Enter")
    bench.says("does not answer")
    page.unroute("**/api/**")
    bench.press("z")  # nothing was done, so there is nothing to take back
    bench.wait("#status .status-note:not(.is-error)")
    bench.problems.clear()


def test_a_million_rows_are_reached_from_end_to_end(
    served: Served, opener: Callable[..., Bench]
) -> None:
    bench = opener(served.address)
    page = bench.page

    def rows(route: Any) -> None:
        wanted = dict(one.split("=") for one in route.request.url.split("?")[1].split("&"))
        first, limit = int(wanted["offset"]), int(wanted["limit"])
        numbers = range(first, min(first + limit, MANY))
        route.fulfill(json={"total": MANY, "offset": first, "rows": [row(at) for at in numbers]})

    def many(route: Any) -> None:
        answer = route.fetch()
        said = answer.json()
        if said.get("result"):
            said["result"]["total"] = MANY
        route.fulfill(response=answer, body=json.dumps(said))

    page.route("**/api/queries/*", many)
    page.route("**/rows?*", rows)
    bench.open()
    page.focus("#cells")
    bench.press("End")
    bench.wait(f"#cell-{MANY - 1} .label:text-is('row {MANY - 1}')")
    cell = page.locator(f"#cell-{MANY - 1}")
    assert cell.get_attribute("aria-posinset") == cell.get_attribute("aria-setsize") == str(MANY)
    assert page.get_attribute("#cells", "aria-activedescendant") == f"cell-{MANY - 1}"
    box, frame = cell.bounding_box(), page.locator("#cells").bounding_box()
    assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
    bench.press("ArrowUp", "ArrowLeft")
    assert page.evaluate("+document.querySelector('.cell.focus').dataset.position") < MANY - 1
    page.evaluate("() => { const one = document.getElementById('cells');"
                  " one.scrollTop = one.scrollHeight / 2; }")  # fmt: skip
    shown = "+document.querySelector('#cells .cell:last-child')?.dataset.position"
    until(bench, f"Math.abs({shown} / {MANY} - 0.5) < 0.01")
    before = page.evaluate(shown)
    for _ in range(12):
        page.mouse.move(frame["x"] + 50, frame["y"] + 50)
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(30)
    until(bench, f"{shown} > {before}")
    assert page.evaluate(shown) - before < 1000  # small moves stay small
    assert page.evaluate("document.querySelectorAll('#cells .cell').length") < 200
    bench.press("Home")
    bench.wait("#cell-0 .label:text-is('row 0')")
    bench.problems[:] = [
        one for one in bench.problems if "404" not in one
    ]  # why a row made up is so


def until(bench: Bench, condition: str) -> None:
    """Wait until something holds on the page, which forbids what playwright waits by."""
    for _ in range(600):
        if bench.page.evaluate(condition):
            return
        bench.page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def forget(served: Served) -> None:
    """Have the server let every result go, as it does with the oldest when there are too many."""
    with served.workbench.results._lock:
        served.workbench.results._held.clear()


def row(at: int) -> dict[str, Any]:
    """Make a row of a result that is larger than any here."""
    times = {"start_us": at, "end_us": at + 1, "video": "a.webm", "row": at}
    label = {"label": f"row {at}", "label_source": "human", "conflict": False, "unsure": False}
    return {**times, **label, "more": {}}
