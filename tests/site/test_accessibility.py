"""axe-core finds no violation of WCAG 2.2 AA on any page, light or dark, wide or narrow, with its figures live."""

import pytest
from site_reader import PAGES, ROOT

AXE = ROOT / "node_modules/axe-core/axe.min.js"
LEVEL = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
RUN = """async (only) => {
    const found = await axe.run(document, { runOnly: only, resultTypes: ['violations'] });
    const short = ({ target, any, all, none }) =>
        `${target.join(' ')}: ${[...any, ...all, ...none].map((check) => check.message).join('; ')}`;
    return {
        violations: found.violations.map(({ id, tags, nodes }) => ({ id, tags, nodes: nodes.map(short) })),
        passes: found.passes.length,
    };
}"""


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("path", PAGES)
def test_page_meets_wcag_2_2_aa(reader, record_property, path, width):
    page = reader(path, width=width).read_to_the_end().page
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    page.evaluate("document.querySelectorAll('.bd-article details').forEach((details) => { details.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    failures = []
    everything = {"type": "tag", "values": [*LEVEL, "best-practice"]}
    colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # all that a theme can change
    for scheme, only in (("light", everything), ("dark", colours))[: 1 + (width > 360)]:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=scheme)
        page.wait_for_timeout(300)  # the theme marks what scrolls, and plots take their new colours
        page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
        found = page.evaluate(RUN, only)
        assert found["passes"] > (20 if only is everything else 0), "axe checked next to nothing"
        for violation in found["violations"]:
            lines = [f"{violation['id']}: {node}" for node in violation["nodes"]]
            if LEVEL & set(violation["tags"]):
                failures += [f"{scheme}, {line}" for line in lines]
            elif scheme == "light":
                more = f" (and {len(lines) - 1} more)" if lines[1:] else ""
                record_property("advice", f"{path}, {width} px, {lines[0]}{more}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("path", PAGES)
def test_a_wide_formula_begins_in_sight_on_a_phone(reader, path):
    page = reader(path, width=360, touch=True).page
    hidden = page.evaluate(
        """() => [...document.querySelectorAll('div.math')].filter((box) => box.clientWidth)
            .filter((box) => box.firstElementChild.getBoundingClientRect().left < box.getBoundingClientRect().left)
            .map((box) => box.textContent.trim().slice(0, 60))"""
    )
    assert hidden == []


def test_code_that_scrolls_in_a_solution_is_within_reach_of_tab_once_it_is_opened(reader):
    page = reader("chapters/05_tensor_calculus/derivatives.html", width=360).page
    page.wait_for_timeout(300)  # the theme has measured what scrolls; what is folded has no width
    met = 0
    for fold in page.locator("details", has_text="Solution").all():
        summary = fold.locator("> summary")
        summary.press("Enter")
        for code in fold.locator("pre").all():
            if code.evaluate("(code) => code.scrollWidth > code.clientWidth"):
                summary.focus()
                for _ in range(6):
                    page.keyboard.press("Tab")
                    if code.evaluate("(code) => code === document.activeElement"):
                        break
                else:
                    pytest.fail(f"Tab does not reach {code.inner_text()[:60]!r}")
                met += 1
    assert met > 2
