// SVD rank truncation: a matrix as a grey picture at rank k, what is missing, the spectrum with the cut, the price.
// A pair is row i of the factors: √σ u (one number a row of the picture), then √σ v (one a column).

const WIDTH = 360, HEIGHT = 216, LEFT = 54, RIGHT = 10, TOP = 24, BOTTOM = 26;  // the spectrum
const FLOOR = HEIGHT - BOTTOM, EVERY = 8;  // a stored sum every so many ranks
const BRIGHT = [61, 139, 219], DARK = [224, 85, 91];  // where the approximation is too bright, and too dark

/** The singular values from their bytes. */
export function spectrum(view) {
  return Float64Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true));
}

/** The pairs from their bytes: first all low bytes, then all high ones; 0, 1, 2, 3 … stand for 0, −1, 1, −2 … steps. */
export function decode(view, step) {
  const count = view.byteLength / 2, pairs = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const z = view.getUint8(i) + 256 * view.getUint8(count + i);
    pairs[i] = step * (z % 2 ? -(z + 1) / 2 : z / 2);
  }
  return pairs;
}

/** Add the pairs from … to − 1 to a sum (sign −1: take them away), row by row in double precision. */
function add(out, base, pairs, rows, columns, from, to, sign, line) {
  if (from === to) { out.set(base); return; }
  const width = rows + columns, last = to - 1;
  for (let i = 0; i < rows; i++) {
    const start = i * columns;
    for (let j = 0; j < columns; j++) line[j] = base[start + j];
    for (let t = from; t < last; t++) {
      const factor = sign * pairs[t * width + i], v = t * width + rows;
      for (let j = 0; j < columns; j++) line[j] += factor * pairs[v + j];
    }
    const factor = sign * pairs[last * width + i], v = last * width + rows;
    for (let j = 0; j < columns; j++) out[start + j] = line[j] + factor * pairs[v + j];
  }
}

/** Sums of the first k pairs for any k: a few are kept, so that any other is at most four pairs away. */
export function sums(pairs, rows, columns) {
  const ranks = pairs.length / (rows + columns), line = new Float64Array(columns);
  const kept = [new Float32Array(rows * columns)];  // the sum of the first 8 i pairs, or of all
  for (let from = 0; from < ranks; from += EVERY) {
    const next = new Float32Array(rows * columns);
    add(next, kept.at(-1), pairs, rows, columns, from, Math.min(from + EVERY, ranks), 1, line);
    kept.push(next);
  }
  const place = (i) => Math.min(i * EVERY, ranks);
  return {
    all: kept.at(-1),
    at(k, out) {
      let i = Math.floor(k / EVERY);
      if (i + 1 < kept.length && place(i + 1) - k < k - place(i)) i++;
      add(out, kept[i], pairs, rows, columns, Math.min(k, place(i)), Math.max(k, place(i)), Math.sign(k - place(i)) || 1, line);
      return out;
    },
  };
}

/** The first k pairs, summed: what the figure draws, for tests. */
export function partialSum(view, rows, columns, step, k) {
  return sums(decode(view, step), rows, columns).at(k, new Float32Array(rows * columns));
}

/** What rank k keeps, misses and costs. */
export function numbers(sigma, rows, columns, k) {
  let tail = 0, all = 0;
  for (let i = sigma.length - 1; i >= 0; i--) {  // the small ones first
    all += sigma[i] ** 2;
    if (i >= k) tail = all;
  }
  const stored = k * (rows + columns + 1), table = rows * columns;
  return {
    energy: (all - tail) / all, two: k < sigma.length ? sigma[k] : 0, frobenius: Math.sqrt(tail),
    share: Math.sqrt(tail / all), rms: Math.sqrt(tail / table), stored, ratio: stored / table,
    even: Math.floor((table - 1) / (rows + columns + 1)),
  };
}

/** Grey value 0 … 255 of an entry. */
export function grey(x, low, high) {
  return Math.round(Math.max(0, Math.min(1, (x - low) / (high - low))) * 255);
}

/** Place −127 … 127 of an error on the scale of colours; as a square root, so that small errors can be seen too. */
export function level(error, limit) {
  const size = Math.round(Math.sqrt(Math.min(1, Math.abs(error) / limit)) * 127);
  return error < 0 && size > 0 ? -size : size;
}

/** Red, green, blue and opacity of a level: 0 is transparent, whatever the page's own colour. */
export function tint(place) {
  return [...(place < 0 ? BRIGHT : DARK), Math.round((Math.abs(place) / 127) * 255)];
}

const table = (colours) => new Uint32Array(Uint8Array.from(colours.flat()).buffer);  // in the order of this machine

/** Write a number ≥ 0 with four significant digits. */
export function digits(x) {
  if (x === 0) return "0";
  if (x < 1e-3 || x >= 1e9) return x.toExponential(3).replace("e+", "e").replace("e", " · 10^").replace("-", "−");
  return commas(x.toFixed(Math.max(0, 3 - Math.floor(Math.log10(x)))));
}

/** A share in percent, rounded down: 100 % means everything. */
export const kept = (energy, everything) => (everything ? "100 %" : `${(Math.floor(energy * 1e5) / 1e3).toFixed(3)} %`);

/** Where singular value i (from 1; halves are between two) stands on the axis, and back again. */
export const across = (i, ranks) => LEFT + Math.min(1, (i - 0.5) / ranks) * (WIDTH - LEFT - RIGHT);
export function rankAt(x, ranks) {
  return Math.max(1, Math.min(ranks, Math.round(((x - LEFT) / (WIDTH - LEFT - RIGHT)) * ranks)));
}

const subscript = (k) => String(k).replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);
const superscript = (k) => String(k).replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);

/** Say in words what has just happened, going from one rank to another. */
export function sentence(sigma, rows, columns, before, k) {
  const x = numbers(sigma, rows, columns, k), ranks = sigma.length, size = rows * columns;
  if (k === ranks) return `All ${ranks} ranks: nothing is missing, and the factors hold ${commas(x.stored)} numbers, ${x.ratio.toFixed(2)} times as many as A.`;
  if (k === before + 1 && x.ratio < 1) return `Rank ${k} adds ${commas(rows + columns + 1)} numbers; the 2-norm error falls from ${digits(sigma[before])} to ${digits(sigma[k])}.`;
  if (x.stored >= size) return `${k} ranks hold ${commas(x.stored)} numbers, ${x.stored === size ? "as many as" : "more than"} the ${commas(size)} of A itself.`;
  return `Rank ${k} keeps ${kept(x.energy, false)} of the energy in ${(100 * x.ratio).toFixed(1)} % of the numbers.`;
}

const drawn = new WeakMap();  // views of one model share the sums
function prepared(view, step, rows, columns) {
  if (!drawn.has(view)) drawn.set(view, sums(decode(view, step), rows, columns));
  return drawn.get(view);
}

function render({ model, el }) {
  const [rows, columns, low, high, limit] = ["rows", "columns", "low", "high", "limit"].map((name) => model.get(name));
  const sigma = spectrum(model.get("sigma")), ranks = sigma.length;
  const start = Math.min(20, Math.max(1, Math.floor(ranks / 10)));
  const store = prepared(model.get("factors"), model.get("step"), rows, columns);
  const voice = announcer();
  const choose = (k) => { if (k >= 1 && k <= ranks && k !== model.get("rank")) put(model, { rank: k }); };

  // two pictures
  const picture = () => {
    const canvas = h("canvas", { class: `v2a-svd-picture${columns < 100 ? " v2a-svd-coarse" : ""}`, width: columns, height: rows, role: "img" });
    const context = canvas.getContext("2d"), data = context.createImageData(columns, rows);
    return { canvas, pixels: new Uint32Array(data.data.buffer), paint: () => context.putImageData(data, 0, 0) };
  };
  const image = picture(), residual = picture(), sum = new Float32Array(rows * columns);
  const greys = table(Array.from({ length: 256 }, (_, i) => [i, i, i, 255]));
  const tints = table(Array.from({ length: 255 }, (_, i) => tint(i - 127)));
  const heads = [h("p", { class: "v2a-svd-head" }), h("p", { class: "v2a-svd-head" })];
  const ticks = [-1, -1 / 4, 0, 1 / 4, 1].map((share) => h("span", {}, (share > 0 ? "+" : share < 0 ? "−" : "") + Number((Math.abs(share) * limit).toPrecision(2))));
  const scale = h("div", { class: "v2a-svd-scale" }, h("i"), h("div", {}, ...ticks), h("div", { class: "v2a-svd-ends" }, h("span", {}, "too bright"), h("span", {}, "too dark")));

  // the spectrum
  const edge = (a, b) => Math.max(0.15, 0.04 * (a - b));
  const logs = Array.from(sigma, Math.log10), space = edge(logs[0], logs[ranks - 1]);
  const top = logs[0] + space, bottom = logs[ranks - 1] - space;
  const down = (log) => TOP + ((top - log) / (top - bottom)) * (FLOOR - TOP);
  const points = logs.map((log, i) => `${across(i + 1, ranks).toFixed(1)},${down(log).toFixed(1)}`);
  const grid = [], every = Math.ceil((top - bottom) / 6);
  for (let d = Math.ceil(bottom); d <= top; d++) {
    if (d % every) continue;
    grid.push(h("path", { class: "v2a-svd-grid", d: `M${LEFT},${down(d).toFixed(1)}H${WIDTH - RIGHT}` }));
    grid.push(h("text", { x: LEFT - 6, y: (down(d) + 4).toFixed(1), "text-anchor": "end" }, d >= 0 && d <= 4 ? commas(10 ** d) : `10${superscript(d)}`));
  }
  const { even } = numbers(sigma, rows, columns, 1), here = across(Math.min(even, ranks) + 0.5, ranks);
  const profit = even >= 1 && even < ranks ? [
    h("path", { class: "v2a-svd-even", d: `M${here.toFixed(1)},${TOP}V${FLOOR}` }),
    h("text", { x: here.toFixed(1), y: HEIGHT - 8, "text-anchor": "middle" }, String(even)),
  ] : [];
  const line = h("polyline", { class: "v2a-svd-kept" }), tail = h("polyline", { class: "v2a-svd-tail" });
  const next = h("circle", { class: "v2a-svd-next", r: 4.5 });
  let grabbed = 0;
  const toUnits = (event) => { const box = plot.getBoundingClientRect(); return ((event.clientX - box.left) / box.width) * WIDTH; };
  const handle = h("g", {
    class: "v2a-svd-handle", tabindex: 0, role: "slider", "aria-label": "Cut in the spectrum: drag, or arrow keys",
    "aria-valuemin": 1, "aria-valuemax": ranks,
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => {
      event.preventDefault();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      grabbed = toUnits(event) - across(model.get("rank") + 0.5, ranks);
    },
    onpointermove: (event) => { if (handle.hasPointerCapture(event.pointerId)) choose(rankAt(toUnits(event) - grabbed, ranks)); },
    onkeydown: (event) => {
      const k = model.get("rank"), big = event.shiftKey ? 10 : 1;
      const to = { ArrowRight: k + big, ArrowUp: k + big, ArrowLeft: k - big, ArrowDown: k - big, PageUp: k + 10, PageDown: k - 10, Home: 1, End: ranks }[event.key];
      if (to === undefined) return;
      event.preventDefault();  // the page would scroll
      choose(Math.max(1, Math.min(ranks, to)));
    },
  }, h("rect", { class: "v2a-svd-hit", x: -18, y: TOP - 18, width: 36, height: FLOOR - TOP + 18 }),
  h("path", { class: "v2a-svd-cut", d: `M0,${TOP - 8}V${FLOOR}` }), h("circle", { class: "v2a-svd-grip", cy: TOP - 8, r: 8 }));
  const plot = h("svg", { class: "v2a-svd-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Singular values, falling, on a logarithmic axis, with a cut that can be moved" },
    h("g", { "aria-hidden": "true" }, ...grid, h("path", { class: "v2a-svd-axis", d: `M${LEFT},${TOP}V${FLOOR}H${WIDTH - RIGHT}` }), ...profit,
      h("text", { x: LEFT, y: HEIGHT - 8, "text-anchor": "middle" }, "1"), h("text", { x: WIDTH - RIGHT, y: HEIGHT - 8, "text-anchor": "end" }, String(ranks)),
      line, tail, next), handle);

  // controls and numbers
  const rank = slider("Rank k", { min: 1, max: ranks, step: 1 }, choose);
  const button = (text, label, onclick) => h("button", { type: "button", "aria-label": label, onclick }, text);
  const fewer = button("−1", "−1, one rank less", () => choose(model.get("rank") - 1));
  const more = button("+1", "+1, one rank more", () => choose(model.get("rank") + 1));
  const reset = button("Reset", null, () => choose(start));
  const value = {};
  const fact = (key, name, ...rest) => h("div", {}, h("dt", {}, name), value[key] = h("dd"), ...rest);
  const filled = h("i"), most = ranks * (rows + columns + 1), whole = rows * columns;
  const facts = h("dl", { class: "v2a-svd-facts" },
    fact("energy", "Energy kept: Σσ² of the first k, of all"), fact("two", "Error in the 2-norm: the next σ"),
    fact("frobenius", "Error in the Frobenius norm: the tail"), fact("rms", "Error per entry (r.m.s.)"),
    h("div", {}, h("dt", {}, "Numbers stored: k(m + n + 1), against mn"), value.stored = h("dd"),
      h("dd", { class: "v2a-svd-bar", "aria-hidden": "true" }, filled, h("b", { style: `left:${((100 * Math.min(1, whole / Math.max(most, whole)))).toFixed(2)}%` }))));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-svd-controls" }, rank.row, h("div", { class: "v2a-svd-buttons" }, fewer, more, reset)),
    h("div", { class: "v2a-svd" }, h("div", {}, heads[0], image.canvas), h("div", {}, heads[1], residual.canvas, scale)),
    ...voice.elements,
    h("div", { class: "v2a-svd" }, h("div", {}, h("p", { class: "v2a-svd-head" }, "Singular values σ: drag the cut"), plot), facts),
    h("p", { class: "v2a-key" }, `Purple, solid: the singular values that are kept. Red, dashed: those that are cut off; the dot is the error in the 2-norm.${profit.length ? ` Dotted: the last rank that saves numbers, ${even}.` : ""} What is missing has the colour of the page where nothing is missing; its scale is a square root, so that small errors show.`),
  );

  let before = 0;
  const draw = () => {
    const k = model.get("rank"), x = numbers(sigma, rows, columns, k);
    if (k === ranks) sum.set(store.all); else store.at(k, sum);
    const { all } = store, factor = 255 / (high - low), wide = 127 / Math.sqrt(limit);
    for (let i = 0; i < sum.length; i++) {  // grey() and level(), without a call for each of them
      const g = (sum[i] - low) * factor + 0.5, e = all[i] - sum[i];
      image.pixels[i] = greys[g < 0 ? 0 : g > 255 ? 255 : g | 0];
      const t = Math.sqrt(e < 0 ? -e : e) * wide + 0.5, place = t > 127 ? 127 : t | 0;
      residual.pixels[i] = tints[e < 0 ? 127 - place : 127 + place];
    }
    image.paint();
    residual.paint();
    setText(heads[0], `Rank ${k}`);
    setText(heads[1], `What is missing: A − A${subscript(k)}`);
    setAttribute(image.canvas, "aria-label", `The matrix as a grey picture at rank ${k}`);
    setAttribute(residual.canvas, "aria-label", `What is missing at rank ${k}: ${digits(x.rms)} per entry (r.m.s.)`);

    setAttribute(line, "points", points.slice(0, k).join(" "));
    setAttribute(tail, "points", points.slice(k).join(" "));
    setAttribute(next, "display", k < ranks ? "inline" : "none");
    if (k < ranks) {
      const [cx, cy] = points[k].split(",");
      setAttribute(next, "cx", cx);
      setAttribute(next, "cy", cy);
    }
    setAttribute(handle, "transform", `translate(${across(k + 0.5, ranks).toFixed(1)} 0)`);
    setAttribute(handle, "aria-valuenow", k);
    setAttribute(handle, "aria-valuetext", `after ${k} of ${ranks}`);

    rank.show(k, String(k));
    fewer.disabled = k === 1;
    more.disabled = k === ranks;
    setText(value.energy, kept(x.energy, k === ranks));
    setText(value.two, k < ranks ? `σ${subscript(k + 1)} = ${digits(x.two)}` : "0");
    setText(value.frobenius, `${digits(x.frobenius)}: ${(100 * x.share).toFixed(2)} % of A’s`);
    setText(value.rms, digits(x.rms));
    setText(value.stored, `${commas(x.stored)} of ${commas(whole)}: ${(100 * x.ratio).toFixed(1)} %`);
    filled.style.transform = `scaleX(${(x.stored / Math.max(most, whole)).toFixed(4)})`;
    filled.classList.toggle("v2a-svd-over", x.stored >= whole);
    voice.say(sentence(sigma, rows, columns, before, k));
    before = k;
  };
  const unwatch = watch(model, ["rank"], draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
