"""Queries from text: a small part of Python's expressions, built into nodes, never executed.

The text is parsed by ``ast`` and walked by hand. Only names that are given, the words of the query
language and their methods exist; there are no attributes with an underscore, no statements, no
powers, and nothing that reads or writes.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import operator
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from vquery.engine.intervals import Intervals
from vquery.engine.words import METHODS, WORDS, instead_of
from vquery.errors import QueryError, VQueryError
from vquery.expr.derived import derived_names
from vquery.expr.expression import Column, Expression, lift
from vquery.expr.placeholders import Placeholder, when
from vquery.expr.predicates import Predicate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    import pyarrow as pa

    Names = MutableMapping[str, Any]

LONGEST = 20_000
DEEPEST = 100


def parse_query(text: str, tables: Mapping[str, Any]) -> Intervals:
    """Build the relation that a text describes.

    Parameters
    ----------
    text
        Such as ``faces.filter(face.name == "Bernie").join(faces, predicate=time_overlaps)``.
        ``and``, ``or``, ``not``, ``in``, ``is None``, chained comparisons and ``x if c else y``
        are understood; a table is ``faces`` or ``db.faces``.
    tables
        Relations by name.

    Raises
    ------
    QueryError
        If the text is no such expression; it names the line and column.

    >>> import pyarrow as pa
    >>> from vquery.engine.sources import from_arrow
    >>> faces = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], "score": [0.9]}))
    >>> parse_query("faces.filter(face.score > 0.5 and face.end == 1)", {"faces": faces}).count()
    1
    """
    result = _Builder(text, dict(tables)).build()
    if not isinstance(result, Intervals):
        raise QueryError(f"the query must give a relation, such as faces.filter(...): {text!r}")
    return result


def parse_condition(text: str, schema: pa.Schema) -> Expression:
    """Build a condition on the rows of a table; columns are written bare or as ``row.name``.

    >>> import pyarrow as pa
    >>> schema = pa.schema([("name", pa.string()), ("score", pa.float32())])
    >>> parse_condition('score > 0.5 and name in ["Bernie", "Jake"]', schema)
    (row.score > 0.5) & row.name.isin(['Bernie', 'Jake'])
    """
    columns = {name: Column(name) for name in [*schema.names, *derived_names(schema)]}
    return lift(_Builder(text, columns).build())


class _Builder:
    """Walks the tree of one text."""

    def __init__(self, text: str, names: dict[str, Any]) -> None:
        if len(text) > LONGEST:
            raise QueryError(f"a query may have {LONGEST} characters, got {len(text)}")
        self._text = text
        self._names = names
        self._depth = 0

    def build(self) -> Any:
        """Value of the whole text."""
        try:
            # in brackets, so that a chain of methods may stand on several lines
            tree = ast.parse(f"({self._text}\n)", mode="eval")
        except SyntaxError as error:
            error = self._without_brackets(error)
            raise QueryError(f"{self._place(error)}: {error.msg} in {self._text!r}") from error
        except (RecursionError, MemoryError, ValueError) as error:
            raise QueryError(f"the query cannot be read: {error}") from error
        try:
            return self._visit(tree.body, ChainMap(self._names))
        except RecursionError:
            raise QueryError("the query is nested too deeply to be built") from None

    def _without_brackets(self, error: SyntaxError) -> SyntaxError:
        """Return what is wrong with the text as it stands, where it is not our own bracket."""
        if error.lineno == 1 and error.offset == 1:
            try:
                ast.parse(self._text, mode="eval")
            except SyntaxError as found:
                found.offset = (found.offset or 1) + (found.lineno == 1)
                return found
        return error

    def _place(self, node: Any) -> str:
        line = getattr(node, "lineno", 1) or 1
        column = getattr(node, "col_offset", None)
        if column is None:
            column = (getattr(node, "offset", 1) or 1) - 1
        return f"line {line}, column {column + (0 if line == 1 else 1)}"

    def _refuse(self, node: ast.AST, what: str) -> QueryError:
        shown = ast.get_source_segment(f"({self._text}\n)", node) if hasattr(node, "lineno") else ""
        return QueryError(f"{self._place(node)}: {what}: {shown}")

    def _visit(self, node: ast.AST, names: Names) -> Any:
        visitor = VISITORS.get(type(node))
        if visitor is None:
            raise self._refuse(node, f"{type(node).__name__} has no place in a query")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refuse(node, f"nested deeper than {DEEPEST}")
        result = visitor(self, node, names)
        self._depth -= 1
        return result

    def constant(self, node: ast.Constant, names: Names) -> Any:
        """Take a number, a text, true, false or none."""
        del names
        if not isinstance(node.value, (int, float, str, bool, type(None))):
            raise self._refuse(node, "a value of this kind cannot be used")
        return node.value

    def name(self, node: ast.Name, names: Names) -> Any:
        """Look up a table, a column, a parameter of a lambda or a word of the query language."""
        if node.id in names:
            return names[node.id]
        if node.id in WORDS:
            return WORDS[node.id]
        known = [*names, *WORDS]
        near = difflib.get_close_matches(node.id, known, n=1)
        tables = [name for name in names if not isinstance(names[name], Expression)]
        given = f"Names: {', '.join(tables or names) or 'none'}."
        hint = f"Did you mean {near[0]!r}?" if near else given
        raise self._refuse(node, f"{node.id!r} is not known. {hint}")

    def attribute(self, node: ast.Attribute, names: Names) -> Any:
        """``row.score``, ``db.faces``, ``vq.count``; methods exist only where they are called."""
        if node.attr.startswith("_"):
            raise self._refuse(node, "names with an underscore in front are not part of queries")
        if isinstance(node.value, ast.Name) and node.value.id not in names:
            if node.value.id == "vq":
                return self.name(ast.copy_location(ast.Name(node.attr), node), ChainMap({}))
            if node.value.id == "db":
                return self.name(ast.copy_location(ast.Name(node.attr), node), names)
        owner = self._visit(node.value, names)
        if isinstance(owner, Placeholder):
            return getattr(owner, node.attr)
        raise self._refuse(node, f"{node.attr!r} is not something that can be asked for here")

    def subscript(self, node: ast.Subscript, names: Names) -> Any:
        """``row["class"]``, ``db["table"]`` and ``row.tags[0]``."""
        key = self._visit(node.slice, names)
        if isinstance(key, int) and not isinstance(key, bool):
            owner = self._visit(node.value, names)
            if isinstance(owner, Expression):
                return owner.get(key)
        if not isinstance(key, str):
            raise self._refuse(node, "a name in quotes is needed in the brackets")
        whole = isinstance(node.value, ast.Name) and node.value.id == "db" and "db" not in names
        if whole:
            return self.name(ast.copy_location(ast.Name(key), node), names)
        owner = self._visit(node.value, names)
        if isinstance(owner, Placeholder):
            return owner[key]
        raise self._refuse(node, "only a row has columns in brackets")

    def call(self, node: ast.Call, names: Names) -> Any:
        """Call a method of the query language, or one of its functions."""
        function = self._callee(node.func, names)
        if any(isinstance(each, ast.Starred) for each in node.args):
            raise self._refuse(node, "* is not understood")
        if any(keyword.arg is None for keyword in node.keywords):
            raise self._refuse(node, "** is not understood")
        arguments = [self._visit(each, names) for each in node.args]
        named = {str(each.arg): self._visit(each.value, names) for each in node.keywords}
        try:
            return function(*arguments, **named)
        except VQueryError:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise self._refuse(node, str(error)) from error

    def _callee(self, node: ast.AST, names: Names) -> Callable[..., Any]:
        if isinstance(node, ast.Name) and node.id in WORDS:
            word = WORDS[node.id]  # a column of that name cannot be called
        elif isinstance(node, ast.Attribute) and not self._is_prefix(node.value, names):
            return self._method(node, names)
        else:
            word = self._visit(node, names)
        # a lambda is for operations to call: one that calls another doubles a query at every step
        if isinstance(node, ast.Lambda) or not callable(word) or isinstance(word, BUILT):
            raise self._refuse(node, "this cannot be called")
        return word  # type: ignore[no-any-return]

    @staticmethod
    def _is_prefix(node: ast.AST, names: Names) -> bool:
        return isinstance(node, ast.Name) and node.id in ("vq", "db") and node.id not in names

    def _method(self, node: ast.Attribute, names: Names) -> Callable[..., Any]:
        owner = self._visit(node.value, names)
        for kind, methods in METHODS.items():
            if isinstance(owner, kind):
                if node.attr in methods:
                    return getattr(owner, node.attr)  # type: ignore[no-any-return]
                hint = instead_of(node.attr, kind)
                near = difflib.get_close_matches(node.attr, methods, n=1)
                if near and not hint:
                    hint = f", did you mean {near[0]!r}"
                raise self._refuse(node, f"there is no method {node.attr!r}{hint}")
        known = ", ".join(name for name in self._names if isinstance(self._names[name], Intervals))
        cure = f": a table is needed before the dot ({known})" if known else ""
        raise self._refuse(node, f"{node.attr!r} cannot be called on this{cure}")

    def boolean(self, node: ast.BoolOp, names: Names) -> Any:
        """``and`` and ``or``, which mean & and | here."""
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        first, *rest = [self._condition(each, names) for each in node.values]
        for each in rest:
            first = join(first, each)
        return first

    def _condition(self, node: ast.AST, names: Names) -> Any:
        value = self._visit(node, names)
        if not isinstance(value, (Expression, Predicate)):
            raise self._refuse(node, "a condition is needed")
        return value

    def unary(self, node: ast.UnaryOp, names: Names) -> Any:
        """``not``, ``~`` and ``-``."""
        if isinstance(node.op, (ast.Not, ast.Invert)):
            return ~self._condition(node.operand, names)
        value = self._visit(node.operand, names)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if isinstance(node.op, ast.USub) and (number or isinstance(value, Expression)):
            return -value
        raise self._refuse(node, "a number is needed")

    def binary(self, node: ast.BinOp, names: Names) -> Any:
        """Arithmetic and & |, where at least one side is a column, or both are numbers."""
        if type(node.op) not in BINARY:
            raise self._refuse(node, f"{type(node.op).__name__} has no place in a query")
        left, right = self._visit(node.left, names), self._visit(node.right, names)
        built = (Expression, Predicate)
        numbers = all(isinstance(each, (int, float)) for each in (left, right))
        if isinstance(left, built) or isinstance(right, built):
            try:
                return BINARY[type(node.op)](left, right)
            except TypeError as error:
                raise self._refuse(node, str(error)) from error
        if numbers and type(node.op) in ARITHMETIC:
            try:
                return BINARY[type(node.op)](left, right)
            except (ArithmeticError, ValueError) as error:
                raise self._refuse(node, str(error)) from error
        raise self._refuse(node, "a column or two numbers are needed")

    def compare(self, node: ast.Compare, names: Names) -> Any:
        """Comparisons, chained ones too, ``in [...]`` and ``is None``."""
        left = self._visit(node.left, names)
        parts = []
        for sign, each in zip(node.ops, node.comparators, strict=True):
            right = self._visit(each, names)
            parts.append(self._compared(node, sign, left, right))
            left = right
        first, *rest = parts
        for part in rest:
            first = first & part
        return first

    def _compared(self, node: ast.Compare, sign: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(sign, (ast.In, ast.NotIn)):
            if isinstance(left, Expression) and isinstance(right, (list, tuple)):
                found = left.isin(right)
                return found if isinstance(sign, ast.In) else ~found
            if isinstance(right, Expression) and isinstance(left, (str, Expression)):
                found = right.contains(left)
                return found if isinstance(sign, ast.In) else ~found
            raise self._refuse(node, "'in' needs a column and a list, or a text and a column")
        if isinstance(sign, (ast.Is, ast.IsNot)):
            if isinstance(left, Expression) and right is None:
                return left.is_null() if isinstance(sign, ast.Is) else left.not_null()
            raise self._refuse(node, "'is' asks only for None")
        if not isinstance(left, Expression) and not isinstance(right, Expression):
            raise self._refuse(node, "a comparison needs a column on one side")
        return COMPARISONS[type(sign)](left, right)

    def sequence(self, node: ast.List | ast.Tuple | ast.Set, names: Names) -> list[Any]:
        """Make a list of values."""
        return [self._visit(each, names) for each in node.elts]

    def mapping(self, node: ast.Dict, names: Names) -> dict[Any, Any]:
        """Make a mapping of names, as ``rename`` takes it."""
        if None in node.keys:
            raise self._refuse(node, "** is not understood")
        keys = [self._visit(key, names) for key in node.keys if key is not None]
        if not all(isinstance(key, (str, int, float)) for key in keys):
            raise self._refuse(node, "the keys of a mapping are names or values")
        return dict(zip(keys, (self._visit(each, names) for each in node.values), strict=True))

    def choice(self, node: ast.IfExp, names: Names) -> Any:
        """``x if condition else y``."""
        value, other = self._visit(node.body, names), self._visit(node.orelse, names)
        return when(self._condition(node.test, names), value).otherwise(other)

    def function(self, node: ast.Lambda, names: Names) -> Callable[..., Any]:
        """Make a function of rows."""
        given = node.args
        plain = [each.arg for each in given.args]
        others = (*given.posonlyargs, *given.kwonlyargs, *given.defaults)
        if others or given.vararg or given.kwarg:
            raise self._refuse(node, "a lambda takes plain parameters only")

        def traced(*rows: Any) -> Any:
            bound = dict(zip(plain, rows, strict=True))
            return self._visit(node.body, ChainMap(bound, names))

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(each, kind) for each in plain])
        traced.__signature__ = signature  # type: ignore[attr-defined]
        traced.__name__ = "lambda"
        return traced


BUILT = (Intervals, Expression)
"""What is asked by methods, and called by nobody."""
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    **ARITHMETIC,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
VISITORS: dict[type[ast.AST], Callable[[_Builder, Any, Names], Any]] = {
    ast.Constant: _Builder.constant,
    ast.Name: _Builder.name,
    ast.Attribute: _Builder.attribute,
    ast.Subscript: _Builder.subscript,
    ast.Call: _Builder.call,
    ast.BoolOp: _Builder.boolean,
    ast.UnaryOp: _Builder.unary,
    ast.BinOp: _Builder.binary,
    ast.Compare: _Builder.compare,
    ast.List: _Builder.sequence,
    ast.Tuple: _Builder.sequence,
    ast.Set: _Builder.sequence,
    ast.Dict: _Builder.mapping,
    ast.IfExp: _Builder.choice,
    ast.Lambda: _Builder.function,
}
