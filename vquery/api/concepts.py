"""Queries by text and by name: expressions, registered concepts, and files that define some."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import re
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.engine.concept import REGISTRY, Concept
from vquery.engine.parse import parse_condition, parse_query
from vquery.engine.words import WORDS
from vquery.errors import QueryError, VQueryError
from vquery.expr.derived import derived_names
from vquery.expr.expression import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CodeType, ModuleType

    from vquery.engine.intervals import Intervals

FOLDER = re.compile(r"[^0-9A-Za-z_]")
OURS = Path(__file__).parents[1]
ENDS = (Exception, SystemExit)
"""How a user's code fails: a script that ends itself must not end what reads it."""


def query(
    text: str, files: Iterable[Path], tables: Mapping[str, Any], words: Mapping[str, Any]
) -> Intervals:
    """Run what a text names: a concept, a function of a concept file, or an expression.

    Parameters
    ----------
    text
        Such as ``panel``, ``faces.filter(score > 0.9)`` or ``panel.coalesce(gap=2)``.
    files
        Python files, which are run.
    tables
        Relations by name, which an expression may use.
    words
        The same and ``db``, which a concept may ask for.

    Raises
    ------
    QueryError
        If the text is neither; it names the concepts and tables that there are.
    """
    functions = {name: made for file in files for name, made in load(file).items()}
    return named_query(text, functions, tables, words)


def named_query(
    text: str,
    functions: Mapping[str, Callable[..., Any]],
    tables: Mapping[str, Any],
    words: Mapping[str, Any],
) -> Intervals:
    """Run what a text names, where the functions that it may use are there already; see `query`."""
    known = {**functions} | {concept.name: concept for concept in REGISTRY}
    text = text.strip()
    if text in known:
        return run(known[text], words)
    if text.isidentifier() and text not in tables:
        raise _unknown(text, list(known), list(tables))
    asked = (_names(text) & set(known)) - set(tables)
    found = {name: run(known[name], words) for name in sorted(asked)}
    return parse_query(text, {**columns(tables.values()), **tables, **found})


def _names(text: str) -> set[str]:
    """Names that a text uses; none where it is no expression, which parsing will say."""
    try:
        tree = ast.parse(f"({text}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def columns(relations: Iterable[Intervals]) -> dict[str, Column]:
    """Name the columns of relations, so that a text may say ``score`` for ``row.score``.

    What is a word of the query language keeps its meaning.
    """
    names = {
        name
        for one in relations
        for name in (*one.schema.names, *derived_names(one.schema))
        if name not in WORDS and name not in {"db", "vq"}
    }
    return {name: Column(name) for name in sorted(names)}


def faces_where(faces: Intervals, condition: str) -> Intervals:
    """Keep the faces that a condition in text holds for, such as ``track == 1000000003``.

    Raises
    ------
    QueryError
        If it cannot be understood; the message says where.
    """
    return faces.filter(parse_condition(condition, faces.schema))


def run(function: Concept | Callable[..., Any], words: Mapping[str, Any]) -> Intervals:
    """Run a concept or a plain function, its parameters filled by name.

    Raises
    ------
    QueryError
        If it asks for what there is not, gives no relation, or fails: with the line that failed.
    """
    made = function
    if not isinstance(made, Concept):
        name = getattr(function, "__name__", "query")
        made = Concept(function, name, name)
    try:
        return made.run(words)
    except VQueryError as error:
        _noted(error)
        raise
    except ENDS as error:
        raise QueryError(f"concept {made.name!r} failed: {_told(error)}") from error


def call(function: Callable[..., Any], argument: Any, what: str) -> Any:
    """Call a function of a user's file.

    Raises
    ------
    QueryError
        If it fails: with the line that failed.
    """
    try:
        return function(argument)
    except VQueryError as error:
        _noted(error)
        raise
    except ENDS as error:
        raise QueryError(f"{what} failed: {_told(error)}") from error


def named(name: str) -> Concept:
    """Find a registered concept.

    Raises
    ------
    QueryError
        If there is none of that name.
    """
    if name not in REGISTRY:
        raise _unknown(name, [concept.name for concept in REGISTRY], [])
    return REGISTRY[name]


def load(file: Path) -> dict[str, Callable[..., Any]]:
    """Run a Python file, so that its concepts register; return its functions by name.

    Raises
    ------
    QueryError
        If it cannot be run; with the line that failed.
    """
    return _functions(module_of(file))


def module_of(file: Path) -> ModuleType:
    """Run a Python file as a module, which may import modules that lie beside it.

    Raises
    ------
    QueryError
        If it cannot be run; with the line that failed.
    """
    path, name = file.resolve(), module_name(file)
    if path.suffix != ".py":
        raise QueryError(f"{file}: concepts are defined in a Python file, NAME.py")
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItIs(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except VQueryError as error:
        _noted(error)
        raise
    except ENDS as error:
        raise QueryError(f"{file}: cannot be run: {_told(error)}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def module_name(file: Path) -> str:
    """Name the module of a file: the same file is the same module, and no other has its name."""
    path = file.resolve()
    key = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return f"vquery_concepts_{FOLDER.sub('_', path.stem)}_{key}"


class _AsItIs(SourceFileLoader):
    """Reads the file itself: what was compiled before is known by whole seconds alone."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Take what the file itself defines; what it imports is not meant."""
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value)
        and not isinstance(value, type)
        and getattr(value, "__module__", None) == module.__name__
    }


def _told(error: BaseException) -> str:
    """Say where and what: an error in a user's file needs its line, not our frames."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}, line {last.lineno}: {type(error).__name__}: {error}"


def _noted(error: VQueryError) -> None:
    """Note the line of the user that led to an error: the command line shows no traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [Path(each.filename).is_relative_to(OURS) for each in frames]
    below = ours.index(False) if False in ours else len(ours)
    ours_again = ours.index(True, below) if True in ours[below:] else len(ours)
    theirs = frames[below:ours_again]
    if theirs and not hasattr(error, "__notes__"):
        error.add_note(f"in {theirs[-1].filename}, line {theirs[-1].lineno}: {theirs[-1].line}")


def _unknown(text: str, concepts: list[str], tables: list[str]) -> QueryError:
    near = difflib.get_close_matches(text, [*concepts, *tables], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(concepts) or "none; give a file of some with --concepts or concepts="
    there = f" Tables: {', '.join(tables)}." if tables else ""
    return QueryError(f"there is no concept {text!r}. Concepts: {known}.{there}{hint}")
