"""All twenty-five queries are there, tested, short, and run as scripts."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.queries.conftest import QUERIES

HERE = Path(__file__).parent
NUMBERED = sorted(QUERIES.glob("q*.py"))
ALL = sorted([*NUMBERED, *QUERIES.glob("more_*.py")])


def test_all_twenty_five_are_there_and_tested():
    assert [int(path.name[1:3]) for path in NUMBERED] == list(range(1, 26))
    tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for path in ALL:
        assert re.search(rf"from {path.stem} import", tests), f"{path.name} has no test"


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_queries_are_a_few_lines(path):
    tree = ast.parse(path.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert functions
    for function in functions:
        body = function.body[1:]  # after the docstring
        assert ast.get_docstring(function)
        assert body[-1].end_lineno - body[0].lineno < 20, f"{path.name}: {function.name} is long"


def needs_data(path: Path) -> bool:
    """Whether a script asks for the folder of data sets."""
    return "from loaders import run\n" not in path.read_text()


SCRIPTS = [
    pytest.param(path, marks=[pytest.mark.data] if needs_data(path) else [], id=path.stem)
    for path in ALL
]


@pytest.mark.parametrize("path", SCRIPTS)
def test_queries_print_what_they_find(path, request, monkeypatch, capsys):
    folder = [str(request.getfixturevalue("data"))] if needs_data(path) else []
    monkeypatch.setattr(sys, "argv", [str(path), *folder])
    runpy.run_path(str(path), run_name="__main__")  # in this process, which has read most of it
    printed = capsys.readouterr().out
    assert re.fullmatch(r"[1-9]\d* rows", printed.splitlines()[-1]), printed


def test_a_missing_folder_is_asked_for():
    script = str(QUERIES / "q05_commercials.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "usage: python" in done.stderr
    assert "DATA" in done.stderr
