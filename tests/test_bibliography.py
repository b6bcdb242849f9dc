"""The bibliography holds every source that is cited, and no other."""

from pathlib import Path

import pytest

from vec2attn_site.bibliography import FILE, address, cited, cited_in_code, citing, sources
from vec2attn_site.outline import read

ROOT = Path(__file__).parents[1]


def test_every_source_that_is_cited_is_in_the_list():
    known = {source.mark for source in sources(ROOT)}
    missing = {book.number: sorted(cited(book.text) - known) for book in read(ROOT)}
    assert not {number: marks for number, marks in missing.items() if marks}
    assert not {mark: modules for mark, modules in cited_in_code(ROOT).items() if mark not in known}


def test_every_source_of_the_list_is_cited():
    books, in_code = read(ROOT), cited_in_code(ROOT)
    assert not [source.key for source in sources(ROOT) if not citing(source, books) and source.mark not in in_code]


def test_no_source_stands_twice_and_all_are_in_the_order_of_their_keys():
    marks = [source.mark for source in sources(ROOT)]
    assert len(set(marks)) == len(marks) > 100
    keys = [source.key for source in sources(ROOT)]
    assert keys == sorted(keys)


def test_one_address_is_recognised_in_all_its_forms():
    same = {
        "doi:10.1016/S0893-6080(05)80131-5",
        "https://doi.org/10.1016/S0893-6080%2805%2980131-5",
        "https://doi.org/10.1016/S0893-6080(05)80131-5/",
    }
    assert len({address(form) for form in same}) == 1
    assert cited("x [a](https://doi.org/10.1016/0024-3795(71)90009-7); [b](https://numpy.org/x)") == {
        "https://doi.org/10.1016/0024-3795(71)90009-7"
    }


def test_an_entry_without_one_mark_is_refused(tmp_path):
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text("@misc{a, author = {A B}, title = {T}, year = {2000}}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a needs one of doi, eprint, url and cited; it has \[\]"):
        sources(tmp_path)
