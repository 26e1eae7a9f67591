"""What propagation says about every item, and how far to believe it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.graph.calibrate import apply_power, fit_power
from vquery.graph.knowing import gaps, precision_coverage, why
from vquery.graph.leaving import LeftOut, Solved, left_out, seeds_twice, solve_columns
from vquery.graph.masses import mass_scale
from vquery.graph.seeds import whole
from vquery.graph.settle import BLOCK_BYTES, Best, blocks_of, scores_of, slices
from vquery.graph.solve import Poisson

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.items import ItemGraph
    from vquery.graph.knowing import Gaps, Reason
    from vquery.graph.seeds import Seeds
    from vquery.graph.solve import Solver

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

PRIOR_POWER = 2.5
"""Sharpening before any seed can be left out: harmonic scores are under-confident by about this.
Over thirteen sets the best power is 2.7 with one label a class (from .5 to 16) and 2.0 with ten."""
NAMED_LABELS = 12
"""Labels that are counted one by one where a result shows itself."""
SUGGESTED = 10
"""Unreached components that a report names an item for; `Labelled.unreached` has them all."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Labelled:
    """The outcome of propagation.

    Attributes
    ----------
    table
        One row an item: ``label`` (null where no seed reaches, and for "none of them"),
        ``probability`` that it is right, ``margin`` between best and second class before the power
        (rank by it), ``reached``, ``calibrated`` (every class has two seeds; else a fixed power is
        the prior). Schema metadata ``vquery.graph`` holds the report as JSON.
    items, seeds, solver
        What was solved.
    hard
        Whether seeds keep their label whatever the solution says about them.
    scale
        Shape (c,): what each class was multiplied with to follow the prior.
    power
        Every score is raised to it to become a probability.
    left_out
        What the seeds got without their own label; empty unless calibrated.
    report
        Figures on graph and solution, ready to be shown.
    raw
        Shape (nodes, c): what the solver says; None where that is too much to keep.
    wanted
        Shape (c,): shares of the classes that the masses were scaled to, or None.
    """

    table: pa.Table
    items: ItemGraph
    seeds: Seeds
    solver: Solver
    hard: bool
    scale: Weights
    power: float
    left_out: LeftOut
    report: dict[str, Any]
    raw: Floats | None
    wanted: Weights | None

    @property
    def classes(self) -> tuple[Hashable | None, ...]:
        """The labels, in the order of the columns of ``scores``."""
        return self.seeds.classes

    @property
    def scores(self) -> Floats:
        """Shape (nodes, classes): scaled to the prior, rows sum to 1 (0 if unreached).

        This is before the power; `vquery.graph.calibrate.apply_power` makes probabilities of it.
        Many classes on many nodes are not kept but solved anew for this (see `settle`).
        """
        raw = scores_of(self.solver, self.seeds.labels) if self.raw is None else self.raw
        ranked = np.empty_like(raw)
        step = max(1, BLOCK_BYTES // (8 * len(self.classes)))
        for start in range(0, len(raw), step):
            ranked[start : start + step] = apply_power(raw[start : start + step] * self.scale, 1.0)
        if self.hard:
            ranked[self.seeds.nodes] = self.seeds.labels.toarray()
        return ranked

    def __repr__(self) -> str:
        label = self.table["label"]
        found = sorted(pc.value_counts(label.drop_null()).to_pylist(), key=lambda e: -e["counts"])
        named = [f"{one['values']}: {one['counts']:,}" for one in found[:NAMED_LABELS]]
        rest = [f"{len(found) - NAMED_LABELS:,} more"] if len(found) > NAMED_LABELS else []
        return (
            f"<Labelled: {len(label) - label.null_count:,} of {len(label):,} items from "
            f"{self.report['seeds']:,} seeds ({', '.join(named + rest) or 'none'})>"
        )

    def added(self, item: int, label: Hashable) -> Labelled:
        """Label one more item, or give a labelled one another label, without solving anew.

        Costs one column of the solution instead of one a class and one a seed: the power that was
        fitted on the seeds left out before is kept. This result stays as it is.

        Raises
        ------
        LabelError
            If the item does not exist, the label does not fit the others or the prior, or the
            method is not "harmonic".

        >>> from vquery.graph.items import knn_graph
        >>> items = knn_graph([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], k=1)
        >>> found = items.propagate({0: "right"})
        >>> found.table["label"].to_pylist(), found.added(2, "up").table["label"].to_pylist()
        (['right', 'right', None, None], ['right', 'right', 'up', 'up'])
        """
        from vquery.graph.more import with_label  # which needs this module

        return with_label(self, item, label)

    def unreached(self) -> pa.Table:
        """List the components without a seed: the item to label next, and how many items wait.

        The item is the one with the most affinity to others; largest component first.
        """
        found = _gaps(self.items, self.solver)
        return pa.table({"item": self.items.first[found.add], "items": found.items})

    def why(self, item: int, *, top: int = 3) -> dict[str, Any]:
        """Explain the label of an item.

        Returns
        -------
        dict
            ``item``, ``label``, ``probability``, ``reached``; ``reasons``, the seeds that speak for
            it most: ``item``, ``label``, ``share`` of its scores, and ``path``, the items on the
            strongest way there (each with ``kind`` and ``weight`` of the edge to it); ``rest``, the
            share of all other seeds; ``add``, the item to label where no seed reaches, else None.

        Raises
        ------
        LabelError
            If there is no such item.
        """
        node, first = self.items.node, self.items.first
        at = whole(item)
        if at is None or not 0 <= at < len(node):
            raise LabelError(f"item {item!r} does not exist: there are {len(node)} items")
        graph = self.items.graph
        found = why(
            graph.weights,
            self.solver,
            int(node[at]),
            top=top,
            kinds=graph.kinds,
            item_count=self.items.multiplicity,
        )
        row = self.table.slice(at, 1).to_pylist()[0]
        return {
            "item": at,
            **{name: row[name] for name in ("label", "probability", "reached")},
            "reasons": [self._reason(reason) for reason in found.reasons],
            "rest": found.rest,
            "add": None if found.add is None else int(first[found.add]),
        }

    def _reason(self, reason: Reason) -> dict[str, Any]:
        first, labels = self.items.first, self.seeds.labels
        shares = labels[[reason.position]].toarray()[0]
        return {
            "item": int(self.seeds.rows[reason.position]),
            "label": self.classes[int(shares.argmax())],
            "share": reason.share,
            "path": [
                {"item": int(first[step.node]), "kind": step.kind, "weight": step.weight}
                for step in reason.steps
            ],
        }

    def curve(
        self,
        truth: Mapping[int, Hashable] | None = None,
        *,
        thresholds: ArrayLike | None = None,
    ) -> pa.Table:
        """Tell for each threshold how many unlabelled items pass it and how many labels are right.

        Parameters
        ----------
        truth
            Item → label that it has; items that are seeds do not count. Without it precision is
            that of the seeds when they were left out.
        thresholds
            See `vquery.graph.knowing.precision_coverage`, which also says what the columns are.

        Raises
        ------
        LabelError
            If the truth is no mapping, or of an item that does not exist.
        """
        rest = np.ones(len(self.items.node), bool)
        rest[np.isin(self.items.node, self.seeds.nodes)] = False
        chance = self.table["probability"].to_numpy()[rest].astype(np.float64)
        if truth is not None:
            return precision_coverage(chance, self._right(truth)[rest], thresholds=thresholds)
        curve = precision_coverage(chance, thresholds=thresholds)
        left = self.left_out
        sharp = apply_power(left.scores, self.power)
        checked = precision_coverage(
            sharp.max(axis=1, initial=0.0),
            (sharp.argmax(1) == left.truth) if len(sharp) else None,
            thresholds=curve["threshold"],
        )
        for name in ("checked", "precision", "low", "high"):
            at = curve.column_names.index(name)
            curve = curve.set_column(at, name, checked[name])
        return curve

    def _right(self, truth: Mapping[int, Hashable]) -> Weights:
        """1 where the label is right, 0 where it is wrong, NaN where the truth is not known."""
        n = len(self.items.node)
        if not isinstance(truth, Mapping):
            raise LabelError(
                f"truth must be a mapping {{item: label}}, got {type(truth).__name__}: for one "
                "label an item give dict(enumerate(labels))"
            )
        for item in truth:
            row = whole(item)
            if row is None or not 0 <= row < n:
                raise LabelError(f"truth: item {item!r} does not exist: there are {n} items")
        out = np.full(n, np.nan)
        rows = np.fromiter(truth, np.int64, len(truth))
        given = self.table["label"].take(pa.array(rows)).to_pylist()
        out[rows] = [a == b for a, b in zip(given, truth.values(), strict=True)]
        return out


def label_items(
    items: ItemGraph,
    seeds: Seeds,
    solver: Solver,
    wanted: Weights | None,
    *,
    hard: bool,
    facts: Mapping[str, Any],
    solved: Solved | None = None,
    kept: tuple[LeftOut, float] | None = None,
) -> Labelled:
    """Solve for all classes and settle what each item is.

    Parameters
    ----------
    wanted
        Shares of the classes, or None: among the unlabelled items, or among all if not ``hard``.
    hard
        Whether labelled nodes keep their label whatever the solution says about them.
    facts
        Figures for the report.
    solved
        What the solver says, where it was asked before.
    kept
        Seeds that were left out before, and the power that was fitted on them.
    """
    if solved is None:
        solved = solve_columns(solver, seeds.labels, left=seeds_twice(seeds))
    raw = solved.raw
    size = items.multiplicity.astype(np.float64)
    if hard:
        size[seeds.nodes] = 0.0
    scale = mass_scale(_masses(size, seeds, solver, raw), wanted)
    if kept is None:
        left = left_out(solved, seeds, scale)
        kept = left, fit_power(left.scores, left.truth, prior=PRIOR_POWER)
    left, power = kept
    calibrated = bool(len(left.places))
    blocks = blocks_of(solver, seeds.labels) if raw is None else slices(raw)
    best = Best.of(blocks, items.graph.n, scale, power)
    if hard:
        best.keep(seeds.nodes, seeds.truth)
    report = {**_report(items, solver, best.decided), "power": power, **facts}
    node = items.node
    table = pa.table(
        {
            "label": seeds.names.take(pa.array(best.code[node], mask=~best.decided[node])),
            "probability": best.probability.astype(np.float32)[node],
            "margin": best.margin.astype(np.float32)[node],
            "reached": solver.reached[node],
            "calibrated": np.full(len(node), calibrated),
        }
    ).replace_schema_metadata({"vquery.graph": json.dumps(report)})
    return Labelled(table, items, seeds, solver, hard, scale, power, left, report, raw, wanted)


def _masses(size: Weights, seeds: Seeds, solver: Solver, raw: Floats | None) -> Weights:
    """Mass of each class on nodes that count ``size`` (nodes,) times."""
    if raw is not None:
        return np.concatenate([size @ scores for _, scores in slices(raw)])
    assert not isinstance(solver, Poisson), "its scores are always kept"
    return np.asarray(seeds.labels.T @ solver.received(size))


def _gaps(items: ItemGraph, solver: Solver) -> Gaps:
    return gaps(
        items.graph.weights,
        solver.reached,
        item_count=items.multiplicity,
        component=items.component,
    )


def _report(items: ItemGraph, solver: Solver, decided: NDArray[np.bool_]) -> dict[str, Any]:
    found, reached, size = _gaps(items, solver), solver.reached, items.multiplicity
    return {
        **items.summary(),
        "unreached_items": int(size[~reached].sum()),
        "unreached_components": len(found),
        "suggested_items": items.first[found.add[:SUGGESTED]].tolist(),
        "undecided_items": int(size[reached & ~decided].sum()),
        "solver": solver.report.method,
        "iterations": solver.report.iterations,
        "residual": solver.report.residual,
        "converged": solver.report.converged,
        "unsure_nodes": solver.report.unsure_nodes,
    }
