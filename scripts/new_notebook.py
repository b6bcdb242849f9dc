"""Begin a notebook: the file with every section that a notebook has, its exercises, and its entries in the lists.

    python scripts/new_notebook.py 3 markov_chains "Markov chains"

makes the next notebook of part 3. What it writes runs and passes the tests as it stands: it is the smallest notebook
with a claim, quick questions and an exercise that work. Replace its example by yours, section by section.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
FIRST = "chapters/01_vector_space/vectors.ipynb"

TEMPLATE = Path(__file__).with_suffix(".txt")  # cells after lines "%% md tags" and "%% code tags"
EXERCISES = '''"""Answers to the exercises of notebook {number}, {title}."""

import numpy as np

from vec2attn.exercises import Exercise
from vec2attn.vectors import dot

v = np.array([1.0, 2.0, 3.0])


def _tables() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(4, 3)), rng.normal(size=(rows, 3))) for rows in (4, 2)]


EXERCISES = {{
    "{number}/1": Exercise(
        right=lambda: dot(v, v),
        mistakes={{
            "the length; the dot product with itself is its square": lambda: np.sqrt(dot(v, v)),
            "the sum of the entries": lambda: v.sum(),
        }},
        praise="It is the square of the length.",
    ),
    "{number}/2": Exercise(
        right=lambda: 2 / 3,
        mistakes={{"the sign: the dot product must be 0": lambda: -2 / 3}},
        praise="All multiples of (2/3, 2) are orthogonal to it.",
        tolerance=1e-3,
    ),
    "{number}/3": Exercise(
        right=lambda A, B: A @ B.T,
        inputs=_tables,
        mistakes={{"rows of the result belong to A, columns to B": lambda A, B: B @ A.T}},
        praise="One matrix product holds them all.",
    ),
}}
'''


def begin(root: Path, part: int, name: str, title: str) -> Path:
    """Write a notebook and its exercises, and enter both in the lists.

    Raises
    ------
    ValueError : no such part, a name that is no Python name or is taken
    """
    toc_file = root / "_toc.yml"
    toc = yaml.safe_load(toc_file.read_text(encoding="utf-8"))
    parts = {one["caption"][0]: one for one in toc["parts"] if one["caption"][0].isdigit()}
    if str(part) not in parts:
        raise ValueError(f"the parts are {', '.join(parts)}; got {part}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or list(root.glob(f"chapters/*/{name}.ipynb")):
        raise ValueError(f"the name must be new, of small letters, digits and _; got {name!r}")
    entries = parts[str(part)]["chapters"]
    number = f"{part}.{len(entries) + 1}"
    path = root / Path(entries[-1]["file"]).parent / f"{name}.ipynb"
    _write(root, path, number, parts[str(part)]["caption"], title)

    module = root / "lib/vec2attn/exercises" / f"{name}.py"
    module.write_text(EXERCISES.format(number=number, title=title), encoding="utf-8")
    docname = path.relative_to(root).with_suffix("").as_posix()
    last = entries[-1]
    _after(toc_file, f"        title: {last['title']}\n", f"      - file: {docname}\n        title: {number} {title}\n")
    modules = module.with_name("__init__.py")
    _after(modules, f'    "{last["title"].split()[0]}": "{Path(last["file"]).name}",\n', f'    "{number}": "{name}",\n')
    _after(root / "index.md", f"[{last['title']}]({last['file']}.ipynb)", f" · [{number} {title}]({docname}.ipynb)")
    return path


def cells(text: str) -> list[Any]:
    """Return cells from text in which each begins with a line "%% md" or "%% code" and its tags."""
    made = []
    for found in re.finditer(r"^%% (md|code)(.*)\n((?:(?!^%% ).*\n)*)", text, re.MULTILINE):
        kind, tags, source = found[1], found[2].split(), found[3].strip("\n")
        cell = (nbformat.v4.new_markdown_cell if kind == "md" else nbformat.v4.new_code_cell)(source)
        cell.id = hashlib.sha256(found[0].encode()).hexdigest()[:8]
        if tags:
            cell.metadata["tags"] = tags
        made.append(cell)
    return made


def _write(root: Path, path: Path, number: str, part: str, title: str) -> None:
    first = nbformat.read(root / FIRST, as_version=4)
    setup = next(cell for cell in first.cells if "setup" in cell.metadata.get("tags", []))
    words = {"number": number, "title": title, "seed": number.replace(".", "")}
    template = re.sub(r"\{(number|title|seed)\}", lambda m: words[m[1]], TEMPLATE.read_text(encoding="utf-8"))
    notebook = nbformat.v4.new_notebook(cells=cells(template))
    next(cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])).source = setup.source
    description = f"{title}: what it is, by hand and by the library, what it costs, and what is often said of it."
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "vec2attn": {"number": number, "part": part, "minutes": 10, "description": description},
    }
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _after(file: Path, mark: str, text: str) -> None:
    before = file.read_text(encoding="utf-8")
    if before.count(mark) != 1:
        raise ValueError(f"{file.name} should hold {mark.strip()!r} once; it does {before.count(mark)} times")
    file.write_text(before.replace(mark, mark + text), encoding="utf-8")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", type=int, help="1 to 7")
    parser.add_argument("name", help="of the file, such as markov_chains")
    parser.add_argument("title")
    arguments = parser.parse_args()
    path = begin(ROOT, arguments.part, arguments.name, arguments.title)
    print(f"{path.relative_to(ROOT)}: now `python scripts/tidy_notebooks.py --run {path.relative_to(ROOT)}`")


if __name__ == "__main__":
    main()
