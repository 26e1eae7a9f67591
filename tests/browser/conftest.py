"""A browser, a small studio to look at, and a page of its workbench.

Screenshots land in the tests' temporary folder, or where VQUERY_SCREENSHOTS points to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FRAMES, RATE, WIDTH, HEIGHT, SIDE = 60, 12, 320, 240, 90
LEFT, RIGHT = (20, 70), (200, 60)
CAST = {
    # video -> for each of its two shots, who is where
    "a.webm": ({"Ann": LEFT, "Bob": RIGHT}, {"Ann": LEFT, "Bob": RIGHT}),
    "b.webm": ({"Ann": LEFT, "Bob": RIGHT}, {"Ann": LEFT, "Bob": RIGHT}),
    "c.webm": ({"Bob": LEFT, "Ann": RIGHT}, {"Ann": (110, 70)}),
    "d.webm": ({"Cleo": LEFT, "Bob": RIGHT}, {"Bob": (110, 70)}),
}
HOSTILE = "<img src=x onerror=alert(1)>"
CAPTIONS = f"""1
00:00:00,200 --> 00:00:01,800
Good evening {HOSTILE} all

2
00:00:02,100 --> 00:00:03,900
And good night
"""


def looks() -> dict[str, np.ndarray]:
    """People as blotches of their own: what they look like is all that tells them apart."""
    import cv2

    rng = np.random.default_rng(7)
    found = {}
    for name in ("Ann", "Bob", "Cleo"):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        found[name] = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return found


def film(path: Path, shots: tuple[dict[str, tuple[int, int]], ...]) -> None:
    """Write a video that browsers play, with its faces beside it."""
    import cv2

    rng, people = np.random.default_rng(len(path.name)), looks()
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), RATE, (WIDTH, HEIGHT))
    assert out.isOpened()
    lines = ["frame,x1,y1,x2,y2,class,score"]
    for frame in range(FRAMES):
        shot = frame * len(shots) // FRAMES
        picture = np.full((HEIGHT, WIDTH, 3), 60 + 110 * shot, np.uint8)
        for name, (left, top) in shots[shot].items():
            x, y = left + frame % 5, top
            shade = people[name] * rng.uniform(0.9, 1.1)
            picture[y : y + SIDE, x : x + SIDE] = np.clip(shade, 0, 255).astype(np.uint8)
            box = (x / WIDTH, y / HEIGHT, (x + SIDE) / WIDTH, (y + SIDE) / HEIGHT)
            sides = ",".join(f"{side:.4f}" for side in box)
            lines.append(f"{frame},{sides},face,{rng.uniform(0.5, 1):.3f}")
        out.write(picture)
    out.release()
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index four small videos: 420 faces of Ann, Bob and Cleo; captions that hold markup."""
    from vquery.api.collection import Collection

    folder = tmp_path_factory.mktemp("studio")
    media = folder / "media"
    media.mkdir()
    for name, shots in CAST.items():
        film(media / name, shots)
    (media / "a.srt").write_text(CAPTIONS)
    with Collection.create(folder / "studio.vq") as db:
        report = db.index(media, workers=1)
    assert not report.failed
    return folder / "studio.vq"


@pytest.fixture
def path(studio: Path, tmp_path: Path) -> Path:
    """Give a copy of the studio's collection, to be changed at will."""
    return Path(shutil.copytree(studio, tmp_path / "studio.vq"))


def executable() -> str | None:
    """Find a browser: Debian's, or the one that Playwright installed."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        return own if Path(own).is_file() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start a browser for the tests of a module; skip where there is none."""
    for needed in ("starlette", "uvicorn"):
        pytest.importorskip(needed, reason="the workbench needs the extra 'serve'")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = executable()
    if found is None:
        pytest.skip(f"no browser found: install chromium (looked for {', '.join(NAMES)})")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


class Served(NamedTuple):
    workbench: Any
    address: str
    """With the token, as it is printed."""

    @property
    def root(self) -> str:
        """The address without the token."""
        return self.address.partition("?")[0]


@contextmanager
def serving(path: Path, who: str = "tester") -> Iterator[Served]:
    """Serve a collection for the length of a ``with`` block, with one process for its queries."""
    from vquery.web import workers
    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    workbench = Workbench(path, who=who)
    server = Server(workbench)
    with mock.patch.multiple(workers, READY=1, MOST=1), server.in_thread():
        yield Served(workbench, server.entrance)
    workbench.close()


@pytest.fixture
def served(path: Path) -> Iterator[Served]:
    """Serve a copy of the studio."""
    with serving(path) as served:
        yield served


@pytest.fixture(scope="module")
def shots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of this module's screenshots."""
    chosen, name = os.environ.get("VQUERY_SCREENSHOTS"), request.module.__name__.split(".")[-1]
    folder = Path(chosen) / name if chosen else tmp_path_factory.mktemp(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Bench:
    """The page of a workbench, as a person uses it; counts the keys that are pressed."""

    def __init__(self, page: Any, address: str, shots: Path) -> None:
        self.page, self.address, self.shots = page, address, shots
        self.root = address.partition("?")[0]
        self.presses = 0
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._said)
        page.on("dialog", self._alerted)
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _alerted(self, dialog: Any) -> None:
        self.problems.append(f"a dialog of the browser: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.root, "data:", "blob:")):
            self.problems.append(f"asked for {request.url}")

    def open(self) -> Bench:
        """Open the page and wait for its first view."""
        self.page.goto(self.address)
        self.shown()
        return self

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.presses += 1
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text: every character is a key."""
        self.presses += len(text)
        self.page.keyboard.type(text)

    def shown(self) -> None:
        """Wait until cells are there."""
        self.page.wait_for_selector("#cells .cell .label:not(:empty)")

    def query(self, text: str, hits: int) -> None:
        """Run a query from the keyboard and wait for that many hits."""
        before = self.presses
        self.press("Escape", "/")
        self.type(text)
        self.press("Escape", "Control+Enter")
        self.wait(f"#query .outcome:has-text('{hits} hit')")
        self.shown()
        self.presses = before

    def wait(self, selector: str) -> Any:
        """Wait until something is there to see."""
        return self.page.wait_for_selector(selector)

    def says(self, text: str) -> None:
        """Wait until the status line says something."""
        self.wait(f"#status :text('{text}')")

    def tool(self, key: str) -> Any:
        """Open a dialog by its key."""
        self.press(key)
        return self.wait("dialog[open]")

    def shot(self, name: str) -> Path:
        """Keep a picture of the page."""
        path = self.shots / f"{name}.png"
        self.page.screenshot(path=path)
        assert path.stat().st_size > 5000
        return path


@pytest.fixture
def opener(browser: Any, shots: Path) -> Iterator[Callable[..., Bench]]:
    """Open pages, each in a profile of its own; at the end none may have had a problem."""
    opened: list[Bench] = []

    def open_page(address: str, width: int = 1280, height: int = 800, **options: Any) -> Bench:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(40_000)
        bench = Bench(context.new_page(), address, shots)
        opened.append(bench)
        return bench

    yield open_page
    for bench in opened:
        bench.page.context.close()
    problems = [problem for bench in opened for problem in bench.problems]
    assert not problems


@pytest.fixture
def bench(served: Served, opener: Callable[..., Bench]) -> Bench:
    """Open the page of the studio."""
    return opener(served.address).open()
