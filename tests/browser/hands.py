"""What a person who draws boxes does, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.browser.conftest import FRAMES, RATE

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

SIDES = ("x1", "y1", "x2", "y2")
TURNS = 600
"""Looks at something that comes, twenty a second: half a minute."""
SAVING = "document.querySelector('.drawing-bar .drawing-hint')?.textContent === 'Saving …'"


class Picture(NamedTuple):
    """Where the picture is on the page."""

    x: float
    y: float
    width: float
    height: float

    def at(self, share: tuple[float, float]) -> tuple[float, float]:
        """Return the place of a point of the picture on the page."""
        return self.x + share[0] * self.width, self.y + share[1] * self.height


def picture(bench: Bench) -> Picture:
    """Find the picture on the page as the browser shows it: letterboxed in its element."""
    found = bench.page.evaluate("""() => {
      const screen = document.querySelector(".stage .screen");
      const {left, top, width, height} = screen.getBoundingClientRect();
      const wide = screen.videoWidth || screen.naturalWidth;
      const high = screen.videoHeight || screen.naturalHeight;
      const fit = getComputedStyle(screen).objectFit === "contain"
        ? Math.min(width / wide, height / high) : null;
      const [w, h] = fit ? [wide * fit, high * fit] : [width, height];
      return [left + (width - w) / 2, top + (height - h) / 2, w, h];
    }""")
    return Picture(*found)


def ready(bench: Bench, video: str = "a.webm") -> None:
    """Bring a video into the inspector, standing on its first frame."""
    bench.query(f"frames.filter(video == '{video}')", FRAMES)
    bench.page.focus("#cells")
    at(bench, 0)


def at(bench: Bench, frame: int) -> None:
    """Wait until a frame is on show."""
    bench.wait(f".player-time:has-text('{frame / RATE:.3f} /')")
    bench.page.wait_for_function("""() => {
      const screen = document.querySelector(".stage .screen");
      return screen && !screen.seeking && (screen.videoWidth || screen.naturalWidth);
    }""")


def steps(bench: Bench, first: int, last: int) -> None:
    """Go from frame to frame."""
    for frame in range(first + 1, last + 1):
        bench.press(".")
        at(bench, frame)


def drag(bench: Bench, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the picture, in shares of it."""
    seen = picture(bench)
    bench.page.mouse.move(*seen.at(start))
    bench.page.mouse.down()
    bench.page.mouse.move(*seen.at(end), steps=5)
    bench.page.mouse.up()


def click(bench: Bench, *points: tuple[float, float]) -> None:
    """Click on points of the picture."""
    for point in points:
        bench.page.mouse.click(*picture(bench).at(point))


def drawn(served: Served) -> list[dict[str, Any]]:
    """Return the boxes that people drew, by id."""
    return from_source(served, "human")


def from_source(served: Served, source: str) -> list[dict[str, Any]]:
    """Return the detections of a source, by id."""
    rows = served.workbench.moment().snapshot.read("detections").to_pylist()
    mine = [row for row in rows if row["source"] == source]
    return sorted(mine, key=lambda row: row["detection_id"])


def wait_for(bench: Bench, served: Served, count: int) -> list[dict[str, Any]]:
    """Wait until so many boxes are kept, and the page has heard of it."""
    for _ in range(TURNS):
        if len(drawn(served)) == count and not bench.page.evaluate(SAVING):
            break
        bench.page.wait_for_timeout(50)
    found = drawn(served)
    assert len(found) == count
    return found


def box_of(row: dict[str, Any]) -> tuple[float, ...]:
    """Return the box of a row."""
    return tuple(row[side] for side in SIDES)


def near(bench: Bench, pixels: float = 1.0) -> float:
    """So many pixels of the page, as a share of the smaller side."""
    seen = picture(bench)
    return pixels / min(seen.width, seen.height)
