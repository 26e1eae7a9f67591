"""``vquery serve``: prints the address, serves the page, ends on ^C and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request

import pytest
from click.testing import CliRunner

from vquery.cli import main

SERVE = [sys.executable, "-m", "vquery.cli", "serve"]


def test_it_serves_until_it_is_interrupted(path, tmp_path):
    pytest.importorskip("uvicorn")
    env = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*SERVE, str(path), "--no-open", "--by", "Ida"],
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=env,
        process_group=0,
    ) as server:
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with browser.open(address, timeout=60) as page:
                assert b"vquery-token" in page.read()
            with browser.open(f"{address.partition('?')[0]}api/collection", timeout=60) as said:
                assert json.load(said)["who"] == "Ida"
            os.killpg(server.pid, signal.SIGINT)  # as a terminal does
            out, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert (server.returncode, out, err) == (0, "", "")
    assert list((tmp_path / "temporary").glob("vquery-serve-*")) == []


def test_without_the_extra_it_says_how_to_get_it(path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "vquery.web.starting.find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    done = CliRunner().invoke(main, ["serve", str(path), "--no-open"])
    assert done.exit_code == 1
    assert "pip install 'vquery-video[serve]'" in done.output


@pytest.mark.parametrize(
    ("options", "about"),
    [
        (["missing.vq"], "no such collection"),
        (["{path}", "--host", "203.0.113.9"], "cannot be served at"),
        (["{path}", "--concepts", "{broken}"], "line 1"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(path, tmp_path, monkeypatch, options, about):
    pytest.importorskip("uvicorn")
    broken = tmp_path / "broken.py"
    broken.write_text("def")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given = [one.format(path=path, broken=broken) for one in options]
    done = CliRunner().invoke(main, ["serve", *given, "--no-open"])
    assert done.exit_code == 1
    assert about in done.output
    assert len(done.output.splitlines()) == 1
    assert list(tmp_path.glob("vquery-serve-*")) == []
