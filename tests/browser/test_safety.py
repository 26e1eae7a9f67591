"""What comes from elsewhere: other pages that want to act, and markup in labels and captions."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import CAST, HOSTILE, film
from vquery.api.collection import Collection

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

TRY = """async ({address, face, simple, token}) => {
  const body = {selection: {detection_ids: [face]}, concept: "name", value: "Eve"};
  const headers = simple ? {"Content-Type": "text/plain"}
    : {"Content-Type": "application/json", "X-VQuery-Token": token};
  try {
    const answer = await fetch(address + "api/labels",
      {method: "POST", headers, body: JSON.stringify(body), mode: simple ? "no-cors" : "cors"});
    return answer.type === "opaque" ? "opaque" : String(answer.status);
  } catch (error) {
    return "refused";
  }
}"""
READ = """address => fetch(address + "api/collection").then(
  answer => answer.text(), () => "refused")"""
PICTURE = """async () => {
  const answer = await fetch("/media/crop/1000000001.jpg");
  return [answer.status, ...new Uint8Array(await answer.arrayBuffer())].join();
}"""
FRAME = """address => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.onload = () => { try { done(String(frame.contentDocument?.body?.textContent ?? null)); }
                         catch (error) { done("apart"); } };
  frame.src = address;
  document.body.append(frame);
})"""


class Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><p>come in")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Serve a page of another origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("simple", [True, False], ids=["without asking", "asking first"])
def test_a_page_from_elsewhere_cannot_label(
    browser: Any, served: Served, elsewhere: str, simple: bool
) -> None:
    face = served.workbench.db.query("faces").collect()["detection_id"][0].as_py()
    given = {"address": served.root, "face": face, "simple": simple}
    given["token"] = served.workbench.token  # even if it were known
    page = browser.new_page()
    page.goto(elsewhere)
    assert page.evaluate(TRY, given) in ("opaque", "refused")
    assert served.workbench.moment().last_event == 0
    page.goto(served.address)
    assert page.evaluate(TRY, given | {"simple": False}) == "200"
    assert served.workbench.moment().last_event == 1
    page.close()


def test_a_page_from_elsewhere_can_neither_read_nor_frame_the_workbench(
    browser: Any, served: Served, elsewhere: str
) -> None:
    page = browser.new_page()
    page.goto(elsewhere)
    assert page.evaluate(READ, served.root) == "refused"
    page.evaluate(FRAME, served.root)
    inside = [frame for frame in page.frames if frame.url.startswith(served.root)]
    assert not any(frame.query_selector("#workbench") for frame in inside)
    page.close()


def test_a_browser_without_the_token_is_told_how_to_get_in(browser: Any, served: Served) -> None:
    page = browser.new_context().new_page()
    page.goto(served.root)
    assert "vquery serve" in page.inner_text("body")
    assert served.workbench.token not in page.content()
    page.goto(served.address)
    page.wait_for_selector("#workbench")
    assert page.url == served.root  # no token to be seen, or kept in the history
    assert page.evaluate("document.cookie") == ""
    page.context.close()


def test_pictures_of_one_collection_are_not_shown_for_the_next_at_its_address(
    browser: Any, path: Path, tmp_path: Path
) -> None:
    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    media = tmp_path / "media"
    media.mkdir()
    film(media / "z.webm", CAST["c.webm"])
    with Collection.create(tmp_path / "other.vq") as db:
        db.index(media, workers=1)
    page, port, seen = browser.new_context().new_page(), 0, []
    for collection in (path, tmp_path / "other.vq", path):
        server = Server(Workbench(collection), port=port)
        with server.in_thread():
            page.goto(server.entrance)
            page.wait_for_selector("#workbench")
            seen += [page.evaluate(PICTURE) for _ in range(2)]
            page.goto("about:blank")
        port = server.port
    assert seen[0] == seen[1] == seen[4] == seen[5]
    assert seen[2] == seen[3] != seen[0]
    page.context.close()


def test_a_link_from_elsewhere_leads_in(browser: Any, served: Served, elsewhere: str) -> None:
    page = browser.new_context().new_page()
    for address in (served.address, served.root):  # the second by the cookie that the first gave
        page.goto(elsewhere)
        page.evaluate("address => { location.href = address; }", address)
        page.wait_for_selector("#workbench")
        assert page.url == served.root
    page.context.close()


def test_a_name_that_leads_here_is_not_served(browser: Any, served: Served) -> None:
    context = browser.new_context(extra_http_headers={})
    page = context.new_page()
    answer = page.goto(served.address.replace("127.0.0.1", "127.0.0.1.localhost"))
    assert answer.status == 403
    assert served.workbench.token not in page.content()
    context.close()


def test_markup_in_labels_and_captions_is_text(
    opener: Callable[..., Bench], served: Served
) -> None:
    db = served.workbench.db
    seen = db.query("faces.filter(video == 'a.webm')").collect()["detection_id"]
    db.label(seen[:10], "name", HOSTILE, by=HOSTILE)
    bench = opener(served.address).open()
    bench.query("faces.filter(video == 'a.webm')", 120)
    bench.wait("#cells .cell.is-confirmed")
    assert bench.page.inner_text("#cell-0 .label") == HOSTILE
    assert HOSTILE in bench.page.inner_text("#labels")
    bench.wait(f"#timeline :text('{HOSTILE}')")
    bench.wait(f"#inspector :not(option):text('{HOSTILE}')")  # those wait in a closed list
    bench.shot("1-markup-in-labels")
    bench.query("captions", 2)
    bench.shot("2-markup-in-captions")
    bench.tool("h")
    bench.wait(f"dialog :text('{HOSTILE}')")
    bench.shot("3-markup-in-history")
    bench.page.keyboard.press("Escape")
    bench.tool("g")
    bench.wait("dialog .gain, dialog .problem:not([hidden])")
    bench.shot("4-markup-in-preview")
    assert not bench.page.query_selector("img[src='x']")


def test_a_query_that_is_markup_or_code_is_refused_with_its_place(bench: Bench) -> None:
    for text in (HOSTILE, "__import__('os').system('true')", "faces.filter(score >"):
        bench.press("Escape", "/")
        bench.type(text)
        bench.press("Escape", "Control+Enter")
        bench.wait(".query-problem:not([hidden]) p")
        assert bench.page.input_value("#text") == text
        assert not bench.page.query_selector("img[src='x']")
        bench.shot("5-refused")
    bench.problems[:] = [each for each in bench.problems if "422" not in each]


def test_the_page_runs_no_script_that_it_did_not_bring(bench: Bench) -> None:
    bench.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken'";
      document.body.append(script);
      const picture = document.createElement("img");
      picture.setAttribute("onerror", "document.title = 'taken'");
      picture.src = "/static/nothing.png";
      document.body.append(picture);
    }""")
    bench.page.wait_for_timeout(300)
    assert bench.page.title() != "taken"
    blocked = [each for each in bench.problems if "Content Security Policy" in each]
    assert blocked
    bench.problems[:] = [
        each for each in bench.problems if each not in blocked and "404" not in each
    ]
