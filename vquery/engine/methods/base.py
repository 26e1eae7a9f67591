"""What every group of methods of a relation starts from: its node, and checks of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from vquery.errors import QueryError
from vquery.expr import habits
from vquery.expr.expression import Column, Expression, SortKey, lift
from vquery.expr.placeholders import Placeholder
from vquery.expr.predicates import Predicate, trace
from vquery.expr.relations import Columns, Relation, require_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from vquery.engine.intervals import Intervals


class Fluent:
    """Holds the query; methods build a larger one and nothing runs."""

    __slots__ = ("_node",)

    def __init__(self, node: Relation) -> None:
        self._node = node

    @property
    def node(self) -> Relation:
        """The query as a tree of immutable nodes."""
        return self._node

    @property
    def schema(self) -> pa.Schema:
        """Columns and types, known without running."""
        return self._node.schema

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._node.schema.names)

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            if name in self.columns:
                raise habits.column_of(self._node.name, name)
            raise habits.unknown(self._node.name, name, dir(type(self)), habits.RELATION)

    def __len__(self) -> NoReturn:
        raise QueryError("a relation has no length before it runs: .count() gives it")

    def __iter__(self) -> NoReturn:
        raise QueryError(
            "a relation cannot be looped over: .collect() gives its rows as an Arrow table,"
            " .to_pandas() and .to_polars() a data frame"
        )

    def __getitem__(self, key: Any) -> NoReturn:
        raise QueryError(
            f"a relation takes no brackets, got [{key!r}]: .filter(row.x1 > 0.5) chooses rows,"
            ' .select("x1") columns, .limit(5) the first rows'
        )

    def _made(self, node: Relation) -> Intervals:
        from vquery.engine.intervals import Intervals

        return Intervals(node)

    def _names(self, given: Any, what: str) -> list[str]:
        """Check column names, given as text or as ``row.name``."""
        names = []
        for each in given:
            name = each.name if isinstance(each, Column) and each.side is None else each
            if not isinstance(name, str):
                raise QueryError(f"{what} takes columns, such as row.name or 'name', got {each!r}")
            names.append(name)
        require_columns(self._node, names)
        return names


def aggregates_of(given: Mapping[str, Any], what: str, settings: str = "") -> Columns:
    """Check aggregates given by keyword; a plain value is more likely a setting misspelt."""
    for name, value in given.items():
        if not isinstance(value, (Expression, Placeholder)):
            raise QueryError(
                f"{what} takes an aggregate for {name}=, such as vq.count() or"
                f" vq.mean(row.score), got {value!r}{settings}; vq.lit(...) writes a value"
            )
    return tuple((name, lift(value)) for name, value in given.items())


def column_names(given: Any, what: str) -> tuple[str, ...]:
    """Take the names of columns: None, one column, or several, as ``row.name`` or text."""
    if given is None:
        return ()
    names = []
    for each in [given] if isinstance(given, (str, Column)) else given:
        name = each.name if isinstance(each, Column) and each.side is None else each
        if not isinstance(name, str):
            raise QueryError(f"{what} takes columns, such as row.name or 'name', got {each!r}")
        names.append(name)
    return tuple(dict.fromkeys(names))


def node_of(given: Any, what: str) -> Relation:
    """Take the query of a relation given as an argument."""
    if not isinstance(given, Fluent):
        raise QueryError(f"{what} takes a relation such as db.faces, got {type(given).__name__}")
    return given.node


def one_row(given: Any, what: str) -> Expression:
    """Accept an expression, a written value or a function of one row."""
    if isinstance(given, Predicate):
        raise QueryError(f"{what} looks at one row, but {given!r} is about two: use it in a join")
    if callable(given) and not isinstance(given, (Expression, Placeholder, type)):
        return trace(given, (None,))
    return lift(given)


def sort_key(given: Any, what: str) -> SortKey:
    """Accept a column, an expression, or one of those with ``.asc()`` or ``.desc()``."""
    if isinstance(given, SortKey):
        return given
    if isinstance(given, (Predicate, Fluent)) or given is None:
        raise QueryError(f"{what} takes columns, such as row.score.desc(), got {given!r}")
    return SortKey(Column(given) if isinstance(given, str) else lift(given), descending=False)
