"""The files of the page: whole, small, and free of what would let data become code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vquery.web

STATIC = Path(vquery.web.__file__).with_name("static")
FILES = sorted(path for path in STATIC.iterdir() if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
STYLES = [path for path in FILES if path.suffix == ".css"]
IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)
NAMED = re.compile(r"import \{([^}]+)\} from [\"']\./([^\"']+)[\"']")
MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")


def names(scripts: list[Path]) -> list[str]:
    return [path.name for path in scripts]


def test_page_is_small() -> None:
    assert 50_000 < sum(path.stat().st_size for path in FILES) < 1_000_000


@pytest.mark.parametrize("path", SCRIPTS + STYLES, ids=names(SCRIPTS + STYLES))
def test_file_is_short_and_needs_nothing_from_outside(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.suffix == ".css" or len(text.splitlines()) < 400
    addresses = set(re.findall(r"https?://[^\s\"')]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_script_sets_text_and_never_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [word for word in MARKUP if word in text] == []
    assert 'setAttribute("style"' not in text  # the policy of the page forbids it


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_script_imports_what_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in IMPORT.findall(text):
        assert (STATIC / target).is_file(), target
    for wanted, target in NAMED.findall(text):
        given = set(EXPORT.findall((STATIC / target).read_text(encoding="utf-8")))
        asked = {name.split(" as ")[0].strip() for name in wanted.split(",") if name.strip()}
        assert asked <= given, f"{target} has no {asked - given}"


def test_page_loads_its_files_alone() -> None:
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert {path.name for path in STYLES} <= {Path(each).name for each in loaded}
    assert all((STATIC / Path(each).name).is_file() for each in loaded)
    assert "{{token}}" in text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=", text)  # nothing inline
