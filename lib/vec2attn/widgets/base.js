// What all figures share; Python puts it before each figure's own module, so that every module is free of imports.

/** Make an element: h("button", {type: "button", onclick: f}, "Reset"). Attributes by name, on… as listeners. */
export function h(tag, attributes = {}, ...children) {
  const svg = /^(svg|g|line|circle|path|rect|text|polyline|polygon|defs|marker|title)$/.test(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Call draw now and whenever one of the names changes in the model, from Python or from here; returns the undo. */
export function watch(model, names, draw) {
  const events = names.map((name) => `change:${name}`);
  let waiting = 0;
  const soon = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; draw(); }); };  // one drawing a frame
  for (const event of events) model.on(event, soon);
  draw();
  return () => {
    cancelAnimationFrame(waiting);
    for (const event of events) model.off(event, soon);
  };
}

/** Set traits and tell the kernel, where there is one. */
export function put(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** Change a text, an attribute or a style only where it differs: what stays needs no new layout. */
export function setText(element, text) {
  if (element.firstChild === null) element.textContent = text;
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Write numbers as the text does: a true minus sign, a fixed number of decimals, no "−0.00". */
export function fixed(x, decimals) {
  const digits = Math.abs(x).toFixed(decimals);
  return (x < 0 && Number(digits) !== 0 ? "−" : "") + digits;
}

/** Write a number with commas before its point: 49,152. */
export const commas = (x) => String(x).replace(/^\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ","));

/** Show the white space of a token, which begins many of them. */
export const readable = (token) => token.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥");

/** Which way an arrow key goes, as [right, up]. */
export const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Where a pointer is, in the units of a plane with its origin in the middle of the picture; half its width and height. */
export function pointIn(svg, { clientX, clientY }, wide, tall = wide) {
  const box = svg.getBoundingClientRect(), scale = (2 * wide) / box.width;
  return [(clientX - box.left) * scale - wide, tall - (clientY - box.top) * scale];
}

let ids = 0;
/** What changes at every move, in a box of its own: a browser lays it out alone, unless it is an item of a grid or a flex row. */
export function pane(...content) {
  return h("div", { class: "v2a-pane" }, ...content);
}

/** A 2×2 matrix as a table, and a function that fills it with texts, row by row. */
export function matrix2(attributes) {
  const values = [0, 1, 2, 3].map(() => h("span", { class: "v2a-value" })), row = (...two) => h("tr", {}, ...two.map((value) => h("td", {}, value)));
  const table = h("table", attributes, h("tbody", {}, row(values[0], values[1]), row(values[2], values[3])));
  return { table, fill: (texts) => values.forEach((value, i) => setText(value, texts[i])) };
}

/** A labelled slider in one row: <label>, <input type=range>, <output>. Its value text is what is read aloud. */
export function slider(label, attributes, oninput) {
  const id = `v2a-${Date.now().toString(36)}-${ids++}`;
  const input = h("input", { type: "range", id, ...attributes, oninput: () => oninput(Number(input.value)) });
  const output = h("output", { for: id, "aria-hidden": "true" });  // else each change would be announced twice
  const row = h("div", { class: "v2a-slider" }, h("label", { for: id }, label), pane(input), pane(output));
  return {
    row,
    show(value, text) {
      if (Number(input.value) !== value) input.value = value;
      setAttribute(input, "aria-valuetext", text);
      setText(output, text);
    },
  };
}

/** A line that says what has just changed: seen at once, read aloud when the hand rests. */
export function announcer() {
  const seen = h("p", { class: "v2a-said", "aria-hidden": "true" });
  const heard = h("p", { class: "v2a-hidden", role: "status" });
  let timer = 0;
  return {
    elements: [seen, heard],
    say(text) {
      setText(seen, text);
      clearTimeout(timer);
      timer = setTimeout(() => { heard.textContent = text; }, 500);
    },
    stop: () => clearTimeout(timer),
  };
}
