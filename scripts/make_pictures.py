"""Draw the picture of the README (docs/softmax.svg) and the card that a shared link shows (card.png).

    python scripts/make_pictures.py

Real logits through the library's softmax; the card is the picture with the title, photographed by Chromium.
"""

import html
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from vec2attn.datasets import smollm2_logits, smollm2_prompts, smollm2_tokens
from vec2attn.softmax import softmax

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
INK, MUTED, RULE, SOFT, IN, OUT = "#1f2328", "#57606a", "#d0d7de", "#eef1f4", "#0b63b5", "#0f7b5f"
KEY, SHOWN, ROW, WIDTH = "australia", 7, 34, 760


def picture() -> str:
    """Return an SVG: a row for each of the most probable tokens, with its logit and its probability."""
    z, tokens = smollm2_logits(KEY), smollm2_tokens()
    p, order = softmax(z.astype(np.float64)), np.argsort(-z)[:SHOWN]
    height = 92 + ROW * SHOWN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif" font-size="15">',
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#fff"/>',
        _text(28, 38, f"“{smollm2_prompts()[KEY]} …”", INK, size=17),
        _text(28, 68, "next token", MUTED, size=13),
        _text(180, 68, "logit z", MUTED, size=13),
        _text(440, 68, "probability p = softmax(z)", MUTED, size=13),
    ]
    for row, token in enumerate(order):
        y = 80 + row * ROW
        parts += [
            _text(28, y + 19, tokens[token].replace(" ", "␣"), INK, mono=True),
            _bar(180, y + 8, 170, (z[token] - z[order[-1]] + 4) / (z[order[0]] - z[order[-1]] + 6), IN),
            _text(410, y + 19, f"{z[token]:.2f}", INK, end=True),
            _bar(440, y + 5, 220, p[token], OUT, 18),
            _text(WIDTH - 28, y + 19, f"{100 * p[token]:.1f} %", INK, end=True),
        ]
    return "\n".join([*parts, "</svg>\n"])


def _text(x: float, y: float, text: str, fill: str, size: int = 15, mono: bool = False, end: bool = False) -> str:
    family = ' font-family="ui-monospace, Menlo, Consolas, monospace"' if mono else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"{family}{anchor}>{html.escape(text)}</text>'


def _bar(x: float, y: float, width: float, share: float, fill: str, height: int = 12) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" fill="{SOFT}"/>'
        f'<rect x="{x}" y="{y}" width="{width * share:.1f}" height="{height}" rx="2" fill="{fill}"/>'
    )


CARD = """<style>
  @font-face { font-family: "Source Serif 4"; font-weight: 200 900; src: url("%s"); }
  body { margin: 0; width: 1200px; height: 630px; background: #14181e; color: #e6edf3; overflow: hidden; }
  h1 { font: 650 76px/1.1 "Source Serif 4"; margin: 56px 64px 6px; letter-spacing: -0.015em; }
  p { font: 30px/1.4 "Source Serif 4"; margin: 0 64px 30px; color: #9da7b3; }
  svg { display: block; margin: 0 64px; width: 1072px; height: auto; }
</style><h1>From Vectors to Attention</h1>
<p>The linear algebra inside large language models, to read, run and move</p>%s"""


def main() -> None:
    """Write both files."""
    from browser import ARGUMENTS, chromium_path

    svg = picture()
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs/softmax.svg").write_text(svg, encoding="utf-8")
    font = ROOT / "node_modules/@fontsource-variable/source-serif-4/files/source-serif-4-latin-wght-normal.woff2"
    page_file = ROOT / "_build/card.html"
    page_file.parent.mkdir(exist_ok=True)
    page_file.write_text(CARD % (font.as_uri(), svg), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(playwright), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        page.goto(page_file.as_uri())
        page.evaluate("document.fonts.ready")
        page.screenshot(path=ROOT / "lib/vec2attn_site/static/card.png")
        browser.close()


if __name__ == "__main__":
    main()
