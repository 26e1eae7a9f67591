"""Python files that define concepts, read again when they were edited."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any

from vquery.api.concepts import load, module_name
from vquery.engine.concept import REGISTRY
from vquery.errors import VQueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vquery.engine.concept import Concept

    Functions = dict[str, Callable[..., Any]]
    Stamp = tuple[int, int]


class ConceptFiles:
    """The functions and concepts of some files, as the files are now.

    Modules that such a file imports are read once.

    Parameters
    ----------
    files
        Python files; they are run, so give only files that you trust.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self.paths = [file.resolve() for file in files]
        self._read: dict[Path, tuple[Stamp, Functions]] = {}
        self._lock = threading.Lock()

    def functions(self) -> Functions:
        """Return the functions of all files by name; their concepts are registered.

        Raises
        ------
        QueryError
            If a file cannot be run (any more); what it defined before is gone then.
        """
        found: Functions = {}
        with self._lock:
            for path in self.paths:
                found |= self._of(path)
        return found

    def known(self) -> Functions:
        """Return the functions as they are now, or were last where a file cannot be run."""
        try:
            return self.functions()
        except VQueryError:  # who runs a query is told
            with self._lock:
                left = [held for _, held in self._read.values()]
            return {name: one for held in left for name, one in held.items()}

    def _of(self, path: Path) -> Functions:
        stamp = _stamp(path)
        held = self._read.get(path)
        if held is not None and held[0] == stamp:
            return held[1]
        self._read.pop(path, None)
        forget(path)
        made = load(path)
        self._read[path] = stamp, made
        return made


def _stamp(path: Path) -> Stamp:
    """Tell one state of a file from another; of a file that is gone loading will say so."""
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)
    return facts.st_mtime_ns, facts.st_size


def forget(path: Path) -> None:
    """Take the concepts of a file out of the registry."""
    name = module_name(path)
    mine = [one.name for one in REGISTRY if getattr(one.function, "__module__", None) == name]
    for one in mine:
        REGISTRY.remove(one)


def runs_alone(function: Concept | Callable[..., Any], tables: Iterable[str]) -> bool:
    """Whether a function can be run by its name alone: tables fill what it needs.

    >>> runs_alone(lambda faces, least=0.5: faces, ["faces"]), runs_alone(lambda x: x, ["faces"])
    (True, False)
    """
    known = {*tables, "db"}
    try:
        needed = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    fills = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return all(
        one.kind in fills and (one.name in known or one.default is not one.empty) for one in needed
    )
