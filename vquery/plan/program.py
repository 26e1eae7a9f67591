"""A predicate between a run and a new row as a small program, which a kernel carries out.

What looks at one of the two rows alone is computed beforehand, as a column: a leaf. What remains is
arithmetic, comparison and logic between leaves and the hull of the run, in the types of the query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.amounts import shown_number
from vquery.expr.boxes import BoxRelation
from vquery.expr.derived import columns_of, resolve
from vquery.expr.expression import Call, Column, Expression, Literal, Param
from vquery.expr.groups import run_scope
from vquery.expr.node import transform, walk
from vquery.expr.placeholders import When
from vquery.expr.predicates import LEFT, RIGHT, Every, Same
from vquery.expr.relations import scope_of
from vquery.expr.types import Kind, common_of
from vquery.schema import BOX
from vquery_kernels.grow import operations as op

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.expr.node import Node
    from vquery.expr.predicates import Predicate
    from vquery.expr.relations import Relation
    from vquery.expr.types import Scope, Type

TIMES = ("start_us", "end_us")
LEAF_FLOAT = op.LEAF_FLOAT
WHOLE, SINGLE, DOUBLE = "whole", "single", "double"
"""What a register holds: an integer or truth value, a float32, a float64."""

ARITHMETIC = {
    "+": (op.ADD, op.ADD_F),
    "-": (op.SUBTRACT, op.SUBTRACT_F),
    "*": (op.MULTIPLY, op.MULTIPLY_F),
    "//": (op.FLOOR_DIVIDE, None),
    "%": (op.MODULO, None),
    "/": (None, op.DIVIDE_F),
    "negate": (op.NEGATE, op.NEGATE_F),
    "abs": (op.SIZE, op.SIZE_F),
}
COMPARISONS = {
    "==": (op.EQUAL, op.EQUAL_F, False),
    "!=": (op.DIFFERENT, op.DIFFERENT_F, False),
    "<": (op.LESS, op.LESS_F, False),
    "<=": (op.AT_MOST, op.AT_MOST_F, False),
    ">": (op.LESS, op.LESS_F, True),
    ">=": (op.AT_MOST, op.AT_MOST_F, True),
}
FOLDS = {
    "and": (op.AND, op.AND),
    "or": (op.OR, op.OR),
    "greatest": (op.GREATEST, op.GREATEST_F),
    "least": (op.LEAST, op.LEAST_F),
    "fill_null": (op.FILL, op.FILL),
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of one row: the first of the run or the new one."""

    expression: Expression
    side: str
    operation: int
    text: bool


@dataclass(slots=True)
class Plan:
    """Instructions, constants and the leaves that have to be computed."""

    instructions: list[tuple[int, int, int, int]] = field(default_factory=list)
    wholes: list[int] = field(default_factory=list)
    reals: list[float] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    shared: bool = False
    """Whether the test holds only where the boxes share area."""

    @property
    def code(self) -> npt.NDArray[np.int64]:
        """Instructions as an array, (m, 4)."""
        return np.array(self.instructions, np.int64).reshape(-1, 4)

    @property
    def whole(self) -> npt.NDArray[np.int64]:
        """Integer constants."""
        return np.array(self.wholes, np.int64)

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """Float constants."""
        return np.array(self.reals, np.float64)


def parted(where: Predicate, relation: Relation) -> tuple[list[Same], Predicate | None]:
    """Part a test into values that have to be the same, and what remains.

    Such values are keys: a run then holds rows of one value alone, so that its first row speaks for
    all. Bounds are not among them, as those of a run change.
    """
    parts = where.parts if isinstance(where, Every) else (where,)
    same = [part for part in parts if isinstance(part, Same) and _is_steady(part, relation)]
    rest = tuple(part for part in parts if not any(part is each for each in same))
    if not rest:
        return same, None
    return same, rest[0] if len(rest) == 1 else Every(rest)


def _is_steady(part: Same, relation: Relation) -> bool:
    scope = scope_of(relation)
    read = {column.name for column in columns_of(part.value, scope)}
    nested = pa.types.is_nested(part.value.type(scope).dtype)
    return not nested and not read & {*TIMES, *BOX}


def program_of(test: Predicate, relation: Relation) -> Plan:
    """Compile a predicate between a run of rows (left) and a new row (right).

    Raises
    ------
    QueryError
        If it brings both together in a way that the kernel does not know, naming the part.
    """
    scope = run_scope(relation)
    compiler = _Compiler(scope, test)
    condition = resolve(test.lower(), scope)
    register, _ = compiler.visit(condition)
    if register != len(compiler.plan.instructions) - 1:
        compiler.emit(op.CHOOSE, register, register, register)
    compiler.plan.shared = _needs_overlap(test)
    return compiler.plan


def check_test(where: Predicate, relation: Relation) -> None:
    """Refuse a test that cannot be followed row by row.

    Raises
    ------
    QueryError
        Naming the part of it.
    """
    _, rest = parted(where, relation)
    if rest is not None:
        program_of(rest, relation)


def _needs_overlap(test: Predicate) -> bool:
    if isinstance(test, Every):
        return any(map(_needs_overlap, test.parts))
    if not isinstance(test, BoxRelation):
        return False
    least = shown_number(test.value("at_least")) if test.name == "iou" else 0
    return test.name == "boxes_overlap" or least > 0


class _Compiler:
    """Turns one expression into instructions; equal nodes become one register."""

    def __init__(self, scope: Scope, test: Predicate) -> None:
        self.plan = Plan()
        self._scope = scope
        self._test = test
        self._known: dict[int, tuple[int, str]] = {}

    def emit(self, operation: int, a: int = 0, b: int = 0, c: int = 0) -> int:
        """Add an instruction and return its register."""
        self.plan.instructions.append((operation, a, b, c))
        return len(self.plan.instructions) - 1

    def visit(self, node: Expression) -> tuple[int, str]:
        """Register of an expression, and what it holds."""
        if id(node) not in self._known:
            self._known[id(node)] = self._made(node)
        return self._known[id(node)]

    def _type(self, node: Expression) -> Type:
        return node.type(self._scope)

    def _made(self, node: Expression) -> tuple[int, str]:
        if isinstance(node, (Literal, Param)):
            return self._constant(node, self._type(node))
        if isinstance(node, Column) and _is_hull(node):
            if node.name in TIMES:
                return self.emit(op.HULL_TIME, TIMES.index(node.name)), WHOLE
            return self.emit(op.HULL_BOX, BOX.index(node.name)), SINGLE
        side = _one_side(node)
        if side is not None:
            return self._leaf(node, side)
        if isinstance(node, When):
            return self._when(node)
        if isinstance(node, Call):
            return self._call(node)
        raise self._refusal(node)

    def _refusal(self, node: Expression) -> QueryError:
        return QueryError(
            f"coalesce(where=): in {self._test!r} the part {node!r} brings the run and the new row"
            " together in a way that cannot be followed row by row. Arithmetic, comparison, logic"
            " and when() can; equality of values can also be given as by="
        )

    def _constant(self, node: Literal | Param, met: Type) -> tuple[int, str]:
        """Write a number or a truth value, in the type ``met``."""
        value: Any = node.default if isinstance(node, Param) else node.value
        holds = _holds(met)
        if value is None:
            return self.emit(op.NULL), holds
        if met.kind not in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN):
            raise self._refusal(node)
        if holds == WHOLE:
            self.plan.wholes.append(int(value))
            return self.emit(op.WHOLE, len(self.plan.wholes) - 1), WHOLE
        self.plan.reals.append(float(np.float32(value)) if holds == SINGLE else float(value))
        return self.emit(op.FLOAT, len(self.plan.reals) - 1), holds

    def _leaf(self, node: Expression, side: str) -> tuple[int, str]:
        kind = self._type(node).kind
        if kind not in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.STRING):
            raise self._refusal(node)
        holds = WHOLE if kind is Kind.STRING else _holds(self._type(node))
        operation = op.LEAF_WHOLE if holds == WHOLE else op.LEAF_FLOAT
        self.plan.leaves.append(Leaf(_unsided(node), side, operation, kind is Kind.STRING))
        return self.emit(operation, len(self.plan.leaves) - 1, int(side == RIGHT)), holds

    def _operand(self, node: Expression, met: Type) -> int:
        """Register of an operand, in the type in which an operation meets its operands."""
        if isinstance(node, (Literal, Param)) and met.kind is not Kind.STRING:
            return self._constant(node, met)[0]
        register, holds = self.visit(node)
        wanted = _holds(met)
        if wanted == holds or met.kind is Kind.STRING:
            return register
        if holds == WHOLE:
            register = self.emit(op.TO_FLOAT, register, register)
        return self.emit(op.ROUND, register, register) if wanted == SINGLE else register

    def _call(self, node: Call) -> tuple[int, str]:
        name, arguments = node.operation, node.arguments
        if name in ("not", "is_null"):
            register = self.visit(arguments[0])[0]
            return self.emit(op.NOT if name == "not" else op.IS_NULL, register, register), WHOLE
        if name in COMPARISONS:
            return self._comparison(node)
        result = self._type(node)
        if name in FOLDS and result.kind is not Kind.STRING:
            return self._fold(
                FOLDS[name], [self._operand(each, result) for each in arguments], result
            )
        if name not in ARITHMETIC or not result.numeric:
            raise self._refusal(node)
        operation = ARITHMETIC[name][_holds(result) != WHOLE]
        if operation is None:
            raise self._refusal(node)
        registers = [self._operand(each, result) for each in arguments]
        made = self.emit(operation, registers[0], registers[-1])
        return (self.emit(op.ROUND, made, made) if _holds(result) == SINGLE else made), _holds(
            result
        )

    def _comparison(self, node: Call) -> tuple[int, str]:
        on_ints, on_floats, turned = COMPARISONS[node.operation]
        met = common_of([self._type(each) for each in node.arguments], node.operation)
        if met.kind is Kind.STRING and not all(map(_one_side, node.arguments)):
            raise self._refusal(node)
        left, right = (self._operand(each, met) for each in node.arguments)
        if turned:
            left, right = right, left
        whole = met.kind is Kind.STRING or _holds(met) == WHOLE
        return self.emit(on_ints if whole else on_floats, left, right), WHOLE

    def _fold(
        self, operations: tuple[int, int], registers: list[int], result: Type
    ) -> tuple[int, str]:
        holds = _holds(result)
        first, *rest = registers
        for each in rest:
            first = self.emit(operations[holds != WHOLE], first, each)
        return first, holds

    def _when(self, node: When) -> tuple[int, str]:
        result = self._type(node)
        if result.kind is Kind.STRING:
            raise self._refusal(node)
        made = self._operand(node.default, result)
        for condition, value in reversed(node.cases):
            test = self.visit(condition)[0]
            made = self.emit(op.CHOOSE, test, self._operand(value, result), made)
        return made, _holds(result)


def _holds(given: Type) -> str:
    if given.kind is not Kind.FLOAT:
        return WHOLE
    return SINGLE if given.dtype in (pa.float16(), pa.float32()) else DOUBLE


def _is_hull(column: Column) -> bool:
    return column.side == LEFT and column.name in (*TIMES, *BOX)


def _one_side(node: Expression) -> str | None:
    """Side of the only row that an expression looks at, None for both or for the hull."""
    columns = [each for each in walk(node) if isinstance(each, Column)]
    sides = {each.side for each in columns}
    if len(sides) != 1 or any(map(_is_hull, columns)):
        return None
    return sides.pop()


def _unsided(node: Expression) -> Expression:
    def change(each: Node) -> Node:
        return Column(each.name) if isinstance(each, Column) else each

    return transform(node, change)
