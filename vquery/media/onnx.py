"""Read what a caller must know of an ONNX file before a runtime opens it: input, notes.

An ONNX file is a protocol buffer; only the few fields that describe the graph's inputs are
walked, so a file is judged without a runtime and without the ``onnx`` package. Field numbers:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (Apache-2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, GRAPH_INITIALIZER, GRAPH_INPUT = 7, 5, 11
TENSOR_NAME = 8
MODEL_PROPERTIES, PROPERTY_KEY, PROPERTY_VALUE = 14, 1, 2
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_SHAPE, SHAPE_DIM, DIM_VALUE = 1, 2, 1, 2, 1, 1


def input_shape(path: Path) -> tuple[int | None, ...]:
    """Shape of the first input that is no weight, ``None`` where the size is free.

    Raises
    ------
    MediaError
        If the file cannot be read or is no ONNX model.
    """
    try:
        model = memoryview(path.read_bytes())
        graph = _first(model, MODEL_GRAPH)
        weights = {bytes(_first(one, TENSOR_NAME)) for one in _all(graph, GRAPH_INITIALIZER)}
        for value in _all(graph, GRAPH_INPUT):
            if bytes(_first(value, VALUE_NAME)) not in weights:
                return _shape(value)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise MediaError(f"{path}: is not an ONNX model ({error})") from error
    raise MediaError(f"{path}: the ONNX model has no input")


def properties(path: Path) -> dict[str, str]:
    """Texts that whoever wrote the file noted in it, by their names.

    Raises
    ------
    MediaError
        If the file cannot be read or is no ONNX model.
    """
    try:
        model = memoryview(path.read_bytes())
        return {
            bytes(_first(one, PROPERTY_KEY)).decode(): bytes(_first(one, PROPERTY_VALUE)).decode()
            for one in _all(model, MODEL_PROPERTIES)
        }
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise MediaError(f"{path}: is not an ONNX model ({error})") from error


def _shape(value: memoryview) -> tuple[int | None, ...]:
    tensor = _first(_first(value, VALUE_TYPE), TYPE_TENSOR)
    sizes = []
    for dim in _all(_first(tensor, TENSOR_SHAPE), SHAPE_DIM):
        known = [value for field, value in _fields(dim) if field == DIM_VALUE]
        size = known[0] if known and isinstance(known[0], int) else 0
        sizes.append(size if size > 0 else None)
    return tuple(sizes)


def _all(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for field, value in _fields(message):
        if field == wanted and isinstance(value, memoryview):
            yield value


def _first(message: memoryview, wanted: int) -> memoryview:
    for value in _all(message, wanted):
        return value
    raise ValueError(f"field {wanted} is missing")


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield ``(field number, value)`` of one protocol-buffer message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if at + size > len(message):
            raise ValueError(f"a field of {size} bytes ends after the file")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a number of more than 64 bits at byte {at}")
