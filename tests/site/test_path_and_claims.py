"""The landing page's map of all notebooks, what a reader has read, and the table of all claims."""

import re

import pytest
from site_reader import ROOT, SITE

from vec2attn_site.claims import KINDS, OFTEN
from vec2attn_site.outline import read, reduced

BOOKS = read(ROOT)
FIRST, LAST = BOOKS[0], BOOKS[-1]
CLAIMS = "chapters/appendix/claims.html"
SAID = [(book, line) for book in BOOKS for line in book.text.splitlines() if line.startswith(f"### {OFTEN}")]


def words(map_):
    return map_.locator(".map-words").inner_text()


@pytest.mark.parametrize(("width", "size"), [(1280, "wide"), (360, "narrow")])
def test_the_map_shows_every_notebook_once_and_leads_to_it(reader, width, size):
    page = reader("index.html", width=width).page
    nodes = page.locator(".map-node").locator("visible=true")
    assert nodes.evaluate_all("(all) => all.map((a) => a.dataset.number)") == [book.number for book in BOOKS]
    for address in nodes.evaluate_all("(all) => all.map((a) => a.getAttribute('href'))"):
        assert (SITE / address).is_file()
    arrows = page.locator(f".map-{size} .map-arrow").evaluate_all(
        "(all) => all.map((a) => [a.dataset.from, a.dataset.to])"
    )
    assert sorted(map(tuple, arrows)) == sorted(reduced({book.number: book.needs for book in BOOKS}))
    cut = page.locator(f".map-{size} .map-node").evaluate_all(
        """(all) => all.filter((a) => {
            const [box, text] = ['rect', 'text'].map((tag) => a.querySelector(tag).getBoundingClientRect());
            return text.left < box.left || text.right > box.right || text.top < box.top || text.bottom > box.bottom;
        }).map((a) => a.textContent)"""
    )
    assert cut == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_a_notebook_needs_stands_out_by_keyboard_and_by_mouse(reader):
    page = reader("index.html").page
    map_ = page.locator(".book-map")
    hint = words(map_)
    node = map_.locator(f".map-wide .map-node[data-number='{LAST.number}']")
    node.focus()
    needs = {book.number: book.needs for book in BOOKS}
    above = set(needs[LAST.number])
    for number in sorted(needs, reverse=True):
        above |= set(needs[number]) if number in above else set()
    shown = map_.locator(".map-wide .map-needed.map-node").evaluate_all("(all) => all.map((a) => a.dataset.number)")
    assert set(shown) == above
    assert words(map_).startswith(f"{LAST.number} needs {', '.join(sorted(above))}. {LAST.description}")
    map_.locator(f".map-wide .map-node[data-number='{FIRST.number}']").hover()
    assert words(map_).startswith(f"{FIRST.number} needs nothing before it. ")
    page.mouse.move(2, 2)
    page.evaluate("document.activeElement.blur()")
    assert words(map_) == hint


def test_the_map_is_there_without_script(reader):
    page = reader("index.html", script=False).page
    assert page.locator(".map-node").locator("visible=true").count() == len(BOOKS)
    assert not page.locator(".map-reset").is_visible()


def test_what_was_read_is_remembered_until_it_is_forgotten(reader):
    visit = reader(f"{FIRST.docname}.html")
    button = visit.page.locator(".book-done button")
    assert (button.inner_text(), button.get_attribute("aria-pressed")) == ("Mark as read", "false")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    page = visit.goto("index.html").page
    assert f"You have read 1 of {len(BOOKS)}." in page.locator(".map-count").inner_text()
    assert page.locator(".map-wide .map-done").evaluate("(a) => a.dataset.number") == FIRST.number
    page.locator(f".map-wide .map-node[data-number='{LAST.number}']").focus()  # nothing may jump away from the click
    page.locator(".map-reset").click()
    assert "You have read" not in page.locator(".map-count").inner_text()
    assert page.locator(".map-done").count() == 0


def test_every_claim_of_the_book_is_in_the_table_once(reader):
    page = reader(CLAIMS).page
    rows = page.locator(".claims-table tbody tr")
    assert rows.count() == len(SAID) > 40
    titles = rows.locator("a").evaluate_all("(all) => all.map((a) => a.textContent)")
    signs = r"[`*$“”’'\"]"  # quotation marks are curled on the page
    said = [line.split(OFTEN)[1] for _, line in SAID]
    shown, plain = ([" ".join(re.sub(signs, "", text).split()) for text in texts] for texts in (titles, said))
    assert shown == plain
    kinds = rows.locator(".claim-verdict").evaluate_all("(all) => all.map((v) => v.textContent)")
    assert all(kind.startswith(tuple(f"{mark} {name}" for name, mark in KINDS.items())) for kind in kinds)
    count = page.locator(".claims-count").inner_text()
    assert count.startswith(f"{len(SAID)} claims: ")
    assert sum(int(n) for n in re.findall(r"(\d+) (?:false|true|it depends)", count)) == len(SAID)


def test_claims_are_found_by_their_words(reader):
    page = reader(CLAIMS).page
    field, rows = page.get_by_label("Find a claim"), page.locator(".claims-table tbody tr")
    field.fill("LoRA false")
    shown = rows.locator("visible=true").all_inner_texts()
    assert 0 < len(shown) < rows.count()
    assert all("lora" in text.lower() and "false" in text.lower() for text in shown)
    assert page.locator(".claims-count").inner_text().startswith(f"{len(shown)} of {rows.count()} ")
    field.fill("")
    assert rows.locator("visible=true").count() == rows.count()
