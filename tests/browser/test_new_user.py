"""A new user on the demo: the steps of the README, word by word, to a hundred confirmed labels."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Bench, Served

README = Path(__file__).parents[2] / "README.md"
QUERY = "faces.filter(name == 'Bernie')"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do what `vquery demo` does, on fewer and shorter videos."""
    from vquery.api.demo import run_demo

    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder, videos=3, seconds=12.0)
    return folder / "newsroom.vq"


@pytest.fixture
def path(demo: Path, tmp_path: Path) -> Path:
    """Give a copy of the demo's collection, to be changed at will."""
    return Path(shutil.copytree(demo, tmp_path / "newsroom.vq"))


def confirmed(served: Served, name: str | None = None) -> int:
    """Count the labels that people gave: to all, or one value."""
    found = served.workbench.db.labels("name")["label"].to_pylist()
    return len(found) if name is None else found.count(name)


def until(bench: Bench, count: Callable[[], int], right: Callable[[int], bool]) -> int:
    """Count until it is right, half a minute at most; return the last count."""
    for _ in range(600):
        if right(count()):
            break
        bench.page.wait_for_timeout(50)
    return count()


def test_the_readme_leads_to_a_hundred_confirmed_labels(
    served: Served, opener: Callable[..., Bench]
) -> None:
    begun = time.monotonic()
    bench, before = opener(served.address), confirmed(served)
    page = bench.open().page
    assert before < 20  # what the demo itself labelled; the rest is proposed
    bench.wait("#cells .cell.is-proposed")
    bench.shot("1-opened")

    bench.press("/")  # 1. the faces that are said to be Bernie
    assert QUERY in README.read_text("utf-8")  # these are the steps that people are told
    bench.type(QUERY)
    bench.press("Enter")
    bench.wait("#cells:focus")
    bench.shown()
    bench.shot("2-query")

    bench.press("ArrowRight", "n")  # 2. a wrong one, as if it were
    bench.wait("#cell-1.is-rejected")
    bench.press("ArrowLeft", "ArrowLeft")
    bench.wait(".inspected-label:has-text('Bernie')")

    bench.press("Control+a", "y")  # 3. the rest is right
    bench.wait("#cell-0.is-confirmed")
    first = until(bench, lambda: confirmed(served, "Bernie"), lambda count: count > before)
    said = bench.wait(f"#labels .chip:has-text('Bernie') small:text-is('{first}')")
    assert said.is_visible()
    bench.shot("3-confirmed")
    bench.press("z")
    bench.says("undone")
    assert confirmed(served) == before
    bench.press("Shift+z")
    bench.wait("#cell-0.is-confirmed")  # it may be so already, by the demo, so that it tells no end
    assert until(bench, lambda: confirmed(served, "Bernie"), lambda count: count == first) == first

    others = page.locator("#labels .chip-text").all_inner_texts()
    for name in (one for one in others if one != "Bernie"):  # 4. and the others
        if confirmed(served) >= 100:
            break
        have = confirmed(served)
        bench.press("/")
        bench.type(QUERY.replace("Bernie", name))
        bench.press("Enter")
        bench.wait("#cells:focus")
        bench.wait(f"#cell-0 .label:text-is('{name}')")
        bench.press("Control+a", "y")
        bench.wait("#cells .cell:not(.is-proposed)")
        bench.wait("#status .is-done")
        until(bench, lambda: confirmed(served), lambda count, have=have: count != have)
    assert confirmed(served) >= 100
    bench.shot("4-hundred")

    bench.press("g")  # 5. what follows from it
    bench.wait("dialog .gain")
    bench.shot("5-preview")
    bench.press("Escape", "e")
    bench.wait("dialog[open]")
    bench.press("Enter")
    bench.wait("dialog p.done")
    bench.shot("6-exported")
    seconds = time.monotonic() - begun
    print(f"{confirmed(served)} confirmed labels, {bench.presses} keys, no click, {seconds:.0f} s")
    assert bench.presses < 200
