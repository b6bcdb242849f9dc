"""The downloaded site works as files, and its search finds what the book explains."""

import pytest
from site_reader import CHAPTER
from softmax_page import SoftmaxPage

HITS = "#search-results a"


def test_figure_of_a_page_opened_from_disk_works(reader):
    visit = reader(disk=True)
    figure = SoftmaxPage(visit)
    assert visit.page.url.startswith("file://")
    before = figure.assert_equals_library()
    figure.drag_to(figure.control("T"), 0.2)
    figure.logit(3).focus()
    for _ in range(4):
        visit.page.keyboard.press("ArrowLeft")
    after = figure.assert_equals_library()
    assert before["rows"][3]["z"] != after["rows"][3]["z"]
    assert before["rows"][0]["p"] != after["rows"][0]["p"]
    visit.read_to_the_end()
    assert visit.page.locator(".v2a-plot .main-svg").count() >= 1


def test_a_reader_on_disk_walks_from_the_first_page_to_the_chapter(reader):
    page = reader("index.html", disk=True).page
    page.locator(f".bd-article a[href='{CHAPTER}']").first.click()
    page.wait_for_url("**/vocabulary_space.html")
    assert "ocabulary space" in page.locator("h1").first.inner_text()


def test_search_finds_the_chapter_that_explains_a_word(reader):
    page = reader("search.html").page
    page.locator("input[name=q]").locator("visible=true").first.fill("perplexity")
    page.keyboard.press("Enter")
    page.locator(HITS).first.wait_for()
    assert page.locator(HITS).first.get_attribute("href").split("?")[0].split("#")[0].endswith(CHAPTER)
    page.wait_for_load_state("networkidle")
    found = page.locator("#search-results").inner_text()
    assert "erplexity" in found
    assert page.url.rstrip("#").endswith("search.html?q=perplexity"), "a search can be linked to"


@pytest.mark.parametrize("disk", [False, True], ids=["served", "from disk"])
def test_search_says_so_when_there_is_nothing(reader, disk):
    page = reader("search.html?q=zebrafish", disk=disk).page
    page.get_by_text("did not match any documents").wait_for()


def test_search_on_disk_finds_pages_though_browsers_keep_the_excerpts_back(reader):
    visit = reader("search.html?q=perplexity", disk=True)
    visit.page.locator(HITS).first.wait_for()
    assert CHAPTER in visit.page.locator(HITS).first.get_attribute("href")
    visit.page.wait_for_timeout(300)
    # the page asks for each result's text, which browsers refuse between files; all else would be a defect
    refused = [p for p in visit.problems if "Failed to fetch" in p or "ERR_FAILED" in p or "Cross origin requests" in p]
    assert visit.problems == refused
    visit.problems.clear()
