"""The website's side of the book, run by Sphinx: figures without a kernel, formulas without a script, copies for Colab.

The library never imports this package.
"""

from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"


def setup(app: Any) -> dict[str, bool]:
    """Register all parts with Sphinx."""
    from vec2attn_site import assets, copies, execution, figures, formulas, pages

    for part in (execution, figures, formulas, assets, copies, pages):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
