"""The site in one zip file that works from disk, and the book as one PDF."""

import subprocess
import sys
import zipfile

import pypdf
import pytest
from site_reader import CHAPTER, PAGES, ROOT, SITE

from vec2attn_site import bound, offline
from vec2attn_site.outline import read

BOOKS = read(ROOT)


def test_the_zip_holds_the_site_as_it_is(tmp_path, reader):
    with zipfile.ZipFile(SITE / offline.NAME) as packed:
        inside = {name.split("/", 1)[1]: packed.read(name) for name in packed.namelist()}
        packed.extractall(tmp_path)
    assert set(PAGES) <= set(inside)
    assert [name for name, data in inside.items() if data != (SITE / name).read_bytes()] in ([], ["index.html"])
    visit = reader()
    visit.page.goto((tmp_path / "from-vectors-to-attention" / CHAPTER).as_uri())
    visit.page.locator(".v2a-figure").first.scroll_into_view_if_needed()
    visit.page.locator(".v2a-figure[data-state=live]").first.wait_for()
    assert [p for p in visit.problems if "leaves the site" not in p] == []  # another folder than the site's own
    visit.problems.clear()


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    target = tmp_path_factory.mktemp("pdf") / bound.NAME  # in a process of its own: this one has a browser open
    subprocess.run([sys.executable, "-m", "vec2attn_site.bound", SITE, target], check=True, timeout=600)
    return pypdf.PdfReader(target)


def bookmarks(outline):
    return [title for one in outline for title in (bookmarks(one) if isinstance(one, list) else [one.title])]


def test_the_pdf_has_every_notebook_among_its_bookmarks_in_order(printed):
    titles = [f"{book.number} {book.title}" for book in BOOKS]
    assert [title for title in bookmarks(printed.outline) if title in titles] == titles
    assert [one.title for one in printed.outline if not isinstance(one, list)][1:] == [
        caption for caption, _ in bound.contents(ROOT)
    ]


def test_links_of_the_pdf_stay_inside_it_or_lead_to_the_web(printed):
    inner, addresses = 0, set()
    for page in printed.pages:
        for note in page.get("/Annots") or []:
            note = note.get_object()
            if note.get("/Subtype") == "/Link":
                action = note.get("/A", {})
                if "/URI" in action:
                    addresses.add(action["/URI"])
                else:
                    inner += 1
    assert inner > 3 * len(BOOKS)
    assert [address for address in addresses if not address.startswith(("https://", "http://"))] == []


def test_pages_of_the_pdf_are_numbered_and_carry_the_figures_and_plots(printed):
    assert len(printed.pages) > 8 * len(BOOKS)
    for number in (2, len(printed.pages) // 2, len(printed.pages)):
        assert printed.pages[number - 1].extract_text().strip().splitlines()[-1].strip() == str(number)
    text = "\n".join(page.extract_text() for page in printed.pages)
    assert "could not be drawn" not in text
    assert text.count("The controls need JavaScript") + text.count("need JavaScript") >= 1
