"""The bibliography: every source of `references.bib`, with the notebooks and library pages that cite it."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from pybtex.database import Entry, parse_file

from vec2attn_site.outline import Notebook, gathers, read

FILE = "chapters/appendix/references.bib"
LINK = re.compile(r"\]\((https?://(?:[^()\s]|\([^()\s]*\))+)\)")
IN_CODE = re.compile(r"\b(?:arXiv:(?:[\w-]+/)?\d[\d.]*\d|doi:10\.\d+/(?:[^\s,;()]|\([^\s()]*\))*[^\s,;().])")
# manuals and files of software and hardware, which are no literature
MANUALS = ("docs.pytorch.org", "numpy.org", "github.com", "einops.rocks", "nvidia.com")
AUTHORS = 4  # named in full


@dataclass(frozen=True)
class Source:
    """An entry of the file, and how it is recognised where it is cited: `mark` is an address, or words of the text."""

    key: str
    entry: Entry
    mark: str


def address(mark: str) -> str:
    """Return the one form in which addresses are compared: DOIs and arXiv numbers as links, brackets as they are."""
    mark = re.sub(r"^doi:", "https://doi.org/", re.sub(r"^arXiv:", "https://arxiv.org/abs/", mark))
    return mark.replace("%28", "(").replace("%29", ")").rstrip("/")


def sources(root: Path) -> list[Source]:
    """Read the file.

    Raises
    ------
    ValueError : an entry has not exactly one of doi, eprint, url and cited
    """
    found = []
    for key, entry in parse_file(str(root / FILE)).entries.items():
        fields = {name: entry.fields[name] for name in ("doi", "eprint", "url", "cited") if name in entry.fields}
        if len(fields) != 1:
            raise ValueError(f"{key} needs one of doi, eprint, url and cited; it has {sorted(fields)}")
        (name, value), *_ = fields.items()
        prefix = {"doi": "doi:", "eprint": "arXiv:"}.get(name, "")
        found.append(Source(key, entry, value if name == "cited" else address(prefix + value)))
    return found


@cache
def cited(text: str) -> frozenset[str]:
    """Return the addresses of literature that a notebook's Markdown links to."""
    found = {address(link) for link in LINK.findall(text)}
    return frozenset(link for link in found if not any(host in link for host in MANUALS))


def cited_in_code(root: Path) -> dict[str, set[str]]:
    """Return the addresses that the library's docstrings name, each with the modules."""
    found: dict[str, set[str]] = {}
    library = root / "lib/vec2attn"
    for file in sorted(library.rglob("*.py")):
        for mark in IN_CODE.findall(file.read_text(encoding="utf-8")):
            found.setdefault(address(mark), set()).add(file.relative_to(library).parts[0].removesuffix(".py"))
    return found


def citing(source: Source, books: list[Notebook]) -> list[Notebook]:
    """Return the notebooks that cite a source."""
    if source.mark.startswith("http"):
        return [book for book in books if source.mark in cited(book.text)]
    return [book for book in books if source.mark in book.text]


def described(source: Source) -> list[nodes.Node]:
    """Return authors, year, title and place of publication."""
    entry, people = source.entry, source.entry.persons["author"]
    names = [" ".join([*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names]) for p in people]
    names = [name.strip("{}") for name in names]
    if names[-1] == "others" or len(names) > AUTHORS:
        who = f"{names[0]} et al."
    else:
        who = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    made = [
        nodes.Text(f"{who}{'' if who.endswith('.') else ','} {entry.fields['year']}. "),
        nodes.emphasis("", entry.fields["title"]),
        nodes.Text(f". {entry.fields['note']}. " if "note" in entry.fields else ". "),
    ]
    if source.mark.startswith("http"):
        shown = re.sub(r"^https://(?:doi\.org/|arxiv\.org/abs/|)", "", source.mark)
        kind = "doi:" if "doi" in entry.fields else "arXiv:" if "eprint" in entry.fields else ""
        made.append(nodes.reference("", kind + shown, refuri=source.mark.replace("(", "%28").replace(")", "%29")))
        made.append(nodes.Text(". "))
    return made


class Bibliography(Directive):  # type: ignore[misc]
    """`{sources}`: the list of all sources, by first author and year."""

    def run(self) -> list[nodes.Node]:
        """Make a list with the notebooks that cite each source."""
        env = self.state.document.settings.env
        gathers(env)
        root = Path(env.app.confdir)
        env.note_dependency(str(root / FILE))
        books, in_code = read(root), cited_in_code(root)
        made = nodes.bullet_list(classes=["book-sources"])
        for source in sources(root):
            line = nodes.paragraph("", "", *described(source), ids=[f"source-{source.key}"])
            places: list[nodes.Node] = []
            for book in citing(source, books):
                target = env.app.builder.get_relative_uri(env.docname, book.docname)
                places.append(nodes.reference("", book.number, internal=True, refuri=target))
            places += [nodes.literal("", f"vec2attn.{module}") for module in sorted(in_code.get(source.mark, ()))]
            listed = [part for place in places for part in (nodes.Text(", "), place)][1:]
            line += [nodes.inline("", "Cited in ", *listed, nodes.Text("."), classes=["source-cited"])]
            made += nodes.list_item("", line)
        return [made]


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_directive("sources", Bibliography)
