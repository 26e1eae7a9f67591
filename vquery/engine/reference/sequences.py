"""Sequences for the oracle: every row is tried after every row, the preferred one first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.reference.bounds import Row, hull, usual
from vquery.expr.sequences import Sequence
from vquery.expr.symbols import ANY, Chain, Either, Repeat, Symbol, Without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vquery.engine.reference.oracle import Reference
    from vquery.expr.relations import Relation
    from vquery.expr.symbols import Tree

Parts = tuple[tuple[int, str], ...]
State = tuple[Parts, frozenset[str]]


def sequence(run: Reference, node: Sequence) -> list[Row]:
    """Find the matches of each partition."""
    members: dict[Any, list[Row]] = {}
    for row in sorted(run.rows(node.input), key=usual):
        members.setdefault(tuple(row[name] for name in ("video", *node.by)), []).append(row)
    result = []
    for rows in members.values():
        search = _Search(run, node, rows)
        found = search.every() if node.mode == "all" else search.greedy()
        result += [search.row(parts) for parts in found]
    return result


class _Search:
    """One partition."""

    def __init__(self, run: Reference, node: Sequence, rows: list[Row]) -> None:
        self.node, self.rows = node, rows
        self.min_gap = run.seconds(node.min_gap)
        self.max_gap = None if node.max_gap is None else run.seconds(node.max_gap)
        self.within = None if node.within is None else run.seconds(node.within)
        shortest = {name: run.seconds(value) for name, value in node.min_duration}
        self.carries = {
            (name, place)
            for place, row in enumerate(rows)
            for name, condition in (*node.symbols, (ANY, None))
            if condition is None or run.value(condition, {None: row})
            if row["end_us"] - row["start_us"] >= shortest.get(name, 0)
        }

    def greedy(self) -> list[Parts]:
        """Take the first choice at each place, then go on behind it."""
        result: list[Parts] = []
        for first in range(len(self.rows)):
            if not result or first > result[-1][-1][0]:
                result += next(([parts] for parts in self.from_row(first)), [])
        return result

    def every(self) -> list[Parts]:
        """All choices, each once, by rows and then by symbols as the pattern has them."""
        names = self.node.pattern.symbols
        found = {parts for first in range(len(self.rows)) for parts in self.from_row(first)}
        return sorted(found, key=lambda parts: [(row, names.index(name)) for row, name in parts])

    def from_row(self, first: int) -> Iterator[Parts]:
        """Ways that begin with a row, the best first."""
        for parts, _ in self.ways(self.node.pattern.tree, ((), frozenset()), first):
            if parts:
                yield parts

    def ways(self, tree: Tree, state: State, first: int) -> Iterator[State]:
        """Go on from a state by a tree."""
        parts, without = state
        if isinstance(tree, Without):
            yield parts, without | set(tree.names)
        elif isinstance(tree, Symbol):
            for place in range(len(self.rows)) if parts else [first]:
                if self.may_follow(place, tree.name, parts, without):
                    yield (*parts, (place, tree.name)), frozenset()
        elif isinstance(tree, Either):
            for part in tree.parts:
                yield from self.ways(part, state, first)
        elif isinstance(tree, Chain):
            yield from self.chained(tree.parts, state, first)
        else:
            yield from self.repeated(tree, state, first, 0)

    def chained(self, trees: tuple[Tree, ...], state: State, first: int) -> Iterator[State]:
        """Go on by one tree after the other."""
        if not trees:
            yield state
            return
        for after in self.ways(trees[0], state, first):
            yield from self.chained(trees[1:], after, first)

    def repeated(self, tree: Repeat, state: State, first: int, times: int) -> Iterator[State]:
        """Once more where that is possible, else as it is."""
        if tree.high is None or times < tree.high:
            for after in self.ways(tree.part, state, first):
                if times < tree.low or len(after[0]) > len(state[0]):
                    yield from self.repeated(tree, after, first, times + 1)
        if times >= tree.low:
            yield state

    def may_follow(self, place: int, name: str, parts: Parts, without: frozenset[str]) -> bool:
        """Whether a row can be the next part."""
        row = self.rows[place]
        if (name, place) not in self.carries:
            return False
        begin = self.rows[parts[0][0]] if parts else row
        if self.within is not None and row["end_us"] - begin["start_us"] > self.within:
            return False
        if not parts:
            return True
        last = parts[-1][0]
        if place <= last or (not self.node.skip and place != last + 1):
            return False
        before = self.rows[last]
        gap = row["start_us"] - before["end_us"]
        if gap < 0 and self.node.overlap == "forbid":
            return False
        if max(gap, 0) < self.min_gap or (self.max_gap is not None and gap > self.max_gap):
            return False
        return not any(
            before["start_us"] < other["start_us"] < row["start_us"]
            for symbol, number in self.carries
            for other in [self.rows[number]]
            if symbol in without
        )

    def row(self, parts: Parts) -> Row:
        """First row with the hull, the lowest score and the parts."""
        rows = [self.rows[place] for place, _ in parts]
        chosen = [
            {"symbol": name, "start_us": row["start_us"], "end_us": row["end_us"]}
            for (_, name), row in zip(parts, rows, strict=True)
        ]
        made = rows[0] | hull(rows, min) | {"n_parts": len(parts), "parts": chosen}
        return {name: made[name] for name in self.node.schema.names}


STEPS: dict[type[Relation], Callable[[Reference, Any], list[Row]]] = {Sequence: sequence}
