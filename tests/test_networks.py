"""Diagrams of formulas: each array a circle, each letter a line with the right ends, nothing on anything else."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.networks import RADIUS, diagram


def parts(drawing, tag):
    return list(ET.fromstring(f"<div>{drawing._repr_html_()}</div>").iter(tag))


def counted(formula):
    """Return how many circles, dots, lines and free (green) lines the picture has."""
    drawing = diagram(formula)
    circles, lines = parts(drawing, "circle"), parts(drawing, "path")
    dots = [c for c in circles if c.get("fill") == "currentColor"]
    return len(circles) - len(dots), len(dots), len(lines), sum("--out" in line.get("stroke") for line in lines)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("ij,jk->ik", (2, 0, 3, 2)),
        ("ir,r,jr->ij", (3, 1, 5, 2)),  # three ends of r meet in a dot
        ("ir,rs,js->ij", (3, 0, 4, 2)),
        ("abc,ia,jb,kc->ijk", (4, 0, 6, 3)),
        ("ia,ajb,bk->ijk", (3, 0, 5, 3)),
        ("bqd,bkd->bqk", (2, 1, 6, 3)),  # b is shared and free: a dot with three lines
        ("ij,ij->", (2, 0, 2, 0)),
        ("ij->i", (1, 1, 2, 1)),  # a sum over one array's own letter ends in a dot
        ("ii->", (1, 0, 1, 0)),
        ("ii->i", (1, 1, 3, 1)),
        ("i,i,i->", (3, 1, 3, 0)),
    ],
)
def test_circles_dots_lines_and_free_lines_are_those_of_the_formula(formula, wanted):
    assert counted(formula) == wanted


def test_the_network_in_words():
    assert repr(diagram("r,ir,jr->ij", "λ A B", sizes={"r": 3, "i": 10})).splitlines() == [
        "λ: r 3",
        "A: i 10, r 3",
        "B: j, r 3",
        "r: joins λ and A and B, summed",
        "i: of A alone, free",
        "j: of B alone, free",
    ]
    assert repr(diagram("bi,bi->b")).splitlines()[2:] == ["b: joins A and B, free", "i: joins A and B, summed"]


def test_names_letters_and_sizes_stand_in_the_picture_and_it_can_be_read_aloud():
    drawing = diagram("ia,ajb,bk->ijk", ["<G>", "H", "K"], sizes={"a": 7})
    texts = [text.text for text in parts(drawing, "text")]
    assert sorted(texts) == sorted(["<G>", "H", "K", "i", "j", "k", "a 7", "b"])
    (svg,) = parts(drawing, "svg")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "A tensor network of <G>, H, K with 3 free lines; in words below"
    assert parts(drawing, "pre")[0].text == repr(drawing)
    assert not re.search(r"(fill|stroke)=\"(#|black|white)", drawing._repr_html_())


def test_a_core_that_joins_three_stands_above_and_a_chain_in_one_row():
    heights = [y for _, y in diagram("abc,ia,jb,kc->ijk").places]
    assert heights[0] < heights[1] == heights[2] == heights[3]
    assert len({y for _, y in diagram("ia,ajb,bkc,cl->ijkl").places}) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=6), st.data())
def test_no_circle_lies_on_another_and_all_is_in_the_picture(terms, data):
    letters = sorted(set("".join(terms)))
    out = "".join(x for x in letters if data.draw(st.booleans()))
    drawing = diagram(f"{','.join(terms)}->{out}")
    for (x, y), (x2, y2) in itertools.combinations(drawing.places, 2):
        assert (x - x2) ** 2 + (y - y2) ** 2 > (2 * RADIUS + 8) ** 2
    left, top, width, height = map(float, parts(drawing, "svg")[0].get("viewBox").split())
    spots = [(float(c.get("cx")), float(c.get("cy")), float(c.get("r"))) for c in parts(drawing, "circle")]
    spots += [(float(t.get("x")), float(t.get("y")), 6.0) for t in parts(drawing, "text")]
    for path in parts(drawing, "path"):
        if "Q" in path.get("d"):  # all but loops: begins and ends in the picture
            x0, y0, _, _, x1, y1 = map(float, re.findall(r"-?[\d.]+", path.get("d")))
            spots += [(x0, y0, 0.0), (x1, y1, 0.0)]
    for x, y, r in spots:
        assert left <= x - r
        assert x + r <= left + width
        assert top <= y - r
        assert y + r <= top + height
    free = sum("--out" in line.get("stroke") for line in parts(drawing, "path"))
    assert free == len(out)
