"""What the figure of block products shows, read off a page, against what the library says that it should show."""

from typing import Any

import numpy as np

from vec2attn.cost import blocked_loads, matmul_flops
from vec2attn.widgets.block_matmul import BLOCKS, BlockMatmul, N

SUB = str.maketrans("₁₂₃₄₅₆₇₈", "12345678")
TOTAL = {b: (N // b) ** 3 for b in BLOCKS}
READ = """(box) => {
    const text = (e) => e.textContent, all = (selector) => [...box.querySelectorAll(selector)];
    const places = (e, names) => names.map((name) => Number(e.getAttribute(name)));
    const each = (f) => Object.fromEntries(['A', 'B', 'C'].map((name) => [name, f(`g.v2a-${name}`)]));
    const shown = (e) => e.getAttribute('display') !== 'none';
    return {
        counts: each((g) => all(`${g} .v2a-count`).flatMap((t) => [...t.textContent].map((c) => Number(c) || 0))),
        shades: each((g) => all(`${g} .v2a-cell`).map((p) => p.getAttribute('d').split('M').length - 1)),
        dark: all('.v2a-cell').map((p) => Number(p.getAttribute('fill-opacity'))),
        now: all('.v2a-now').filter(shown).map((r) => places(r, ['x', 'y', 'width', 'height'])),
        corner: each((g) => all(`${g} .v2a-fine`)[0].getAttribute('d').match(/^M(\\d+) (\\d+)/).slice(1).map(Number)),
        formula: all('.v2a-formula').map(text),
        loads: all('.v2a-row:not(.v2a-head)').map((row) => [...row.querySelectorAll('span')].map(text)),
        bars: all('.v2a-load').map((d) => [...d.children].map((c) => parseFloat(c.style.width || c.style.left))),
        sum: text(box.querySelector('.v2a-sum')), numbers: all('dd').map(text),
        said: text(box.querySelector('.v2a-said')),
        off: all('button').map((b) => b.getAttribute('aria-disabled') === 'true'),
        sliders: all('input').map((i) => [Number(i.value), Number(i.max), i.getAttribute('aria-valuetext')]),
    };
}"""


def assert_tiles(seen: dict[str, Any], b: int, s: int) -> dict[str, Any]:
    """Compare all that a view of the figure shows with the library, after step s with blocks of b."""
    figure = BlockMatmul(block=b, step=s)
    counts = figure.counts()
    assert seen["counts"] == {name: counts[name].ravel().tolist() for name in "ABC"}
    assert seen["shades"] == {name: np.bincount(counts[name].ravel(), minlength=N + 1)[1:].tolist() for name in "ABC"}
    assert (np.diff(np.reshape(seen["dark"], (3, N))) > 0).all(), "more is darker"
    assert len(seen["now"]) == (3 if s else 0)
    if s:
        I, J, K = figure.tiles()[-1]
        assert [text.translate(SUB) for text in seen["formula"]] == [
            f"C{I + 1}{J + 1}",
            f"+= A{I + 1}{K + 1}",
            f"× B{K + 1}{J + 1}",
        ]
        for name, (row, column), frame in zip("ABC", [(I, K), (K, J), (I, J)], seen["now"], strict=True):
            x, y = seen["corner"][name]
            assert frame == [x + 20 * b * column, y + 20 * b * row, 20 * b, 20 * b], "the frame lies around the tile"
    whole, single = blocked_loads(N, N, N, b), blocked_loads(N, N, N, 1)
    used = int((counts["A"] > 0).sum()), int((counts["B"] > 0).sum())
    so_far = {"One entry at a time": 2 * s * b**3, f"Tiles of {b} × {b}": figure.loads(), "Each number once": sum(used)}
    ends = [single, whole, blocked_loads(N, N, N, N)]
    assert seen["loads"] == [[name, f"{x:,} / {end:,}"] for (name, x), end in zip(so_far.items(), ends, strict=True)]
    halves = [(s * b**3, s * b**3), (counts["A"].sum(), counts["B"].sum()), used]
    wanted = [[100 * x / single for x in (*half, end)] for half, end in zip(halves, ends, strict=True)]
    np.testing.assert_allclose(seen["bars"], wanted, atol=1e-3)
    assert seen["sum"] == f"Tiles: 64·⌈8/{b}⌉ + 64·⌈8/{b}⌉ = {whole:,} in all"
    reuse = matmul_flops(N, N, N) // whole
    assert seen["numbers"] == [f"{s * b**3} of 512", f"2·8³ / {whole:,} = {reuse}", f"{3 * b * b} numbers"]
    assert seen["off"] == [s == 0, s == TOTAL[b], s == TOTAL[b]]
    assert seen["sliders"] == [[BLOCKS.index(b), 3, str(b)], [s, TOTAL[b], str(s)]]
    return seen
