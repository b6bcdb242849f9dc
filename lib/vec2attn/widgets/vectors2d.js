// Two vectors in the plane: lengths, dot product, angle, cosine, and the shadow of u on the line of v.

/** How far the grid reaches on each side. */
export const REACH = 5;
/** Where the figure begins, and what Reset brings back. */
export const START = { u: [3, 4], v: [2, 1] };
const UNIT = 40, MIDDLE = 220;  // of the picture: 440 by 440

const inside = (x) => Math.max(-REACH, Math.min(REACH, x)) + 0;  // + 0: no −0

/** All that the figure says of two vectors; null where a zero vector leaves no direction or no line. */
export function compare(u, v) {
  const dot = u[0] * v[0] + u[1] * v[1], turn = v[0] * u[1] - v[1] * u[0];
  const lengths = [Math.hypot(...u), Math.hypot(...v)];
  const directed = lengths[0] > 0 && lengths[1] > 0;
  const times = lengths[1] > 0 ? dot / lengths[1] / lengths[1] : null;
  return {
    dot, lengths, times,
    cosine: directed ? Math.max(-1, Math.min(1, dot / lengths[0] / lengths[1])) : null,
    angle: directed ? Math.atan2(Math.abs(turn), dot) : null,
    shadow: times === null ? null : v.map((x) => times * x + 0),
  };
}

/** The vector of that length in the direction of w. */
export function resized(w, length) {
  const now = Math.hypot(...w);
  return w.map((x) => (now > 0 ? (x / now) * length : 0));
}

/** The greatest length, in tenths, that the grid has room for in the direction of w. */
export function longest(w) {
  const largest = Math.max(...w.map(Math.abs));
  return largest > 0 ? Math.floor((10 * REACH * Math.hypot(...w)) / largest + 1e-9) / 10 : REACH;
}

/** Where an arrow key brings a point: to the next multiple of one half. Null for other keys. */
export function stepped([x, y], key) {
  const up = (a) => inside(Math.floor(2 * a + 1e-9) / 2 + 0.5), down = (a) => inside(Math.ceil(2 * a - 1e-9) / 2 - 0.5);
  const moves = { ArrowRight: () => [up(x), y], ArrowLeft: () => [down(x), y], ArrowUp: () => [x, up(y)], ArrowDown: () => [x, down(y)] };
  return moves[key]?.() ?? null;
}

/** Where a dragged point comes to lie: on tenths, and on the grid. */
export const snapped = (w) => w.map((x) => inside(Math.round(10 * x) / 10));

/** The place of a point in the picture. */
export const place = ([x, y]) => [MIDDLE + UNIT * x, MIDDLE - UNIT * y];

/** The corners of an arrow's head, for a polygon: a short arrow has a small one. */
export function arrowhead(w) {
  const [x, y] = place(w), size = Math.min(15, UNIT * Math.hypot(...w));
  const [a, b] = resized(w, size);
  return [[x, y], [x - a + 0.42 * b, y + b + 0.42 * a], [x - a - 0.42 * b, y + b - 0.42 * a]];
}

/** The two sides of the square that marks the right angle at the foot of the shadow; null where there is no room. */
export function corner(u, shadow) {
  const rest = [u[0] - shadow[0], u[1] - shadow[1]], size = 0.28;
  if (Math.hypot(...rest) < 2 * size || Math.hypot(...shadow) < 2 * size) return null;
  const along = resized(shadow, -size), across = resized(rest, size);
  const at = (...parts) => place([0, 1].map((i) => parts.reduce((sum, part) => sum + part[i], 0)));
  return [at(shadow, along), at(shadow, along, across), at(shadow, across)];
}

/** The arc from v to u: its path, and the place for its label; null where it would be a dot. */
export function arc(u, v) {
  const { angle, lengths } = compare(u, v);
  if (angle === null) return null;
  const radius = Math.min(0.9, 0.6 * Math.min(...lengths));
  if (radius < 0.2 || angle < 0.15) return null;
  const [from, to] = [resized(v, radius), resized(u, radius)].map(place);
  const turn = v[0] * u[1] - v[1] * u[0];  // positive: u lies counter-clockwise of v
  const middle = Math.atan2(v[1], v[0]) + ((turn < 0 ? -1 : 1) * angle) / 2;
  return {
    path: `M ${from} A ${UNIT * radius} ${UNIT * radius} 0 0 ${turn < 0 ? 1 : 0} ${to}`,
    label: place([Math.cos(middle), Math.sin(middle)].map((x) => (radius + 0.45) * x)),
  };
}

/** The place for a vector's name: at its tip, on the side away from the other vector. */
export function beside(w, side) {
  const [a, b] = Math.hypot(...w) > 0 ? resized(w, 0.45) : [0, 0.45];
  return place([w[0] + 0.4 * a - side * b, w[1] + 0.4 * b + side * a]);
}

export const degrees = (angle) => `${fixed((angle * 180) / Math.PI, 1)}°`;
export const pair = (w) => `(${fixed(w[0], 2)}, ${fixed(w[1], 2)})`;

/** A position in words, for those who hear it. */
export function spoken([x, y]) {
  return `${fixed(Math.abs(x), 2)} ${x < 0 ? "left" : "right"}, ${fixed(Math.abs(y), 2)} ${y < 0 ? "down" : "up"}`;
}

/** The numbers beside the picture, each with where it comes from or what it means. */
export function facts(u, v) {
  const { dot, lengths, cosine, angle, times, shadow } = compare(u, v);
  const [long, wide] = lengths.map((x) => fixed(x, 2));
  const side = Math.abs(dot) < 1e-9 ? "a right angle" : dot > 0 ? "acute: the dot product is positive" : "obtuse: the dot product is negative";
  return {
    u: [pair(u), `length ${long}`],
    v: [pair(v), `length ${wide}`],
    dot: [fixed(dot, 2), [0, 1].map((i) => `${factor(u[i])} · ${factor(v[i])}`).join(" + ")],
    cosine: cosine === null ? ["none", "a zero vector has no direction"] : [fixed(cosine, 3), `${fixed(dot, 2)} / (${long} · ${wide})`],
    angle: angle === null ? ["none", "a zero vector has no direction"] : [degrees(angle), side],
    shadow: shadow === null ? ["none", "a zero vector spans no line"] : [pair(shadow), `${fixed(times, 2)} times v, length ${fixed(Math.hypot(...shadow), 2)}`],
  };
}

const factor = (x) => (fixed(x, 2).startsWith("−") ? `(${fixed(x, 2)})` : fixed(x, 2));

/** Say in words what has just happened. reason: "u", "v", "length", "unit", or "" for a change from elsewhere. */
export function sentence(reason, before, { u, v }) {
  const now = compare(u, v), old = before && compare(before.u, before.v);
  if (now.lengths[1] === 0) return "v is the zero vector: it has no direction, and there is no line for a shadow.";
  if (now.lengths[0] === 0) return "u is the zero vector: length 0, dot product 0, and no direction, so no angle.";
  const special = Math.abs(now.dot) < 1e-9 ? "u and v are orthogonal: dot product and cosine are 0, the shadow is a point."
    : now.cosine > 1 - 1e-12 ? "Same direction: the cosine is 1, and u is its own shadow."
    : now.cosine < -1 + 1e-12 ? "Opposite directions: the cosine is −1, and u is its own shadow." : "";
  const cosine = fixed(now.cosine, 3), dot = fixed(now.dot, 2);
  if (reason === "unit") return `Both have length 1: the dot product, ${fixed(now.dot, 3)}, is now the cosine. The angle stayed ${degrees(now.angle)}.`;
  const times = old ? fixed(now.lengths[0] / old.lengths[0], 2) : "1.00";
  if (reason === "length" && times !== "1.00") {
    const words = { "2.00": "twice", "0.50": "half" }[times] ?? `${times} times`;
    return `u is ${words} as long: the dot product went with it, from ${fixed(old.dot, 2)} to ${dot}; the cosine stayed ${cosine}.`;
  }
  const changed = (name, a, b) => `the ${name} ${a === b ? "stayed" : `went from ${a} to`} ${b}`;
  if ((reason === "u" || reason === "v") && old?.cosine != null) {
    return `${reason} moved: ${changed("dot product", fixed(old.dot, 2), dot)}, ${changed("cosine", fixed(old.cosine, 3), cosine)}. ${special}`.trim();
  }
  return special || `The dot product is ${dot}, the cosine ${cosine}, the angle ${degrees(now.angle)}.`;
}

function render({ model, el }) {
  const voice = announcer();
  let reason = "", before = null;
  const state = () => ({ u: model.get("u"), v: model.get("v") });
  const begin = () => { before = state(); };  // what the sentence compares with: the state when the hand took hold
  const change = (what, values) => { reason = what; put(model, values); };

  const tip = (name) => {
    const grip = h("circle", { r: 19 }), head = h("polygon"), label = h("text", { "aria-hidden": "true" }, name);
    let hold = null;  // from the pointer to the tip
    const pointer = ({ clientX, clientY }) => {
      const box = svg.getBoundingClientRect(), scale = (2 * MIDDLE) / box.width;
      return [((clientX - box.left) * scale - MIDDLE) / UNIT, (MIDDLE - (clientY - box.top) * scale) / UNIT];
    };
    const handle = h("g", {
      class: `v2d-tip v2d-${name}`, tabindex: 0, role: "slider", "aria-label": `Tip of ${name}`,
      "aria-valuemin": -REACH, "aria-valuemax": REACH,
      ontouchstart: (event) => event.preventDefault(),  // the page would scroll: touch-action is not for parts of an SVG
      onpointerdown: (event) => {
        if (event.button !== 0) return;
        const at = pointer(event), w = model.get(name);
        hold = [w[0] - at[0], w[1] - at[1]];
        begin();
        handle.setPointerCapture(event.pointerId);
      },
      onpointermove: (event) => {
        if (!hold) return;
        const at = pointer(event), w = snapped([at[0] + hold[0], at[1] + hold[1]]);
        if (w.some((x, i) => x !== model.get(name)[i])) change(name, { [name]: w });
      },
      onlostpointercapture: () => { hold = null; },
      onkeydown: (event) => {
        const w = stepped(model.get(name), event.key);
        if (!w) return;
        event.preventDefault();  // the page would scroll
        if (!event.repeat) begin();
        change(name, { [name]: w });
      },
    }, grip, head, label);
    const shaft = h("line", { class: `v2d-shaft v2d-${name}`, x1: MIDDLE, y1: MIDDLE });
    return {
      handle, shaft,
      show(w, side) {
        const [x, y] = place(w), [left, top] = beside(w, side);
        set(grip, { cx: x, cy: y });
        set(head, { points: arrowhead(w).join(" ") });
        set(label, { x: left, y: top });
        const [back, low] = place(resized(w, Math.max(0, Math.hypot(...w) - 0.25)));  // ends under the head
        set(shaft, { x2: back, y2: low });
        set(handle, { "aria-valuenow": fixedNumber(w[0]), "aria-valuetext": spoken(w) });
      },
    };
  };
  const u = tip("u"), v = tip("v");
  const line = h("line", { class: "v2d-line" }), shadow = h("line", { class: "v2d-shadow", x1: MIDDLE, y1: MIDDLE });
  const rest = h("line", { class: "v2d-rest" }), square = h("polyline", { class: "v2d-square" });
  const bow = h("path", { class: "v2d-arc" }), theta = h("text", { class: "v2d-theta", "aria-hidden": "true" }, "θ");
  const svg = h("svg", { viewBox: `0 0 ${2 * MIDDLE} ${2 * MIDDLE}`, role: "group", "aria-label": "Two vectors from the origin of the plane" },
    h("path", { class: "v2d-grid", d: grid() }), h("path", { class: "v2d-axes", d: grid([0]) }), ...ticks(),
    line, shadow, rest, square, bow, theta, v.shaft, u.shaft, v.handle, u.handle);

  const length = slider("Length of u", { min: 0.1, step: 0.1 }, (value) => change("length", { u: resized(model.get("u"), value).map(inside) }));
  length.row.addEventListener("pointerdown", begin);
  length.row.addEventListener("keydown", (event) => { if (!event.repeat) begin(); });
  const input = length.row.querySelector("input");
  const units = h("button", { type: "button", onclick: () => {
    begin();
    change("unit", { u: resized(model.get("u"), 1), v: resized(model.get("v"), 1) });
  } }, "Make both unit");
  const reset = h("button", { type: "button", onclick: () => {
    change("", START);
    u.handle.focus();  // the button is about to be disabled
  } }, "Reset");

  const value = {};
  const names = { u: "u", v: "v", dot: "Dot product u · v", cosine: "Cosine", angle: "Angle θ", shadow: "Shadow of u on v" };
  const list = h("dl", { class: "v2d-facts" }, ...Object.entries(names).map(([key, name]) => {
    value[key] = [h("b"), h("small")];
    return h("div", { class: `v2d-fact-${key}` }, h("dt", {}, name), h("dd", {}, value[key][0], " ", value[key][1]));
  }));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2d-plane" }, pane(svg),
      h("div", {}, list, length.row, h("div", { class: "v2d-buttons" }, units, reset))),
    ...voice.elements,
    h("p", { class: "v2a-key" }, "Drag a tip, or reach it with Tab and move it with the arrow keys. Thick green: the shadow of u on the line of v. Dashed red: what is left over, at a right angle to that line."),
  );

  const draw = () => {
    const now = state(), { lengths, shadow: foot } = compare(now.u, now.v);
    const side = now.v[0] * now.u[1] < now.v[1] * now.u[0] ? -1 : 1;  // 1: u lies counter-clockwise of v
    u.show(now.u, side);
    v.show(now.v, -side);
    const lineOf = resized(now.v, 9), [x1, y1] = place(lineOf), [x2, y2] = place(lineOf.map((x) => -x));
    set(line, { x1, y1, x2, y2 });
    const [fx, fy] = place(foot ?? [0, 0]), [ux, uy] = place(now.u);
    set(shadow, { x2: fx, y2: fy });
    set(rest, foot ? { x1: ux, y1: uy, x2: fx, y2: fy } : { x1: fx, y1: fy, x2: fx, y2: fy });
    set(square, { points: (foot && corner(now.u, foot))?.join(" ") ?? "" });
    const bend = arc(now.u, now.v);
    set(bow, { d: bend?.path ?? "" });
    set(theta, bend ? { x: bend.label[0], y: bend.label[1], visibility: "visible" } : { visibility: "hidden" });
    for (const [key, texts] of Object.entries(facts(now.u, now.v))) texts.forEach((text, i) => { if (value[key][i].textContent !== text) value[key][i].textContent = text; });
    input.max = longest(now.u);
    input.disabled = lengths[0] === 0;
    length.show(lengths[0], fixed(lengths[0], 2));
    units.disabled = lengths.includes(0);
    reset.disabled = JSON.stringify(now) === JSON.stringify(START);
    voice.say(sentence(reason, before, now));
    reason = "";
  };
  const unwatch = watch(model, ["u", "v"], draw);
  return () => { unwatch(); voice.stop(); };
}

/** Set attributes, but for those that are as they should be: the browser would lay them out again. */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
}

const fixedNumber = (x) => Number(x.toFixed(2)) + 0;

/** The lines of the grid through these numbers, both ways. */
function grid(at = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH)) {
  const end = REACH + 0.3;
  return at.map((i) => `M ${place([i, -end])} L ${place([i, end])} M ${place([-end, i])} L ${place([end, i])}`).join(" ");
}

function ticks() {
  return [-4, -2, 2, 4].flatMap((i) => [
    h("text", { class: "v2d-tick", "aria-hidden": "true", x: MIDDLE + UNIT * i, y: MIDDLE + 17 }, fixed(i, 0)),
    h("text", { class: "v2d-tick v2d-up", "aria-hidden": "true", x: MIDDLE - 6, y: MIDDLE - UNIT * i }, fixed(i, 0)),
  ]);
}

export default { render };
