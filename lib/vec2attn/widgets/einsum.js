// Formulas of einsum on small arrays: which axes meet, which are summed, which stay; the loop, entry by entry.

export const FORMULAS = {
  "ij,jk->ik": "matrix product", "bij,bjk->bik": "batched matrix product", "bqd,bkd->bqk": "attention scores",
  "i,i->": "dot product", "i,j->ij": "outer product", "ij,ij->ij": "entry by entry", "i,ij,j->": "bilinear form",
  "ij->ji": "transpose", "ij->i": "sums of the rows", "ii->i": "diagonal", "ii->": "trace",
};
export const SIZES = { b: 2, i: 3, j: 4, k: 5, q: 3, d: 4 };
const NAMES = "ABC";

/** The letters of each operand, of the result, those that are summed, and all. */
export function parse(formula) {
  const [left, out] = formula.split("->"), terms = left.split(","), all = [...new Set(terms.join(""))];
  return { terms, out, all, summed: all.filter((x) => !out.includes(x)).join("") };
}
const shape = (letters) => [...letters].map((x) => SIZES[x]);
export const count = (letters) => shape(letters).reduce((n, size) => n * size, 1);

/** The index that number n has in an array with these letters, the last letter running fastest. */
export function unravel(n, letters) {
  const index = [];
  for (const x of [...letters].reverse()) { index.unshift(n % SIZES[x]); n = Math.floor(n / SIZES[x]); }
  return index;
}
const ravel = (index, letters) => index.reduce((n, i, axis) => n * SIZES[letters[axis]] + i, 0);

/** The numbers of operand p, flat: by the rule of einsum.py. */
export const operand = (p, letters) => Array.from({ length: count(letters) }, (_, f) => (f * (p + 3) + p) % 7);

/** The index in each operand of the entries that meet for one term (from 1) of one entry of the result (from 0). */
export function meeting(formula, entry, term) {
  const { terms, out, summed } = parse(formula), at = {};
  unravel(entry, out).forEach((i, axis) => { at[out[axis]] = i; });
  unravel(term - 1, summed).forEach((i, axis) => { at[summed[axis]] = i; });
  return terms.map((letters) => [...letters].map((x) => at[x]));
}

/** The numbers that meet for one term, one of each operand. */
export function factors(formula, entry, term) {
  const { terms } = parse(formula);
  return meeting(formula, entry, term).map((index, p) => operand(p, terms[p])[ravel(index, terms[p])]);
}

/** The sum of the first terms of an entry. */
export function soFar(formula, entry, term) {
  let sum = 0;
  for (let t = 1; t <= term; t++) sum += factors(formula, entry, t).reduce((a, b) => a * b);
  return sum;
}

/** How two operands become matrices: letters of the stack, of rows, of the axis that is summed, of columns. */
export function plan(left, right, out) {
  const pick = (letters, test) => [...letters].filter(test).join("");
  return {
    batch: pick(left, (x) => right.includes(x) && out.includes(x)), rows: pick(left, (x) => !right.includes(x)),
    summed: pick(left, (x) => right.includes(x) && !out.includes(x)), columns: pick(right, (x) => !left.includes(x)),
  };
}

/** The pairs (by position) in the order with the fewest FLOPs: all orders are tried. For letters that all are shared or kept. */
export function cheapest(terms, out) {
  if (terms.length === 1) return { flops: 0, steps: [] };
  let best = null;
  for (let i = 0; i < terms.length; i++) for (let j = i + 1; j < terms.length; j++) {
    const rest = terms.filter((_, n) => n !== i && n !== j), { batch, rows, summed, columns } = plan(terms[i], terms[j], out + rest.join(""));
    const after = cheapest([...rest, batch + rows + columns], out);
    const flops = (summed ? 2 : 1) * count(batch + rows + summed + columns) + after.flops;
    if (!best || flops < best.flops) best = { flops, steps: [[i, j], ...after.steps] };
  }
  return best;
}

const tuple = (sizes) => (sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(",\u00a0")})`);
const shown = (letters) => (letters ? tuple(shape(letters)) : "a number");
const matrix = (...groups) => tuple((groups[0] ? groups : groups.slice(1)).map(count));

/** Each step as a matrix product: axes in order, joined, multiplied. */
export function recipe(formula) {
  const { terms, out } = parse(formula);
  if (terms.length === 1) {
    const does = { "ij->ji": "the axes change places", "ij->i": "a sum along j", "ii->i": "every 4th number is read" };
    return [`none: ${does[formula] ?? "the diagonal is read and summed"}`];
  }
  const names = [...NAMES].slice(0, terms.length);
  const side = (name, letters, ...groups) => {
    const order = groups.join("");
    return `${name} ${order === letters ? "as" : "permuted to"} ${order} ${matrix(...groups)}`;
  };
  return cheapest(terms, out).steps.map(([i, j]) => {
    const [right] = terms.splice(j, 1), [left] = terms.splice(i, 1), [b] = names.splice(j, 1), [a] = names.splice(i, 1);
    const { batch, rows, summed, columns } = plan(left, right, out + terms.join(""));
    terms.push(batch + rows + columns);
    names.push(`(${a}${b})`);
    return `${side(a, left, batch, rows, summed)} @ ${side(b, right, batch, summed, columns)} = ${matrix(batch, rows, columns)}`;
  });
}

/** What a formula costs on the sizes of the figure, in words. */
export function flops(formula) {
  const { terms, out, all, summed } = parse(formula);
  if (terms.length === 1) return summed ? `${count([...new Set(terms[0])].join(""))}, additions` : "0, numbers only move";
  const total = cheapest(terms, out).flops;
  if (terms.length > 2) return `${total} in the best order`;
  return `${[...(summed ? [2] : []), ...shape(all.join(""))].join(" · ")} = ${total}`;
}

/** The numbers beside the picture. */
export function facts(formula) {
  const { terms, out, summed } = parse(formula);
  const product = terms.map((term, p) => `${NAMES[p]}[${[...term].join(", ")}]`).join(" * ");
  return {
    shapes: `${terms.map((term, p) => `${NAMES[p]} ${shown(term)}`).join(", ")} → R ${shown(out)}`,
    loop: `R${out && `[${[...out].join(", ")}]`} += ${product}`,
    terms: [...summed].map((x) => `${x} = ${SIZES[x]}`).join(" · ") || "1, no sum",
    flops: flops(formula),
    recipe: recipe(formula).join("; "),
  };
}

/** For each letter the style of its lines, and what becomes of it in words. */
export function fates(formula) {
  const { terms, out, all } = parse(formula), styles = {}, words = {};
  const free = { stays: ["in", "key"], along: ["muted dot", "in dot"], summed: ["map dash", "muted dash"] };
  for (const x of all) {
    const owners = [...NAMES].filter((_, p) => terms[p]?.includes(x)), where = owners.join(" and ");
    const twice = terms.some((term) => term.indexOf(x) !== term.lastIndexOf(x));
    let kind = "stays";
    if (!out.includes(x)) {
      kind = "summed";
      words[x] = `${x} = ${SIZES[x]} ${twice ? "is on both axes of A" : owners.length > 1 ? `meets in ${where}` : `is in ${where} only`}: summed`;
    } else if (owners.length > 1) {
      kind = "along";
      words[x] = `${x} = ${SIZES[x]} is the same in ${where}: stays`;
    } else words[x] = `${x} = ${SIZES[x]} ${twice ? "is on both axes of A" : `comes from ${where}`}: stays`;
    styles[x] = free[kind].shift();
  }
  return { styles, words };
}

const place = (name, index) => (index.length ? `${name}[${index.join(", ")}]` : name);
const product = (numbers) => numbers.join("·");

/** Say in words what has just happened. */
export function sentence(reason, formula, entry, term) {
  const { out, summed } = parse(formula), K = count(summed), R = place("R", unravel(entry, out));
  const at = meeting(formula, entry, term).map((index, p) => place(NAMES[p], index)).join(" · ");
  const numbers = factors(formula, entry, term), sum = soFar(formula, entry, term);
  if (reason === "formula") {
    const stays = [...out], list = (letters) => letters.join(", ").replace(/, (?=[^,]*$)/, " and ");
    const lost = summed ? `${list([...summed])} ${summed.length > 1 ? "are" : "is"} summed` : "nothing is summed";
    const kept = stays.length ? `${list(stays)} ${stays.length > 1 ? "stay" : "stays"}` : "nothing stays: the result is a number";
    return `${FORMULAS[formula][0].toUpperCase()}${FORMULAS[formula].slice(1)}: ${lost}, ${kept}.`;
  }
  if (K === 1) return numbers.length > 1 ? `${R} = ${at} = ${product(numbers)} = ${sum}.` : `${R} = ${at} = ${sum}.`;
  if (reason === "term" || term < K) {
    const value = numbers.length > 1 ? ` = ${product(numbers)}` : "";
    return `Term ${term} of ${K} for ${R}: ${at}${value} = ${numbers.reduce((a, b) => a * b)}. The sum so far is ${sum}.`;
  }
  const all = Array.from({ length: K }, (_, t) => product(factors(formula, entry, t + 1)));
  return `${R} = ${all.length > 6 ? `the sum of ${K} products` : all.join(" + ")} = ${sum}.`;
}

// ---- The drawing, as in einsum.py ------------------------------------------------------------------------------------

const CELL = 24, LEFT = 20, STACK = 18, TOP = 28, GAP = 10, EDGE = 3, STEP = 24, ABOVE = 62, BELOW = 60;
const classes = (style) => style.split(" ").map((part) => `v2e-${part}`).join(" ");
const stroke = (style, d) => h("path", { class: `v2e-line ${classes(style)}`, d });
const letter = (style, x, y, text) => h("text", { class: `v2e-letter ${classes(style)}`, x, y }, text);

/** Whether a vector with this letter is drawn as a column: where a matrix of the formula has it for its rows. */
export function upright(formula, x) {
  const { terms, out } = parse(formula);
  return [...terms, out].some((term) => term.length === 2 && term[0] === x);
}

/** Where an array has its cells: slices, rows and columns, the place of the first cell, and the corner of any index. */
function grid(formula, letters) {
  let sizes = shape(letters);
  const column = letters.length === 1 && upright(formula, letters);
  if (sizes.length === 1) sizes = column ? [sizes[0], 1] : [1, sizes[0]];
  const [slices, rows, columns] = [...new Array(3 - sizes.length).fill(1), ...sizes], high = rows * CELL + GAP;
  const left = EDGE + (letters.length > 1 || column ? LEFT : 0) + (letters.length === 3 ? STACK : 0);
  const corner = (index) => {
    if (index.length === 1) index = column ? [index[0], 0] : [0, index[0]];
    const [s, r, c] = [...new Array(3 - index.length).fill(0), ...index];
    return [left + c * CELL, TOP + s * high + r * CELL];
  };
  return { slices, rows, columns, high, left, column, corner, width: left + columns * CELL + EDGE, height: TOP + slices * high - GAP + EDGE };
}

/** Lines along the axes of an array, each with its letter. */
function axes(letters, styles, { slices, rows, columns, high, left, column }) {
  const parts = [], n = letters.length;
  if (n === 3) {
    const x = letters[0], tall = slices * high - GAP;
    parts.push(stroke(styles[x], `M${EDGE + 14} ${TOP}v${tall}`), letter(styles[x], EDGE + 5, TOP + tall / 2, x));
  }
  if (n > 1 || column) for (let s = 0; s < slices; s++) {
    const x = letters[Math.max(n - 2, 0)], y = TOP + s * high;
    parts.push(stroke(styles[x], `M${left - 6} ${y}v${rows * CELL}`), letter(styles[x], left - 15, y + (rows * CELL) / 2, x));
  }
  if (n > 1 || (n && !column)) {
    const x = letters[n - 1];
    parts.push(stroke(styles[x], `M${left} ${TOP - 6}h${columns * CELL}`), letter(styles[x], left + (columns * CELL) / 2, TOP - 19, x));
  }
  return parts;
}

/** One array as a block, with functions that move its marks. */
function block(formula, name, letters, styles, numbers) {
  const g = grid(formula, letters), cells = (indices) => indices.map((index) => { const [x, y] = g.corner(index); return `M${x} ${y}h${CELL}v${CELL}h-${CELL}z`; }).join("");
  let lines = "";
  for (let s = 0; s < g.slices; s++) {
    const y = TOP + s * g.high;
    for (let i = 0; i <= g.rows; i++) lines += `M${g.left} ${y + i * CELL}h${g.columns * CELL}`;
    for (let i = 0; i <= g.columns; i++) lines += `M${g.left + i * CELL} ${y}v${g.rows * CELL}`;
  }
  const digits = Array.from({ length: count(letters) }, (_, n) => {
    const [x, y] = g.corner(unravel(n, letters));
    return h("text", { class: "v2e-digit", x: x + CELL / 2, y: y + CELL / 2 }, numbers ? String(numbers[n]) : "");
  });
  const fibre = h("path", { class: "v2e-fibre" }), now = h("path", { class: "v2e-now" });
  const svg = h("svg", { width: g.width, height: g.height, viewBox: `0 0 ${g.width} ${g.height}`, role: "img", "aria-label": `${name} as a grid of numbers` },
    ...axes(letters, styles, g), h("path", { class: "v2e-cells", d: lines }), fibre, now, ...digits);
  return {
    element: h("div", { class: `v2e-array v2e-${name}` }, h("p", {}, h("b", {}, name), ` ${shown(letters)}`), svg),
    digits,
    mark(indices, index) { setAttribute(fibre, "d", cells(indices)); setAttribute(now, "d", cells([index])); },
  };
}

/** The formula with arcs: above, from operands to the result, what stays; below what meets and is summed. */
function diagram(formula, styles) {
  const signs = [...formula.replace("->", "→")], split = signs.indexOf("→"), middle = (n) => STEP * n + STEP / 2, parts = [];
  const arc = (style, a, b, y, lift) => stroke(style, `M${a} ${y}Q${(a + b) / 2} ${y + 2 * lift} ${b} ${y}`);  // reaches half of its control point
  for (const [x, style] of Object.entries(styles)) {
    const places = signs.flatMap((sign, n) => (sign === x ? [n] : [])), inside = places.filter((n) => n < split), out = places.find((n) => n > split);
    if (out !== undefined) for (const a of inside) parts.push(arc(style, middle(a), middle(out), ABOVE - 12, -Math.min(46, 12 + 4.5 * (out - a))));
    else {
      let depth = 14;
      inside.slice(1).forEach((b, n) => {
        depth = Math.min(24, 8 + 4 * (b - inside[n]));
        parts.push(arc(style, middle(inside[n]), middle(b), ABOVE + 12, depth));
      });
      if (inside.length === 1) parts.push(stroke(style, `M${middle(inside[0])} ${ABOVE + 12}v${depth}`));
      parts.push(letter(style, (middle(inside[0]) + middle(inside.at(-1))) / 2, ABOVE + 24 + depth, `Σ ${x}`));
    }
  }
  signs.forEach((sign, n) => parts.push(h("text", { class: `v2e-sign ${sign in styles ? classes(styles[sign]) : "v2e-muted"}`, x: middle(n), y: ABOVE }, sign)));
  const width = STEP * signs.length, height = ABOVE + BELOW;
  return h("svg", { class: "v2e-formula", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": formula }, ...parts);
}

const START = { formula: "ij,jk->ik", entry: 7, term: 4 };

function render({ model, el }) {
  const voice = announcer();
  let reason = "";
  const state = () => {  // Python may set the formula first: what does not fit it yet is drawn at its end
    const formula = model.get("formula"), { out, summed } = parse(formula), E = count(out), K = count(summed);
    return { formula, E, K, entry: Math.min(model.get("entry"), E - 1), term: Math.min(model.get("term"), K) };
  };
  const change = (what, values) => { reason = what; put(model, values); };

  const choice = h("select", { id: `v2a-${Date.now().toString(36)}-${ids++}`, onchange: () => {
    const { out, summed } = parse(choice.value);
    change("formula", { formula: choice.value, entry: Math.min(model.get("entry"), count(out) - 1), term: count(summed) });
  } }, ...Object.entries(FORMULAS).map(([formula, name]) => h("option", { value: formula }, `${name}: ${formula}`)));
  const entry = slider("Output entry", { min: 0, step: 1 }, (v) => change("entry", { entry: v, term: state().K }));
  const term = slider("Term of sum", { min: 1, step: 1 }, (v) => change("term", { entry: state().entry, term: v }));
  const next = h("button", { type: "button", onclick: () => {
    const { E, K, entry: e, term: t } = state();
    if (t < K) change("term", { entry: e, term: t + 1 });
    else if (e + 1 < E) change("term", { entry: e + 1, term: 1 });
  } }, "Next step of the loop");
  const reset = h("button", { type: "button", onclick: () => { change("formula", START); choice.focus(); } }, "Reset");  // it is about to be disabled

  const picture = h("div", { class: "v2e-picture" }), list = h("ul", { class: "v2e-letters" }), grids = h("div", { class: "v2e-arrays" });
  const value = {};
  const numbers = h("dl", { class: "v2a-numbers v2e-facts" }, ...[
    ["shapes", "Shapes"], ["loop", "In the innermost loop"], ["terms", "Terms of each entry"], ["flops", "FLOPs"], ["recipe", "As matrix products"],
  ].map(([key, label]) => h("div", { class: `v2e-${key}` }, h("dt", {}, label), value[key] = h("dd"))));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2e-bar" }, h("label", { for: choice.id }, "Formula"), choice, next, reset),
    h("div", { class: "v2a-controls" }, entry.row, term.row),
    h("div", { class: "v2e-top" }, picture, list), grids, ...voice.elements, numbers,
    h("p", { class: "v2a-key" }, "Arcs above the formula: letters that stay. Below: letters that are summed. Shaded: all that goes into one entry of R. Framed (A solid, B dashed, C dotted): the numbers of this term, and the entry of R."),
  );

  let drawn = "", blocks = [], result = null, sums = [];
  const build = (formula) => {
    const { terms, out, summed } = parse(formula), { styles, words } = fates(formula);
    sums = Array.from({ length: count(out) }, (_, n) => String(soFar(formula, n, count(summed))));
    picture.replaceChildren(diagram(formula, styles));
    list.replaceChildren(...Object.entries(words).map(([x, text]) => h("li", {},
      h("svg", { class: "v2e-sample", viewBox: "0 0 30 8", "aria-hidden": "true" }, stroke(styles[x], "M1 4h28")), text)));
    blocks = terms.map((letters, p) => block(formula, NAMES[p], letters, styles, operand(p, letters)));
    result = block(formula, "R", out, styles, null);
    grids.replaceChildren(...blocks.map(({ element }) => element), result.element);
    for (const [key, text] of Object.entries(facts(formula))) setText(value[key], text);
    choice.value = formula;
    drawn = formula;
  };
  const draw = () => {
    const { formula, entry: e, term: t, E, K } = state();
    if (formula !== drawn) build(formula);
    const { out } = parse(formula), fibre = Array.from({ length: K }, (_, n) => meeting(formula, e, n + 1));
    blocks.forEach((b, p) => b.mark(fibre.map((at) => at[p]), fibre[t - 1][p]));
    const index = unravel(e, out);
    result.mark([], index);
    result.digits.forEach((digit, n) => setText(digit, n > e ? "" : n < e ? sums[n] : String(soFar(formula, e, t))));
    for (const [control, low, high] of [[entry, 0, E - 1], [term, 1, K]]) {
      const input = control.row.querySelector("input");
      setAttribute(input, "max", high);
      if (input.disabled !== (low === high)) input.disabled = low === high;
    }
    entry.show(e, E > 1 ? index.join(", ") : "one");
    term.show(t, K > 1 ? `${t}/${K}` : "one");
    const last = e === E - 1 && t === K;
    setAttribute(next, "aria-disabled", last);
    reset.disabled = formula === START.formula && e === START.entry && t === START.term;
    voice.say(sentence(reason, formula, e, t));
    reason = "";
  };
  const unwatch = watch(model, ["formula", "entry", "term"], draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
