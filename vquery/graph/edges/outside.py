"""Graphs for other programs: networkx objects, GraphML files. The only import of networkx."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
from scipy import sparse

from vquery.errors import ExportError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import networkx as nx
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.edges.graph import Graph

    Columns: TypeAlias = pa.Table | Mapping[str, ArrayLike]

BLOCK = 100_000
"""Edges that are Python objects at a time."""
CONTROL = {code: "\ufffd" for code in range(32) if code not in (9, 10, 13)}
"""XML 1.0 has no other control characters, not even escaped."""


def to_networkx(graph: Graph, nodes: Columns | None = None) -> nx.Graph:
    """Copy a graph to networkx.

    Edges carry ``weight``, the sum over all kinds, and ``kind``, the one that gives most of it.
    networkx needs about a kilobyte an edge.

    Parameters
    ----------
    nodes
        Columns of n values that become attributes of the nodes, row i those of node i; nulls are
        left out.

    Raises
    ------
    SchemaError
        If a column is not n values long.
    """
    import networkx as nx

    columns = _columns(nodes, graph.n)
    out = nx.Graph()
    out.add_nodes_from(range(graph.n))
    for name, values in columns.items():
        nx.set_node_attributes(
            out, {row: value for row, value in enumerate(values) if value is not None}, name
        )
    for a, b, weights, kinds in _edges(graph):
        out.add_edges_from(
            (one, other, {"weight": weight, "kind": kind})
            for one, other, weight, kind in zip(a, b, weights, kinds, strict=True)
        )
    return out


def to_graphml(graph: Graph, path: Path | str, nodes: Columns | None = None) -> Path:
    """Write a graph as GraphML, edge by edge; the file appears whole or not at all.

    Edges and node attributes as in `to_networkx`. Values that are neither numbers nor booleans are
    written as text, control characters that XML does not allow as U+FFFD. networkx numbers nodes
    again when it reads the file with ``node_type=int``.

    Raises
    ------
    ExportError
        If the path exists, or cannot be written.
    SchemaError
        If a column is not n values long.
    """
    path = Path(path)
    columns = _columns(nodes, graph.n)
    _require_free(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            _write(file, graph, columns)
        _require_free(path)  # it may have come meanwhile
        unfinished.rename(path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ExportError(f"{path}: cannot be written: {reason}. Choose another place") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _require_free(path: Path) -> None:
    if os.path.lexists(path):
        raise ExportError(f"{path}: exists already. Remove it or choose another name")


def _columns(nodes: Columns | None, n: int) -> dict[str, list[Any]]:
    """Take columns as lists of Python values, floats that are no number as null."""
    if nodes is None:
        return {}
    if isinstance(nodes, pa.Table):
        columns = {name: nodes[name].to_pylist() for name in nodes.column_names}
    else:
        columns = {name: np.atleast_1d(values).tolist() for name, values in nodes.items()}
    for name, values in columns.items():
        if len(values) != n:
            raise SchemaError(f"nodes, column {name!r}: must have {n} values, got {len(values)}")
    return {
        name: [None if isinstance(each, float) and math.isnan(each) else each for each in values]
        for name, values in columns.items()
    }


def _edges(graph: Graph) -> Iterator[tuple[list[int], list[int], list[float], list[str]]]:
    """Give all edges once, in blocks: nodes, weight, heaviest kind."""
    total = sparse.coo_array(sparse.triu(graph.weights, format="csr"))
    code = _heaviest(graph, total)
    names = list(graph.kinds)
    for start in range(0, total.nnz, BLOCK):
        part = slice(start, start + BLOCK)
        kinds = [names[each] for each in code[part].tolist()]
        row, col = total.coords
        yield row[part].tolist(), col[part].tolist(), total.data[part].tolist(), kinds


def _heaviest(graph: Graph, total: sparse.coo_array) -> NDArray[np.int8]:
    """For each edge, which kind weighs most; the first of equal ones."""
    code = np.zeros(total.nnz, np.int16)
    if len(graph.kinds) < 2:
        return code
    best = np.zeros(total.nnz, np.float64)
    key = _key(total, graph.n)
    for number, matrix in enumerate(graph.kinds.values()):
        part = sparse.coo_array(sparse.triu(matrix, format="csr"))
        at = np.searchsorted(key, _key(part, graph.n))
        more = part.data > best[at]
        code[at[more]], best[at[more]] = number, part.data[more]
    return code


def _key(pairs: sparse.coo_array, n: int) -> NDArray[np.int64]:
    row, col = pairs.coords
    return np.asarray(row.astype(np.int64) * n + col)


def _write(file: TextIO, graph: Graph, columns: Mapping[str, list[Any]]) -> None:
    kinds = {name: _type(values) for name, values in columns.items()}
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
    for number, (name, kind) in enumerate(kinds.items()):
        file.write(
            f'<key id="n{number}" for="node" attr.name={_attribute(name)} attr.type="{kind}"/>\n'
        )
    file.write('<key id="weight" for="edge" attr.name="weight" attr.type="double"/>\n')
    file.write('<key id="kind" for="edge" attr.name="kind" attr.type="string"/>\n')
    file.write('<graph edgedefault="undirected">\n')
    for node in range(graph.n):
        data = "".join(
            f'<data key="n{number}">{_value(values[node], kinds[name])}</data>'
            for number, (name, values) in enumerate(columns.items())
            if values[node] is not None
        )
        file.write(f'<node id="{node}">{data}</node>\n' if data else f'<node id="{node}"/>\n')
    names = {kind: _text(kind) for kind in graph.kinds}
    for block in _edges(graph):
        file.writelines(
            f'<edge source="{a}" target="{b}"><data key="weight">{weight!r}</data>'
            f'<data key="kind">{names[kind]}</data></edge>\n'
            for a, b, weight, kind in zip(*block, strict=True)
        )
    file.write("</graph>\n</graphml>\n")


def _type(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "long"
    return "double" if kinds and kinds <= {int, float} else "string"


def _value(value: Any, kind: str) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    return _text(str(value)) if kind == "string" else repr(value)


def _text(value: str) -> str:
    return escape(value.translate(CONTROL))


def _attribute(value: str) -> str:
    return quoteattr(value.translate(CONTROL))
