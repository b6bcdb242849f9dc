"""What the browser computes in softmax_bars.js against the library on all 49,152 logits, and by hand."""

import itertools
import math
import struct

import numpy as np
import pytest
from widgets.examples import softmax_bars
from widgets.node import Result, run

from vec2attn.softmax import entropy, perplexity, temperature, top_k, top_p
from vec2attn.widgets.softmax_bars import EXACT, SHOWN

TEMPERATURES = (0.1, 0.3, 0.7, 1, 1.5, 2, 5)
KS = (1, 2, 5, 10, 40, 200, 256, 257, EXACT, EXACT + 1, 700, 5000, 20_000, 49_152)
PS = (0.05, 0.5, 0.9, 0.95, 0.99, 1)
CONSTANTS = (-10, 0, 7.5)
EDITS = (
    [-12.0],  # the first into the middle of the others
    [-25.0],  # far below, among the binned tail
    [0.0] * 9 + [12.0],  # the last above the first
    [-9.3] + [0.0] * 8 + [7.7],
    [3.0, 0.0, -15.0],
    [-4.0] * 5 + [0.0] * 4 + [6.5],
    [-20.0] * SHOWN,  # all of them among the tail: unshown tokens lead
)
GRID = [
    {"prompt": i % 5, "T": T, "k": k, "p": p, "c": CONSTANTS[i // 5 % 3], "edits": []}
    for i, (T, k, p) in enumerate(itertools.product(TEMPERATURES, KS, PS))
]
EDITED = [
    {"prompt": i % 5, "T": T, "k": k, "p": p, "c": CONSTANTS[i // 5 % 3], "edits": edits}
    for i, (edits, T, (k, p)) in enumerate(
        itertools.product(
            EDITS, (0.1, 0.7, 1, 2, 5), ((1, 1), (2, 0.9), (10, 1), (257, 1), (700, 0.99), (49_152, 0.5), (49_152, 1))
        )
    )
]
# on the whole grid of prompts and edits this is the one case found in which the browser keeps a token too many
EDITED.append({"prompt": 1, "T": 1, "k": 700, "p": 0.99, "c": 0, "edits": [-12.0] * SHOWN})


def by_the_library(figure, case):
    """Return the probabilities of the tokens with the largest logits, the number kept, and what else errors depend on."""
    figure.edits = []  # the next prompt may not know the last one's
    with figure.hold_trait_notifications():
        for name, value in case.items():
            setattr(figure, name, value)
    P, order = figure.probabilities(), figure._order[figure.prompt]
    kept = np.isfinite(top_p(top_k(temperature(figure.logits(), figure.T), figure.k), figure.p))
    np.testing.assert_array_equal(kept, P > 0)
    in_tail = int(kept[order[EXACT:]].sum())
    where = "among the exact" if in_tail == 0 else "nowhere" if in_tail == len(P) - EXACT else "in a bin"
    H = float(entropy(P))
    return P[order[:EXACT]], H, perplexity(H), int(kept.sum()), float(P[kept].min()), where


class Compared:
    """All cases, in the browser's arithmetic and in the library's."""

    def __init__(self, cases):
        figure = softmax_bars()
        calls = [("decode", prompt) for prompt in figure.prompts]
        calls += [("distribution", Result(case["prompt"]), case) for case in cases]
        self.cases, self.errors, self.kept, self.where, self.slack = cases, [], [], [], []
        for case, found in zip(cases, run("softmax_bars", calls)[len(figure.prompts) :], strict=True):
            P, H, faces, kept, smallest, where = by_the_library(figure, case)
            self.errors.append(
                (
                    np.abs(np.array(found["probabilities"]) - P).max(),
                    abs(found["entropy"] - H),
                    abs(found["perplexity"] / faces - 1),
                )
            )
            self.kept.append((found["kept"], kept))
            self.where.append(where)
            # a token too many or too few changes the sums by its own share, to first order
            missed = abs(found["kept"] - kept) * smallest
            self.slack.append((missed, missed * (1 - math.log(smallest)), missed * (1 - math.log(smallest))))
        self.errors, self.kept, self.where = np.array(self.errors), np.array(self.kept), np.array(self.where)
        self.slack = np.array(self.slack)


@pytest.fixture(scope="module", params=["the sliders", "dragged logits"])
def compared(request):
    return Compared(GRID if request.param == "the sliders" else EDITED)


# where the cut lies -> largest error of a probability, of the entropy (nats), of the perplexity (relative)
TOLERANCES = {
    "among the exact": (1e-14, 1e-13, 1e-13),
    "nowhere": (2e-9, 5e-8, 5e-8),
    "in a bin": (2e-6, 2e-5, 2e-5),
}


@pytest.mark.parametrize("where", TOLERANCES)
def test_the_browser_shows_the_numbers_of_the_full_vector(compared, where):
    chosen = compared.where == where
    assert chosen.sum() >= 15
    errors, slack = compared.errors[chosen], compared.slack[chosen]
    print(f"cut {where}: {chosen.sum()} cases, worst errors {errors[(slack == 0).all(axis=1)].max(axis=0)}")
    cases = [case for case, c in zip(compared.cases, chosen, strict=True) if c]
    for what, error, tolerance in zip(("probability", "entropy", "perplexity"), errors.T, TOLERANCES[where], strict=True):
        excess = error - slack[:, ("probability", "entropy", "perplexity").index(what)] - tolerance
        worst = int(excess.argmax())
        assert excess[worst] <= 0, f"{what} is off by {error[worst]:.2e} (allowed: {tolerance}) for {cases[worst]}"


def test_as_many_tokens_are_kept_as_by_the_library(compared):
    theirs, ours = compared.kept.T
    sure = compared.where != "in a bin"
    np.testing.assert_array_equal(theirs[sure], ours[sure])
    assert np.abs(theirs - ours).max() <= 1
    by_k_alone = np.array([case["p"] == 1 for case in compared.cases])
    np.testing.assert_array_equal(theirs[by_k_alone], [case["k"] for case in compared.cases if case["p"] == 1])


def test_adding_a_constant_changes_nothing():
    prompt = softmax_bars().prompts[3]
    edits, settings = [2.0, 0.0, -20.0], [*itertools.product((0.1, 1, 5), (5, 300, 49_152), (0.6, 1))]
    calls = [("decode", prompt)]
    for c in CONSTANTS:
        calls += [("distribution", Result(0), {"T": T, "k": k, "p": p, "c": c, "edits": edits}) for T, k, p in settings]
    found = run("softmax_bars", calls)[1:]
    lower, plain, higher = (found[i * len(settings) :][: len(settings)] for i in range(3))
    for moved, still in zip(lower + higher, plain * 2, strict=True):
        np.testing.assert_allclose(moved["probabilities"], still["probabilities"], rtol=0, atol=1e-12)
        assert moved["entropy"] == pytest.approx(still["entropy"], abs=1e-12)
        assert moved["kept"] == still["kept"]
    assert [moved["largest"] for moved in higher] == [still["largest"] + 7.5 for still in plain]


def test_a_prompt_travels_in_less_than_15_kilobytes():
    sizes = [sum(len(part) for part in prompt.values() if isinstance(part, bytes)) for prompt in softmax_bars().prompts]
    print("bytes per prompt:", sizes)
    assert max(sizes) <= 15_000


def test_no_token_is_lost_on_the_way():
    figure = softmax_bars()
    for prompt, data in zip(figure.prompts, run("softmax_bars", [("decode", p) for p in figure.prompts]), strict=True):
        z = np.sort(figure._logits[figure.prompts.index(prompt)].astype(float))[::-1]
        np.testing.assert_array_equal(data["exact"], z[:EXACT])
        assert sum(data["n"]) == len(z) - EXACT
        np.testing.assert_allclose(np.dot(data["n"], data["z"]), z[EXACT:].sum(), rtol=1e-7)


def test_decode_by_hand():
    # 1.5 and −2 are exact in float32; little-endian, as the kernel's side writes them
    floats = struct.pack("<2f", 1.5, -2.0)
    data = {"exact": floats, "counts": _counts(3, 40_000), "means": floats, "second": floats, "third": floats}
    (read,) = run("softmax_bars", [("decode", data)])
    assert read == {"exact": [1.5, -2], "n": [3, 40_000], "z": [1.5, -2], "m2": [1.5, -2], "m3": [1.5, -2]}


def _counts(*counts):
    """Return counts in the width that the figure uses."""
    prompt = softmax_bars().prompts[0]
    width = len(prompt["counts"]) * 4 // len(prompt["means"])
    return b"".join(count.to_bytes(width, "little") for count in counts)


def bin_of(z, n, m2=0.0, m3=0.0):
    return {"z": z, "n": n, "m2": m2, "m3": m3}


def test_sums_of_a_single_token_are_exact():
    (found,) = run("softmax_bars", [("sums", bin_of(1.5, 1), 2, 1)])
    assert found == pytest.approx([math.e, 0.5 * math.e], rel=1e-15)


def test_sums_of_a_bin_follow_from_its_moments():
    x, z, beta, zero = np.array([-0.01, -0.01, 0.02]), 3.0, 1.25, 3.5  # skewed, so the third moment counts
    (found,) = run("softmax_bars", [("sums", bin_of(z, 3, (x**2).mean(), (x**3).mean()), beta, zero)])
    e = np.exp(beta * (z + x - zero))
    # what the fourth moment would add is 1e-8 of a sum; without the third, errors are 40 times as large
    assert found == pytest.approx([e.sum(), ((z + x - zero) * e).sum()], rel=3e-8)


def test_the_upper_part_of_a_bin_by_hand():
    # 8 tokens spread over 1 ± 3 (variance 3²/3): the upper half spreads over 1 … 4
    half, whole, one = run("softmax_bars", [("upper", bin_of(1, 8, 3), m) for m in (4, 8, 1)])
    assert half == {"z": 2.5, "n": 4, "m2": 0.75, "m3": 0}
    assert whole == {"z": 1, "n": 8, "m2": 3, "m3": 0}
    assert one == {"z": 1 + 3 * 7 / 8, "n": 1, "m2": pytest.approx((3 / 8) ** 2 / 3, rel=1e-15), "m3": 0}


def distribution_by_hand(**settings):
    """Return the distribution over the logits ln 1, ln 2, ln 5, sent exactly, and one bin of two tokens at ln 1."""
    z = [math.log(5), math.log(2), 0.0]
    data = {"exact": z, "n": [2], "z": [0.0], "m2": [0.0], "m3": [0.0]}
    (found,) = run("softmax_bars", [("distribution", data, settings)])
    return found


def test_a_distribution_by_hand():
    found = distribution_by_hand()
    assert found["probabilities"] == pytest.approx([0.5, 0.2, 0.1], rel=1e-15)
    H = 0.5 * math.log(2) + 0.2 * math.log(5) + 0.3 * math.log(10)
    assert found["entropy"] == pytest.approx(H, rel=1e-15)
    assert found["perplexity"] == pytest.approx(math.exp(H), rel=1e-15)
    assert (found["kept"], found["largest"]) == (5, math.log(5))


@pytest.mark.parametrize(
    ("settings", "probabilities", "kept"),
    [
        ({"k": 1}, [1, 0, 0], 1),
        ({"k": 2}, [5 / 7, 2 / 7, 0], 2),
        ({"k": 4}, [5 / 9, 2 / 9, 1 / 9], 4),  # one of the two in the bin
        ({"p": 0.49}, [1, 0, 0], 1),
        ({"p": 0.51}, [5 / 7, 2 / 7, 0], 2),
        ({"p": 0.75}, [5 / 8, 2 / 8, 1 / 8], 3),
        ({"p": 0.85}, [5 / 9, 2 / 9, 1 / 9], 4),
        ({"k": 3, "p": 0.8}, [5 / 7, 2 / 7, 0], 2),  # top-p counts shares of what top-k has left: 5/8, 2/8, 1/8
        ({"T": 0.5}, [25 / 32, 4 / 32, 1 / 32], 5),
        ({"T": 0.5, "p": 0.78}, [1, 0, 0], 1),  # temperature before top-p
        ({"edits": [0, 0, math.log(12)]}, [5 / 21, 2 / 21, 12 / 21], 5),
        ({"edits": [0, 0, math.log(12)], "k": 1}, [0, 0, 1], 1),
        ({"edits": [-math.log(50)], "k": 2}, [0, 2 / 3, 1 / 3], 2),
    ],
)
def test_cuts_and_edits_by_hand(settings, probabilities, kept):
    found = distribution_by_hand(**settings)
    assert found["probabilities"] == pytest.approx(probabilities, abs=1e-15)
    assert found["kept"] == kept


def test_a_single_token_has_no_entropy_left():
    found = distribution_by_hand(k=1)
    assert (found["entropy"], found["perplexity"]) == (0, 1)
    assert math.copysign(1, found["entropy"]) == 1  # "−0.000 nats" would be shown


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-300, "<0.01 %"),
        (0.000_099, "<0.01 %"),
        (0.000_1, "0.01 %"),
        (0.004_2, "0.42 %"),
        (0.012_345, "1.23 %"),
        (0.099, "9.90 %"),
        (0.1, "10.0 %"),
        (0.773_4, "77.3 %"),
        (1, "100.0 %"),
    ],
)
def test_percent(share, text):
    assert run("softmax_bars", [("percent", share)]) == [text]


@pytest.mark.parametrize(
    ("x", "decimals", "text"),
    [
        (1.234, 2, "1.23"),
        (-1.234, 2, "−1.23"),
        (0, 1, "0.0"),
        (-0.0, 1, "0.0"),
        (-0.004, 2, "0.00"),  # no "−0.00"
        (-0.006, 2, "−0.01"),
        (-10, 0, "−10"),
    ],
)
def test_fixed_writes_numbers_as_the_text_does(x, decimals, text):
    assert run("softmax_bars", [("fixed", x, decimals)]) == [text]


def test_the_stops_of_top_k_rise_from_one_to_all():
    few, ten, exact, real = run("softmax_bars", [("stops", n) for n in (4, 10, 100, 49_152)])
    assert few == [1, 2, 3, 4]
    assert ten == list(range(1, 11))
    assert exact == [*range(1, 11), 15, 20, 30, 50, 70, 100]
    assert real[-5:] == [15_000, 20_000, 30_000, 49_152][-4:] or real[-5:] == [10_000, 15_000, 20_000, 30_000, 49_152]
    assert all(a < b for a, b in itertools.pairwise(real))


CERTAIN, TORN = {"entropy": 0.5, "perplexity": 1.649}, {"entropy": 1.25, "perplexity": 3.49}
FLAT = {"entropy": 8.0, "perplexity": 2980.96}


@pytest.mark.parametrize(
    ("reason", "before", "now", "said"),
    [
        ("", None, TORN, "Most probable: ␣Paris. Entropy 1.25 nats, as uncertain as a fair die with 3.5 faces."),
        (
            "Temperature",
            CERTAIN,
            TORN,
            "Temperature: entropy rose to 1.25 nats, as uncertain as a fair die with 3.5 faces. Most probable: ␣Paris.",
        ),
        (
            "Top-k",
            TORN,
            CERTAIN,
            "Top-k: entropy fell to 0.50 nats, as uncertain as a fair die with 1.6 faces. Most probable: ␣Paris.",
        ),
        (
            "Temperature",
            TORN,
            FLAT,
            "Temperature: entropy rose to 8.00 nats, as uncertain as a fair die with 2,981 faces. Most probable: ␣Paris.",
        ),
        # nothing has changed that two decimals could show
        ("Top-p", TORN, TORN, "Most probable: ␣Paris. Entropy 1.25 nats, as uncertain as a fair die with 3.5 faces."),
        ("Constant", TORN, TORN, "Every logit moved by −2.5; no probability moved."),
    ],
)
def test_the_figure_says_what_has_changed(reason, before, now, said):
    assert run("softmax_bars", [("sentence", reason, before, now, {"c": -2.5, "best": "␣Paris"})]) == [said]
