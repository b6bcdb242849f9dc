"""What the browser computes and draws in einsum.js, against the library, numpy and the still picture."""

import itertools
import re

import numpy as np
import pytest
import traitlets

from vec2attn.tensors import contraction_path, matmul_plan
from vec2attn.widgets.einsum import FORMULAS, SIZES, Einsum, fates, upright
from widgets.node import run

every_formula = pytest.mark.parametrize("formula", FORMULAS)


def figure(formula, entry=0, term=1):
    return Einsum(formula=formula, entry=entry, term=term)


def states(formula):
    f = figure(formula)
    return itertools.product(range(f.entries), range(1, f.terms + 1))


# ---- The mathematics -------------------------------------------------------------------------------------------------


@every_formula
def test_the_loop_ends_at_numpys_result_and_meets_what_python_says(formula):
    f, cases = figure(formula), list(states(formula))
    terms, _, _ = f.letters
    calls = [("operand", p, term) for p, term in enumerate(terms)]
    (*arrays,) = run("einsum", calls)
    for A, flat in zip(f.operands(), arrays, strict=True):
        np.testing.assert_array_equal(A.ravel(), flat)
    sums = run("einsum", [("soFar", formula, *case) for case in cases])
    met = run("einsum", [("meeting", formula, *case) for case in cases])
    for (entry, term), so_far, indices in zip(cases, sums, met, strict=True):
        f = figure(formula, entry, term)
        assert f.so_far() == so_far
        assert [list(index) for index in f.meeting(term)] == indices
    ends = [s for (_, term), s in zip(cases, sums, strict=True) if term == f.terms]
    np.testing.assert_allclose(ends, np.ravel(np.einsum(formula, *f.operands())), atol=1e-9)


def test_a_case_worked_by_hand():
    f = figure("ij,jk->ik", 7, 2)
    np.testing.assert_array_equal(f.operands()[0], [[0, 3, 6, 2], [5, 1, 4, 0], [3, 6, 2, 5]])
    np.testing.assert_array_equal(f.operands()[1][:, 2], [2, 1, 0, 6])
    assert f.meeting(2) == [(1, 1), (1, 2)]
    assert f.so_far() == 5 * 2 + 1 * 1
    assert f.result()[1, 2] == 5 * 2 + 1 * 1 + 4 * 0 + 0 * 6


@every_formula
def test_letters_differ_in_size_and_neighbours_in_value(formula):
    sizes = [SIZES[x] for x in set(formula) & set(SIZES)]
    assert len(set(sizes)) == len(sizes)
    for A in figure(formula).operands():
        for axis in range(A.ndim):
            assert not np.array_equal(A, np.roll(A, 1, axis)), "a swapped axis must be seen"


@every_formula
def test_shapes_flops_and_recipe_are_those_of_the_library(formula):
    f = figure(formula)
    (facts,), (words,) = run("einsum", [("facts", formula)]), run("einsum", [("fates", formula)])
    assert facts == {key: text for key, (_, text) in f.facts().items()}
    assert (words["styles"], words["words"]) == fates(formula)
    terms, out, _ = f.letters
    shapes = [A.shape for A in f.operands()]
    assert str(contraction_path(formula, *shapes).flops) in re.findall(r"\d+", facts["flops"])
    assert np.shape(f.result()) == tuple(SIZES[x] for x in out)
    for x in set("".join(terms)):
        assert run("einsum", [("upright", formula, x)]) == [upright(formula, x)]


def test_plans_and_best_orders_of_other_formulas_are_the_librarys():
    pairs = [("ij", "jk", "ik"), ("bqd", "kbd", "bkq"), ("i", "j", "ji"), ("ij", "ji", ""), ("bij", "bij", "b")]
    for pair, found in zip(pairs, run("einsum", [("plan", *pair) for pair in pairs]), strict=True):
        assert tuple(found[key] for key in ("batch", "rows", "summed", "columns")) == matmul_plan(*pair)
    chains = ["ij,jk,kq->iq", "i,ij,jk,k->", "bi,ij,bj->b", "ij,jk,ik->", "ib,bj,jk,kd->id"]
    calls = [("cheapest", chain.split("->")[0].split(","), chain.split("->")[1]) for chain in chains]
    for chain, found in zip(chains, run("einsum", calls), strict=True):
        shapes = [tuple(SIZES[x] for x in term) for term in chain.split("->")[0].split(",")]
        best = contraction_path(chain, *shapes)
        assert found["flops"] == best.flops
        assert contraction_path(chain, *shapes, path=[tuple(step) for step in found["steps"]]).flops == best.flops


SAID = [
    (("formula", "bqd,bkd->bqk", 0, 4), "Attention scores: d is summed, b, q and k stay."),
    (("formula", "i,ij,j->", 0, 12), "Bilinear form: i and j are summed, nothing stays: the result is a number."),
    (("formula", "i,j->ij", 0, 1), "Outer product: nothing is summed, i and j stay."),
    (("formula", "ii->i", 0, 1), "Diagonal: nothing is summed, i stays."),
    (("entry", "ij,jk->ik", 7, 4), "R[1, 2] = 5·2 + 1·1 + 4·0 + 0·6 = 11."),
    (("term", "ij,jk->ik", 7, 1), "Term 1 of 4 for R[1, 2]: A[1, 0] · B[0, 2] = 5·2 = 10. The sum so far is 10."),
    (("", "ij,jk->ik", 7, 2), "Term 2 of 4 for R[1, 2]: A[1, 1] · B[1, 2] = 1·1 = 1. The sum so far is 11."),
    (("entry", "i,j->ij", 6, 1), "R[1, 2] = A[1] · B[2] = 3·2 = 6."),
    (("entry", "ij->ji", 3, 1), "R[1, 0] = A[0, 1] = 3."),
    (("term", "ii->", 0, 2), "Term 2 of 3 for R: A[1, 1] = 5. The sum so far is 5."),
    (("", "ii->", 0, 3), "R = 0 + 5 + 3 = 8."),
    (("", "i,ij,j->", 0, 12), "R = the sum of 12 products = {}."),
]


def test_the_figure_says_what_happens():
    bilinear = f"{int(Einsum(formula='i,ij,j->').result())}"
    said = run("einsum", [("sentence", *case) for case, _ in SAID])
    assert said == [words.format(bilinear) for _, words in SAID]


# ---- Python ----------------------------------------------------------------------------------------------------------


def test_a_shorter_formula_takes_entry_and_term_along():
    f = figure("bqd,bkd->bqk", 29, 4)
    f.formula = "ii->i"
    assert (f.entry, f.term) == (2, 1)
    with pytest.raises(traitlets.TraitError, match="from 0 to 2 for ii->i; got 3"):
        f.entry = 3


# ---- What the figure shows -------------------------------------------------------------------------------------------

DRAWN = """(box) => [...box.querySelectorAll('svg')].map((svg) => [
    svg.getAttribute('viewBox'),
    ...[...svg.querySelectorAll('path')].map((e) => [e.getAttribute('class'), e.getAttribute('d')].join('|')),
    ...[...svg.querySelectorAll('text')].filter((e) => e.textContent)
        .map((e) => [e.getAttribute('class'), e.getAttribute('x'), e.getAttribute('y'), e.textContent].join('|')),
].sort())"""


@every_formula
def test_the_still_picture_is_the_live_one(open_lab, formula):
    f = figure(formula)
    f.entry, f.term = f.entries // 2, (f.terms + 1) // 2
    lab = open_lab(f)
    live = lab.view().evaluate(DRAWN)
    texts = lab.view().locator("dd, li, .v2e-array p").all_inner_texts()
    lab.page.evaluate(
        "(html) => { const d = document.createElement('article'); d.innerHTML = html; document.body.append(d); }",
        f.still(),
    )
    still = lab.page.locator("article")
    assert still.evaluate(DRAWN) == live
    assert still.locator("dd, li, .v2e-array p").all_inner_texts() == texts
    assert len(live) == len(f.operands()) + 2 + len(fates(formula)[0])


def shown(lab):
    """Return the numbers of R, by place, that the view shows."""
    lab.frame()
    return lab.view().evaluate("(box) => [...box.querySelectorAll('.v2e-R .v2e-digit')].map((e) => e.textContent)")


def assert_shows(lab, formula, entry, term):
    f = figure(formula, entry, term)
    found = np.ravel(f.result())
    wanted = [str(int(x)) if n < entry else "" for n, x in enumerate(found)]
    wanted[entry] = str(int(f.so_far()))
    assert shown(lab) == wanted


def state(lab):
    lab.frame()
    return lab.page.evaluate("['formula', 'entry', 'term'].map((name) => model.get(name))")


@pytest.mark.parametrize(
    ("name", "key", "entry", "term"),
    [
        ("Output entry", "ArrowRight", 8, 4),
        ("Output entry", "Home", 0, 4),
        ("Output entry", "End", 14, 4),
        ("Term of sum", "ArrowLeft", 7, 1),
        ("Term of sum", "End", 7, 4),
    ],
)
def test_keys_on_the_sliders(open_lab, name, key, entry, term):
    lab = open_lab(figure("ij,jk->ik", 7, 2))
    lab.view().get_by_role("slider", name=name).press(key)
    assert state(lab) == ["ij,jk->ik", entry, term]
    assert_shows(lab, "ij,jk->ik", entry, term)


def test_the_button_walks_the_whole_loop_and_stops(open_lab):
    lab = open_lab(figure("ij->i"))
    button = lab.view().get_by_role("button", name="Next step of the loop")
    seen = [tuple(state(lab)[1:])]
    for _ in range(13):
        button.click(force=True)
        seen.append(tuple(state(lab)[1:]))
        assert_shows(lab, "ij->i", *seen[-1])
    assert seen == [*states("ij->i"), (2, 4), (2, 4)]
    assert button.get_attribute("aria-disabled") == "true"


@every_formula
def test_another_formula_is_chosen_and_python_accepts_it(open_lab, formula):
    lab = open_lab(figure("bij,bjk->bik", 17, 2))
    choice = lab.view().get_by_role("combobox", name="Formula")
    assert choice.locator("option").all_inner_texts() == [f"{name}: {f}" for f, name in FORMULAS.items()]
    choice.select_option(formula)
    wanted = figure(formula)
    if formula != "bij,bjk->bik":
        assert state(lab) == [formula, min(17, wanted.entries - 1), wanted.terms]
    f = figure("bij,bjk->bik", 17, 2)
    f.set_state(dict(zip(("formula", "entry", "term"), state(lab), strict=True)))
    assert [f.formula, f.entry, f.term] == state(lab)
    assert_shows(lab, *state(lab))
    sliders = lab.view().locator("input")
    disabled = sliders.evaluate_all("(all) => all.map((s) => s.disabled)")
    assert disabled == [wanted.entries == 1, wanted.terms == 1]


def test_reset_goes_where_python_begins(open_lab):
    lab = open_lab(figure("ii->"))
    button = lab.view().get_by_role("button", name="Reset")
    button.click()
    assert state(lab) == list(Einsum().state()[name] for name in ("formula", "entry", "term"))
    assert button.is_disabled()
    assert "SELECT" in lab.focused()


def test_a_formula_from_python_with_an_entry_beyond_its_end_is_drawn_at_its_end(open_lab):
    lab = open_lab(figure("bqd,bkd->bqk", 29, 4))
    lab.arrive(formula="ii->i")  # entry and term follow in messages of their own
    assert_shows(lab, "ii->i", 2, 1)
