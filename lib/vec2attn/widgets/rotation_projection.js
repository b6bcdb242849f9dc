// Rotation and projection: a shape, its image under a 2×2 matrix, and the image's shadow on a line.
// A matrix is [a, b, c, d], row by row, and a point is [x, y].

const CONVENTIONS = ["points @ A.T", "points @ A"];
const REACH = 2, VIEW = 2.3, UNIT = 80, STEP = 0.05, TINY = 1e-9;
const LETTER = [
  [0.25, 0.25], [0.5, 0.25], [0.5, 0.8], [0.9, 0.8], [0.9, 1.05], [0.5, 1.05], [0.5, 1.35], [1.1, 1.35], [1.1, 1.6], [0.25, 1.6],
];
const radians = (degrees) => (degrees * Math.PI) / 180;

/** The matrix that turns by theta degrees, counter-clockwise when it stands on the left of a column. */
export function rotation(theta) {
  const c = Math.cos(radians(theta)), s = Math.sin(radians(theta));
  return [c, -s, s, c];
}

/** The matrix of the orthogonal projection on the line through 0 at phi degrees. */
export function projection(phi) {
  const c = Math.cos(radians(phi)), s = Math.sin(radians(phi));
  return [c * c, c * s, c * s, s * s];
}

export const transpose = ([a, b, c, d]) => [a, c, b, d];
export const determinant = ([a, b, c, d]) => a * d - b * c;

/** A times the column (x, y). */
export const apply = ([a, b, c, d], [x, y]) => [a * x + b * y, c * x + d * y];

/** The map that takes points to their images: A itself, or its transpose where the points stand on its left as rows. */
export function mapOf({ theta, entries, convention }) {
  const A = entries.length ? entries : rotation(theta);
  return convention === CONVENTIONS[1] ? transpose(A) : A;
}

/** The point after so many projections on the line; each is computed, none is skipped. */
export function projected(phi, point, times) {
  const P = projection(phi);
  for (let i = 0; i < times; i++) point = apply(P, point);
  return point;
}

/** The entries after the image of basis vector i (0 or 1) was moved to a point; tips rest on multiples of 0.05. */
export function moved(state, i, [x, y]) {
  const M = [...mapOf(state)];
  const rest = (v) => { const r = Math.round(Math.max(-REACH, Math.min(REACH, v)) / STEP) / Math.round(1 / STEP); return r === 0 ? 0 : r; };
  [M[i], M[i + 2]] = [rest(x), rest(y)];
  return state.convention === CONVENTIONS[1] ? transpose(M) : M;
}

const degrees = (x) => `${Math.abs(x).toFixed(1).replace(/\.0$/, "")}°`;
const signed = (x) => (x < 0 ? "−" : "") + degrees(x);
function turn(angle) {
  const d = (angle * 180) / Math.PI;
  if (Math.abs(Math.abs(d) - 180) < 0.05) return "180°";
  return `${degrees(d)} ${d > 0 ? "counter-clockwise" : "clockwise"}`;
}

/** What the map x → Mx does to the plane, in words: the most special name that fits. */
export function kind([a, b, c, d]) {
  const det = a * d - b * c, same = (x, y) => Math.abs(x - y) < TINY;
  if (same(a, 1) && same(d, 1) && same(b, 0) && same(c, 0)) return "the identity: nothing moves";
  if (same(a * a + c * c, 1) && same(b * b + d * d, 1) && same(a * b + c * d, 0)) {
    if (det > 0) return `a rotation by ${turn(Math.atan2(c, a))}`;
    const axis = ((Math.atan2(c, a) * 90) / Math.PI + 180) % 180;
    return `a reflection in the line at ${degrees(axis > 179.95 ? 0 : axis)}`;
  }
  if ([a, b, c, d].every((x) => same(x, 0))) return "singular: everything goes to 0";
  if (same(det, 0)) {
    if (same(a + d, 1)) return `singular, ${same(b, c) ? "an orthogonal projection on a line" : "an oblique projection"}`;
    return "singular: the plane falls on a line";
  }
  if (same(b, 0) && same(c, 0)) return `a scaling: x times ${fixed(a, 2)}, y times ${fixed(d, 2)}`;
  if (same(a, d) && same(b, -c)) return `a rotation by ${turn(Math.atan2(c, a))} and a stretch by ${fixed(Math.hypot(a, c), 2)}`;
  if (same(det, 1) && same(a + d, 2)) return "a shear: areas stay, right angles do not";
  return `a general map, ${det > 0 ? "not mirrored" : "mirrored"}`;
}

/** What a determinant says of areas and of left and right. */
export function area(det) {
  const size = Math.abs(det).toFixed(2);
  if (Math.abs(det) < TINY) return "no area is left";
  const change = size === "1.00" ? "areas stay" : `areas × ${size}`;
  return `${change}, ${det > 0 ? "not mirrored" : "mirrored"}`;
}

/** The expression that computes the picture from the rows of points. */
export function formula(convention, projections) {
  if (projections <= 3) return convention + " @ P".repeat(projections);
  return `${convention} @ P … @ P (${projections} times)`;
}

export const pair = ([x, y]) => `(${fixed(x, 2)}, ${fixed(y, 2)})`;

/** Say in words what has just happened. */
export function sentence(reason, state) {
  const M = mapOf(state), what = kind(M), { projections: n, phi, convention } = state;
  const shadow = pair(projected(phi, apply(M, [1, 0]), n));
  if (reason === "theta") return `Now ${what}: (1, 0) goes to ${pair(apply(M, [1, 0]))}.`;
  if (reason === "phi") return n ? `The line is at ${signed(phi)}; the shadow of the image of (1, 0) is ${shadow}.` : `The line is at ${signed(phi)}. Nothing is projected on it yet.`;
  if (reason === "tip 0" || reason === "tip 1") {
    const i = Number(reason.at(-1));
    return `${["(1, 0)", "(0, 1)"][i]} now goes to ${pair([M[i], M[i + 2]])}. The map is ${what}.`;
  }
  if (reason === "convention") {
    if (Math.abs(M[1] - M[2]) < TINY) return "The matrix equals its transpose, so both ways give the same image.";
    return `The same four numbers, and ${convention === CONVENTIONS[1] ? "the rows" : "the columns"} are now the images of (1, 0) and (0, 1): ${what}.`;
  }
  if (reason === "map") return `The image, not projected: ${what}.`;
  if (reason === "project" || reason === "again") {
    if (n > 1) return `Projected ${n} times. No point has moved: each was on the line already, P² = P.`;
    return "Every point of the image has gone to the nearest point of the line. Points on one ray can no longer be told apart.";
  }
  if (reason === "reset") return `Back at the start: ${what}.`;
  return `The map is ${what}.`;
}

const at = ([x, y]) => [x * UNIT, -y * UNIT];
const xy = (p) => at(p).map((v) => v.toFixed(1)).join(",");
const path = (points) => points.map(xy).join(" ");
const strokes = (pairs) => pairs.map(([from, to]) => `M${xy(from)}L${xy(to)}`).join("");  // many lines in one element
function place(line, from, to) {
  const [x1, y1] = at(from), [x2, y2] = at(to);
  for (const [name, v] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, v.toFixed(1));
}

function render({ model, el }) {
  const names = ["theta", "phi", "entries", "convention", "projections"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const start = { theta: 30, phi: 165, entries: [], convention: CONVENTIONS[0], projections: 0 };
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };
  const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);
  const group = (label, ...items) => h("div", { class: "v2a-rp-group", role: "group", "aria-label": label }, ...items);

  // controls
  const conventions = CONVENTIONS.map((text) => button(h("code", {}, text), () => change("convention", { convention: text })));
  const mapOnly = button("map", () => change("map", { projections: 0 }));
  const thenProject = button("then project", () => change("project", { projections: Math.max(1, model.get("projections")) }));
  const again = button("project again", () => change("again", { projections: Math.min(99, model.get("projections") + 1) }));
  const reset = button("Reset", () => { change("reset", start); conventions[0].focus(); });  // it is about to be disabled
  const theta = slider("Rotate by θ", { min: -180, max: 180, step: 1 }, (v) => change("theta", { theta: v, entries: [] }));
  const phi = slider("Line at φ", { min: 0, max: 180, step: 1 }, (v) => change("phi", { phi: v }));

  // the plane, from back to front
  const size = VIEW * UNIT;
  const both = (k, end) => [[[k, -end], [k, end]], [[-end, k], [end, k]]];  // an upright and a level line
  const grid = h("path", { class: "v2a-rp-grid", d: strokes([-2, -1, 1, 2].flatMap((k) => both(k, VIEW))) });
  const axes = h("path", { class: "v2a-rp-axis", d: strokes(both(0, VIEW)) });
  const net = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5].flatMap((k) => both(k, 9));  // its image fills the picture
  const mesh = h("path", { class: "v2a-rp-mesh" });
  const parallelogram = h("polygon", { class: "v2a-rp-area" });
  const screen = h("line", { class: "v2a-rp-line" });
  const letter = h("polygon", { class: "v2a-rp-in", points: path(LETTER) });
  const image = h("polygon", { class: "v2a-rp-out" });
  const rays = h("path", { class: "v2a-rp-ray" });
  const shadow = h("line", { class: "v2a-rp-shadow" });
  const drop = h("line", { class: "v2a-rp-drop" }), spot = h("circle", { class: "v2a-rp-spot", r: 5 });
  const shade = h("g", {}, rays, shadow, drop);
  const label = h("text", { class: "v2a-rp-label" }), origin = h("circle", { class: "v2a-rp-from", r: 5 });
  [origin.cx.baseVal.value, origin.cy.baseVal.value] = at([1, 0]);
  const arrows = [0, 1].map(() => h("line", { class: "v2a-rp-arrow" }));
  const tips = [0, 1].map((i) => h("g", {
    class: "v2a-rp-handle", tabindex: 0, role: "slider", "aria-label": `Where ${["(1, 0)", "(0, 1)"][i]} goes: drag, or arrow keys`,
    "aria-valuemin": -REACH, "aria-valuemax": REACH,
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => { event.preventDefault(); tips[i].focus(); tips[i].setPointerCapture(event.pointerId); },
    onpointermove: (event) => {
      if (!tips[i].hasPointerCapture(event.pointerId)) return;
      move(i, pointIn(plane, event, VIEW));
    },
    onkeydown: (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();  // the page would scroll
      const M = mapOf(state()), size = event.shiftKey ? 5 * STEP : STEP;
      move(i, [M[i] + step[0] * size, M[i + 2] + step[1] * size]);
    },
  }, h("circle", { class: "v2a-rp-hit", r: 20 }),
  i === 0 ? h("circle", { class: "v2a-rp-tip", r: 8 }) : h("rect", { class: "v2a-rp-tip", x: -7, y: -7, width: 14, height: 14 })));
  const move = (i, point) => {
    const before = state(), entries = moved(before, i, point), M = mapOf(before);
    const now = mapOf({ ...before, entries });
    if (M[i] !== now[i] || M[i + 2] !== now[i + 2]) change(`tip ${i}`, { entries });
  };
  const plane = h("svg", { class: "v2a-rp", viewBox: [-size, -size, 2 * size, 2 * size].join(" "), role: "group", "aria-label": "The plane, with the letter F, its image, and two arrows to drag" },
    h("g", { "aria-hidden": "true" }, grid, axes, mesh, parallelogram, screen, letter, image, shade, origin, ...arrows, spot),
    tips[1], tips[0], h("g", { "aria-hidden": "true", class: "v2a-rp-over" }, label));

  // numbers
  const values = Array.from({ length: 4 }, () => h("span", { class: "v2a-value" })), cells = values.map((value) => h("td", {}, value));
  const columns = ["(1, 0) ↓", "(0, 1) ↓"].map((text) => h("th", { scope: "col" }, text));  // the style sheet shows
  const rowNames = ["(1, 0) →", "(0, 1) →"].map((text) => h("th", { scope: "row" }, text));  // one pair of the two
  const matrix = h("table", { class: "v2a-rp-matrix", "aria-label": "Matrix A" },
    h("thead", {}, h("tr", {}, h("td", {}, "A ="), ...columns)),
    h("tbody", {}, h("tr", {}, rowNames[0], cells[0], cells[1]), h("tr", {}, rowNames[1], cells[2], cells[3])));
  const value = {};
  const numbers = h("dl", { class: "v2a-rp-facts" }, ...[
    ["kind", "The map is"], ["det", "Determinant of A"], ["one", "(1, 0) goes to"], ["shadow", "… and its shadow is"], ["code", "Computed as"],
  ].map(([key, text]) => h("div", {}, h("dt", {}, text), value[key] = h("dd"))));
  const code = h("code");
  value.code.append(code);

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-rp-bar" }, group("Convention", ...conventions), group("Steps", mapOnly, thenProject), again, reset),
    h("div", { class: "v2a-controls" }, theta.row, phi.row),
    h("div", { class: "v2a-rp-main" }, h("div", {}, plane, ...voice.elements), h("div", {}, matrix, numbers)),
    h("p", { class: "v2a-key" }, "Blue, dashed: the letter, and the point (1, 0). Green: the image or its shadow. Purple: the images of (1, 0), round, and (0, 1), square: drag them. The area between them is the determinant."),
  );

  const draw = () => {
    const now = state(), M = mapOf(now), A = now.entries.length ? now.entries : rotation(now.theta);
    const n = now.projections, byHand = now.entries.length > 0, swapped = now.convention === CONVENTIONS[1];
    conventions.forEach((b, i) => b.setAttribute("aria-pressed", now.convention === CONVENTIONS[i]));
    mapOnly.setAttribute("aria-pressed", n === 0);
    thenProject.setAttribute("aria-pressed", n > 0);
    again.disabled = n === 0;
    reset.disabled = names.every((name) => JSON.stringify(now[name]) === JSON.stringify(start[name]));
    theta.show(now.theta, byHand ? "–" : signed(now.theta));
    phi.show(now.phi, signed(now.phi));

    const basis = [[M[0], M[2]], [M[1], M[3]]], image_ = LETTER.map((p) => apply(M, p));
    mesh.setAttribute("d", strokes(net.map((ends) => ends.map((p) => apply(M, p)))));
    parallelogram.setAttribute("points", path([[0, 0], basis[0], [M[0] + M[1], M[2] + M[3]], basis[1]]));
    parallelogram.classList.toggle("v2a-rp-turned", determinant(M) < -TINY);
    const along = [Math.cos(radians(now.phi)), Math.sin(radians(now.phi))].map((v) => 2 * VIEW * v);
    place(screen, along.map((v) => -v), along);
    screen.classList.toggle("v2a-rp-on", n > 0);
    image.setAttribute("points", path(image_));
    image.classList.toggle("v2a-rp-ghost", n > 0);
    const shadows = image_.map((p) => projected(now.phi, p, n));
    rays.setAttribute("d", strokes(image_.map((p, i) => [p, shadows[i]])));
    const far = shadows.map(([x, y]) => x * along[0] + y * along[1]);
    place(shadow, shadows[far.indexOf(Math.min(...far))], shadows[far.indexOf(Math.max(...far))]);
    const last = projected(now.phi, basis[0], n), [x, y] = at(last);
    place(drop, basis[0], last);
    spot.setAttribute("cx", x.toFixed(1));
    spot.setAttribute("cy", y.toFixed(1));
    for (const element of [shade, spot]) element.setAttribute("display", n ? "inline" : "none");
    arrows.forEach((arrow, i) => place(arrow, [0, 0], basis[i]));
    tips.forEach((tip, i) => {
      tip.setAttribute("transform", `translate(${at(basis[i]).map((v) => v.toFixed(1)).join(" ")})`);
      tip.setAttribute("aria-valuenow", basis[i][0].toFixed(2));
      tip.setAttribute("aria-valuetext", `x ${fixed(basis[i][0], 2)}, y ${fixed(basis[i][1], 2)}`);
    });
    const [tx, ty] = at(basis[0]), left = tx > size - 110;
    setText(label, pair(basis[0]));
    label.setAttribute("x", (left ? tx - 14 : tx + 14).toFixed(1));
    label.setAttribute("y", (ty + (basis[0][1] < 0 ? 18 : -8)).toFixed(1));
    label.setAttribute("text-anchor", left ? "end" : "start");

    values.forEach((value, i) => { setText(value, fixed(A[i], 2)); });
    matrix.classList.toggle("v2a-rp-rows", swapped);
    setText(value.kind, kind(M));
    setText(value.det, `${fixed(determinant(M), 2)}: ${area(determinant(M))}`);
    setText(value.one, pair(basis[0]));
    setText(value.shadow, n ? pair(last) : "not projected");
    setText(code, formula(now.convention, n));
    voice.say(sentence(reason, now));
    reason = "";
  };
  const unwatch = watch(model, names, draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
