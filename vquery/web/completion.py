"""What may come next in a query: from the tables, the words and the methods of the language."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, Any

from vquery.api import texts
from vquery.engine.concept import REGISTRY
from vquery.engine.grouped import Grouped
from vquery.engine.intervals import Intervals
from vquery.engine.partitioned import Partitioned
from vquery.engine.words import METHODS, MODULES, WORDS
from vquery.expr.derived import derived_names
from vquery.expr.expression import Expression
from vquery.web.overview import registered, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.web.state import Workbench

MOST = 60
BEFORE = re.compile(r"(?:(?P<owner>[A-Za-z_]\w*|[\])\"'])\s*\.\s*)?(?P<part>[A-Za-z_]\w*)?$")
ROWS = {"row": "", "face": "faces", "caption": "captions", "shot": "shots"}
AFTER_GROUPS = {"group_by": Grouped, "partition_by": Partitioned}
Option = dict[str, str]


def complete(workbench: Workbench, text: str, at: int) -> dict[str, Any]:
    """Say what may stand at a place of a text: ``{"from", "to", "options"}``."""
    found = BEFORE.search(text[:at])
    part = (found and found["part"]) or ""
    end = at + len(re.match(r"\w*", text[at:]).group())  # type: ignore[union-attr]
    nothing = {"from": at - len(part), "to": end, "options": []}
    if found is None or _in_quotes(text[: at - len(part)]):
        return nothing
    options = list(_options(workbench, text, at, found["owner"]))
    near = [one for one in options if one["text"].lower().startswith(part.lower())]
    inside = [one for one in options if one not in near and part.lower() in one["text"].lower()]
    chosen = [*near, *(inside if len(part) > 1 else [])]
    return nothing | {"options": chosen[:MOST]}


def _options(workbench: Workbench, text: str, at: int, owner: str | None) -> Iterator[Option]:
    if owner in ("db", "vq"):
        yield from _tables(workbench) if owner == "db" else _functions()
    elif owner in ROWS:
        yield from _columns(workbench, ROWS[owner] or text)
    elif owner is not None:
        yield from _methods(workbench, text[:at], owner)
    else:
        depth = _depth(text[:at])
        named = [*_tables(workbench), *_concepts(workbench)]
        values = [*_columns(workbench, text), *_functions()]
        yield from [*values, *named] if depth else [*named, *values]


def _tables(workbench: Workbench) -> Iterator[Option]:
    for one in workbench.once("tables", lambda: tables(workbench.moment())):
        yield {"text": one["name"], "kind": "table", "detail": f"{one['rows']:,} rows"}


def _concepts(workbench: Workbench) -> Iterator[Option]:
    names = registered(workbench)  # files are as they are now
    labels = {one.name: f"labels {one.label}" for one in REGISTRY}
    for name in names:
        yield {"text": name, "kind": "concept", "detail": labels.get(name, "a function of a file")}
    for name, text in sorted(texts.saved(workbench.store.events()).items()):
        yield {"text": name, "kind": "concept", "detail": text[:100]}


def _columns(workbench: Workbench, text: str) -> Iterator[Option]:
    """Columns of the tables that a text names, or of all; in the order of the tables."""
    known = workbench.once("tables", lambda: tables(workbench.moment()))
    used = texts.names_in(text) or set(re.findall(r"[A-Za-z_]\w*", text))
    shown = [one for one in known if one["name"] in used] or known
    seen: dict[str, Option] = {}
    for table in shown:
        for column in table["columns"]:
            said = f"{column['type']}, {table['name']}"
            option = {"text": column["name"], "kind": "column", "detail": said}
            seen.setdefault(column["name"], option)
        schema = workbench.db[table["name"]].schema
        for name in derived_names(schema):
            option = {"text": name, "kind": "column", "detail": "computed"}
            seen.setdefault(name, option)
    yield from seen.values()


def _functions() -> Iterator[Option]:
    for module, names in MODULES.items():
        kind = "function" if module.__name__.rpartition(".")[2] != "placeholders" else "word"
        for name in names:
            yield {"text": name, "kind": kind, "detail": _about(WORDS[name])}


def _methods(workbench: Workbench, before: str, owner: str) -> Iterator[Option]:
    """Methods of what stands before the dot: a relation, its groups, or a value."""
    if keyword.iskeyword(owner):
        return
    kind = _kind_of(workbench, before, owner)
    for name in sorted(METHODS[kind]):
        yield {"text": name, "kind": "method", "detail": _about(getattr(kind, name, None))}


def _kind_of(workbench: Workbench, before: str, owner: str) -> type:
    named = {one["text"] for one in [*_tables(workbench), *_concepts(workbench)]}
    if owner in named:
        return Intervals
    if owner == ")":
        called = _called(before[: before.rindex(")") + 1])
        if called in AFTER_GROUPS:
            return AFTER_GROUPS[called]
        return Intervals if called in METHODS[Intervals] or called in named else Expression
    return Expression


def _called(before: str) -> str:
    """Name what the last closed bracket is of.

    >>> _called('faces.filter(score > (1 + 2))')
    'filter'
    """
    depth = 0
    for place in range(len(before) - 1, -1, -1):
        depth += (before[place] == ")") - (before[place] == "(")
        if depth == 0:
            found = re.search(r"\w*$", before[:place])
            return found.group() if found else ""
    return ""


def _depth(before: str) -> int:
    """Count the brackets that are open, without those in quotes.

    >>> _depth('faces.filter(name == "("'), _depth("faces.limit(3)")
    (1, 0)
    """
    plain = re.sub(r'"[^"]*"|\'[^\']*\'', "", before)
    return plain.count("(") - plain.count(")")


def _in_quotes(before: str) -> bool:
    """Whether a text ends inside quotes.

    >>> _in_quotes('name == "Ber'), _in_quotes('name == "Bernie" and ')
    (True, False)
    """
    rest = re.sub(r'"[^"]*"|\'[^\']*\'', "", before)
    return '"' in rest or "'" in rest


def _about(thing: Any) -> str:
    """First line of what the documentation says, without its marks of code."""
    said = (getattr(thing, "__doc__", None) or "").strip().splitlines()
    return said[0].rstrip(".").replace("`", "") if said else ""
