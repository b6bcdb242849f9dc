"""Where a notebook computes: the one place that knows about GPUs. torch is imported only when asked for.

`device = best_device()` is the only line of a notebook that differs between a laptop and Colab's GPU.
"""

import os
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def best_device() -> "torch.device":
    """Return CUDA's first device, else Apple's, else the CPU.

    Raises
    ------
    ModuleNotFoundError : torch is not installed
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe(device: "torch.device | str | None" = None) -> str:
    """Return what a timing must be read with: the device, its threads, the versions.

    Parameters
    ----------
    device : a torch device; None for numpy on the CPU, where torch is not needed
    """
    import numpy as np

    processor = f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
    if device is None:
        return f"{processor}, numpy {np.__version__}"
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)}), torch {torch.__version__}"
    if kind == "cpu":
        threads = torch.get_num_threads()
        return f"{processor}, {threads} thread{'s' if threads > 1 else ''}, torch {torch.__version__}"
    return f"{kind} ({platform.machine()}), torch {torch.__version__}"


def synchronise(device: "torch.device | str") -> None:
    """Wait until the device has done all work given to it; a GPU's call returns before its work is done."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()
