"""GGUF: every number as the format's own package expands it; damaged files are refused."""

import struct

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize, quantize

from vec2attn.datasets import fetch
from vec2attn.gguf import dequantize_q4_1, dequantize_q8_0, read_gguf, round_q4_1


@pytest.fixture(scope="module")
def path():
    return fetch("smollm2")["SmolLM2-135M-Instruct.Q4_1.gguf"]


@pytest.fixture(scope="module")
def peer(path):
    return gguf.GGUFReader(path)


def test_a_block_of_q8_0_by_hand():
    block = struct.pack("<e", 0.5) + bytes([1, 255, 128, *[0] * 29])
    assert dequantize_q8_0(np.frombuffer(block, np.uint8))[:4].tolist() == [0.5, -0.5, -64.0, 0.0]


def test_a_block_of_q4_1_by_hand():
    block = struct.pack("<ee", 2.0, -1.0) + bytes([0x21, *[0] * 15])
    numbers = dequantize_q4_1(np.frombuffer(block, np.uint8))
    assert (numbers[0], numbers[1], numbers[16], numbers[31]) == (1.0, -1.0, 3.0, -1.0)


def test_rounding_gives_what_the_peer_packs_and_expands():
    X = np.random.default_rng(1).standard_normal((5, 96)).astype(np.float32)
    X[2, :32] = 0.25  # a block of equal numbers
    kind = gguf.GGMLQuantizationType.Q4_1
    np.testing.assert_allclose(round_q4_1(X), dequantize(quantize(X, kind), kind), atol=1e-6)


@pytest.mark.parametrize("size", [0, 33])
def test_rounding_refuses_what_fills_no_whole_blocks(size):
    with pytest.raises(ValueError, match="32 numbers"):
        round_q4_1(np.ones(size, np.float32))


@pytest.mark.parametrize(("kind", "ours"), [("Q4_1", dequantize_q4_1), ("Q8_0", dequantize_q8_0)])
def test_random_blocks_are_expanded_as_by_the_peer(kind, ours):
    X = np.random.default_rng(0).standard_normal((5, 96)).astype(np.float32)
    kind = gguf.GGMLQuantizationType[kind]
    packed = quantize(X, kind)
    np.testing.assert_array_equal(ours(packed.reshape(-1)), dequantize(packed, kind).reshape(-1))


def test_all_facts_and_all_tensors_are_the_peers(path, peer):
    facts, tensors = read_gguf(path)
    assert list(tensors) == [t.name for t in peer.tensors]
    for theirs in peer.tensors:
        ours = tensors[theirs.name]
        assert ours.type == theirs.tensor_type.name
        array = ours.array()
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array.reshape(-1), dequantize(theirs.data, theirs.tensor_type).reshape(-1))
        assert array.shape == tuple(int(n) for n in theirs.shape[::-1])
    for name, field in peer.fields.items():
        if not name.startswith("GGUF."):
            assert facts[name] == field.contents(), name


@pytest.mark.parametrize("keep", [10, 40, 3_000_000, 90_000_000])
def test_a_file_that_ends_too_early_is_refused(path, tmp_path, keep):
    part = tmp_path / "part.gguf"
    with open(path, "rb") as file:
        part.write_bytes(file.read(keep))
    with pytest.raises(ValueError, match=r"part\.gguf (is too short|ends)"):
        read_gguf(part)


def test_another_kind_of_file_is_refused(tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK" * 100)
    with pytest.raises(ValueError, match="no GGUF file"):
        read_gguf(other)


def test_unknown_storage_is_refused(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    writer.add_tensor("w", np.zeros((2, 32), np.int16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ValueError, match=r"w is stored as type 25; known are F32, F16, Q4_1, Q8_0"):
        read_gguf(tmp_path / "x.gguf")
