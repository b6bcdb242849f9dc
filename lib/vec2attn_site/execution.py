"""Run a notebook again when the library code that it uses has changed, and only then.

jupyter-cache recognises a notebook by its code cells and its kernelspec, and Sphinx by its file's time. Neither sees
the library. So the kernelspec that Sphinx reads gets one more entry, a hash of every library file that the notebook
imports, directly or through other modules; and Sphinx is told which pages are out of date.
"""

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import vec2attn
from vec2attn.exercises import MODULES

LIBRARY = Path(vec2attn.__file__).parent
PEERS = ("numpy", "scipy", "plotly", "torch")  # a new version of these may change outputs too


@cache
def _imports(file: Path) -> frozenset[Path]:
    """Return the library files that a library file imports, itself included, transitively."""
    found: set[Path] = set()
    todo = [file]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imported_by(path.read_text(encoding="utf-8"))
    return frozenset(found)


def _imported_by(source: str) -> Iterator[Path]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "vec2attn":
                yield from _files_of(name)


def _files_of(module: str) -> Iterator[Path]:
    """Yield the file of a module, and the `__init__` files that importing it runs."""
    path = LIBRARY
    yield path / "__init__.py"
    for part in module.split(".")[1:]:
        path = path / part
        yield from (p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file())


def library_hash(notebook: dict[str, Any]) -> str:
    """Return a hash of all that the outputs of `notebook` depend on beside its own cells."""
    code = "\n".join(
        "".join(line for line in "".join(cell["source"]).splitlines(keepends=True) if not line.lstrip().startswith("%"))
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    )
    files = {file for imported in _imported_by(code) for file in _imports(imported)}
    if LIBRARY / "datasets" / "__init__.py" in files:  # importing any module of the package runs it
        files |= {path for path in (LIBRARY / "data").rglob("*") if path.is_file()}
    for number in set(re.findall(r'check\("([\d.]+)/', code)) & set(MODULES):  # imported when an answer is checked
        files |= _imports(LIBRARY / "exercises" / f"{MODULES[number]}.py")
    digest = hashlib.sha256(sys.version.encode())
    for peer in PEERS:
        try:
            digest.update(f"{peer}=={version(peer)}".encode())
        except PackageNotFoundError:
            continue
    for file in sorted(files):
        digest.update(file.relative_to(LIBRARY).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _stamp(app: Any, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).endswith(".ipynb"):
        notebook = json.loads(source[0])
        key = library_hash(notebook)
        notebook["metadata"].setdefault("kernelspec", {})["library"] = key
        app.env.metadata[docname]["library"] = key
        source[0] = json.dumps(notebook)


def _outdated(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    _imports.cache_clear()
    outdated = []
    for docname in env.found_docs - added - changed:
        path = Path(env.doc2path(docname))
        known = env.metadata.get(docname, {}).get("library")
        if path.suffix == ".ipynb" and known != library_hash(json.loads(path.read_text(encoding="utf-8"))):
            outdated.append(docname)
    return outdated


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", _stamp)
    app.connect("env-get-outdated", _outdated)
