"""The graph under a tensor as a picture: what was computed from what, from the inputs down to the result."""

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vec2attn.autograd.engine import Tensor, gradients
from vec2attn.notebook import COLOURS, picture

MOST = 60  # nodes; more would be too small to read
WIDE, GAP, LINE = 128, 14, 17  # of a node, between two, of a line of text; in pixels
# the site has these variables; elsewhere the second colour, legible on white and on near-black
STYLES = {
    "parameter": (COLOURS["in"], "2"),
    "constant": (COLOURS["muted"], "1.2"),
    "operation": ("currentColor", "1.2"),
    "result": (COLOURS["out"], "2.6"),
}
RED = COLOURS["error"]


@dataclass
class Node:
    """A box of the picture, in a layer counted from the result; without lines, a bend of an edge."""

    layer: int
    kind: str = "bend"
    lines: list[str] = field(default_factory=list)
    inputs: list["Node"] = field(default_factory=list)
    x: float = 0.0
    top: float = 0.0  # of its layer
    y: float = 0.0
    height: int = 0


class Drawing:
    """A drawn graph; a notebook shows it as a picture, `print` in words."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes, self.routes = list(nodes), _routes(nodes)
        _place(self.nodes, self.routes)

    def __repr__(self) -> str:
        """Return the graph in words, one line a node, inputs first."""
        rows = self.nodes[::-1]
        number = {id(node): i for i, node in enumerate(rows, 1)}
        made_of = [", from " + " and ".join(str(number[id(x)]) for x in node.inputs) for node in rows]
        return "\n".join(
            f"{i}. {', '.join(node.lines)}{words if node.inputs else ''}"
            for i, (node, words) in enumerate(zip(rows, made_of, strict=True), 1)
        )

    def _repr_html_(self) -> str:
        places = [node for route in [self.nodes, *self.routes] for node in route]
        left, right = min(n.x for n in places) - WIDE / 2 - 2, max(n.x for n in places) + WIDE / 2 + 2
        height = max(n.y + n.height for n in places) + 4
        return picture(
            "".join([*map(_edge, self.routes), *map(_box, self.nodes)]),
            name="graph",
            label=f"A graph of {len(self.nodes)} nodes, from the inputs at the top to the result at the bottom; "
            "in words below",
            words=repr(self),
            box=(left, -2, right - left, height),
        )


def draw(y: Tensor, *, gradient: bool = False, **names: Tensor) -> Drawing:
    """Return a picture of the graph under y: operations, shapes, and values where there are at most three.

    Parameters
    ----------
    y : the result
    gradient : whether to compute and show the gradient of y for every tensor (no `grad` is touched)
    names : what to call tensors, ``draw(loss, W=W, x=x)``

    Raises
    ------
    TypeError : y or a named thing is no tensor
    ValueError : the graph has more than 60 nodes; with `gradient`, as `gradients`
    """
    for name, thing in {"y": y, **names}.items():
        if not isinstance(thing, Tensor):
            raise TypeError(f"{name} must be a tensor; got {type(thing).__name__}")
    seen, stack, constants = {y}, [y], 0
    while stack:
        inputs = stack.pop()._inputs
        new = {x for x in inputs if isinstance(x, Tensor)} - seen
        constants += sum(not isinstance(x, Tensor) for x in inputs)
        seen |= new
        stack += new
    if len(seen) + constants > MOST:
        raise ValueError(
            f"the graph under this tensor has {len(seen) + constants} nodes; at most {MOST} can be drawn so that they "
            "are legible: draw a smaller part, or the same computation with fewer layers or steps"
        )
    tensors = sorted(seen, key=lambda tensor: -tensor._birth)  # a result before its inputs
    wanted = [x for x in tensors if x.requires_grad] if gradient else []
    slopes = dict(zip(wanted, gradients(y, wanted), strict=True)) if gradient else {}
    called = {tensor: name for name, tensor in names.items()}

    node = {y: Node(0)}
    order = []
    for tensor in tensors:
        here = node[tensor]
        here.kind = "result" if tensor is y else "operation"
        if tensor._operation is None:
            here.kind = "parameter" if tensor.requires_grad else "constant"
        here.lines = [_head(tensor, called.get(tensor, "")), *_values(tensor.data)]
        if tensor in slopes:
            here.lines.append(f"∂ {_short(slopes[tensor].data)}")
        order.append(here)
        for x in tensor._inputs:
            if isinstance(x, Tensor):
                below = node.setdefault(x, Node(0))
                below.layer = max(below.layer, here.layer + 1)
            else:
                array = np.asarray(x)
                below = Node(here.layer + 1, "constant", ["constant"] * bool(array.ndim) + _values(array))
                order.append(below)
            here.inputs.append(below)
    return Drawing(order)


def _head(tensor: Tensor, name: str) -> str:
    """Return the first line of a box: what made the tensor, or else what it is."""
    made = tensor._operation.name if tensor._operation else ""
    return " = ".join(filter(None, (name, made))) or ("parameter" if tensor.requires_grad else "constant")


def _values(array: np.ndarray) -> list[str]:
    return [*([f"shape {array.shape}"] if array.ndim else []), *([_short(array)] if array.size <= 3 else [])]


def _short(array: np.ndarray) -> str:
    if array.size > 3:
        return f"largest {np.abs(array).max():.2g}"
    row = ", ".join(f"{x:.3g}" for x in array.ravel()).replace("-", "−")
    return f"({row})" if array.ndim else row


def _routes(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return for each edge the points that it goes through, with a bend in each layer that it passes."""
    return [
        [x, *(Node(layer) for layer in range(x.layer - 1, node.layer, -1)), node] for node in nodes for x in node.inputs
    ]


def _place(nodes: Sequence[Node], routes: Sequence[Sequence[Node]]) -> None:
    """Give all nodes and bends their x and y, inputs at the top, so that few edges cross and most are short."""
    layers: list[list[Node]] = [[] for _ in range(max(node.layer for node in nodes) + 1)]
    near: dict[tuple[int, int], list[Node]] = {}  # neighbours of a node above (1) and below (−1)
    for node in [*nodes, *(bend for route in routes for bend in route[1:-1])]:
        layers[node.layer].append(node)
        node.x = len(layers[node.layer]) * (WIDE + GAP)
    for upper, lower in itertools.chain.from_iterable(map(itertools.pairwise, routes)):
        near.setdefault((id(upper), -1), []).append(lower)
        near.setdefault((id(lower), 1), []).append(upper)
    for side in (1, -1, 1, -1, 1, -1):  # each towards the middle of its neighbours, now above, now below
        for layer in layers[::-side]:
            want = {id(n): float(np.mean([m.x for m in near.get((id(n), side), [n])])) for n in layer}
            layer.sort(key=lambda n: want[id(n)])
            for i, node in enumerate(layer):
                node.x = want[id(node)] if i == 0 else max(want[id(node)], layer[i - 1].x + WIDE + GAP)
            drift = sum(want[id(n)] - n.x for n in layer) / len(layer)
            for node in layer:
                node.x += drift
    down = 0.0
    for layer in layers[::-1]:
        tall = 8 + LINE * max(len(node.lines) for node in layer)
        for node in layer:
            node.height = 8 + LINE * len(node.lines) if node.lines else tall
            node.top, node.y = down, down + tall - node.height
        down += tall + 34


def _edge(route: Sequence[Node]) -> str:
    path = ""
    for start, end in itertools.pairwise(route):  # curved between layers, straight down through one
        y0 = start.y + start.height
        middle = (y0 + end.top) / 2
        path += f"{'L' if path else 'M'}{start.x:.1f} {y0:.1f}"
        path += f"C{start.x:.1f} {middle:.1f} {end.x:.1f} {middle:.1f} {end.x:.1f} {end.top - 5:.1f}"
    path += f"V{route[-1].y - 5:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".55" stroke-width="1.4"/>'
        f'<path d="M{route[-1].x:.1f} {route[-1].y:.1f}l-4-7h8z" fill="currentColor"/>'
    )


def _box(node: Node) -> str:
    colour, thick = STYLES[node.kind]
    rows = []
    for i, line in enumerate(node.lines):
        style = f'fill="{RED}"' if line.startswith("∂") else f'fill="currentColor" font-weight="{400 if i else 600}"'
        squeeze = f' textLength="{WIDE - 10}" lengthAdjust="spacingAndGlyphs"' if len(line) > 18 else ""
        rows.append(
            f'<text x="{node.x:.1f}" y="{node.y + LINE * (i + 1):.1f}" text-anchor="middle" {style}{squeeze}>'
            f"{html.escape(line)}</text>"
        )
    dash = ' stroke-dasharray="4 3"' if node.kind == "constant" else ""
    return (
        f'<rect x="{node.x - WIDE / 2:.1f}" y="{node.y:.1f}" width="{WIDE}" height="{node.height}" rx="7" '
        f'fill="none" stroke="{colour}" stroke-width="{thick}"{dash}/>{"".join(rows)}'
    )
