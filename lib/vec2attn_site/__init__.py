"""The website's side of the book, run by Sphinx: figures without a kernel, formulas without a script, copies for Colab.

The library never imports this package.
"""

import hashlib
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"


def setup(app: Any) -> dict[str, bool]:
    """Register all parts with Sphinx."""
    from vec2attn_site import (
        assets,
        bibliography,
        claims,
        copies,
        execution,
        figures,
        fonts,
        formulas,
        glossary,
        measured,
        mind_map,
        offline,
        outline,
        pages,
        reference,
        units,
    )

    parts = (outline, execution, figures, formulas, assets, copies, mind_map, claims)
    for part in (*parts, glossary, bibliography, measured, reference, units, pages, fonts, offline):
        part.setup(app)
    # a page is rendered anew when the code that renders it has changed
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.*")))
    app.add_config_value("vec2attn_site_code", hashlib.sha256(code).hexdigest(), "env")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
