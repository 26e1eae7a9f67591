"""The widgets in a page that plays the part of a notebook, answered by the widgets in Python."""

from __future__ import annotations

import base64
import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vquery as vq

if TYPE_CHECKING:
    from tests.browser.conftest import Bench

pytest.importorskip("anywidget", reason="widgets need the extra 'notebook'")

HOST = Path(__file__).with_name("notebook_host.html")
MODULES = Path(vq.__file__).parent / "notebook" / "static"
ADDRESS = "http://notebook.test/"
TRAITS = ("parts", "height", "result", "concept", "chosen")
HOSTILE = "<img src=x onerror=alert(1)>"


class Notebook:
    """A page with widgets in it: what they send goes to Python, and answers come back."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.page = bench, bench.page
        self.widgets: dict[str, Any] = {}
        self.paths: list[str] = []
        self.busy = False
        self.page.expose_function("sent", self._sent)
        self.page.expose_function("saved", self._saved)
        self.page.route(
            f"{ADDRESS}**",
            lambda route: route.fulfill(body=HOST.read_text(), content_type="text/html"),
        )
        self.page.goto(ADDRESS)
        self.page.wait_for_function("window.ready")

    def show(self, name: str, widget: Any, view: str | None = None) -> Any:
        """Show a widget; returns where it is."""
        self.widgets[name] = widget
        state = {key: getattr(widget, key) for key in TRAITS}
        self.page.evaluate(
            "([name, state, text, view]) => window.show(name, state, text, view)",
            [name, state, widget._esm, view or name],
        )
        return self.page.locator(f"#{view or name} > div")

    def _sent(self, name: str, text: str) -> dict[str, Any] | None:
        message, widget = json.loads(text), self.widgets[name]
        self.paths.append(message.get("path", message["kind"]))
        answers: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue()
        widget.send = lambda said, buffers: answers.put((said, buffers))
        widget._handle_custom_msg(message, [])
        if message["kind"] != "ask" or self.busy:
            return None
        said, (content,) = answers.get(timeout=60)
        return {"said": said, "content": base64.b64encode(content).decode()}

    def _saved(self, name: str, text: str) -> None:
        self.widgets[name].set_state(json.loads(text))

    def take(self, name: str, key: str) -> None:
        """Tell the page what Python set."""
        self.page.evaluate(
            "([name, key, value]) => window.take(name, key, value)",
            [name, key, getattr(self.widgets[name], key)],
        )

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the page work until something holds."""
        for _ in range(1200):
            if holds():
                return
            self.page.wait_for_timeout(25)
        assert holds()


@pytest.fixture
def db(path: Path) -> Iterator[Any]:
    with vq.open(path) as db:
        yield db


@pytest.fixture
def notebook(opener: Callable[..., Bench]) -> Notebook:
    return Notebook(opener(ADDRESS, width=1100, height=900))


def cells(view: Any) -> Any:
    return view.locator("#cells .cell .label:not(:empty)")


def counts(db: Any) -> dict[str | None, int]:
    labels = db.labels("name")["label"].to_pylist()
    return {label: labels.count(label) for label in labels}


def test_sixty_faces_are_seen_selected_and_labelled(notebook: Notebook, db: Any) -> None:
    page, bench = notebook.page, notebook.bench
    widget = vq.grid(db.faces.limit(60), db=db, height=620)
    view = notebook.show("faces", widget)
    cells(view).first.wait_for()
    assert view.locator(".title").inner_text().startswith("60 rows")
    notebook.until(lambda: cells(view).count() == 60)
    loaded = """el => [...el.shadowRoot.querySelectorAll(".cell img")]
      .every(one => one.src.startsWith("blob:") && one.naturalWidth > 0)"""
    notebook.until(lambda: bool(view.evaluate(loaded)))
    below = """el => [...el.shadowRoot.querySelectorAll(".cell")].every((cell) => {
      const [picture, words] = [...cell.querySelectorAll(".picture, .caption")];
      const edge = picture.getBoundingClientRect().bottom;
      return edge <= words.getBoundingClientRect().top + 1 && picture.offsetHeight > 50;
    })"""
    assert view.evaluate(below)
    bench.shot("1-grid")

    view.locator(".cell[data-position='2']").click()
    view.locator(".cell[data-position='7']").click(modifiers=["Shift"])
    notebook.until(lambda: widget.selection.num_rows == 6)
    faces = db.faces.limit(60).collect()
    assert widget.selection["detection_id"] == faces["detection_id"].slice(2, 6)

    page.keyboard.press("+")
    view.locator("dialog input").fill("Ann")
    page.keyboard.press("Enter")
    view.locator("#status :text('6')").first.wait_for()
    notebook.until(lambda: counts(db) == {"Ann": 6})
    notebook.until(lambda: view.locator(".cell.is-confirmed").count() == 6)
    assert widget.selection.num_rows == 0
    bench.shot("2-labelled")

    page.keyboard.press("Control+a")
    page.keyboard.press("1")
    notebook.until(lambda: counts(db) == {"Ann": 60})
    page.keyboard.press("z")
    notebook.until(lambda: counts(db) == {"Ann": 6})
    assert page.evaluate("window.heard") == []
    assert not [
        path for path in notebook.paths if path.startswith(("/api/queries", "/media/video"))
    ]


def test_keys_of_the_notebook_stay_its_own(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    view = notebook.show("faces", vq.grid(db.faces.limit(10), db=db))
    cells(view).first.wait_for()
    db.label(db.faces.limit(1), "name", "Bob")
    page.locator("#code").focus()
    page.keyboard.type("1y")
    assert page.locator("#code").input_value().startswith("1y")
    page.evaluate("document.activeElement.blur()")
    for key in ("1", "y", "Control+a"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert counts(db) == {"Bob": 1}
    assert page.evaluate("window.heard.filter(key => key.length === 1)") == ["1", "y", "a"]
    assert view.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_two_widgets_and_two_views_of_one_do_not_mix(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    one, two = vq.grid(db.faces.limit(12), height=300), vq.grid(db.faces, "role", height=300)
    first, second = notebook.show("one", one), notebook.show("two", two)
    again = notebook.show("one", one, view="again")
    for view in (first, second, again):
        cells(view).first.wait_for()
    first.locator(".cell[data-position='1']").click()
    page.keyboard.press("x")
    notebook.until(lambda: one.selection.num_rows == 1)
    assert second.locator(".cell.selected").count() == 0
    assert again.locator(".cell.selected").count() == 0
    assert two.selection.num_rows == 0
    second.locator(".cell[data-position='0']").click()
    page.keyboard.press("0")  # none of these
    notebook.until(lambda: db.labels("role").num_rows == 1)
    assert db.labels("name").num_rows == 0
    look = "el => getComputedStyle(el.shadowRoot.querySelector('.cell')).borderTopWidth"
    assert [view.evaluate(look) for view in (first, second)] == [
        "1px",
        "1px",
    ]  # the notebook says 9
    notebook.bench.shot("3-two-widgets")


def test_python_shows_other_rows_and_another_concept(notebook: Notebook, db: Any) -> None:
    widget = vq.grid(db.faces.limit(5), height=420)
    view = notebook.show("faces", widget)
    cells(view).first.wait_for()
    widget.rows = db.faces.filter(vq.row.video == "c.webm")
    notebook.take("faces", "result")
    notebook.until(lambda: "c.webm" in (view.locator(".cell").first.get_attribute("title") or ""))
    widget.concept = "role"
    notebook.take("faces", "concept")
    notebook.until(lambda: view.locator("#labels select").input_value() == "role")
    assert "concept=role" in notebook.paths[-1] or any("concept=role" in p for p in notebook.paths)
    view.locator("#labels select").select_option("name")
    notebook.until(lambda: widget.concept == "name")


def test_labels_given_elsewhere_show_up_when_one_comes_back(notebook: Notebook, db: Any) -> None:
    view = notebook.show("faces", vq.grid(db.faces.limit(8), height=420))
    cells(view).first.wait_for()
    db.label(db.faces.limit(3), "name", HOSTILE)
    notebook.page.mouse.move(500, 5)
    view.locator("#cells").hover()
    notebook.until(lambda: view.locator(".cell.is-confirmed").count() == 3)
    assert view.locator(".cell .label").first.inner_text() == HOSTILE


def test_the_timeline_goes_from_hit_to_hit(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    db.label(db.faces.filter(vq.row.video == "a.webm").limit(3), "name", "Ann")
    view = notebook.show("lanes", vq.timeline(db.captions))
    view.locator(".lanes .lane-bar").first.wait_for()
    names = view.locator(".lane-name").all_inner_texts()
    assert any("captions" in name for name in names)
    shown = "el => el.shadowRoot.querySelector('.still img')?.naturalWidth > 0"
    notebook.until(lambda: bool(view.evaluate(shown)))
    before = view.locator(".still figcaption").inner_text()
    view.locator("svg.lanes").focus()
    page.keyboard.press("n")
    notebook.until(lambda: view.locator(".still figcaption").inner_text() != before)
    assert "0:02." in view.locator(".still figcaption").inner_text()
    view.locator(".lanes-area").hover(position={"x": 400, "y": 40})
    view.locator(".thumb img[src^='blob:']").wait_for()
    places = """el => [".thumb", ".lanes-area"].map((name) => {
      const box = el.shadowRoot.querySelector(name).getBoundingClientRect();
      return { middle: (box.left + box.right) / 2, left: box.left, top: box.top,
        bottom: box.bottom };
    })"""
    for x in (380, 420, 400):  # it moves with the mouse
        view.locator(".lanes-area").hover(position={"x": x, "y": 40})
    thumb, area = view.evaluate(places)
    assert thumb["middle"] == pytest.approx(area["left"] + 400, abs=2)
    assert thumb["bottom"] == pytest.approx(area["top"] - 4, abs=2)  # whatever holds the output
    notebook.bench.shot("4-timeline")
    top = page.evaluate("scrollY")
    page.evaluate("document.body.style.paddingBottom = '2000px'; document.activeElement.blur()")
    page.mouse.wheel(0, 200)
    page.wait_for_function(f"scrollY > {top}")


def test_grid_and_timeline_dark_and_gone_without_a_trace(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    view = notebook.show("both", vq.grid(db.faces.limit(40), timeline=True, height=640))
    cells(view).first.wait_for()
    view.locator(".lanes .lane-bar").first.wait_for()
    ground = "el => getComputedStyle(el.shadowRoot.querySelector('.widget')).backgroundColor"
    assert view.evaluate(ground) == "rgb(21, 23, 26)"
    view.locator(".cell[data-position='3']").click()
    page.keyboard.press("?")
    said = view.locator("dialog[open] .help").inner_text()
    assert "in the timeline" in said
    assert "in the query" not in said  # only what is there
    notebook.bench.shot("5-keys-dark")
    page.keyboard.press("Escape")
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    notebook.until(lambda: view.evaluate(ground) == "rgb(244, 245, 246)")
    for pane in ("timeline", "grid"):
        page.keyboard.press("F6")
        inside = f"el => el.shadowRoot.activeElement.closest('.pane').id === '{pane}'"
        notebook.until(lambda inside=inside: bool(view.evaluate(inside)))
    notebook.bench.shot("6-both-light")
    assert page.evaluate("window.models.both.count()") > 0
    page.evaluate("window.views.both.close()")
    assert page.evaluate("window.models.both.count()") == 0


def test_a_refusal_is_told_in_the_widget(notebook: Notebook, db: Any, path: Path) -> None:
    view = notebook.show("faces", vq.grid(db.faces.limit(5), height=420))
    cells(view).first.wait_for()
    view.locator(".cell[data-position='0']").click()
    notebook.page.keyboard.press("z")
    view.locator("#status .status-note:has-text('nothing to undo')").wait_for()


def test_an_item_is_opened_as_a_whole_frame_with_its_box(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    db.label(db.faces.limit(1), "name", HOSTILE)
    view = notebook.show("faces", vq.grid(db.faces.limit(5), height=420))
    cells(view).first.wait_for()
    view.locator("#cells").focus()
    page.keyboard.press("Enter")
    shown = """el => { const image = el.shadowRoot.querySelector(".whole-frame img");
      return image?.naturalWidth > 0 && image.getBoundingClientRect().width; }"""
    notebook.until(lambda: bool(view.evaluate(shown)))
    assert view.locator("dialog h2").inner_text().startswith(HOSTILE)
    wide = view.evaluate(shown)
    box = view.evaluate("el => el.shadowRoot.querySelector('.frame-box').offsetWidth")
    assert box == pytest.approx(wide * 90 / 320, abs=3)
    notebook.bench.shot("7-frame")
    page.keyboard.press("Escape")
    notebook.until(lambda: view.locator("dialog").count() == 0)


CARRIER = """async (text) => {
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const { Carrier } = await import(address);
  const sent = [], heard = [];
  const model = { send: (said) => sent.push(said), on: (_, one) => heard.push(one),
    off: (_, one) => heard.splice(heard.indexOf(one), 1) };
  const answer = (id, status = 200, type = "image/jpeg") => heard.forEach((one) =>
    one({ kind: "answer", id, status, type }, [new DataView(new ArrayBuffer(3))]));
  const carrier = new Carrier(model, () => null), told = {};
  const abort = new AbortController();
  const left = carrier.ask("/left", { signal: abort.signal }).catch((error) => error.name);
  abort.abort();
  told.left = await left;
  told.cancelled = sent[1].kind === "cancel" && sent[1].id === sent[0].id;
  answer(sent[0].id); // too late: nobody may fail over it
  const found = carrier.picture("/a");
  answer("another view:1"); // not ours
  answer(sent.at(-1).id);
  told.picture = (await found).startsWith("blob:");
  told.once = carrier.picture("/a") === found && sent.filter(({ path }) => path === "/a").length;
  const missing = carrier.picture("/none").catch((error) => error.message);
  answer(sent.at(-1).id, 404);
  told.missing = await missing;
  for (let at = 0; at < 700; at++) { void carrier.picture(`/p${at}`); answer(sent.at(-1).id); }
  await new Promise((done) => setTimeout(done, 50));
  told.kept = carrier.pictures.size;
  told.revoked = await fetch(await found).then(() => false, () => true);
  const waits = carrier.ask("/waits", {}).catch((error) => error.name);
  carrier.close();
  told.closed = [await waits, heard.length, carrier.pictures.size, carrier.waiting.size];
  return told;
}"""


def test_the_carrier_gives_up_forgets_and_closes(notebook: Notebook) -> None:
    text = (MODULES / "carrier.js").read_text()
    told = notebook.page.evaluate(CARRIER, text)
    assert told.pop("missing") == "/none: 404"
    assert told.pop("closed") == ["AbortError", 0, 0, 0]
    assert told == {
        "left": "AbortError",
        "cancelled": True,
        "picture": True,
        "once": 1,
        "kept": 600,
        "revoked": True,
    }
    assert notebook.bench.problems  # the picture that was asked for after it was let go
    notebook.bench.problems.clear()


def test_a_busy_kernel_is_told(notebook: Notebook, db: Any) -> None:
    page = notebook.page
    view = notebook.show("faces", vq.grid(db.faces.limit(5), height=420))
    cells(view).first.wait_for()
    notebook.busy = True
    page.clock.install()
    view.locator("#cells").focus()
    page.keyboard.press("0")
    page.clock.fast_forward(11_000)
    view.locator("#status .status-note:has-text('The kernel is busy')").wait_for()
