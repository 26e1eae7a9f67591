"""Write an end model as an ONNX graph that needs nothing but its input.

Centring, scaling, batch normalisation and temperature are folded into weights, so that only Conv,
Gemm, Relu, Add, GlobalAveragePool, Flatten, Sigmoid, Mul and Softmax are left, which every runtime
has (operators of opset 13: https://onnx.ai/onnx/operators/). Pictures go in as RGB from 0 to 255.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError, MissingDependencyError
from vquery.learn.ends import nets

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vquery.learn.ends.model import EndModel

    Floats = NDArray[np.float64]

OPSET, IR_VERSION = 13, 8
PIXELS = 255.0
OUTPUTS = ("probability", "embedding")
INPUT = "input"


def to_onnx(model: EndModel, path: Path, *, output: str = "probability") -> Path:
    """Write a trained model.

    Parameters
    ----------
    output
        "probability", (n, k), calibrated; or "embedding", what the heads see, (n, d), for
        `vquery.OnnxDescriptor` and ``db.index(embedding=)`` (of networks on pictures).

    Returns
    -------
    The path.

    Raises
    ------
    LearnError
        If the model is not trained, or has no such output.
    MissingDependencyError
        If ``onnx`` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError(
            "writing ONNX needs onnx: pip install 'vquery-video[learn]'"
        ) from error
    if not model.classes_:
        raise LearnError("this EndModel is not trained yet: call fit(X, P)")
    if output not in OUTPUTS:
        raise LearnError(f"output= must be one of {', '.join(OUTPUTS)}, got {output!r}")
    network: Any = model.network_
    graph = _Graph(onnx)
    if isinstance(network, nets.OnPictures):
        shape: list[Any] = ["n", 3, network.side, network.side]
        found = _pictures(graph, network)
    else:
        if output != "probability":
            raise LearnError(
                "output='embedding' is of networks on pictures; this one is on vectors"
            )
        shape = ["n", len(network.centre)]
        found = _vectors(graph, network)
    if output == "probability":
        logits = _heads(graph, network.heads, found, model.temperature_)
        graph.add("Softmax", [logits], output=output, axis=1)
        size = len(model.classes_)
    else:
        graph.add("Flatten", [found], output=output, axis=1)
        size = network.heads.base.in_features
    built = graph.model(shape, output, size)
    told = {"classes": json.dumps(list(model.classes_)), "made_by": "vquery"}
    onnx.helper.set_model_props(built, told if output == "probability" else {"made_by": "vquery"})
    _write(path, built.SerializeToString())
    return path


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise LearnError(f"{path}: cannot be written: {error.strerror or error}") from error


class _Graph:
    """Nodes and weights as they are added; what is added goes on from its inputs."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def weight(self, values: Floats) -> str:
        name = f"weight_{len(self.weights)}"
        array = np.ascontiguousarray(values, np.float32)
        self.weights.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def linear(self, x: str, weight: Floats, bias: Floats) -> str:
        return self.add("Gemm", [x, self.weight(weight), self.weight(bias)], transB=1)

    def model(self, shape: list[Any], output: str, size: int) -> Any:
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "end_model",
            [helper.make_tensor_value_info(INPUT, kind, shape)],
            [helper.make_tensor_value_info(output, kind, ["n", size])],
            self.weights,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="vquery"
        )


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().cpu().double().numpy())


def _folded(norm: Any) -> tuple[Floats, Floats]:
    """Batch normalisation as a factor and a summand a channel."""
    factor = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return factor, _array(norm.bias) - _array(norm.running_mean) * factor


def _vectors(graph: _Graph, network: nets.OnVectors) -> str:
    """Centre, scale and the hidden layers; the last linear map takes over what is left of them."""
    x = INPUT
    centre, scale = _array(network.centre), _array(network.scale)
    layers = list(network.body)
    for at in range(0, len(layers), 4):
        weight = _array(layers[at].weight) / scale
        factor, summand = _folded(layers[at + 1])
        x = graph.linear(x, weight * factor[:, None], summand - factor * (weight @ centre))
        x = graph.add("Relu", [x])
        centre, scale = np.zeros(len(weight)), np.ones(len(weight))
    if x == INPUT and (centre.any() or (scale != 1).any()):
        raise LearnError("a linear model holds no scale of its own")  # `fit` solves in given units
    return x


def _pictures(graph: _Graph, network: nets.OnPictures) -> str:
    x = graph.add("Relu", [_convolution(graph, INPUT, network.body.stem, 1 / PIXELS)])
    for block in network.body.stages:
        x = _block(graph, x, block)
    return graph.add("Flatten", [graph.add("GlobalAveragePool", [x])], axis=1)


def _block(graph: _Graph, x: str, block: Any) -> str:
    inner = graph.add("Relu", [_convolution(graph, x, block.first)])
    inner = _convolution(graph, inner, block.second)
    shortcut = x if not len(list(block.shortcut.children())) else _convolution(
        graph, x, block.shortcut
    )  # fmt: skip
    return graph.add("Relu", [graph.add("Add", [inner, shortcut])])


def _convolution(graph: _Graph, x: str, pair: Any, scale: float = 1.0) -> str:
    convolution, norm = pair
    factor, summand = _folded(norm)
    weight = _array(convolution.weight) * factor[:, None, None, None] * scale
    kernel, pad = list(convolution.kernel_size), list(convolution.padding)
    return graph.add(
        "Conv",
        [x, graph.weight(weight), graph.weight(summand)],
        kernel_shape=kernel,
        strides=list(convolution.stride),
        pads=[*pad, *pad],
    )


def _heads(graph: _Graph, heads: nets.Heads, x: str, temperature: float) -> str:
    """All heads together, divided by the temperature."""
    logits = _head(graph, heads.base, x, temperature)
    for expert, indicator in zip(heads.experts, heads.indicators, strict=True):
        # the indicator in as many columns as there are classes: no runtime has to broadcast
        weight, bias = (_array(one) for one in (indicator.weight, indicator.bias))
        classes = heads.base.out_features
        inside = graph.linear(x, np.repeat(weight, classes, 0), np.repeat(bias, classes))
        added = graph.add(
            "Mul", [graph.add("Sigmoid", [inside]), _head(graph, expert, x, temperature)]
        )
        logits = graph.add("Add", [logits, added])
    return logits


def _head(graph: _Graph, head: Any, x: str, temperature: float) -> str:
    return graph.linear(x, _array(head.weight) / temperature, _array(head.bias) / temperature)
