"""The table of benchmarks: what `make bench` has stored, with its date."""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

FILE = "benchmarks/results.json"
HEADS = ("What", "Compared with", "Ours / theirs", "Goal, at most")


def ratio(x: float) -> str:
    """Write a ratio with two or three digits that count."""
    return f"{x:.2f}" if x >= 0.095 else f"{x:.2g}"


class Benchmarks(Directive):  # type: ignore[misc]
    """`{benchmarks}`: the table, and when and where it was measured."""

    def run(self) -> list[nodes.Node]:
        """Make the table; a goal that was missed says so."""
        env = self.state.document.settings.env
        path = Path(env.app.confdir) / FILE
        env.note_dependency(str(path))
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            (
                row["what"],
                row["peer"],
                f"{ratio(row['ratio'])}{'' if row['ratio'] <= row['goal'] else ' ✗ missed'}",
                ratio(row["goal"]),
            )
            for row in stored["rows"]
        ]
        group = nodes.tgroup(
            "", *(nodes.colspec(colwidth=width) for width in (46, 20, 18, 16)),
            nodes.thead("", _row(HEADS)), nodes.tbody("", *map(_row, rows)), cols=len(HEADS),
        )  # fmt: skip
        versions = ", ".join(f"{name} {number}" for name, number in stored["versions"].items())
        reached = sum(row["ratio"] <= row["goal"] for row in stored["rows"])
        words = f"Measured on {stored['date']}: {stored['machine']}; {versions}."
        words += f" {reached} of {len(rows)} goals reached."
        return [nodes.paragraph("", words), nodes.table("", group, classes=["bench-table"])]


def _row(texts: tuple[str, ...]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in texts))


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.add_directive("benchmarks", Benchmarks)
