"""What the browser computes in softmax_bars.js against the library on all 49,152 logits, and by hand."""

import itertools
import math
import struct

import numpy as np
import pytest

from vec2attn.softmax import entropy, perplexity, temperature, top_k, top_p
from vec2attn.widgets.softmax_bars import EXACT, SHOWN, WIDTH, SoftmaxBars
from widgets.examples import softmax_bars
from widgets.node import Result, run

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
# the worst cases of the grid with every prompt and of a larger one of edits, for more or fewer exact logits than now:
# cuts through a bin at its most uneven, the only one that was off by a token, and one beside a dragged token
GRID += [
    {"prompt": 0, "T": 1.5, "k": 700, "p": 0.9, "c": 0, "edits": []},
    {"prompt": 3, "T": 1.5, "k": 49_152, "p": 0.5, "c": 0, "edits": []},
    {"prompt": 0, "T": 1.5, "k": 5000, "p": 0.9, "c": 0, "edits": []},
]
EDITED += [
    {"prompt": 1, "T": 1, "k": 700, "p": 0.99, "c": 0, "edits": [-12.0] * SHOWN},
    {"prompt": 0, "T": 2, "k": 49_152, "p": 0.5, "c": 0, "edits": [-20.0] * SHOWN},
    {"prompt": 0, "T": 2, "k": 49_152, "p": 0.5, "c": 0, "edits": [-25.0]},
    {"prompt": 4, "T": 2, "k": 49_152, "p": 0.99, "c": 0, "edits": [-25.0]},
    {"prompt": 1, "T": 2, "k": 49_152, "p": 0.5, "c": 0, "edits": [-4.0] * 5 + [0.0] * 4 + [6.5]},
]


def by_the_library(figure, case):
    """Return the probabilities of the exactly sent tokens, entropy, perplexity, the number kept and how it is cut."""
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
            # a token dragged into the very bin that is cut may be kept here and cut there, another one in its stead
            swapped = ((np.array(found["probabilities"]) == 0) != (P == 0)).any()
            share = missed + swapped * smallest * math.exp(WIDTH / case["T"])
            self.slack.append((share, missed * (1 - math.log(smallest)), missed * (1 - math.log(smallest))))
        self.errors, self.slack = np.array(self.errors), np.array(self.slack)
        self.kept, self.where = np.array(self.kept), np.array(self.where)


@pytest.fixture(scope="module", params=["the sliders", "dragged logits"])
def compared(request):
    return Compared(GRID if request.param == "the sliders" else EDITED)


# where the cut lies -> largest error of a probability, of the entropy (nats), of the perplexity (relative)
TOLERANCES = {
    "among the exact": (1e-14, 1e-13, 1e-13),
    "nowhere": (2e-9, 5e-8, 5e-8),
    "in a bin": (1e-6, 1e-5, 1e-5),
}


@pytest.mark.parametrize("where", TOLERANCES)
def test_the_browser_shows_the_numbers_of_the_full_vector(compared, where):
    chosen = compared.where == where
    assert chosen.sum() >= 7
    errors = np.where(chosen[:, None], compared.errors - compared.slack, -1)
    print(f"cut {where}: {chosen.sum()} cases, worst errors {errors.max(axis=0)}")
    for what, error, allowed in zip(("probability", "entropy", "perplexity"), errors.T, TOLERANCES[where], strict=True):
        worst = int(error.argmax())
        assert error[worst] <= allowed, f"{what} off by {error[worst]:.2e} in {compared.cases[worst]}"


def test_as_many_tokens_are_kept_as_by_the_library(compared):
    theirs, ours = compared.kept.T
    sure = compared.where != "in a bin"
    np.testing.assert_array_equal(theirs[sure], ours[sure])
    assert np.abs(theirs - ours).max() <= 1
    by_k_alone = np.array([case["p"] == 1 for case in compared.cases])
    np.testing.assert_array_equal(theirs[by_k_alone], [case["k"] for case in compared.cases if case["p"] == 1])


@pytest.fixture(scope="module")
def prompts():
    return softmax_bars().prompts


def test_adding_a_constant_changes_nothing(prompts):
    edits, settings = [2.0, 0.0, -20.0], [*itertools.product((0.1, 1, 5), (5, 300, 2000, 49_152), (0.6, 1))]
    calls = [("decode", prompts[3])]
    for c in CONSTANTS:
        calls += [("distribution", Result(0), {"T": T, "k": k, "p": p, "c": c, "edits": edits}) for T, k, p in settings]
    found = run("softmax_bars", calls)[1:]
    lower, plain, higher = (found[i * len(settings) :][: len(settings)] for i in range(3))
    for moved, still in zip(lower + higher, plain * 2, strict=True):
        np.testing.assert_allclose(moved["probabilities"], still["probabilities"], rtol=0, atol=1e-12)
        assert moved["entropy"] == pytest.approx(still["entropy"], abs=1e-12)
        assert moved["kept"] == still["kept"]


def test_a_prompt_travels_in_less_than_15_kilobytes(prompts):
    sizes = [sum(len(part) for part in prompt.values() if isinstance(part, bytes)) for prompt in prompts]
    print("bytes per prompt:", sizes)
    assert max(sizes) <= 15_000


def test_no_token_is_lost_on_the_way(prompts):
    calls = [("decode", prompt) for prompt in prompts]
    # so hot that every token is as probable as any other
    calls += [("distribution", Result(i), {"T": 1e9}) for i in range(len(prompts))]
    for found in run("softmax_bars", calls)[len(prompts) :]:
        assert found["kept"] == 49_152
        assert found["probabilities"] == pytest.approx([1 / 49_152] * EXACT, rel=1e-6)
        assert found["entropy"] == pytest.approx(math.log(49_152), rel=1e-12)


def test_a_bin_can_hold_a_whole_large_vocabulary():
    figure = SoftmaxBars({"all alike": np.zeros(70_000)}, ["x"] * 70_000)
    _, found = run("softmax_bars", [("decode", figure.prompts[0]), ("distribution", Result(0))])
    assert found["kept"] == 70_000
    assert found["entropy"] == pytest.approx(math.log(70_000), rel=1e-12)


def bin_of(z, n, m2=0.0, m3=0.0):
    return {"z": z, "n": n, "m2": m2, "m3": m3}


def test_sums_of_a_single_token_are_exact():
    (found,) = run("softmax_bars", [("sums", bin_of(1.5, 1), 2, 1)])
    assert found == pytest.approx([math.e, 0.5 * math.e], rel=1e-15)


def test_sums_of_a_bin_follow_from_its_moments():
    x, z, beta, zero = np.array([-0.01, -0.01, 0.02]), 3.0, 1.25, 3.5  # skewed, so the third moment counts
    (found,) = run("softmax_bars", [("sums", bin_of(z, 3, (x**2).mean(), (x**3).mean()), beta, zero)])
    e = np.exp(beta * (z + x - zero))
    # the fourth moment would add 4e-8 of a sum; without the third, the second sum is off by 4e-6
    assert found == pytest.approx([e.sum(), ((z + x - zero) * e).sum()], rel=5e-8)


def test_the_upper_part_of_a_bin_by_hand():
    # 8 tokens spread over 1 ± 3 (variance 3²/3): the upper half spreads over 1 … 4
    half, whole, one = run("softmax_bars", [("upper", bin_of(1, 8, 3), m) for m in (4, 8, 1)])
    assert half == {"z": 2.5, "n": 4, "m2": 0.75, "m3": 0}
    assert whole == {"z": 1, "n": 8, "m2": 3, "m3": 0}
    assert one == {"z": 1 + 3 * 7 / 8, "n": 1, "m2": pytest.approx((3 / 8) ** 2 / 3, rel=1e-15), "m3": 0}


def summary(exact, counts, means):
    """Return a prompt's binary parts by hand: float32 and unsigned integers of four bytes, little-endian."""
    nothing = bytes(4 * len(counts))
    return {
        "exact": struct.pack(f"<{len(exact)}f", *exact),
        "counts": struct.pack(f"<{len(counts)}I", *counts),
        "means": struct.pack(f"<{len(means)}f", *means),
        "second": nothing,
        "third": nothing,
    }


# the logits ln 5, ln 2 and 0 as they are, and one bin of two tokens at 0: probabilities 5, 2, 1 and twice 1 tenths
FIVE = summary([math.log(5), math.log(2), 0], [2], [0])
BY_HAND = [
    ({}, [5 / 10, 2 / 10, 1 / 10], 5),
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
    ({"c": 7.5, "p": 0.51}, [5 / 7, 2 / 7, 0], 2),
    ({"edits": [0, 0, math.log(12)]}, [5 / 21, 2 / 21, 12 / 21], 5),
    ({"edits": [0, 0, math.log(12)], "k": 1}, [0, 0, 1], 1),
    ({"edits": [-math.log(50)], "k": 2}, [0, 2 / 3, 1 / 3], 2),
]


def test_distributions_by_hand():
    calls = [("decode", FIVE), *(("distribution", Result(0), settings) for settings, _, _ in BY_HAND)]
    for (settings, probabilities, kept), got in zip(BY_HAND, run("softmax_bars", calls)[1:], strict=True):
        assert got["probabilities"] == pytest.approx(probabilities, abs=1e-7), settings  # logits are float32 on the way
        assert got["kept"] == kept, settings


def test_entropy_and_perplexity_by_hand():
    calls = [("decode", FIVE), ("distribution", Result(0)), ("distribution", Result(0), {"k": 1})]
    _, all_five, alone = run("softmax_bars", calls)
    H = 0.5 * math.log(2) + 0.2 * math.log(5) + 0.3 * math.log(10)
    assert (all_five["entropy"], all_five["perplexity"]) == pytest.approx((H, math.exp(H)), rel=1e-7)
    assert (alone["entropy"], alone["perplexity"]) == (0, 1)


def test_bins_by_hand():
    # one token at 1, forty thousand at 0 and seventy thousand at −1
    data = summary([1], [40_000, 70_000], [0, -1])
    whole, some = run(
        "softmax_bars", [("decode", data), *(("distribution", Result(0), {"k": k}) for k in (200_000, 9))]
    )[1:]
    total = math.e + 40_000 + 70_000 / math.e
    moment = math.e - 70_000 / math.e
    assert (whole["kept"], some["kept"]) == (110_001, 9)
    assert whole["probabilities"] == pytest.approx([math.e / total], rel=1e-12)
    assert whole["entropy"] == pytest.approx(math.log(total) - moment / total, rel=1e-12)
    assert some["probabilities"] == pytest.approx([math.e / (math.e + 8)], rel=1e-12)


PERCENT = {
    0: "0 %",
    1e-300: "<0.01 %",
    0.000_099: "<0.01 %",
    0.000_1: "0.01 %",
    0.004_2: "0.42 %",
    0.012_345: "1.23 %",
    0.099: "9.90 %",
    0.1: "10.0 %",
    0.773_4: "77.3 %",
    1: "100.0 %",
}


def test_percent_has_the_digits_that_a_reader_can_use():
    assert dict(zip(PERCENT, run("softmax_bars", [("percent", x) for x in PERCENT]), strict=True)) == PERCENT


FIXED = {
    (1.234, 2): "1.23",
    (-1.234, 2): "−1.23",
    (0, 1): "0.0",
    (-0.004, 2): "0.00",  # no "−0.00"
    (-0.006, 2): "−0.01",
    (-10, 0): "−10",
}


def test_fixed_writes_numbers_as_the_text_does():
    assert dict(zip(FIXED, run("softmax_bars", [("fixed", *x) for x in FIXED]), strict=True)) == FIXED


def test_the_stops_of_top_k_rise_from_one_to_all():
    four, ten, hundred, real = run("softmax_bars", [("stops", n) for n in (4, 10, 100, 49_152)])
    assert four == [1, 2, 3, 4]
    assert ten == list(range(1, 11))
    assert hundred == [*range(1, 11), 15, 20, 30, 50, 70, 100]
    assert real[:15] == hundred[:15]
    assert real[-5:] == [10_000, 15_000, 20_000, 30_000, 49_152]
    assert all(a < b for a, b in itertools.pairwise(real))


CERTAIN, TORN = {"entropy": 0.5, "perplexity": 1.649}, {"entropy": 1.25, "perplexity": 3.49}
FLAT = {"entropy": 8.0, "perplexity": 2980.96}
SAID = [
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
    # no change that the figure's decimals could show
    ("Top-p", TORN, TORN, "Most probable: ␣Paris. Entropy 1.25 nats, as uncertain as a fair die with 3.5 faces."),
    ("Constant", TORN, TORN, "Every logit moved by −2.5; no probability moved."),
]


def test_the_figure_says_what_has_changed():
    calls = [("sentence", reason, before, now, {"c": -2.5, "best": "␣Paris"}) for reason, before, now, _ in SAID]
    assert run("softmax_bars", calls) == [words for *_, words in SAID]
