"""The library reference: docstrings become reStructuredText, and links say who uses what."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from test_package import ORDER
from vec2attn_site.reference import as_rst, documented, used_by

ROOT = Path(__file__).parents[1]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("chapters/library/*.md"))}


def rst(text):
    return "\n".join(as_rst(text.split("\n"))).strip()


@pytest.mark.parametrize(
    ("plain", "marked"),
    [
        ("`x` and $x^2$", "``x`` and :math:`x^2`"),
        ("$$a\n= b$$", ":math:`a = b`"),
        ("2·$n$s", r"2·:math:`n`\ s"),
        ("f(*x), |x| and y_", r"f(\*x), \|x\| and y\_"),
        ("a snake_case name", "a snake_case name"),
        ("x, arXiv:1706.03762", "x, `arXiv:1706.03762 <https://arxiv.org/abs/1706.03762>`__"),
        ("(doi:10.1/a(68)7)", "(`doi:10.1/a(68)7 <https://doi.org/10.1/a(68)7>`__)"),
        ("doi:10.1093/draa038, eq. 1", "`doi:10.1093/draa038 <https://doi.org/10.1093/draa038>`__, eq. 1"),
    ],
)  # fmt: skip
def test_what_is_marked_stays_marked_and_nothing_else_is(plain, marked):
    assert rst(plain) == marked


def test_sections_become_lists_of_names_and_meanings():
    text = (
        "Do it.\n\nParameters\n----------\na, b : sizes,\n    both positive\nrng : source of chance\n\nCost: $n$ FLOPs."
    )
    assert rst(text) == (
        "Do it.\n\n\n:Parameters:\n   ``a, b``\n      sizes,\n      both positive\n   ``rng``\n      source of chance\n"
        "\n\nCost: :math:`n` FLOPs."
    )


def test_every_module_is_on_one_page_of_the_reference():
    listed = [name for text in PAGES.values() for name in re.findall(r"automodule:: vec2attn\.(\w+)\n", text)]
    assert sorted(listed) == sorted(set(ORDER) - {"widgets"})


def test_every_figure_is_on_the_page_of_figures():
    files = [path.stem for path in (ROOT / "lib/vec2attn/widgets").glob("*.js")]
    assert {name for name in files if f"vec2attn.widgets.{name}" not in PAGES["figures"]} == {"base"}


def test_a_function_knows_the_notebooks_that_import_it():
    users = [book.number for book in used_by(ROOT)["vec2attn.softmax.softmax"]]
    assert "1.3" in users
    assert users == sorted(users)
    assert documented("vec2attn.softmax.softmax")
    assert documented("vec2attn.autograd.relu")
    assert not documented("vec2attn.autograd.engine.unbroadcast"), "inside a package"


def test_every_public_function_says_what_it_does():
    bare = []
    for name in sorted(set(ORDER) - {"widgets"}):
        module = importlib.import_module(f"vec2attn.{name}")
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                bare += [] if ast.get_docstring(node) else [f"{name}.{node.name}"]
    assert not bare
