"""The Sphinx side, apart from the pages themselves (these are in tests/site)."""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from vec2attn_site import claims, execution, outline
from vec2attn_site.copies import colab_address, copy_with_setup, repository, web_address
from vec2attn_site.figures import BUNDLES, bundle_for, script
from vec2attn_site.formulas import _take_punctuation
from vec2attn_site.units import bind

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/owner/book.git", "https://github.com/owner/book"),
        ("https://github.com/owner/book/", "https://github.com/owner/book"),
        ("git@github.com:owner/book.git", "https://github.com/owner/book"),
        ("ssh://git@git.example.org/owner/book", "https://git.example.org/owner/book"),
        ("https://secret-token@github.com/owner/book", "https://github.com/owner/book"),
        ("/home/somebody/book", None),
        ("file:///home/somebody/book", None),
        ("", None),
    ],
)
def test_web_address_of_a_remote(remote, address):
    assert web_address(remote) == address


def test_colab_opens_the_published_copy_and_github_only():
    address = colab_address("https://github.com/owner/book", "chapters/x/y")
    assert address == "https://colab.research.google.com/github/owner/book/blob/gh-pages/notebooks/chapters/x/y.ipynb"
    assert colab_address("https://git.example.org/owner/book", "chapters/x/y") is None


def test_address_comes_from_the_configuration_or_else_from_origin(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "_config.yml").write_text("title: x\n", encoding="utf-8")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    assert repository(tmp_path)[0] is None
    assert len(repository(tmp_path)[1]) == 40
    other = tmp_path.with_name("other")
    shutil.copytree(tmp_path, other)
    subprocess.run(["git", "-C", str(other), "remote", "add", "origin", "git@github.com:owner/fork.git"], check=True)
    assert repository(other)[0] == "https://github.com/owner/fork"
    (other / "_config.yml").write_text("repository: {url: https://github.com/owner/book}\n", encoding="utf-8")
    assert repository(other)[0] == "https://github.com/owner/book"


def test_copy_installs_the_library_at_its_commit_and_changes_nothing_else():
    source = json.loads(next(ROOT.glob("chapters/**/*.ipynb")).read_text(encoding="utf-8"))
    before = json.dumps(source)
    made = copy_with_setup(source, "https://github.com/owner/book", "a" * 40)
    assert json.dumps(source) == before
    differing = [i for i, (old, new) in enumerate(zip(source["cells"], made["cells"], strict=True)) if old != new]
    assert len(differing) == 1
    code = "".join(made["cells"][differing[0]]["source"])
    assert f"%pip install --quiet git+https://github.com/owner/book@{'a' * 40}\n" in code
    nbformat.validate(nbformat.from_dict(made))


def test_a_notebook_without_a_setup_cell_is_refused():
    with pytest.raises(ValueError, match="one cell tagged 'setup'; got 0"):
        copy_with_setup({"cells": []}, "https://example.org/x", "b")


def test_smallest_bundle_that_draws_the_traces():
    assert bundle_for({"scatter", "bar"}) == "basic"
    assert bundle_for({"scatter", "heatmap"}) == "cartesian"
    assert bundle_for({"surface"}) == "gl3d"
    with pytest.raises(ValueError, match="add one to BUNDLES"):
        bundle_for({"sankey"})
    for bundle in BUNDLES:
        assert (ROOT / f"node_modules/plotly.js-{bundle}-dist-min/plotly-{bundle}.min.js").is_file()


def test_a_figure_script_hands_over_the_whole_module():
    name, text = json.loads(
        "[" + script("softmax_bars").strip().removeprefix("vec2attn.register(").removesuffix(");") + "]"
    )
    assert name == "softmax_bars"
    assert "export default" in text
    assert "import " not in "\n".join(line for line in text.splitlines() if line.startswith("import"))


class TestLibraryHash:
    """A notebook runs again when code that it uses has changed, and only then."""

    @pytest.fixture
    def library(self, tmp_path, monkeypatch):
        copy = tmp_path / "vec2attn"
        shutil.copytree(execution.LIBRARY, copy, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(execution, "LIBRARY", copy)
        execution._imports.cache_clear()
        yield copy
        execution._imports.cache_clear()

    def changed_by(self, library, file, code):
        notebook = {"cells": [{"cell_type": "code", "source": code}]}
        before = execution.library_hash(notebook)
        assert (library / file).is_file()  # or a case about a file that has moved would say nothing
        with (library / file).open("a", encoding="utf-8") as opened:
            opened.write("\n# changed\n")
        execution._imports.cache_clear()
        return execution.library_hash(notebook) != before

    @pytest.mark.parametrize(
        ("code", "file", "changes"),
        [
            ("from vec2attn.softmax import softmax", "softmax.py", True),
            ("from vec2attn.softmax import softmax", "arrays.py", True),  # imported by softmax
            ("from vec2attn.softmax import softmax", "datasets/loaders.py", False),
            ("import vec2attn.vectors as v", "vectors.py", True),
            ("from vec2attn.vectors import dot", "softmax.py", False),
            ("from vec2attn.widgets.softmax_bars import SoftmaxBars", "widgets/softmax_bars.py", True),
            ("from vec2attn.widgets.softmax_bars import SoftmaxBars", "widgets/softmax_bars.js", False),  # not executed
            ("from vec2attn.datasets import smollm2_tokens", "datasets/loaders.py", True),
            ("from vec2attn.datasets import smollm2_tokens", "datasets/__main__.py", False),  # the command line
            ("from vec2attn.datasets import smollm2_tokens", "data/smollm2/README.md", True),
            ("import vec2attn.datasets.loaders", "data/smollm2/README.md", True),
            ('from vec2attn.exercises import check\ncheck("1.3/1", 2)', "exercises/vocabulary_space.py", True),
            ('from vec2attn.exercises import check\ncheck("1.3/1", 2)', "softmax.py", True),  # the answers use it
            ("from vec2attn.exercises import check", "exercises/vocabulary_space.py", False),
            ("%timeit 1\nimport vec2attn", "__init__.py", True),
        ],
    )
    def test_hash_follows_the_imports(self, library, code, file, changes):
        assert self.changed_by(library, file, code) is changes


def test_the_builds_log_shows_every_warning_and_little_else(tmp_path):
    log = "reading\n\x1b[91mpage.md:3: WARNING: no such file\x1b[39m\nmore of it\nbuild finished with problems\n"
    command = [sys.executable, str(ROOT / "scripts/build_log.py")]
    done = subprocess.run(command, input=log, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "page.md:3: WARNING: no such file" in done.stdout
    assert "reading" not in done.stdout
    assert "reading" in (tmp_path / "_build/build.log").read_text(encoding="utf-8")


PART = '<span class="katex-base">x</span>'


@pytest.mark.parametrize(
    ("katex", "text", "mark", "rest"),
    [
        (PART, ", and then", ",", " and then"),
        (PART, ").", ").", ""),
        (PART, " and then.", None, " and then."),
        (PART * 2, ", and then", None, ", and then"),
    ],
)
def test_punctuation_stays_on_the_line_of_a_formula_of_one_part(katex, text, mark, rest):
    formula = nodes.math("", "x", katex=katex)
    paragraph = nodes.paragraph("", "", nodes.Text("Let "), formula, nodes.Text(text))
    _take_punctuation(formula)
    assert formula.get("after") == mark
    assert paragraph[-1].astext() == rest


def test_punctuation_goes_into_the_last_part_of_a_formula_that_may_be_broken():
    formula = nodes.math("", "x", katex=f'<span class="katex"><span class="katex-html">{PART * 2}</span></span>')
    paragraph = nodes.paragraph("", "", formula, nodes.Text(". And then"))
    _take_punctuation(formula)
    assert paragraph[-1].astext() == " And then"
    last = BeautifulSoup(formula["katex"], "html.parser").select(".katex-base")[-1]
    assert last.get_text() == "x."


def test_punctuation_is_taken_from_the_text_after_the_formula_and_from_no_equal_one():
    formulas = [nodes.math("", x, katex=PART) for x in "abc"]
    parts = [part for formula in formulas for part in (formula, nodes.Text(", "))]
    paragraph = nodes.paragraph("", "", nodes.Text(", "), *parts)
    for formula in formulas[1:]:
        _take_punctuation(formula)
    assert [text.astext() for text in paragraph if isinstance(text, nodes.Text)] == [", ", ", ", " ", " "]


def test_a_number_stays_beside_its_unit_and_code_as_it_is_written():
    parts = nodes.Text("93 % of 4 GB, 12 Bs, "), nodes.literal("", "5 % 2"), nodes.Text("; 7 % 3 GBs")
    paragraph = nodes.paragraph("", "", *parts)
    bind(nodes.section("", paragraph))
    assert (
        paragraph.astext() == "93\N{NO-BREAK SPACE}% of 4\N{NO-BREAK SPACE}GB, 12 Bs, 5 % 2; 7\N{NO-BREAK SPACE}% 3 GBs"
    )


def notebook(number, needs, *, title="A notebook"):
    cells = [nbformat.v4.new_markdown_cell(f"# {title}"), nbformat.v4.new_markdown_cell(f"**Needs:** {needs}\n\nMore.")]
    facts = {"number": number, "part": "1 · Vector space", "minutes": 10, "description": "What it is about."}
    return nbformat.v4.new_notebook(cells=cells, metadata={"vec2attn": facts})


@pytest.fixture
def chapters(tmp_path):
    def write(**notebooks):
        folder = tmp_path / "chapters/01"
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in notebooks.items():
            nbformat.write(made, folder / f"{name}.ipynb")
        return tmp_path

    return write


def test_what_a_notebook_needs_is_read_from_its_links_and_numbers(chapters):
    root = chapters(
        a=notebook("1.1", "nothing but the number 1.15 and a ratio of 0.1.2"),
        b=notebook("1.2", "lengths ([Vectors](a.ipynb))"),
        c=notebook("1.3", "lengths (1.1), tables ([1.2](b.ipynb#look-up))", title="Third"),
    )
    books = outline.read(root)
    assert [book.needs for book in books] == [(), ("1.1",), ("1.1", "1.2")]
    assert (books[2].title, books[2].docname) == ("Third", "chapters/01/c")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"a": notebook("1.1", "more (1.7)")}, "a.ipynb needs 1.7, which no notebook has"),
        ({"a": notebook("1.1", "[this](x.ipynb)")}, "a.ipynb needs x.ipynb, which no notebook has"),
        ({"a": notebook("1.1", "x"), "b": notebook("1.1", "x")}, "two notebooks have the same number"),
    ],
)
def test_an_outline_that_does_not_hold_together_is_refused(chapters, made, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        outline.read(chapters(**made))


def test_arrows_that_a_longer_way_implies_are_left_out():
    needs = {"1.1": (), "1.2": ("1.1",), "1.3": ("1.1", "1.2"), "2.1": ("1.1", "1.3")}
    assert outline.reduced(needs) == [("1.1", "1.2"), ("1.2", "1.3"), ("1.3", "2.1")]
    with pytest.raises(ValueError, match=r"1.1 needs 1.2, which does not come before it"):
        outline.reduced({"1.1": ("1.2",), "1.2": ()})


def page_with_claim(verdict="Verdict: false.", tags=("claim",)):
    title = nodes.title("", 'Often said: "up is down"')
    printed = nodes.container("", nodes.literal_block("", "up 1\ndown -1\n"), classes=["cell_output"])
    cell = nodes.container("", printed, cell_metadata={"tags": list(tags)})
    paragraph = nodes.paragraph("", "", nodes.strong("", verdict), nodes.Text(" Look."))
    document = nodes.document(None, None)
    document += nodes.section("", title, cell, paragraph, ids=["up"])
    return document


def test_a_claim_is_read_from_its_section():
    (claim,) = claims.gathered(page_with_claim("Verdict: it depends, on you."), "page", "1.1")
    assert (claim.said, claim.kind, claim.verdict) == ("up is down", "it depends", "it depends, on you")
    assert (claim.anchor, claim.measured) == ("up", "up 1\ndown -1")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (page_with_claim(tags=()), "one cell tagged claim and one verdict; got 0 and 1"),
        (page_with_claim("Perhaps."), "one cell tagged claim and one verdict; got 1 and 0"),
        (page_with_claim("Verdict: maybe."), "the verdict is false, true, it depends; got 'maybe'"),
    ],
)
def test_a_claim_without_cell_or_verdict_is_refused(page, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        claims.gathered(page, "page", "1.1")


def test_pages_made_from_all_notebooks_are_made_anew_whenever_any_page_has_changed():
    env = SimpleNamespace(
        docname="appendix/claims", metadata=defaultdict(dict), found_docs={"appendix/claims", "index"}
    )
    outline.gathers(env)
    for what in ("added", "changed", "removed"):
        news = {name: {"chapters/x"} if name == what else set() for name in ("added", "changed", "removed")}
        assert outline._again(None, env, **news) == {"appendix/claims"}
    assert outline._again(None, env, set(), set(), set()) == set()
