// Descent in a bowl: f(x, y) = ½(λmin x² + λmax y²), λmax = 10 and λmin = 10/κ; a start to drag, a step size to choose.

const METHODS = ["plain", "momentum"];
const HIGH = 10, REACH = [3, 2], VIEW = [3.4, 2.4], UNIT = 80, MOST = 0.4, LEAST = 0.001;
const STEPS = 1000, DRAWN = 150, FAR = 1e9, STEP = 0.1;
const RINGS = [0.15, 0.35, 0.6, 0.9, 1.25, 1.65, 2.1, 2.6, 3.2, 3.9];  // half heights of the contours
const START = { start: [-2.6, 1.4], eta: 0.15, kappa: 10, method: METHODS[0] };

export const curvatures = (kappa) => [HIGH / kappa, HIGH];

/** What belongs to a bowl and a method: β, the bound of the step size, and the best one. */
export function limits({ kappa, method }) {
  const [low, high] = curvatures(kappa), a = Math.sqrt(low), b = Math.sqrt(high);
  const heavy = method === METHODS[1], beta = heavy ? ((b - a) / (b + a)) ** 2 : 0;
  return { beta, bound: (2 * (1 + beta)) / high, best: heavy ? 4 / (a + b) ** 2 : 2 / (low + high) };
}

/** The factor of the distance per step in the long run: the largest root of z² − (1 + β − ηλ) z + β. */
export function rate({ eta, kappa, method }) {
  const { beta } = limits({ kappa, method });
  return Math.max(...curvatures(kappa).map((value) => {
    const p = 1 + beta - eta * value, inside = p * p - 4 * beta;
    return inside < 0 ? Math.sqrt(beta) : (Math.abs(p) + Math.sqrt(inside)) / 2;
  }));
}

/** All points of the descent, flat (x, y, x, y, …), until the distance has changed by a factor of FAR. */
export function path({ start, eta, kappa, method }) {
  const [low, high] = curvatures(kappa), { beta } = limits({ kappa, method });
  let [x, y] = start, u = 0, v = 0;
  const points = [x, y], first = Math.hypot(x, y);
  for (let k = 0; k < STEPS && first > 0; k++) {
    u = beta * u + low * x;
    v = beta * v + high * y;
    x -= eta * u;
    y -= eta * v;
    points.push(x, y);
    const away = Math.hypot(x, y);
    if (away <= first / FAR || away >= first * FAR) break;
  }
  return points;
}

/** What the path shows: steps to a thousandth of the distance, steps to a thousandfold, the measured rate; else null. */
export function outcome(points) {
  const last = points.length / 2 - 1, away = (k) => Math.hypot(points[2 * k], points[2 * k + 1]), first = away(0);
  let arrival = null, lost = null;
  for (let k = 0; k <= last && first > 0 && arrival === null; k++) {
    if (away(k) <= first / 1000) arrival = k;
    else if (lost === null && away(k) > 1000 * first) lost = k;
  }
  const half = Math.floor(last / 2);
  const measured = last === 0 || away(last) === 0 ? null : (away(last) / away(half)) ** (1 / (last - half));
  return { arrival, lost: arrival === null ? lost : null, measured };
}

/** What becomes of the descent, in words. */
export function verdict(state, { arrival, lost }) {
  if (state.start[0] === 0 && state.start[1] === 0) return "the start is the minimum";
  if (arrival !== null) return `${arrival} step${arrival === 1 ? "" : "s"}`;
  return lost !== null ? `diverges: 1000 times as far after ${lost} steps` : `not within ${STEPS} steps`;
}

/** The condition number at a place of its slider, which runs over powers of ten from 0 to 2; and back. */
export const kappaAt = (t) => Number((10 ** t).toPrecision(3));
export const placeOf = (kappa) => Number(Math.log10(kappa).toFixed(4));

const inside = (x, i) => Math.max(-REACH[i], Math.min(REACH[i], x)) + 0;  // + 0: no −0
/** Where a dragged start comes to lie: on tenths, within reach. */
export const snapped = (w) => w.map((x, i) => inside(Math.round(10 * x) / 10, i));

export const pair = ([x, y]) => `(${fixed(x, 1)}, ${fixed(y, 1)})`;

/** How η compares with its bound, in words. */
export function side({ eta }, bound) {
  if (Math.abs(eta - bound) < 1e-12) return "at the bound";
  return eta < bound ? "below the bound" : "beyond the bound";
}

/** Say in words what has just happened. */
export function sentence(reason, state, found = outcome(path(state))) {
  const { best, bound, beta } = limits(state), end = verdict(state, found);
  const { start: [x, y], eta, kappa } = state, where = `η = ${fixed(eta, 4)} is ${side(state, bound)} ${fixed(bound, 3)}`;
  if (x === 0 && y === 0) return "The start is the minimum: the gradient is 0 and nothing moves.";
  const steps = found.arrival !== null ? `${end} to a thousandth of the distance` : end;
  if (reason === "start") {
    const axis = kappa === 1 ? "" : y === 0 ? " On this axis only the smaller curvature acts." : x === 0 ? " On this axis only the larger curvature acts." : "";
    return `The descent starts at ${pair(state.start)}: ${steps}.${axis}`;
  }
  if (reason === "kappa") return `κ = ${kappa}: the curvatures are ${fixed(HIGH / kappa, 2)} and 10. The best step is now ${fixed(best, 4)}; with η = ${fixed(eta, 4)}: ${steps}.`;
  if (reason === "best") return `The best step for κ = ${kappa}: ${steps}, and the distance shrinks by ${fixed(rate(state), 3)} a step.`;
  if (reason === "method") return `${beta > 0 || state.method === METHODS[1] ? `Momentum with β = ${fixed(beta, 3)}` : "Plain gradient descent"}: the bound is ${fixed(bound, 3)}, the best step ${fixed(best, 4)}. With η = ${fixed(eta, 4)}: ${steps}.`;
  if (reason === "reset") return `Back at the start: ${where}, ${steps}.`;
  return `${where}: ${steps}.`;
}

const clip = (v) => Math.max(-9999, Math.min(9999, v));
const at = (x, y) => `${clip(x * UNIT).toFixed(1)},${clip(-y * UNIT).toFixed(1)}`;
/** The contours as one path of ellipses. */
export function rings(kappa) {
  return RINGS.map((r) => {
    const a = (r * UNIT * Math.sqrt(kappa)).toFixed(1), b = (r * UNIT).toFixed(1);
    return `M-${a},0A${a},${b} 0 1 0 ${a},0A${a},${b} 0 1 0 -${a},0`;
  }).join("");
}
/** The first points of a path as a line, and as dots without the start. */
export function strokes(points) {
  const drawn = [];
  for (let i = 0; i < Math.min(points.length, 2 * DRAWN + 2); i += 2) drawn.push(at(points[i], points[i + 1]));
  return { track: `M${drawn.join("L")}`, dots: drawn.slice(1).map((p) => `M${p}h0`).join("") };
}

function render({ model, el }) {
  const names = ["start", "eta", "kappa", "method"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };
  const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

  // controls
  const methods = METHODS.map((text) => button(text, () => change("method", { method: text })));
  const best = button("Best step", () => change("best", { eta: limits(state()).best }));
  const reset = button("Reset", () => { change("reset", START); methods[0].focus(); });  // it is about to be disabled
  const eta = slider("Step size η", { min: LEAST, max: MOST, step: 0.001 }, (v) => change("eta", { eta: v }));
  const kappa = slider("Condition κ", { min: 0, max: 2, step: 0.05 }, (v) => change("kappa", { kappa: kappaAt(v) }));
  eta.row.classList.add("v2a-db-eta");
  kappa.row.classList.add("v2a-db-kappa");
  const beyond = h("span", { class: "v2a-db-beyond" });
  const marks = { best: h("span", { class: "v2a-db-mark v2a-db-best" }), bound: h("span", { class: "v2a-db-mark v2a-db-bound" }) };
  const scale = h("div", { class: "v2a-db-scale", "aria-hidden": "true" }, beyond, marks.best, marks.bound);
  const place = (value) => `calc(9px + ${((value - LEAST) / (MOST - LEAST)).toFixed(4)} * (100% - 18px))`;  // of a thumb

  // the bowl, from back to front
  const [wide, tall] = VIEW.map((v) => v * UNIT);
  const contours = h("path", { class: "v2a-db-rings" });
  const goal = h("path", { class: "v2a-db-goal", d: "M-7,0h14M0,-7v14" });
  const track = h("path", { class: "v2a-db-track" }), dots = h("path", { class: "v2a-db-dots" });
  const walk = h("g", {}, track, dots);
  let hold = null;  // from the pointer to the start
  const pointer = (event) => pointIn(plane, event, ...VIEW);
  const move = (w) => { if (w.some((x, i) => x !== model.get("start")[i])) change("start", { start: w }); };
  const grip = h("g", {
    class: "v2a-db-handle", tabindex: 0, role: "slider", "aria-label": "Start: drag, or arrow keys",
    "aria-valuemin": -REACH[0], "aria-valuemax": REACH[0],
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => {
      if (event.button !== 0) return;
      const [x, y] = pointer(event), w = model.get("start");
      hold = [w[0] - x, w[1] - y];
      grip.setPointerCapture(event.pointerId);
    },
    onpointermove: (event) => {
      if (!hold) return;
      const [x, y] = pointer(event);
      move(snapped([x + hold[0], y + hold[1]]));
    },
    onlostpointercapture: () => { hold = null; },
    onkeydown: (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();  // the page would scroll
      const size = event.shiftKey ? 5 * STEP : STEP;
      move(snapped(model.get("start").map((x, i) => x + size * step[i])));
    },
  }, h("circle", { class: "v2a-db-hit", r: 26 }), h("circle", { class: "v2a-db-start", r: 9 }));
  const plane = h("svg", { class: "v2a-db", viewBox: `${-wide} ${-tall} ${2 * wide} ${2 * tall}`, role: "group", "aria-label": "A bowl seen from above, with the path of a descent to its middle" },
    h("g", { "aria-hidden": "true" }, contours, goal, walk), grip);

  // numbers
  const value = {}, label = {};
  const numbers = h("dl", { class: "v2a-numbers v2a-db-facts" }, ...[
    ["curvatures", "Curvatures λ"], ["ratio", ""], ["rate", "Rate, by the formula"], ["measured", "Rate, measured"], ["end", "To 1/1000 of the distance"],
  ].map(([key, text]) => h("div", { class: `v2a-db-${key}` }, label[key] = h("dt", {}, text), value[key] = h("dd"))));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-db-bar" }, h("div", { class: "v2a-db-group", role: "group", "aria-label": "Method" }, ...methods), best, reset),
    eta.row, scale, kappa.row, plane, ...voice.elements, numbers,
    h("p", { class: "v2a-key" }, "Purple ellipses: contours, lines of equal loss. Cross: the minimum. Blue ring: the start, drag it. Green dots: the steps (red, with a dashed line, from the bound on). The rate is the factor by which the distance changes per step, in the long run."),
  );

  const draw = () => {
    const now = state(), { beta, bound, best: fastest } = limits(now), points = path(now), found = outcome(points);
    methods.forEach((b, i) => setAttribute(b, "aria-pressed", now.method === METHODS[i]));
    best.disabled = now.eta === fastest;
    reset.disabled = names.every((name) => JSON.stringify(now[name]) === JSON.stringify(START[name]));
    eta.show(now.eta, fixed(now.eta, 4));
    kappa.show(placeOf(now.kappa), String(now.kappa));
    marks.best.style.left = place(fastest);
    marks.bound.style.left = beyond.style.left = place(bound);
    setText(marks.best, `best ${fixed(fastest, 3)}`);
    setText(marks.bound, `bound ${fixed(bound, 3)}`);

    setAttribute(contours, "d", rings(now.kappa));
    const lines = strokes(points);
    track.setAttribute("d", lines.track);
    dots.setAttribute("d", lines.dots);
    setAttribute(walk, "class", now.eta >= bound ? "v2a-db-off" : "v2a-db-on");
    setAttribute(grip, "transform", `translate(${at(...now.start)})`);
    setAttribute(grip, "aria-valuenow", now.start[0]);
    setAttribute(grip, "aria-valuetext", `x ${fixed(now.start[0], 1)}, y ${fixed(now.start[1], 1)}`);

    setText(value.curvatures, `${fixed(HIGH / now.kappa, 2)} and ${fixed(HIGH, 2)}`);
    setText(label.ratio, now.method === METHODS[1] ? `η λmax / (2 + 2β), β = ${fixed(beta, 3)}` : "η λmax / 2");
    setText(value.ratio, fixed(now.eta / bound, 3));
    setText(value.rate, fixed(rate(now), 4));
    setText(value.measured, found.measured === null ? "none" : fixed(found.measured, 4));
    setText(value.end, verdict(now, found));
    voice.say(sentence(reason, now, found));
    reason = "";
  };
  const unwatch = watch(model, names, draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
