"""device.py: what a timing is read with. Where there is no GPU, torch's answers about one are set by hand."""

import os

import numpy as np
import pytest
import torch

from vec2attn.device import best_device, describe, synchronise


@pytest.mark.parametrize(
    ("cuda", "mps", "kind"), [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_best_device_is_cuda_then_apples_then_the_cpu(monkeypatch, cuda, mps, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == torch.device(kind)


def test_the_best_device_can_be_computed_on():
    device = best_device()
    assert (torch.ones(3, device=device) + 1).sum().item() == 6


def test_the_description_names_device_threads_and_versions():
    words = describe("cpu")
    assert words.startswith("CPU (")
    assert f"{os.cpu_count()} cores" in words
    assert f"{torch.get_num_threads()} thread" in words
    assert torch.__version__ in words
    assert np.__version__ not in words


def test_the_description_without_torch_names_numpy():
    assert describe().endswith(f"numpy {np.__version__}")
    assert "torch" not in describe()


def test_one_thread_is_a_singular(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert "1 thread," in describe("cpu")


def test_the_description_of_a_gpu_names_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Model T of {device}")
    assert describe("cuda:1") == f"GPU (Model T of cuda:1), torch {torch.__version__}"
    assert describe("mps").startswith("mps (")


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_to_synchronise_is_to_wait_for_that_device(monkeypatch, kind):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    synchronise(torch.device(kind))
    assert waited == [kind]
    synchronise("cpu")
    assert waited == [kind]  # a call on the CPU returns when its work is done
