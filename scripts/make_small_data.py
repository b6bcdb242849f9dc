"""Make the small data that the library ships: digits, a picture, a graph.

    python scripts/make_small_data.py            write lib/vec2attn/data/{digits,cat,numpy_links}/
    python scripts/make_small_data.py --check    compare with what is there; writes nothing

The picture needs the extra `data` (scikit-image), which readers of the book are spared. The links are those of the
numpy that runs the script, so a newer numpy gives another graph.
"""

import argparse
import inspect
import io
import re
import sys
from pathlib import Path

import numpy as np
from skimage import color, data, transform
from sklearn.datasets import load_digits

FOLDER = Path(__file__).resolve().parents[1] / "lib" / "vec2attn" / "data"


def digits() -> dict[str, bytes]:
    """1,797 digits written by hand, 8 × 8 pixels of 0 … 16."""
    found = load_digits()
    readme = """# Handwritten digits

`images.npy`: 1,797 digits, 8 × 8 pixels of 0 … 16, uint8. `labels.npy`: which digit each is. Read by
`vec2attn.datasets.digits()`.

Source: the test part of "Optical Recognition of Handwritten Digits", Alpaydin & Kaynak 1998, UCI Machine Learning
Repository, doi:10.24432/C50P49, as scikit-learn ships it. Licence: CC BY 4.0. Made by `scripts/make_small_data.py`.
"""
    return {
        "images.npy": _npy(found.images.astype(np.uint8)),
        "labels.npy": _npy(found.target.astype(np.uint8)),
        "README.md": readme.encode(),
    }


def cat() -> dict[str, bytes]:
    """A photograph of 200 × 300 grey values: not square, with fur, edges and a soft background."""
    grey = color.rgb2gray(data.chelsea())[:, :450]
    small = np.round(255 * transform.resize(grey, (200, 300), anti_aliasing=True)).astype(np.uint8)
    readme = """# Chelsea the cat

`cat.npy`: a photograph, 200 × 300 grey values of 0 (black) … 255 (white), uint8. Read by `vec2attn.datasets.cat()`.

Source: "Chelsea" by Stefan van der Walt, as scikit-image ships it; here in grey and smaller. Licence: CC0. Made by
`scripts/make_small_data.py`.
"""
    return {"cat.npy": _npy(small), "README.md": readme.encode()}


def numpy_links() -> dict[str, bytes]:
    """Which numpy function names which in its "See Also"."""
    names = {name for name in dir(np) if not name.startswith("_") and callable(getattr(np, name))}
    links = sorted(
        {(name, other) for name in names for other in _see_also(getattr(np, name)) if other in names and other != name}
    )
    readme = f"""# Links between numpy's functions

`links.txt`: one link a line, "function other": the help of the first names the other under "See Also". Functions of the
namespace `numpy` itself, numpy {np.__version__}. Read by `vec2attn.datasets.numpy_links()`.

Source: numpy's docstrings. Licence: BSD-3-Clause. Made by `scripts/make_small_data.py`.
"""
    return {"links.txt": "".join(f"{a} {b}\n" for a, b in links).encode(), "README.md": readme.encode()}


def _see_also(thing: object) -> set[str]:
    section = re.search(r"See Also\n-{3,}\n(.*?)(?:\n\n[^\n]+\n-{3,}|\Z)", inspect.getdoc(thing) or "", re.DOTALL)
    found = set()
    for entry in section[1].split("\n") if section else []:
        if entry and not entry.startswith(" "):
            found |= {name.strip(" `") for name in entry.split(" : ")[0].split(",")}
    return {name.removeprefix("numpy.") for name in found}


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wrong = []
    for make in (digits, cat, numpy_links):
        for name, content in make().items():
            path = FOLDER / make.__name__ / name
            if check and (not path.is_file() or path.read_bytes() != content):
                wrong.append(f"{make.__name__}/{name}")
            elif not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    if check:
        print(f"differs: {', '.join(wrong)}" if wrong else "all as stored")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
