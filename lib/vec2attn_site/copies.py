"""Copies of the notebooks that run anywhere: the first cell installs the library at the commit they were made from.

A notebook and its library can then never drift apart. The site carries the copies under `notebooks/`, and the Colab
badge of a page opens the copy that the same publication put there.
"""

import copy
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sphinx.util import logging

log = logging.getLogger(__name__)
SETUP = "setup"  # tag of the first code cell of every notebook
PUBLISHED = "gh-pages"  # branch that .github/workflows/publish.yml pushes the site to


def web_address(url: str) -> str | None:
    """Return the https address of a git remote, or None for one that no reader can reach (a path, another machine)."""
    url = url.strip().removesuffix("/").removesuffix(".git")
    if ssh := re.fullmatch(r"(?:ssh://)?git@([\w.-]+)[:/](.+)", url):
        return f"https://{ssh[1]}/{ssh[2]}"
    # a token in the address must not get into public pages
    return re.sub(r"^https?://(?:[^/@]*@)?", "https://", url) if re.match(r"https?://[^/]+/.+", url) else None


@cache
def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def repository(folder: Path) -> tuple[str | None, str]:
    """Return the book's web address, from `_config.yml` or else from the remote `origin`, and the present commit."""
    config = yaml.safe_load((folder / "_config.yml").read_text(encoding="utf-8"))
    url = (config.get("repository") or {}).get("url") or _git(folder, "remote", "get-url", "origin")
    return web_address(url), _git(folder, "rev-parse", "HEAD")


def copy_with_setup(notebook: dict[str, Any], address: str, commit: str) -> dict[str, Any]:
    """Return a copy of a notebook whose setup cell installs the library from `address` at `commit`.

    Parameters
    ----------
    notebook : as JSON gives it; its setup cell is the one tagged `setup`
    address : what pip can read after `git+`: https://…, or file://… in tests
    commit : the full hash

    Raises
    ------
    ValueError : there is no setup cell
    """
    made = copy.deepcopy(notebook)
    setup_cells = [cell for cell in made["cells"] if SETUP in cell["metadata"].get("tags", [])]
    if len(setup_cells) != 1:
        raise ValueError(f"a notebook needs one cell tagged {SETUP!r}; got {len(setup_cells)}")
    setup_cells[0]["source"] = [
        "# the book's library, at the commit that this notebook was made from; numpy and torch stay as they are\n",
        f"%pip install --quiet git+{address}@{commit}\n",
        "import vec2attn",
    ]
    return made


def colab_address(address: str, docname: str) -> str | None:
    """Return the address that opens the published copy in Colab; Colab reads from GitHub only."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", address)
    return (
        f"https://colab.research.google.com/github/{found[1]}/blob/{PUBLISHED}/notebooks/{docname}.ipynb"
        if found
        else None
    )


def _write(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    root = Path(app.confdir)
    address, commit = repository(root)
    for docname in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(docname))
        if source.suffix != ".ipynb":
            continue
        notebook = json.loads(source.read_text(encoding="utf-8"))
        if address and commit:
            notebook = copy_with_setup(notebook, address, commit)
        target = Path(app.outdir) / "notebooks" / f"{docname}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not (address and commit):
        log.info(
            "copies: no repository address (git remote `origin` or repository.url): download links, no Colab badges"
        )
    else:
        log.info("copies: the notebooks' first cell installs %s at %s", address, commit[:12])
        if _git(root, "status", "--porcelain", "--", "lib", "chapters", "pyproject.toml"):
            log.info("copies: there are uncommitted changes, which that commit lacks")


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("build-finished", _write)
