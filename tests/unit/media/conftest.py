"""Small ONNX networks written byte by byte, so that no test needs the ``onnx`` package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _value_info(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_field(1, _field(2 if isinstance(d, str) else 1, d)) for d in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def _node(kind: str, source: str, target: str) -> bytes:
    return _field(1, _field(1, source) + _field(2, target) + _field(3, target) + _field(4, kind))


def mean_colour_network(shape: Sequence[int | str]) -> bytes:
    """An ONNX model that averages each channel of its input over the picture."""
    graph = b"".join(
        (
            _node("GlobalAveragePool", "picture", "pooled"),
            _node("Flatten", "pooled", "vector"),
            _field(2, "mean colour"),
            _field(11, _value_info("picture", shape)),
            _field(12, _value_info("vector", [1, shape[1]])),
        )
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 11))


@pytest.fixture
def write_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Write a mean-colour network of the given input shape; the path is relative to tmp_path."""

    def write(name: str, shape: Sequence[int | str] = (1, 3, 32, 32)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mean_colour_network(shape))
        return path

    return write
