"""Several concepts over one graph: each item may be of many, or of none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from vquery.errors import LabelError
from vquery.graph.labelled import label_items
from vquery.graph.leaving import solve_columns
from vquery.graph.seeds import Seeds, read_seeds
from vquery.graph.settle import width_of
from vquery.graph.solve import Poisson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vquery.graph.items import ItemGraph, Method
    from vquery.graph.labelled import Labelled

Concepts = Mapping[str, Mapping[int, bool]]


def check_concepts(concepts: Concepts, n: int) -> None:
    """Refuse what cannot be solved, before anything is computed.

    Raises
    ------
    LabelError
        Without concepts, for values other than True and False, items that do not exist, and for a
        concept of which nothing or everything labelled is True. The message names the concept.

    >>> check_concepts({"night": {0: True}}, 3)
    Traceback (most recent call last):
    vquery.errors.LabelError: concept 'night': no item is labelled False; one side alone says \
nothing about the others, so label one that is not of it
    """
    if not isinstance(concepts, Mapping) or not concepts:
        raise LabelError("concepts must be a mapping {concept: {item: True or False}}, not empty")
    for concept, seeds in concepts.items():
        if not isinstance(concept, str):
            raise LabelError(f"concepts must have texts as names, got {concept!r}")
        _read(concept, seeds, np.arange(n), soft=True)


def label_concepts(items: ItemGraph, concepts: Concepts, *, method: Method) -> dict[str, Labelled]:
    """Solve for each concept whether it holds; class masses are left as they are.

    Concepts with the same labelled nodes are solved together, as columns of one system.

    Returns
    -------
    dict
        Concept → `Labelled` with the classes False and True, in the order given.

    Raises
    ------
    LabelError
        See `check_concepts`; also for copies that contradict each other.
    """
    check_concepts(concepts, len(items.node))
    soft = method == "spreading"
    read = {name: _read(name, seeds, items.node, soft=soft) for name, seeds in concepts.items()}
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, seeds in read.items():
        key = seeds.nodes.tobytes() + seeds.confidence.tobytes()
        groups[key].append(name)
    out: dict[str, Labelled] = {}
    for group in groups.values():
        out |= _together(items, {name: read[name] for name in group}, method)
    return {name: out[name] for name in concepts}


def _together(items: ItemGraph, read: dict[str, Seeds], method: Method) -> dict[str, Labelled]:
    """Solve concepts that share their labelled nodes, as many at a time as scores may be kept."""
    solver = items.solver(next(iter(read.values())), method)
    # Poisson learning weighs all columns against each other
    most = 1 if isinstance(solver, Poisson) else max(1, width_of(items.graph.n) // 2)
    out = {}
    for names in _chunks(list(read), most):
        labels = sparse.csr_array(sparse.hstack([read[name].labels for name in names]))
        solved = solve_columns(solver, labels, left=True)
        for i, name in enumerate(names):
            seeds = read[name]
            facts = {"seeds": len(seeds.rows), "classes": 2, "propagation": method}
            out[name] = label_items(
                items,
                seeds,
                solver,
                None,
                hard=method != "spreading",
                facts=facts,
                solved=solved.columns(slice(2 * i, 2 * i + 2)),
            )
    return out


def _chunks(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), most):
        yield names[start : start + most]


def _read(concept: str, seeds: Any, node: Any, *, soft: bool) -> Seeds:
    """Read the labels of one concept; errors name it."""
    if isinstance(seeds, Mapping):
        for row, value in seeds.items():
            if not isinstance(value, (bool, np.bool_)):
                raise LabelError(
                    f"concept {concept!r}, row {row!r}: must be True or False, got {value!r}"
                )
    try:
        read = read_seeds(seeds, node, soft=soft)
    except LabelError as error:
        raise LabelError(f"concept {concept!r}: {error}") from error
    if len(read.classes) < 2:
        missing = not read.classes[0]
        raise LabelError(
            f"concept {concept!r}: no item is labelled {missing}; one side alone says nothing "
            f"about the others, so label one that is {'' if missing else 'not '}of it"
        )
    return read


def concept_table(labelled: Mapping[str, Labelled]) -> pa.Table:
    """Put the tables of all concepts below each other: one row a concept and item."""
    parts = []
    for i, each in enumerate(labelled.values()):
        rows = each.table.num_rows
        names = pa.DictionaryArray.from_arrays(
            pa.array(np.full(rows, i, np.int32)), pa.array(list(labelled), pa.string())
        )
        item = pa.array(np.arange(rows))
        parts.append(each.table.add_column(0, "concept", names).add_column(0, "item", item))
    return pa.concat_tables(part.replace_schema_metadata(None) for part in parts)
