"""Keep the notebooks of chapters/ as they are stored: without outputs, but for cells whose outputs nbval compares.

    python scripts/tidy_notebooks.py            strip outputs, counts and editors' metadata
    python scripts/tidy_notebooks.py --check    change nothing; exit 1 and say where a notebook is not tidy
    python scripts/tidy_notebooks.py --run      run the notebooks and store the outputs of the compared cells anew

A cell tagged `nbval-check-output` keeps its outputs *and* its execution count: where one is missing, nbval passes
silently. (nbstripout can keep the one by tag, but not the other.)
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
COMPARED = "nbval-check-output"
UNSEEN = "remove-input"  # quick questions: the code holds the answer, so it is folded away in Jupyter and Colab too


def kept(cell: Any) -> dict[str, Any]:
    """Return the metadata that a cell keeps."""
    tags = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
    return tags | ({"cellView": "form", "jupyter": {"source_hidden": True}} if UNSEEN in tags.get("tags", []) else {})


def problems(notebook: Any) -> list[str]:
    """Say what is not tidy."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if dict(cell.metadata) != kept(cell):
            found.append(f"cell {number} has metadata {sorted(cell.metadata)} instead of {sorted(kept(cell))}")
        if cell.cell_type != "code":
            continue
        stored = bool(cell.outputs), cell.execution_count is not None
        if COMPARED in cell.metadata.get("tags", []):
            if stored != (True, True):
                found.append(f"cell {number} is compared by nbval but has no stored output or count: run with --run")
            if any(output.output_type == "error" for output in cell.outputs):
                found.append(f"cell {number} has an error for its stored output")
        elif any(stored):
            found.append(f"cell {number} has an output or a count")
    if extra := set(notebook.metadata) - {"kernelspec", "language_info", "vec2attn"}:
        found.append(f"the notebook has metadata {sorted(extra)}")
    return found


def tidy(notebook: Any) -> None:
    """Strip what is not kept."""
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(kept(cell))
        if cell.cell_type == "code" and COMPARED not in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "vec2attn": notebook.metadata.get("vec2attn", {}),
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of chapters/")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--run", action="store_true")
    arguments = parser.parse_args()
    wrong = 0
    for path in arguments.notebooks or sorted(ROOT.glob("chapters/**/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if arguments.check:
            for problem in problems(notebook):
                print(f"{path}: {problem}")
                wrong += 1
            continue
        if arguments.run:
            print(f"running {path}", flush=True)
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
        tidy(notebook)
        nbformat.write(notebook, path)
    if wrong:
        print("run scripts/tidy_notebooks.py")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
