"""The glossary: no term is used before its notebook without a link to it, none is missing, none is an orphan."""

import re
from pathlib import Path

import pytest

from vec2attn_site.glossary import PAGE, pattern, plain, terms
from vec2attn_site.outline import LINK, read

ROOT = Path(__file__).parents[1]
BOOKS = read(ROOT)
TERMS = terms(ROOT)
FIND, BY_FORM = pattern(TERMS)
# words that are bold for stress, not because they are defined there
STRESSED = {
    "add", "scales", "at home", "wild", "columns", "product", "continuous", "lines", "closed", "left", "without",
    "thin", "shortest", "copy", "permute", "reshape", "multiply", "split", "central", "uses", "small changes",
    "small numbers", "frequencies", "stripes",
}  # fmt: skip


def paragraphs(text):
    """Give each paragraph of a notebook's prose as words, with the notebooks that it links to."""
    for unwanted in (r"```.*?```", r"\$\$.*?\$\$"):
        text = re.sub(unwanted, "", text, flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith(("#", "**Sources.**")):
            continue
        targets = {re.sub(r".*/", "", target).removesuffix(".ipynb") for target in LINK.findall(paragraph)}
        words = re.sub(r"\$[^$]*\$|`[^`]*`|<[^>]+>|\*", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph))
        yield " ".join(words.split()), {book.number for book in BOOKS if book.docname.split("/")[-1] in targets}


def test_no_term_is_used_before_its_notebook_without_a_link_to_it():
    early = []
    for book in BOOKS:
        seen = set()
        for words, linked in paragraphs(book.text):
            for found in FIND.finditer(words):
                term = BY_FORM[found[0]]
                late = book.number < term.number and book.number not in term.another_sense
                if term not in seen and late and term.number not in linked:
                    early.append(
                        f"{book.number}: {words[max(0, found.start() - 40) : found.end() + 20]!r} ({term.number})"
                    )
                seen.add(term)
    assert not early


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_a_term_is_used_where_it_is_introduced(term):
    book = next(book for book in BOOKS if book.number == term.number)
    words = " ".join(words for words, _ in paragraphs(book.text)).lower()
    assert any(form.lower() in words for form in term.forms)


def test_every_term_that_is_set_in_bold_where_it_is_defined_is_in_the_glossary():
    known = {form.lower() for term in TERMS for form in term.forms}
    missing = []
    for book in BOOKS:
        text = re.sub(r"```.*?```", "", book.text, flags=re.DOTALL)
        for bold in re.findall(r"\*\*([a-z][\w \-–’']*)\*\*(?! *[:.])", text):
            word = bold.lower()
            if len(bold.split()) <= 3 and not {word, word.removesuffix("s")} & (known | STRESSED):
                missing.append(f"{book.number}: {bold}")
    assert not missing


def test_every_stressed_word_is_still_in_bold_somewhere():
    assert not {word for word in STRESSED if not any(f"**{word}**" in book.text for book in BOOKS)}


def test_forms_are_found_as_whole_words_the_longest_first():
    names = [
        BY_FORM[found[0]].name for found in FIND.finditer("Singular values of a unit vector; norms, abnorm, Pca, PCA")
    ]
    assert names == ["singular value", "unit vector", "norm", "PCA"]
    assert plain("A *list* of `x`.") == "A list of x."
    assert plain("An $x$.") == ""


def test_a_line_without_meaning_and_a_form_that_stands_twice_are_refused(tmp_path):
    file = tmp_path / f"{PAGE}.txt"
    file.parent.mkdir(parents=True)
    for text, words in [
        ("[1.1]\nbasis", "needs lines"),
        ("basis | x", "needs lines"),
        ("[1.1]\nbasis ; | x", "needs lines"),
        ("[1.1]\nbasis | x\n[1.2]\nspan ; basis | y", "has 'basis' twice: 1.1 and 1.2"),
    ]:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=words):
            terms(tmp_path)
