"""Attention explorer (notebook 7.1): the weights that real queries give to real keys, computed where they are seen.

The browser gets the queries and keys of each head, rounded to 16 bits, and the lengths of the values; the weights,
for any temperature and mask, it computes itself.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.arrays import as_reals
from vec2attn.softmax import entropy, perplexity, softmax
from vec2attn.widgets.base import Figure, fixed, readable

LENGTHS = (2, 24)  # tokens of a text
TEMPERATURES = (0.1, 10.0)

# the picture: words and lines in units of which one is about a pixel
ROW, TOP, WIDE = 28, 26, 320
ASKING, FROM, TO, ASKED, BAR, SPAN = 74, 82, 136, 142, 212, 62
# the table of all weights
SIDE, LEFT, ABOVE = 258, 68, 66
LONGEST = 7  # letters of a token that have room

PARTS = ("Q", "K", "lengths")


class AttentionExplorer(Figure):
    """Lines from one query to all keys, and the table of all weights; every trait can be set from Python."""

    name = "attention_explorer"

    texts = traitlets.List(traitlets.Dict()).tag(sync=True)
    heads = traitlets.List(traitlets.Unicode()).tag(sync=True)
    d = traitlets.Int().tag(sync=True)
    text = traitlets.Int(0, help="which of the texts, from 0").tag(sync=True)
    head = traitlets.Int(0, help="which of the heads, from 0").tag(sync=True)
    query = traitlets.Int(0, help="the position of the token that asks, from 0").tag(sync=True)
    T = traitlets.Float(1.0, help="temperature: what the scores are divided by").tag(sync=True)
    scaled = traitlets.Bool(True, help="whether scores are divided by the root of d").tag(sync=True)
    causal = traitlets.Bool(False, help="whether a token may attend to later ones").tag(sync=True)

    def __init__(self, texts: Mapping[str, tuple[Sequence[str], Mapping[str, Any]]], **traits: Any) -> None:
        """Make a figure from texts by title: each has its tokens, and heads by name.

        Parameters
        ----------
        texts : for each title the tokens, and for each head's name (Q, K) or (Q, K, V), arrays with a row a token;
            the same heads for every text

        Raises
        ------
        TypeError : queries or keys that are no real numbers
        ValueError : no text, other heads in one text than in another, too few or too many tokens, or arrays that do
            not fit them or each other
        """
        if not texts or not all(heads for _, heads in texts.values()):
            raise ValueError("the figure needs at least one text with at least one head")
        names = list(next(iter(texts.values()))[1])
        for title, (_, heads) in texts.items():
            if list(heads) != names:
                raise ValueError(f"every text needs the heads {names}; {title!r} has {list(heads)}")
        self._ready: list[tuple[np.ndarray, ...]] = []  # of all heads of the first text, then of the next
        packed = []
        for title, (tokens, heads) in texts.items():
            tokens = [str(token) for token in tokens]
            if not LENGTHS[0] <= len(tokens) <= LENGTHS[1]:
                raise ValueError(f"a text needs from {LENGTHS[0]} to {LENGTHS[1]} tokens; {title!r} has {len(tokens)}")
            ready = [_checked(title, name, head, len(tokens)) for name, head in heads.items()]
            if len(sizes := {Q.shape[1] for Q, _, _ in (*ready, *self._ready[:1])}) > 1:
                raise ValueError(f"all heads need keys of one size d; {title!r} makes it {sorted(sizes)}")
            self._ready += ready
            parts = {
                k: np.stack(x).astype("<f2").tobytes() for k, x in zip(PARTS, zip(*ready, strict=True), strict=True)
            }
            packed.append({"title": title, "tokens": tokens, **parts})
        super().__init__(texts=packed, heads=names, d=self._ready[0][0].shape[1], **traits)

    @traitlets.validate("text", "head", "query", "T")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "T":
            low, high = TEMPERATURES
            if not low <= value <= high:
                raise traitlets.TraitError(f"T must be a temperature from {low:g} to {high:g}; got {value}")
            return value
        many = {"text": len(self.texts), "head": len(self.heads), "query": self._most()}[name]
        if not 0 <= value < max(1, many):
            raise traitlets.TraitError(f"{name} must be a whole number from 0 to {many - 1}; got {value}")
        return value

    def _most(self) -> int:
        return len(self.texts[min(self.text, len(self.texts) - 1)]["tokens"]) if self.texts else 1

    @traitlets.observe("text")
    def _shorter(self, _: Any) -> None:
        self.query = min(self.query, self._most() - 1)

    @property
    def tokens(self) -> list[str]:
        """Return the tokens of the text that is shown."""
        return list(self.texts[self.text]["tokens"])

    def _shown(self) -> tuple[np.ndarray, ...]:
        return self._ready[self.text * len(self.heads) + self.head]

    def scores(self) -> Float[np.ndarray, "n n"]:
        """Return what softmax is applied to, a row a query; −∞ where the mask forbids."""
        Q, K, _ = self._shown()
        S = Q @ K.T / self.T / (np.sqrt(self.d) if self.scaled else 1)
        return np.where(np.tri(len(S), dtype=bool), S, -np.inf) if self.causal else S

    def weights(self) -> Float[np.ndarray, "n n"]:
        """Return all weights of the head, a row a query."""
        return softmax(self.scores())

    def still(self) -> str:
        """Return words, lines, weights and the table as pictures that need no script."""
        A, S, tokens = self.weights(), self.scores(), self.tokens
        row = A[self.query]
        H, best = float(entropy(row)), int(row.argmax())
        allowed = S[self.query][np.isfinite(S[self.query])]
        facts = {
            "Scores": f"{fixed(allowed.min())} … {fixed(allowed.max())}",
            "Largest weight": f"{fixed(row[best], 3)} on {html.escape(_short(tokens[best]))}",
            "Entropy": f"{fixed(H, 3)} nats",
            "Perplexity (tokens)": f"{fixed(perplexity(H))} of {len(tokens)}",
        }
        numbers = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
        root = f"√d = √{self.d}" if self.scaled else "1"
        mask = ", causal mask" if self.causal else ""
        title = html.escape(self.texts[self.text]["title"])
        return (
            f'<div class="v2a"><p>“{title}” · {html.escape(self.heads[self.head])}</p>'
            f'<div class="v2a-ae">{self._lines(A)}<div>{self._table(A)}<dl class="v2a-numbers v2a-ae-facts">{numbers}'
            f'</dl></div></div><p class="v2a-key">Scores divided by {root} and T = {self.T:g}{mask}. '
            "A still picture: the controls need JavaScript, or a running notebook.</p></div>"
        )

    def _lines(self, A: Float[np.ndarray, "n n"]) -> str:
        row, n = A[self.query], len(A)
        put = row * self._shown()[2]  # what each token puts into the answer
        y = TOP + ROW * (np.arange(n) + 0.5)
        out = [
            f'<rect class="v2a-ae-chosen" x="1" y="{y[self.query] - 13:g}" width="{ASKING + 4}" height="26" rx="5"/>',
            *(
                f'<path class="v2a-ae-line" stroke-width="{10 * w:.2f}" d="{_curve(y[self.query], at)}"/>'
                for w, at in zip(row, y, strict=True)
            ),
            f'<path class="v2a-ae-weight" d="{"".join(_bar(at - 7, 8, w) for at, w in zip(y, row, strict=True))}"/>',
            f'<path class="v2a-ae-value" d="{"".join(_bar(at + 3, 4, w) for at, w in zip(y, put, strict=True))}"/>',
        ]  # fmt: skip
        for i, token in enumerate(self.tokens):
            word, no = html.escape(_short(token)), self.causal and i > self.query
            chosen = " v2a-ae-on" if i == self.query else ""
            out += [
                f'<text class="v2a-ae-asking{chosen}" x="{ASKING}" y="{y[i] + 5:g}">{word}</text>',
                f'<g class="v2a-ae-row{" v2a-ae-no" if no else ""}"><text x="{ASKED}" y="{y[i] + 5:g}">{word}</text>',
                f'<text class="v2a-ae-number" x="{WIDE}" y="{y[i] + 5:g}">'
                f"{'masked' if no else fixed(row[i], 3)}</text></g>",
            ]
        heads = "".join(
            f'<text class="{css}" x="{x}" y="14">{word}</text>'
            for css, x, word in (
                ("v2a-ae-q", ASKING, "query"), ("v2a-ae-k", ASKED, "keys"), ("v2a-ae-a", WIDE, "weights"),
            )
        )  # fmt: skip
        label = f"Weights that “{html.escape(readable(self.tokens[self.query]))}” gives to each token"
        return (
            f'<svg class="v2a-ae-lines" viewBox="0 0 {WIDE} {TOP + ROW * n + 2}" role="img" aria-label="{label}">'
            f"{heads}{''.join(out)}</svg>"
        )

    def _table(self, A: Float[np.ndarray, "n n"]) -> str:
        cell = SIDE / len(A)
        squares = "".join(
            f'<rect class="v2a-ae-cell" x="{LEFT + cell * j:.2f}" y="{ABOVE + cell * i:.2f}" width="{cell:.2f}" '
            f'height="{cell:.2f}" fill-opacity="{np.sqrt(A[i, j]):.3f}"/>'
            for i, j in np.argwhere(A > 1e-5)
        )
        every = math.ceil(13 / cell)  # in small rows every second word
        names = "".join(
            f'<text class="v2a-ae-asking{" v2a-ae-on" if i == self.query else ""}" x="{LEFT - 6}" '
            f'y="{ABOVE + cell * (i + 0.5) + 4:.2f}">{html.escape(_short(token))}</text>'
            f'<text class="v2a-ae-asked" transform="translate({LEFT + cell * (i + 0.5) + 4:.2f} {ABOVE - 6}) '
            f'rotate(-90)">{html.escape(_short(token))}</text>'
            for i, token in enumerate(self.tokens)
            if i % every == 0
        )
        wide, tall = LEFT + SIDE + 4, ABOVE + SIDE + 4
        return (
            f'<svg class="v2a-ae-still" viewBox="0 0 {wide} {tall}" role="img" aria-label="All weights: a row for '
            f'each query, a column for each key">{squares}<rect class="v2a-ae-frame" x="{LEFT}" y="{ABOVE}" '
            f'width="{SIDE}" height="{SIDE}"/>{names}<rect class="v2a-ae-chosen" x="{LEFT}" '
            f'y="{ABOVE + cell * self.query:.2f}" width="{SIDE}" height="{cell:.2f}"/></svg>'
        )


def _checked(title: str, name: str, head: Any, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return queries and keys as 16 bits have them, and the values' lengths beside the longest (0: no values)."""
    if not isinstance(head, tuple | list) or len(head) not in (2, 3):
        raise ValueError(f"a head is (Q, K) or (Q, K, V); {name!r} of {title!r} is not")
    arrays = [as_reals(f"{letter} of {name!r}", x) for letter, x in zip("QKV", head, strict=False)]
    met = ", ".join(f"{letter} {x.shape}" for letter, x in zip("QKV", arrays, strict=False))
    if any(x.ndim != 2 or len(x) != n for x in arrays) or arrays[0].shape != arrays[1].shape:
        raise ValueError(f"{title!r} has {n} tokens: Q and K of {name!r} must be ({n}, d), V ({n}, e); got {met}")
    if max(abs(x).max() for x in arrays[:2]) > np.finfo(np.float16).max:
        raise ValueError(f"queries and keys are sent in 16 bits, up to 65504; those of {name!r} go beyond")
    Q, K = (x.astype(np.float16).astype(np.float64) for x in arrays[:2])
    lengths = np.linalg.norm(arrays[2], axis=1) if len(arrays) == 3 else np.zeros(n)
    return Q, K, lengths / max(lengths.max(), 1e-12)


def _short(token: str) -> str:
    word = readable(token)
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"


def _curve(start: float, end: float) -> str:
    half = (FROM + TO) / 2
    return f"M{FROM},{start:g}C{half:g},{start:g} {half:g},{end:g} {TO},{end:g}"


def _bar(y: float, high: int, share: float) -> str:
    return f"M{BAR},{y:g}h{SPAN * share:.2f}v{high}H{BAR}z"
