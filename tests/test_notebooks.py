"""What every notebook of the book must hold."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("chapters/**/*.ipynb"))
TAGS = {"setup", "remove-cell", "remove-input", "hide-input", "nbval-check-output", "claim", "exercise", "solution"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def path(request, notebook):
    return request.node.callspec.params["notebook"]


def cells(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_setup_cell_is_the_first_and_the_same_everywhere(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    reference = nbformat.read(NOTEBOOKS[0], as_version=4)
    assert first.metadata.tags == ["setup", "remove-cell"]
    assert first.source == cells(reference, "setup")[0].source


def test_setup_cell_says_how_to_get_the_library_where_it_is_missing(notebook):
    code = cells(notebook, "setup")[0].source
    bare = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert bare.returncode == 1
    assert "pip install -e ." in bare.stderr


def test_metadata_say_where_the_notebook_stands_and_what_a_link_to_it_shows(notebook):
    book = notebook.metadata["vec2attn"]
    assert re.fullmatch(r"\d\.\d", book["number"])
    assert book["part"].startswith(f"{book['number'][0]} · ")
    assert 10 <= book["minutes"] <= 25
    assert 80 <= len(book["description"]) <= 250


def test_notebook_is_in_the_table_of_contents_with_its_number(notebook, path):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = {entry["file"]: entry.get("title") for part in contents["parts"] for entry in part["chapters"]}
    title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    assert entries[str(path.relative_to(ROOT).with_suffix(""))] == f"{notebook.metadata['vec2attn']['number']} {title}"


def test_one_title_and_the_sections_that_every_notebook_has(notebook):
    headings = re.findall(r"^(#+) (.+)$", re.sub(r"```.*?```", "", text_of(notebook), flags=re.S), flags=re.M)
    assert [text for level, text in headings if level == "#"] == [headings[0][1]]
    sections = {text for level, text in headings if level == "##"}
    assert {"What it costs", "Quick questions", "Exercises", "What to keep"} <= sections
    for words in (
        "After this notebook you can",
        "**Needs:**",
        "**Guess first.**",
        "**Where it comes back:**",
        "**Sources.**",
    ):
        assert words in text_of(notebook), words


def test_every_claim_is_quoted_decided_by_an_assertion_and_judged(notebook):
    claims = cells(notebook, "claim")
    assert claims
    for claim in claims:
        at = notebook.cells.index(claim)
        assert re.match(r"### Often said: “.+”|### Often said: \".+\"", notebook.cells[at - 1].source)
        assert "assert " in claim.source
        assert re.match(r"\*\*Verdict: (true|false|it depends)", notebook.cells[at + 1].source)


def test_quick_questions_stand_before_the_exercises_and_their_answers_are_computed(notebook):
    at = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## Quick questions"))
    end = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## Exercises"))
    questions = cells(notebook, "remove-input")
    assert questions == notebook.cells[at + 1 : end]
    assert 2 <= len(questions) <= 3
    for question in questions:
        last = ast.parse(question.source).body[-1]
        assert isinstance(last, ast.Expr)
        assert last.value.func.id in ("choice", "numeric")
        answer = next(keyword.value for keyword in last.value.keywords if keyword.arg == "answer")
        named = {node.id for node in ast.walk(answer) if isinstance(node, ast.Name)}
        assert named, f"not computed: {ast.unparse(answer)}"


def test_tags_are_known(notebook):
    used = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    assert used <= TAGS


def test_some_outputs_are_compared(notebook):
    assert cells(notebook, "nbval-check-output")


def test_code_fits_the_page(notebook):
    wide = [
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if len(line) > 80
    ]
    assert not wide


def test_randomness_has_one_explicit_seed(notebook):
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert len(re.findall(r"default_rng\(\d+\)", code)) == 1
    assert not re.findall(r"np\.random\.(?!default_rng|Generator)|default_rng\(\)|time\.time\(", code)


def test_markdown_reads_well_in_colab_and_on_github(notebook, path):
    text = text_of(notebook)
    assert "```{" not in text
    assert ":::" not in text
    assert not re.search(r"\{(ref|numref|cite|term|doc|glue)[:}]", text)
    assert not re.search(r"\\(newcommand|def|DeclareMathOperator)\b", text)
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)]+)\)", text):
        assert (path.parent / target.split("#")[0]).exists(), target


def test_cell_ids_are_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


class TestTidy:
    """scripts/tidy_notebooks.py keeps what nbval compares, strips the rest, and refuses what would pass silently."""

    @pytest.fixture
    def scratch(self, tmp_path):
        source = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
        source.cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("2 + 3")]
        source.cells[0].metadata["tags"] = ["nbval-check-output"]
        file = tmp_path / "scratch.ipynb"
        nbformat.write(source, file)
        return file

    def run(self, *arguments):
        command = [sys.executable, str(ROOT / "scripts/tidy_notebooks.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_all_stored_notebooks_are_tidy(self):
        done = self.run("--check")
        assert done.returncode == 0, done.stdout

    def test_a_compared_cell_without_output_or_count_is_refused(self, scratch):
        assert "has no stored output or count" in self.run("--check", scratch).stdout
        assert self.run("--run", scratch).returncode == 0
        assert self.run("--check", scratch).returncode == 0
        stored = json.loads(scratch.read_text(encoding="utf-8"))
        stored["cells"][0]["execution_count"] = None
        scratch.write_text(json.dumps(stored), encoding="utf-8")
        assert self.run("--check", scratch).returncode == 1

    def test_running_stores_compared_outputs_and_no_others(self, scratch):
        self.run("--run", scratch)
        compared, other = nbformat.read(scratch, as_version=4).cells
        assert compared.outputs[0].data["text/plain"] == "2"
        assert compared.execution_count == 1
        assert (other.outputs, other.execution_count) == ([], None)

    def test_a_stray_output_is_refused_and_stripped(self, scratch):
        self.run("--run", scratch)
        notebook = nbformat.read(scratch, as_version=4)
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="stray")]
        notebook.cells[1].metadata["collapsed"] = False
        nbformat.write(notebook, scratch)
        assert self.run("--check", scratch).returncode == 1
        self.run(scratch)
        assert self.run("--check", scratch).returncode == 0

    def test_nbval_notices_a_changed_result(self, scratch):
        self.run("--run", scratch)
        nbval = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
        assert (
            subprocess.run([*nbval, str(scratch)], capture_output=True, cwd=scratch.parent, check=False).returncode == 0
        )
        scratch.write_text(scratch.read_text(encoding="utf-8").replace("1 + 1", "1 + 2"), encoding="utf-8")
        assert (
            subprocess.run([*nbval, str(scratch)], capture_output=True, cwd=scratch.parent, check=False).returncode == 1
        )
