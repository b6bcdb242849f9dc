"""Claims on trial: every claim of the book in one table, gathered from the pages; nothing is typed twice.

A claim is a section "Often said: …" with a cell tagged `claim` and a paragraph that begins with "Verdict: …".
"""

from dataclasses import dataclass
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

from vec2attn_site.outline import gathers, read

OFTEN = "Often said:"
KINDS = {"false": "✗", "true": "✓", "it depends": "∼"}
LINES = 8  # of output shown in the table


class claims(nodes.General, nodes.Element):  # type: ignore[misc]
    """Where the table goes."""


class Claims(Directive):  # type: ignore[misc]
    """`{claims}`: the table of all claims."""

    def run(self) -> list[nodes.Node]:
        """Put the node in its place; it is filled when all pages are read."""
        gathers(self.state.document.settings.env)
        return [claims()]


@dataclass
class Claim:
    """What was said, where, what was found, and the paragraph and the output that say so."""

    said: str
    number: str
    docname: str
    anchor: str
    verdict: str
    paragraph: nodes.paragraph
    measured: str

    @property
    def kind(self) -> str:
        """Return `false`, `true` or `it depends`, whatever else the verdict adds."""
        return next(kind for kind in KINDS if self.verdict.startswith(kind))


def gathered(doctree: nodes.document, docname: str, number: str) -> list[Claim]:
    """Return the claims of a page.

    Raises
    ------
    ValueError : a claim has no deciding cell, no verdict, or another verdict than false, true or it depends
    """
    found = []
    for section in doctree.findall(nodes.section):
        title = section[0].astext()
        if not title.startswith(OFTEN):
            continue
        cells = [c for c in section.findall(nodes.container) if "claim" in c.get("cell_metadata", {}).get("tags", [])]
        verdicts = [p for p in section.findall(nodes.paragraph) if p.astext().startswith("Verdict:")]
        if len(cells) != 1 or len(verdicts) != 1:
            raise ValueError(
                f"{docname}, {title!r}: a claim needs one cell tagged claim and one verdict; "
                f"got {len(cells)} and {len(verdicts)}"
            )
        bold = next(verdicts[0].findall(nodes.strong)).astext()
        verdict = bold.removeprefix("Verdict:").strip().rstrip(".")
        if not verdict.startswith(tuple(KINDS)):
            raise ValueError(f"{docname}, {title!r}: the verdict is {', '.join(KINDS)}; got {verdict!r}")
        said = title.removeprefix(OFTEN).strip().strip('“”"')
        found.append(Claim(said, number, docname, section["ids"][0], verdict, verdicts[0], _output(cells[0])))
    return found


def _output(cell: nodes.Element) -> str:
    """Return what a cell has printed, its first lines."""
    blocks = (o for o in cell.findall(nodes.container) if "output" in " ".join(o.get("classes", [])))
    text = "\n".join(block.astext() for out in blocks for block in out.findall(nodes.literal_block))
    lines = text.strip("\n").splitlines()
    return "\n".join(lines[:LINES] + (["…"] if len(lines) > LINES else []))


def _row(claim: Claim, address: str) -> nodes.row:
    what = nodes.paragraph("", "", nodes.reference("", f"“{claim.said}”", internal=True, refuri=address))
    mark = nodes.inline("", f"{KINDS[claim.kind]} {claim.verdict}", classes=["claim-verdict"])
    why = claim.paragraph.deepcopy()
    why.remove(next(why.findall(nodes.strong)))
    for link in list(why.findall(addnodes.pending_xref)):  # they are relative to another page
        link.replace_self(link.children)
    measured = [nodes.literal_block("", claim.measured, language="none")] if claim.measured else []
    return nodes.row(
        "",
        nodes.entry("", what, nodes.paragraph("", "", mark, nodes.Text(f" in {claim.number}"))),
        nodes.entry("", why, *measured),
        classes=[f"claim-{claim.kind.replace(' ', '-')}"],
    )


def _fill(app: Any, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(claims)):
        books = read(app.confdir)
        all_claims = [c for b in books for c in gathered(app.env.get_doctree(b.docname), b.docname, b.number)]
        rows = [
            _row(claim, f"{app.builder.get_relative_uri(docname, claim.docname)}#{claim.anchor}")
            for claim in all_claims
        ]
        counts = {kind: sum(claim.kind == kind for claim in all_claims) for kind in KINDS}
        titles = ("Often said, and the verdict", "Why, and what the cell has printed")
        heads = [nodes.entry("", nodes.paragraph("", text)) for text in titles]
        group = nodes.tgroup(
            "", *(nodes.colspec(colwidth=width) for width in (35, 65)),
            nodes.thead("", nodes.row("", *heads)), nodes.tbody("", *rows), cols=2,
        )  # fmt: skip
        summary = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        node.replace_self(
            [
                nodes.paragraph("", f"{len(all_claims)} claims: {summary}.", classes=["claims-count"]),
                nodes.table("", group, classes=["claims-table"]),
            ]
        )


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_node(claims)
    app.add_directive("claims", Claims)
    app.connect("doctree-resolved", _fill, priority=400)  # before formulas and links are drawn
