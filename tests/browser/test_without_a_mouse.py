"""The page without a mouse, enlarged, and the list of its keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

import vquery.web

STATIC = Path(vquery.web.__file__).parent / "static"
FOCUS = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  return {name: here.id || here.getAttribute("aria-label") || here.textContent.trim().slice(0, 30),
          tag: here.tagName, pane: here.closest(".pane, #tools, .split")?.id ?? "",
          outline: style.outlineStyle !== "none" || style.boxShadow !== "none"
            || style.borderColor !== ""};
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, [role]")]
  .filter(one => one.offsetParent && !["presentation", "none"].includes(one.getAttribute("role")))
  .filter(one => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby")
    || one.labels?.length || one.textContent.trim() || one.title))
  .map(one => one.outerHTML.slice(0, 120))"""


def test_the_list_of_keys_is_complete(bench: Bench) -> None:
    """Ask the page's own table of keys, and the code for keys bound past it."""
    bench.tool("?")
    bench.shot("1-keys")
    told = bench.page.evaluate("""async () => {
      const { allBindings } = await import("/static/keys.js");
      const said = document.querySelector("dialog .help").innerText;
      const missing = allBindings().filter(one => !said.includes(one.text));
      return {missing: missing.map(one => one.text), count: allBindings().length,
              keys: allBindings().flatMap(one => one.keys)};
    }""")
    assert told["missing"] == []
    assert told["count"] > 40
    promised = ["1", "9", "y", "n", "u", "z", "Shift+z", "/", "?", "j", "k", "l", ",", ".", "[",
                "]", "\\", "-", "=", "Space", "i", "o", "p", "x", "Ctrl+a", "Enter"]  # fmt: skip
    assert set(promised) <= set(told["keys"])


def test_the_whole_work_needs_no_mouse(bench: Bench, served: Served) -> None:
    page = bench.page
    seen: list[dict[str, Any]] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if seen and here == seen[0]:
            break
        seen.append(here)
    panes = {each["pane"] for each in seen}
    assert {"query", "grid", "inspector", "timeline", "tools", "split"} <= panes
    assert all(each["outline"] for each in seen if each["tag"] != "BODY")
    assert page.evaluate(NAMELESS) == []

    bench.query("faces.filter(video == 'a.webm')", 120)
    bench.press("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown")
    bench.wait("#labels .aim:has-text('items')")
    bench.shot("2-selected")
    bench.press("+")
    bench.type("Ann")
    bench.press("Enter")
    bench.says("Ann")
    some = len(served.workbench.db.labels("name"))
    assert some > 2
    bench.press("Escape", "Home", "Enter")
    page.wait_for_function("document.querySelector('#inspector video')?.currentTime >= 0")
    assert page.inner_text("#grid .bar").count("of 120")
    bench.press("Space")
    bench.press("Escape", "z")
    bench.says("undone")
    assert len(served.workbench.db.labels("name")) == 0
    bench.press("?")
    bench.wait("dialog[open]")
    bench.press("Escape")
    assert page.evaluate("document.activeElement.id") == "cells"


def test_it_is_readable_at_twice_the_size(served: Served, opener: Callable[..., Bench]) -> None:
    bench = opener(served.address, width=640, height=400, device_scale_factor=2).open()
    page = bench.page
    bench.shot("3-twice")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"the page is {wide} pixels wider than the window"
    cut = page.evaluate("""() => [...document.querySelectorAll("#tools button, #query button")]
      .filter(one => one.offsetParent).map(one => one.getBoundingClientRect())
      .filter(box => box.left < 0 || box.right > innerWidth).length""")
    assert cut == 0
    assert page.evaluate("document.getElementById('cells').clientHeight") > 60
    for key, name in (("?", "4-twice-keys"), ("e", "5-twice-export")):
        dialog = bench.tool(key)
        bench.shot(name)
        box = dialog.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 400
        bench.press("Escape")


def test_it_is_dark_where_dark_is_preferred(served: Served, opener: Callable[..., Bench]) -> None:
    bench = opener(served.address, color_scheme="dark", reduced_motion="reduce").open()
    bench.shot("6-dark")
    colour = bench.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 80


def test_nothing_is_large_or_comes_from_elsewhere() -> None:
    files = list(STATIC.rglob("*"))
    assert sum(file.stat().st_size for file in files) < 1_000_000
    text = "\n".join(file.read_text() for file in files if file.suffix in (".js", ".css", ".html"))
    assert "innerHTML" not in text
    assert not re.search(r"""(src|href|import|url)\W{1,4}https?://""", text)
