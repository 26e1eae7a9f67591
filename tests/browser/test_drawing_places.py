"""Boxes drawn where another process writes, on single pictures, and in windows of other shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import HEIGHT, LEFT, RIGHT, WIDTH, film, serving
from tests.browser.hands import box_of, click, drag, near, picture, ready, steps, wait_for

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served


def test_a_box_drawn_while_another_process_writes_appears_after_it(
    bench: Bench, served: Served
) -> None:
    ready(bench)
    bench.press("b")
    with served.workbench.store.writer("index news"):
        drag(bench, (0.2, 0.2), (0.4, 0.6))
        bench.says("index news")
        bench.wait(".draw-handle.se")
        face = served.workbench.db.faces.collect()["detection_id"][:1]
        served.workbench.db.label(face, "name", "Ann", by="ann")
        bench.wait("#labels .chip-text:text('Ann')")  # so it has heard that somebody did something
        bench.page.wait_for_timeout(4000)  # it is looked for meanwhile, and stays chosen
        assert bench.page.locator(".draw-handle.se").count() == 1
        assert bench.page.locator(".boxes-layer .box.drawn").count() == 0
    served.workbench.db.draw("b.webm", 0, (0.1, 0.1, 0.2, 0.2))  # whoever writes next brings it up
    bench.wait(".boxes-layer .box.drawn.chosen")


def test_a_box_that_waits_is_let_go_when_it_is_undone(bench: Bench, served: Served) -> None:
    ready(bench)
    bench.press("b")
    with served.workbench.store.writer("index news"):
        drag(bench, (0.2, 0.2), (0.4, 0.6))
        bench.says("index news")
        bench.wait(".draw-handle.se")
        bench.press("z")
        bench.says("undone: drawing of a box")
        bench.page.wait_for_selector(".draw-handle.se", state="detached")
    assert served.workbench.store.standing().num_rows == 0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Index a video that browsers do not play, so that its frames are shown as pictures."""
    from vquery.api.collection import Collection

    (tmp_path / "media").mkdir()
    film(tmp_path / "media" / "e.mkv", ({"Ann": LEFT}, {"Ann": RIGHT}))
    with Collection.create(tmp_path / "pictures.vq") as db:
        assert not db.index(tmp_path / "media", workers=1).failed
    return tmp_path / "pictures.vq"


def test_single_pictures_are_drawn_on_as_well(pictures: Path, opener: Callable[..., Bench]) -> None:
    with serving(pictures) as served:
        bench = opener(served.address).open()
        ready(bench, "e.mkv")
        bench.wait("img.screen")
        steps(bench, 0, 2)
        bench.press("b")
        drag(bench, (0.25, 0.3), (0.6, 0.9))
        (row,) = wait_for(bench, served, 1)
        assert box_of(row) == pytest.approx((0.25, 0.3, 0.6, 0.9), abs=near(bench))
        assert (row["video"], row["frame"]) == ("e.mkv", 2)
        bench.page.goto("about:blank")


def test_pictures_with_bars_beside_them_are_drawn_on_exactly(
    served: Served, opener: Callable[..., Bench]
) -> None:
    bench = opener(served.address, width=1500, height=560, device_scale_factor=1.5).open()
    bench.page.evaluate("document.documentElement.style.setProperty('--inspector', '60vw')")
    ready(bench)
    stage = bench.page.locator(".stage").bounding_box()
    seen = picture(bench)
    assert stage["width"] > 1.15 * seen.width  # there are bars
    assert seen.width / seen.height == pytest.approx(WIDTH / HEIGHT, abs=0.01)
    bench.press("b")
    drag(bench, (0.25, 0.25), (0.75, 0.5))
    (row,) = wait_for(bench, served, 1)
    assert box_of(row) == pytest.approx((0.25, 0.25, 0.75, 0.5), abs=near(bench))
    bench.shot("5-bars")
    bench.page.mouse.click(stage["x"] + 5, stage["y"] + 50)
    drag(bench, (0.6, 0.6), (1.4, 1.4))  # let go outside: up to the edge
    *_, last = wait_for(bench, served, 2)
    assert box_of(last) == pytest.approx((0.6, 0.6, 1, 1), abs=near(bench))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {}),
        ("dark", {"color_scheme": "dark"}),
        ("twice", {"width": 640, "height": 400, "device_scale_factor": 2}),
    ],
)
def test_drawing_is_readable(
    served: Served, opener: Callable[..., Bench], name: str, options: dict[str, Any]
) -> None:
    bench = opener(served.address, **options).open()
    ready(bench)
    bench.press("b")
    bench.page.locator(".stage").scroll_into_view_if_needed()
    drag(bench, (0.15, 0.2), (0.5, 0.75))
    wait_for(bench, served, 1)
    bench.wait(".boxes-layer .box.drawn")
    bench.press("d")
    click(bench, (0.7, 0.2), (0.6, 0.4))
    bench.shot(f"6-{name}")
    bar = bench.page.locator(".drawing-bar").bounding_box()
    pane = bench.page.locator("#inspector").bounding_box()
    assert pane["x"] <= bar["x"]
    assert bar["x"] + bar["width"] <= pane["x"] + pane["width"]
