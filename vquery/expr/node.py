"""What every query node is: a frozen dataclass that can be walked and rebuilt."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NodeT = TypeVar("NodeT", bound="Node")


class Node:
    """Base of expressions, predicates, patterns and relations.

    Subclasses are frozen, slotted dataclasses compared by identity: ``==`` on an expression builds
    another expression.
    """

    __slots__ = ()


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes that ``node`` holds, in the order of its fields."""
    for field in dataclasses.fields(node):  # type: ignore[arg-type]
        if field.init:
            yield from _nodes_in(getattr(node, field.name))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and everything below it once, parents first."""
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending.extend(reversed(list(children(current))))


def transform(node: NodeT, change: Callable[[Node], Node]) -> NodeT:
    """Rebuild ``node`` bottom-up with ``change`` applied to every node in it.

    A node whose parts did not change is passed on as it is, and a node that occurs twice stays one
    node, so that shared parts of a query are still recognised as shared.
    """
    done: dict[int, Node] = {}
    for current in children_first(node):
        done[id(current)] = change(_rebuilt(current, done))
    return done[id(node)]  # type: ignore[return-value]


def children_first(node: Node) -> Iterator[Node]:
    """Yield every node once, after what it holds; by a stack, as queries may be deep."""
    seen: set[int] = set()
    pending = [(node, False)]
    while pending:
        current, opened = pending.pop()
        if opened:
            yield current
        elif id(current) not in seen:
            seen.add(id(current))
            pending.append((current, True))
            pending.extend((child, False) for child in reversed(list(children(current))))


def _rebuilt(node: Node, done: dict[int, Node]) -> Node:
    changes = {}
    for field in dataclasses.fields(node):  # type: ignore[arg-type]
        if not field.init:
            continue
        before = getattr(node, field.name)
        after = _replaced(before, done)
        if after is not before:
            changes[field.name] = after
    return dataclasses.replace(node, **changes) if changes else node  # type: ignore[type-var]


def _replaced(value: Any, done: dict[int, Node]) -> Any:
    if isinstance(value, Node):
        return done[id(value)]
    if isinstance(value, tuple):
        items = [_replaced(item, done) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        # a named tuple takes its items one by one
        return value if same else type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value
