"""The text that a notebook loads: whole, the same every time, with nothing left to fetch."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vquery.notebook import bundle

OUTSIDE = re.compile(r"""(?m)^(?:(?:import|export) [^;"']*\bfrom|import)\s*["'](?!vquery:)""")


def test_every_import_is_of_a_module_that_came_before() -> None:
    seen: set[str] = set()
    pairs = bundle.ordered(bundle.ENTRY, bundle.sources())
    for name, text in pairs:
        needed = set(re.findall(r'"vquery:([\w.-]+)"', text))
        assert needed <= seen, name
        assert not OUTSIDE.search(text), name
        assert name == "api.js" or not re.search(r"(?<!async )(?<![.\w])fetch\(", text), name
        seen.add(name)
    assert pairs[-1][0] == "widget.js"
    assert {"grid.js", "cells.js", "lanes.js", "timeline.js", "labelling.js"} <= seen
    assert not {"app.js", "query.js", "inspector.js", "player.js"} & seen


def test_modules_are_those_of_the_page_but_for_the_names_in_imports() -> None:
    of_page = {path.name: path.read_text() for path in bundle.PAGE.glob("*.js")}
    for name, text in bundle.ordered(bundle.ENTRY, bundle.sources()):
        if name in of_page:
            assert re.sub(r'"vquery:([\w.-]+)"', r'"./\1"', text) == of_page[name]


def test_text_is_one_module_the_same_every_time() -> None:
    text = bundle.module()
    assert text == bundle.module()
    assert "{{" not in text.replace("{{MODULES}}", "").split("const STYLE")[0][:200]
    assert "export default" in text
    written = re.search(r"(?s)const MODULES = (\[.*?\n\]);\nconst STYLE = (\".*?\");\n", text)
    assert written is not None
    assert [name for name, _ in json.loads(written[1])][-1] == "widget.js"
    assert json.loads(written[2]) == bundle.style()
    assert len(text) < 1_000_000


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.js": 'import "./b.js";', "b.js": 'import { a } from "./a.js";'}, "a.js imports b.js"),
        ({"a.js": 'import { b } from "./b.js";'}, "a.js imports b.js: not there"),
        ({"a.js": 'const b = await import("./b.js");', "b.js": ""}, "imports when it runs"),
        ({}, "the widget imports a.js"),
    ],
)
def test_what_cannot_be_bundled_is_said(files: dict[str, str], said: str) -> None:
    with pytest.raises(bundle.BundleError, match=said):
        bundle.ordered("a.js", files)


def test_imports_over_several_lines_and_in_comments() -> None:
    text = 'import {\n  x, y,\n} from "./b.js";\n/** @type {import("./c.js").C} from "./d.js" */\n'
    pairs = bundle.ordered("a.js", {"a.js": text, "b.js": ""})
    assert pairs == [("b.js", ""), ("a.js", text.replace("./b.js", "vquery:b.js"))]


def test_style_reaches_the_widget_alone() -> None:
    text = bundle.style()
    assert not re.search(r"(?m)^(?::root|html|body)\b", text)
    assert text.count(':host([data-theme="dark"])') >= 2
    assert ".lane-bar" in text
    assert "#cells" in text


@pytest.mark.parametrize("path", sorted(bundle.HERE.iterdir()), ids=lambda path: path.name)
def test_own_files_are_short_set_text_and_need_nothing_from_outside(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    assert not re.search(
        r"https?://|innerHTML|outerHTML|insertAdjacentHTML|eval\(|new Function", text
    )
