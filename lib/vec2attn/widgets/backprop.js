// Backpropagation through a small graph: values on the way down, gradients on the way up, one step at a time.

const INPUTS = 3;
const WIDTH = 340, ROW = 94, HIGH = 60, PAD = 4;  // as in backprop.py

const bare = (text) => text.replace(/[()]/g, "");
/** Each operation: its value, its derivatives with respect to what it is made of, and how to write it. */
export const OPERATIONS = {
  "multiply": { value: (a, b) => a * b, slopes: (y, a, b) => [b, a], text: (a, b) => `${a} · ${b}` },
  "add": { value: (a, b) => a + b, slopes: () => [1, 1], text: (a, b) => `${a} + ${b}` },
  "minus 1": { value: (x) => x - 1, slopes: () => [1], text: (x) => `${x} − 1` },
  "square": { value: (x) => x * x, slopes: (y, x) => [2 * x], text: (x) => `${x}²` },
  "tanh": { value: Math.tanh, slopes: (y) => [1 - y * y], text: (x) => `tanh(${bare(x)})` },
  "relu": { value: (x) => Math.max(x, 0), slopes: (y, x) => [x > 0 ? 1 : 0], text: (x) => `relu(${bare(x)})` },
  "sigmoid": { value: (x) => 1 / (1 + Math.exp(-x)), slopes: (y) => [y * (1 - y)], text: (x) => `σ(${bare(x)})` },
};

/** The lines in the order of the way back: [node, place among what it is made of]. */
export const lines = (nodes) => nodes.flatMap(({ of }, i) => of.map((_, j) => [i, j])).sort(([i, j], [k, l]) => k - i || j - l);

/** How many steps there are: each operation, the result's own gradient, each line. */
export const steps = (nodes) => nodes.length - INPUTS + 1 + lines(nodes).length;

/** All numbers: values, local derivatives, what each line brings back, gradients. */
export function compute(nodes, inputs) {
  const values = [...inputs], slopes = inputs.map(() => []);
  for (const { op, of } of nodes.slice(INPUTS)) {
    const made = of.map((i) => values[i]), y = OPERATIONS[op].value(...made);
    values.push(y);
    slopes.push(OPERATIONS[op].slopes(y, ...made));
  }
  const gradients = nodes.map(() => 0), parts = nodes.map(() => []);
  gradients[nodes.length - 1] = 1;
  parts[nodes.length - 1] = [1];
  for (const [i, j] of lines(nodes)) {
    const part = gradients[i] * slopes[i][j], to = nodes[i].of[j];
    parts[to].push(part);
    gradients[to] += part;
  }
  return { values, slopes, gradients, parts };
}

/** What is known after s steps: which nodes have values, which lines are passed, which parts of gradients have arrived. */
export function known(nodes, s) {
  const operations = nodes.length - INPUTS, passed = lines(nodes).slice(0, Math.max(0, s - operations - 1));
  const arrived = nodes.map(() => 0);
  if (s > operations) arrived[nodes.length - 1] = 1;
  for (const [i, j] of passed) arrived[nodes[i].of[j]]++;
  return { values: Math.min(nodes.length, INPUTS + s), passed, arrived, back: s > operations, now: s ? passed.at(-1) ?? null : null };
}

const number = (x) => fixed(x, 3);
const factor = (x) => (number(x).startsWith("−") ? `(${number(x)})` : number(x));
/** One gradient, or two contributions and their sum. */
export function sum(parts) {
  if (!parts.length) return "";
  if (parts.length === 1) return `∂ ${number(parts[0])}`;
  const second = number(parts[1]).startsWith("−") ? `− ${number(-parts[1])}` : `+ ${number(parts[1])}`;
  return `∂ ${number(parts[0])} ${second} = ${number(parts[0] + parts[1])}`;
}

/** Say in words what step s has done. */
export function sentence(nodes, inputs, s) {
  const { values, slopes, gradients, parts } = compute(nodes, inputs), operations = nodes.length - INPUTS;
  if (s === 0) return "Only the inputs have values. Step computes the first operation.";
  if (s <= operations) {
    const { label, op, of } = nodes[INPUTS + s - 1], value = number(values[INPUTS + s - 1]);
    const end = s === operations ? " That is f; now the way back." : "";
    const name = of.length > 1 ? `${label} is ` : "";
    return `Forward: ${name}${OPERATIONS[op].text(...of.map((i) => factor(values[i])))} = ${value}.${end}`;
  }
  if (s === operations + 1) return "The way back begins at the result: f moves by 1 when f moves by 1, so its gradient is 1.";
  const all = lines(nodes), [i, j] = all[s - operations - 2], to = nodes[i].of[j], slope = slopes[i][j];
  const before = all.slice(0, s - operations - 2).filter(([k, l]) => nodes[k].of[l] === to).length;
  const part = number(gradients[i] * slope);
  let text = `Back from ${nodes[i].label} to ${nodes[to].label}: gradient ${factor(gradients[i])} times local derivative ${factor(slope)} is ${part}.`;
  if (slope === 0) text += " The slope is 0 here: nothing passes.";
  if (parts[to].length > 1) text += before ? ` Both uses together: ${sum(parts[to]).slice(2)}.` : " Its other use is still to come.";
  return s === steps(nodes) ? `${text} All gradients are known.` : text;
}

/** Say what moving one input has done, against what its gradient had promised. */
export function moved(nodes, before, inputs, s) {
  const i = inputs.findIndex((x, k) => x !== before[k]);
  if (i < 0) return "";
  const name = nodes[i].label, old = compute(nodes, before), now = compute(nodes, inputs), step = inputs[i] - before[i];
  const start = `${name} moved by ${fixed(step, 2)}`;
  if (s < nodes.length - INPUTS) return `${start}.`;
  const change = number(now.values.at(-1) - old.values.at(-1));
  const promise = s === steps(nodes) ? ` Its gradient had promised ${factor(old.gradients[i])} · ${factor(step)} = ${number(old.gradients[i] * step)}.` : "";
  return `${start}, f by ${change}.${promise}`;
}

const top = (node) => PAD + node.row * ROW;

function render({ model, el }) {
  const voice = announcer();
  const graphs = model.get("graphs");
  let reason = "", before = [];
  const at = () => {
    const expression = model.get("expression"), { nodes } = graphs[expression];
    return { expression, nodes, inputs: model.get("inputs"), s: Math.min(model.get("step"), steps(nodes)) };  // Python may set the expression first
  };
  const begin = () => { before = model.get("inputs"); };
  const go = (step) => put(model, { step });

  const choice = h("select", { "aria-label": "Expression f", onchange: () => {
    const expression = Number(choice.value), { nodes, inputs } = graphs[expression];
    put(model, { expression, inputs, step: nodes.length - INPUTS });
  } }, ...graphs.map(({ name }, i) => h("option", { value: i }, name)));
  const moves = [0, 1, 2].map((i) => {
    const row = slider("input", { min: -3, max: 3, step: 0.05 }, (v) => {
      reason = "input";
      put(model, { inputs: model.get("inputs").map((x, k) => (k === i ? v : x)) });
    });
    row.row.addEventListener("pointerdown", begin);
    row.row.addEventListener("keydown", (event) => { if (!event.repeat) begin(); });
    return row;
  });
  const step = slider("Step", { min: 0, step: 1 }, go);
  const button = (text, able, act) => h("button", { type: "button", onclick: () => { if (able(at())) act(at()); } }, text);
  const early = ({ s }) => s > 0, open = ({ s, nodes }) => s < steps(nodes);
  const buttons = [
    [button("Back", early, ({ s }) => go(s - 1)), early],
    [button("Step", open, ({ s }) => go(s + 1)), open],
  ];
  const start = ({ expression, nodes }) => ({ inputs: graphs[expression].inputs, step: nodes.length - INPUTS });
  const reset = h("button", { type: "button", onclick: () => {
    put(model, start(at()));
    step.row.querySelector("input").focus();  // the button is about to be disabled
  } }, "Reset");

  const svg = h("svg", { class: "v2b-graph", role: "img" });
  let drawn = -1, boxes = [], wires = [];
  const build = (expression, nodes) => {
    drawn = expression;
    wires = nodes.flatMap((node, i) => node.of.map((from, j) => {
      const [x1, x2] = node.ends[j], y1 = top(nodes[from]) + HIGH, y2 = top(node);
      const text = h("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 });
      return { i, j, text, group: h("g", { class: "v2b-line" }, h("line", { x1, y1, x2, y2 }), text) };
    }));
    boxes = nodes.map((node, i) => {
      const y = top(node), value = h("text", { x: node.x, y: y + 35 }), slope = h("text", { class: "v2b-slope", x: node.x, y: y + 52 });
      const rect = h("rect", { x: node.x - node.wide / 2, y, width: node.wide, height: HIGH, rx: 8 });
      const kind = i < INPUTS ? "in" : i === nodes.length - 1 ? "out" : "mid";
      return { value, slope, kind, group: h("g", {}, rect, h("text", { class: "v2b-name", x: node.x, y: y + 18 }, node.label), value, slope) };
    });
    const rows = Math.max(...nodes.map(({ row }) => row)) + 1;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${rows * ROW - ROW + HIGH + 2 * PAD}`);
    svg.replaceChildren(...wires.map(({ group }) => group), ...boxes.map(({ group }) => group));
  };

  const facts = [0, 1, 2, 3].map(() => ({ name: h("dt"), value: h("dd") }));
  const numbers = h("dl", { class: "v2a-numbers" }, ...facts.map(({ name, value }) => h("div", {}, name, value)));
  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2b-bar" }, h("span", {}, "f = "), choice, ...buttons.map(([b]) => b), reset),
    h("div", { class: "v2b-main" }, pane(svg), h("div", {}, step.row, ...voice.elements, ...moves.map(({ row }) => row), numbers)),
    h("p", { class: "v2a-key" }, "In a box: the value, and in red, after ∂, the gradient: how fast f changes with this value. Beside a line, in purple: the local derivative by which a gradient is multiplied on its way up. Thick: what the last step has done."),
  );

  let range = 0;
  const draw = () => {
    const { expression, nodes, inputs, s } = at(), found = compute(nodes, inputs), here = known(nodes, s), total = steps(nodes);
    if (drawn !== expression) build(expression, nodes);
    const operations = nodes.length - INPUTS;
    boxes.forEach(({ value, slope, kind, group }, i) => {
      const fresh = s > 0 && (i === INPUTS + s - 1 || (i === nodes.length - 1 && s === operations + 1) || (here.now && nodes[here.now[0]].of[here.now[1]] === i));
      setAttribute(group, "class", `v2b-box v2b-${kind}${fresh ? " v2b-now" : ""}`);
      setText(value, i < here.values ? number(found.values[i]) : "");
      setText(slope, sum(found.parts[i].slice(0, here.arrived[i])));
    });
    for (const { i, j, text, group } of wires) {
      const passed = here.passed.some(([k, l]) => k === i && l === j), now = here.now && here.now[0] === i && here.now[1] === j;
      setAttribute(group, "class", `v2b-line${passed ? " v2b-passed" : ""}${now ? " v2b-now" : ""}`);
      setText(text, passed ? `× ${number(found.slopes[i][j])}` : "");
    }
    setAttribute(svg, "aria-label", `The graph of f = ${graphs[expression].name}, step ${s} of ${total}`);
    if (Number(choice.value) !== expression) choice.value = expression;
    moves.forEach(({ row, show }, i) => {
      setText(row.querySelector("label"), nodes[i].label);
      show(inputs[i], fixed(inputs[i], 2));
    });
    if (range !== total) step.row.querySelector("input").max = range = total;
    step.show(s, `${s} of ${total}`);
    facts.forEach(({ name, value }, i) => {
      setText(name, i ? `∂f/∂${nodes[i - 1].label}` : "f");
      const ready = i ? here.arrived[i - 1] > 0 : s >= operations;
      setText(value, ready ? number(i ? found.gradients[i - 1] : found.values.at(-1)) : "not yet");
    });
    for (const [element, able] of buttons) setAttribute(element, "aria-disabled", String(!able({ s, nodes })));
    const initial = start({ expression, nodes });
    reset.disabled = s === initial.step && inputs.every((x, i) => x === initial.inputs[i]);
    voice.say((reason === "input" && moved(nodes, before, inputs, s)) || sentence(nodes, inputs, s));
    reason = "";
  };
  const unwatch = watch(model, ["expression", "inputs", "step"], draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
