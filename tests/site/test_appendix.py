"""The pages that are gathered from the book: glossary, bibliography, benchmarks, library, and links to them."""

import ast
import json
import re
from functools import cache

import pytest
from bs4 import BeautifulSoup
from site_reader import PAGES, ROOT, SITE

from vec2attn_site.glossary import PAGE, terms

NOTEBOOKS = [path for path in PAGES if re.match(r"chapters/\d\d_", path)]
LIBRARY = [path for path in PAGES if path.startswith("chapters/library/")]


@cache
def soup(path):
    return BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")


def test_every_term_is_on_the_page_of_the_glossary_by_the_alphabet():
    names = [term.get_text() for term in soup(f"{PAGE}.html").select(".book-glossary > dt")]
    assert names == sorted((term.name for term in terms(ROOT)), key=str.casefold)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_the_first_use_of_a_term_on_a_page_leads_to_it_and_no_other_use(path):
    anchors = {term.anchor: term for term in terms(ROOT)}
    links = soup(path).select("article a.book-term")
    assert len(links) >= 10
    targets = [link["href"].partition("#")[2] for link in links]
    assert len(set(targets)) == len(targets)
    for link, target in zip(links, targets, strict=True):
        word = link.get_text()
        assert word in anchors[target].forms or word[0].lower() + word[1:] in anchors[target].forms
        assert not link.find_parent(["h1", "h2", "h3", "code", "pre", "a"])


def public(module):
    """Return the functions and classes of a module that have no underscore, or what its `__all__` names."""
    path = ROOT / "lib/vec2attn" / module
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.isupper()]
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]


@pytest.mark.parametrize("path", [path for path in LIBRARY if "figures" not in path])
def test_every_public_function_has_its_entry_with_a_link_to_its_source(path):
    page = soup(path)
    modules = [heading.get_text().removesuffix("#") for heading in page.select("article h2")]
    for module in modules:
        for name in public(module.removeprefix("vec2attn.")):
            entry = page.find(id=f"{module}.{name}")
            assert entry, f"{module}.{name}"
            source = entry.select_one(".viewcode-link")
            if source is not None:  # an operation of the engine is an object, and has no lines of its own
                target = source.find_parent("a")["href"].split("../")[-1]
                file, anchor = target.split("#")
                assert f'id="{anchor}"' in (SITE / file).read_text(encoding="utf-8")


def test_no_docstring_shows_marks_of_the_source():
    for path in LIBRARY:
        for paragraph in soup(path).select("article dd p, article dd dd"):
            for code in paragraph.select("code, .katex, .math"):
                code.extract()
            assert not re.search(r"\$|``|:math:|\\[a-z]+\{", paragraph.get_text()), (
                f"{path}: {paragraph.get_text()[:200]}"
            )


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_names_what_it_took_from_the_library_and_the_library_names_the_notebook(path):
    used = soup(path).select(".book-used a")
    assert used
    number = soup(path).select_one(".book-done")["data-number"]
    for link in used:
        file, anchor = link["href"].split("#")
        entry = soup("chapters/library/" + file.rsplit("/", 1)[-1]).find(id=anchor)
        assert number in entry.find_next_sibling("dd").get_text(" ").rpartition("Used in")[2]


def test_every_source_of_the_bibliography_says_where_it_is_cited():
    sources = soup("chapters/appendix/bibliography.html").select(".book-sources > li")
    assert len(sources) > 100
    assert all(re.search(r"Cited in .+\.$", source.get_text().strip()) for source in sources)


def test_the_table_of_benchmarks_has_every_row_that_was_stored():
    stored = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))
    page = soup("chapters/appendix/benchmarks.html")
    written = page.select(".bench-table tbody tr")
    rows = [[" ".join(cell.get_text().split()) for cell in row.select("td")] for row in written]
    assert [row[:2] for row in rows] == [[row["what"], row["peer"]] for row in stored["rows"]]
    assert [("missed" in row[2]) for row in rows] == [row["ratio"] > row["goal"] for row in stored["rows"]]
    assert stored["date"] in page.select_one("article").get_text()
