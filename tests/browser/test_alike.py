"""More like these: three labels, one key, and a screen of the same person is accepted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

ANN = "faces.filter(video == 'a.webm').filter(x1 < 0.4)"
"""As the studio is cast."""


def truth(served: Served) -> dict[int, str]:
    """Who each face is: by its track, since a track is one person in one place."""
    rows = served.workbench.db.faces.collect().to_pylist()
    return {row["detection_id"]: cast(row) for row in rows}


def cast(row: dict[str, Any]) -> str:
    from tests.browser.conftest import CAST, FRAMES, RATE, WIDTH

    shots = CAST[row["video"]]
    shot = int(row["start_us"] * RATE / 1e6 + 0.5) * len(shots) // FRAMES
    return min(shots[shot], key=lambda name: abs(shots[shot][name][0] / WIDTH - row["x1"]))


def order(bench: Bench) -> list[str]:
    """What the first cells show, in their order."""
    found: list[str] = bench.page.evaluate("""() => [...document.querySelectorAll("#cells .cell")]
      .sort((a, b) => a.dataset.position - b.dataset.position).slice(0, 10)
      .map(cell => cell.querySelector("img").dataset.address)""")
    return found


def offered(bench: Bench, text: str) -> None:
    """Wait until an order is among those to choose from."""
    bench.page.wait_for_selector(f"#gridbar option:text('{text}')", state="attached")


def labels(served: Served) -> dict[int, str]:
    said = served.workbench.db.labels("name")
    return dict(zip(said["detection_id"].to_pylist(), said["label"].to_pylist(), strict=True))


def test_three_labels_bring_a_screen_that_one_key_accepts(bench: Bench, served: Served) -> None:
    who = truth(served)
    bench.query(ANN, 60)
    first = bench.page.evaluate("document.querySelector('#cell-0').getAttribute('aria-label')")
    assert "no label" in first
    bench.press("x", "ArrowRight", "x", "ArrowRight", "x", "+")
    bench.type("Ann")
    bench.press("Enter")
    bench.says("Ann")
    bench.query("faces", 420)
    bench.presses = 0
    bench.press("a")
    bench.says("likeness to 3 labelled Ann")
    bench.wait("#cells .cell.is-proposed .label:text('Ann')")
    bench.shot("1-more-like-these")
    shown = bench.page.evaluate("""() => document.querySelectorAll("#cells .cell").length""")
    bench.press("Shift+a")
    bench.says("accept of")
    bench.page.wait_for_selector("#cells .cell.focus.is-proposed")  # the next screen
    bench.shot("2-accepted")
    assert bench.presses == 2
    found = labels(served)
    assert len(found) > min(shown, 20)
    assert Counter(found.values()) == {"Ann": len(found)}
    assert {who[one] for one in found} == {"Ann"}


def test_chosen_rows_are_examples_and_undo_leaves_the_order(bench: Bench, served: Served) -> None:
    who = truth(served)
    bench.query("faces", 420)
    bench.press("x", "a")
    bench.says("likeness to the 1 chosen")
    offered(bench, "like those chosen")
    bench.press("v", "+")  # the one chosen is selected still
    bench.type("first")
    bench.press("Enter")
    bench.says("by tester")
    found = labels(served)
    assert len({who[one] for one in found}) == 1
    bench.wait("#cells .cell.is-confirmed")
    before = order(bench)
    bench.press("z")
    bench.says("undone")
    bench.wait("#cells .cell:not(.is-confirmed)")
    assert labels(served) == {}
    assert order(bench) == before
    bench.press("Shift+z", "Home", "a")
    bench.says(f"likeness to {len(found)} labelled first")
    bench.wait("#cell-0.is-proposed")
    bench.press("n")
    bench.wait("#cell-0.is-rejected")
    bench.press("a")
    bench.says("unlike 1 other;")
    bench.page.select_option("#gridbar select", "row")
    offered(bench, "like first")  # to go back to it
