"""Only the page that the server gave out may ask, and only with its token change something."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket

import pytest

from tests.unit.web.conftest import Client, serve
from vquery.web.entry import Entry
from vquery.web.guard import hosts
from vquery.web.wire import LARGEST, MIB

TEXT = json.dumps({"text": "faces"}).encode()
START = "/api/queries"


@pytest.fixture(scope="module")
def workbench(indexed, tmp_path_factory):
    """One for all tests here: they change nothing."""
    with serve(shutil.copytree(indexed, tmp_path_factory.mktemp("guard") / "sample.vq")) as served:
        yield served


def test_the_page_carries_the_token_and_refuses_to_be_framed_or_to_load_from_elsewhere(workbench):
    page = workbench.client.ask("GET", "/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.body.count(workbench.workbench.token.encode()) == 1
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in page.headers


def test_every_run_has_a_token_of_its_own(workbench, path):
    from vquery.web.state import Workbench

    other = Workbench(path)
    other.close()
    assert len(other.token) >= 32
    assert other.token != workbench.workbench.token


@pytest.mark.parametrize("name", ["localhost:{}", "127.0.0.1:{}", "[::1]:{}", "LOCALHOST:{}"])
def test_loopback_names_are_ours(workbench, name):
    host = name.format(workbench.client.port)
    assert workbench.client.ask("GET", "/api/collection", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example:{}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{}",
        "",
        "a@localhost:{}",
    ],
)
@pytest.mark.parametrize("where", ["/", "/api/collection", "/static/app.js"])
def test_a_foreign_host_is_refused_everywhere(workbench, name, where):
    host = name.format(workbench.client.port)
    answer = workbench.client.ask("GET", where, headers={"Host": host})
    assert answer.status in (400, 403), answer  # h11 itself refuses an empty one
    assert workbench.workbench.token.encode() not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
        {"Origin": None, "Sec-Fetch-Site": "same-site"},
        {"X-VQuery-Token": None},
        {"X-VQuery-Token": ""},
        {"X-VQuery-Token": "wrong"},
        {"X-VQuery-Token": "wröng"},
    ],
)
@pytest.mark.parametrize(("method", "where"), [("POST", START), ("DELETE", "/api/jobs/x")])
def test_a_change_needs_our_origin_and_the_token(workbench, headers, method, where):
    port = str(workbench.client.port)
    given = {name: value and value.replace("{port}", port) for name, value in headers.items()}
    answer = workbench.client.ask(method, where, TEXT, given)
    assert answer.status == 403, answer
    assert answer.json["error"]


def test_a_program_without_an_origin_may_change_something_with_the_token(workbench):
    answer = workbench.client.ask("POST", START, TEXT, {"Origin": None})
    assert answer.status == 200, answer


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_may_not_read_but_may_link_to_the_page(workbench, site):
    client, headers = workbench.client, {"Sec-Fetch-Site": site}
    assert client.ask("GET", "/api/collection", headers=headers).status == 403
    image = headers | {"Sec-Fetch-Mode": "no-cors"}
    assert client.ask("GET", "/static/app.js", headers=image).status == 403
    link = headers | {"Sec-Fetch-Mode": "navigate"}
    assert client.ask("GET", "/", headers=link).status == 200


READ = ("/api/collection", "/api/events?after=0&limit=1", "/media/crop/1.jpg", "/nothing")


@pytest.mark.parametrize("where", READ)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-VQuery-Token": "wrong"},
        {"Cookie": "vquery-{port}=wrong"},
        {"Cookie": "vquery-1={token}"},
        {"Cookie": "vquery-{port}="},
        {"Cookie": "=; ;;\xe9=vquery-{port}"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_others_on_this_machine_can_read_nothing(workbench, where, headers):
    client, token = workbench.client, workbench.workbench.token
    given = {name: text.format(port=client.port, token=token) for name, text in headers.items()}
    answer = client.ask("GET", where, headers={"X-VQuery-Token": None} | given)
    assert answer.status == 403, answer
    assert "'vquery serve' printed" in answer.json["error"]


@pytest.mark.parametrize("where", ["/", "/?token=", "/?token=wrong", "/?token=%ff"])
def test_the_page_without_the_token_says_how_to_get_in(workbench, where):
    answer = workbench.client.ask("GET", where, headers={"X-VQuery-Token": None})
    assert answer.status == 403
    assert b"Open the address that" in answer.body
    assert workbench.workbench.token.encode() not in answer.body
    assert "set-cookie" not in answer.headers


def test_the_files_of_the_page_are_open_to_all(workbench):
    answer = workbench.client.ask("GET", "/static/app.js", headers={"X-VQuery-Token": None})
    assert answer.status == 200


@pytest.mark.parametrize("site", [None, "none", "same-origin", "cross-site", "same-site"])
def test_the_printed_address_gives_a_cookie_that_lets_in(workbench, site):
    client, token = workbench.client, workbench.workbench.token
    link = {"X-VQuery-Token": None, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": site and "navigate"}
    answer = client.ask("GET", f"/?token={token}", headers=link)
    if site in ("cross-site", "same-site"):  # a redirection would not carry the cookie
        assert answer.status == 200
        assert b'http-equiv="refresh" content="0; url=/"' in answer.body
    else:
        assert (answer.status, answer.headers["location"]) == (303, "/")
    assert token.encode() not in answer.body
    cookie, *limits = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(limits)
    assert cookie == f"vquery-{client.port}={token}"
    known = {"X-VQuery-Token": None, "Cookie": f"other=1; {cookie}"}
    assert token.encode() in client.ask("GET", "/", headers=known).body
    assert client.ask("GET", "/api/collection", headers=known).status == 200
    assert client.ask("POST", START, TEXT, known).status == 403  # that takes the token itself


@pytest.mark.parametrize("other", ['state={"a": 1}', "two words=1", "bare", 'a="open', "b[1]=2"])
def test_cookies_of_other_programs_shut_nobody_out(workbench, other):
    client, token = workbench.client, workbench.workbench.token
    held = f"{other}; vquery-{client.port}=of another run; vquery-{client.port}={token}; {other}"
    known = {"X-VQuery-Token": None, "Cookie": held}
    assert client.ask("GET", "/api/collection", headers=known).status == 200


@pytest.mark.parametrize("where", ["/", "/media/crop/1000000001.jpg", "/static/app.js"])
def test_what_browsers_keep_is_of_this_run_alone(workbench, where):
    answer = workbench.client.ask("GET", where)
    assert (answer.status, answer.headers["vary"]) == (200, "Cookie")


def test_a_link_to_the_page_comes_with_no_cookie_and_is_led_on(workbench):
    link = {"X-VQuery-Token": None, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = workbench.client.ask("GET", "/", headers=link)
    assert b'http-equiv="refresh" content="0; url=/"' in answer.body
    assert "set-cookie" not in answer.headers


def test_the_address_given_to_a_browser_opens_the_page_once(path):
    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    workbench = Workbench(path)
    server = Server(workbench)
    once = server.once()
    assert workbench.token not in once
    with server.in_thread():
        client = Client(server.port, workbench.token)
        where = once.removeprefix(server.address.rstrip("/"))
        asked = [client.ask("GET", where, headers={"X-VQuery-Token": None}) for _ in range(2)]
    assert [answer.status for answer in asked] == [303, 403]


def test_a_server_that_ended_leaves_no_connection_open(path, monkeypatch):
    """A browser would ask there for what the next server at this address has to say."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    # as one that comes after those there were have been told to end
    monkeypatch.setattr(H11Protocol, "shutdown", lambda _: None)
    server = Server(Workbench(path))
    with server.in_thread():
        client = Client(server.port, server.entrance.partition("token=")[2])
        assert client.ask("GET", "/api/collection").status == 200
        kept = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        assert client.ask("GET", "/api/collection").status == 200  # so the first was accepted
    with kept, contextlib.suppress(ConnectionResetError):
        kept.settimeout(5)
        assert kept.recv(1) == b""


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(workbench, method):
    assert workbench.client.ask(method, "/api/collection").status == 405


def test_a_body_that_says_it_is_too_large_is_refused_unread(workbench):
    answer = workbench.client.ask("POST", START, b"", {"Content-Length": str(LARGEST + 1)})
    assert answer.status == 413, answer


def test_a_body_larger_than_its_kind_is_refused(workbench):
    large = json.dumps({"text": "x" * (MIB + 1)}).encode()
    answer = workbench.client.ask("POST", START, large)
    assert answer.status == 413
    assert "bytes" in answer.json["error"]


def test_a_body_of_no_told_length_is_counted(workbench):
    client = workbench.client
    head = (
        f"POST {START} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"Origin: http://127.0.0.1:{client.port}\r\nX-VQuery-Token: {client.token}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as line:
        line.sendall(head.encode())
        for _ in range(LARGEST // 0x10000):
            line.sendall(chunk)
        line.sendall(b"1\r\n \r\n")  # one byte too many, and never an end
        said = line.recv(1 << 16)
    assert said.startswith(b"HTTP/1.1 413"), said[:200]


@pytest.mark.parametrize(
    ("sent", "about"),
    [
        (b"{", "no JSON"),
        (b"[]", "must be a JSON object"),
        (b"", "'text' must be a text"),
        (b'{"text": 3}', "'text' must be a text, got 3"),
        (b'{"text": null}', "'text' must be a text"),
        (b'{"text": "faces", "more": 1}', "no field 'more'"),
        (b'{"text": "a\\u0000b"}', "zero character"),
        (b'{"text": "\\ud800"}', "half a character"),
        (b'{"text": NaN}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_a_body_that_is_something_else_is_refused_with_a_sentence(workbench, sent, about):
    answer = workbench.client.ask("POST", START, sent)
    assert answer.status == 400, answer
    assert about in answer.json["error"]


@pytest.mark.parametrize(
    "where",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2f__init__.py",
        "/static//etc/passwd",
        "/static/%00",
        "/app.py",
        "/api/jobs/../../etc/passwd",
        "/nothing",
    ],
)
def test_files_outside_the_page_are_not_there(workbench, where):
    answer = workbench.client.ask("GET", where)
    assert answer.status == 404, answer
    assert b"import" not in answer.body
    assert answer.json["error"]


def test_what_is_served_at_every_address_takes_addresses_in_numbers_alone(path):
    from vquery.web.guard import Guard
    from vquery.web.wire import Refused

    guard = Guard(None, hosts("0.0.0.0", 8000, "studio"), Entry("token", 8000), 8000)

    def asked(host: str) -> bool:
        scope = {"type": "http", "method": "GET", "headers": [(b"host", host.encode())]}
        try:
            guard._check(scope)
        except Refused:
            return False
        return True

    assert asked("192.168.1.7:8000")
    assert asked("studio:8000")
    assert asked("[fe80::1]:8000")
    assert not asked("evil.example:8000")
    assert not asked("192.168.1.7:80")
    assert not asked("0.0.0.0.evil.example:8000")
