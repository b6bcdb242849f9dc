"""The drawn graph: every tensor and every edge is there, nothing lies on anything else, and it can be read aloud."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vec2attn import autograd as ag
from vec2attn.autograd import Tensor, draw, no_grad


def leaves(*values):
    return [Tensor(x, requires_grad=True) for x in values]


def picture(drawing):
    return ET.fromstring(f"<div>{drawing._repr_html_()}</div>")


def boxes(drawing):
    return [
        tuple(float(box.get(key)) for key in ("x", "y", "width", "height")) for box in picture(drawing).iter("rect")
    ]


def test_a_small_graph_in_words():
    a, b, c = leaves(2.0, -3.0, 10.0)
    h = a * b
    assert repr(draw((h + c) * a, gradient=True, a=a, b=b, c=c, h=h)).splitlines() == [
        "1. a, 2, ∂ −2",
        "2. b, −3, ∂ 4",
        "3. c, 10, ∂ 2",
        "4. h = multiply, −6, ∂ 2, from 1 and 2",
        "5. add, 4, ∂ 2, from 4 and 3",
        "6. multiply, 8, ∂ 1, from 5 and 1",
    ]
    assert a.grad is None


def test_shapes_small_values_and_the_size_of_large_gradients():
    (W,) = leaves(np.arange(6.0).reshape(2, 3))
    y = ag.einsum("ij,j->i", W, np.array([1.0, 0.0, -0.5])).sum() * 2.0
    assert repr(draw(y, gradient=True)).splitlines() == [
        "1. parameter, shape (2, 3), ∂ largest 2",
        "2. constant, shape (3,), (1, 0, −0.5)",
        "3. einsum, shape (2,), (−1, 0.5), ∂ (2, 2), from 1 and 2",
        "4. sum, −0.5, ∂ 2, from 3",
        "5. 2",
        "6. multiply, −1, ∂ 1, from 4 and 5",
    ]


def test_a_constant_is_one_box():
    with no_grad():
        (x,) = leaves(1.0)
        assert repr(draw(x * 2)) == "1. constant, 2"
    assert len(boxes(draw(Tensor(1.0)))) == 1


def test_the_picture_shows_what_the_words_say_and_has_its_own_words():
    a, b = leaves(0.5, 2.0)
    drawing = draw(ag.tanh(a * b) * a, gradient=True, a=a)
    tree = picture(drawing)
    texts = [text.text for text in tree.iter("text")]
    for line in repr(drawing).splitlines():
        assert all(part in texts for part in re.sub(r"^\d+\. |, from.*", "", line).split(", "))
    svg = tree.find(".//svg")
    assert svg.get("role") == "img"
    assert "graph of 5 nodes" in svg.get("aria-label")
    assert tree.find(".//details/pre").text == repr(drawing)


def test_colours_follow_the_page_and_kinds_differ_by_more_than_colour():
    (a,) = leaves(0.5)
    html = draw(a * 2 + 1, gradient=True)._repr_html_()
    assert "currentColor" in html
    assert not re.search(r"(fill|stroke)=\"(#|black|white)", html)
    styles = {(box.get("stroke-width"), box.get("stroke-dasharray")) for box in picture(draw(a * 2 + 1)).iter("rect")}
    assert len(styles) == 4  # parameter, constant, operation, result


@given(st.integers(0, 10_000))
def test_no_box_lies_on_another_and_all_are_in_the_picture(seed):
    rng = np.random.default_rng(seed)
    tensors = leaves(*rng.normal(size=4))
    for _ in range(rng.integers(1, 14)):
        a, b = rng.choice(len(tensors), 2)
        tensors.append(tensors[a] * tensors[b] if rng.random() < 0.7 else tensors[a] + 1.5)
    drawing = draw(tensors[-1])
    found = boxes(drawing)
    assert len(found) == len(drawing.nodes)
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(found, 2):
        assert x + w < x2 or x2 + w2 < x or y + h < y2 or y2 + h2 < y
    left, top, width, height = map(float, picture(drawing).find(".//svg").get("viewBox").split())
    assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in found)
    for route in drawing.routes:  # downwards, layer by layer
        assert [node.layer for node in route] == list(range(route[0].layer, route[-1].layer - 1, -1))
        assert route[0].y + route[0].height < route[-1].y
    assert len(drawing.routes) == sum(len(node.inputs) for node in drawing.nodes)
    assert len(picture(drawing).findall(".//path")) == 2 * len(drawing.routes)


def test_sixty_nodes_are_drawn_and_more_are_refused():
    (x,) = leaves(1.0)
    y = x
    for _ in range(59):
        y = -y
    assert len(boxes(draw(y))) == 60
    with pytest.raises(
        ValueError, match="has 61 nodes; at most 60 can be drawn so that they are legible: draw a smaller"
    ):
        draw(-y)
    for _ in range(20_000):
        y = y + 1
    with pytest.raises(ValueError, match="has 40060 nodes"):
        draw(y)
