"""The steps of CONTRIBUTING, followed to the letter in a copy of the repository: notebook, claim, exercise, figure."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## In ten minutes")[2].partition("\n## ")[0]
NOTEBOOK = "chapters/03_eigen/markov_chains.ipynb"


def blocks(language):
    """Return the fenced blocks of a language; a longer fence may hold a shorter one."""
    found = re.findall(r"^(`{3,})(\w+)\n(.*?)^\1$", GUIDE, flags=re.DOTALL | re.MULTILINE)
    return [text for _, name, text in found if name == language]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the repository in which all steps have been taken."""
    root = tmp_path_factory.mktemp("fork") / "book"
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (command,) = blocks("sh")
    part, name, title = re.fullmatch(r'make new-notebook PART=(\d) NAME=(\w+) TITLE="(.+)"\n', command).groups()
    run(root, "scripts/new_notebook.py", part, name, title)

    sys.path.insert(0, str(root / "scripts"))
    try:
        from new_notebook import cells
    finally:
        sys.path.remove(str(root / "scripts"))
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    claim, exercise, figure = blocks("text")
    for text, heading in [(claim, "## What it costs"), (exercise, "## What to keep"), (figure, "## What it costs")]:
        assert f"before `{heading}`" in GUIDE
        at = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith(heading))
        notebook.cells[at:at] = cells(text)
    nbformat.write(notebook, root / NOTEBOOK)

    checker, module, example = blocks("python")
    append(root / "lib/vec2attn/exercises/markov_chains.py", "\n" + checker)
    (root / "lib/vec2attn/widgets/two_states.py").write_text(module, encoding="utf-8")
    (root / "lib/vec2attn/widgets/two_states.js").write_text(blocks("js")[0], encoding="utf-8")
    examples = root / "tests/widgets/examples.py"
    text = examples.read_text(encoding="utf-8").replace("EXAMPLES = {\n", f"EXAMPLES = {{\n{example}", 1)
    examples.write_text(
        text.replace("from collections.abc", "import importlib\nfrom collections.abc", 1), encoding="utf-8"
    )
    run(root, "scripts/tidy_notebooks.py", "--run", NOTEBOOK)
    return root


def append(file, text):
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def run(root, *arguments):
    environment = {**os.environ, "PYTHONPATH": f"{root / 'lib'}{os.pathsep}{root / 'tests'}"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_guide_has_every_step():
    counts = [len(blocks(language)) for language in ("sh", "text", "python", "js")]
    assert counts == [1, 3, 3, 1]


def test_the_notebook_its_exercises_and_its_figure_pass_their_tests(copy):
    files = ["tests/test_notebooks.py", "tests/test_exercises.py", "tests/widgets/test_figures.py"]
    files += ["tests/widgets/test_front_ends.py", "tests/test_glossary.py", "tests/test_bibliography.py"]
    files += ["tests/test_appendix.py"]
    named = "markov_chains or two_states or glossary or bibliography or first_page"
    said = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", named)
    assert int(re.search(r"(\d+) passed", said)[1]) > 40


def test_nbval_runs_its_cells(copy):
    said = run(copy, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", NOTEBOOK)
    assert re.search(r"\d+ passed", said)


def test_style_is_as_everywhere(copy):
    run(copy, "-m", "ruff", "check", "lib/vec2attn", "scripts")
    run(copy, "scripts/tidy_notebooks.py", "--check", NOTEBOOK)


def test_the_built_page_has_claim_exercise_questions_and_figure(copy):
    """Two notebooks are enough of a book for this: the new one, and the one that it needs."""
    kept = {copy / NOTEBOOK, copy / "chapters/01_vector_space/vectors.ipynb"}
    for path in copy.glob("chapters/*/*.ipynb"):
        if path not in kept:
            path.unlink()
    (copy / "index.md").write_text("# A book\n\n```{mind-map}\n```\n", encoding="utf-8")
    toc = "format: jb-book\nroot: index\nparts:\n  - caption: All\n    chapters:\n"
    files = [*(path.relative_to(copy).with_suffix("") for path in sorted(kept)), "chapters/appendix/claims"]
    (copy / "_toc.yml").write_text(toc + "".join(f"      - file: {file}\n" for file in files), encoding="utf-8")
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    run(copy, "-c", "from jupyter_book.cli.main import main; main()", "build", ".")

    def page(name):
        return BeautifulSoup((copy / "_build/html" / name).read_text(encoding="utf-8"), "html.parser")

    built = page(NOTEBOOK.replace(".ipynb", ".html"))
    names = [box["data-name"] for box in built.select(".v2a-figure")]
    assert names == ["two_states", "quick_question", "quick_question"]
    assert "Stays: 0.90" in built.select_one(".v2a-figure").get_text()
    assert "after(P, steps)" in built.get_text()
    rows = page("chapters/appendix/claims.html").select(".claims-table tbody tr")
    assert any("the rows of every stochastic matrix have length 1" in row.get_text() for row in rows)
    assert (copy / "_build/html/_static/vec2attn/figures/two_states.js").is_file()
    assert "Markov chains" in page("index.html").select_one(".book-map").get_text(" ")
