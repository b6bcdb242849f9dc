// A Jacobian as a local linear map: a curved map of the plane, a point, and what is left of the curve around it.
// A point is [x, y]; a matrix is [a, b, c, d], row by row.

const REACH = 1.5, LARGEST = 0.5, NOTCHES = 20;  // h = LARGEST · 2^((notch − NOTCHES) / 4): four notches halve it
const GRID = 2, LINES = 4, SIZE = 160, CELLS = 8, STEP = 0.05, VIEW = GRID * 1.06;
const START = { map: "bend", p: [0.5, -1], h: 0.5 };

/** The maps: formula, function, Jacobian found by hand, and the square (middle, half a side) that shows the image. */
export const MAPS = {
  bend: {
    formula: "(x + sin y, y + x²/2)", middle: [0, 1], half: 3.1,
    f: ([x, y]) => [x + Math.sin(y), y + (x * x) / 2],
    J: ([x, y]) => [1, Math.cos(y), x, 1],
  },
  square: {
    formula: "((x² − y²)/2, xy)", middle: [0, 0], half: 4.1,
    f: ([x, y]) => [(x * x - y * y) / 2, x * y],
    J: ([x, y]) => [x, -y, y, x],
  },
  polar: {
    formula: "(r cos y, r sin y), r = 1 + x/2", middle: [0.6, 0], half: 2.1,
    f: ([x, y]) => [(1 + x / 2) * Math.cos(y), (1 + x / 2) * Math.sin(y)],
    J: ([x, y]) => [Math.cos(y) / 2, -(1 + x / 2) * Math.sin(y), Math.sin(y) / 2, (1 + x / 2) * Math.cos(y)],
  },
};

export const image = (map, point) => MAPS[map].f(point);
export const jacobian = (map, point) => MAPS[map].J(point);
export const determinant = ([a, b, c, d]) => a * d - b * c;

/** Where the linearisation at p sends a point. */
export function linearised(map, p, point) {
  const [a, b, c, d] = MAPS[map].J(p), [x, y] = MAPS[map].f(p), dx = point[0] - p[0], dy = point[1] - p[1];
  return [x + a * dx + b * dy, y + c * dx + d * dy];
}

/** The points at which the two are compared, row by row: a grid on the square of side 2h around p. */
export function neighbourhood(p, h) {
  const steps = Array.from({ length: CELLS + 1 }, (_, i) => h * ((2 * i) / CELLS - 1));
  return steps.map((dy) => steps.map((dx) => [p[0] + dx, p[1] + dy]));
}

/** The largest distance of map and linearisation in the neighbourhood, its ratio to h², and where it is. */
export function largestError({ map, p, h }) {
  let error = -1, worst = null;
  for (const row of neighbourhood(p, h)) {
    for (const point of row) {
      const [x, y] = MAPS[map].f(point), [s, t] = linearised(map, p, point), gap = Math.hypot(x - s, y - t);
      if (gap > error) [error, worst] = [gap, point];
    }
  }
  return { error, ratio: error / h / h, worst };
}

/** What a determinant says of small areas. */
export function area(det) {
  if (Math.abs(det) < 0.005) return "flattened, a direction is lost";
  const size = Math.abs(det).toFixed(2);
  return `small areas ${size === "1.00" ? "stay" : `× ${size}`}${det < 0 ? ", mirrored" : ""}`;
}

/** Two digits that count, without a power of ten. */
export function digits(x) {
  if (x === 0) return "0";
  const place = Math.floor(Math.log10(Number(Math.abs(x).toPrecision(2))));
  return fixed(x, Math.max(0, 1 - place)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** The slider's notch of a size, and back. */
export const notchOf = (h) => Math.round(NOTCHES + 4 * Math.log2(h / LARGEST));
export const sizeOf = (notch) => LARGEST * 2 ** ((notch - NOTCHES) / 4);

/** Where a dragged point comes to lie: on twentieths, and within reach. */
export const rest = (point) => point.map((v) => Math.round(Math.max(-REACH, Math.min(REACH, v)) / STEP) / Math.round(1 / STEP) + 0);

export const pair = ([x, y]) => `(${fixed(x, 2)}, ${fixed(y, 2)})`;

/** Say in words what has just happened; before: the state before it, or null. */
export function sentence(reason, before, now) {
  const { error, ratio } = largestError(now), det = determinant(MAPS[now.map].J(now.p));
  const old = before && largestError(before);
  if (reason === "h" && before.h !== now.h) {
    const times = fixed(Math.max(before.h, now.h) / Math.min(before.h, now.h), 2).replace(/\.?0+$/, "");
    const change = now.h < before.h ? "smaller" : "larger";
    const by = fixed(Math.max(old.error, error) / Math.min(old.error, error), 1);
    return `h is ${times} times ${change}, the largest error ${by} times ${change}: ${digits(error)}. Divided by h² it is ${fixed(ratio, 2)}.`;
  }
  if (reason === "p") return `p is now ${pair(now.p)}, f(p) is ${pair(MAPS[now.map].f(now.p))}: ${area(det)}.`;
  if (reason === "map") return `f(x, y) = ${MAPS[now.map].formula}. Around p: ${area(det)}; largest error ${digits(error)}.`;
  if (reason === "reset") return `Back at the start. Around p: ${area(det)}; largest error ${digits(error)}.`;
  return `Around p = ${pair(now.p)}: ${area(det)}; largest error ${digits(error)}.`;
}

/** Lines of points as the data of a path, seen in the square around middle; y runs down in an SVG. */
export function path(lines, middle, half) {
  const k = SIZE / half;
  return lines.map((line) => `M${line.map(([x, y]) => `${((x - middle[0]) * k).toFixed(1)},${((middle[1] - y) * k).toFixed(1)}`).join("L")}`).join("");
}
/** The boundary of a grid of points, once round; and every second line of it, both ways. */
export function edge(grid) {
  const n = grid.length - 1;
  return [[...grid[0], ...grid.slice(1).map((row) => row[n]), ...grid[n].slice(0, n).reverse(), ...grid.slice(0, n).reverse().map((row) => row[0])]];
}
export function mesh(grid) {
  const some = grid.map((_, i) => i).filter((i) => i % 2 === 0);
  return [...some.map((i) => grid[i]), ...some.map((j) => grid.map((row) => row[j]))];
}
/** An arrow as two lines of points: its shaft, and its head. */
export function arrow([x, y], [dx, dy]) {
  const tip = [x + dx, y + dy], back = ([a, b]) => [tip[0] - 0.16 * a, tip[1] - 0.16 * b];
  return [[[x, y], tip], [back([dx - 0.5 * dy, dy + 0.5 * dx]), tip, back([dx + 0.5 * dy, dy - 0.5 * dx])]];
}
/** The lines of the whole grid. */
export function net() {
  const along = Array.from({ length: 33 }, (_, i) => GRID * (i / 16 - 1)), across = Array.from({ length: 2 * LINES + 1 }, (_, i) => GRID * (i / LINES - 1));
  return [...across.map((k) => along.map((t) => [k, t])), ...across.map((k) => along.map((t) => [t, k]))];
}

/** Put the name of an arrow behind its tip; of an arrow without length there is nothing to name. */
function placeLabel(label, [dx, dy], reach) {
  const length = Math.hypot(dx, dy), far = length > 0 ? 1 + (14 * reach) / SIZE / length : 0;
  setAttribute(label, "x", ((dx * far * SIZE) / reach).toFixed(1));
  setAttribute(label, "y", ((-dy * far * SIZE) / reach).toFixed(1));
  setAttribute(label, "visibility", length > 0 ? "visible" : "hidden");
}

function render({ model, el }) {
  const names = ["map", "p", "h"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const voice = announcer();
  let reason = "", before = null, drawn = "";
  const change = (what, values) => {
    reason = what;
    before ??= state();  // what the sentence compares with
    put(model, values);
  };
  const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

  // controls
  const maps = Object.keys(MAPS).map((name) => button(name, () => change("map", { map: name })));
  const halve = button("Halve h", () => {
    change("h", { h: Math.max(sizeOf(0), model.get("h") / 2) });
    if (notchOf(model.get("h")) === 0) size.row.querySelector("input").focus();  // the button is about to be disabled
  });
  const reset = button("Reset", () => { change("reset", START); maps[0].focus(); });  // it is about to be disabled
  const coordinate = (i) => slider(`${["x", "y"][i]} of p`, { min: -REACH, max: REACH, step: STEP }, (v) => {
    const p = [...model.get("p")];
    p[i] = rest([v])[0];
    change("p", { p });
  });
  const sliders = [coordinate(0), coordinate(1)];
  const size = slider("Size h", { min: 0, max: NOTCHES, step: 1 }, (notch) => change("h", { h: sizeOf(notch) }));

  // pictures, from back to front
  const shape = (css) => h("path", { class: `v2a-j2-${css}` });
  const box = [-SIZE, -SIZE, 2 * SIZE, 2 * SIZE].join(" ");
  const grids = [shape("grid"), shape("grid")], square = shape("in");
  const curved = shape("out"), straight = shape("map"), at = h("circle", { class: "v2a-j2-q", r: 5 });
  const fill = shape("fill"), curvedMesh = shape("out"), straightMesh = shape("map"), arrows = shape("arrow"), gap = shape("gap");
  const labels = ["x", "y"].map((name) => h("text", { class: "v2a-j2-label" }, name));
  grids[0].setAttribute("d", path(net(), [0, 0], VIEW));
  const move = (point) => { const p = rest(point); if (p.some((v, i) => v !== model.get("p")[i])) change("p", { p }); };
  let hold = null;  // from the pointer to the point
  const pointer = (event) => pointIn(plane, event, VIEW);
  const handle = h("g", {
    class: "v2a-j2-handle", tabindex: 0, role: "slider", "aria-label": "The point p: drag, or arrow keys", "aria-valuemin": -REACH, "aria-valuemax": REACH,
    ontouchstart: (event) => event.preventDefault(),  // inside an SVG, touch-action alone does not keep the page still
    onpointerdown: (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      handle.focus();
      const from = pointer(event), p = model.get("p");
      hold = [p[0] - from[0], p[1] - from[1]];
      handle.setPointerCapture(event.pointerId);
    },
    onpointermove: (event) => {
      if (!hold) return;
      const to = pointer(event);
      move([to[0] + hold[0], to[1] + hold[1]]);
    },
    onlostpointercapture: () => { hold = null; },
    onkeydown: (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();  // the page would scroll
      const p = model.get("p"), far = event.shiftKey ? 5 * STEP : STEP;
      move([p[0] + step[0] * far, p[1] + step[1] * far]);
    },
  }, h("circle", { class: "v2a-j2-hit", r: 30 }), h("circle", { class: "v2a-j2-p", r: 6 }));
  const plane = h("svg", { viewBox: box, role: "group", "aria-label": "The plane before the map, with a point to drag" },
    h("g", { "aria-hidden": "true" }, grids[0], square), handle);
  const panel = (title, svg) => h("div", { class: "v2a-j2-panel" }, title, svg);
  const title = (text) => h("div", { class: "v2a-j2-title" }, text);
  const zoom = title("");
  const pictures = [
    panel(title("Before"), plane),
    panel(title("After f"), h("svg", { viewBox: box, role: "img", "aria-label": "The plane after the map" }, grids[1], curved, straight, at)),
    panel(zoom, h("svg", { viewBox: box, role: "img", "aria-label": "The image of the neighbourhood, magnified" }, fill, curvedMesh, straightMesh, arrows, gap, h("circle", { class: "v2a-j2-q", r: 5 }), ...labels)),
  ];

  // numbers
  const { table: matrix, fill: write } = matrix2({ class: "v2a-j2-matrix", "aria-label": "Jacobian J at p" });
  const value = {};
  const fact = (key, name, content) => h("div", {}, h("dt", {}, name), value[key] = content ?? h("dd", {}, h("span"), " ", h("small")));
  const facts = h("dl", { class: "v2a-j2-facts" }, fact("J", "J at p: its columns are the arrows", h("dd", {}, matrix)),
    fact("det", "Determinant"), fact("error", "Largest error of the linearisation"), fact("ratio", "The same, divided by h²"));
  const formula = h("p", { class: "v2a-j2-formula" });

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-j2-bar" }, h("div", { class: "v2a-j2-group", role: "group", "aria-label": "Map" }, ...maps), halve, reset),
    formula,
    h("div", { class: "v2a-controls" }, sliders[0].row, sliders[1].row, size.row),
    h("div", { class: "v2a-j2-words" }, ...voice.elements),
    h("div", { class: "v2a-j2" }, ...pictures, facts),
    h("p", { class: "v2a-key" }, "Blue: p (drag it) and its neighbourhood. Green: what the map makes of it. Purple, dashed: what the linearisation makes of it; the arrows are the columns of J, for x and y. Red: where the two differ most."),
  );

  const draw = () => {
    const now = state(), { map, p, h: side } = now, { f, J, middle, half, formula: text } = MAPS[map];
    const start = JSON.stringify(now) === JSON.stringify(START), notch = notchOf(side);
    maps.forEach((b, i) => setAttribute(b, "aria-pressed", Object.keys(MAPS)[i] === map));
    if (reset.disabled !== start) reset.disabled = start;
    if (halve.disabled !== (notch <= 0)) halve.disabled = notch <= 0;
    sliders.forEach((s, i) => s.show(p[i], fixed(p[i], 2)));
    size.show(notch, digits(side));
    setText(formula, `f(x, y) = ${text}`);

    const put = (element, lines, ...view) => setAttribute(element, "d", path(lines, ...view));
    if (drawn !== map) put(grids[1], net().map((line) => line.map(f)), middle, half);
    drawn = map;
    const points = neighbourhood(p, side), centre = f(p), columns = J(p), k = SIZE / half;
    const images = points.map((row) => row.map(f)), lines = points.map((row) => row.map((q) => linearised(map, p, q)));
    put(square, edge(points), [0, 0], VIEW);
    put(curved, edge(images), middle, half);
    put(straight, edge(lines), middle, half);
    setAttribute(at, "transform", `translate(${((centre[0] - middle[0]) * k).toFixed(1)} ${((middle[1] - centre[1]) * k).toFixed(1)})`);
    setAttribute(handle, "transform", `translate(${((p[0] * SIZE) / VIEW).toFixed(1)} ${((-p[1] * SIZE) / VIEW).toFixed(1)})`);
    setAttribute(handle, "aria-valuenow", p[0].toFixed(2));
    setAttribute(handle, "aria-valuetext", `x ${fixed(p[0], 2)}, y ${fixed(p[1], 2)}`);

    const reach = 1.1 * Math.max(...[...images.flat(), ...lines.flat()].flatMap(([x, y]) => [Math.abs(x - centre[0]), Math.abs(y - centre[1])]));
    const { error, ratio, worst } = largestError(now);
    put(fill, edge(images), centre, reach);
    put(curvedMesh, mesh(images), centre, reach);
    put(straightMesh, mesh(lines), centre, reach);
    const steps = [0, 1].map((i) => [side * columns[i], side * columns[i + 2]]);
    put(arrows, steps.flatMap((step) => arrow(centre, step)), centre, reach);
    steps.forEach((step, i) => placeLabel(labels[i], step, reach));
    put(gap, [[f(worst), linearised(map, p, worst)]], centre, reach);
    setText(zoom, `f(p) and around, × ${digits(half / reach)}`);

    write(columns.map((x) => fixed(x, 2)));
    const det = determinant(columns);
    const show = (key, number, words) => [number, words].forEach((t, i) => setText(value[key].children[i], t));
    show("det", fixed(det, 2), area(det));
    show("error", digits(error), `in the square of side 2h = ${digits(2 * side)}`);
    show("ratio", fixed(ratio, 2), "settles as h shrinks");
    voice.say(sentence(reason, before, now));
    reason = "";
    before = null;
  };
  const unwatch = watch(model, names, draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
