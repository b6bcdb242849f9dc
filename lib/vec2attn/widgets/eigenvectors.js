// Eigenvectors: a unit vector v that goes round the circle, its image Av, and the directions that A keeps.
// A matrix is [a, b, c, d], row by row; angles are in degrees, counter-clockwise.

export const START = { entries: [4, 1, 1, 3], angle: 100, path: [], show: false };
export const REACH = 5, MOST = 99, NEAR = 1;  // of an entry; of the power steps; within so many degrees v has met a direction
const SIZE = 220, TINY = 1e-9;  // half of the picture; what counts as 0
const radians = (degrees) => (degrees * Math.PI) / 180, degrees = (angle) => (angle * 180) / Math.PI;
const cos = (angle) => Math.cos(radians(angle)), sin = (angle) => Math.sin(radians(angle));

const turned = [cos(40), -sin(40), sin(40), cos(40)];
const mirror = [cos(60), sin(60), sin(60), -cos(60)];
const shadow = [cos(30) ** 2, cos(30) * sin(30), cos(30) * sin(30), sin(30) ** 2];
/** The matrices to choose from. */
export const MATRICES = {
  "symmetric": START.entries,
  "not symmetric": [3, 2, 0.5, 1.5],
  "rotation by 40°": turned,
  "shear": [1, 1, 0, 1],
  "reflection in the line at 30°": mirror,
  "projection on the line at 30°": shadow,
  "twice the identity": [2, 0, 0, 2],
};

export const apply = ([a, b, c, d], [x, y]) => [a * x + b * y, c * x + d * y];
export const at = (angle) => [cos(angle), sin(angle)];
const angleOf = ([x, y]) => degrees(Math.atan2(y, x));

/** The angle between two lines through 0, from 0 to 90. */
export function between(one, other) {
  const turn = Math.abs(one - other) % 180;
  return Math.min(turn, 180 - turn);
}

/** Eigenvalues and eigen-directions (angles from 0 to 180), the value of larger size first.
 *  kind: "two" directions, "one" (defective), "every", or "none"; then values are the real and the imaginary part. */
export function eigen([a, b, c, d]) {
  const middle = (a + d) / 2, half = (a - d) / 2, square = half * half + b * c;
  const size = Math.max(Math.abs(a), Math.abs(b), Math.abs(c), Math.abs(d)), zero = TINY * size * size;
  if (Math.abs(square) <= zero && Math.max(Math.abs(half), Math.abs(b), Math.abs(c)) <= TINY * size) return { kind: "every", values: [middle, middle], directions: [] };
  if (square < -zero) return { kind: "none", values: [middle, Math.sqrt(-square)], directions: [] };
  const root = Math.sqrt(Math.max(square, 0));
  const direction = (value) => {  // a vector that (A − λI) takes to 0: at a right angle to its longer row
    const rows = [[b, value - a], [value - d, c]];
    const angle = angleOf(Math.hypot(...rows[0]) >= Math.hypot(...rows[1]) ? rows[0] : rows[1]);
    const line = ((angle % 180) + 180) % 180;
    return line > 180 - 1e-9 ? 0 : line;
  };
  if (square <= zero) return { kind: "one", values: [middle, middle], directions: [direction(middle)] };
  const values = middle >= 0 ? [middle + root, middle - root] : [middle - root, middle + root];
  return { kind: "two", values, directions: values.map(direction) };
}

/** The eigenvalue whose direction v has met, and by how many degrees it misses it; null where there is none near. */
export function met(entries, angle) {
  const { kind, values, directions } = eigen(entries);
  if (kind === "every") return { value: values[0], off: 0 };
  const off = directions.map((line) => between(line, angle)), i = off.indexOf(Math.min(...off));
  return off[i] <= NEAR ? { value: values[i], off: off[i] } : null;
}

/** How far v is from the direction that power steps lead to, in degrees; null where they lead nowhere. */
export function left(entries, angle) {
  const { kind, values, directions } = eigen(entries);
  if (kind === "every" || kind === "none" || (kind === "two" && Math.abs(values[0] + values[1]) <= TINY)) return null;
  return between(directions[0], angle);
}

/** All that the figure says of v. turn: the angle from v to Av, null where Av is 0. */
export function look(entries, angle) {
  const v = at(angle), w = apply(entries, v), stretch = Math.hypot(...w), zero = stretch < TINY;
  const along = v[0] * w[0] + v[1] * w[1], across = v[0] * w[1] - v[1] * w[0];
  return { v, w, stretch, along, turn: zero ? null : degrees(Math.atan2(Math.abs(across), along)), met: met(entries, angle), left: left(entries, angle) };
}

/** The angle of Av: where one power step leads; null where Av is 0. */
export function step(entries, angle) {
  const w = apply(entries, at(angle));
  return Math.hypot(...w) < TINY ? null : angleOf(w);
}

/** The largest factor by which A stretches a vector. */
export function longest([a, b, c, d]) {
  const sum = a * a + b * b + c * c + d * d, det = a * d - b * c;
  return Math.sqrt((sum + Math.sqrt(Math.max(sum * sum - 4 * det * det, 0))) / 2);
}

/** The angle after an arrow key: the next whole degree, or the next multiple of 15; null for other keys. */
export function pressed(angle, key, shift) {
  const size = shift ? 15 : 1, sense = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[key];
  if (!sense) return null;
  const next = sense > 0 ? Math.floor(angle / size + 1e-9) * size + size : Math.ceil(angle / size - 1e-9) * size - size;
  return next > 180 ? next - 360 : next < -180 ? next + 360 : next;
}

export const signed = (angle) => `${fixed(angle, 1)}°`;
export const pair = ([x, y]) => `(${fixed(x, 2)}, ${fixed(y, 2)})`;
const list = (parts) => parts.join(" and ");

/** The directions in words. */
export function directions(entries) {
  const { kind, values, directions: lines } = eigen(entries), symmetric = Math.abs(entries[1] - entries[2]) < TINY;
  if (kind === "every") return [`all, with λ = ${fixed(values[0], 3)}`, "A only stretches"];
  if (kind === "none") return ["none that is real", `λ = ${fixed(values[0], 3)} ± ${fixed(values[1], 3)} i: every v is turned`];
  if (kind === "one") return [`one, at ${signed(lines[0])}`, `λ = ${fixed(values[0], 3)} twice, one direction: A is defective`];
  const apart = symmetric ? "at a right angle: A is symmetric" : `${signed(between(...lines))} apart`;
  return [list(lines.map(signed)), `λ = ${list(values.map((x) => fixed(x, 3)))}, ${apart}`];
}

/** The numbers beside the picture, each with what it means. */
export function facts({ entries, angle, path, show }) {
  const now = look(entries, angle), { values } = eigen(entries);
  const kept = now.met && (now.met.off < 0.05 ? "v is an eigenvector" : `v is an eigenvector, but for ${signed(now.met.off)}`);
  const steps = now.left === null ? "no direction wins" : `${signed(now.left)} left to λ = ${fixed(values[0], 3)}`;
  return {
    v: [pair(now.v), `length 1, at ${signed(angle)}`],
    w: [pair(now.w), `stretch ${fixed(now.stretch, 3)}`],
    turn: now.turn === null ? ["none", "Av is 0: it has no direction"] : [signed(now.turn), kept || "direction not kept"],
    along: [fixed(now.along, 3), "the best guess of λ"],
    steps: [String(path.length), steps],
    lines: show ? directions(entries) : ["not shown", "turn v and find them"],
  };
}

/** Say in words what has just happened. */
export function sentence(reason, before, { entries, angle, path, show }) {
  const now = look(entries, angle), { kind, values } = eigen(entries);
  if (reason === "step") return stepped(before, now, path.length, kind, values);
  if (reason === "show") return show ? `Eigen-directions: ${directions(entries).join("; ")}.` : "The eigen-directions are hidden; v still finds them.";
  if (reason === "bad") return `An entry is a number from −${REACH} to ${REACH}.`;
  const start = { matrix: "Another matrix. ", reset: "Back at the start. " }[reason] ?? "";
  if (now.turn === null) return `${start}Av = 0: this v is an eigenvector with λ = 0.`;
  if (kind === "every") return `${start}Av = ${fixed(values[0], 2)} v, for every v: all directions are kept.`;
  if (now.met) {
    const within = now.met.off < 0.05 ? "" : `, to within ${signed(now.met.off)}`;
    const flipped = now.met.value < 0 ? " It points the other way, on the same line." : "";
    return `${start}v has met an eigen-direction${within}: Av is ${fixed(now.met.value, 3)} times v.${flipped}`;
  }
  return `${start}v at ${signed(angle)}: Av is ${signed(now.turn)} away from it and ${fixed(now.stretch, 2)} times as long.`;
}

function stepped(before, now, count, kind, values) {
  const start = `Step ${count}: `;
  if (now.left === null) {
    if (kind === "every") return `${start}v stays; every vector is an eigenvector.`;
    return `${start}${kind === "none" ? "v has been turned, and always will be: no real eigenvector." : "λ and −λ are of the same size, so no direction wins."}`;
  }
  if (before.left < 1e-6) return `${start}v stays: it is an eigenvector, λ = ${fixed(values[0], 3)}.`;
  if (Math.abs(before.left - now.left) < 1e-9) return `${start}v stays: it is an eigenvector, though not that of the largest λ.`;
  if (kind === "one") return `${start}${signed(now.left)} are left, from ${signed(before.left)}. A is defective, so there is no steady rate.`;
  const shrunk = Math.tan(radians(now.left)) / Math.tan(radians(before.left));
  return `${start}${signed(now.left)} are left, from ${signed(before.left)}. The tangent of that angle was multiplied by ${fixed(shrunk, 3)}; |λ₂/λ₁| is ${fixed(Math.abs(values[1] / values[0]), 3)}.`;
}

function render({ model, el }) {
  const names = ["entries", "angle", "path", "show"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const voice = announcer();
  let reason = "", before = null, unit = SIZE;
  const change = (what, values) => { reason = what; put(model, values); };
  const turn = (angle) => { if (angle !== model.get("angle") || model.get("path").length) change("angle", { angle, path: [] }); };

  // controls
  const custom = h("option", { value: "", disabled: true }, "your own");
  const choice = h("select", { "aria-label": "Matrix A", onchange: () => change("matrix", { entries: [...MATRICES[choice.value]], path: [] }) },
    ...Object.keys(MATRICES).map((name) => h("option", { value: name }, name)), custom);
  const cells = ["Row 1, column 1", "Row 1, column 2", "Row 2, column 1", "Row 2, column 2"].map((label, i) => h("input", {
    type: "number", min: -REACH, max: REACH, step: 0.25, "aria-label": label,
    oninput: () => {
      const value = cells[i].valueAsNumber;
      if (Math.abs(value) <= REACH) change("matrix", { entries: model.get("entries").map((x, k) => (k === i ? value : x)), path: [] });
      else voice.say(sentence("bad", null, state()));
    },
    onblur: () => fill(cells[i], model.get("entries")[i]),
  }));
  const fill = (cell, value) => { const text = String(Number(value.toFixed(3)) + 0); if (cell.value !== text) cell.value = text; };
  const button = (text, onclick) => h("button", { type: "button", onclick }, text);
  const power = button("Power step", () => {
    const { entries, angle, path } = state(), next = step(entries, angle);
    before = look(entries, angle);
    change("step", { angle: next, path: [...path, angle] });
  });
  const reveal = button("Show directions", () => change("show", { show: !model.get("show") }));
  const reset = button("Reset", () => { change("reset", START); choice.focus(); });  // it is about to be disabled
  const angle = slider("Angle of v", { min: -180, max: 180, step: 1 }, turn);
  angle.row.classList.add("v2a-eg-angle");

  // the plane, from back to front
  const grid = h("path", { class: "v2a-eg-grid" }), axes = h("path", { class: "v2a-eg-axis", d: `M${-SIZE} 0H${SIZE}M0 ${-SIZE}V${SIZE}` });
  const circle = h("circle", { class: "v2a-eg-circle" }), ellipse = h("path", { class: "v2a-eg-ellipse" });
  const lines = [0, 1].map(() => h("line", { class: "v2a-eg-line" }));
  const labels = [0, 1].map(() => h("text", { class: "v2a-eg-value" }));
  const trail = h("path", { class: "v2a-eg-trail" });
  const image = h("line", { class: "v2a-eg-out" }), head = h("polygon", { class: "v2a-eg-head" });
  const shaft = h("line", { class: "v2a-eg-in" }), tip = h("text", { class: "v2a-eg-name v2a-eg-v" }, "v"), end = h("text", { class: "v2a-eg-name v2a-eg-w" }, "Av");
  const handle = h("g", {
    class: "v2a-eg-handle", tabindex: 0, role: "slider", "aria-label": "Direction of v: drag, or arrow keys", "aria-valuemin": -180, "aria-valuemax": 180,
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => { event.preventDefault(); handle.focus(); handle.setPointerCapture(event.pointerId); },
    onpointermove: (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = plane.getBoundingClientRect();
      const x = event.clientX - box.left - box.width / 2, y = box.top + box.height / 2 - event.clientY;
      if (Math.hypot(x, y) > 4) turn(Math.round(angleOf([x, y])));
    },
    onkeydown: (event) => {
      const next = pressed(model.get("angle"), event.key, event.shiftKey);
      if (next === null) return;
      event.preventDefault();  // the page would scroll
      turn(next);
    },
  }, h("circle", { class: "v2a-eg-hit", r: 22 }), h("circle", { class: "v2a-eg-knob", r: 8 }));
  const plane = h("svg", { class: "v2a-eg", viewBox: `${-SIZE} ${-SIZE} ${2 * SIZE} ${2 * SIZE}`, role: "group", "aria-label": "The plane, with a vector v to turn and its image Av" },
    h("g", { "aria-hidden": "true" }, grid, axes, circle, ellipse, ...lines, trail, image, head, shaft, ...labels, end, tip), handle);

  // numbers
  const value = {};
  const numbers = h("dl", { class: "v2a-eg-facts" }, ...[
    ["v", "v"], ["w", "Av"], ["turn", "Angle between v and Av"], ["along", "Rayleigh quotient v · Av"], ["steps", "Power steps"], ["lines", "Eigen-directions"],
  ].map(([key, name]) => {
    value[key] = [h("b"), h("small")];
    return h("div", { class: `v2a-eg-fact-${key}` }, h("dt", {}, name), h("dd", {}, value[key][0], " ", value[key][1]));
  }));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-eg-bar" }, choice, h("div", { class: "v2a-eg-matrix", role: "group", "aria-label": "Entries of A" }, ...cells), reset),
    angle.row,
    h("div", { class: "v2a-eg-bar" }, power, reveal),
    h("div", { class: "v2a-eg-main" }, h("div", {}, plane, ...voice.elements), numbers),
    h("p", { class: "v2a-key" }, "Blue: v, on the dashed unit circle; drag its round end, or turn it with the arrow keys. Green: Av, and all that A makes of the circle. Purple: an eigen-direction, solid when v has met it. Small dots: where v was before the power steps."),
  );

  const place = ([x, y]) => [unit * x, -unit * y];
  const write = (element, attributes) => { for (const [name, v] of Object.entries(attributes)) setAttribute(element, name, typeof v === "number" ? v.toFixed(1) : v); };
  let drawn = "";
  const drawMatrix = (entries, show) => {  // what stays while v turns
    const key = JSON.stringify([entries, show]);
    if (key === drawn) return;
    drawn = key;
    const reach = 1.14 * Math.max(1, longest(entries));
    unit = SIZE / reach;
    let d = "";
    for (let k = 1; k < reach; k++) for (const s of [k * unit, -k * unit]) d += `M${s.toFixed(1)} ${-SIZE}V${SIZE}M${-SIZE} ${s.toFixed(1)}H${SIZE}`;
    write(grid, { d });
    write(circle, { r: unit });
    const image = Array.from({ length: 90 }, (_, i) => place(apply(entries, at(4 * i))).map((x) => x.toFixed(1)));
    write(ellipse, { d: `M${image.join("L")}Z` });
    const { values, directions: found } = eigen(entries);
    lines.forEach((line, i) => {
      if (found[i] === undefined) return;
      const [x, y] = [cos(found[i]), -sin(found[i])], far = 2 * SIZE, rim = 0.9 * SIZE / Math.max(Math.abs(x), Math.abs(y));
      write(line, { x1: -far * x, y1: -far * y, x2: far * x, y2: far * y });
      const beside = Math.abs(x) > Math.abs(y) ? { x: -rim * x, y: -rim * y + 18, "text-anchor": x > 0 ? "start" : "end" } : { x: -rim * x + 8, y: -rim * y, "text-anchor": "start" };
      write(labels[i], beside);
      setText(labels[i], `λ = ${fixed(values[i], 3)}`);
    });
    const name = Object.keys(MATRICES).find((key) => MATRICES[key].every((x, i) => Math.abs(x - entries[i]) < TINY)) ?? "";
    if (choice.value !== name) choice.value = name;
    cells.forEach((cell, i) => { if (cell !== document.activeElement) fill(cell, entries[i]); });
    setAttribute(reveal, "aria-pressed", show);
  };
  const draw = () => {
    const now = state(), seen = look(now.entries, now.angle), { directions: found } = eigen(now.entries);
    drawMatrix(now.entries, now.show);
    lines.forEach((line, i) => {
      const lit = found[i] !== undefined && between(found[i], now.angle) <= NEAR;
      setAttribute(line, "class", lit ? "v2a-eg-line v2a-eg-lit" : "v2a-eg-line");
      const visible = lit || (now.show && found[i] !== undefined) ? "visible" : "hidden";
      setAttribute(line, "visibility", visible);
      setAttribute(labels[i], "visibility", visible);
    });
    setAttribute(trail, "d", now.path.slice(-12).map((a) => `M${place(at(a)).map((x) => x.toFixed(1))}h0`).join(""));
    const [vx, vy] = place(seen.v), [wx, wy] = place(seen.w), long = Math.hypot(wx, wy);
    const [ux, uy] = long > 0 ? [wx / long, wy / long] : [0, 0], size = Math.min(16, long);
    write(shaft, { x2: vx, y2: vy });
    write(image, { x2: wx - 0.7 * size * ux, y2: wy - 0.7 * size * uy });
    write(head, { points: [[wx, wy], [wx - size * ux + 0.4 * size * uy, wy - size * uy - 0.4 * size * ux], [wx - size * ux - 0.4 * size * uy, wy - size * uy + 0.4 * size * ux]].map((p) => p.map((x) => x.toFixed(1))).join(" ") });
    write(handle, { transform: `translate(${vx.toFixed(1)} ${vy.toFixed(1)})` });
    write(handle, { "aria-valuenow": Math.round(now.angle).toString(), "aria-valuetext": spoken(now) });
    const side = seen.v[0] * seen.w[1] - seen.v[1] * seen.w[0] < 0 ? 1 : -1;  // v's name on the side away from Av
    write(tip, { x: vx + 20 * (vx / unit) + side * 14 * (vy / unit), y: vy + 20 * (vy / unit) - side * 14 * (vx / unit) });
    write(end, { x: wx - side * 18 * uy - 8 * ux, y: wy + side * 18 * ux - 8 * uy, visibility: long > 30 ? "visible" : "hidden" });
    angle.show(Math.round(now.angle), signed(now.angle));
    for (const [key, texts] of Object.entries(facts(now))) texts.forEach((text, i) => setText(value[key][i], text));
    power.disabled = seen.turn === null || now.path.length >= MOST;
    reset.disabled = names.every((name) => JSON.stringify(now[name]) === JSON.stringify(START[name]));
    voice.say(sentence(reason, before, now));
    reason = "";
  };
  const unwatch = watch(model, names, draw);
  return () => { unwatch(); voice.stop(); };
}

/** The state of v in words, for those who hear it. */
export function spoken({ entries, angle }) {
  const { turn, met: found } = look(entries, angle);
  return `${signed(angle)}${turn === null ? ", Av is 0" : `, Av ${signed(turn)} away`}${found ? ", eigen-direction met" : ""}`;
}

export default { render };
