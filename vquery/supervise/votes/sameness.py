"""Whether a function is still the one that was asked: what it says, and what it reads beside that.

Two functions are the same if their code, their defaults, what they enclose and the globals they
name are the same: a cell of a notebook that is run again makes the same function, and one whose
threshold was changed elsewhere is another.
"""

from __future__ import annotations

import functools
import secrets
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.concept import Concept
from vquery.engine.intervals import Intervals
from vquery.engine.running.session import Session
from vquery.expr.placeholders import Placeholder
from vquery.plan.fingerprint import PLAIN, Fingerprints, digest, source_identity

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sameness:
    """Fingerprints of functions and of what they read.

    Data are what they say, data frames too; a query is its steps and the sources it reads. Any
    other object is equal to itself alone, and what changes inside it goes unseen. Functions of
    other modules count by their code, and of a module a function reads its plain values.

    >>> def of_notebook(given):
    ...     return lambda row: row.score > given
    >>> Sameness().of(of_notebook(3)) == Sameness().of(of_notebook(3))
    True
    >>> Sameness().of(of_notebook(3)) == Sameness().of(of_notebook(4))
    False
    """

    def __init__(self) -> None:
        self._prints = Fingerprints(source_identity)
        self._open: dict[int, int] = {}

    def of(self, value: Any) -> bytes:
        """16 bytes that are the same for what is the same."""
        if isinstance(value, PLAIN):
            return self._prints.of(value)
        if id(value) in self._open:  # a function that calls itself
            return self._tagged("again", [self._prints.of(self._open[id(value)])])
        self._open[id(value)] = len(self._open)
        try:
            return self._of_object(value)
        finally:
            del self._open[id(value)]

    def _of_object(self, value: Any) -> bytes:
        if isinstance(value, FunctionType):
            return self._tagged("function", self._function(value))
        if isinstance(value, MethodType):
            return self._tagged("method", [self.of(value.__func__), self.of(value.__self__)])
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return self._tagged("partial", map(self.of, parts))
        if isinstance(value, Concept):
            settings = (value.function, value.name, value.label, value.otherwise, value.cover)
            return self._tagged("concept", map(self.of, settings))
        if isinstance(value, Intervals):
            return self._tagged("query", [self._prints.of(value.node)])
        return self._of_data(value)

    def _of_data(self, value: Any) -> bytes:
        if isinstance(value, tuple | list):
            return self._tagged("list", map(self.of, value))
        if isinstance(value, set | frozenset):
            return self._tagged("set", sorted(map(self.of, value)))
        if isinstance(value, dict):
            return self._tagged("map", [self.of(part) for pair in value.items() for part in pair])
        if isinstance(value, np.ndarray) and value.dtype != object:
            about = (str(value.dtype), value.shape, np.ascontiguousarray(value).tobytes())
            return self._tagged("array", [self._prints.of(about)])
        if isinstance(value, np.generic):
            return self._tagged("scalar", [self._prints.of((str(value.dtype), value.tobytes()))])
        if isinstance(value, Placeholder):
            return self._tagged("placeholder", [self._prints.of(repr(value))])
        if isinstance(value, ModuleType):
            return self._tagged("module", [self._prints.of(value.__name__)])
        if hasattr(value, "__arrow_c_stream__") and not isinstance(value, pa.Table):
            # a data frame may change; one that Arrow cannot take is never recognised again
            return content(value) or self._prints.of(secrets.token_bytes(16))
        return self._prints.of(value)

    def _function(self, function: FunctionType) -> Iterable[bytes]:
        yield self._code(function.__code__)
        yield self.of(function.__defaults__)
        yield self.of(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                yield self.of(cell.cell_contents)
            except ValueError:  # not yet filled
                yield b"empty"
        names = sorted(_names(function.__code__))
        for name in names:
            if name in function.__globals__:
                yield self._global(name, function.__globals__[name], function, names)

    def _global(self, name: str, value: Any, function: FunctionType, names: list[str]) -> bytes:
        parts = [self._prints.of(name)]
        far = isinstance(value, FunctionType) and value.__globals__ is not function.__globals__
        if far:
            parts += [self._prints.of(value.__qualname__), self._code(value.__code__)]
        else:
            parts.append(self.of(value))
        if isinstance(value, ModuleType):
            there = ((each, vars(value).get(each)) for each in names)
            parts += [self._prints.of(each) for each in there if isinstance(each[1], PLAIN)]
        return digest(parts)

    def _code(self, code: CodeType) -> bytes:
        inner = [each for each in code.co_consts if isinstance(each, CodeType)]
        plain = [each for each in code.co_consts if not isinstance(each, CodeType)]
        told = (code.co_code, code.co_names, code.co_varnames, code.co_freevars)
        return digest([self._prints.of(told), *map(self._constant, plain), *map(self._code, inner)])

    def _constant(self, value: Any) -> bytes:
        known = isinstance(value, (*PLAIN, tuple, frozenset))
        return self.of(value) if known else self._prints.of(repr(value))

    def _tagged(self, kind: str, parts: Iterable[bytes]) -> bytes:
        return digest([kind.encode(), *parts])


def content(frame: Any) -> bytes | None:
    """16 bytes for what a table or data frame holds; None where Arrow cannot take it.

    >>> content(pa.table({"a": [1]})) == content(pa.table({"a": [1]}))
    True
    >>> content(pa.table({"a": [1, 2]})) == content(pa.table({"a": [2, 1]}))
    False
    """
    try:
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError):
        return None
    session = Session()
    try:
        hashes = [one.tobytes() for one in session.hashes_of(table.columns)]
    finally:
        session.close()
    about = (tuple(table.column_names), str(table.schema.types), f"{type(frame)}")
    return digest([Fingerprints(source_identity).of(about), *hashes])


def _names(code: CodeType) -> set[str]:
    """Names that a function or one inside it looks up outside itself."""
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner))
