// Rotate, stretch, rotate: a circle, its image under a 2×2 matrix, and the three steps between them.
// A matrix is [a, b, c, d], row by row, and a point is [x, y].

const LONGEST = 1.2, VIEW = 1.9, CLOSE = 1.3, UNIT = 80, GRID = 0.05, TINY = 1e-9;
const START = { entries: [1, 0.6, 0, 0.8], step: 3, angle: 20 };
const STOPS = ["circle", "Vᵀ turns", "Σ stretches", "U turns"];

export const apply = ([a, b, c, d], [x, y]) => [a * x + b * y, c * x + d * y];
const turn = (angle) => [Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)];
const times = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
const angleOf = (x, y) => { const a = Math.atan2(y, x); return a < TINY - Math.PI ? Math.PI : a; };  // 180°, not −180°
const point = (degrees) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];

/**
 * The singular value decomposition of a 2×2 matrix. V turns by theta the axes to the directions whose images are
 * orthogonal, −90° < theta ≤ 90°; U turns them by phi, after a mirror in the first axis where `mirrored`.
 */
export function svd2([a, b, c, d]) {
  const aa = a * a + c * c, bb = b * b + d * d, ab = a * b + c * d;  // the columns' squared lengths and dot product
  // A is a turn with a stretch by `same`, plus a mirror with a stretch by `other`: together along v1, against along v2
  const same = Math.hypot(a + d, c - b) / 2, other = Math.hypot(a - d, b + c) / 2;
  let s1 = same + other, s2 = Math.abs(same - other);
  if (s1 <= TINY) s1 = 0;
  if (s2 <= TINY) s2 = 0;
  const theta = s1 - s2 <= TINY ? 0 : Math.atan2(Math.abs(ab) < 1e-12 * (aa + bb) ? 0 : 2 * ab, aa - bb) / 2;
  const [x, y] = apply([a, b, c, d], [Math.cos(theta), Math.sin(theta)]);
  const phi = s1 > 0 ? angleOf(x, y) : 0, mirrored = other > same && s2 > 0, side = mirrored ? -1 : 1;
  const [p, q] = [Math.cos(phi), Math.sin(phi)];
  return { U: [p, -side * q, q, side * p], s: [s1, s2], V: turn(theta), theta, phi, mirrored };
}

/** The matrix of the steps taken so far: I at 0, Vᵀ at 1, ΣVᵀ at 2, A at 3; a mirror turns over like a sheet of paper. */
export function mapSoFar(entries, step) {
  const { s, theta, phi, mirrored } = svd2(entries);
  const [turned, stretched, done] = [0, 1, 2].map((k) => Math.max(0, Math.min(1, step - k)));
  const [p, q] = s.map((x) => 1 + stretched * (x - 1)), over = mirrored ? Math.cos(Math.PI * done) : 1;
  return times(turn(done * phi), times([p, 0, 0, over * q], turn(-turned * theta)));
}

/** The number of the last step that has begun: 0 none, 1 Vᵀ, 2 Σ, 3 U. */
export const stage = (step) => Math.ceil(step);

/** The entries after the image of basis vector i (0 or 1) was moved: tips rest on multiples of 0.05, within reach. */
export function moved(entries, i, [x, y]) {
  const shrink = Math.min(1, LONGEST / Math.hypot(x, y) || 1);
  const rest = (round) => [x, y].map((v) => { const n = round(v * shrink / GRID) / Math.round(1 / GRID); return n === 0 ? 0 : n; });
  let tip = rest(Math.round);
  if (Math.hypot(...tip) > LONGEST + TINY) tip = rest(Math.trunc);
  const M = [...entries];
  [M[i], M[i + 2]] = tip;
  return M;
}

/** Degrees with one decimal, and no sign where both would mean the same. */
export function degrees(x) {
  const text = Math.abs(x).toFixed(1);
  return `${x < 0 && text !== "0.0" && text !== "180.0" ? "−" : ""}${text}°`;
}
const number = (x) => fixed(x, 2);
const pair = ([x, y]) => `(${number(x)}, ${number(y)})`;
const direction = (x, y) => degrees((Math.atan2(y, x) * 180) / Math.PI);

/** The numbers beside the picture, each with what it means. */
export function facts(entries, angle) {
  const { U, s: [s1, s2], V, mirrored } = svd2(entries), round = s1 - s2 <= TINY;
  const at = [[V[0], V[2]], [V[1], V[3]], [U[0], U[2]], [U[1], U[3]]].map(([x, y]) => `at ${direction(x, y)}`);
  const any = (v) => `all directions alike: any ${v} would do`;
  const rank = (s1 > 0) + (s2 > 0), shape = round ? "a circle" : "an ellipse";
  return {
    s1: [number(s1), round ? any("v₁") : `v₁ ${at[0]} goes to u₁ ${at[2]}`],
    s2: [number(s2), round ? any("v₂") : s2 > 0 ? `v₂ ${at[1]} goes to u₂ ${at[3]}` : `v₂ ${at[1]} goes to 0`],
    kappa: s2 > 0 ? [number(s1 / s2), "1 would keep the circle round"] : s1 > 0 ? ["∞", "σ₂ is 0"] : ["none", "A is 0"],
    det: [number((mirrored ? -1 : 1) * s1 * s2), rank < 2 ? "singular: no inverse" : mirrored ? "−σ₁σ₂: mirrored" : "σ₁σ₂: not mirrored"],
    rank: [`${rank}`, ["a point: everything is lost", "a line: what lies along v₂ is lost", `${shape}: nothing is lost`][rank]],
    x: [number(Math.hypot(...apply(entries, point(angle)))), `x has length 1, at ${degrees(angle)}`],
  };
}

/** How far the steps have come, in few words. */
export function progress(step) {
  return step === 0 ? "none" : `${["Vᵀ", "Σ", "U"][stage(step) - 1]} ${Math.round(100 * (step - stage(step) + 1))} %`;
}

/** What kind of map it is: what is worth saying before anything else. */
function kind({ s: [s1, s2], mirrored }) {
  if (s1 === 0) return "Everything goes to 0: both singular values are 0.";
  if (s2 === 0) return "Singular: σ₂ = 0, the ellipse is a line, and v₂ goes to 0.";
  if (s1 - s2 <= TINY) return `The circle stays a circle, ${mirrored ? "mirrored: " : ""}all directions are stretched alike.`;
  return mirrored ? "The map mirrors: the determinant is negative." : "";
}

/** Say in words what has just happened. reason: "step", "tip 0", "tip 1", "x", "reset", or "" for a change from elsewhere. */
export function sentence(reason, { entries, step, angle }) {
  const now = svd2(entries), [s1, s2] = now.s.map(number), what = kind(now);
  const way = (radians) => { const a = degrees(Math.abs(radians * 180) / Math.PI); return `${a}${a === "0.0°" || a === "180.0°" ? "" : radians < 0 ? " clockwise" : " counter-clockwise"}`; };
  if (reason === "step") {
    const over = now.mirrored ? "over and " : "", part = step - stage(step) + 1, done = part === 1;
    if (step === 0) return "The circle as it comes in. v₁ and v₂ are at a right angle.";
    if (step <= 1) return done ? `Vᵀ has turned everything by ${way(-now.theta)}: v₁ lies on the first axis, v₂ on the second.` : `Vᵀ turns, so far by ${way(-part * now.theta)}.`;
    if (step <= 2) return done ? `Σ has stretched the first axis by ${s1} and the second by ${s2}.` : `Σ stretches along the axes, so far by ${now.s.map((s) => number(1 + part * (s - 1))).join(" and ")}.`;
    return done ? `U has turned the plane ${over}by ${way(now.phi)}. The three steps together are A.` : `U turns the plane ${over}so far by ${way(part * now.phi)}.`;
  }
  if (reason === "x") {
    const length = Math.hypot(...apply(entries, point(angle))), near = (i) => Math.abs(length - now.s[i]) < 2e-4 * now.s[0];
    const special = now.s[0] - now.s[1] <= TINY ? "" : near(0) ? " It lies along v₁: no x gets longer." : near(1) ? " It lies along v₂: no x gets shorter." : "";
    return `x is at ${degrees(angle)}, and Ax is ${number(length)} long.${special}`;
  }
  if (reason === "tip 0" || reason === "tip 1") {
    const i = Number(reason.at(-1));
    return `${["(1, 0)", "(0, 1)"][i]} goes to ${pair([entries[i], entries[i + 2]])}; σ₁ = ${s1}, σ₂ = ${s2}. ${what}`.trim();
  }
  return `${reason === "reset" ? "Back at the start. " : ""}${what || `The longest radius of the ellipse is σ₁ = ${s1}, the shortest σ₂ = ${s2}.`}`;
}

const at = ([x, y]) => [x * UNIT, -y * UNIT];
const xy = (p) => at(p).map((v) => v.toFixed(1)).join(",");
const CIRCLE = Array.from({ length: 48 }, (_, i) => point(i * 7.5));
const path = (points) => points.map(xy).join(" ");

/** The three corners of an arrow's head; none for a vector that is 0. */
export function head([x, y]) {
  const length = Math.hypot(x, y);
  if (length < TINY) return [];
  const size = Math.min(0.14, length / 2), [p, q] = [(size * x) / length, (size * y) / length];
  return [[x - p - 0.6 * q, y - q + 0.6 * p], [x, y], [x - p + 0.6 * q, y - q - 0.6 * p]];
}

/** Where the name of an arrow stands, beyond its tip, and which end of it is there. */
function beside([x, y]) {
  const length = Math.hypot(x, y), across = Math.abs(x) > 0.4 * length, far = 1 + (across ? 0.14 : 0.2) / length;
  return [...at([x * far, y * far]), across ? (x > 0 ? "start" : "end") : "middle"];
}

/** One of the two pictures, without what can be taken hold of: the circle's image, two arrows, x. */
function plane(view, css) {
  const line = (k, end) => `M${xy([k, -end])}L${xy([k, end])}M${xy([-end, k])}L${xy([end, k])}`;
  const steps = Array.from({ length: 2 * Math.floor(view) + 1 }, (_, i) => i - Math.floor(view)).filter((k) => k !== 0);
  const disc = h("polygon", { class: `v2a-sv-${css}` }), quarter = h("polygon", { class: `v2a-sv-${css} v2a-sv-quarter` });
  const arrows = [1, 2].map((i) => h("line", { class: `v2a-sv-arrow v2a-sv-arrow${i}`, x1: 0, y1: 0 })), heads = [1, 2].map(() => h("polyline", { class: "v2a-sv-arrow" }));
  const x = css === "in" ? "x" : "y", shaft = h("line", { class: `v2a-sv-${x}line`, x1: 0, y1: 0 }), dot = h("circle", { class: `v2a-sv-${x}dot`, r: 5 });
  const names = [0, 1, 2].map((i) => h("text", { class: i === 2 ? `v2a-sv-name v2a-sv-${x}name` : "v2a-sv-name" }));
  return {
    parts: h("g", { "aria-hidden": "true" }, h("path", { class: "v2a-sv-grid", d: steps.map((k) => line(k, view)).join("") }), h("path", { class: "v2a-sv-axis", d: line(0, view) }), disc, quarter, shaft, ...arrows, ...heads, dot),
    names: h("g", { "aria-hidden": "true", class: "v2a-sv-over" }, ...names),
    show(M, V, angle, texts) {
      const points = CIRCLE.map((p) => apply(M, p)), end = apply(M, point(angle));
      setAttribute(disc, "points", path(points));
      setAttribute(quarter, "points", path([[0, 0], ...points.slice(0, 13)]));
      const tips = [apply(M, [V[0], V[2]]), apply(M, [V[1], V[3]])];
      heads.forEach((element, i) => setAttribute(element, "points", path(head(tips[i]))));
      for (const [element, to, p, q] of [[shaft, end, "x2", "y2"], [dot, end, "cx", "cy"], ...arrows.map((a, i) => [a, tips[i], "x2", "y2"])]) {
        const [left, top] = at(to);
        setAttribute(element, p, left.toFixed(1));
        setAttribute(element, q, top.toFixed(1));
      }
      [...tips, end].forEach((tip, i) => {
        const seen = Math.hypot(...tip) > 0.12;
        setText(names[i], seen ? texts[i] : "");
        if (!seen) return;
        const [left, top, anchor] = beside(tip);
        setAttribute(names[i], "x", left.toFixed(1));
        setAttribute(names[i], "y", top.toFixed(1));
        setAttribute(names[i], "text-anchor", anchor);
      });
    },
  };
}

/** A factor: a matrix with its name below. */
function matrix(name, label) {
  const { table, fill } = matrix2({ class: "v2a-sv-matrix", "aria-label": label });
  const block = h("div", { class: "v2a-sv-factor" }, table, h("div", { class: "v2a-sv-under", "aria-hidden": "true" }, name));
  return { block, show: (M) => fill(M.map(number)) };
}

function render({ model, el }) {
  const state = () => ({ entries: model.get("entries"), step: model.get("step"), angle: model.get("angle") });
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };

  const left = plane(CLOSE, "in"), right = plane(VIEW, "out");
  const tips = [0, 1].map((i) => h("g", {
    class: "v2a-sv-handle", tabindex: 0, role: "slider", "aria-label": `Where ${["(1, 0)", "(0, 1)"][i]} goes: drag, or arrow keys`,
    "aria-valuemin": -LONGEST, "aria-valuemax": LONGEST,
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => { event.preventDefault(); tips[i].focus(); tips[i].setPointerCapture(event.pointerId); },
    onpointermove: (event) => {
      if (!tips[i].hasPointerCapture(event.pointerId)) return;
      move(i, pointIn(out, event, VIEW));
    },
    onkeydown: (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();  // the page would scroll
      const M = model.get("entries"), size = event.shiftKey ? 5 * GRID : GRID;
      move(i, [M[i] + step[0] * size, M[i + 2] + step[1] * size]);
    },
  }, h("circle", { class: "v2a-sv-hit", r: 20 }),
  i === 0 ? h("circle", { class: "v2a-sv-tip", r: 8 }) : h("rect", { class: "v2a-sv-tip", x: -7, y: -7, width: 14, height: 14 })));
  const move = (i, to) => {
    const before = model.get("entries"), entries = moved(before, i, to);
    if (before.some((x, k) => x !== entries[k])) change(`tip ${i}`, { entries, step: 3 });  // a column is what all three steps do
  };
  const box = (view) => [-view, -view, 2 * view, 2 * view].map((v) => v * UNIT).join(" ");
  const into = h("svg", { class: "v2a-sv v2a-sv-in-plane", viewBox: box(CLOSE), role: "img", "aria-label": "The circle, with v₁ and v₂ and a vector x" }, left.parts, left.names);
  const out = h("svg", { class: "v2a-sv v2a-sv-out-plane", viewBox: box(VIEW), role: "group", "aria-label": "The image of the circle, and two arrows to drag" }, right.parts, tips[1], tips[0], right.names);

  const stops = STOPS.map((text, i) => h("button", { type: "button", onclick: () => change("step", { step: i }) }, text));
  const step = slider("Step", { min: 0, max: 3, step: 0.05 }, (value) => change("step", { step: value }));
  const angle = slider("x at angle", { min: -180, max: 180, step: 1 }, (value) => change("x", { angle: value }));
  const reset = h("button", { type: "button", onclick: () => { change("reset", START); stops[3].focus(); } }, "Reset");

  const [A, U, S, Vt] = [["A", "Matrix A"], ["U", "U, its columns are u₁ and u₂"], ["Σ", "Σ, the singular values"], ["Vᵀ", "Vᵀ, its rows are v₁ and v₂"]].map((texts) => matrix(...texts));
  const sign = (text) => h("span", { class: "v2a-sv-sign", "aria-hidden": "true" }, text);
  const factors = [Vt, S, U].map((factor) => factor.block);
  const value = {};
  const names = { s1: "σ₁", s2: "σ₂", kappa: "Condition σ₁ / σ₂", det: "Determinant", rank: "Rank", x: "Length of Ax" };
  const list = h("dl", { class: "v2a-sv-facts" }, ...Object.entries(names).map(([key, name]) => {
    value[key] = [h("b"), h("small")];
    return h("div", { class: `v2a-sv-${key}` }, h("dt", {}, name), h("dd", {}, value[key][0], " ", value[key][1]));
  }));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-sv-bar" }, h("div", { class: "v2a-sv-stops", role: "group", "aria-label": "Go to a step" }, ...stops), reset),
    h("div", { class: "v2a-controls v2a-sv-controls" }, step.row, angle.row),
    h("div", { class: "v2a-sv-planes" }, pane(into), pane(out), h("div", { class: "v2a-sv-words" }, ...voice.elements)),
    h("div", { class: "v2a-sv-product" }, A.block, sign("="), h("div", { class: "v2a-sv-factors" }, U.block, S.block, Vt.block)), list,
    h("p", { class: "v2a-key" }, "Blue: the circle of all x of length 1. Green: what the steps so far make of it. Purple: v₁ (solid) and v₂ (dashed), and where they are now; round and square: the columns of A, where (1, 0) and (0, 1) go: drag them."),
  );

  const draw = () => {
    const now = state(), { U: turned, s, V } = svd2(now.entries), M = mapSoFar(now.entries, now.step), n = stage(now.step);
    left.show([1, 0, 0, 1], V, now.angle, ["v₁", "v₂", "x"]);
    right.show(M, V, now.angle, [["v₁", "v₂", "x"], ["Vᵀv₁", "Vᵀv₂", "Vᵀx"], ["ΣVᵀv₁", "ΣVᵀv₂", "ΣVᵀx"], ["σ₁u₁", "σ₂u₂", "Ax"]][n]);
    tips.forEach((tip, i) => {
      const column = [now.entries[i], now.entries[i + 2]];
      setAttribute(tip, "transform", `translate(${at(column).map((v) => v.toFixed(1)).join(" ")})`);
      setAttribute(tip, "aria-valuenow", column[0].toFixed(2));
      setAttribute(tip, "aria-valuetext", `x ${number(column[0])}, y ${number(column[1])}`);
      tip.classList.toggle("v2a-sv-ghost", now.step < 3);
    });
    stops.forEach((stop, i) => setAttribute(stop, "aria-pressed", now.step === i));
    factors.forEach((factor, i) => factor.classList.toggle("v2a-sv-acts", n === i + 1));
    reset.disabled = JSON.stringify(now) === JSON.stringify(START);
    step.show(now.step, progress(now.step));
    angle.show(now.angle, degrees(now.angle));
    A.show(now.entries);
    U.show(turned);
    S.show([s[0], 0, 0, s[1]]);
    Vt.show([V[0], V[2], V[1], V[3]]);
    for (const [key, texts] of Object.entries(facts(now.entries, now.angle))) texts.forEach((text, i) => setText(value[key][i], text));
    voice.say(sentence(reason, now));
    reason = "";
  };
  const unwatch = watch(model, ["entries", "step", "angle"], draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
