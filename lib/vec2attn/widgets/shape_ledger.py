"""A transformer block as a ledger (notebook 7.2): every step with its shape, its parameters and its operations.

A step is data: the symbols of its axes, and terms such as "2 B T d D", products of numbers and symbols. The browser
evaluates the same terms; `vec2attn.cost.block_ledger` is written without them, and the tests hold both against it.
"""

import math
from typing import Any

import traitlets

from vec2attn.cost import Step
from vec2attn.widgets.base import Figure

LIMITS = {"batch": 8, "tokens": 8192, "positions": 8192, "width": 8192, "heads": 64, "head_size": 128}
_LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
# what the sliders offer; Python may set any whole number up to the limit
CHOICES = {
    "batch": list(range(1, 9)),
    "tokens": _LENGTHS,
    "positions": _LENGTHS,
    "width": [64, 128, 256, 512, 768, 1024, 1600, 2048, 4096, 8192],
    "heads": [1, 2, 3, 4, 6, 8, 12, 16, 25, 32, 64],
    "head_size": [8, 16, 32, 64, 96, 128],
}
SOURCES = {"tokens": "the tokens (self-attention)", "memory": "a memory (cross-attention)"}
WORDS = {
    "text": "texts",
    "token": "tokens",
    "position": "positions",
    "head": "heads",
    "query": "queries",
    "key": "keys",
    "feature": "features",
}
_DEFAULT = {"B": "text", "T": "token", "S": "position", "H": "head"}
# the drawing
WIDTH, ROW, HIGH, TOP = 356, 53, 31, 3
LEFT, MIDDLE, RIGHT = 74, 178, 282
NARROW, HALF, WIDE = 98, 202, 306


def _axes(text: str) -> list[list[str]]:
    """Return symbol and meaning of each axis: "B T/query" for texts and queries."""
    parts = (part.partition("/") for part in text.split())
    return [[symbol, word or _DEFAULT.get(symbol, "feature")] for symbol, _, word in parts]


def _step(
    key: str,
    box: str,
    role: str,
    name: str,
    formula: str,
    axes: str,
    means: str,
    *,
    of: str,
    parameters: tuple[str, ...] = (),
    flops: str = "",
    others: str = "",
) -> dict[str, Any]:
    """Describe a step; `of` says which part of the block it belongs to."""
    return {
        "key": key,
        "box": box,
        "role": role,
        "name": name,
        "formula": formula,
        "axes": _axes(axes),
        "means": means,
        "of": of,
        "parameters": list(parameters),
        "flops": flops,
        "others": others,
    }


def _map(key: str, box: str, name: str, formula: str, sizes: str, means: str, of: str = "maps") -> dict[str, Any]:
    rows, inputs, outputs = sizes.split()
    return _step(
        key,
        box,
        "map",
        name,
        formula,
        f"B {rows} {outputs}",
        means,
        of=of,
        parameters=(f"{inputs} {outputs}", outputs),
        flops=f"2 B {rows} {inputs} {outputs}",
        others=f"B {rows} {outputs}",
    )


def _norm(key: str, name: str, formula: str) -> dict[str, Any]:
    means = "Every row is brought to mean 0 and variance 1, then a learned scale γ and shift β follow."
    return _step(
        key, "norm", "muted", name, formula, "B T d", means, of="rest", parameters=("d", "d"), others="7 B T d"
    )


def steps(source: str) -> list[dict[str, Any]]:
    """Return the steps of a block in the order of the computation, without their places in the drawing."""
    memory = source == "memory"
    S, read = ("S", "M") if memory else ("T", "N")
    first = [
        _step(
            "input", "X", "in", "Input", "X", "B T d",
            "A row of features for every token. This stream runs through all blocks; each step adds to it.", of="rest",
        )
    ]  # fmt: skip
    if memory:
        first.append(
            _step(
                "memory", "memory M", "key", "Memory", "M", "B S d",
                "What is read: the output of an encoder, say. It may be shorter or longer than the text.", of="rest",
            )
        )  # fmt: skip
    return [
        *first,
        _norm("norm 1", "First LayerNorm", "N = γ ⊙ (X − μ) / √(σ² + ε) + β"),
        _map("query", "query map", "Query map", "Q = N·Wq + bq", "T d D", "What each token is looking for."),
        _map("key", "key map", "Key map", f"K = {read}·Wk + bk", f"{S} d D", "What each position can be found by."),
        _map("value", "value map", "Value map", f"V = {read}·Wv + bv", f"{S} d D", "What it hands over if found."),
        _step(
            "split", "split into heads", "muted", "Split into heads", "reshape to B, T, H, h; then swap T and H",
            "B H T/query h",
            "A head is a slice of the features, at all positions. Nothing is computed, and nothing moves: a view.",
            of="rest",
        ),
        _step(
            "scores", "scores", "muted", "Scores", "Q·Kᵀ / √h", f"B H T/query {S}/key",
            "How well every query fits every key, in each head. A mask hides pairs here.",
            of="attention", flops=f"2 B H T {S} h", others=f"B H T {S}",
        ),
        _step(
            "weights", "softmax", "muted", "Attention weights", "A = softmax of every row", f"B H T/query {S}/key",
            "For every query, weights that sum to 1 over the keys.", of="attention", others=f"5 B H T {S}",
        ),
        _step(
            "mix", "average", "out", "Averages of values", "Y = A·V", "B H T/query h",
            "For every query and head, the average of the values with these weights.",
            of="attention", flops=f"2 B H T {S} h",
        ),
        _step(
            "join", "join the heads", "out", "Join the heads", "swap H and T back; reshape to B, T, D", "B T D",
            "The features of all heads side by side again. Nothing is computed.", of="rest",
        ),
        _map("output", "output map", "Output map", "O = Y·Wo + bo", "T D d",
             "Mixes what the heads have found, and returns to the width of the stream."),
        _step(
            "sum 1", "add", "muted", "First sum", "X′ = X + O", "B T d",
            "The residual: what came in stays, and the attention adds to it. The shapes must agree.",
            of="rest", others="B T d",
        ),
        _norm("norm 2", "Second LayerNorm", "N′ = γ′ ⊙ (X′ − μ) / √(σ² + ε) + β′"),
        _map("up", "up", "Feed-forward, up", "U = N′·W₁ + b₁", "T d f",
             "Each token alone, to four times the width: f = 4d.", of="feed-forward"),
        _step(
            "activation", "GELU", "muted", "GELU", "G = U ⊙ Φ(U)", "B T f",
            "The bend between two maps; without it they would be one.", of="feed-forward", others="5 B T f",
        ),
        _map("down", "down", "Feed-forward, down", "F = G·W₂ + b₂", "T f d", "Back to the width of the stream.",
             of="feed-forward"),
        _step(
            "sum 2", "add", "out", "Second sum", "X″ = X′ + F", "B T d",
            "The output of the block. It has the shape of the input, so that the next block can follow.",
            of="rest", others="B T d",
        ),
    ]  # fmt: skip


def _top(row: int) -> int:
    """Return where the boxes of a row begin: the lines into and out of the split are longer."""
    return TOP + row * ROW + (8 if row > 2 else 0) + (18 if row > 3 else 0)


def _places(source: str) -> dict[str, tuple[int, int, int, list[list[Any]]]]:
    """Return for each step row, middle and width of its box, and its edges: path, role, label's place, label's axes."""
    memory = source == "memory"
    S = "S" if memory else "T"

    def down(x: int, row: int, to: int, role: str, axes: str = "") -> list[Any]:
        start, end = _top(row) + HIGH, _top(to)
        crowded = row in (2, 3)  # three lines side by side: labels stand on their lines, the longest at two heights
        y = (start + _top(row + 1)) / 2 + (0 if row != 3 else 9 if x == MIDDLE else -9)
        at = [x if crowded else x + 7, y, "middle" if crowded else "start"] if axes else []
        return [f"M{x} {start}V{end}", role, at, axes.split()]

    def around(x: int, side: int, row: int, to: int, end: int) -> list[Any]:
        start, y = _top(row) + HIGH // 2, _top(to) + HIGH // 2
        return [f"M{x} {start}H{side}V{y}H{end}", "muted", [], []]

    half = (LEFT + MIDDLE) // 2
    if memory:
        pair, kept = (MIDDLE + RIGHT) // 2, around(LEFT - NARROW // 2, 9, 0, 9, MIDDLE - NARROW // 2)
        places = {
            "input": (0, LEFT, NARROW, [down(LEFT, 0, 1, "in", "B T d"), kept]),
            "memory": (0, pair, HALF, [down(RIGHT, 0, 2, "key"), down(MIDDLE, 0, 2, "key", "B S d")]),
            "norm 1": (1, LEFT, NARROW, [down(LEFT, 1, 2, "muted", "B T d")]),
        }
    else:
        three = [down(x, 1, 2, "muted", "B T d" if x == MIDDLE else "") for x in (LEFT, MIDDLE, RIGHT)]
        places = {
            "input": (
                0,
                MIDDLE,
                NARROW,
                [down(MIDDLE, 0, 1, "in", "B T d"), around(MIDDLE - 49, 9, 0, 9, MIDDLE - 49)],
            ),
            "norm 1": (1, MIDDLE, WIDE, three),
        }
    edge = MIDDLE + NARROW // 2
    return places | {
        "query": (2, LEFT, NARROW, [down(LEFT, 2, 3, "in", "B T D")]),
        "key": (2, MIDDLE, NARROW, [down(MIDDLE, 2, 3, "key", f"B {S} D")]),
        "value": (2, RIGHT, NARROW, [down(RIGHT, 2, 3, "out", f"B {S} D")]),
        "split": (
            3, MIDDLE, WIDE,
            [down(LEFT, 3, 4, "in", "B H T h"), down(MIDDLE, 3, 4, "key", f"B H {S} h"),
             down(RIGHT, 3, 6, "out", f"B H {S} h")],
        ),
        "scores": (4, half, HALF, [down(half, 4, 5, "muted", f"B H T {S}")]),
        "weights": (5, half, HALF, [down(half, 5, 6, "muted", f"B H T {S}")]),
        "mix": (6, MIDDLE, WIDE, [down(MIDDLE, 6, 7, "out", "B H T h")]),
        "join": (7, MIDDLE, HALF, [down(MIDDLE, 7, 8, "out", "B T D")]),
        "output": (8, MIDDLE, HALF, [down(MIDDLE, 8, 9, "muted", "B T d")]),
        "sum 1": (9, MIDDLE, NARROW, [down(MIDDLE, 9, 10, "muted", "B T d"), around(edge, 347, 9, 14, edge)]),
        "norm 2": (10, MIDDLE, HALF, [down(MIDDLE, 10, 11, "muted", "B T d")]),
        "up": (11, MIDDLE, HALF, [down(MIDDLE, 11, 12, "muted", "B T f")]),
        "activation": (12, MIDDLE, HALF, [down(MIDDLE, 12, 13, "muted", "B T f")]),
        "down": (13, MIDDLE, HALF, [down(MIDDLE, 13, 14, "muted", "B T d")]),
        "sum 2": (14, MIDDLE, NARROW, [down(MIDDLE, 14, 15, "out", "B T d")]),
    }  # fmt: skip


def _diagram(source: str) -> list[dict[str, Any]]:
    places = _places(source)
    found = []
    for step in steps(source):
        row, x, wide, edges = places[step["key"]]
        found.append(step | {"x": x, "y": _top(row), "wide": wide, "edges": edges})
    return found


HEIGHT = _top(15) + 2
DIAGRAMS = {source: _diagram(source) for source in SOURCES}
PARTS = {"maps": "the four maps", "attention": "scores and averages", "feed-forward": "feed-forward"}


class ShapeLedger(Figure):
    """The steps of a block, each with the shape of what it makes, its formula, its parameters and its operations."""

    name = "shape_ledger"

    diagrams = traitlets.Dict(DIAGRAMS, read_only=True, help="the steps, and where they are drawn").tag(sync=True)
    choices = traitlets.Dict(CHOICES, read_only=True, help="what the sliders offer").tag(sync=True)
    batch = traitlets.Int(5, help="texts").tag(sync=True)
    tokens = traitlets.Int(12, help="tokens of a text").tag(sync=True)
    positions = traitlets.Int(9, help="positions of a memory, where keys and values come from one").tag(sync=True)
    width = traitlets.Int(768, help="features of a token").tag(sync=True)
    heads = traitlets.Int(8, help="heads").tag(sync=True)
    head_size = traitlets.Int(64, help="features of a head").tag(sync=True)
    source = traitlets.Unicode("tokens", help='where keys and values come from: "tokens" or "memory"').tag(sync=True)
    step = traitlets.Unicode("scores", help="the step that is explained").tag(sync=True)

    @traitlets.validate("batch", "tokens", "positions", "width", "heads", "head_size", "source", "step")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name in LIMITS and not 1 <= value <= LIMITS[name]:
            raise traitlets.TraitError(f"{name} must be a whole number from 1 to {LIMITS[name]}; got {value}")
        if name == "source" and value not in SOURCES:
            raise traitlets.TraitError(f'source must be "tokens" or "memory"; got {value!r}')
        known = [step["key"] for step in DIAGRAMS[self.source]]
        if name == "step" and value not in known:
            raise traitlets.TraitError(f"step must be one of {', '.join(known)}; got {value!r}")
        return value

    @traitlets.observe("source")
    def _leave_the_memory(self, change: Any) -> None:
        if self.source == "tokens" and self.step == "memory":
            self.step = "input"

    @property
    def sizes(self) -> dict[str, int]:
        """Return what the symbols of the ledger stand for."""
        S = self.positions if self.source == "memory" else self.tokens
        return {"B": self.batch, "T": self.tokens, "S": S, "d": self.width, "H": self.heads, "h": self.head_size,
                "D": self.heads * self.head_size, "f": 4 * self.width}  # fmt: skip

    def ledger(self) -> dict[str, Step]:
        """Return every step with its shape, parameters and operations."""
        sizes = self.sizes
        return {
            step["key"]: Step(
                tuple(sizes[symbol] for symbol, _ in step["axes"]),
                sum(value(term, sizes) for term in step["parameters"]),
                value(step["flops"], sizes),
                value(step["others"], sizes),
            )
            for step in DIAGRAMS[self.source]
        }

    def facts(self) -> dict[str, str]:
        """Return the texts about the present step."""
        step = next(s for s in DIAGRAMS[self.source] if s["key"] == self.step)
        sizes = self.sizes
        shape = [(sizes[symbol], word) for symbol, word in step["axes"]]
        return {
            "formula": step["formula"],
            "shape": " × ".join(f"{n:,} {word if n == 1 else WORDS[word]}" for n, word in shape),
            "parameters": _written(step["parameters"], sizes),
            "flops": _written([step["flops"]], sizes),
            "others": _written([step["others"]], sizes),
            "means": step["means"],
        }

    def sums(self) -> dict[str, str]:
        """Return the texts about the whole block."""
        ledger, parts = self.ledger(), {step["key"]: step["of"] for step in DIAGRAMS[self.source]}
        flops = sum(step.flops for step in ledger.values())
        shares = (
            f"{words} {100 * sum(s.flops for key, s in ledger.items() if parts[key] == part) / flops:.1f} %"
            for part, words in PARTS.items()
        )
        return {
            "parameters": f"{sum(step.parameters for step in ledger.values()):,}",
            "flops": f"{flops:,}",
            "others": f"{sum(step.others for step in ledger.values()):,}",
            "shares": ", ".join(shares),
        }

    def still(self) -> str:
        """Return the block with all its shapes as SVG, and the whole ledger as a table."""
        rows = "".join(
            f'<tr><th scope="row">{step["name"]}</th><td>{_shown(line.shape)}</td><td>{line.parameters:,}</td>'
            f"<td>{line.flops:,}</td></tr>"
            for step, line in zip(DIAGRAMS[self.source], self.ledger().values(), strict=True)
        )
        sums = self.sums()
        head = "".join(f'<th scope="col">{text}</th>' for text in ("Step", "Shape", "Parameters", "FLOPs"))
        last = f'<tr><th scope="row">Sum</th><td>–</td><td>{sums["parameters"]}</td><td>{sums["flops"]}</td></tr>'
        return (
            f'<div class="v2a">{self._picture()}<table class="v2s-table"><thead><tr>{head}</tr>'
            f'</thead><tbody>{rows}{last}</tbody></table><p class="v2a-key">Of the FLOPs: {sums["shares"]}. '
            "A still picture: other sizes need JavaScript, or a running notebook.</p></div>"
        )

    def _picture(self) -> str:
        sizes = self.sizes
        groups = []
        for step in DIAGRAMS[self.source]:
            x, y, wide = step["x"], step["y"], step["wide"]
            edges = "".join(f'<path class="v2s-{role}" d="{path}"/>' for path, role, _, _ in step["edges"])
            labels = "".join(
                f'<text class="v2s-shape v2s-{role}" x="{at[0]}" y="{at[1]:g}" text-anchor="{at[2]}">'
                f"{_shown([sizes[symbol] for symbol in axes])}</text>"
                for _, role, at, axes in step["edges"]
                if axes
            )
            groups.append(
                f'<g class="v2s-step v2s-{step["role"]}">{edges}<rect x="{x - wide // 2}" y="{y}" width="{wide}" '
                f'height="{HIGH}" rx="6"/><text class="v2s-box" x="{x}" y="{y + HIGH / 2:g}">{step["box"]}</text>'
                f"{labels}</g>"
            )
        return (
            f'<svg class="v2s-picture" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="The steps of a transformer block, and the shapes between them">{"".join(groups)}</svg>'
        )


def value(term: str, sizes: dict[str, int]) -> int:
    """Return a term such as "2 B T d" for these sizes; an empty one is 0."""
    return math.prod(_factors(term, sizes)) if term else 0


def _factors(term: str, sizes: dict[str, int]) -> list[int]:
    return [sizes[factor] if factor in sizes else int(factor) for factor in term.split()]


def _written(terms: list[str], sizes: dict[str, int]) -> str:
    """Return a sum of terms with their numbers, and what it comes to."""
    terms = [term for term in terms if term]
    if not terms:
        return "none"
    products = (" · ".join(f"{n:,}" for n in _factors(term, sizes)) for term in terms)
    return f"{' + '.join(products)} = {sum(value(term, sizes) for term in terms):,}"


def _shown(shape: Any) -> str:
    return f"[{', '.join(str(n) for n in shape)}]"
