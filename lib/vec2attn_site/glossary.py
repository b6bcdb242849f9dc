"""The glossary: every term with its meaning, linked from its first use on each page of the book.

`chapters/appendix/glossary.txt` has the terms by the notebook that introduces them, one a line: the term, its other
forms after semicolons, then a bar and the meaning in Markdown. A form with ~ before it is too common a word to be
linked; !7.4 among the forms says that the term is not linked in notebook 7.4, where the word has another sense.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from vec2attn_site.outline import Notebook, gathers, read

PAGE = "chapters/appendix/glossary"
# where a term is not linked: what is no prose, or leads somewhere already
OUTSIDE = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.strong)
UNLINKED = ("Sources.", "From the library.", "Next:")  # paragraphs that begin so


@dataclass(frozen=True)
class Term:
    """A term: all its forms, itself the first; those that are linked; the notebooks in which none is.

    Then the notebook that introduces it, and its meaning.
    """

    forms: tuple[str, ...]
    linked: tuple[str, ...]
    another_sense: tuple[str, ...]
    number: str
    meaning: str

    @property
    def name(self) -> str:
        """Return the term itself."""
        return self.forms[0]

    @property
    def anchor(self) -> str:
        """Return its place on the page of the glossary."""
        return "term-" + re.sub(r"\W+", "-", self.name.lower()).strip("-")


def terms(root: Path) -> list[Term]:
    """Read the glossary of the book whose folder is `root`, in the order of the notebooks.

    Raises
    ------
    ValueError : a line is neither a notebook's number nor a term with a meaning, or a form stands twice
    """
    return parsed((root / f"{PAGE}.txt").read_text(encoding="utf-8"))


def parsed(text: str) -> list[Term]:
    """Return the terms of a glossary's text; refuses what `terms` refuses."""
    found, number = [], ""
    seen: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(\d\.\d)\]", line):
            number = heading[1]
            continue
        left, bar, meaning = line.partition(" | ")
        written = [form.strip() for form in left.split(";")]
        another_sense = tuple(form[1:] for form in written if form.startswith("!"))
        written = [form for form in written if not form.startswith("!")]
        forms = tuple(form.removeprefix("~") for form in written)
        if not (bar and number and meaning.strip() and all(forms)):
            raise ValueError(f"the glossary needs lines `term ; other form | meaning` below a [number]; got {line!r}")
        for form in forms:
            if form in seen:
                raise ValueError(f"the glossary has {form!r} twice: {seen[form]} and {number}")
            seen[form] = number
        linked = tuple(form for form in written if not form.startswith("~"))
        found.append(Term(forms, linked, another_sense, number, meaning.strip()))
    return found


def pattern(all_terms: list[Term]) -> tuple[re.Pattern[str], dict[str, Term]]:
    """Return a pattern that finds every form as a whole word, the longest first, and the term of each form.

    A form in small letters may begin with a capital; one with capitals of its own is found as it is.
    """
    by_form = {}
    for term in all_terms:
        for form in term.linked:
            by_form[form] = term
            if form[0].islower():
                by_form[form[0].upper() + form[1:]] = term
    longest_first = sorted(by_form, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-]|’s|'s)"), by_form


@cache
def finder(text: str) -> tuple[re.Pattern[str], dict[str, Term]]:
    """Return what `pattern` makes of a whole glossary: made once, for all pages."""
    return pattern(parsed(text))


def prose(doctree: nodes.document) -> Iterator[nodes.Text]:
    """Give the pieces of text on which terms are linked."""
    for paragraph in doctree.findall(nodes.paragraph):
        if paragraph.astext().startswith(UNLINKED):
            continue
        for text in paragraph.findall(nodes.Text):
            parent = text.parent
            while parent is not paragraph and not isinstance(parent, OUTSIDE):
                parent = parent.parent
            if parent is paragraph:
                yield text


def plain(meaning: str) -> str:
    """Return a meaning as text for a tooltip: its sentences without TeX, of which a browser would show the source."""
    sentences = re.split(r"(?<=[.!?:]) (?=[A-Z$])", meaning)
    return re.sub(r"[*`]", "", " ".join(sentence for sentence in sentences if "$" not in sentence))


def _link(app: Any, doctree: nodes.document, docname: str) -> None:
    if not re.match(r"chapters/\d", docname):
        return
    expression, by_form = finder(app.config.vec2attn_glossary)
    number = app.env.metadata[docname]["book"]["number"]
    page, done = app.builder.get_relative_uri(docname, PAGE), set()
    for text in list(prose(doctree)):
        pieces, end, whole = [], 0, text.astext()
        for found in expression.finditer(whole):
            term = by_form[found[0]]
            if term in done or number in term.another_sense:
                continue
            done.add(term)
            link = nodes.reference("", found[0], internal=True, refuri=f"{page}#{term.anchor}", classes=["book-term"])
            if tip := plain(term.meaning):
                link["reftitle"] = tip
            pieces += [nodes.Text(whole[end : found.start()]), link]
            end = found.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(whole[end:])])


class Terms(Directive):  # type: ignore[misc]
    """`{terms}`: the whole glossary, by the alphabet."""

    def run(self) -> list[nodes.Node]:
        """Make a definition list, each term with a link to the notebook that introduces it."""
        env = self.state.document.settings.env
        gathers(env)
        root = Path(env.app.confdir)
        books: dict[str, Notebook] = {book.number: book for book in read(root)}
        made = nodes.definition_list(classes=["book-glossary"])
        for term in sorted(terms(root), key=lambda term: term.name.casefold()):
            book = books[term.number]
            words = f"{term.meaning} ([{term.number}](/{book.docname}.ipynb))"
            meaning = nodes.definition()
            self.state.nested_parse(StringList([words], source=f"{PAGE}.txt"), self.content_offset, meaning)
            made += nodes.definition_list_item("", nodes.term("", term.name, ids=[term.anchor]), meaning)
        return [made]


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_directive("terms", Terms)
    app.connect("doctree-resolved", _link)
    # pages are rendered anew when the glossary has changed
    app.add_config_value("vec2attn_glossary", (Path(app.confdir) / f"{PAGE}.txt").read_text(encoding="utf-8"), "env")
