// Tiles of a block matrix product C = AB, all n × n: one tile product a step, one tile of each matrix in fast memory.

/** How many tile products the whole product takes. */
export const steps = (n, b) => (n / b) ** 3;

/** The tiles of step s = 1, 2, …: C_IJ += A_IK B_KJ, counted from 0, in the order of the library's blocked_matmul. */
export function tile(s, n, b) {
  const q = n / b;
  return [Math.floor((s - 1) / (q * q)), Math.floor((s - 1) / q) % q, (s - 1) % q];
}

/** How often each entry of A and of B was loaded in the first s steps, and how many products each entry of C holds. */
export function counts(s, n, b) {
  const found = { A: new Array(n * n).fill(0), B: new Array(n * n).fill(0), C: new Array(n * n).fill(0) };
  for (let t = 1; t <= s; t++) {
    const [I, J, K] = tile(t, n, b);
    for (let i = 0; i < b; i++) for (let j = 0; j < b; j++) {
      found.A[(I * b + i) * n + K * b + j] += 1;
      found.B[(K * b + i) * n + J * b + j] += 1;
      found.C[(I * b + i) * n + J * b + j] += b;
    }
  }
  return found;
}

/** Numbers that an (m, k) by (k, n) product loads with blocks of b: mk⌈n/b⌉ + kn⌈m/b⌉. */
export const blockedLoads = (m, k, n, b) => m * k * Math.ceil(n / b) + k * n * Math.ceil(m / b);

/** The step with blocks of `to` at which as much is done as after step s with blocks of `from`, rounded up. */
export const sameWork = (s, from, to) => Math.ceil((s * from ** 3) / to ** 3);

const N = 8, BLOCKS = [1, 2, 4, 8];
const CELL = 20, GAP = 32, TOP = 20, BOTTOM = 22, SIDE = N * CELL;  // as in block_matmul.py
const PLACES = { A: [1, TOP + SIDE + GAP], B: [1 + SIDE + GAP, TOP], C: [1 + SIDE + GAP, TOP + SIDE + GAP] };
const sub = (...digits) => digits.map((i) => "₁₂₃₄₅₆₇₈"[i]).join("");
const MOTION = 880;  // ms for a tile of C

function lines(x, y, every) {
  let d = "";
  for (let i = 0; i <= N; i += every) d += `M${x} ${y + i * CELL}h${SIDE}M${x + i * CELL} ${y}v${SIDE}`;
  return d;
}

const EMPTY = "\u2007", DIGIT = 7;  // a space as wide as a digit, and how wide that is
/** One matrix: shades and counts of its entries, lines between the tiles, and a frame around the tile of now. */
function matrix(name) {
  const [x, y] = PLACES[name], row = { class: "v2a-count", x: x + (CELL - DIGIT) / 2, textLength: SIDE - CELL + DIGIT };
  // few elements, so that a change is drawn in time: a shade for each count, a text for each row, a digit for each entry
  const shades = Array.from({ length: N }, (_, i) => h("path", { class: "v2a-cell", "fill-opacity": 0.05 * (i + 1) }));
  const texts = Array.from({ length: N }, (_, i) => h("text", { ...row, y: y + (i + 0.5) * CELL }));
  const coarse = h("path", { class: "v2a-coarse" }), now = h("rect", { class: "v2a-now" });
  const letter = h("text", { class: "v2a-letter", x: x + SIDE / 2, y: name === "B" ? y - 7 : y + SIDE + 17 }, name);
  let tiles = 0;
  return {
    group: h("g", { class: `v2a-${name}` }, ...shades, h("path", { class: "v2a-fine", d: lines(x, y, 1) }), coarse, now, ...texts, letter),
    draw(count, b, corner) {
      const areas = new Array(N).fill("");
      count.forEach((value, i) => {
        if (value) areas[value - 1] += `M${x + (i % N) * CELL} ${y + Math.floor(i / N) * CELL}h${CELL}v${CELL}h-${CELL}z`;
      });
      shades.forEach((shade, i) => setAttribute(shade, "d", areas[i]));
      texts.forEach((text, i) => {
        setText(text, count.slice(i * N, (i + 1) * N).map((value) => value || EMPTY).join(""));
      });
      const size = b * CELL;
      if (tiles !== b) setAttribute(coarse, "d", lines(x, y, tiles = b));
      setAttribute(now, "display", corner ? "inline" : "none");
      const at = corner ? { x: x + corner[1] * size, y: y + corner[0] * size, width: size, height: size } : {};
      for (const [key, value] of Object.entries(at)) setAttribute(now, key, value);
    },
  };
}

function render({ model, el }) {
  const voice = announcer();
  let reason = "", timer = 0;
  const at = () => {
    const b = model.get("block"), total = steps(N, b);
    return { b, total, s: Math.min(model.get("step"), total) };  // Python may set the block first
  };
  const stop = () => { clearInterval(timer); timer = 0; };
  const change = (what, values) => { stop(); reason = what; put(model, values); };
  const go = (step) => { reason = "step"; put(model, { step }); };

  const block = slider("Block size b", { min: 0, max: BLOCKS.length - 1, step: 1 }, (v) => {
    const { b, s } = at();
    change("block", { block: BLOCKS[v], step: sameWork(s, b, BLOCKS[v]) });
  });
  const step = slider("Step", { min: 0, step: 1 }, (v) => change("step", { step: v }));
  const button = (text, able, act) => h("button", { type: "button", onclick: () => { stop(); if (able(at())) act(at()); } }, text);
  const early = ({ s }) => s > 0, open = ({ s, total }) => s < total;
  const buttons = [
    [button("Back", early, ({ s }) => go(s - 1)), early],
    [button("Step", open, ({ s }) => go(s + 1)), open],
    [button("Play a tile of C", open, ({ b, s }) => {
      const q = N / b, end = (Math.floor(s / q) + 1) * q;
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(end);
      let next = s + 1;
      go(next);
      if (next < end) timer = setInterval(() => {
        if (at().s !== next || at().b !== b) return stop();  // someone else has moved it
        go(++next);
        if (next === end) stop();
      }, MOTION / q);
    }), open],
  ];

  const matrices = Object.fromEntries(Object.keys(PLACES).map((name) => [name, matrix(name)]));
  const formula = ["C", "A", "B"].map((name, i) =>
    h("text", { class: `v2a-formula v2a-${name}`, x: 1 + SIDE / 2, y: TOP + SIDE / 2 - 22 + 30 * i }));
  const svg = h("svg", { class: "v2a-tiles", viewBox: `0 0 ${2 * SIDE + GAP + 2} ${2 * SIDE + GAP + TOP + BOTTOM}`, role: "img" },
    ...formula, ...Object.values(matrices).map(({ group }) => group));

  const rows = [["single", "One entry at a time"], ["tiles", ""], ["least", "Each number once"]].map(([key, label]) => {
    const [a, b, mark] = [h("i", { class: "v2a-A" }), h("i", { class: "v2a-B" }), h("b")];
    const name = h("span", {}, label), said = h("span");
    return { key, a, b, mark, name, said, row: h("div", { class: "v2a-row" }, pane(name), pane(said), pane(h("div", { class: "v2a-load" }, a, b, mark))) };
  });
  const table = h("div", { class: "v2a-loads" },
    h("p", { class: "v2a-row v2a-head" }, h("span", {}, "Numbers loaded"), h("span", {}, "so far / whole product")), ...rows.map(({ row }) => row));
  const value = {};
  const numbers = h("dl", { class: "v2a-numbers" }, ...[["work", "Multiplications"], ["reuse", "Uses of each load"], ["memory", "Fast memory 3b²"]]
    .map(([key, label]) => h("div", {}, h("dt", {}, label), value[key] = h("dd"))));
  const sum = h("p", { class: "v2a-sum" });

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-controls" }, block.row, step.row),
    h("div", { class: "v2a-buttons" }, ...buttons.map(([b]) => b)),
    h("div", { class: "v2a-matmul" }, pane(svg), h("div", {}, table, sum, numbers)),
    ...voice.elements,
    h("p", { class: "v2a-key" }, "Framed: the tiles in fast memory (A solid, B dashed, C thick). Small numbers: how often an entry of A or B was loaded, and how many of its 8 products an entry of C has summed. Bars: loads from A, then (hatched) from B; the dashed line is the end."),
  );

  let range = 0;
  const draw = () => {
    const { b, s, total } = at(), found = counts(s, N, b), now = s ? tile(s, N, b) : null;
    const [I, J, K] = now ?? [0, 0, 0];
    const corners = { A: [I, K], B: [K, J], C: [I, J] };
    for (const [name, m] of Object.entries(matrices)) m.draw(found[name], b, now && corners[name]);
    formula.forEach((text, i) => {
      setText(text, now ? [`C${sub(I, J)}`, `+= A${sub(I, K)}`, `× B${sub(K, J)}`][i] : "");
    });
    svg.setAttribute("aria-label", `Matrices A, B and C in tiles of ${b} by ${b}; step ${s} of ${total}.`);
    block.show(BLOCKS.indexOf(b), String(b));
    if (range !== total) step.row.querySelector("input").max = range = total;
    step.show(s, String(s));
    for (const [element, able] of buttons) element.setAttribute("aria-disabled", String(!able({ s, total })));

    const work = s * b ** 3, most = blockedLoads(N, N, N, 1), used = (m) => m.filter((x) => x > 0).length;
    const loads = {
      single: [work, work, most], tiles: [s * b * b, s * b * b, blockedLoads(N, N, N, b)],
      least: [used(found.A), used(found.B), blockedLoads(N, N, N, N)],
    };
    for (const row of rows) {
      const [fromA, fromB, all] = loads[row.key];
      setText(row.said, `${commas(fromA + fromB)} / ${commas(all)}`);
      row.a.style.width = `${(100 * fromA) / most}%`;
      row.b.style.width = `${(100 * fromB) / most}%`;
      row.mark.style.left = `${(100 * all) / most}%`;
    }
    setText(rows[1].name, `Tiles of ${b} × ${b}`);
    const all = loads.tiles[2], each = `${N * N}·⌈${N}/${b}⌉`;
    setText(sum, `Tiles: ${each} + ${each} = ${commas(all)} in all`);
    setText(value.work, `${work} of ${N ** 3}`);
    setText(value.reuse, `2·${N}³ / ${commas(all)} = ${(2 * N ** 3) / all}`);
    setText(value.memory, `${3 * b * b} numbers`);
    voice.say(sentence(reason, s, N, b));
    reason = "";
  };
  const unwatch = watch(model, ["block", "step"], draw);
  return () => { stop(); unwatch(); voice.stop(); };
}

/** Say in words what has just happened. */
export function sentence(reason, s, n, b) {
  const total = steps(n, b), all = blockedLoads(n, n, n, b), reuse = (2 * n ** 3) / all;
  const times = reuse === 1 ? "used once" : `used ${reuse} times`;
  if (reason === "block") return `Tiles of ${b} × ${b}: the whole product loads ${commas(all)} numbers, each ${times}.`;
  if (!s) return "Nothing is loaded yet.";
  if (s === total) return `The product is complete: ${commas(all)} numbers loaded, each ${times}.`;
  const [I, J, K] = tile(s, n, b), done = K === n / b - 1 ? ` C${sub(I, J)} is complete.` : "";
  return `Step ${s} of ${total}: A${sub(I, K)} and B${sub(K, J)} loaded, ${2 * b * b} numbers for ${commas(b ** 3)} multiplication${b > 1 ? "s" : ""}.${done}`;
}

export default { render };
