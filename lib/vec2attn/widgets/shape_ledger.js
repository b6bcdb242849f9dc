// A transformer block as a ledger: steps with shapes, parameters and operations, evaluated from symbols.

const HIGH = 31, HEIGHT = 826, WIDTH = 356;  // as in shape_ledger.py
const SIZES = {
  batch: ["Texts B", "text"], tokens: ["Tokens T", "token"], positions: ["Positions S", "position"],
  width: ["Width d", "feature"], heads: ["Heads H", "head"], head_size: ["Head size h", "feature of a head"],
};
const PARTS = { maps: "the four maps", attention: "scores and averages", "feed-forward": "feed-forward" };
const START = { batch: 5, tokens: 12, positions: 9, width: 768, heads: 8, head_size: 64, source: "tokens", step: "scores" };

/** What the symbols of the ledger stand for. */
export function symbols({ batch, tokens, positions, width, heads, head_size, source }) {
  return { B: batch, T: tokens, S: source === "memory" ? positions : tokens, d: width, H: heads, h: head_size, D: heads * head_size, f: 4 * width };
}

const factors = (term, sizes) => term.split(" ").map((factor) => sizes[factor] ?? Number(factor));
const product = (numbers) => numbers.reduce((a, b) => a * b, 1);
const add = (numbers) => numbers.reduce((a, b) => a + b, 0);
/** A term such as "2 B T d" for these sizes; an empty one is 0. */
export const value = (term, sizes) => (term ? product(factors(term, sizes)) : 0);

/** Every step with its shape, parameters, FLOPs of products and other operations. */
export function ledger(steps, sizes) {
  return steps.map(({ key, axes, parameters, flops, others }) => ({
    key, shape: axes.map(([symbol]) => sizes[symbol]), parameters: add(parameters.map((term) => value(term, sizes))),
    flops: value(flops, sizes), others: value(others, sizes),
  }));
}

const WORDS = { query: "queries", "feature of a head": "features of a head" };  // other words take an s
const many = (n, word) => `${commas(n)} ${n === 1 ? word : WORDS[word] ?? `${word}s`}`;
const shown = (numbers) => `[${numbers.join(", ")}]`;
/** A sum of terms with their numbers, and what it comes to. */
export function written(terms, sizes) {
  const found = terms.filter(Boolean);
  if (!found.length) return "none";
  const products = found.map((term) => factors(term, sizes).map(commas).join(" · "));
  return `${products.join(" + ")} = ${commas(add(found.map((term) => value(term, sizes))))}`;
}

/** The texts about one step. */
export function facts({ formula, axes, parameters, flops, others, means }, sizes) {
  const shape = axes.map(([symbol, word]) => many(sizes[symbol], word));
  return { formula, shape: shape.join(" × "), parameters: written(parameters, sizes), flops: written([flops], sizes), others: written([others], sizes), means };
}

/** The texts about the whole block. */
export function sums(steps, sizes) {
  const lines = ledger(steps, sizes), of = (name, part) => add(lines.filter((_, i) => !part || steps[i].of === part).map((line) => line[name]));
  const shares = Object.entries(PARTS).map(([part, words]) => `${words} ${fixed((100 * of("flops", part)) / of("flops"), 1)} %`);
  return { parameters: commas(of("parameters")), flops: commas(of("flops")), others: commas(of("others")), shares: shares.join(", ") };
}

const times = (now, then) => (now === then ? "as before" : `× ${fixed(now / then, now / then < 0.095 ? 4 : 2)}`);
/** Say what a change of one size, or of the source, does to the sums. */
export function compared(diagrams, before, now) {
  const [one, two] = [before, now].map((state) => ledger(diagrams[state.source], symbols(state)));
  const change = ([a, b], of) => times(of(b), of(a)), both = [one, two];
  const sum = (name) => (lines) => add(lines.map((line) => line[name]));
  const scores = (lines) => product(lines.find(({ key }) => key === "scores").shape);
  return `Parameters ${change(both, sum("parameters"))}, FLOPs ${change(both, sum("flops"))}, scores ${change(both, scores)}.`;
}

/** Say in words what has just changed. */
export function sentence(diagrams, before, now) {
  const moved = before ? Object.keys(SIZES).filter((name) => before[name] !== now[name]) : [];
  if (before && (moved.length || before.source !== now.source)) {
    const source = now.source === "memory" ? "Keys and values come from a memory." : "Keys and values come from the tokens.";
    const what = before.source !== now.source ? source : moved.length === 1 ? `${many(now[moved[0]], SIZES[moved[0]][1])} instead of ${commas(before[moved[0]])}.` : "Other sizes.";
    return `${what} ${compared(diagrams, before, now)}`;
  }
  const steps = diagrams[now.source], at = steps.findIndex(({ key }) => key === now.step), line = ledger(steps, symbols(now))[at];
  const has = line.parameters ? `${commas(line.parameters)} parameters` : "no parameters";
  return `${steps[at].name}: ${shown(line.shape)}, ${has}, ${line.flops ? `${commas(line.flops)} FLOPs` : "no matrix product"}.`;
}

function render({ model, el }) {
  const voice = announcer(), diagrams = model.get("diagrams"), choices = model.get("choices");
  const legal = (now) => (now.source === "tokens" && now.step === "memory" ? { ...now, step: "input" } : now);
  const state = () => legal(Object.fromEntries(Object.keys(START).map((name) => [name, model.get(name)])));  // Python may set the source first
  let before = null;  // what the next sentence compares with
  const change = (values) => { before ??= state(); put(model, values); };
  const go = (step, focus) => { change({ step }); if (focus) groups.find(({ key }) => key === step).group.focus({ preventScroll: focus === "here" }); };

  const source = h("select", { "aria-label": "Keys and values come from", onchange: () => change(legal({ source: source.value, step: model.get("step") })) },
    ...[["tokens", "the tokens (self-attention)"], ["memory", "a memory (cross-attention)"]].map(([name, words]) => h("option", { value: name }, words)));
  const near = (name, x) => choices[name].reduce((best, c, i) => (Math.abs(c - x) < Math.abs(choices[name][best] - x) ? i : best), 0);
  const sliders = Object.entries(SIZES).map(([name, [label, unit]]) =>
    ({ name, unit, control: slider(label, { min: 0, max: choices[name].length - 1, step: 1 }, (i) => change({ [name]: choices[name][i] })) }));
  const walk = slider("Step", { min: 1, step: 1 }, (i) => go(diagrams[state().source][i - 1].key));
  const reset = h("button", { type: "button", onclick: () => { change(START); source.focus(); } }, "Reset");  // it is about to be disabled

  const svg = h("svg", { class: "v2s-picture v2s-live", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "listbox", "aria-label": "Steps of the block" });
  svg.addEventListener("keydown", (event) => {
    const { source: from, step } = state(), all = diagrams[from], at = all.findIndex(({ key }) => key === step);
    const [right, up] = ARROWS[event.key] ?? [0, 0];
    const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : Math.max(0, Math.min(all.length - 1, at + right - up));
    if (!(event.key in ARROWS || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    go(all[to].key, "there");
  });
  let drawn = "", groups = [];
  const build = (from) => {
    drawn = from;
    groups = diagrams[from].map(({ key, box, role, x, y, wide, edges }) => {
      const labels = edges.filter(([, , , axes]) => axes.length).map(([, kind, at, axes]) => ({ axes, text: h("text", { class: `v2s-shape v2s-${kind}`, x: at[0], y: at[1], "text-anchor": at[2] }) }));
      const group = h("g", { class: `v2s-step v2s-${role}`, role: "option", onclick: () => go(key, "here"), onfocus: () => { if (state().step !== key) go(key); } },
        ...edges.flatMap(([d, kind]) => [h("path", { class: `v2s-${kind}`, d }), h("path", { class: "v2s-hit", d })]),
        h("rect", { x: x - wide / 2, y, width: wide, height: HIGH, rx: 6 }),
        h("text", { class: "v2s-box", x, y: y + HIGH / 2 }, box), ...labels.map(({ text }) => text));
      return { key, group, labels };
    });
    svg.replaceChildren(...groups.map(({ group }) => group));
    setAttribute(walk.row.querySelector("input"), "max", groups.length);
  };

  const name = h("p", { class: "v2s-name" }), means = h("p", { class: "v2s-means" }), told = {}, summed = {};
  const list = (rows, into, css) => h("dl", { class: css }, ...rows.flatMap(([key, label]) => {
    const pair = [h("dt", {}, label), into[key] = h("dd")];
    return css ? [h("div", { class: `v2s-${key}` }, ...pair)] : pair;
  }));
  const panel = h("div", { class: "v2s-panel" }, walk.row, name,
    list([["formula", "Formula"], ["shape", "Shape"], ["parameters", "Parameters"], ["flops", "FLOPs"], ["others", "Other"]], told), means);
  const totals = list([["parameters", "Parameters of the block"], ["flops", "FLOPs of its matrix products"], ["others", "Other operations, about"], ["shares", "Who does the FLOPs"]], summed, "v2a-numbers v2s-sums");

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2s-bar" }, h("span", {}, "Keys and values from"), source, reset),
    h("div", { class: "v2a-controls" }, ...sliders.map(({ control }) => control.row)),
    ...voice.elements, h("div", { class: "v2s-main" }, pane(svg), panel), totals,
    h("p", { class: "v2a-key" }, "Choose a box or a line: by hand, or with the arrow keys. On every line the shape of what flows along it: queries blue, keys orange and dashed, values green and dotted; boxes with thick purple borders hold weight matrices. Lines at the sides are the residual stream. “Other” counts operations outside matrix products, roughly."),
  );

  const draw = () => {
    const now = state(), sizes = symbols(now), steps = diagrams[now.source];
    if (drawn !== now.source) build(now.source);
    const at = steps.findIndex(({ key }) => key === now.step), told_ = facts(steps[at], sizes), sums_ = sums(steps, sizes);
    groups.forEach(({ key, group, labels }, i) => {
      const { name, box } = steps[i], shapes = labels.map(({ axes }) => shown(axes.map((symbol) => sizes[symbol])));
      labels.forEach(({ text }, n) => setText(text, shapes[n]));
      setAttribute(group, "aria-selected", key === now.step);
      setAttribute(group, "tabindex", key === now.step ? 0 : -1);
      setAttribute(group, "aria-label", `${name}${name.toLowerCase() === box ? "" : `, ${box}`}: ${shapes.join(", ")}`);  // holds what is seen
    });
    for (const { name: which, unit, control } of sliders) {
      const off = which === "positions" && now.source === "tokens", input = control.row.querySelector("input");
      if (input.disabled !== off) input.disabled = off;
      const x = off ? now.tokens : now[which];
      control.show(near(which, x), commas(x));
      setAttribute(input, "aria-valuetext", many(x, unit));
    }
    walk.show(at + 1, `${at + 1} of ${steps.length}`);
    if (source.value !== now.source) source.value = now.source;
    setText(name, steps[at].name);
    setText(means, told_.means);
    for (const key of Object.keys(told)) setText(told[key], told_[key]);
    for (const key of Object.keys(summed)) setText(summed[key], sums_[key]);
    reset.disabled = Object.keys(START).every((key) => now[key] === START[key]);
    voice.say(sentence(diagrams, before, now));
    before = null;
  };
  const unwatch = watch(model, Object.keys(START), draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
