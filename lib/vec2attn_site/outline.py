"""What the notebooks say of themselves: number, title, part, minutes, and which notebooks each one needs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBER = re.compile(r"(?<![\d.])[1-7]\.[1-9](?![\d.])")
LINK = re.compile(r"\]\(([^)#\s]+\.ipynb)[^)]*\)")


@dataclass(frozen=True)
class Notebook:
    """A notebook, read from its file. `needs` are the numbers of the notebooks named in its **Needs:** paragraph."""

    docname: str
    number: str
    title: str
    part: str
    minutes: int
    description: str
    needs: tuple[str, ...]
    text: str  # all its Markdown
    code: tuple[str, ...]  # its code cells, but for the quick questions


def read(root: Path) -> list[Notebook]:
    """Read all notebooks under `root/chapters`, in the order of their numbers.

    Raises
    ------
    ValueError : a notebook names none or an unknown one under **Needs:**, or two have the same number
    """
    files = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("chapters/*/*.ipynb"))}
    facts = {path: file["metadata"]["vec2attn"] for path, file in files.items()}
    by_path = {path.resolve(): fact["number"] for path, fact in facts.items()}
    if len(set(by_path.values())) < len(by_path):
        raise ValueError(f"two notebooks have the same number: {sorted(by_path.values())}")
    found = []
    for path, file in files.items():
        text = "\n\n".join(_source(cell) for cell in file["cells"] if cell["cell_type"] == "markdown")
        found.append(
            Notebook(
                docname=path.relative_to(root).with_suffix("").as_posix(),
                title=next(line[2:] for line in text.splitlines() if line.startswith("# ")),
                needs=_needs(path, text, by_path),
                text=text,
                code=tuple(map(_source, filter(_is_code, file["cells"]))),
                **{name: facts[path][name] for name in ("number", "part", "minutes", "description")},
            )
        )
    return sorted(found, key=lambda notebook: notebook.number)


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _is_code(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and "remove-input" not in cell["metadata"].get("tags", [])


def _needs(path: Path, text: str, by_path: dict[Path, str]) -> tuple[str, ...]:
    paragraph = next((p for p in re.split(r"\n\s*\n", text) if p.lstrip().startswith("**Needs:**")), None)
    if paragraph is None:
        raise ValueError(f"{path.name} has no paragraph that begins with **Needs:**")
    linked = {by_path.get((path.parent / target).resolve(), target) for target in LINK.findall(paragraph)}
    needs = linked | set(NUMBER.findall(LINK.sub("]", paragraph)))
    if unknown := needs - set(by_path.values()):
        raise ValueError(f"{path.name} needs {', '.join(sorted(unknown))}, which no notebook has as its number")
    return tuple(sorted(needs))


def reduced(needs: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return the arrows (from, to) without those that a longer way implies.

    Raises
    ------
    ValueError : the notebooks need each other in a circle, or one needs a later one
    """
    for number, before in needs.items():
        if late := [other for other in before if other >= number]:
            raise ValueError(f"{number} needs {', '.join(late)}, which does not come before it")
    above: dict[str, set[str]] = {}
    for number in sorted(needs):  # in this order everything above is known
        above[number] = set(needs[number]).union(*(above[other] for other in needs[number]))
    return [
        (start, end)
        for end, before in needs.items()
        for start in before
        if not any(start in above[other] for other in before)
    ]


def gathers(env: Any) -> None:
    """Note that the page which is being read is made from all notebooks: it is made anew whenever one has changed."""
    env.metadata[env.docname]["gathers"] = True


def _again(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> set[str]:
    gathering = {name for name in env.found_docs if env.metadata.get(name, {}).get("gathers")}
    return gathering if added | changed | removed else set()


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("env-get-outdated", _again)
