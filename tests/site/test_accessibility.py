"""axe-core finds no violation of WCAG 2.2 AA on any page, light or dark, wide or narrow, with its figures live."""

import pytest
from site_reader import PAGES, ROOT

AXE = ROOT / "node_modules/axe-core/axe.min.js"
LEVEL = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
RUN = """async (tags) => {
    const found = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
    const short = (node) => `${node.target.join(' ')}: ${node.any.concat(node.all, node.none).map((c) => c.message).join('; ')}`;
    return {
        violations: found.violations.map(({ id, tags, nodes }) => ({ id, tags, nodes: nodes.map(short) })),
        passes: found.passes.length,
    };
}"""


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_page_meets_wcag_2_2_aa(reader, record_property, path, dark, width):
    page = reader(path, dark=dark, width=width).read_to_the_end().page
    assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    page.evaluate("document.querySelectorAll('.bd-article details').forEach((details) => { details.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(RUN, [*LEVEL, "best-practice"])
    assert found["passes"] > 20, "axe checked next to nothing"
    failures = []
    for violation in found["violations"]:
        lines = [f"{violation['id']}: {node}" for node in violation["nodes"]]
        if LEVEL & set(violation["tags"]):
            failures += lines
        elif not dark:
            more = f" (and {len(lines) - 1} more)" if lines[1:] else ""
            record_property("advice", f"{path}, {width} px, {lines[0]}{more}")
    assert not failures, "\n".join(failures)
