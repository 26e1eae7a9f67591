"""The player and the timeline: every frame carries its number, which is read off the screen."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Bench, Served

RATE, FRAMES, BITS, SIDE = 10, 40, 6, 32
US = 1_000_000 // RATE
READ = """() => {
  const [bits, side] = [BITS, SIDE];
  const screen = document.querySelector(".stage .screen");
  if (!screen || screen.seeking) return -1;
  const canvas = new OffscreenCanvas(bits * side, 2 * side);
  const pen = canvas.getContext("2d");
  pen.drawImage(screen, 0, 0, canvas.width, canvas.height);
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const [red] = pen.getImageData((bit + 0.5) * side, side, 1, 1).data;
    if (red > 128) number += 2 ** bit;
  }
  return number;
}""".replace("BITS, SIDE", f"{BITS}, {SIDE}")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index two files of one second in ten frames: one that browsers play, one that they do not."""
    import cv2

    from vquery.api.collection import Collection

    folder = tmp_path_factory.mktemp("numbered")
    (folder / "media").mkdir()
    for name in ("plays.webm", "stands.mkv"):
        size = (BITS * SIDE, 2 * SIDE)
        path = str(folder / "media" / name)
        out = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"VP80"), RATE, size)
        assert out.isOpened()
        for frame in range(FRAMES):
            bits = [255 * (frame >> bit & 1) for bit in range(BITS)]
            row = np.repeat(np.array(bits, np.uint8), SIDE)
            picture = np.tile(row[None, :, None], (2 * SIDE, 1, 3))
            picture[0, 0] = len(name)  # two files that are alike would be one video
            out.write(picture)
        out.release()
    with Collection.create(folder / "numbered.vq") as db:
        assert not db.index(folder / "media", faces="none", workers=1).failed
    return folder / "numbered.vq"


@pytest.fixture
def path(numbered: Path, tmp_path: Path) -> Path:
    """Give a copy of the collection, to be changed at will."""
    return Path(shutil.copytree(numbered, tmp_path / "numbered.vq"))


@pytest.fixture
def player(served: Served, opener: Callable[..., Bench]) -> Bench:
    """Open the page; it shows the first frame of the video that browsers play."""
    bench = opener(served.address).open()
    show(bench, "plays.webm")
    return bench


def show(bench: Bench, video: str) -> None:
    """Bring a video into the player."""
    bench.query(f"frames.filter(video == '{video}')", FRAMES)
    bench.wait(f".timeline-title:has-text('{video}')")
    bench.page.focus("#cells")
    shows(bench, 0)


def shows(bench: Bench, frame: int) -> None:
    """Wait until a frame is on the screen, under its own time."""
    time = f"0:0{frame / RATE:.3f} /"
    seen(bench, frame, frame)
    bench.wait(f".player-time:has-text('{time}')")


def seen(bench: Bench, low: int, high: int = FRAMES) -> int:
    """Wait until one of some frames is on the screen; the page forbids what playwright waits by."""
    for _ in range(600):
        number = bench.page.evaluate(READ)
        if low <= number <= high:
            return int(number)
        bench.page.wait_for_timeout(20)
    said = bench.page.text_content(".player-time")
    raise AssertionError(f"frame {number} stays on the screen at {said}, wanted {low} to {high}")


def spans(served: Served) -> list[tuple[str, int, int]]:
    """Return the labelled spans of the collection, in frames."""
    table = served.workbench.store.span_labels("name")
    rows = table.select(["label", "start_us", "end_us"]).to_pylist()
    return [(row["label"], row["start_us"] // US, row["end_us"] // US) for row in rows]


@pytest.mark.parametrize("video", ["plays.webm", "stands.mkv"])
def test_steps_show_each_frame_under_its_own_time(player: Bench, video: str) -> None:
    show(player, video)
    kind = "video" if video == "plays.webm" else "img"
    player.wait(f".stage {kind}.screen")
    for frame in (1, 2, 3):
        player.press(".")
        shows(player, frame)
    player.press(",")
    shows(player, 2)
    for _ in range(3):
        player.press(",")  # the first frame is the last one that way
    shows(player, 0)


def test_a_key_pressed_before_the_item_is_shown_counts_from_the_item(player: Bench) -> None:
    keys = """keys => keys.forEach(key => document.activeElement.dispatchEvent(
      new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})))"""
    player.page.evaluate(keys, ["ArrowRight", "ArrowRight", "."])  # at once, without a pause
    shows(player, 3)
    player.page.evaluate(keys, ["ArrowRight", ",", ","])
    shows(player, 1)


def test_a_click_on_the_timeline_shows_that_moment(player: Bench) -> None:
    box = player.page.locator(".lanes-area").bounding_box()
    assert box is not None
    for frame in (31, 7, 39, 0):
        share = (frame + 0.5) / FRAMES
        player.page.mouse.click(box["x"] + share * box["width"], box["y"] + 10)
        shows(player, frame)


def test_shuttle_runs_both_ways_and_stops(player: Bench) -> None:
    player.press("l")
    seen(player, 9)
    player.press("j")
    player.wait(".loop-said:has-text('◀ 1×')")
    seen(player, 0, 5)
    player.press("k")
    player.wait(".controls [aria-label='Play or pause'][aria-pressed=false]")


def test_a_loop_goes_round(player: Bench) -> None:
    player.press(*"......[........]")
    player.wait(".loop-said:has-text('0:00.60–0:01.40')")
    player.press("-", "-", "-", "Space")  # slowly: how far it gets too far is said in frames
    for _ in range(2):
        assert seen(player, 12) <= 14
        seen(player, 6, 8)
    player.press("Space", "\\")
    player.wait(".controls [aria-label='Loop on or off'][aria-pressed=false]")


def test_two_keys_mark_a_span_whose_ends_then_move(player: Bench, served: Served) -> None:
    page = player.page
    for frame in range(1, 6):
        player.press(".")
        shows(player, frame)
    player.press("i")
    player.wait(".span-said:has-text('from 0:00.50')")
    for frame in range(6, 10):
        player.press(".")
        shows(player, frame)
    player.press("o")
    player.wait(".span-value:focus")
    player.type("Ann")
    player.press("Enter")
    player.says("Ann")
    assert spans(served) == [("Ann", 5, 10)]
    assert page.evaluate("document.activeElement.id") == "cells"

    player.wait(".lane-human .lane-bar.confirmed")
    page.focus("svg.lanes")
    player.press(*["ArrowDown"] * 8, "ArrowRight")
    player.wait(".timeline-said:has-text('Ann, confirmed')")
    player.shot("span")
    player.press("Alt+ArrowRight", "Alt+Shift+ArrowLeft")
    moved(player, served, [("Ann", 4, 11)])
    # at one moment of the page: lanes are drawn anew whenever labels were read again
    bar = page.evaluate("""() =>
      document.querySelector(".lane-human .lane-bar").getBoundingClientRect().toJSON()""")
    x, y = bar["x"] + bar["width"], bar["y"] + bar["height"] / 2
    frame_px = bar["width"] / 7
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6.3 * frame_px, y, steps=4)
    page.mouse.up()
    moved(player, served, [("Ann", 4, 17)])
    player.press("z")
    moved(player, served, [("Ann", 4, 11)])


def moved(bench: Bench, served: Served, wanted: list[tuple[str, int, int]]) -> None:
    """Wait until the page has told the server, and drawn what is there now."""
    for _ in range(600):
        if spans(served) == wanted:
            break
        bench.page.wait_for_timeout(50)
    assert spans(served) == wanted
    ends = """frames => {
      const bar = document.querySelector(".lane-human .lane-bar");
      const width = document.querySelector(".lanes-area").clientWidth;
      const [left, wide] = ["x", "width"].map((side) => Number(bar.getAttribute(side)));
      return [left, left + wide].map((x) => (x / width) * frames);
    }"""
    for _ in range(600):
        if np.allclose(bench.page.evaluate(ends, FRAMES), wanted[0][1:], atol=0.1):
            return
        bench.page.wait_for_timeout(50)
    raise AssertionError("the timeline does not show the span as it is now")


def test_marks_set_while_playing_are_moved_back(player: Bench) -> None:
    meant = module(player, "player.js", "meant(1_000_000, 2, 0.2)")
    assert meant == 600_000
    assert module(player, "player.js", "meant(1_000_000, 0, 0.2)") == 1_000_000
    player.press("l")
    low = seen(player, 10)
    player.press("i")
    player.press("k")
    player.wait(".span-said:has-text('from')")
    marked = float(player.page.inner_text(".span-said").split()[1].split(":")[1])
    assert player.page.input_value(".reaction") == "0.2"
    now = float(player.page.inner_text(".player-time").split()[0].split(":")[1])
    assert low / RATE - 0.3 <= marked <= now - 0.1


def test_zoom_keeps_the_time_in_place_and_pan_stays_inside(player: Bench) -> None:
    whole = {"start_us": 0, "end_us": 20_000_000}
    half = module(player, "lanes.js", "zoomed({start_us: 0, end_us: 20e6}, 0.5, 5e6, 20e6)")
    assert half == {"start_us": 2_500_000, "end_us": 12_500_000}
    assert module(player, "lanes.js", "zoomed({start_us: 0, end_us: 20e6}, 9, 5e6, 20e6)") == whole
    late = module(player, "lanes.js", "panned({start_us: 0, end_us: 10e6}, 5, 20e6)")
    assert late == {"start_us": 10_000_000, "end_us": 20_000_000}
    assert module(player, "lanes.js", "clock(3_661_050_000, 2)") == "1:01:01.05"


def module(bench: Bench, name: str, call: str) -> Any:
    """Call a function of a module of the page."""
    return bench.page.evaluate(f"async () => (await import('/static/{name}')).{call}")
