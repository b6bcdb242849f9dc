"""What the appendix and the first page say about the notebooks is so."""

import re
from pathlib import Path

from vec2attn.exercises import MODULES, find
from vec2attn_site.outline import LINK, read

ROOT = Path(__file__).parents[1]
BOOKS = read(ROOT)
PLAN = (ROOT / "chapters/appendix/teaching.md").read_text(encoding="utf-8")


def test_the_plan_sets_exercises_that_exist_each_in_its_week():
    rows = re.findall(r"^\| (\d) · .*\| ([\d./, ]+) \|$", PLAN, flags=re.MULTILINE)
    assert [week for week, _ in rows] == list("1234567")
    for week, keys in rows:
        for key in keys.split(", "):
            assert key.startswith(f"{week}."), key
            find(key)


def test_the_plan_links_every_notebook():
    linked = {Path(target).stem for target in LINK.findall(PLAN)}
    missing = {book.number for book in BOOKS if Path(book.docname).name not in linked}
    assert missing == {"7.2", "7.3"}, "7.1 to 7.4 is one entry"


def test_the_first_page_links_every_notebook_in_the_order_of_the_path():
    text = (ROOT / "index.md").read_text(encoding="utf-8").partition("## The path")[2]
    numbers = re.findall(r"\[(\d\.\d) [^\]]+\]\(([^)]+)\.ipynb\)", text)
    assert numbers == [(book.number, book.docname) for book in BOOKS]
    assert [number for number, _ in numbers] == sorted(MODULES)
