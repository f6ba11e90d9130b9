"""Which files besides its own an ONNX graph reads its weights from, found without loading it. Pure.

Only what leads to such a name is looked at: weights are skipped, so that a graph of a gigabyte costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator

# onnx.proto: message → number of a field → message in it.
_FIELDS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_FIXED_BYTES = {1: 8, 5: 4}  # by wire type
_DEEPEST = 64


def external_files(graph: bytes | memoryview) -> set[str]:
    """The names as they stand in ``graph``, a serialized ModelProto. Raises ValueError if it is none."""
    found = set()
    todo = [(memoryview(graph), "model", 0)]
    while todo:
        message, kind, depth = todo.pop()
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind == "entry":
            entry = {number: bytes(content) for number, content in _parts(message)}
            if entry.get(1) == b"location":
                found.add(entry.get(2, b"").decode(errors="replace"))
            continue
        inner = _FIELDS[kind]
        todo += [(content, inner[number], depth + 1) for number, content in _parts(message) if number in inner]
    return found


def _parts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The length-delimited fields of a message: number and content."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _varint(message, at)
        elif wire in _FIXED_BYTES:
            at += _FIXED_BYTES[wire]
        elif wire == 2:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise ValueError("it is cut off, or no ONNX graph")
            yield number, message[at : at + length]
            at += length
        else:
            raise ValueError("it is no ONNX graph")
    if at > len(message):
        raise ValueError("it is cut off, or no ONNX graph")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("it is cut off, or no ONNX graph")
