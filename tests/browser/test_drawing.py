"""Boxes drawn over the picture: by mouse, by keys alone, and what they become."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import (
    HEIGHT,
    HOSTILE,
    RATE,
    WIDTH,
)
from tests.browser.hands import (
    TURNS,
    at,
    box_of,
    click,
    drag,
    drawn,
    from_source,
    near,
    picture,
    ready,
    steps,
    wait_for,
)

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

US = 1_000_000 / RATE
EXTREME = [(0.5, 0.1), (0.2, 0.45), (0.55, 0.8), (0.9, 0.5)]
TARGET = (0.2, 0.1, 0.9, 0.8)
NUDGES = """() => ["ArrowRight", "ArrowRight", "ArrowDown"].forEach(key =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown",
    {key, altKey: true, shiftKey: key === "ArrowDown", bubbles: true, cancelable: true})))"""
"""Alt and arrows in a row: pressed one by one, half a second may pass between them."""
REFUSED = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


def test_a_drag_draws_a_box_and_a_second_one_corrects_it(bench: Bench, served: Served) -> None:
    ready(bench)
    steps(bench, 0, 3)
    bench.press("b")
    bench.wait(".drawing-bar .drawing-hint:has-text('Drag from corner to corner')")
    bench.page.fill(".drawing-bar [aria-label='Class of the box']", "ball")
    bench.press("Enter")
    drag(bench, (0.1, 0.2), (0.6, 0.7))
    (row,) = wait_for(bench, served, 1)
    assert box_of(row) == pytest.approx((0.1, 0.2, 0.6, 0.7), abs=near(bench))
    assert (row["class"], row["video"], row["frame"]) == ("ball", "a.webm", 3)
    assert (row["start_us"], row["end_us"]) == pytest.approx((3 * US, 4 * US), abs=1000)
    bench.wait(".boxes-layer .box.drawn.chosen")
    bench.wait(".draw-handle.se")
    bench.shot("1-dragged")

    drag(bench, (0.6, 0.7), (0.8, 0.9))
    moved(bench, served, (0.1, 0.2, 0.8, 0.9))
    drag(bench, (0.1, 0.55), (0.3, 0.1))  # the handle of the left side moves that side alone
    moved(bench, served, (0.3, 0.2, 0.8, 0.9))
    bench.press("Escape")
    drag(bench, (0.5, 0.5), (0.4, 0.4))  # no longer drawing: the whole box
    moved(bench, served, (0.2, 0.1, 0.7, 0.8))
    for before in ((0.3, 0.2, 0.8, 0.9), (0.1, 0.2, 0.8, 0.9), (0.1, 0.2, 0.6, 0.7)):
        bench.press("z")
        moved(bench, served, before)
    bench.press("z")
    wait_for(bench, served, 0)
    bench.page.wait_for_selector(".boxes-layer .box.drawn", state="detached")
    bench.page.wait_for_selector(".draw-handle", state="detached")
    bench.press("Shift+z")
    wait_for(bench, served, 1)


def moved(bench: Bench, served: Served, box: tuple[float, ...]) -> None:
    """Wait until the one box that was drawn lies elsewhere, in the collection and on the page."""
    for _ in range(TURNS):
        rows = drawn(served)
        if rows and box_of(rows[0]) == pytest.approx(box, abs=near(bench, 1.5)):
            break
        bench.page.wait_for_timeout(50)
    assert box_of(drawn(served)[0]) == pytest.approx(box, abs=near(bench, 1.5))
    painted = """() => {
      const one = document.querySelector(".boxes-layer .box.drawn");
      const [, , wide, high] = one.ownerSVGElement.getAttribute("viewBox").split(" ").map(Number);
      const of = (name) => Number(one.getAttribute(name));
      return [of("x") / wide, of("y") / high,
              (of("x") + of("width")) / wide, (of("y") + of("height")) / high];
    }"""
    bench.wait(".boxes-layer .box.drawn")
    for _ in range(TURNS):
        if bench.page.evaluate(painted) == pytest.approx(box, abs=near(bench, 3)):
            return
        bench.page.wait_for_timeout(50)
    assert bench.page.evaluate(painted) == pytest.approx(box, abs=near(bench, 3))


def test_four_extreme_points_are_kept_with_their_box(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("b", "d")
    hint = ".drawing-bar .drawing-hint:has-text('{}')".format
    bench.wait(hint("Click the top-most, left-most"))
    click(bench, *EXTREME[:3])
    bench.wait(hint("1 point left: the right-most"))
    assert bench.page.locator(".draw-point").count() == 3
    click(bench, (0.3, 0.3))
    (row,) = wait_for(bench, served, 1)
    bench.press("z")
    wait_for(bench, served, 0)
    click(bench, *EXTREME[:2], (0.95, 0.95))
    bench.press("Backspace")  # a slip
    bench.wait(hint("2 points left"))
    bench.shot("2-extreme")
    click(bench, *EXTREME[2:])
    (row,) = wait_for(bench, served, 1)
    assert box_of(row) == pytest.approx(TARGET, abs=near(bench))
    (kept,) = points(served)
    assert kept == pytest.approx([side for point in EXTREME for side in point], abs=near(bench))

    drag(bench, TARGET[2:], (1.0, 1.0))
    moved(bench, served, (0.2, 0.1, 1.0, 1.0))
    (kept,) = points(served)  # still extreme points of the box as it is now
    assert [min(kept[::2]), min(kept[1::2]), max(kept[::2]), max(kept[1::2])] == pytest.approx(
        [0.2, 0.1, 1.0, 1.0], abs=near(bench, 1.5)
    )
    bench.page.reload()
    bench.shown()
    ready(bench)
    bench.press("b")  # the way to draw is remembered
    bench.wait(hint("Click the top-most"))


def points(served: Served) -> list[list[float]]:
    """Return the extreme points that are kept, x and y in turn."""
    rows = served.workbench.moment().snapshot.read("drawn", columns=["points"]).to_pylist()
    return [row["points"] for row in rows]


def test_a_box_is_drawn_moved_and_deleted_by_keys_alone(bench: Bench, served: Served) -> None:
    ready(bench)
    seen = picture(bench)
    x, y = (max(1 / side, 1 / shown) for side, shown in ((WIDTH, seen[2]), (HEIGHT, seen[3])))
    bench.press("b", "ArrowLeft", *["Shift+ArrowLeft"] * 3, *["Shift+ArrowUp"] * 2, "Enter")
    bench.wait(".drawing-hint:has-text('the corner across')")
    bench.press(*["Shift+ArrowRight"] * 5, *["Shift+ArrowDown"] * 3, "ArrowRight", "Enter")
    (row,) = wait_for(bench, served, 1)
    start = (0.5 - 60 * x, 0.5 - 40 * y)
    box = (*start, start[0] + 101 * x, start[1] + 60 * y)
    assert box_of(row) == pytest.approx(box, abs=1e-5)

    bench.press("Escape")
    bench.page.evaluate(NUDGES)
    moved(bench, served, (box[0] + 2 * x, box[1], box[2] + 2 * x, box[3] + y))
    events = served.workbench.store.events_until(served.workbench.moment().last_event)
    assert [event.action for event in events] == ["draw boxes", "move boxes"]  # one for all keys
    bench.press("Escape")
    bench.page.wait_for_selector(".draw-handle", state="detached")
    assert bench.page.evaluate("document.activeElement.id") == "cells"
    bench.press("c")
    bench.wait(".draw-handle")
    bench.press("Delete")
    wait_for(bench, served, 0)

    bench.press("b", "d", "ArrowLeft")
    for key in ("ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight"):
        bench.press(f"Shift+{key}", f"Shift+{key}", "Enter")
    (row,) = wait_for(bench, served, 1)
    across = (0.5 - 40 * x, 0.5 - 40 * y, 0.5, 0.5)
    assert box_of(row) == pytest.approx(across, abs=1e-5)


def test_a_point_is_placed_while_a_removal_is_under_way(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("b")
    drag(bench, (0.1, 0.1), (0.3, 0.3))
    wait_for(bench, served, 1)
    waiting: list[Any] = []
    bench.page.route("**/api/boxes/remove", lambda route: waiting.append(route))
    bench.press("Delete")
    bench.wait(".drawing-hint:has-text('Saving')")
    bench.press("d", "ArrowLeft", "Enter")
    bench.wait(".draw-point")
    for route in waiting:
        route.continue_()
    wait_for(bench, served, 0)
    assert bench.page.locator(".draw-point").count() == 1


def test_keyframes_make_a_track_but_not_across_a_cut(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("Shift+b")
    bench.says("There is no box to continue")
    bench.press("b")
    drag(bench, (0.1, 0.1), (0.3, 0.3))
    wait_for(bench, served, 1)
    steps(bench, 0, 4)
    bench.press("Shift+b")
    bench.wait(".draw-ghost-text:has-text('continues from 0:00.000')")
    bench.shot("3-continues")
    drag(bench, (0.5, 0.5), (0.7, 0.7))
    first, last = wait_for(bench, served, 2)
    assert first["track"] == last["track"]
    bench.press("Escape")
    bench.press(",", ",")
    at(bench, 2)
    bench.wait(".hand.between")
    rows = from_source(served, "interpolated")
    assert sorted(row["frame"] for row in rows) == [1, 2, 3]
    middle = next(row for row in rows if row["frame"] == 2)
    assert middle["track"] == first["track"]
    assert box_of(middle) == pytest.approx((0.3, 0.3, 0.5, 0.5), abs=near(bench, 1.5))
    bench.shot("4-between")
    bench.page.click(".hand.between")  # what is corrected there counts as drawn
    drag(bench, (0.4, 0.4), (0.4, 0.6))
    wait_for(bench, served, 3)
    bench.press("z")
    wait_for(bench, served, 2)
    bench.press("Escape", "Escape")

    bench.press(".", ".")
    at(bench, 4)
    bench.wait(".hand:not(.between)")
    bench.press("c", "Shift+b")
    steps(bench, 4, 7)  # into the next shot
    drag(bench, (0.5, 0.5), (0.7, 0.7))
    bench.wait(".status-note.is-error")
    bench.wait(".drawing-hint:has-text('Not saved')")
    assert "cut" in bench.page.inner_text(".status-note")
    assert [bench.problems.pop()] == [REFUSED]
    assert len(drawn(served)) == 2
    bench.page.uncheck(".drawing-bar input[type=checkbox]")
    bench.page.focus("#drawing")
    bench.press("Enter")  # kept, as a box of its own
    *_, other = wait_for(bench, served, 3)
    assert other["track"] != first["track"]


def test_a_drawn_box_is_found_labelled_and_exported(bench: Bench, served: Served) -> None:
    served.workbench.db.label(
        served.workbench.db.query("faces.filter(video == 'b.webm')").collect()["detection_id"],
        "name", "Bob", by="tester",
    )  # fmt: skip
    bench.page.reload()
    bench.shown()
    ready(bench)
    bench.press("b", "d", "1")
    bench.wait(".drawing-bar [aria-label='Label of the box']:has-text('Bob')")
    click(bench, *EXTREME)
    (row,) = wait_for(bench, served, 1)
    bench.says("Bob")
    bench.press("Escape", "Escape")
    bench.query("detections.filter(row['class'] == 'object')", 1)
    assert bench.page.inner_text("#cell-0 .label") == "Bob"

    bench.tool("e")
    bench.page.click("dialog .dialog-actions button:has-text('Export')")
    bench.wait("dialog p.done")
    with bench.page.expect_download() as download:
        bench.page.click("dialog p.done a")
    held = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    said = [json.loads(held.read(name)) for name in held.namelist() if name.endswith(".json")]
    found = [
        each for one in said if "annotations" in one
        for each in one["annotations"] if "extreme_points" in json.dumps(each)
    ]  # fmt: skip
    assert len(found) == 1
    kept = json.dumps(found[0])
    assert "tester" in kept
    x1, y1, x2, y2 = TARGET
    wanted = [x1 * WIDTH, y1 * HEIGHT, (x2 - x1) * WIDTH, (y2 - y1) * HEIGHT]
    assert found[0]["bbox"] == pytest.approx(wanted, abs=2)
    assert row["detection_id"] > 0


def test_what_the_server_does_not_take_is_tried_again(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("b", "+")
    bench.type(HOSTILE)
    bench.press("Enter")
    label = bench.page.locator(".drawing-bar [aria-label='Label of the box']")
    for _ in range(TURNS):
        if label.input_value() == HOSTILE:  # the dialog gives it after it has closed
            break
        bench.page.wait_for_timeout(50)
    assert label.input_value() == HOSTILE
    bench.page.route("**/api/boxes", lambda route: route.abort())
    drag(bench, (0.2, 0.2), (0.4, 0.6))
    bench.says("The server does not answer")
    bench.wait(".drawing-hint:has-text('Not saved: Enter tries again')")
    assert drawn(served) == []
    bench.page.unroute("**/api/boxes")
    bench.press("Enter")
    wait_for(bench, served, 1)
    bench.wait(f".boxes-layer .box-text:has-text('{HOSTILE[:12]}')")
    assert bench.page.locator(".boxes-layer img").count() == 0  # it is text, no markup
    offered = "[...document.querySelectorAll('#drawing-classes option')].map(one => one.value)"
    assert {"face", "object"} <= set(bench.page.evaluate(offered))
    assert {each.split(" ")[-1] for each in bench.problems} == {"net::ERR_FAILED"}
    bench.problems.clear()


def test_points_are_of_one_frame_and_a_slip_makes_no_box(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("b", "d")
    click(bench, *EXTREME[:2])
    bench.press(".")
    bench.says("Another frame is on show")
    at(bench, 1)
    assert bench.page.locator(".draw-point").count() == 0
    bench.press("d")
    click(bench, (0.5, 0.05))  # no drag, and on no box
    drag(bench, (0.3, 0.3), (0.3, 0.8))
    bench.says("That box has no width")
    bench.press("Shift+ArrowLeft", "Enter", "Escape")
    bench.says("The box in the making was dropped")
    assert bench.page.evaluate("document.activeElement.id") == "cells"
    assert drawn(served) == []
