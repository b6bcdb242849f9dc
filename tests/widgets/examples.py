"""One example of every figure of the book, with real data: what the tests that all figures share run on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from vec2attn.datasets import cat, smollm2_logits, smollm2_prompts, smollm2_tokens
from vec2attn.widgets.attention_explorer import AttentionExplorer
from vec2attn.widgets.backprop import Backprop
from vec2attn.widgets.base import Figure
from vec2attn.widgets.block_matmul import BlockMatmul
from vec2attn.widgets.descent_bowl import DescentBowl
from vec2attn.widgets.eigenvectors import Eigenvectors
from vec2attn.widgets.einsum import Einsum
from vec2attn.widgets.flash_tiles import FlashTiles
from vec2attn.widgets.jacobian2d import Jacobian2d
from vec2attn.widgets.quick_question import QuickQuestion, choice
from vec2attn.widgets.rotation_projection import RotationProjection
from vec2attn.widgets.shape_ledger import ShapeLedger
from vec2attn.widgets.softmax_bars import SoftmaxBars
from vec2attn.widgets.svd2d import Svd2d
from vec2attn.widgets.svd_truncation import SvdTruncation
from vec2attn.widgets.vectors2d import Vectors2d

NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class Example:
    """How to make a figure; another legal value for every trait that a reader moves; what is refused, in which words.

    A refusal is (trait, value, words); a wrong construction is (arguments, named arguments, words).
    """

    make: Callable[..., Figure]
    changes: dict[str, Any]
    refusals: list[tuple[str, Any, str]]
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]]


@cache
def real_logits() -> dict[str, np.ndarray]:
    return {text: smollm2_logits(key) for key, text in smollm2_prompts().items()}


def readable(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")


def percent(share: float) -> str:
    """Return a share as the figures write it."""
    if share == 0:
        return "cut"
    return "<0.01 %" if share < 1e-4 else f"{100 * share:.{2 if share < 0.0995 else 1}f} %"


real_tokens = cache(smollm2_tokens)


def softmax_bars(**traits: Any) -> SoftmaxBars:
    return SoftmaxBars(real_logits(), real_tokens(), **traits)


def few(n: int, **at: float) -> np.ndarray:
    """Return n logits; at(i3=x) puts x on place 3."""
    z = np.linspace(4, -4, n)
    for place, value in at.items():
        z[int(place.removeprefix("i"))] = value
    return z


def svd_truncation(**traits: Any) -> SvdTruncation:
    return SvdTruncation(cat(), **traits)


SENTENCES = {
    "asleep": ["[CLS]", "the", "cat", "is", "as", "##le", "##ep", ".", "[SEP]"],
    "short": [" Hello", " world", "\n"],
}
HEADS = ("first", "second", "third")


def small_heads(tokens: list[str], d: int = 5, seed: int = 0) -> dict[str, tuple[np.ndarray, ...]]:
    """Return queries, keys and values for three heads; the real ones, of notebook 7.1, are tested on its page."""
    rng = np.random.default_rng([seed, len(tokens)])
    return {name: tuple(2 * rng.normal(size=(3, len(tokens), d))) for name in HEADS}


def attention_explorer(**traits: Any) -> AttentionExplorer:
    return AttentionExplorer({title: (tokens, small_heads(tokens)) for title, tokens in SENTENCES.items()}, **traits)


def one_text(n: int = 3, **heads: Any) -> tuple[dict[str, Any]]:
    return ({"a": (["x"] * n, heads)},)


def flash_tiles(**traits: Any) -> FlashTiles:
    rng = np.random.default_rng(8)
    Q, K, V = 1.5 * rng.normal(size=(8, 4)), 1.5 * rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    return FlashTiles(Q, K, V, **traits)


def quick_question(**traits: Any) -> QuickQuestion:
    question = choice(
        "What is 2 + 2 * 3?",
        [("8", 8, "Products come first."), ("12", 12, "That is `(2 + 2) * 3`."), ("10", 10, "One 2 too many.")],
        2 + 2 * 3,
    )
    return QuickQuestion(**{**question.state(), **traits})


MANY = [f" word{i}" for i in range(2000)]
EXAMPLES = {
    "softmax_bars": Example(
        make=softmax_bars,
        changes={"prompt": 3, "T": 0.7, "k": 300, "p": 0.9, "c": -2.5, "edits": [0.0, -3.0, 1.25]},
        refusals=[
            ("T", 0, r"T must be .* from 0\.1 to 5; got 0"),
            ("T", -1.0, "got -1"),
            ("T", 5.5, "got 5.5"),
            ("T", NAN, "got nan"),
            ("T", "warm", "expected a float, not the str 'warm'"),
            ("k", 0, "k must be .* from 1 to 49,?152; got 0"),
            ("k", 49_153, "got 49,?153"),
            ("k", 2.5, "expected an int, not the float 2.5"),
            ("p", 0, r"p must be .*\(0, 1\]; got 0"),
            ("p", 1.5, "got 1.5"),
            ("p", -0.1, "got -0.1"),
            ("p", NAN, "got nan"),
            ("c", NAN, "c must be .*finite.*; got nan"),
            ("c", INF, "got inf"),
            ("prompt", -1, "prompt must be .* from 0 to 4; got -1"),
            ("prompt", 5, "got 5"),
            ("edits", [0.5, NAN], r"edits must be at most 10 finite numbers; got \[0.5, nan\]"),
            ("edits", [INF], "got .inf"),
            ("edits", [1.0] * 11, "at most 10"),
            ("edits", ["a"], "expected a float, not the str 'a'"),
        ],
        wrong=[
            (({}, MANY), {}, "at least one prompt .*; got 0 and 2000"),
            (({"a": few(10)}, MANY[:10]), {}, r"tokens; got 1 and 10\b"),
            (
                ({"a": few(1999)}, MANY),
                {},
                r"2000 tokens need .* 'a' .*1999",
            ),
            (({"a": few(2000), "b": few(2000, i3=NAN)}, MANY), {}, "'b'.* holds a NaN"),
            (({"a": few(2000, i3=INF)}, MANY), {}, "'a'.* holds an infinity"),
            (({"a": few(2000, i3=-INF)}, MANY), {}, "'a'.* holds an infinity"),
        ],
    ),
    "quick_question": Example(
        make=quick_question,
        changes={"given": "1"},
        refusals=[
            ("given", "3", r"number of an option, 0 to 2; got '3'"),
            ("given", "x", "got 'x'"),
            ("given", 1, "int"),
        ],
        wrong=[],
    ),
    "rotation_projection": Example(
        make=RotationProjection,
        changes={
            "theta": -40.0,
            "phi": 70.0,
            "entries": [1.0, 0.5, -0.25, 1.5],
            "convention": "points @ A",
            "projections": 2,
        },
        refusals=[
            ("theta", 181, "theta must be an angle from −180 to 180 degrees; got 181"),
            ("theta", NAN, "got nan"),
            ("theta", "90°", "expected a float, not the str '90°'"),
            ("phi", -1, "phi must be an angle from 0 to 180 degrees; got -1"),
            ("phi", INF, "got inf"),
            ("entries", [1.0, 2.0, 0.5], r"entries must be four numbers from −2 to 2, .*; got \[1.0, 2.0, 0.5\]"),
            ("entries", [1.0, 2.5, 0.0, 1.0], "got .1.0, 2.5"),
            ("entries", [1.0, NAN, 0.0, 1.0], "got .1.0, nan"),
            ("entries", [[1.0, 0.0], [0.0, 1.0]], "expected a float, not the list"),
            ("convention", "A @ points", 'convention must be "points @ A.T" or "points @ A"; got .A @ points'),
            ("projections", -1, "projections must be a whole number from 0 to 99; got -1"),
            ("projections", 100, "got 100"),
            ("projections", 1.5, "expected an int, not the float 1.5"),
        ],
        wrong=[],
    ),
    "block_matmul": Example(
        make=BlockMatmul,
        changes={"block": 4, "step": 5},
        refusals=[
            ("block", 3, "block must be 1, 2, 4 or 8; got 3"),
            ("block", 0, "got 0"),
            ("block", -2, "got -2"),
            ("block", 16, "got 16"),
            ("block", 2.5, "expected an int, not the float 2.5"),
            ("step", -1, r"step must be a whole number from 0 to \d+ with blocks of [24]; got -1"),
            ("step", 65, "got 65"),
            ("step", 1.5, "expected an int, not the float 1.5"),
        ],
        wrong=[],
    ),
    "eigenvectors": Example(
        make=Eigenvectors,
        changes={"entries": [1.0, 0.5, -0.25, 2.0], "angle": -30.5, "path": [100.0, 20.25], "show": True},
        refusals=[
            ("entries", [1.0, 2.0, 3.0], r"entries must be four numbers from −5 to 5, .*; got \[1.0, 2.0, 3.0\]"),
            ("entries", [1.0, 5.5, 0.0, 1.0], "got .1.0, 5.5"),
            ("entries", [1.0, NAN, 0.0, 1.0], "got .1.0, nan"),
            ("entries", [[4.0, 1.0], [1.0, 3.0]], "expected a float, not the list"),
            ("angle", 181, "angle must be an angle from −180 to 180 degrees; got 181"),
            ("angle", NAN, "got nan"),
            ("angle", "90°", "expected a float, not the str '90°'"),
            ("path", [0.0] * 100, "path must be at most 99 angles"),
            ("path", [-INF], "got .-inf"),
            ("show", "yes", "expected a boolean, not the str 'yes'"),
        ],
        wrong=[],
    ),
    "vectors2d": Example(
        make=Vectors2d,
        changes={"u": [-1.5, 2.0], "v": [0.5, -3.25]},
        refusals=[
            ("u", [1.0], r"u must be two numbers from −5 to 5; got \[1.0\]"),
            ("u", [1.0, 2.0, 3.0], "u must be two numbers"),
            ("u", [5.1, 0.0], r"got \[5.1, 0.0\]"),
            ("u", [NAN, 0.0], "u must be two numbers .*nan"),
            ("v", [0.0, -INF], "v must be two numbers .*inf"),
            ("v", ["a", 1.0], "expected a float, not the str 'a'"),
            ("v", 3.0, "expected a list, not the float 3.0"),
        ],
        wrong=[],
    ),
    "svd_truncation": Example(
        make=svd_truncation,
        changes={"rank": 73},
        refusals=[
            ("rank", 0, "rank must be a whole number from 1 to 200; got 0"),
            ("rank", -1, "got -1"),
            ("rank", 201, "got 201"),
            ("rank", 1.5, "expected an int, not the float 1.5"),
        ],
        wrong=[
            (([1.0, 2.0],), {}, r"A must be a matrix.*got shape \(2,\)"),
            ((np.ones((2, 3, 3)),), {}, r"got shape \(2, 3, 3\)"),
            ((np.ones((0, 3)),), {}, "A is empty"),
            ((np.zeros((4, 3)),), {}, r"all entries of A \(4, 3\) are zero"),
            (([[1.0, NAN]],), {}, "A holds a NaN"),
            ((np.ones((3, 513)),), {}, r"at most 512 rows and columns; A has shape \(3, 513\): take a part"),
        ],
    ),
    "svd2d": Example(
        make=Svd2d,
        changes={"entries": [0.5, -0.9, 1.05, 0.75], "step": 1.5, "angle": -60.0},
        refusals=[
            ("entries", [1.0, 2.0], r"entries must be four numbers, row by row, .* 1.2 long; got \[1.0, 2.0\]"),
            ("entries", [1.2, 0.0, 1.2, 1.0], "each column at most 1.2 long; got .1.2, 0.0"),
            ("entries", [NAN, 0.0, 0.0, 1.0], "got .nan"),
            ("entries", [1.0, 0.0, -INF, 1.0], "got .1.0, 0.0, -inf"),
            ("entries", ["1", 0.0, 0.0, 1.0], "expected a float, not the str '1'"),
            ("step", 3.1, r"step must be a number from 0 \(the circle\) to 3 .*; got 3.1"),
            ("step", -0.5, "got -0.5"),
            ("step", NAN, "got nan"),
            ("angle", 181, "angle must be an angle from −180 to 180 degrees; got 181"),
            ("angle", "20°", "expected a float, not the str '20°'"),
        ],
        wrong=[],
    ),
    "descent_bowl": Example(
        make=DescentBowl,
        changes={"eta": 0.19, "start": [1.5, -0.7], "kappa": 40.0, "method": "momentum"},
        refusals=[
            ("eta", 0, "eta must be a step size from 0.001 to 0.4; got 0"),
            ("eta", -0.1, "got -0.1"),
            ("eta", 0.41, "got 0.41"),
            ("eta", NAN, "got nan"),
            ("eta", "small", "expected a float, not the str 'small'"),
            ("kappa", 0.5, "kappa must be a number from 1 to 100; got 0.5"),
            ("kappa", INF, "got inf"),
            ("start", [1.0], r"start must be two numbers, from −3 to 3 and from −2 to 2; got \[1.0\]"),
            ("start", [0.0, 2.5], r"got \[0.0, 2.5\]"),
            ("start", [NAN, 0.0], "got .nan"),
            ("start", ["a", 0.0], "expected a float, not the str 'a'"),
            ("method", "Adam", 'method must be "plain" or "momentum"; got \'Adam\''),
        ],
        wrong=[],
    ),
    "einsum": Example(
        make=Einsum,
        changes={"formula": "bqd,bkd->bqk", "entry": 17, "term": 2},
        refusals=[
            ("formula", "ij,jk", "formula must be one of ij,jk->ik, .*; got 'ij,jk'"),
            ("formula", "", "got ''"),
            ("formula", 3, "expected a unicode string, not the int 3"),
            ("entry", -1, r"entry must be a whole number from 0 to \d+ for .*; got -1"),
            ("entry", 30, "got 30"),
            ("entry", 1.5, "expected an int, not the float 1.5"),
            ("term", 0, "term must be a whole number from 1 to 4 for .*; got 0"),
            ("term", 5, "got 5"),
            ("term", "all", "expected an int, not the str 'all'"),
        ],
        wrong=[],
    ),
    "jacobian2d": Example(
        make=Jacobian2d,
        changes={"map": "polar", "p": [-0.75, 1.25], "h": 0.125},
        refusals=[
            ("map", "swirl", "map must be .*; got .swirl"),
            ("p", [1.0], r"p must be two numbers from −1.5 to 1.5; got \[1.0\]"),
            ("p", [1.6, 0.0], "got .1.6, 0.0"),
            ("p", [0.0, NAN], "got .0.0, nan"),
            ("p", 1.0, "expected a list, not the float 1.0"),
            ("h", 0.6, "h must be a number from 1/64 to 0.5; got 0.6"),
            ("h", 0.0, "got 0.0"),
            ("h", NAN, "got nan"),
            ("h", "small", "expected a float, not the str 'small'"),
        ],
        wrong=[],
    ),
    "backprop": Example(
        make=Backprop,
        changes={"expression": 2, "inputs": [0.5, -1.25, 2.0], "step": 10},
        refusals=[
            ("expression", 3, "expression must be 0, 1 or 2; got 3"),
            ("expression", -1, "got -1"),
            ("expression", "tanh", "expected an int, not the str 'tanh'"),
            ("inputs", [1.0, 2.0], r"inputs must be 3 numbers from −3 to 3; got \[1.0, 2.0\]"),
            ("inputs", [1.0, 2.0, 3.5], "inputs must be 3 numbers .*3.5"),
            ("inputs", [NAN, 0.0, 0.0], "inputs must be 3 numbers .*nan"),
            ("inputs", ["a", 0.0, 0.0], "expected a float, not the str 'a'"),
            ("step", -1, "step must be a whole number from 0 to (9|12) for this expression; got -1"),
            ("step", 13, "got 13"),
            ("step", 1.5, "expected an int, not the float 1.5"),
        ],
        wrong=[],
    ),
    "attention_explorer": Example(
        make=attention_explorer,
        changes={"query": 2, "head": 1, "T": 0.5, "scaled": False, "causal": True, "text": 1},
        refusals=[
            ("text", 2, "text must be a whole number from 0 to 1; got 2"),
            ("head", -1, "head must be a whole number from 0 to 2; got -1"),
            ("head", 1.5, "expected an int, not the float 1.5"),
            ("query", -1, "query must be a whole number from 0 to [28]; got -1"),
            ("query", 9, "got 9"),
            ("T", 0.09, "T must be a temperature from 0.1 to 10; got 0.09"),
            ("T", 10.1, "got 10.1"),
            ("T", NAN, "got nan"),
            ("T", "cold", "expected a float, not the str 'cold'"),
            ("scaled", "yes", "expected a boolean, not the str 'yes'"),
            ("causal", 2.5, "expected a boolean, not the float 2.5"),
        ],
        wrong=[
            (({},), {}, "at least one text with at least one head"),
            (one_text(), {}, "at least one text with at least one head"),
            (({"a": (["x"], {"h": (np.ones((1, 2)),) * 2})},), {}, "from 2 to 24 tokens; 'a' has 1"),
            (one_text(25, h=(np.ones((25, 2)),) * 2), {}, "'a' has 25"),
            (one_text(h=np.ones((3, 2))), {}, r"a head is \(Q, K\) or \(Q, K, V\); 'h' of 'a' is not"),
            (one_text(h=(np.ones((3, 2)),)), {}, "'h' of 'a' is not"),
            (one_text(h=(np.ones((3, 2)), np.ones((3, 4)))), {}, r"Q \(3, 2\), K \(3, 4\)"),
            (one_text(h=(np.ones((2, 2)),) * 2), {}, r"'a' has 3 tokens: Q and K of 'h' must be \(3, d\)"),
            (one_text(h=(np.ones((3, 2)), np.ones((3, 2)), np.ones((4, 2)))), {}, r"V \(3, e\); got .*V \(4, 2\)"),
            (one_text(h=(np.ones(3),) * 2), {}, r"got Q \(3,\)"),
            (one_text(h=(np.ones((3, 2)), [[1, 2], [3, NAN], [5, 6]])), {}, "K of 'h' holds a NaN"),
            (one_text(h=(np.full((3, 2), 7e4),) * 2), {}, "up to 65504; those of 'h' go beyond"),
            (one_text(g=(np.ones((3, 2)),) * 2, h=(np.ones((3, 4)),) * 2), {}, r"one size d; 'a' makes it \[2, 4\]"),
            (
                ({"a": (["x"] * 3, small_heads(["x"] * 3)), "b": (["x"] * 3, {"h": (np.ones((3, 5)),) * 2})},),
                {},
                r"every text needs the heads \['first', 'second', 'third'\]; 'b' has \['h'\]",
            ),
        ],
    ),
    "shape_ledger": Example(
        make=ShapeLedger,
        changes={
            "batch": 2,
            "tokens": 48,
            "width": 1024,
            "heads": 16,
            "head_size": 96,
            "source": "memory",
            "positions": 100,
            "step": "memory",
        },
        refusals=[
            ("batch", 0, "batch must be a whole number from 1 to 8; got 0"),
            ("batch", 9, "got 9"),
            ("tokens", -1, "tokens must be .* from 1 to 8192; got -1"),
            ("tokens", 2.5, "expected an int, not the float 2.5"),
            ("positions", 8193, "positions must be .* from 1 to 8192; got 8193"),
            ("width", 0, "width must be .* got 0"),
            ("heads", 65, "heads must be .* from 1 to 64; got 65"),
            ("head_size", 129, "head_size must be .* from 1 to 128; got 129"),
            ("source", "both", 'source must be "tokens" or "memory"; got \'both\''),
            ("step", "softmax", "step must be one of input, .*scores.*; got 'softmax'"),
            ("step", 3, "expected a unicode string, not the int 3"),
        ],
        wrong=[],
    ),
    "flash_tiles": Example(
        make=flash_tiles,
        changes={"tile": 3, "causal": True, "query": 7, "step": 4},
        refusals=[
            ("tile", 5, "tile must be 1, 2, 3, 4 or 8; got 5"),
            ("tile", 0, "got 0"),
            ("tile", 2.5, "expected an int, not the float 2.5"),
            ("query", 0, "query must be a whole number from 1 to 8; got 0"),
            ("query", 9, "got 9"),
            ("step", -1, r"step must be a whole number from 0 to \d+ with these tiles; got -1"),
            ("step", 17, "got 17"),
            ("step", "last", "expected an int, not the str 'last'"),
            ("causal", "yes", "expected a boolean, not the str 'yes'"),
        ],
        wrong=[
            ((np.ones((7, 4)), np.ones((8, 4)), np.ones((8, 2))), {}, r"need Q \(8, d\).*got Q \(7, 4\)"),
            ((np.ones((8, 4)), np.ones((8, 3)), np.ones((8, 2))), {}, r"K \(8, 3\)"),
            ((np.ones((8, 4)), np.ones((8, 4)), np.ones((8, 3))), {}, r"V \(8, 3\)"),
            ((np.ones((8, 4)), np.full((8, 4), NAN), np.ones((8, 2))), {}, "K holds a NaN"),
            ((np.full((8, 4), 9.0), np.full((8, 4), 9.0), np.ones((8, 2))), {}, "±99.9; the largest here is 162.0"),
        ],
    ),
}
