"""Make the tiny GPT-2 that 7.3 compares with: lib/vec2attn/data/gpt2_tiny/gpt2.npz, and its README.md.

transformers builds a GPT-2 with random weights and computes logits. The library ships both, so that the chapter can
compare without that package.

    python scripts/make_tiny_gpt2.py            compute and write
    python scripts/make_tiny_gpt2.py --check    compute the logits of the stored weights and compare; writes nothing

Needs the extra `test`. Takes a few seconds.
"""

import argparse
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vec2attn.datasets import tiny_gpt2

FOLDER = Path(__file__).resolve().parents[1] / "lib" / "vec2attn" / "data" / "gpt2_tiny"
SIZES = {"vocab_size": 20, "n_positions": 6, "n_embd": 8, "n_layer": 2, "n_head": 2}
UNUSED = {"bos_token_id": 0, "eos_token_id": 0}  # the defaults lie outside a vocabulary of 20
IDS = [3, 1, 4, 1, 5, 9]
TOLERANCE = 1e-5  # other processors and other versions of torch add up in another order

README = """# A tiny GPT-2 with random weights

`gpt2.npz`: the weights under the names that transformers uses (without the output matrix, which is the token embedding
once more), `ids`, six tokens, and `logits`, float32, shape (6, 20): what the class GPT2LMHeadModel gives after each.
Read by `vec2attn.datasets.tiny_gpt2()`.

The weights are random, so nobody's property. Made by `scripts/make_tiny_gpt2.py` with {versions}.
"""


def build() -> GPT2LMHeadModel:
    """Return a model whose biases and norms do something, too."""
    torch.manual_seed(73)
    model = GPT2LMHeadModel(GPT2Config(**SIZES, **UNUSED)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5 * torch.randn_like(weight))
    return model


@torch.no_grad()
def logits_of(model: GPT2LMHeadModel) -> np.ndarray:
    """Return the logits after each of the tokens."""
    return model(torch.tensor([IDS])).logits[0].numpy()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    model = build()
    if parser.parse_args().check:
        weights, _, stored = tiny_gpt2()
        state = {name: torch.from_numpy(W) for name, W in weights.items()}
        model.transformer.load_state_dict(state)
        difference = float(np.abs(logits_of(model) - stored).max())
        print(f"max abs difference {difference:.1e}")
        return int(not difference <= TOLERANCE)
    state = {name: W.numpy() for name, W in model.transformer.state_dict().items()}
    FOLDER.mkdir(exist_ok=True)
    np.savez(FOLDER / "gpt2.npz", ids=np.array(IDS), logits=logits_of(model), **state)
    packages = [f"{name} {version(name)}" for name in ("transformers", "torch")]
    versions = [f"Python {platform.python_version()}", *packages]
    (FOLDER / "README.md").write_text(README.format(versions=", ".join(versions)), encoding="utf-8")
    print(f"wrote {FOLDER.name}/gpt2.npz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
