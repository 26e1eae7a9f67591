r"""The modules and styles of the page as the one text that a notebook loads.

Nothing is compiled. Every module stays as it is but for the names in its imports, which become
addresses that the browser makes of the texts. They are made anew for each view: modules are known
by their addresses, so each view has modules, and thereby a state, of its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vquery.errors import VQueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).with_name("static")
PAGE = HERE.parent.parent / "web" / "static"
ENTRY = "widget.js"
LOADER = "loader.js"
OWN_STYLE = "widget.css"
IMPORT = re.compile(
    r"""^((?:import|export)\b[^;"']*?\bfrom\s*|import\s*)(["'])\./([\w.-]+)\2""", re.M
)
LATER = re.compile(r"(?:\bawait|=>?|\breturn|\bvoid|;|\()\s*import\s*\(")
LINKED = re.compile(r'<link rel="stylesheet" href="/static/([\w.-]+)">')
RULE = re.compile(r"(?m)^(?P<indent> *):root \{(?P<body>[^}]*)\}")
DARK = re.compile(r"(?ms)^@media \(prefers-color-scheme: dark\) \{\n(?P<rules>.*?)^\}")


class BundleError(VQueryError):
    """The modules of the page cannot be put into one text; an error of the program."""


def module() -> str:
    """Return the module that a notebook loads: it exports ``{render}``.

    >>> module() == module(), "./" in module().split("const MODULES")[0]
    (True, False)
    """
    pairs = ordered(ENTRY, sources())
    parts = {
        "MODULES": json.dumps(pairs, ensure_ascii=False, indent=0),
        "STYLE": json.dumps(style(), ensure_ascii=False),
    }
    loader = (HERE / LOADER).read_text(encoding="utf-8")
    for name, text in parts.items():
        loader = loader.replace(f'"{{{{{name}}}}}"', text, 1)
    return loader


def sources() -> dict[str, str]:
    """Read all modules by name: those of the page, and the one that puts a widget together."""
    own = [path for path in sorted(HERE.glob("*.js")) if path.name != LOADER]
    paths = [*sorted(PAGE.glob("*.js")), *own]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def ordered(entry: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Put modules after those they import, each once, their imports named by ``vquery:NAME``.

    Parameters
    ----------
    entry
        The module that needs all others; it comes last.
    files
        Modules by name; what is not needed is left out.

    Raises
    ------
    BundleError
        If a module is missing, modules import each other in a circle, or one imports when it runs.

    >>> ordered("a.js", {"a.js": 'import { b } from "./b.js";', "b.js": "export const b = 1;"})
    [('b.js', 'export const b = 1;'), ('a.js', 'import { b } from "vquery:b.js";')]
    """
    done: dict[str, str] = {}
    _visit(entry, files, (), done)
    return list(done.items())


def _visit(
    name: str, files: Mapping[str, str], above: tuple[str, ...], done: dict[str, str]
) -> None:
    if name in done:
        return
    if name in above:
        raise BundleError(f"modules import each other: {' imports '.join((*above, name))}")
    if name not in files:
        raise BundleError(f"{above[-1] if above else 'the widget'} imports {name}: not there")
    text = files[name]
    if LATER.search(text):
        raise BundleError(f"{name} imports when it runs: name what it needs at its head")
    for found in IMPORT.finditer(text):
        _visit(found[3], files, (*above, name), done)
    done[name] = IMPORT.sub(r'\1"vquery:\3"', text)


def style() -> str:
    """Return the styles of the page, in the order of its head, for the root of a widget."""
    head = (PAGE / "index.html").read_text(encoding="utf-8")
    paths = [*(PAGE / name for name in LINKED.findall(head)), HERE / OWN_STYLE]
    return "\n".join(scoped(path.read_text(encoding="utf-8")) for path in paths)


def scoped(text: str) -> str:
    r"""Make a style of a page one of a shadow root, which says itself whether it is dark.

    >>> print(scoped(":root {\n  --bg: white;\n}\n"))
    :host {
      --bg: white;
    }
    :host([data-theme="light"]) {
      --bg: white;
    }
    >>> scoped("html,\nbody {\n  margin: 0;\n}\nbody {\n  color: red;\n}").strip()
    ':host {\n  color: red;\n}'
    """
    dark = [body for part in DARK.finditer(text) for body in _bodies(part["rules"])]
    light = _bodies(DARK.sub("", text))
    text = re.sub(r"(?m)^html,\nbody \{[^}]*\}", "", text)
    text = re.sub(r"(?m)^body \{", ":host {", text)
    text = RULE.sub(r"\g<indent>:host {\g<body>}", text)
    return text + "".join(_themed("light", light) + _themed("dark", dark))


def _bodies(text: str) -> list[str]:
    return [rule["body"].strip() for rule in RULE.finditer(text)]


def _themed(theme: str, bodies: Sequence[str]) -> list[str]:
    return [f':host([data-theme="{theme}"]) {{\n  {body}\n}}\n' for body in bodies]
