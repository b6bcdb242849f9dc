"""The library reference: docstrings as Sphinx's autodoc reads them, and links between functions and notebooks.

A docstring of the library is plain text with $formulas$, `code` and sections such as Parameters, whose entries read
`name : what it is`. Here it becomes what Sphinx expects; a line says which notebooks use the function, and every
notebook ends with a line that names what it has used.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.ext.autodoc import FunctionDocumenter

from vec2attn.autograd import Operation
from vec2attn.widgets.base import Figure
from vec2attn_site.outline import Notebook, gathers, read

SECTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises")
MARKED = re.compile(r"(`+)(.+?)\1|\$\$?([^$]+?)\$\$?|\b(arXiv|doi):([\w./:()<>;-]*[\w)])", re.DOTALL)
WEB = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
HIDDEN = {"check", "show"}  # in every notebook; they say nothing about this one


def _marked(found: re.Match[str]) -> str:
    """Return code, a formula or the number of a paper as reStructuredText."""
    _, code, formula, kind, number = found.groups()
    if kind:
        if number.count(")") > number.count("("):  # the end of a remark in brackets
            number = number[:-1]
        return f"`{kind}:{number} <{WEB[kind]}{number}>`__" + found[0][len(f"{kind}:{number}") :]
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    made = f"``{code}``" if code else f":math:`{' '.join(formula.split())}`"
    return "\\ " * before.isalnum() + made + "\\ " * after.isalnum()


def _text(lines: list[str]) -> list[str]:
    """Return plain text as reStructuredText: what is marked there is marked here, nothing else is."""
    text, made, end = "\n".join(lines), [], 0
    for found in MARKED.finditer(text):
        made += [_plain(text[end : found.start()]), _marked(found)]
        end = found.end()
    return "".join([*made, _plain(text[end:])]).split("\n")


def _plain(text: str) -> str:
    return re.sub(r"[\\*|]|_(?!\w)", r"\\\g<0>", text)


def as_rst(lines: list[str]) -> list[str]:
    """Return a docstring of the library as reStructuredText."""
    made: list[str] = []
    i = 0
    while i < len(lines):
        ruled = i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1].strip())
        if lines[i].strip() in SECTIONS and ruled:
            end = next((j for j in range(i + 2, len(lines)) if not lines[j].strip()), len(lines))
            made += ["", f":{lines[i].strip()}:", *_entries(lines[i + 2 : end]), ""]
            i = end
        else:
            start = i
            while i < len(lines) and not (i > start and lines[i].strip() in SECTIONS):
                i += 1
            made += _text(lines[start:i])
    return made


def _entries(lines: list[str]) -> list[str]:
    """Return the entries of a section as a definition list inside a field."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        name, colon, words = line.strip().partition(" : ")
        if colon and not line.startswith(" "):
            entries.append((name, [words]))
        elif entries:
            entries[-1][1].append(line.strip())
        else:
            entries.append(("", [line.strip()]))
    made = []
    for name, about in entries:
        made += [f"   ``{name}``", *(f"      {line}" for line in _text(about))] if name else _text([f"   {about[0]}"])
    return made


def imported(book: Notebook) -> Iterator[str]:
    """Give the full name of everything that a notebook imports from the library, in the notebook's order."""
    for code in book.code:
        for node in ast.walk(ast.parse(code)) if "vec2attn" in code else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vec2attn"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in HIDDEN)


@cache
def used_by(root: Path) -> dict[str, list[Notebook]]:
    """Return for every function and class of the library the notebooks that import it."""
    found: dict[str, list[Notebook]] = {}
    for book in read(root):
        for name in dict.fromkeys(imported(book)):
            found.setdefault(name, []).append(book)
    return found


def documented(name: str) -> bool:
    """Say whether a name is a public function or class, and so has an entry in the reference."""
    path, _, own = name.rpartition(".")
    module = importlib.import_module(path)
    inner = path.count(".") > 1 and not path.startswith("vec2attn.widgets.")  # inside a package, which names its own
    return callable(getattr(module, own, None)) and not inner


class OperationDocumenter(FunctionDocumenter):
    """An operation of the engine is called as a function, and is described as one."""

    objtype, directivetype, priority = "operation", "function", 20

    @classmethod
    def can_document_member(cls, member: Any, membername: str, isattr: bool, parent: Any) -> bool:
        """Say whether this class describes `member`."""
        return isinstance(member, Operation)


def _describe(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    made = as_rst(lines)
    if isinstance(thing, type) and issubclass(thing, Figure):
        settings = {
            n: trait for n, trait in thing.class_traits(sync=True).items() if trait.help and not trait.read_only
        }
        own = [f"{n} : {settings[n].help}" for n in settings if n in vars(thing)]
        made += ["", ":Settings:", *_entries(own)] if own else []
    gathers(app.env)
    if books := used_by(Path(app.confdir)).get(name):
        made += ["", "Used in " + ", ".join(f":doc:`{book.number} </{book.docname}>`" for book in books) + "."]
    lines[:] = made


def _name_what_was_used(app: Any, doctree: nodes.document) -> None:
    """End a notebook with a line that links to everything it has taken from the library."""
    docname = app.env.docname
    names = [
        name
        for name, books in used_by(Path(app.confdir)).items()
        if any(book.docname == docname for book in books) and documented(name)
    ]
    if not names:
        return
    line = nodes.paragraph("", "", nodes.strong("", "From the library."), nodes.Text(" "), classes=["book-used"])
    for i, name in enumerate(names):
        link = addnodes.pending_xref(
            "", nodes.literal("", name.rpartition(".")[2]),
            refdomain="py", reftype="obj", reftarget=name, refdoc=docname, refexplicit=True, refwarn=True,
        )  # fmt: skip
        line += [nodes.Text(", ")] * (i > 0) + [link]
    sections = [node for node in doctree.children if isinstance(node, nodes.section)]
    (list(sections[-1].findall(nodes.section)) or sections)[-1].append(line)


def _short(app: Any, what: str, name: str, thing: Any, options: Any, signature: str, result: str) -> Any:
    """Write types by their last names, and say of a figure only that it takes settings."""
    if isinstance(thing, type) and issubclass(thing, Figure) and signature == "(*args: t.Any, **kwargs: t.Any)":
        return "(**settings)", None

    def plain(text: str) -> str:
        return re.sub(r"~?\b(?:[a-z_]\w*\.)+(?=[A-Za-z_])", "", re.sub(r"<class '([\w.]+)'>", r"\1", text))

    return signature and plain(signature), result and plain(result)


def _skip(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples, which their class describes."""
    return True if str(getattr(thing, "__doc__", "")).startswith("Alias for field number") else None


def _plain_types(app: Any, doctree: nodes.document) -> None:
    """Take the links out of signatures: a type is written there by its last name, which more than one thing has."""
    for signature in doctree.findall(addnodes.desc_signature):
        for link in list(signature.findall(addnodes.pending_xref)):
            link.replace_self(link.children)


def _without_lists(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the parameters of a signature as lines: Sphinx makes a list of meanings without terms of them."""

    def lines(signature: re.Match[str]) -> str:
        made = re.sub(r"<d[ld]>", '<span class="sig-line">', signature[0])
        return re.sub(r"</d[ld]>", "</span>", made)

    if 'class="sig ' in context.get("body", ""):
        context["body"] = re.sub(r'<dt class="sig .*?</dt>', lines, context["body"], flags=re.DOTALL)


def _forget(app: Any, env: Any, docnames: list[str]) -> None:
    used_by.cache_clear()


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.viewcode")
    app.add_autodocumenter(OperationDocumenter)
    app.connect("env-before-read-docs", _forget)
    app.connect("autodoc-process-docstring", _describe)
    app.connect("autodoc-process-signature", _short)
    app.connect("autodoc-skip-member", _skip)
    app.connect("doctree-read", _name_what_was_used)
    app.connect("doctree-read", _plain_types)
    app.connect("html-page-context", _without_lists)
