"""ONNX out, checked, and back in through OpenCV: the same numbers, in every use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vquery.errors import LearnError, MediaError
from vquery.learn.ends import EndModel
from vquery.media.descriptors import OnnxDescriptor
from vquery.media.networks import OnnxClassifier

onnx = pytest.importorskip("onnx")
SAME = 1e-4


def learnt(kind: str, *, slices: bool = False) -> tuple[EndModel, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 60
    y = rng.integers(3, size=n)
    if kind == "network":
        x = rng.integers(0, 256, (n, 3, 16, 16), np.uint8)
        x[:, 0] = x[:, 0] // 4 + (60 * y).astype(np.uint8)[:, None, None]
    else:
        x = rng.normal(size=(n, 7)) * 3 + 5
        x[:, 0] += 4 * y
    options = {} if kind == "linear" else {"epochs": 6, "folds": 2, "batch": 8}
    options |= {"hidden": (9, 5), "width": 4, "calibrate": False, "rate": 0.02}
    model = EndModel(kind, **options)
    members = {"a": np.arange(n) % 2 == 0, "b": np.arange(n) % 3 == 0} if slices else None
    model.fit(x, np.array(["x", "y", "z"])[y], groups=np.arange(n) // 5, slices=members)
    model.temperature_ = 1.7
    return model, x


@pytest.mark.parametrize("slices", [False, True])
@pytest.mark.parametrize("kind", ["linear", "mlp", "network"])
def test_it_comes_back_with_the_same_numbers(tmp_path, kind, slices):
    model, x = learnt(kind, slices=slices)
    path = model.to_onnx(tmp_path / "model.onnx")
    onnx.checker.check_model(str(path), full_check=True)
    back = OnnxClassifier(path)
    assert back.classes_ == ("x", "y", "z")
    expected = model.predict_proba(x)
    assert np.abs(back.predict_proba(x) - expected).max() < SAME
    assert np.abs(back.predict_proba(x[:1]) - expected[:1]).max() < SAME
    assert (back.predict(x) == model.predict(x)).all()
    assert np.ptp(expected[:, 0]) > 0.1  # it is not that all items are alike


def test_a_network_comes_back_as_a_descriptor(tmp_path):
    model, x = learnt("network")
    path = model.to_onnx(tmp_path / "body.onnx", output="embedding")
    onnx.checker.check_model(str(path), full_check=True)
    describe = OnnxDescriptor(path, space="mine", align="box")
    picture = np.ascontiguousarray(x[0].transpose(1, 2, 0)[:, :, ::-1])  # BGR
    whole = np.array([[0, 0, 1, 1]], np.float32)
    found = describe.describe(picture, whole)["mine"][0]
    with torch.inference_mode():
        own = model.network_.features(torch.from_numpy(x[:1]).float() / 255)[0].numpy()
    assert np.abs(found - own / np.linalg.norm(own)).max() < SAME


def test_what_cannot_be_is_said(tmp_path):
    model, x = learnt("linear")
    with pytest.raises(LearnError, match="networks on pictures"):
        model.to_onnx(tmp_path / "a.onnx", output="embedding")
    with pytest.raises(LearnError, match="output="):
        model.to_onnx(tmp_path / "a.onnx", output="logits")
    path = model.to_onnx(tmp_path / "a.onnx")
    with pytest.raises(MediaError, match="takes items of shape"):
        OnnxClassifier(path).predict(x[:, :3])
    with pytest.raises(MediaError, match="3 columns, and there are 2"):
        OnnxClassifier(path, classes=["a", "b"])
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(MediaError):
        OnnxClassifier(tmp_path / "bad.onnx")
    with pytest.raises(MediaError, match="cannot be read"):
        OnnxClassifier(tmp_path / "missing.onnx")


def written(path, weights, *, shape=("n", 4), classes=None, softmax=True):
    """Write a linear classifier as anybody could."""
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("MatMul", ["x", "w"], ["l" if softmax else "y"])]
    nodes += [helper.make_node("Softmax", ["l"], ["y"], axis=1)] if softmax else []
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", real, list(shape))],
        [helper.make_tensor_value_info("y", real, ["n", 2])],
        [onnx.numpy_helper.from_array(np.asarray(weights, np.float32), "w")],
    )
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, {} if classes is None else {"classes": classes})
    path.write_bytes(model.SerializeToString())
    return str(path)


def test_files_of_strangers_are_read_with_care(tmp_path):
    path, plain, x = tmp_path / "net.onnx", np.eye(4, 2), np.ones((3, 4))
    for told in ("{", "5", '{"a": 1, "b": 2}', '[["a"], ["b"]]'):
        with pytest.raises(MediaError, match="no list of names"):
            OnnxClassifier(written(path, plain, classes=told))
    with pytest.raises(MediaError, match="too large"):
        OnnxClassifier(written(path, plain, shape=("n", 2**40)), classes=["a", "b"])
    assert OnnxClassifier(written(path, plain), classes=["a", "b"]).predict(x).tolist() == ["a"] * 3
    lost = OnnxClassifier(written(path, plain * np.nan, softmax=False), classes=["a", "b"])
    with pytest.raises(MediaError, match="item 0 is not finite"):
        lost.predict(x)
    below = OnnxClassifier(written(path, [[2, -1], *[[0, 0]] * 3], softmax=False), classes="ab")
    with pytest.raises(MediaError, match=r"no probabilities .* the least is -1"):
        below.predict(x)
    with pytest.raises(MediaError, match="takes numbers"):
        below.predict([["a"] * 4])
