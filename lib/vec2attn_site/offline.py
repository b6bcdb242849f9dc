"""The whole site in one zip file, which works where there is no network: unpack it and open `index.html`."""

import zipfile
from pathlib import Path
from typing import Any

NAME = "from-vectors-to-attention.zip"
WITHOUT = (".zip", ".pdf", ".inv", ".buildinfo", ".pickle")
OLD = (1980, 1, 1, 0, 0, 0)  # one time for all files: the same site gives the same zip


def pack(site: Path) -> Path:
    """Write the zip file into the site and return it."""
    target = site / NAME
    files = sorted(path for path in site.rglob("*") if path.is_file() and not path.name.endswith(WITHOUT))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        for path in files:
            info = zipfile.ZipInfo(f"from-vectors-to-attention/{path.relative_to(site).as_posix()}", OLD)
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, path.read_bytes())
    return target


def _pack(app: Any, error: Exception | None) -> None:
    if not error and app.builder.format == "html":
        pack(Path(app.outdir))


def setup(app: Any) -> None:
    """Connect to Sphinx, after all that still changes files."""
    app.connect("build-finished", _pack, priority=990)
