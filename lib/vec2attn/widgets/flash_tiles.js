// Tiles of FlashAttention: 8 × 8 scores, one tile a step; a maximum, a sum and an output for each query.

export const N = 8;
const TILES = [1, 2, 3, 4, 8];
const START = { tile: 2, causal: false, query: 5, step: 11 };
const CELL = 30, LEFT = 24, TOP = 20, SIDE = N * CELL;  // as in flash_tiles.py

/** The tiles of size b in the order in which they are taken: [first query, end, first key, end], counted from 0. */
export function order(b, causal) {
  const tiles = [];
  for (let i = 0; i < N; i += b) for (let j = 0; j < N; j += b) {
    if (!causal || j <= i + b - 1) tiles.push([i, Math.min(i + b, N), j, Math.min(j + b, N)]);
  }
  return tiles;
}

/** Maxima, sums and unnormalised outputs of all queries after s tiles; oldM, oldL, factor of the last tile's queries. */
export function sums(scores, values, b, causal, s) {
  const m = new Array(N).fill(-Infinity), l = new Array(N).fill(0), y = new Array(2 * N).fill(0);
  let oldM, oldL, factor;
  const forget = () => { [oldM, oldL, factor] = [0, 0, 0].map(() => new Array(N).fill(NaN)); };
  forget();
  for (const [i0, i1, j0, j1] of order(b, causal).slice(0, s)) {
    forget();
    for (let i = i0; i < i1; i++) {
      const end = causal ? Math.min(j1, i + 1) : j1;
      [oldM[i], oldL[i]] = [m[i], l[i]];
      for (let j = j0; j < end; j++) m[i] = Math.max(m[i], scores[i * N + j]);
      const c = factor[i] = Math.exp(oldM[i] - m[i]);
      l[i] *= c;
      y[2 * i] *= c;
      y[2 * i + 1] *= c;
      for (let j = j0; j < end; j++) {
        const p = Math.exp(scores[i * N + j] - m[i]);
        l[i] += p;
        y[2 * i] += p * values[2 * j];
        y[2 * i + 1] += p * values[2 * j + 1];
      }
    }
  }
  return { m, l, y, oldM, oldL, factor };
}

/** The output of query r (from 0) by one softmax over its whole row. */
export function full(scores, values, causal, r) {
  const row = scores.slice(r * N, causal ? r * N + r + 1 : r * N + N), top = Math.max(...row);
  const weights = row.map((s) => Math.exp(s - top)), sum = weights.reduce((a, w) => a + w, 0);
  return [0, 1].map((e) => weights.reduce((a, w, j) => a + w * values[2 * j + e], 0) / sum);
}

/** How many keys query r sees in all, and has seen after s tiles. */
export function progress(b, causal, r, s) {
  const sees = causal ? r + 1 : N;
  let seen = 0;
  for (const [i0, i1, , j1] of order(b, causal).slice(0, s)) if (i0 <= r && r < i1) seen = Math.min(j1, sees);
  return { sees, seen };
}

/** The number of the last step, from 1, that has to do with query r. */
export const lastStep = (b, causal, r) => order(b, causal).reduce((last, [i0, i1], s) => (i0 <= r && r < i1 ? s + 1 : last), 0);

const pair = ([a, b]) => `(${fixed(a, 2)}, ${fixed(b, 2)})`;
const ofRow = (found, r) => [found.y[2 * r] / found.l[r], found.y[2 * r + 1] / found.l[r]];

/** The numbers beside the picture, each with what it means. */
export function facts({ scores, values, tile, causal, query, step }) {
  const r = query - 1, tiles = order(tile, causal), now = step ? tiles[step - 1] : null;
  const { sees, seen } = progress(tile, causal, r, step), all = full(scores, values, causal, r);
  const held = { held: ["0", "naive: 64 scores"] };
  if (now) {
    const rows = now[1] - now[0], area = rows * (now[3] - now[2]);
    held.held = [String(area + 4 * rows), `tile ${area}; m, l, Y ${4 * rows}; naive 64`];
  }
  if (!seen) return {
    m: ["−∞", "no score yet"], factor: ["–", "not its turn"], l: ["0.000", "no sum yet"],
    y: ["–", `begins at step ${tiles.findIndex(([i0, i1]) => i0 <= r && r < i1) + 1}`], full: [pair(all), "to compare with"], ...held,
  };
  const found = sums(scores, values, tile, causal, step), here = now[0] <= r && r < now[1];
  const old = found.oldL[r], first = old === 0, rose = found.m[r] > found.oldM[r], c = found.factor[r];
  const power = `e^(${fixed(found.oldM[r], 2)} − ${fixed(found.m[r], 2)})`.replace("− −", "+ ");
  const y = ofRow(found, r), away = Math.max(...y.map((v, e) => Math.abs(v - all[e]))), quiet = "no change in this step";
  return {
    m: [fixed(found.m[r], 2), !here ? quiet : first ? "the first tile" : rose ? `was ${fixed(found.oldM[r], 2)}` : "no larger one came"],
    factor: here ? [fixed(c, 3), first ? "nothing to rescale yet" : rose ? power : "nothing is rescaled"] : ["–", "not its turn"],
    l: [fixed(found.l[r], 3), here ? `${fixed(c, 3)} · ${fixed(old, 3)} + ${fixed(found.l[r] - c * old, 3)}` : quiet],
    y: [pair(y), seen === sees ? "all keys seen" : `from ${seen} of ${sees} keys`],
    full: [pair(all), away < 1e-12 ? "equal, to rounding" : `difference ${fixed(away, 3)}`],
    ...held,
  };
}

const span = (name, a, b) => (b - a > 1 ? `${name}${name === "key" ? "s" : ""} ${a + 1}–${b}`.replace("query", "queries") : `${name} ${a + 1}`);

/** Say in words what has just happened. */
export function sentence(reason, state) {
  const { scores, values, tile, causal, query, step } = state, r = query - 1, tiles = order(tile, causal);
  const { sees, seen } = progress(tile, causal, r, step), found = sums(scores, values, tile, causal, step);
  const end = seen === sees ? ` All its keys are seen: y = ${pair(ofRow(found, r))}, as with the full softmax.` : "";
  if (reason === "tile") return `Tiles of ${tile} × ${tile}, ${tiles.length} steps.${end ? ` Query ${query}:${end.replace(" All its", " all its")}` : ""}`;
  if (reason === "causal" && causal) {
    const left = Math.ceil(N / tile) ** 2 - tiles.length;
    return `Causal: ${left ? `${left} of ${left + tiles.length} tiles lie in the future and are skipped.` : "with one tile for all nothing can be skipped, only masked."}${end ? ` Query ${query}:${end.replace(" All its", " all its")}` : ""}`;
  }
  if (reason === "causal") return `Every query sees all keys: ${tiles.length} tiles.${end ? ` Query ${query}:${end.replace(" All its", " all its")}` : ""}`;
  if (!step) return "No tile yet: no score has been computed.";
  const [i0, i1, j0, j1] = tiles[step - 1], here = i0 <= r && r < i1;
  const where = `Step ${step}: ${span("query", i0, i1)} meet${i1 - i0 > 1 ? "" : "s"} ${span("key", j0, j1)}.`;
  if (!here) return `${where} Query ${query} ${seen ? "is done" : "waits"}.`;
  if (found.oldL[r] === 0) return `${where} Query ${query} begins with m = ${fixed(found.m[r], 2)}.${end}`;
  if (found.m[r] > found.oldM[r]) return `${where} A larger score for query ${query}: m rises to ${fixed(found.m[r], 2)}, and the old sums count ${fixed(found.factor[r], 3)} times.${end}`;
  return `${where} No larger score for query ${query}: nothing is rescaled.${end}`;
}

const area = ([i0, i1, j0, j1]) => `M${LEFT + j0 * CELL} ${TOP + i0 * CELL}h${(j1 - j0) * CELL}v${(i1 - i0) * CELL}h${(j0 - j1) * CELL}z`;
const strike = ([i0, i1, j0, j1]) => `M${LEFT + j0 * CELL + 4} ${TOP + i1 * CELL - 4}L${LEFT + j1 * CELL - 4} ${TOP + i0 * CELL + 4}`;
const middle = (i) => i * CELL + CELL / 2;
const cross = (i, j) => `M${LEFT + middle(j) - 4} ${TOP + middle(i) - 4}l8 8m0 -8l-8 8`;
const spot = (i) => `M357 ${TOP + middle(i) - 7}h14v14h-14z`;
const subscript = (i) => "₁₂₃₄₅₆₇₈"[i];
const places = [...Array(N).keys()];

/** The fixed lines of a pattern: tiles left out, single pairs that are forbidden, edges of the tiles. */
export function pattern(b, causal) {
  const taken = order(b, causal), stops = [...places.filter((i) => i % b === 0), N];
  const left = order(b, false).filter((t) => !taken.some((u) => u.join() === t.join()));
  const masked = causal ? taken.flatMap(([i0, i1, j0, j1]) => {
    const pairs = [];
    for (let i = i0; i < i1; i++) for (let j = Math.max(j0, i + 1); j < j1; j++) pairs.push(cross(i, j));
    return pairs;
  }) : [];
  return {
    skip: left.map(strike).join(""), mask: masked.join(""),
    grid: stops.map((s) => `M${LEFT} ${TOP + s * CELL}h${SIDE}`).join("") + stops.map((s) => `M${LEFT + s * CELL} ${TOP}v${SIDE}`).join(""),
  };
}

function render({ model, el }) {
  const names = ["scores", "values", "tile", "causal", "query", "step"];
  const read = () => {
    const state = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    return { ...state, step: Math.min(state.step, order(state.tile, state.causal).length) };  // Python may set the tile first
  };
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };
  /** Another cut of the same work: go to where the chosen query is complete. */
  const cut = (what, values) => {
    const { tile, causal, query } = { ...read(), ...values };
    change(what, { ...values, step: lastStep(tile, causal, query - 1) });
  };

  const step = slider("Step", { min: 0, step: 1 }, (v) => change("step", { step: v }));
  const query = slider("Query", { min: 1, max: N, step: 1 }, (v) => change("query", { query: v }));
  const button = (text, able, act) => h("button", { type: "button", onclick: () => { if (able(read())) act(read()); } }, text);
  const early = (s) => s.step > 0, open = (s) => s.step < order(s.tile, s.causal).length;
  const buttons = [
    [button("Back", early, (s) => change("step", { step: s.step - 1 })), early],
    [button("Next tile", open, (s) => change("step", { step: s.step + 1 })), open],
  ];
  const choice = h("select", { "aria-label": "Tile size", onchange: () => cut("tile", { tile: Number(choice.value) }) },
    ...TILES.map((b) => h("option", { value: b }, `Tiles of ${b} × ${b}`)));
  const causal = h("button", { type: "button", onclick: () => cut("causal", { causal: !model.get("causal") }) }, "Causal");
  const reset = h("button", { type: "button", onclick: () => { change("reset", START); choice.focus(); } }, "Reset");  // it is about to be disabled

  // the picture, from back to front; the scores are all there, clipped to one tile: nothing to lay out at a step.
  // What is clipped is measured from the edges of what is in the group: the rectangle sees to it that this is the table
  const line = (name) => h("path", { class: `v2a-ft-${name}` });
  const done = line("done"), fixedLines = { skip: line("skip"), mask: line("mask"), grid: line("grid") };
  const spots = { out: line("out"), half: line("half") };
  const now = h("rect", { class: "v2a-ft-now" }), row = h("rect", { class: "v2a-ft-row", x: 2, width: 374, height: CELL });
  const numbers = places.map((i) => places.map((j) => h("text", { x: LEFT + middle(j), y: TOP + middle(i) }, "")));
  const lens = h("g", { class: "v2a-ft-lens" }, h("rect", { class: "v2a-ft-whole", x: LEFT, y: TOP, width: SIDE, height: SIDE }), ...numbers.flat());
  const label = (css, x, y, text) => h("text", { class: `v2a-ft-${css}`, x, y }, text);
  const column = (x) => places.map((i) => h("text", { x, y: TOP + middle(i) }, ""));
  const m = column(294), l = column(332);
  const svg = h("svg", { class: "v2a-ft", viewBox: `0 0 378 ${TOP + SIDE + 3}`, role: "img" },
    done, fixedLines.skip, fixedLines.mask, fixedLines.grid, spots.out, spots.half, now, lens, row,
    ...places.map((j) => label("k", LEFT + middle(j), 11, `k${subscript(j)}`)),
    ...places.map((i) => label("q", 12, TOP + middle(i), `q${subscript(i)}`)),
    label("head", 294, 11, "m"), label("head", 332, 11, "l"), label("head", 364, 11, "y"), ...m, ...l);

  const value = {}, meaning = {};
  const list = h("dl", { class: "v2a-ft-facts" }, ...Object.entries({
    m: "Largest score m", factor: "Factor on old l, Y", l: "Sum l", y: "Output so far, Y/l", full: "Full softmax", held: "Numbers held now",
  }).map(([key, name]) => h("div", { class: `v2a-ft-${key}` }, h("dt", {}, name), h("dd", {}, value[key] = h("b"), " ", meaning[key] = h("small")))));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-ft-bar" }, choice, causal, ...buttons.map(([b]) => b), reset),
    h("div", { class: "v2a-controls v2a-ft-sliders" }, step.row, query.row),
    h("div", { class: "v2a-ft-main" }, svg, list),
    ...voice.elements,
    h("p", { class: "v2a-key" }, "Purple frame: the tile whose scores exist now. Shaded: tiles that are done; their scores are forgotten. m and l: all that is kept of them, besides the output y (green outline: begun; filled: complete). Blue frame: the query whose numbers are shown. Red crosses and lines: pairs and tiles in the future."),
  );

  let drawn = "", data = null, range = 0;
  const draw = () => {
    const state = read(), tiles = order(state.tile, state.causal), total = tiles.length, found = sums(state.scores, state.values, state.tile, state.causal, state.step);
    if (data !== state.scores) {
      data = state.scores;
      drawn = "";
    }
    if (drawn !== `${state.tile} ${state.causal}`) {
      drawn = `${state.tile} ${state.causal}`;
      for (const [name, d] of Object.entries(pattern(state.tile, state.causal))) setAttribute(fixedLines[name], "d", d);
      numbers.forEach((texts, i) => texts.forEach((text, j) => setText(text, state.causal && j > i ? "" : fixed(data[i * N + j], 1))));
    }
    const past = tiles.slice(0, state.step), current = past[past.length - 1];
    setAttribute(done, "d", past.map(area).join(""));
    setAttribute(now, "display", current ? "inline" : "none");
    setAttribute(lens, "display", current ? "inline" : "none");
    if (current) {
      const [i0, i1, j0, j1] = current, width = (j1 - j0) * CELL, height = (i1 - i0) * CELL;
      const at = { x: LEFT + j0 * CELL, y: TOP + i0 * CELL, width, height };
      for (const [name, v] of Object.entries(at)) setAttribute(now, name, v);
      lens.style.clipPath = `inset(${[i0, N - j1, N - i1, j0].map((edge) => `${edge * CELL}px`).join(" ")})`;
    }
    const begun = places.filter((i) => found.l[i] > 0);
    const ended = begun.filter((i) => { const { sees, seen } = progress(state.tile, state.causal, i, state.step); return seen === sees; });
    setAttribute(spots.out, "d", ended.map(spot).join(""));
    setAttribute(spots.half, "d", begun.filter((i) => !ended.includes(i)).map(spot).join(""));
    for (const i of places) {
      setText(m[i], found.l[i] > 0 ? fixed(found.m[i], 2) : "");
      setText(l[i], found.l[i] > 0 ? fixed(found.l[i], 2) : "");
    }
    setAttribute(row, "y", TOP + (state.query - 1) * CELL);
    setAttribute(svg, "aria-label", `Scores of 8 queries and 8 keys. Tiles of ${state.tile} × ${state.tile}${state.causal ? ", causal" : ""}, step ${state.step} of ${total}.`);

    if (Number(choice.value) !== state.tile) choice.value = state.tile;
    setAttribute(causal, "aria-pressed", state.causal);
    if (range !== total) step.row.querySelector("input").max = range = total;
    step.show(state.step, `${state.step} of ${total}`);
    query.show(state.query, String(state.query));
    for (const [element, able] of buttons) setAttribute(element, "aria-disabled", !able(state));
    reset.disabled = Object.entries(START).every(([name, v]) => state[name] === v);
    for (const [key, [number, words]] of Object.entries(facts(state))) {
      setText(value[key], number);
      setText(meaning[key], words);
    }
    voice.say(sentence(reason, state));
    reason = "";
  };
  const unwatch = watch(model, names, draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
