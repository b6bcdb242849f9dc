"""A notebook's copy runs from top to bottom where only numpy, torch and a kernel are installed, as on Colab.

A fresh environment outside the checkout, a numpy other than the pinned one, and a copy whose address is this very
repository: its setup cell installs the library at the present commit, and must leave numpy and torch as they were.
"""

import json
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from vec2attn_site.copies import copy_with_setup

ROOT = Path(__file__).parents[1]
VERSIONS = "from importlib.metadata import version; print(version('numpy'), version('torch'))"


def git(*arguments):
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """Return the Python of the environment, and set up its kernel under a name of its own."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env/bin/python"
    needed = [f"numpy<{version('numpy')}", f"torch=={version('torch').split('+')[0]}", "ipykernel"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True)
    kernel = folder / "share/jupyter/kernels/colab"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder, python


COMMITTED = git("ls-tree", "-r", "--name-only", "HEAD", "chapters").splitlines()


@pytest.mark.parametrize("name", [name for name in COMMITTED if name.endswith(".ipynb")])
def test_copy_runs_without_the_book(name, colab, monkeypatch):
    folder, python = colab
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "share/jupyter"))
    monkeypatch.setenv("VEC2ATTN_CACHE", str(folder / "cache"))  # data come on first use
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout
    # the committed notebook: the library that the copy installs is the committed one, too
    source = json.loads(git("show", f"HEAD:{name}"))
    copy = copy_with_setup(source, f"file://{ROOT}", git("rev-parse", "HEAD"))
    notebook = nbformat.reads(json.dumps(copy), as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="colab", resources={"metadata": {"path": str(folder)}})
    client.execute()
    where = subprocess.run(
        [python, "-c", "import vec2attn; print(vec2attn.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    ).stdout
    assert str(ROOT) not in where
    after = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout
    assert after == before
    assert not after.startswith(version("numpy"))
    ran = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    assert [cell.execution_count for cell in ran] == list(range(1, len(ran) + 1))


def test_this_environment_is_another_one(colab):
    assert Path(sys.prefix) != colab[0] / "env"
