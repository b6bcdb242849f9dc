"""The library as a package: quick to import, torch-free, modules in the order of the book and without circles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vec2attn

LIBRARY = Path(vec2attn.__file__).parent
# the order of the book; helpers that any chapter may use come first
ORDER = [
    "arrays",
    "device",
    "notebook",
    "plots",
    "datasets",
    "vectors",
    "softmax",
    "matrices",
    "cost",
    "eigen",
    "pca",
    "pagerank",
    "descent",
    "svd",
    "lowrank",
    "tensors",
    "networks",
    "decompositions",
    "calculus",
    "autograd",
    "nn",
    "optim",
    "attention",
    "positions",
    "transformer",
    "fast_attention",
    "parallel",
    "tokenizer",
    "gguf",
    "pretrained",
    "train",
    "generate",
    "exercises",
    "widgets",
]


# part 7, for GPUs
TORCH = set(ORDER[ORDER.index("attention") : ORDER.index("exercises")])


def imports_of(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def topic(path):
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", sorted(LIBRARY.rglob("*.py")), ids=lambda f: str(f.relative_to(LIBRARY)))
def test_a_module_imports_only_what_comes_before_it(file):
    if topic(file) == "__init__":
        assert not list(imports_of(file))
        return
    place = ORDER.index(topic(file))
    for name in imports_of(file):
        if name.startswith("vec2attn."):
            assert ORDER.index(name.split(".")[1]) <= place, f"{file.name} imports {name}"
        assert not name.startswith("vec2attn_site"), "the library does not know the site"


def test_nothing_of_parts_one_to_six_imports_torch():
    there = {topic(file) for file in LIBRARY.rglob("*.py")}
    modules = ", ".join(f"vec2attn.{name}" for name in ORDER if name in there - TORCH)
    assert modules
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_import_costs_little_more_than_numpy(record_property):
    """Processor time, the best of several runs of each, in turn: what else the machine does only ever adds."""

    def seconds(code):
        clock = "import time; t = time.process_time()\n" + code + "\nprint(time.process_time() - t)"
        return float(subprocess.run([sys.executable, "-c", clock], check=True, capture_output=True, text=True).stdout)

    programs = {
        "numpy": "import numpy",
        "vec2attn": "import numpy, vec2attn",
        "vec2attn.softmax": "import numpy, vec2attn.softmax",
    }
    rounds = [{name: seconds(code) for name, code in programs.items()} for _ in range(8)]
    best = {name: min(r[name] for r in rounds) for name in programs}
    extra = {name: best[name] - best["numpy"] for name in programs}
    print({name: f"{1000 * value:.0f} ms more than numpy" for name, value in extra.items()})
    record_property("import_ms", {name: round(1000 * value) for name, value in extra.items()})
    assert extra["vec2attn"] < 0.15
    assert extra["vec2attn.softmax"] < 0.15
