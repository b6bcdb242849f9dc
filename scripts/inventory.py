"""Print what each notebook holds: figures, plots, claims, quick questions, exercises; and the sums.

    python scripts/inventory.py [the built site]

Figures, plots and questions are counted on the built pages, so what is printed is what a reader meets.
"""

import re
import sys
from pathlib import Path

from vec2attn_site.outline import read

ROOT = Path(__file__).resolve().parents[1]
COUNTED = {
    "figures": r'class="v2a-figure" data-name="(?!quick_question)',
    "plots": r'class="v2a-plot"',
    "claims": r"<h3>Often said:",
    "questions": r'class="v2a-figure" data-name="quick_question"',
    "exercises": r'<span class="n">check</span><span class="p">\(</span><span class="s2">',
}


def main(site: Path) -> None:
    """Print one line a notebook."""
    books = read(ROOT)
    print(f"{'':4} {'':40} {'minutes':>8}" + "".join(f"{name:>11}" for name in COUNTED))
    sums = dict.fromkeys(COUNTED, 0)
    for book in books:
        html = (site / f"{book.docname}.html").read_text(encoding="utf-8")
        counts = {name: len(re.findall(pattern, html)) for name, pattern in COUNTED.items()}
        sums = {name: sums[name] + counts[name] for name in sums}
        line = "".join(f"{n:11}" for n in counts.values())
        print(f"{book.number:4} {book.title:40.40} {book.minutes:8}{line}")
    line = "".join(f"{n:11}" for n in sums.values())
    print(f"{'':4} {f'{len(books)} notebooks':40} {sum(book.minutes for book in books):8}{line}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build/html")
