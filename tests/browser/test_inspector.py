"""What the inspector shows is of the item in focus, and what it cannot show it tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Bench

SEEN = """selector => [...document.querySelectorAll(selector)]
  .filter(one => one.checkVisibility({visibilityProperty: true}) && one.textContent.trim())
  .map(one => one.textContent)"""


def held(bench: Bench, pattern: str) -> Callable[[], None]:
    """Keep answers back until the returned function is called."""
    waiting: list[Any] = []
    bench.page.route(pattern, lambda route: waiting.append(route))

    def let_go() -> None:
        for route in waiting:
            route.continue_()
        bench.page.unroute(pattern)

    return let_go


def boxes(bench: Bench) -> int:
    """Count the boxes that are painted over the picture."""
    return int(bench.page.locator(".boxes-layer .box").count())


def test_nothing_of_the_last_item_stays_while_the_next_one_is_read(bench: Bench) -> None:
    bench.query("faces.filter(video == 'a.webm' or video == 'b.webm')", 240)
    bench.page.focus("#cells")
    bench.wait(".boxes-layer .box")
    bench.wait(".why .why-sentence")
    let_go = [held(bench, f"**/{kind}**") for kind in ("api/why", "api/overlay", "api/frames")]
    bench.press("End")
    bench.wait(".facts dd:has-text('b.webm')")
    bench.wait(".stage .screen[src*='b.webm']")
    assert boxes(bench) == 0
    assert bench.page.evaluate(SEEN, ".why p, .why span") == []
    for go in let_go:
        go()
    bench.wait(".boxes-layer .box")
    bench.page.wait_for_function(f"({SEEN})('.why .why-sentence').length > 0")


def test_boxes_of_another_time_go_at_once(bench: Bench) -> None:
    bench.query("faces.filter(video == 'a.webm')", 120)
    bench.page.focus("#cells")
    bench.wait(".boxes-layer .box")
    bench.page.wait_for_load_state("networkidle")  # the stretch after this one is read as well
    let_go = held(bench, "**/api/overlay**")
    bench.page.evaluate("import('/static/store.js').then(({dispatch}) => dispatch('labels'))")
    bench.press("End")
    bench.wait(".player-time:has-text('0:04.9')")
    assert boxes(bench) == 0
    let_go()
    bench.wait(".boxes-layer .box")


def test_boxes_that_cannot_be_read_are_told_once_and_read_later(bench: Bench) -> None:
    asked = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(
            status=500, content_type="application/json", body='{"error": "No boxes now."}'
        )

    bench.page.route("**/api/overlay**", refuse)
    bench.query("faces.filter(video == 'b.webm')", 120)
    bench.page.focus("#cells")
    bench.says("The boxes over the picture cannot be read: No boxes now.")
    begun = time.monotonic()
    bench.press("l")
    bench.page.wait_for_timeout(500)
    # asked again after three seconds only, though every frame would show them
    assert len(asked) <= 4 + 2 * ((time.monotonic() - begun) // 3)
    bench.press("k")
    bench.page.unroute("**/api/overlay**")
    bench.page.wait_for_timeout(3000)
    for key in ",." * 20:  # those three seconds of the page may take longer
        bench.press(key)
        bench.page.wait_for_timeout(500)
        if boxes(bench):
            break
    bench.wait(".boxes-layer .box")
    told = [each for each in bench.problems if "500" in each]
    assert len(told) == len(asked)  # the browser's own words for what was refused above
    bench.problems[:] = [each for each in bench.problems if each not in told]


def test_frame_times_that_cannot_be_read_are_told(bench: Bench) -> None:
    body = '{"error": "The table of frames is away."}'
    bench.page.route(
        "**/api/frames**",
        lambda route: route.fulfill(status=500, content_type="application/json", body=body),
    )
    bench.query("faces.filter(video == 'b.webm')", 120)
    bench.page.focus("#cells")
    bench.says("The times of the frames cannot be read: The table of frames is away.")
    bench.press("i")
    bench.says("Nothing is marked, as the times of the frames cannot be read")
    bench.page.unroute("**/api/frames**")
    bench.press(".")
    bench.wait(".player-time:has-text('0:00.083')")
    bench.problems[:] = [each for each in bench.problems if "500" not in each]


def test_a_browser_that_refuses_to_play_is_told(bench: Bench) -> None:
    bench.page.evaluate(
        "() => { HTMLMediaElement.prototype.play = () =>"
        " Promise.reject(new DOMException('No playing here.', 'NotAllowedError')); }"
    )
    bench.query("faces.filter(video == 'b.webm')", 120)
    bench.page.focus("#cells")
    bench.wait(".player-time:not(:empty)")
    bench.press("l")
    bench.says("The browser does not play this video: No playing here.")


@pytest.mark.parametrize(("width", "height"), [(1280, 560), (1920, 600), (1280, 800)])
def test_the_picture_leaves_room_for_its_controls_in_low_windows(
    bench: Bench, width: int, height: int
) -> None:
    bench.page.set_viewport_size({"width": width, "height": height})
    bench.page.focus("#cells")
    bench.wait(".on-show .screen")
    pane, picture, controls = (
        bench.page.locator(one).bounding_box() for one in ("#inspector", ".on-show", ".controls")
    )
    assert 100 < picture["height"] < pane["height"]
    assert controls["y"] + 24 <= pane["y"] + pane["height"]
