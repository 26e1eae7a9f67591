"""Every code block of the README runs, in order, on a small newsroom."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from vquery.cli import main
from vquery_newsroom import render

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    found = FENCE.findall(README.read_text("utf-8"))
    return [(kind, textwrap.dedent(body)) for _, kind, body in found]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README assumes it: FOLDER with videos, and seeds.csv."""
    place = tmp_path_factory.mktemp("readme")
    newsroom = render(place / "newsroom", videos=2, seconds=8.0, workers=1)
    newsroom.videos_dir.rename(place / "FOLDER")
    newsroom.seeds.rename(place / "seeds.csv")
    return place


def run_shell(body: str) -> None:
    """Run the vquery lines of a shell block; `make` and `pip` are what the tests run under."""
    for line in body.splitlines():
        command = shlex.split(line, comments=True)
        if command and command[0] == "vquery":
            done = CliRunner().invoke(main, command[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"


def test_every_block_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("VQUERY_MODELS", raising=False)
    names: dict[str, object] = {}
    ran = {"python": 0, "sh": 0, "toml": 0}
    for kind, body in blocks():
        if kind == "python":
            exec(compile(body, str(README), "exec"), names)
        elif kind == "sh":
            run_shell(body)
        elif kind == "toml":
            (place / "vquery.toml").write_text(body, "utf-8")
        else:
            assert kind == "", f"a block of kind {kind!r} that no test runs"
            continue
        ran[kind] += 1
    assert ran["python"] >= 4
    assert ran["sh"] >= 4
    assert ran["toml"] == 1
    assert (place / "training" / "manifest.json").is_file()
