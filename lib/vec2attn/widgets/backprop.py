"""Backpropagation through a small graph (notebook 6.1), step by step: values go down, gradients come up."""

from collections.abc import Callable
from typing import Any

import traitlets

from vec2attn.autograd import Tensor, gradients, relu, sigmoid, tanh
from vec2attn.widgets.base import Figure, fixed

REACH = 3  # inputs go from −3 to 3
WIDTH, ROW, HIGH, PAD = 340, 94, 60, 4  # the drawing: as in backprop.js
OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "multiply": lambda a, b: a * b,
    "add": lambda a, b: a + b,
    "minus 1": lambda x: x - 1.0,
    "square": lambda x: x**2,
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
}


def _node(label: str, x: int, row: int, op: str = "", of: Any = (), ends: Any = (), wide: int = 100) -> dict[str, Any]:
    """Describe a node: an operation of earlier nodes, and where its box and the ends of its incoming lines are drawn.

    `ends` has for each incoming line x at its upper and at its lower end.
    """
    return {"label": label, "op": op, "of": list(of), "x": x, "row": row, "wide": wide, "ends": [list(e) for e in ends]}


def _start(one: str, two: str, three: str, total: str, wide: int = 100) -> list[dict[str, Any]]:
    product = f"{one}·{two}"
    return [
        _node(one, 72, 0),
        _node(two, 200, 0),
        _node(three, 265, 1),
        _node(product, 136, 1, "multiply", (0, 1), ((72, 112), (200, 160))),
        _node(total, 200, 2, "add", (3, 2), ((136, 176), (265, 224)), wide),
    ]


GRAPHS: list[dict[str, Any]] = [
    {
        "name": "tanh(a·b + c)",
        "inputs": [1.5, -1.0, 1.0],
        "nodes": [*_start("a", "b", "c", "a·b + c"), _node("tanh", 200, 3, "tanh", (4,), ((200, 200),))],
    },
    {
        "name": "(relu(w·x + b) − 1)²",
        "inputs": [0.5, 2.0, -0.25],
        "nodes": [
            *_start("w", "x", "b", "w·x + b"),
            _node("relu", 200, 3, "relu", (4,), ((200, 200),)),
            _node("relu − 1", 200, 4, "minus 1", (5,), ((200, 200),)),
            _node("square", 200, 5, "square", (6,), ((200, 200),)),
        ],
    },
    {
        "name": "h · σ(h), h = a·b + c",
        "inputs": [1.0, 2.0, -1.0],
        "nodes": [
            *_start("a", "b", "c", "h = a·b + c", 200),
            _node("σ(h)", 110, 3, "sigmoid", (4,), ((160, 110),)),
            _node("h · σ(h)", 190, 4, "multiply", (4, 5), ((250, 222), (110, 158))),
        ],
    },
]
INPUTS = 3


class Backprop(Figure):
    """Three small expressions: one step computes a value, or passes a gradient back along one line."""

    name = "backprop"

    graphs = traitlets.List(GRAPHS, read_only=True, help="the expressions, and where their nodes are drawn").tag(
        sync=True
    )
    expression = traitlets.Int(0, help="which expression: 0, 1 or 2").tag(sync=True)
    inputs = traitlets.List(traitlets.Float(), default_value=GRAPHS[0]["inputs"], help="its three inputs").tag(
        sync=True
    )
    step = traitlets.Int(3, help="how many steps are done").tag(sync=True)

    @traitlets.validate("expression", "inputs", "step")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "expression" and not 0 <= value < len(GRAPHS):
            raise traitlets.TraitError(f"expression must be 0, 1 or 2; got {value}")
        if name == "inputs" and not (len(value) == INPUTS and all(abs(x) <= REACH for x in value)):  # a NaN fails too
            raise traitlets.TraitError(f"inputs must be {INPUTS} numbers from −{REACH} to {REACH}; got {value}")
        if name == "step" and not 0 <= value <= self.steps:
            raise traitlets.TraitError(
                f"step must be a whole number from 0 to {self.steps} for this expression; got {value}"
            )
        return value

    @traitlets.observe("expression")
    def _keep_step_in_range(self, change: Any) -> None:
        self.step = min(self.step, self.steps)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes of the present expression, inputs first."""
        return GRAPHS[self.expression]["nodes"]

    @property
    def steps(self) -> int:
        """Return how many steps there are: each operation, the result's own gradient, each line."""
        return len(self.nodes) - INPUTS + 1 + sum(len(node["of"]) for node in self.nodes)

    def tensors(self) -> list[Tensor]:
        """Return all nodes as tensors of the library, inputs first, the result last."""
        found = [Tensor(x, requires_grad=True) for x in self.inputs]
        for node in self.nodes[INPUTS:]:
            found.append(OPERATIONS[node["op"]](*(found[i] for i in node["of"])))
        return found

    def values(self) -> list[float]:
        """Return the value of every node."""
        return [tensor.item() for tensor in self.tensors()]

    def gradients(self) -> list[float]:
        """Return the derivative of the result with respect to every node."""
        tensors = self.tensors()
        return [g.item() for g in gradients(tensors[-1], tensors)]

    def slopes(self) -> list[list[float]]:
        """Return for every node its derivative with respect to each thing that it is made of."""
        found: list[list[float]] = []
        values = self.values()
        for node in self.nodes:
            ends = [Tensor(values[i], requires_grad=True) for i in node["of"]]
            found.append([g.item() for g in gradients(OPERATIONS[node["op"]](*ends), ends)] if ends else [])
        return found

    def lines(self) -> list[tuple[int, int]]:
        """Return the lines in the order of the way back: (node, place among what it is made of)."""
        return [(i, j) for i in range(len(self.nodes) - 1, INPUTS - 1, -1) for j in range(len(self.nodes[i]["of"]))]

    def picture(self, step: int) -> str:
        """Return the graph after so many steps as an SVG, with the numbers of the library."""
        values, slopes, given = self.values(), self.slopes(), self.gradients()
        operations = len(self.nodes) - INPUTS
        passed = self.lines()[: max(0, step - operations - 1)]
        parts: list[list[float]] = [[] for _ in self.nodes]
        if step > operations:
            parts[-1] = [1.0]
        for i, j in passed:
            parts[self.nodes[i]["of"][j]].append(given[i] * slopes[i][j])
        drawn = [
            _line(node, self.nodes[node["of"][j]], j, slopes[i][j] if (i, j) in passed else None)
            for i, node in enumerate(self.nodes)
            for j in range(len(node["of"]))
        ]
        for i, node in enumerate(self.nodes):
            kind = "in" if i < INPUTS else "out" if i == len(self.nodes) - 1 else "mid"
            drawn.append(_box(node, kind, fixed(values[i], 3) if i < INPUTS + step else "", parts[i]))
        height = max(node["row"] for node in self.nodes) * ROW + HIGH + 2 * PAD
        label = f"The graph of f = {GRAPHS[self.expression]['name']}, step {step} of {self.steps}"
        return (
            f'<svg class="v2b-graph" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
            f"{''.join(drawn)}</svg>"
        )

    def still(self) -> str:
        """Return the graph with all its values and gradients: who cannot step sees the end of the walk."""
        facts = [("f", self.values()[-1])]
        facts += [(f"∂f/∂{self.nodes[i]['label']}", self.gradients()[i]) for i in range(INPUTS)]
        numbers = "".join(f"<div><dt>{name}</dt><dd>{fixed(x, 3)}</dd></div>" for name, x in facts)
        return (
            f'<div class="v2a"><div class="v2b-main">{self.picture(self.steps)}'
            f'<dl class="v2a-numbers">{numbers}</dl></div><p class="v2a-key">f = {GRAPHS[self.expression]["name"]}, '
            f"after all {self.steps} steps. In a box: the value, and in red, after ∂, the gradient. Beside a line, in "
            "purple: the local derivative. A still picture: the steps need JavaScript, or a running notebook.</p></div>"
        )


def _sum(parts: list[float]) -> str:
    """Return one gradient, or two contributions and their sum."""
    if not parts:
        return ""
    if len(parts) == 1:
        return f"∂ {fixed(parts[0], 3)}"
    second = f"+ {fixed(parts[1], 3)}" if fixed(parts[1], 3)[0] != "−" else f"− {fixed(-parts[1], 3)}"
    return f"∂ {fixed(parts[0], 3)} {second} = {fixed(sum(parts), 3)}"


def _line(node: dict[str, Any], source: dict[str, Any], j: int, slope: float | None) -> str:
    (x1, x2), y1, y2 = node["ends"][j], PAD + source["row"] * ROW + HIGH, PAD + node["row"] * ROW
    text = "" if slope is None else f"× {fixed(slope, 3)}"
    css = "v2b-line" if slope is None else "v2b-line v2b-passed"
    return (
        f'<g class="{css}"><line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
        f'<text x="{(x1 + x2) / 2:g}" y="{(y1 + y2) / 2:g}">{text}</text></g>'
    )


def _box(node: dict[str, Any], kind: str, value: str, parts: list[float]) -> str:
    x, y = node["x"], PAD + node["row"] * ROW
    return (
        f'<g class="v2b-box v2b-{kind}"><rect x="{x - node["wide"] / 2:g}" y="{y}" width="{node["wide"]}" '
        f'height="{HIGH}" rx="8"/><text class="v2b-name" x="{x}" y="{y + 18}">{node["label"]}</text>'
        f'<text x="{x}" y="{y + 35}">{value}</text>'
        f'<text class="v2b-slope" x="{x}" y="{y + 52}">{_sum(parts)}</text></g>'
    )
