"""Softmax on vocabulary logits (notebook 1.3): real next-token logits under softmax, temperature, top-k and top-p.

The browser gets what it draws, not the whole vector: the largest logits exactly, the tail as bins of neighbouring
ranks, each with its count, mean and second and third central moments. From these every sum that softmax, entropy and
top-p need comes out right (tests/widgets compare with the library on the full vector).
"""

import html
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float

from vec2attn.arrays import as_reals
from vec2attn.softmax import entropy, perplexity, softmax, temperature, top_k, top_p
from vec2attn.widgets.base import Figure, readable

SHOWN = 10  # tokens with a row of their own
EXACT = 768  # logits sent as they are
REACH = 12  # how far a logit can be dragged beyond the largest and smallest shown
WIDTH = 0.05  # widest bin of the tail, in logits


def summarise(logits: Float[np.ndarray, " vocab"]) -> dict[str, bytes]:
    """Return the parts of `logits` that the browser needs, little-endian, largest first: about 12 KB instead of 200.

    A bin ends where its logits would span more than `WIDTH`. Its Σ exp(β z) follows from its moments with a relative
    error near (β·WIDTH)⁴/1920, far below what a figure shows.
    """
    ordered = np.sort(logits.astype(np.float64))[::-1]
    exact, tail = ordered[:EXACT], ordered[EXACT:]
    bins = np.floor((tail[0] - tail) / WIDTH).astype(np.int64)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    counts = np.diff(starts, append=len(tail))
    means = np.add.reduceat(tail, starts) / counts
    off = tail - np.repeat(means, counts)
    moments = (np.add.reduceat(off**power, starts) / counts for power in (2, 3))
    second, third = (m.astype("<f4").tobytes() for m in moments)
    return {
        "exact": exact.astype("<f4").tobytes(),
        "counts": counts.astype("<u4").tobytes(),
        "means": means.astype("<f4").tobytes(),
        "second": second,
        "third": third,
    }


class SoftmaxBars(Figure):
    """Bars of logits and probabilities; every trait can be set from Python, and follows the reader's hand."""

    name = "softmax_bars"

    prompts = traitlets.List(traitlets.Dict()).tag(sync=True)
    vocabulary = traitlets.Int().tag(sync=True)
    prompt = traitlets.Int(0, help="which of the prompts, from 0").tag(sync=True)
    T = traitlets.Float(1.0, help="temperature").tag(sync=True)
    k = traitlets.Int(help="how many tokens top-k keeps; the size of the vocabulary keeps all").tag(sync=True)
    p = traitlets.Float(1.0, help="the share of probability that top-p keeps").tag(sync=True)
    c = traitlets.Float(0.0, help="constant added to every logit").tag(sync=True)
    edits = traitlets.List(traitlets.Float(), help="what is added to the logit of each shown token").tag(sync=True)

    def __init__(self, logits: dict[str, Float[np.ndarray, " vocab"] | list], tokens: list[str], **traits: Any) -> None:
        """Make a figure from logits by prompt text, all over the same vocabulary `tokens`.

        Raises
        ------
        TypeError : logits that are no real numbers
        ValueError : no prompts, too few tokens, logits of another length than `tokens`, or one that is not finite
        """
        if not logits or len(tokens) < EXACT + 1:
            raise ValueError(
                f"the figure needs at least one prompt and {EXACT + 1} tokens; got {len(logits)} and {len(tokens)}"
            )
        arrays = {text: as_reals(f"the logits of {text!r}", z) for text, z in logits.items()}
        for text, z in arrays.items():
            if z.shape != (len(tokens),):
                raise ValueError(
                    f"{len(tokens)} tokens need logits of that length; those of {text!r} have shape {z.shape}"
                )
        self._logits, self._tokens = list(arrays.values()), tokens
        self._order = [np.argsort(-z, kind="stable") for z in self._logits]
        prompts = [
            {"text": text, "tokens": [tokens[i] for i in order[:SHOWN]], **summarise(z)}
            for (text, z), order in zip(arrays.items(), self._order, strict=True)
        ]
        super().__init__(prompts=prompts, vocabulary=len(tokens), **{"k": len(tokens), **traits})

    @traitlets.validate("prompt", "T", "k", "p", "c", "edits")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        legal = {
            "prompt": lambda: 0 <= value < max(1, len(self.prompts)),
            "T": lambda: 0.1 <= value <= 5.02,
            "k": lambda: 1 <= value <= max(1, self.vocabulary),
            "p": lambda: 0 < value <= 1,
            "c": lambda: bool(np.isfinite(value)),
            "edits": lambda: len(value) <= SHOWN and np.isfinite(value).all(),
        }
        if not legal[name]():
            words = {
                "prompt": f"a whole number from 0 to {len(self.prompts) - 1}",
                "T": "a temperature from 0.1 to 5",
                "k": f"a whole number from 1 to {self.vocabulary}",
                "p": "a share in (0, 1]",
                "c": "a finite number",
                "edits": f"at most {SHOWN} finite numbers",
            }
            raise traitlets.TraitError(f"{name} must be {words[name]}; got {value}")
        return value

    def logits(self) -> Float[np.ndarray, " vocab"]:
        """Return the full vector of logits with the edits and the constant, before temperature and cuts."""
        z = self._logits[self.prompt].astype(np.float64)
        z[self._order[self.prompt][: len(self.edits)]] += self.edits
        return z + self.c

    def probabilities(self) -> Float[np.ndarray, " vocab"]:
        """Return the full distribution that the figure shows, by the library: temperature, then top-k, then top-p."""
        return softmax(top_p(top_k(temperature(self.logits(), self.T), self.k), self.p))

    def still(self) -> str:
        """Return the bars as an HTML table, with entropy and perplexity."""
        P, z, order = self.probabilities(), self.logits(), self._order[self.prompt]
        shown = order[:SHOWN]
        low = min(np.floor(self._logits[self.prompt][shown[-1]]) - REACH, np.floor(z[shown].min()))
        high = max(np.ceil(self._logits[self.prompt][shown[0]]) + REACH, np.ceil(z[shown].max()))
        rows = [
            _row(readable(self._tokens[i]), _pair("--in", (z[i] - low) / (high - low), _signed(z[i])), P[i])
            for i in shown
        ]
        rows.append(_row(f"{self.vocabulary - SHOWN:,} others", "", P[order[SHOWN:]].sum(), "v2a-rest"))
        H = float(entropy(P))
        numbers = f"T = {self.T:g}, entropy {H:.3f} nats, perplexity {perplexity(H):.2f}"
        return (
            f'<div class="v2a"><p>“{html.escape(self.prompts[self.prompt]["text"])} …”</p><table class="v2a-bars">'
            '<thead><tr><th scope="col">Token</th><th scope="col">Logit z</th><th scope="col">Probability p</th>'
            f'</tr></thead><tbody>{"".join(rows)}</tbody></table><p class="v2a-key">{numbers}. '
            "A still picture: the controls need JavaScript, or a running notebook.</p></div>"
        )


def _signed(x: float) -> str:
    return f"{x:.2f}".replace("-", "−")


def _percent(p: float) -> str:
    """Write a probability as the front end does."""
    if p == 0:
        return "cut"
    return "<0.01 %" if p < 1e-4 else f"{100 * p:.{2 if p < 0.0995 else 1}f} %"


def _pair(colour: str, share: float, text: str) -> str:
    bar = f'<div class="v2a-share"><i style="transform:scaleX({share:.5f});background:var({colour})"></i></div>'
    return f'<div class="v2a-pair">{bar}<span>{text}</span></div>'


def _row(name: str, logit: str, p: float, css: str = "") -> str:
    share = _pair("--out", p, html.escape(_percent(p)))
    cut = " v2a-cut" if p == 0 else ""
    return f'<tr class="{css}{cut}"><th scope="row">{html.escape(name)}</th><td>{logit}</td><td>{share}</td></tr>'
