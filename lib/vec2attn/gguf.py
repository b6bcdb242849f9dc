"""Reading GGUF files: trained weights in few bits, and how to expand them again.

A file is a list of facts (sizes, vocabulary), a list of tensors, and their data in blocks of 32 numbers. A block of
Q8_0 is a scale and 32 whole numbers of 8 bits, w = d q; one of Q4_1 has a smallest value too, w = d q + m, with 4 bits.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

BLOCK = 32
# how the numbers of the format's lists and facts are called in struct's language
SCALARS = dict(enumerate(["B", "b", "H", "h", "I", "i", "f", "?", "*", "*", "Q", "q", "d"]))
STRING, ARRAY = 8, 9


def _f32(data: UInt8[np.ndarray, " bytes"]) -> Float32[np.ndarray, " n"]:
    return data.view("<f4").copy()


def _f16(data: UInt8[np.ndarray, " bytes"]) -> Float32[np.ndarray, " n"]:
    return data.view("<f2").astype(np.float32)


def dequantize_q8_0(data: UInt8[np.ndarray, " bytes"]) -> Float32[np.ndarray, " n"]:
    """Return w = d q: each block of 34 bytes is a half-precision d and 32 signed bytes."""
    blocks = data.reshape(-1, 2 + BLOCK)
    d = blocks[:, :2].copy().view("<f2").astype(np.float32)
    return (d * blocks[:, 2:].view(np.int8)).reshape(-1)


def dequantize_q4_1(data: UInt8[np.ndarray, " bytes"]) -> Float32[np.ndarray, " n"]:
    """Return w = d q + m: each block of 20 bytes is d, m, and 16 bytes with two numbers of 4 bits.

    The low halves of the bytes are the first 16 numbers of the block, the high halves the others.
    """
    blocks = data.reshape(-1, 4 + BLOCK // 2)
    d, m = blocks[:, :4].copy().view("<f2").astype(np.float32).T[..., None]
    q = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)
    return (d * q + m).reshape(-1)


def round_q4_1(W: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Return numbers as they come back from blocks of Q4_1: each goes to the nearest of 16 levels of its 32.

    The levels run from the smallest of the 32 numbers to the largest; d and m are kept in half precision.

    Raises
    ------
    ValueError : the numbers do not fill blocks of 32
    """
    if not W.size or W.size % BLOCK:
        raise ValueError(f"a block has {BLOCK} numbers; {W.size} do not fill whole blocks")
    w = W.reshape(-1, BLOCK)
    m = w.min(axis=1, keepdims=True)
    d = (w.max(axis=1, keepdims=True) - m) / np.float32(15)
    q = np.floor((w - m) / np.where(d == 0, np.float32(1), d) + np.float32(0.5))
    d, m = (x.astype(np.float16).astype(np.float32) for x in (d, m))
    found: Float32[np.ndarray, ...] = (d * q + m).reshape(W.shape)
    return found


# type in the file -> name, bytes of a block, numbers in it, how to expand
TYPES = {
    0: ("F32", 4, 1, _f32),
    1: ("F16", 2, 1, _f16),
    3: ("Q4_1", 20, BLOCK, dequantize_q4_1),
    8: ("Q8_0", 34, BLOCK, dequantize_q8_0),
}


@dataclass(frozen=True)
class Weights:
    """One tensor of a file: its shape as numpy counts, how it is stored, and its bytes."""

    shape: tuple[int, ...]
    kind: int
    data: UInt8[np.ndarray, " bytes"]

    @property
    def type(self) -> str:
        """Return the name of the storage, such as "Q4_1"."""
        return TYPES[self.kind][0]

    def array(self) -> Float32[np.ndarray, "..."]:
        """Return the numbers, expanded to float32."""
        found: Float32[np.ndarray, ...] = TYPES[self.kind][3](self.data).reshape(self.shape)
        return found


def read_gguf(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Weights]]:
    """Return the facts of a GGUF file and its tensors by name; the data stay on disk until they are asked for.

    Raises
    ------
    ValueError : no GGUF file of version 2 or 3, one that ends too early, or numbers stored in a way unknown here

    Source: github.com/ggml-org/ggml, docs/gguf.md
    """
    with open(path, "rb") as file:
        if Path(path).stat().st_size < 24:
            raise ValueError(f"{Path(path).name} is too short for a GGUF file")
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = _Reader(memory, Path(path).name)
    if memory[:4] != b"GGUF" or reader.skip(4).number("I") not in (2, 3):
        raise ValueError(f"{Path(path).name} is no GGUF file of version 2 or 3")
    tensors, facts = reader.number("Q"), {}
    for _ in range(reader.number("Q")):
        key = reader.string()
        facts[key] = reader.value(reader.number("I"))
    entries = [reader.tensor() for _ in range(tensors)]
    start = -(-reader.at // (align := facts.get("general.alignment", 32))) * align
    whole = np.frombuffer(memory, np.uint8)
    found = {}
    for name, shape, kind, offset in entries:
        if kind not in TYPES:
            raise ValueError(f"{name} is stored as type {kind}; known are {', '.join(t[0] for t in TYPES.values())}")
        size = int(np.prod(shape)) // TYPES[kind][2] * TYPES[kind][1]
        data = whole[start + offset : start + offset + size]
        if len(data) < size:
            raise ValueError(f"{Path(path).name} ends inside {name}: it is not complete")
        found[name] = Weights(shape, kind, data)
    return facts, found


class _Reader:
    """Reads one thing after the other."""

    def __init__(self, memory: mmap.mmap, name: str) -> None:
        self.memory, self.name, self.at = memory, name, 0

    def skip(self, n: int) -> "_Reader":
        self.at += n
        return self

    def numbers(self, n: int, kind: str) -> tuple[Any, ...]:
        size = n * struct.calcsize(f"<{kind}")
        if self.at + size > len(self.memory):
            raise ValueError(f"{self.name} ends in the middle of its list of contents: it is not complete")
        values = struct.unpack_from(f"<{n}{kind}", self.memory, self.at)
        self.at += size
        return values

    def number(self, kind: str) -> Any:
        return self.numbers(1, kind)[0]

    def string(self) -> str:
        size = self.number("Q")
        text = self.memory[self.at : self.at + size]
        if len(text) < size:
            raise ValueError(f"{self.name} ends in the middle of a text: it is not complete")
        self.at += size
        return text.decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, n = self.number("I"), self.number("Q")
            if inner in (STRING, ARRAY):
                return [self.value(inner) for _ in range(n)]
            return list(self.numbers(n, self.scalar(inner)))
        return self.number(self.scalar(kind))

    def scalar(self, kind: int) -> str:
        if kind not in SCALARS:
            raise ValueError(f"{self.name} holds a fact of unknown type {kind}")
        return SCALARS[kind]

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.string()
        axes = [self.number("Q") for _ in range(self.number("I"))]
        # the format names the fastest axis first, numpy last
        return name, tuple(axes[::-1]), self.number("I"), self.number("Q")
