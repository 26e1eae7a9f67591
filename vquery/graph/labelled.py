"""What propagation says about every item, and how far to believe it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import LabelError
from vquery.graph.calibrate import apply_power, fit_power
from vquery.graph.masses import mass_scale

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from vquery.graph.items import ItemGraph
    from vquery.graph.seeds import Seeds
    from vquery.graph.solve import Solver

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

PRIOR_POWER = 2.0
"""Sharpening before any seed can be left out: harmonic scores are under-confident by about this."""
SUGGESTED = 10
"""Unreached components that a report names a seed for; `Labelled.unreached` has them all."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Seeds as they were scored without their own label.

    Attributes
    ----------
    places
        Shape (m,): positions among the seeds.
    scores
        Shape (m, c): scaled to the prior, rows sum to 1, before the power.
    truth
        Shape (m,): the class that the seed has.
    """

    places: Ints
    scores: Weights
    truth: Ints


@dataclass(frozen=True, slots=True, eq=False)
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
    scale
        Shape (c,): what each class was multiplied with to follow the prior.
    power
        Every score is raised to it to become a probability.
    report
        Figures on graph and solution, ready to be shown.
    """

    table: pa.Table
    items: ItemGraph
    seeds: Seeds
    solver: Solver
    scale: Weights
    power: float
    report: dict[str, Any]
    left_out: LeftOut
    _raw: Floats

    @property
    def classes(self) -> tuple[Hashable | None, ...]:
        """The labels, in the order of the columns of ``scores``."""
        return self.seeds.classes

    @property
    def scores(self) -> Floats:
        """Shape (nodes, classes): scaled to the prior, rows sum to 1 (0 if unreached).

        This is before the power; `vquery.graph.calibrate.apply_power` makes probabilities of it.
        """
        return apply_power(self._raw * self.scale, 1.0).astype(np.float32)

    def unreached(self) -> pa.Table:
        """List the components without a seed: the item to label next and the items in each.

        The item is the one with the most affinity to others, largest component first.
        """
        item, size = _heads(self.items, self.solver.reached)
        return pa.table({"item": item, "items": size})

    def why(self, item: int, *, top: int = 3) -> list[dict[str, Any]]:
        """Name the seeds that speak most for an item, with their share of its score.

        Raises
        ------
        LabelError
            If there is no such item.
        """
        if not 0 <= item < len(self.items.node):
            raise LabelError(f"item {item} does not exist: there are {len(self.items.node)} items")
        place, share = self.solver.contributions(self.items.node[[item]], top=top)
        truth = self.seeds.truth
        return [
            {"item": int(self.seeds.rows[p]), "label": self.classes[truth[p]], "share": float(s)}
            for p, s in zip(place[0], share[0], strict=True)
            if p >= 0
        ]


def label_items(
    items: ItemGraph, seeds: Seeds, solver: Solver, wanted: Weights | None, *, hard: bool
) -> Labelled:
    """Solve for all classes and settle what each item is.

    Parameters
    ----------
    wanted
        Shares of the classes among the unlabelled items, or None.
    hard
        Whether labelled nodes keep their label whatever the solution says about them.
    """
    raw = solver.solve(seeds.labels.toarray()).astype(np.float32)
    free = solver.reached.copy()
    free[seeds.nodes] = False
    scale = mass_scale(items.multiplicity[free].astype(np.float64) @ raw[free], wanted)
    left = _left_out(solver, seeds, scale)
    calibrated = bool(len(left.places)) and _every_class_twice(seeds)
    power = fit_power(left.scores, left.truth, prior=PRIOR_POWER) if calibrated else PRIOR_POWER
    ranked = apply_power(raw * scale, 1.0)
    sharp = apply_power(ranked, power)
    if hard:
        ranked[seeds.nodes] = sharp[seeds.nodes] = seeds.labels.toarray()
    ordered = np.sort(ranked, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if ranked.shape[1] > 1 else 0.0)
    node, decided = items.node, ordered[:, -1] > 0
    best = pa.array(ranked.argmax(1)[node], mask=~decided[node])
    report = _report(items, solver, power, decided)
    table = pa.table(
        {
            "label": seeds.names.take(best),
            "probability": sharp.max(1).astype(np.float32)[node],
            "margin": margin.astype(np.float32)[node],
            "reached": solver.reached[node],
            "calibrated": np.full(len(node), calibrated),
        }
    ).replace_schema_metadata({"vquery.graph": json.dumps(report)})
    return Labelled(table, items, seeds, solver, scale, power, report, left, raw)


def _every_class_twice(seeds: Seeds) -> bool:
    return bool(np.bincount(seeds.truth, minlength=len(seeds.classes)).min() > 1)


def _left_out(solver: Solver, seeds: Seeds, scale: Weights) -> LeftOut:
    """Score the seeds worth leaving out, if every class has another one."""
    truth, which = seeds.truth, np.empty(0, np.int64)
    if not _every_class_twice(seeds):
        return LeftOut(which, np.empty((0, len(scale))), which)
    which = solver.held_out()
    left = solver.leave_one_out(seeds.labels.toarray(), which)
    seen = np.isfinite(left).all(1)
    which, left = which[seen], left[seen]
    # a class that lost one of m seeds lost about that share of its mass
    count = np.bincount(truth)[truth[which]]
    left[np.arange(len(which)), truth[which]] *= count / (count - 1)
    return LeftOut(which, apply_power(left * scale, 1.0), truth[which])


def _heads(items: ItemGraph, reached: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """For each component without a seed its best linked item and its size, largest first."""
    alone = np.flatnonzero(~reached)
    component = items.component
    order = alone[np.lexsort((-items.degree[alone], component[alone]))]
    heads = order[np.flatnonzero(np.diff(component[order], prepend=-1))]
    size = np.bincount(component, weights=items.multiplicity).astype(np.int64)[component[heads]]
    largest = np.argsort(-size, kind="stable")
    return items.first[heads[largest]], size[largest]


def _report(
    items: ItemGraph, solver: Solver, power: float, decided: NDArray[np.bool_]
) -> dict[str, Any]:
    heads, _ = _heads(items, solver.reached)
    reached, copies = solver.reached, items.multiplicity
    return {
        **items.summary(),
        "unreached_items": int(copies[~reached].sum()),
        "unreached_components": len(heads),
        "suggested_items": heads[:SUGGESTED].tolist(),
        "undecided_items": int(copies[reached & ~decided].sum()),
        "solver": solver.report.method,
        "iterations": solver.report.iterations,
        "residual": solver.report.residual,
        "converged": solver.report.converged,
        "unsure_nodes": solver.report.unsure_nodes,
        "power": power,
    }
